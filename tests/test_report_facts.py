"""What reports say is right, and words from outside stay words.

It is about declared and concluded licences, copies inside copies, versions and links.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from sync.ids import ObjectId, RepoPath
from sync.manifest.license_expressions import ExpressionError, parse_expression
from sync.model.values import Pin, PinKind
from sync.record.json_file import parse_record
from sync.record.record import Record
from sync.report.links import directory_page, file_page, repository_url
from sync.report.records_inside import NOTHING_INSIDE, inner_records
from sync.report.versions import version_of
from tests.support.bundles import LICENSE, NOTICE, Bundle
from tests.support.git import git_bytes
from tests.support.hosts import Host, Key, mirror
from tests.support.project import ROOT
from tests.support.upstreams import Content, Upstream

COMMIT = ObjectId("0123456789abcdef0123456789abcdef01234567")
MIT = b"""Copyright (c) 2020 Somebody <s@example.org>

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to
the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY
CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def licensing(
    host: Host, upstream: Upstream, files: Mapping[str, bytes], **keys: str | list[str]
) -> dict:
    """What is reported of one mirror of these files."""
    upstream.release("v1", files)
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, **keys))
    host.sync()
    return host.run("report", "json").json["components"][0]["licensing"]


# declared


@pytest.mark.parametrize(
    ("keys", "text", "others"),
    [
        ({}, "crates/up/LICENSE", ["crates/up/src/COPYING", "crates/up/LICENCE-link"]),
        ({"include": ["/src/"]}, "third_party/licenses/up/LICENSE", ["crates/up/src/COPYING"]),
    ],
    ids=["inside", "beside"],
)
def test_the_licence_of_a_copy_outside_third_party_is_found_inside_it_or_beside_its_record(
    host: Host, upstream: Upstream, keys: dict[str, Key], text: str, others: list[str]
) -> None:
    files: dict[str, Content] = {"LICENSE": LICENSE, "src/a.c": b"", "src/COPYING": b"others'\n"}
    upstream.release("v1", {**files, "LICENCE-link": ("120000", b"LICENSE")})
    into = ["/crates/up", "/deps/up"]
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, into=into, **keys))
    host.sync()
    said = host.run("report", "json").json["components"][0]["licensing"]
    assert said["declared"] == "Apache-2.0 WITH LLVM-exception"
    assert [one["path"] for one in said["texts"]] == [text]
    for other in others:
        assert said["declared_comment"].count(other) == 1
    assert "deps/up" not in said["declared_comment"]


def test_the_licence_inside_is_read_in_a_place_that_is_here(
    torture_bundle: Bundle,
) -> None:
    shutil.rmtree(torture_bundle.path / "crates")
    torture, _ = torture_bundle.components()
    (text,) = torture["licensing"]["texts"]
    assert (text["path"], text["expression"]) == (
        "third_party/torture/LICENSE",
        "Apache-2.0 WITH LLVM-exception",
    )
    torture_bundle.report("spdx")


def test_a_text_that_is_known_by_its_blob_id_declares_a_licence(
    host: Host, upstream: Upstream
) -> None:
    found = licensing(host, upstream, {"LICENSE": LICENSE, "wit/a.wit": b"a\n"}, from_="wit")
    assert found["declared"] == "Apache-2.0 WITH LLVM-exception"
    assert (
        found["declared_comment"]
        == "third_party/licenses/up/LICENSE, known by its blob id 1e5baaeae4c96e0783778482b4056b51e23dcc14"
    )
    assert (found["concluded"], found["concluded_comment"]) == (None, None)


@pytest.mark.parametrize(
    "added", [b"\n", b"Except on Sundays, and never for profit of any kind.\n"]
)
def test_a_text_that_nobody_knows_exactly_is_unknown(
    host: Host, upstream: Upstream, added: bytes
) -> None:
    found = licensing(host, upstream, {"LICENSE": LICENSE + added, "a": b"a\n"})
    assert (found["declared"], found["declared_comment"]) == (
        None,
        "the text of third_party/up/LICENSE is not known",
    )


