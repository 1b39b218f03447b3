"""`report debian`, `rpm` and `reuse`, judged by the tools that judge packages.

These are lintian, python-debian, cme, rpm, rpmbuild and reuse.
"""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.ids import ObjectId, RepoPath
from sync.judgement.findings import Presence
from sync.model.values import Pin, PinKind
from sync.report.facts import Component, Facts, Licensing, Nested, Origin
from sync.report.formats import debian, reuse, rpm
from tests.support.bundles import Bundle
from tests.support.components import COMMIT, TREE, component, concluded, rendered, text
from tests.support.git import git

MIT_TEXT = "Copyright (c) 2020 Ada\n\nPermission is granted.\n"


def needs(program: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"needs {program}, of the Debian package {package}"
    )


# debian/copyright

HEADER = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: tiny
Source: https://example.org/tiny

Files: *
Copyright: 2026 Tester <tester@example.org>
License: tiny
 Permission is granted to do anything.

"""
CONTROL = """\
Source: tiny
Section: misc
Priority: optional
Maintainer: Tester <tester@example.org>
Build-Depends: debhelper-compat (= 13)
Standards-Version: 4.6.2
Rules-Requires-Root: no

Package: tiny
Architecture: all
Depends: ${misc:Depends}
Description: carrier of mirrors
 It carries mirrors of other projects, so that the file that says
 whose they are can be judged as it would be in Debian.
"""
BINARY_CONTROL = """\
Package: tiny
Version: 1.0
Architecture: all
Maintainer: Tester <tester@example.org>
Section: misc
Priority: optional
Installed-Size: 10
Description: carrier of mirrors
 It carries mirrors of other projects, so that the file that says
 whose they are can be judged as it would be in Debian.
"""
CHANGELOG = "tiny (1.0) unstable; urgency=medium\n\n  * First.\n\n -- Tester <tester@example.org>  Fri, 02 Jan 2026 03:04:05 +0000\n"
SUPPRESSED = {
    "native-source-file-without-utf8-name",  # of files, which are upstream's own
    "no-manual-page",  # there is no program
}


def package(bundle: Bundle, stanzas: str, directory: Path) -> Path:
    """A real source package and its binary package.

    Its debian/copyright has the stanzas pasted in, and the binary package has that file.
    """
    source = directory / "tiny-1.0"
    shutil.copytree(bundle.path, source, symlinks=True)
    files = {
        "control": CONTROL,
        "changelog": CHANGELOG,
        "copyright": HEADER + stanzas,
        "rules": "#!/usr/bin/make -f\n%:\n\tdh $@\n",
        "source/format": "3.0 (native)\n",
    }
    for name, content in files.items():
        path = source / "debian" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (source / "debian/rules").chmod(0o755)
    subprocess.run(
        ["dpkg-source", "-b", "tiny-1.0"], cwd=directory, capture_output=True, check=True
    )
    documents = directory / "binary/usr/share/doc/tiny"
    documents.mkdir(parents=True)
    (documents / "copyright").write_text(HEADER + stanzas)
    (documents / "changelog.gz").write_bytes(gzip.compress(CHANGELOG.encode(), mtime=0))
    (directory / "binary/usr/share/tiny").mkdir()
    (directory / "binary/usr/share/tiny/file").write_text("content\n")
    (directory / "binary/DEBIAN").mkdir()
    (directory / "binary/DEBIAN/control").write_text(BINARY_CONTROL)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", "binary", "."],
        cwd=directory,
        capture_output=True,
        check=True,
    )
    return source


def lintian(bundle: Bundle, stanzas: str, directory: Path) -> tuple[int, list[str]]:
    """What lintian says of source and binary package.

    It gives lintian's status, and its complaints from warnings up.
    """
    package(bundle, stanzas, directory)
    suppressed = ["--suppress-tags", ",".join(sorted(SUPPRESSED))]
    root = ["--allow-root"] if os.geteuid() == 0 else []
    command = [
        "lintian",
        *root,
        "--fail-on",
        "error,warning",
        *suppressed,
        "tiny_1.0.dsc",
        "tiny_1.0_all.deb",
    ]
    ran = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    return ran.returncode, [line for line in ran.stdout.splitlines() if line[:2] in {"E:", "W:"}]


def stanzas_of(bundle: Bundle, directory: Path) -> str:
    return bundle.write("debian", directory).read_text()


def parsed(stanzas: str) -> Any:
    from debian.copyright import Copyright

    return Copyright((HEADER + stanzas).splitlines(keepends=True), strict=True)


def files_below(directory: Path) -> Iterator[str]:
    """Every file of a bundle from its root, names that are no UTF-8 with surrogates."""
    for parent, _, names in os.walk(directory):
        yield from (os.path.relpath(os.path.join(parent, name), directory) for name in names)


@needs("lintian", "lintian")
@needs("dpkg-source", "dpkg-dev")
def test_lintian_accepts_a_package_with_the_stanzas_once_unknown_licences_are_found_out(
    bundle: Bundle, tmp_path: Path
) -> None:
    found_out = stanzas_of(bundle, tmp_path).replace("License: UNKNOWN\n", "License: found-out\n")
    assert lintian(bundle, found_out, tmp_path) == (0, [])


@needs("lintian", "lintian")
@needs("dpkg-source", "dpkg-dev")
def test_lintian_sees_an_unknown_licence_and_whatever_else_is_wrong(
    nested_bundle: Bundle, tmp_path: Path
) -> None:
    stanzas = stanzas_of(nested_bundle, tmp_path)
    dead = stanzas.replace("wit/io/*", "wit/io/*\n third_party/wit/\\io/*").replace(
        "wit/clocks/*", "wit/clocks/*\n third_party/gone/*"
    )
    broken = dead.partition("License: Expat\n No text")[0]
    status, complaints = lintian(nested_bundle, broken, tmp_path)
    assert status == 2
    assert {line.split()[3] for line in complaints} >= {
        "license-problem-undefined-license",
        "invalid-escape-sequence-in-dep5-copyright",
        "missing-license-paragraph-in-dep5-copyright",
    }


@needs("cme", "cme, with libconfig-model-dpkg-perl")
def test_cme_accepts_the_stanzas_once_unknown_licences_are_found_out(
    bundle: Bundle, tmp_path: Path
) -> None:
    stanzas = stanzas_of(bundle, tmp_path)
    assert (
        _cme(stanzas.replace("License: UNKNOWN\n", "License: found-out\n"), tmp_path / "found")
        == ""
    )
    assert ("UNKNOWN" in stanzas) == ("Unknown license" in _cme(stanzas, tmp_path / "unknown"))


def _cme(stanzas: str, directory: Path) -> str:
    """The complaints of `cme check dpkg-copyright`."""
    (directory / "debian").mkdir(parents=True)
    (directory / "debian/copyright").write_text(HEADER + stanzas)
    ran = subprocess.run(
        ["cme", "check", "dpkg-copyright"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stderr + "".join(
        line for line in ran.stdout.splitlines(keepends=True) if "arning" in line or "rror" in line
    )


def test_every_file_is_found_in_the_paragraph_of_its_mirror(bundle: Bundle, tmp_path: Path) -> None:
    copyright_file = parsed(stanzas_of(bundle, tmp_path))
    components = bundle.components()
    matched = set()
    for path in files_below(bundle.path):
        found = copyright_file.find_files_paragraph(path)
        owner = next(
            (
                c
                for c in components
                for place in (*c["places"], f"third_party/licenses/{c['name']}")
                if path.startswith(f"{place}/")
            ),
            None,
        )
        if owner is None:
            assert found.files == ("*",), path
        else:
            assert (
                f"  {owner['name']} " in found.comment
                and f"  git tree {owner['tree']}\n" in found.comment
            ), path
            matched |= {
                pattern
                for pattern in found.files
                if re.match(re.escape(pattern.removesuffix("*")).replace(r"\?", "."), path)
            }
    assert matched == {
        pattern
        for paragraph in copyright_file.all_files_paragraphs()
        for pattern in paragraph.files
    } - {"*"}


def test_python_debian_sees_a_paragraph_that_lacks_something(
    nested_bundle: Bundle, tmp_path: Path
) -> None:
    from debian.copyright import MachineReadableFormatError

    with pytest.raises(MachineReadableFormatError):
        parsed(stanzas_of(nested_bundle, tmp_path).replace("Copyright:", "X-Whose:", 1))


def test_the_stanzas_of_a_bundle_in_full(nested_bundle: Bundle, tmp_path: Path) -> None:
    stanzas = stanzas_of(nested_bundle, tmp_path)
    io, clocks, http = nested_bundle.components()
    assert stanzas.startswith(f"""\