def test_no_licence_file_is_said_and_nothing_is_guessed_from_names(
    host: Host, upstream: Upstream
) -> None:
    found = licensing(
        host,
        upstream,
        {"src/mit-licensed.c": b"// SPDX-License-Identifier: MIT\n", "docs/LICENSE": LICENSE},
    )
    named = "also named as licences and not read: third_party/up/docs/LICENSE"
    assert (found["declared"], found["declared_comment"]) == (
        None,
        f"upstream ships no licence file that covers it; {named}",
    )
    assert found["texts"] == []


def test_the_text_nearest_to_what_was_copied_holds(host: Host, upstream: Upstream) -> None:
    files = {"LICENSE": MIT, "part/LICENSE": LICENSE, "part/wit/a.wit": b"a\n"}
    found = licensing(host, upstream, files, from_="part/wit")
    assert [text["upstream_path"] for text in found["texts"]] == ["part/LICENSE"]
    assert found["declared"] == "Apache-2.0 WITH LLVM-exception"


def test_a_licence_goes_before_a_notice_beside_it(host: Host, upstream: Upstream) -> None:
    found = licensing(
        host, upstream, {"NOTICE": NOTICE, "COPYRIGHT.txt": MIT, "LICENSE": LICENSE, "a": b"a\n"}
    )
    assert [text["upstream_path"] for text in found["texts"]] == ["LICENSE"]


def test_two_licences_side_by_side_declare_nothing_since_neither_says_and_or_or(
    host: Host, upstream: Upstream
) -> None:
    found = licensing(host, upstream, {"LICENSE-APACHE": LICENSE, "LICENSE-MIT": MIT, "a": b"a\n"})
    assert found["declared"] is None
    assert (
        found["declared_comment"]
        == "there are texts of Apache-2.0 WITH LLVM-exception, MIT, and none says how they go together"
    )
    assert found["copyright"] == ["Copyright (c) 2020 Somebody <s@example.org>"]


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        (MIT, "MIT"),
        (MIT + b"\nNot for use by anybody who reads this sentence or the one after it.\n", None),
        (LICENSE.partition(b"   END OF TERMS")[0] + MIT.partition(b"\n")[2], None),
        (NOTICE, None),
    ],
    ids=["a text with a name in it", "a condition more", "two texts in one", "none"],
)
def test_licenseclassifier_knows_more_texts_where_it_is_installed(
    host: Host, upstream: Upstream, tmp_path: Path, text: bytes, declared: str | None
) -> None:
    found = licensing(host, upstream, {"LICENSE": text, "a": b"a\n"})
    assert found["declared"] == declared
    if declared:
        assert (
            found["declared_comment"]
            == "third_party/up/LICENSE, known by its words, to licenseclassifier"
        )
    (tmp_path / "licenseclassifier.py").write_text("raise ImportError")
    without = host.run("report", "json", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}").json[
        "components"
    ][0]["licensing"]
    assert without["declared"] is None


# concluded


def test_what_the_owner_concludes_stands_beside_what_upstream_declares(
    host: Host, upstream: Upstream
) -> None:
    files = {"LICENSE": LICENSE, "a": b"a\n"}
    found = licensing(
        host, upstream, files, license="MIT", license_comment="by a letter of its author"
    )
    assert found["declared"] == "Apache-2.0 WITH LLVM-exception"
    assert (found["concluded"], found["concluded_comment"]) == ("MIT", "by a letter of its author")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("MIT", "MIT"),
        ("mit", "MIT"),
        ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception"),
        ("GPL-2.0", "GPL-2.0-only"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("MIT OR Apache-2.0 AND ISC", "MIT OR (Apache-2.0 AND ISC)"),
        ("LicenseRef-scancode-w3c-community-cla", "LicenseRef-scancode-w3c-community-cla"),
        ("LicenseRef-any.Thing-1", "LicenseRef-any.Thing-1"),
    ],
)
def test_expressions_are_read_as_spdx_writes_them(text: str, canonical: str) -> None:
    assert parse_expression(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "NONE",
        "NOASSERTION",
        "LicenseRef-",
        "DocumentRef-x:LicenseRef-y",
        "MIT\nMIT",
        "a" * 10_000,
    ],
)
def test_what_says_no_licence_is_no_expression(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(text)


# copies inside copies


def test_copies_inside_a_mirror_are_found_by_tree_and_by_blobs_or_said_to_have_no_origin(
    nested_bundle: Bundle,
) -> None:
    io, clocks, http = nested_bundle.components()
    assert io["nested"] == []
    (copy,) = clocks["nested"]
    assert (copy["path"], copy["files"], copy["origin"]["mirror"], copy["origin"]["same_tree"]) == (
        "deps/io",
        1,
        "io",
        False,
    )
    assert [
        (c["path"], c["files"], c["origin"] and c["origin"]["mirror"]) for c in http["nested"]
    ] == [
        ("deps/clocks", 1, "clocks"),
        ("deps/io", 2, "io"),
        ("deps/random", 1, None),
    ]
    same = http["nested"][1]
    assert (same["id"], same["origin"]["same_tree"]) == (io["tree"], True)
    assert same["origin"] == {
        "mirror": "io",
        "url": "https://github.com/WebAssembly/wasi-io",
        "pin": "v0.2.0",
        "commit": io["upstream"]["commit"],
        "path": "wit",
        "same_tree": True,
    }


def nested(host: Host, *tables: str) -> dict[str, list[tuple[str, str | None]]]:
    """Mirror → its nested copies, each with the mirror it is of."""
    host.manifest("\n".join(tables))
    host.sync()
    components = host.run("report", "json").json["components"]
    return {
        c["name"]: [(n["path"], n["origin"] and n["origin"]["mirror"]) for n in c["nested"]]
        for c in components
    }


def _two(tmp_path: Path) -> tuple[Upstream, Upstream]:
    return Upstream.create(tmp_path / "one"), Upstream.create(tmp_path / "two")


def test_a_whole_mirror_is_found_wherever_it_lies_and_a_file_by_its_blob(
    host: Host, tmp_path: Path
) -> None:
    one, two = _two(tmp_path)
    one.release("v1", {"lib/a.c": b"a\n", "lib/sub/b.c": b"b\n", "x.wit": b"x\n"})
    two.release(
        "v1",
        {
            "src/copied/a.c": b"a\n",
            "src/copied/sub/b.c": b"b\n",
            "src/c.c": b"c\n",
            "wit/deps/x.wit": b"x\n",
            "wit/deps/y.wit": b"y\n",
        },
    )
    found = nested(
        host,
        mirror("lib", one.url, tag="v1", local=True, from_="lib"),
        mirror("all", one.url, tag="v1", local=True, include=["*.wit"]),
        mirror("two", two.url, tag="v1", local=True),
    )
    assert found == {
        "lib": [],
        "all": [],
        "two": [("src/copied", "lib"), ("wit/deps/x.wit", "all"), ("wit/deps/y.wit", None)],
    }


def test_a_copy_of_a_directory_beside_a_mirror_is_found_through_the_proof(
    host: Host, tmp_path: Path
) -> None:
    one, two = _two(tmp_path)
    one.release("v1", {"proposals/io/a": b"a\n", "proposals/cli/b": b"b\n"})
    two.release("v1", {"vendor/io/a": b"a\n", "c": b"c\n"})
    found = nested(
        host,
        mirror("cli", one.url, tag="v1", local=True, from_="proposals/cli"),
        mirror("two", two.url, tag="v1", local=True),
    )
    assert found == {"cli": [], "two": [("vendor/io", "cli")]}


def test_the_same_directory_of_another_version_is_no_copy(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", {"wit/a": b"a\n", "wit/deps/b/b": b"b\n", "x": b"1\n"})
    upstream.release("v2", {"wit/a": b"a\n", "wit/deps/b/b": b"b\n", "x": b"2\n"})
    found = nested(
        host,
        mirror("whole", upstream.url, tag="v2", local=True),
        mirror("old", upstream.url, tag="v1", local=True, from_="wit"),
    )
    assert found == {"whole": [("wit/deps/b", None)], "old": [("deps/b", None)]}


def test_a_copy_inside_a_copy_is_one_of_its_own(host: Host, tmp_path: Path) -> None:
    one, two = _two(tmp_path)
    one.release("v1", {"a.wit": b"a\n"})
    two.release("v1", {"deps/http/h.wit": b"h\n", "deps/http/deps/a/a.wit": b"a\n"})
    found = nested(
        host,
        mirror("a", one.url, tag="v1", local=True),
        mirror("two", two.url, tag="v1", local=True),
    )
    assert found["two"] == [("deps/http", None), ("deps/http/deps/a", "a")]


# a project that keeps its copies as we do


Files = dict[str | bytes, bytes | tuple[str, bytes]]


def _project(tmp_path: Path) -> tuple[Files, str, str]:
    """A project with a mirror of its own, as its repository has it.

    It gives that mirror's upstream and commit too.
    """
    inner = Upstream.create(tmp_path / "inner")
    commit = inner.release("v1", {"LICENSE": MIT, "lib/a.c": b"a\n", "lib/deep/b.c": b"b\n"})
    project = Host.create(tmp_path / "project")
    project.manifest(mirror("lib", inner.url, tag="v1", local=True, from_="lib", into="wasi/lib"))
    project.sync("--commit")
    (project.path / "main.c").write_text("int main;\n")
    project.git("add", "main.c")
    files: Files = {}
    for line in project.git("ls-files", "--stage").splitlines():
        meta, path = line.split("\t")
        files[path] = git_bytes(project.path, "cat-file", "blob", meta.split()[1])
    return files, inner.url, commit


def _reported(host: Host, upstream: Upstream, files: Files, **keys: Key) -> list[dict]:
    upstream.release("v9", files)
    host.manifest(mirror("up", upstream.url, tag="v9", local=True, **keys))
    host.sync()
    return host.run("report", "json").json["components"][0]["nested"]


@pytest.mark.parametrize(
    ("source", "above"), [("", "third_party/"), ("third_party", ""), ("third_party/wasi", None)]
)
def test_what_a_mirrored_project_has_recorded_of_its_own_copies_is_said_as_its_word(
    host: Host, upstream: Upstream, tmp_path: Path, source: str, above: str | None
) -> None:
    files, url, commit = _project(tmp_path)
    found = _reported(host, upstream, files, **({"from_": source} if source else {}))
    if above is None:  # the record was left out
        assert [(copy["path"], copy["origin"], "recorded" in copy) for copy in found] == []
        return
    [copy] = found
    assert (copy["path"], copy["files"], copy["origin"]) == (f"{above}wasi/lib", 2, None)
    assert copy["recorded"] == {
        "by": "up",
        "mirror": "lib",
        "url": url,
        "pin": "v1",
        "commit": commit,
        "path": "lib",
    }
    said = f"{above}wasi/lib: lib v1 at {commit[:12]}, as recorded by up"
    assert said in host.run("report", "debian").out
    for kind in ("markdown", "html", "spdx", "cyclonedx", "rpm"):
        text = host.run("report", kind).out
        assert ("no origin found" in text, "as recorded by" in text) == (False, True), kind


FORGERIES: dict[str, Callable[[Files], object]] = {
    "a file that was edited": lambda files: files.update({"third_party/wasi/lib/a.c": b"edited\n"}),
    "a file more": lambda files: files.update({"third_party/wasi/lib/more.c": b"more\n"}),
    "a file that is gone": lambda files: files.pop("third_party/wasi/lib/a.c"),
    "another mode": lambda files: files.update({"third_party/wasi/lib/a.c": ("100755", b"a\n")}),
    "another commit": lambda files: _replace(
        files, rb'"commit": "[0-9a-f]{40}"', b'"commit": "%s"' % (b"1" * 40)
    ),
    "another time": lambda files: _replace(files, rb'"commit_time": "2', b'"commit_time": "1'),
    "no canonical JSON": lambda files: _replace(files, rb"\n\Z", b"\n\n"),
    "no JSON": lambda files: files.update({RECORD: b"["}),
    "nested too deep": lambda files: files.update({RECORD: b"[" * 100_000}),
    "of another mirror": lambda files: files.update(
        {"third_party/provenance/other.json": files.pop(RECORD)}
    ),
    "a link": lambda files: files.update({RECORD: ("120000", b"../../main.c")}),
}
RECORD = "third_party/provenance/lib.json"


def _replace(files: Files, old: bytes, new: bytes) -> None:
    content = files[RECORD]
    assert isinstance(content, bytes)
    files[RECORD] = re.sub(old, new, content)
    assert files[RECORD] != content


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_record_inside_a_mirror_that_does_not_hold_says_nothing(
    host: Host, upstream: Upstream, tmp_path: Path, forge: Callable[[Files], object]
) -> None:
    files, _, _ = _project(tmp_path)
    forge(files)
    found = _reported(host, upstream, files)
    assert [(copy["path"], copy["origin"], "recorded" in copy) for copy in found] == [
        ("third_party/licenses", None, False),
        ("third_party/provenance", None, False),
        ("third_party/wasi", None, False),
    ]


def test_a_record_of_this_host_goes_before_the_word_of_a_project(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    files, url, commit = _project(tmp_path)
    upstream.release("v9", files)
    own = mirror("mine", url, tag="v1", local=True, from_="lib")
    host.manifest(mirror("up", upstream.url, tag="v9", local=True) + own)
    host.sync()
    [copy] = host.run("report", "json").json["components"][0]["nested"]
    assert (copy["path"], copy["origin"]["mirror"], copy["origin"]["commit"]) == (
        "third_party/wasi/lib",
        "mine",
        commit,
    )
    assert f"third_party/wasi/lib: mine v1 at {commit[:12]}," in host.run("report", "debian").out


def test_of_a_project_whose_records_do_not_hold_only_a_few_are_tried(
    monkeypatch: pytest.MonkeyPatch, host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    files, _, _ = _project(tmp_path)
    _replace(files, rb'"commit_time": "2', b'"commit_time": "1')
    content = files[RECORD]
    assert isinstance(content, bytes)
    many: Files = {
        f"third_party/provenance/a{n}.json": content.replace(
            b'"mirror": "lib"', b'"mirror": "a%d"' % n
        )
        for n in range(9)
    }
    _reported(host, upstream, {**files, **many})
    tried: list[str] = []
    monkeypatch.setattr(
        Record, "problems", lambda record: tried.append(record.mirror) or ["it does not hold"]
    )
    record = parse_record((host.third_party / "provenance/up.json").read_bytes(), "up")
    found = inner_records(
        record, lambda fact: (host.third_party / "up" / fact.path.decode()).read_bytes()
    )
    assert (found, tried) == (NOTHING_INSIDE, ["a0", "a1", "a2", "a3"])


# versions and links


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("v0.2.12", "0.2.12"),
        ("V1", "1"),
        ("1.0", "1.0"),
        ("0.2.0-rc-2024-10-28", "0.2.0-rc-2024-10-28"),
        ("v0.2.0-draft+505fc98", "0.2.0-draft+505fc98"),
        ("release/1.2", "1.2"),
        ("wasi-nn-v2.0", "2.0"),
        ("curl-8_5_0", "8_5_0"),
        ("2024-10-28", "2024-10-28"),
        ("latest", "latest"),
        ("日本", "日本"),
        ("wit2wasm", "wit2wasm"),
    ],
)
def test_versions_come_from_tags(tag: str, version: str) -> None:
    assert version_of(Pin(PinKind.TAG, tag)) == version


def test_a_commit_is_no_version() -> None:
    assert version_of(Pin(PinKind.COMMIT, COMMIT)) is None


@pytest.mark.parametrize(
    ("url", "directory", "file"),
    [
        (
            "https://github.com/A/b.git",
            "https://github.com/A/b/tree/{c}/w%20x",
            "https://github.com/A/b/blob/{c}/w%20x",
        ),
        (
            "git@github.com:A/b",
            "https://github.com/A/b/tree/{c}/w%20x",
            "https://github.com/A/b/blob/{c}/w%20x",
        ),
        (
            "https://gitlab.com/a/b/c",
            "https://gitlab.com/a/b/c/-/tree/{c}/w%20x",
            "https://gitlab.com/a/b/c/-/blob/{c}/w%20x",
        ),
        (
            "https://codeberg.org/a/b",
            "https://codeberg.org/a/b/src/commit/{c}/w%20x",
            "https://codeberg.org/a/b/src/commit/{c}/w%20x",
        ),
        ("https://example.org/a/b", None, None),
        ("/a/path", None, None),
        ("https://github.com/", None, None),
    ],
)
def test_pages_name_the_exact_commit_and_only_where_a_forge_is_known(
    url: str, directory: str | None, file: str | None
) -> None:
    path = RepoPath(b"w x")
    assert directory_page(url, COMMIT, path) == (directory and directory.format(c=COMMIT))
    assert file_page(url, COMMIT, path) == (file and file.format(c=COMMIT))


def test_gits_short_form_is_written_out() -> None:
    assert repository_url("git@example.org:a/b.git") == "ssh://git@example.org/a/b.git"
    assert repository_url("https://example.org/a") == "https://example.org/a"


# Markdown


def test_both_homes_of_a_tree_are_named(nested_bundle: Bundle) -> None:
    assert nested_bundle.components()[0]["upstream"]["also_at"] == [
        "https://github.com/WebAssembly/WASI"
    ]
    assert (
        "<br>the same tree at https://github.com/WebAssembly/WASI |"
        in nested_bundle.report("markdown").out
    )


def test_the_first_line_answers_which_version_and_whether_it_is_a_fork(
    nested_bundle: Bundle,
) -> None:
    first = nested_bundle.report("markdown").out.splitlines()[0]
    assert (
        first
        == "**wasi-io 0.2.0, wasi-clocks 0.2.0, wasi-http 0.3.0-rc-2025-09-16: all 3 are unmodified copies, as recorded.**"
    )


def test_markdown_names_each_place_of_a_mirror_and_those_that_are_not_here(
    torture_bundle: Bundle,
) -> None:
    shutil.rmtree(torture_bundle.path / "crates/part")
    page = torture_bundle.report("markdown").out
    assert "| torture<br>`crates/it's here/torture`<br>`third_party/torture` | 1.0-rc.1 |" in page
    assert "<br>`third_party/deep/part`<br>`crates/part` removed | 1.0-rc.1 |" in page
    assert page.splitlines()[0].endswith("; 1 place removed.**")
    assert "\ngit rev-parse $'HEAD:crates/it\\047s here/torture'\n" in page


def test_markdown_says_in_which_places_a_copy_inside_a_mirror_lies(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {"a.wit": b"package a;", "deps/b/b.wit": b"package b;"})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, into=["up", "/wit/up"]))
    host.sync()
    assert "\n| `third_party/up/deps/b`<br>`wit/up/deps/b` | 1 | no origin found |\n" in (
        host.run("report", "markdown").out
    )