Files:
 third_party/wit/io/*
 third_party/licenses/io/*
Copyright: not stated by https://github.com/WebAssembly/wasi-io
License: Apache-2.0 with LLVM exception
Comment:
 An unmodified copy of wit of https://github.com/WebAssembly/wasi-io:
   io 0.2.0
   tag v0.2.0
   commit {io["upstream"]["commit"]}
   git tree {io["tree"]}
   Debian version 0.2.0
   supplier WebAssembly Community Group
 .
 Declared licence: Apache-2.0 WITH LLVM-exception (third_party/licenses/io/LICENSE.md, known by its blob id {io["licensing"]["texts"][0]["blob"]}).
 No licence file that covers it says whose copyright it is.

Files:
 third_party/wit/clocks/*
 third_party/licenses/clocks/*
Copyright: 2024 the Contributors to Nowhere
License: Apache-2.0 or Expat
Comment:
 An unmodified copy of wit of https://github.com/WebAssembly/wasi-clocks:
   clocks 0.2.0
   tag v0.2.0
   commit {clocks["upstream"]["commit"]}
   git tree {clocks["tree"]}
   Debian version 0.2.0
   supplier WebAssembly Community Group
 .
 Declared licence: unknown (the text of third_party/licenses/clocks/COPYING is not known).
 Concluded licence: Apache-2.0 OR MIT.
 .
 third_party/licenses/clocks/COPYING says:
 .
 Copyright © 2024 the Contributors to Nowhere, published
 by nobody under no known licence.
 .
 It holds copies of others:
   deps/io: io v0.2.0 at {io["upstream"]["commit"][:12]}, file by file, licence there Apache-2.0 WITH LLVM-exception (declared)

Files: third_party/wit/http/*
Copyright: not stated by https://github.com/WebAssembly/wasi-http
License: UNKNOWN
 Upstream ships no licence file that covers it.
Comment:
 An unmodified copy of wit of https://github.com/WebAssembly/wasi-http:
   http 0.3.0-rc-2025-09-16
   tag v0.3.0-rc-2025-09-16
   commit {http["upstream"]["commit"]}
   git tree {http["tree"]}
   Debian version 0.3.0~rc20250916
   supplier WebAssembly Community Group
 .
 Declared licence: unknown (upstream ships no licence file that covers it).
 No licence file that covers it says whose copyright it is.
 To do: find out the licence, and write its short name in place of UNKNOWN.
 .
 It holds copies of others:
   deps/clocks: clocks v0.2.0 at {clocks["upstream"]["commit"][:12]}, file by file, licence there Apache-2.0 OR MIT (concluded; declared: unknown)
   deps/io: io v0.2.0 at {io["upstream"]["commit"][:12]}, licence there Apache-2.0 WITH LLVM-exception (declared)
   deps/random: no origin found

License: Apache-2.0 with LLVM exception
 On Debian systems, its full text is in
 /usr/share/common-licenses/Apache-2.0.
 .
 --- LLVM Exceptions to the Apache 2.0 License ----
 .
 As an exception, if, as a result of your compiling your source code, portions
""")
    assert stanzas.endswith("""\
License: Apache-2.0
 On Debian systems, its full text is in
 /usr/share/common-licenses/Apache-2.0.

License: Expat
 No text of it is in this source: put it here.
""")


def without_io(bundle: Bundle, presence: str) -> Bundle:
    """The bundle with io's files taken out.

    A distribution took them out, or they were never checked in.
    """
    if presence == "absent":
        bundle.write_manifest(
            lambda manifest: manifest.replace(
                '[mirrors."io"]\n', '[mirrors."io"]\nchecked-in = false\n'
            )
        )
        shutil.rmtree(bundle.third_party / "licenses/io")
    shutil.rmtree(bundle.third_party / "wit/io")
    return bundle


@pytest.mark.parametrize("presence", ["removed", "absent"])
def test_what_is_not_here_has_no_paragraph_but_is_said(
    nested_bundle: Bundle, tmp_path: Path, presence: str
) -> None:
    first, *others = parsed(
        stanzas_of(without_io(nested_bundle, presence), tmp_path)
    ).all_files_paragraphs()
    assert first.files == ("*",)
    assert [paragraph.files[0] for paragraph in others] == [
        "third_party/wit/clocks/*",
        "third_party/wit/http/*",
    ]
    said = f"\n .\n Other mirrors of the project are not in this source:\n   io 0.2.0, {presence}: third_party/wit/io"
    assert [said in f"{paragraph.comment}" for paragraph in others] == [True, False]


PATTERNS = {
    "plain/er": "third_party/plain/er/*",
    "a b": "third_party/a?b/*",
    "a\u00a0b\u2028c": "third_party/a?b?c/*",
    "a*b?": r"third_party/a\*b\?/*",
    "[x],#'\"": "third_party/[x],#'\"/*",
    "日本": "third_party/日本/*",
}


@pytest.mark.parametrize(("into", "pattern"), PATTERNS.items(), ids=map(ascii, PATTERNS))
def test_a_pattern_matches_the_files_of_its_mirror_whatever_its_name(
    into: str, pattern: str
) -> None:
    found = parsed(rendered(debian, component(places=(f"third_party/{into}",))))
    (_, paragraph) = found.all_files_paragraphs()
    assert paragraph.files == (pattern,)
    assert paragraph.matches(f"third_party/{into}/deep/.file") and not paragraph.matches(
        f"third_party/{into}x/file"
    )


@pytest.mark.parametrize(
    "order", [("a b", "axb", "a bxc", "axbxc"), ("axbxc", "a bxc", "axb", "a b")]
)
def test_a_pattern_for_a_blank_takes_no_files_from_other_mirrors(order: tuple[str, ...]) -> None:
    found = parsed(
        rendered(
            debian,
            *(
                component(f"m{at}", places=(f"third_party/{into}",))
                for at, into in enumerate(order)
            ),
        )
    )
    for at, into in enumerate(order):
        assert f"  m{at} 1.2" in found.find_files_paragraph(f"third_party/{into}/file").comment


PLACES = ("crates/gone/one", "deps/one", "third_party/one")
"""Of a mirror that lies outside of third_party/ too; the first of them is not here."""


def test_a_paragraph_has_the_pattern_of_each_place_that_is_here() -> None:
    (_, paragraph) = parsed(
        rendered(debian, component(places=PLACES, not_here=PLACES[:1]))
    ).all_files_paragraphs()
    assert paragraph.files == ("deps/one/*", "third_party/one/*")
    assert "\n   not in this source: crates/gone/one\n" in paragraph.comment


def test_places_with_blanks_take_no_files_from_each_others_mirrors() -> None:
    places = [("deps/p q", "deps/z-w"), ("deps/p-q", "deps/z w")]
    found = parsed(
        rendered(debian, *(component(f"m{at}", places=own) for at, own in enumerate(places)))
    )
    for at, own in enumerate(places):
        for place in own:
            assert f"  m{at} 1.2" in found.find_files_paragraph(f"{place}/file").comment


SHORT_NAMES = {
    "MIT": "Expat",
    "ISC": "ISC",
    "BSD-3-Clause": "BSD-3-clause",
    "Apache-2.0": "Apache-2.0",
    "GPL-2.0-only": "GPL-2",
    "GPL-2.0-or-later": "GPL-2+",
    "LGPL-2.1-or-later": "LGPL-2.1+",
    "LGPL-3.0-only": "LGPL-3",
    "AGPL-3.0-or-later": "AGPL-3+",
    "GFDL-1.3-or-later": "GFDL-1.3+",
    "GFDL-1.3-no-invariants-only": "GFDL-NIV-1.3",
    "GFDL-1.2-invariants-only": "GFDL-1.2-invariants-only",
    "Artistic-1.0-Perl": "Artistic",
    "Apache-2.0 WITH LLVM-exception": "Apache-2.0 with LLVM exception",
    "GPL-2.0-or-later WITH Classpath-exception-2.0": "GPL-2+ with Classpath-2.0 exception",
    "GPL-2.0-only WITH Linux-syscall-note": "GPL-2 with Linux-syscall-note exception",
    "LicenseRef-scancode-w3c-community-cla": "LicenseRef-scancode-w3c-community-cla",
    "MIT OR Apache-2.0 WITH LLVM-exception": "Expat or Apache-2.0 with LLVM exception",
    "MIT AND ISC OR Zlib": "Expat and ISC or Zlib",
    "MIT AND (ISC OR Zlib)": "Expat, and ISC or Zlib",
    "(MIT OR GPL-2.0-only) AND (ISC OR Zlib) AND 0BSD": "Expat or GPL-2, and ISC or Zlib, and 0BSD",
    "(MIT OR ISC) OR Zlib": "Expat or ISC or Zlib",
    "0BSD OR (ISC AND (MIT OR Zlib))": "0BSD or ISC and Expat or ISC and Zlib",
}


def license_of(licensing: Licensing) -> tuple[str, dict[str, str]]:
    """What the Files paragraph says, and the text of each License paragraph."""
    found = parsed(rendered(debian, component(licensing=licensing)))
    (_, paragraph) = found.all_files_paragraphs()
    return paragraph.license.synopsis, {
        p.license.synopsis: p.license.text for p in found.all_license_paragraphs()
    }


@pytest.mark.parametrize(("spdx", "short_name"), SHORT_NAMES.items())
def test_licences_have_their_names_in_debian(spdx: str, short_name: str) -> None:
    said, paragraphs = license_of(concluded(spdx))
    assert said == short_name
    assert set(re.split(r",? (?:and|or) ", said)) == set(paragraphs)


EXPRESSIONS = st.recursive(
    st.sampled_from(["MIT", "ISC", "Zlib", "0BSD"]),
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "OR"]), inner),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None)
@given(EXPRESSIONS)
def test_an_expression_keeps_its_meaning_without_parentheses(spdx: str) -> None:
    """`and` before `or`, but last after a comma: copyright-format 1.0, "License specification"."""
    said = (
        debian.render(Facts((component(licensing=concluded(spdx)),), 0))
        .decode()
        .partition("License: ")[2]
        .partition("\n")[0]
    )
    ids = {"MIT": "Expat", "ISC": "ISC", "Zlib": "Zlib", "0BSD": "0BSD"}
    for values in product([False, True], repeat=4):
        holds = dict(zip(ids.values(), values, strict=True))
        truths = {spdx_id: str(holds[name]) for spdx_id, name in ids.items()}
        as_debian = all(
            any(all(holds[name] for name in term.split(" and ")) for term in clause.split(" or "))
            for clause in said.split(", and ")
        )
        python = re.sub(r"MIT|ISC|Zlib|0BSD", r"{\g<0>}", spdx).format_map(truths)
        expected = eval(python.replace("AND", "and").replace("OR", "or"))
        assert as_debian == expected, said


@pytest.mark.parametrize(
    ("spdx", "said"),
    [
        ("GPL-2.0-only", "/usr/share/common-licenses/GPL-2."),
        ("GPL-2.0-or-later", "/usr/share/common-licenses/GPL-2, or it is any later version."),
        (
            "GFDL-1.3-no-invariants-or-later",
            "/usr/share/common-licenses/GFDL-1.3, or it is any later version.",
        ),
        ("Artistic-1.0-Perl", "/usr/share/common-licenses/Artistic."),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "/usr/share/common-licenses/GPL-2.\n\nNo text of the exception is in this source: put it here.",
        ),
    ],
)
def test_a_licence_that_debian_ships_is_referred_to(spdx: str, said: str) -> None:
    (paragraph,) = license_of(concluded(spdx))[1].values()
    assert paragraph == f"On Debian systems, its full text is in\n{said}"


def test_an_exception_is_quoted_from_where_it_begins_or_with_all_that_is_there() -> None:
    spdx = "Apache-2.0 WITH LLVM-exception"
    for content in ("--- LLVM Exceptions ---\nYou may.", "You may, after all."):
        (paragraph,) = license_of(
            concluded(spdx, text(("Long.\n" if "LLVM" in content else "") + content, spdx))
        )[1].values()
        assert (
            paragraph
            == f"On Debian systems, its full text is in\n/usr/share/common-licenses/Apache-2.0.\n\n{content}"
        )


def test_a_text_of_a_concluded_licence_is_quoted_without_whose_it_is() -> None:
    lines = ("Copyright (c) 2020 Ada",)
    assert license_of(concluded("MIT", text(MIT_TEXT), copyright_lines=lines)) == (
        "Expat",
        {"Expat": "Permission is granted."},
    )


def test_texts_of_one_licence_that_differ_are_all_quoted_in_one_paragraph_and_equal_ones_once() -> (
    None
):
    mirrors = [
        component(
            name,
            licensing=concluded(
                "MIT",
                text(content, path=f"third_party/licenses/{name}/LICENSE"),
                copyright_lines=[whose],
            ),
        )
        for name, content, whose in [
            ("one", "Copyright 2020 Ada\n\nDo it.", "Copyright 2020 Ada"),
            ("two", "Copyright 2021 Bo\n\nDo it.\n", "Copyright 2021 Bo"),
            ("three", "Copyright 2021 Bo\n\nDo it well.\n.\n\ttab\n", "Copyright 2021 Bo"),
        ]
    ]
    paragraph = rendered(debian, *mirrors).rpartition("\n\n")[2]
    assert (
        paragraph
        == """\
License: Expat
 As in third_party/licenses/one/LICENSE:
 .
 Do it.
 .
 As in third_party/licenses/three/LICENSE:
 .
 Do it well.
 .
         tab
"""
    )


def test_the_text_of_an_unknown_licence_is_there_to_be_read() -> None:
    licensing = Licensing(
        None, "the text is not known", None, None, (text("Do as\n\nyou like\n"),), ()
    )
    assert "\nLicense: UNKNOWN\n Do as\n .\n you like\nComment:" in rendered(
        debian, component(licensing=licensing)
    )


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("v0.2.0-draft+505fc98", "0.2.0~draft+505fc98"),
        ("v1_2_3", "1.2.3"),
        ("日本", "0~git20240910.1111111, by date and commit: Debian cannot say 日本"),
        (None, "0~git20240910.1111111, by date and commit: it is pinned by commit"),
    ],
)
def test_the_version_is_said_as_debian_would(tag: str | None, said: str) -> None:
    assert f"\n   Debian version {said}\n" in rendered(debian, component(pinned=tag))


# an rpm spec file

SPEC = """Name: tiny
Version: 1
Release: 1
Summary: carrier of mirrors
License: MIT
BuildArch: noarch

{}
%description
It carries mirrors of other projects.

%files
"""


def spec_file(lines: str, directory: Path) -> Path:
    path = directory / "tiny.spec"
    path.write_text(SPEC.format(lines))
    return path


def rpmspec(lines: str, directory: Path) -> tuple[int, str, str]:
    """What rpm's parser makes of a spec file with the lines.

    It gives the status, the spec as rpm understood it, and the complaints.
    """
    command = ["rpmspec", "-P", str(spec_file(lines, directory))]
    ran = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout, ran.stderr


def without_comments(lines: str) -> str:
    return re.sub(r"^#.*$", "", lines, flags=re.MULTILINE)


def provides_of(lines: str) -> list[str]:
    return [
        line.removeprefix("Provides: ")
        for line in lines.splitlines()
        if line.startswith("Provides: ")
    ]


@needs("rpmspec", "rpm")
def test_rpm_reads_the_lines_as_they_are(bundle: Bundle, tmp_path: Path) -> None:
    lines = bundle.write("rpm", tmp_path).read_text()
    assert rpmspec(lines, tmp_path) == (0, SPEC.format(without_comments(lines)), "")


@needs("rpmbuild", "rpm")
def test_a_built_package_provides_what_it_bundles(bundle: Bundle, tmp_path: Path) -> None:
    lines = bundle.write("rpm", tmp_path).read_text()
    command = [
        "rpmbuild",
        "-bb",
        "--define",
        f"_topdir {tmp_path}/top",
        str(spec_file(lines, tmp_path)),
    ]
    subprocess.run(command, capture_output=True, check=True)
    command = ["rpm", "-qp", "--provides", str(tmp_path / "top/RPMS/noarch/tiny-1-1.noarch.rpm")]
    provided = subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    bundled = [line for line in provided if line.startswith("bundled(")]
    assert sorted(bundled) == sorted(provides_of(lines))
    assert {f"bundled({c['name']}) = {c['version']['rpm']}" for c in bundle.components()} <= set(
        bundled
    )


@needs("rpmspec", "rpm")
def test_rpm_refuses_the_tag_as_it_is(nested_bundle: Bundle, tmp_path: Path) -> None:
    lines = nested_bundle.write("rpm", tmp_path).read_text()
    status, _, complaints = rpmspec(
        lines.replace("0.3.0~rc20250916", "0.3.0-rc-2025-09-16"), tmp_path
    )
    assert status != 0
    assert "Invalid version" in complaints


def test_the_lines_of_a_bundle_in_full(nested_bundle: Bundle, tmp_path: Path) -> None:
    io, clocks, http = (component["upstream"]["commit"] for component in nested_bundle.components())
    assert (
        nested_bundle.write("rpm", tmp_path).read_text()
        == f"""\
# What this package bundles, for the preamble of its spec file; by third_party/provenance, verified.
# wasi-io 0.2.0, wasi-clocks 0.2.0, wasi-http 0.3.0-rc-2025-09-16: all 3 are unmodified copies, as recorded.

# io 0.2.0: unmodified copy, in third_party/wit/io
#   URL: https://github.com/WebAssembly/wasi-io
#   directory: wit
#   tag: v0.2.0
#   commit: {io}
# copy inside clocks, in third_party/wit/clocks/deps/io: same files as io at commit {io}
#   URL: https://github.com/WebAssembly/wasi-io
#   tag: v0.2.0
# copy inside http, in third_party/wit/http/deps/io: same tree as io at commit {io}
#   URL: https://github.com/WebAssembly/wasi-io
#   tag: v0.2.0
Provides: bundled(io) = 0.2.0

# clocks 0.2.0: unmodified copy, in third_party/wit/clocks
#   URL: https://github.com/WebAssembly/wasi-clocks
#   directory: wit
#   tag: v0.2.0
#   commit: {clocks}
# copy inside http, in third_party/wit/http/deps/clocks: same files as clocks at commit {clocks}
#   URL: https://github.com/WebAssembly/wasi-clocks
#   tag: v0.2.0
Provides: bundled(clocks) = 0.2.0

# http 0.3.0-rc-2025-09-16: unmodified copy, in third_party/wit/http
#   URL: https://github.com/WebAssembly/wasi-http
#   directory: wit
#   tag: v0.3.0-rc-2025-09-16
#   commit: {http}
Provides: bundled(http) = 0.3.0~rc20250916

# copy inside http, in third_party/wit/http/deps/random: no origin found, so no version; git tree e033e5d9a876419a761b61b3093d6740c26caced
Provides: bundled(random)

# For the License: tag, where these files go into the package:
#   Apache-2.0 WITH LLVM-exception (declared): io
#   Apache-2.0 OR MIT (concluded; declared: unknown): clocks
#   unknown: http
#   together: (Apache-2.0 OR MIT) AND Apache-2.0 WITH LLVM-exception AND unknown
"""
    )


@pytest.mark.parametrize("presence", ["removed", "absent"])
def test_what_is_not_here_is_bundled_only_inside_others(
    nested_bundle: Bundle, tmp_path: Path, presence: str
) -> None:
    lines = without_io(nested_bundle, presence).write("rpm", tmp_path).read_text()
    assert provides_of(lines) == [
        "bundled(clocks) = 0.2.0",
        "bundled(io) = 0.2.0",
        "bundled(http) = 0.3.0~rc20250916",
        "bundled(random)",
    ]
    assert lines.endswith(
        f"# Recorded, but not here and not bundled:\n#   {presence}: io (0.2.0), third_party/wit/io\n"
    )
    assert "unmodified copy, in third_party/wit/io" not in lines


def test_a_version_that_rpm_cannot_say_is_date_and_commit_and_said() -> None:
    lines = rendered(rpm, component(pinned="日本"), component("pinned", pinned=None))
    assert (
        "#   version by date and commit: rpm cannot say the version 日本\nProvides: bundled(one) = 0~git20240910.1111111\n"
        in lines
    )
    assert (
        "#   version by date and commit: it is pinned by commit\nProvides: bundled(pinned) = 0~git20240910.1111111\n"
        in lines
    )


def test_a_comment_names_each_place_of_a_mirror_and_of_a_copy_inside_it() -> None:
    nested = Nested(RepoPath(b"deps/x"), TREE, (RepoPath(b"deps/x/a"),), None)
    lines = rendered(rpm, component(places=PLACES, not_here=PLACES[:1], nested=(nested,)))
    assert "copy, in deps/one, third_party/one; removed: crates/gone/one\n" in lines
    assert "# copy inside one, in deps/one/deps/x, third_party/one/deps/x: no origin found" in lines
    assert lines.count("\nProvides: bundled(one)") == 1
    gone = rendered(rpm, component("here"), component(places=PLACES, presence=Presence.REMOVED))
    assert gone.endswith(f"#   removed: one (1.2), {', '.join(PLACES)}\n")


# REUSE.toml

OWN = """version = 1

[[annotations]]
path = [".gitattributes", "third_party/mirrors.toml", "third_party/.gitattributes", "third_party/.gitignore", "third_party/provenance/**"]
SPDX-FileCopyrightText = "2026 Tester"
SPDX-License-Identifier = "CC0-1.0"

"""


def reuse_lint(
    bundle: Bundle, annotations: str, directory: Path, without: str | None = None
) -> dict:
    """What `reuse lint` says of a repository of the bundle.

    Its LICENSES are filled as the comments say.
    """
    root = directory / "repository"
    shutil.copytree(bundle.path, root, symlinks=True)
    for path in filter(os.path.lexists, map(root.joinpath, files_below(root))):
        if not str(path).isprintable():  # a name that is no UTF-8, which reuse cannot read
            path.unlink()
    (root / "REUSE.toml").write_text(OWN + annotations)
    (root / "LICENSES").mkdir()
    (root / "LICENSES/CC0-1.0.txt").write_text("CC0\n")
    for name, where in re.findall(r"^#   (\S+\.txt): (.*)$", annotations, re.MULTILINE):
        if name != without:
            copied = (
                (root / where.removeprefix("copy ")).read_text()
                if where.startswith("copy ")
                else where
            )
            (root / "LICENSES" / name).write_text(copied)
    git(root, "init", "--quiet")
    git(root, "add", "--all", "--force")
    program = Path(sys.executable).with_name("reuse")
    ran = subprocess.run(
        [program, "--root", ".", "lint", "--json"], cwd=root, capture_output=True, check=False
    )
    said = json.loads(ran.stdout)
    assert said["summary"]["compliant"] == (ran.returncode == 0)
    return said


needs_reuse = pytest.mark.skipif(
    not Path(sys.executable).with_name("reuse").exists(), reason="needs the Python package reuse"
)


@needs_reuse
def test_reuse_accepts_a_repository_with_the_annotations_but_for_unknown_licences(
    bundle: Bundle, tmp_path: Path
) -> None:
    said = reuse_lint(bundle, bundle.write("reuse", tmp_path).read_text(), tmp_path)
    unknown = {
        place
        for c in bundle.components()
        for place in c["places"]
        if not (c["licensing"]["declared"] or c["licensing"]["concluded"])
    }
    lacking = {path for paths in said["non_compliant"].values() for path in paths}
    assert {
        next((p for p in unknown if path.startswith(f"{p}/")), path) for path in lacking
    } == unknown
    assert said["summary"]["compliant"] == (not unknown)


@needs_reuse
@pytest.mark.parametrize("change", ["a text is missing", "an annotation is missing"])
def test_reuse_sees_what_is_missing(torture_bundle: Bundle, tmp_path: Path, change: str) -> None:
    annotations = torture_bundle.write("reuse", tmp_path).read_text()
    if change == "a text is missing":
        said = reuse_lint(torture_bundle, annotations, tmp_path, without="LLVM-exception.txt")
        assert list(said["non_compliant"]["missing_licenses"]) == ["LLVM-exception"]
    else:
        said = reuse_lint(
            torture_bundle,
            annotations.replace("third_party/deep/part/**", "third_party/deep/other/**"),
            tmp_path,
        )
        assert "third_party/deep/part/script.sh" in said["non_compliant"]["missing_licensing_info"]


def test_the_annotations_of_a_bundle_in_full(nested_bundle: Bundle, tmp_path: Path) -> None:
    assert (
        nested_bundle.write("reuse", tmp_path).read_text()
        == """\
# For REUSE.toml in the root of the project, after its `version = 1`; by third_party/provenance, verified.
# Precedence is `closest`: what an upstream file says of itself is more exact than what is said of all.
# wasi-io 0.2.0, wasi-clocks 0.2.0, wasi-http 0.3.0-rc-2025-09-16: all 3 are unmodified copies, as recorded.

# LICENSES/ has to hold:
#   Apache-2.0.txt: in third_party/licenses/io/LICENSE.md, with the text of Apache-2.0 WITH LLVM-exception
#   LLVM-exception.txt: in third_party/licenses/io/LICENSE.md, with the text of Apache-2.0 WITH LLVM-exception
#   MIT.txt: no text of it is here; `reuse download MIT` gets it

# io 0.2.0, unmodified; licence: Apache-2.0 WITH LLVM-exception (declared)
[[annotations]]
path = ["third_party/wit/io/**", "third_party/licenses/io/**"]
precedence = "closest"
SPDX-FileCopyrightText = ["NOASSERTION"]
SPDX-License-Identifier = "Apache-2.0 WITH LLVM-exception"

# clocks 0.2.0, unmodified; licence: Apache-2.0 OR MIT (concluded; declared: unknown)
[[annotations]]
path = ["third_party/wit/clocks/**", "third_party/licenses/clocks/**"]
precedence = "closest"
SPDX-FileCopyrightText = ["Copyright © 2024 the Contributors to Nowhere"]
SPDX-License-Identifier = "Apache-2.0 OR MIT"

# http 0.3.0-rc-2025-09-16, unmodified; licence: unknown
#   upstream ships no licence file that covers it; not annotated: third_party/wit/http
"""
    )


@pytest.mark.parametrize("presence", ["removed", "absent"])
def test_what_is_not_here_is_not_annotated_but_said(
    nested_bundle: Bundle, tmp_path: Path, presence: str
) -> None:
    annotations = without_io(nested_bundle, presence).write("reuse", tmp_path).read_text()
    assert [item["path"][0] for item in tomllib.loads(annotations)["annotations"]] == [
        "third_party/wit/clocks/**"
    ]
    assert annotations.endswith(
        f"# Recorded, but not here:\n#   {presence}: io (0.2.0), third_party/wit/io\n"
    )


@needs_reuse
def test_an_annotation_covers_each_place_that_is_here() -> None:
    licensing = concluded("MIT")
    lines = rendered(reuse, component(places=PLACES, not_here=PLACES[:1], licensing=licensing))
    (item,) = tomllib.loads(lines)["annotations"]
    assert item["path"] == ["deps/one/**", "third_party/one/**"]
    assert "\n#   removed: crates/gone/one\n[[annotations]]\n" in lines
    unknown = rendered(reuse, component(places=PLACES, not_here=PLACES[:1]))
    assert "; not annotated: deps/one, third_party/one; removed: crates/gone/one\n" in unknown


@pytest.mark.parametrize("into", PATTERNS, ids=map(ascii, PATTERNS))
def test_a_glob_matches_the_files_of_its_mirror_whatever_its_name(into: str) -> None:
    from reuse.global_licensing import ReuseTOML

    annotations = ReuseTOML.from_toml(
        OWN
        + rendered(reuse, component(places=(f"third_party/{into}",), licensing=concluded("MIT"))),
        "REUSE.toml",
    )
    item = annotations.find_annotations_item(f"third_party/{into}/deep/.file")
    assert item and [str(expression) for expression in item.spdx_expressions] == ["MIT"]
    assert annotations.find_annotations_item(f"third_party/{into}x/file") is None


# words from outside

HOSTILE = "x\n\nFiles: *\n.\r\x1b[31m\u2028\u202e\x85%{lua:print(1)}%(touch pwned)%define z \\\nProvides: pwned\n[[annotations]]\n\"'\\"


@pytest.fixture
def hostile() -> tuple[Component, Component]:
    """A mirror about which everything that comes from outside tries to be something else.

    Another mirror is removed.
    """
    licensing = Licensing(
        None,
        HOSTILE,
        "MIT OR ISC",
        HOSTILE,
        (text(HOSTILE, path=HOSTILE),),
        (f"Copyright 2020 {HOSTILE}", f"© 2021 {HOSTILE}"),
    )
    name = b"%(id)\n\xff " + HOSTILE.encode()
    nested = [
        Nested(RepoPath(b"deps/" + name), TREE, (), None),
        Nested(
            RepoPath(b"deps/io"),
            TREE,
            (),
            Origin(
                "other", HOSTILE, Pin(PinKind.TAG, HOSTILE), COMMIT, RepoPath(name), same_tree=True
            ),
        ),
    ]
    plain = component(
        pinned=HOSTILE,
        description=HOSTILE,
        supplier=HOSTILE,
        url=HOSTILE,
        places=(f"third_party/a{HOSTILE}",),
        source=RepoPath(name),
    )
    other = component(
        "other", pinned=HOSTILE, presence=Presence.REMOVED, places=(f"third_party/{HOSTILE}",)
    )
    return replace(plain, licensing=licensing, nested=tuple(nested)), other


@pytest.mark.parametrize("report", [debian, rpm, reuse])
def test_nothing_from_outside_is_invisible_or_a_line_of_its_own(
    report: object, hostile: tuple[Component, Component]
) -> None:
    lines = rendered(report, *hostile)
    assert not {
        c for c in lines if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    }
    assert not re.search(
        r"^(Files: \*|Provides: pwned|\[\[annotations\]\]\\n|\S*\[31m)",
        lines.replace("[[annotations]]\n", "", 1),
        re.MULTILINE,
    )


def test_nothing_from_outside_makes_a_paragraph_of_its_own(
    hostile: tuple[Component, Component],
) -> None:
    found = parsed(rendered(debian, *hostile))
    files, licenses = list(found.all_files_paragraphs()), list(found.all_license_paragraphs())
    assert (len(files), [paragraph.license.synopsis for paragraph in licenses]) == (
        2,
        ["Expat", "ISC"],
    )
    assert [list(map(str, paragraph)) for paragraph in files] == [
        ["Files", "Copyright", "License"],
        ["Files", "Copyright", "License", "Comment"],
    ]


@needs("rpmspec", "rpm")
def test_nothing_from_outside_is_a_macro_or_a_tag(
    hostile: tuple[Component, Component], tmp_path: Path
) -> None:
    lines = rendered(rpm, *hostile)
    assert rpmspec(lines, tmp_path) == (0, SPEC.format(without_comments(lines)), "")
    assert not list(tmp_path.rglob("pwned"))
    first, nested, last = provides_of(lines)
    assert (first, last) == (
        "bundled(one) = 0~git20240910.1111111",
        "bundled(other) = 0~git20240910.1111111",
    )
    assert re.fullmatch(r"bundled\([A-Za-z0-9._+-]+\)", nested)


def test_nothing_from_outside_is_toml(hostile: tuple[Component, Component]) -> None:
    (item,) = tomllib.loads(rendered(reuse, *hostile))["annotations"]
    assert item["path"] == [
        "third_party/a" + HOSTILE.replace("\\", "\\\\").replace("*", "\\*") + "/**"
    ]
    assert item["SPDX-License-Identifier"] == "MIT OR ISC"
    assert len(item["SPDX-FileCopyrightText"]) == 2


@pytest.mark.parametrize(
    "whose",
    ["Copyright 2019-present Ada", "© 2010, 99999 Bo", "(c) 2001 -2003 C", "Copyright (C) 2020-"],
)
@needs_reuse
def test_reuse_reads_odd_copyright_lines(whose: str) -> None:
    from reuse.global_licensing import ReuseTOML

    lines = rendered(reuse, component(licensing=concluded("MIT", copyright_lines=[whose])))
    assert ReuseTOML.from_toml(OWN + lines, "REUSE.toml").annotations[1].copyright_notices


# files that only name a licence, and mirrors of a part


NOTICE = replace(text("Under the CLA, see elsewhere.\n", "LicenseRef-cla"), is_notice=True)
NAMED = Licensing("LicenseRef-cla", "known", None, None, (NOTICE,), ())


def test_a_notice_is_quoted_and_the_licence_itself_is_asked_for() -> None:
    stanzas = rendered(debian, component(licensing=NAMED))
    to_do = " To do: this names the licence and is not its text, which Policy 12.5 wants here.\n"
    assert stanzas.endswith(f"License: LicenseRef-cla\n Under the CLA, see elsewhere.\n .\n{to_do}")
    wanted = "#   LicenseRef-cla.txt: its text is not here; third_party/licenses/one/LICENSE only names it\n"
    assert wanted in rendered(reuse, component(licensing=NAMED))
    common = replace(NOTICE, expression="Apache-2.0")
    stanzas = rendered(
        debian, component(licensing=replace(NAMED, declared="Apache-2.0", texts=(common,)))
    )
    assert stanzas.endswith(
        "License: Apache-2.0\n On Debian systems, its full text is in\n /usr/share/common-licenses/Apache-2.0.\n"
    )


def test_of_a_part_it_is_said_which_part_of_what() -> None:
    part = component(
        include=("/wit/",), exclude=("deps/", "*.md"), upstream_tree=ObjectId("5" * 40)
    )
    assert (
        f"selected from upstream's git tree {'5' * 40}: include /wit/; exclude deps/, *.md\n"
        in rendered(debian, part)
    )
    assert (
        "# one 1.2: unmodified copy of a selection (include /wit/; exclude deps/, *.md), in third_party/one\n"
        in rendered(rpm, part)
    )