HOSTILE = [
    "<script>alert(1)</script>",
    "![x](https://example.org/x.png)",
    "[x](javascript:alert(1))",
    "`code` **bold** _it_ ~~no~~ a|b",
    "# heading",
    "- item",
    "1. item",
    "&lt;b&gt; \\",
    "<!-- -->",
    "\u202egnp.exe \u200b",
    "``",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_words_from_outside_are_words_in_markdown(nested_bundle: Bundle, words: str) -> None:
    text = f"description = {json.dumps(words)}\nlicense-comment = {json.dumps(words)}\nlicense = 'MIT'\n"
    nested_bundle.write_manifest(lambda manifest: manifest + text)
    page = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
    tokens = page.parse(nested_bundle.report("markdown").out)
    inline = [child for token in tokens for child in token.children or []]
    shown = "".join(child.content for child in inline if child.type == "text")
    assert shown.count(words.replace("\u202e", "\\u202e").replace("\u200b", "\\u200b")) == 2
    assert {child.type for child in inline} <= {
        "text",
        "code_inline",
        "link_open",
        "link_close",
        "strong_open",
        "strong_close",
        "html_inline",
        "softbreak",
    }
    assert {child.content for child in inline if child.type == "html_inline"} == {"<br>"}
    assert all(
        str(child.attrs["href"]).startswith("https://github.com/WebAssembly/")
        for child in inline
        if child.type == "link_open"
    )
