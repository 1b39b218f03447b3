"""docs/packagers.md, typed in a tarball as it stands: each command does what the page says."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.bundles import Bundle
from tests.support.project import ROOT

PAGE = (ROOT / "docs/packagers.md").read_text()


def section(title: str) -> str:
    match = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match, title
    return match[1]


def blocks(title: str) -> list[str]:
    """The shell scripts of a section, in order."""
    return re.findall(r"^```sh\n(.*?)^```$", section(title), re.MULTILINE | re.DOTALL)


def sh(directory: Path, script: str, *, status: int = 0, shell: str = "sh") -> str:
    done = subprocess.run(
        [shell, "-euc", script], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def by_hand(name: str) -> str:
    return next(block for block in blocks("By hand") if name in block)


def of_mirror(script: str, name: str, place: str) -> str:
    return re.sub(
        r"^record=.*$",
        f"record=third_party/provenance/{name}.json",
        re.sub(r"^mirror=.*$", f"mirror={shlex.quote(place)}", script, flags=re.MULTILINE),
        flags=re.MULTILINE,
    )


@pytest.mark.parametrize(
    "title", ["Debian", "Fedora, openSUSE", "REUSE", "Nix, Guix", "A security team"]
)
def test_each_packagers_commands_run_in_a_tarball(bundle: Bundle, title: str) -> None:
    assert blocks(title)
    for block in blocks(title):
        sh(bundle.path, block)


def test_the_first_screen_is_what_the_program_prints(nested_bundle: Bundle) -> None:
    shown = re.search(r"^\$ git-verbatim report\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert shown
    first, *_ = shown[1].splitlines()
    assert nested_bundle.report("markdown").out.startswith(f"**{first}.**\n")
    commit = nested_bundle.components()[0]["upstream"]["commit"][:12]
    assert (
        f"io      0.2.0                unmodified  github.com/WebAssembly/wasi-io wit at {commit}       Apache-2.0 WITH LLVM-exception (declared)"
        in shown[1]
    )


def test_the_content_of_files_is_checked_with_coreutils(bundle: Bundle) -> None:
    sh(bundle.path, by_hand("sha256sum --check"))
    path = (
        next(path for path in bundle.third_party.rglob("*.wit") if path.is_file())
        if any(bundle.third_party.rglob("*.wit"))
        else next(bundle.third_party.rglob("lf.txt"))
    )
    sums = sh(bundle.path, "git-verbatim report sha256sums | base64")
    path.write_bytes(b"changed\n")
    sh(bundle.path, f"echo '{sums}' | base64 -d | sha256sum --check --quiet", status=1)


def test_the_script_finds_added_files_too(nested_bundle: Bundle) -> None:
    script = by_hand("verify-sh")
    sh(nested_bundle.path, script)
    (nested_bundle.third_party / "wit/io/.added").touch()
    sh(nested_bundle.path, "sh verify.sh", status=1)


def lead_to_the_commit(bundle: Bundle, shell: str) -> None:
    script = by_hand("hash_tree")
    whole = [c for c in bundle.components() if not c["include"] and not c["exclude"]]
    assert whole
    for component in whole[:3]:
        for place in component["places"]:
            typed = of_mirror(script, component["name"], place)
            commit, upstream, here = sh(bundle.path, typed, shell=shell).split()
            assert (commit, upstream, here) == (
                component["upstream"]["commit"],
                component["upstream"]["tree"],
                component["tree"],
            )


def test_shell_coreutils_and_sed_lead_from_the_files_to_the_commit_id(bundle: Bundle) -> None:
    lead_to_the_commit(bundle, "sh")


def test_so_they_do_in_another_shell(nested_bundle: Bundle) -> None:
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    lead_to_the_commit(nested_bundle, "bash")


def test_the_proof_by_hand_notices_a_changed_file(nested_bundle: Bundle) -> None:
    path = nested_bundle.third_party / "wit/http/types.wit"
    path.write_bytes(path.read_bytes() + b"\n")
    _, upstream, here = sh(
        nested_bundle.path, of_mirror(by_hand("hash_tree"), "http", "third_party/wit/http")
    ).split()
    assert upstream != here


def test_a_dropped_mirror_is_reported_as_removed(nested_bundle: Bundle) -> None:
    (drop,) = blocks("Drop a mirror, use a packaged one")
    assert "; 1 removed." in sh(nested_bundle.path, drop).splitlines()[0]
    assert "third_party/wit/io/" not in sh(nested_bundle.path, "git-verbatim report sha256sums")


def test_committed_reports_are_checked_in_ci(nested_bundle: Bundle) -> None:
    (script,) = blocks("In the project: reports that are always current")
    assert sh(nested_bundle.path, script).startswith("current: ")
    assert min(os.listdir(nested_bundle.path / "docs/third-party")) == "third-party.cdx.json"


# What is derived: deleted in the source package, and made again in its build.

DERIVED = "Delete a binary, and make it again"
DEBIAN = {
    "control": "Source: tiny\nSection: misc\nPriority: optional\n"
    "Maintainer: Tester <tester@example.org>\nBuild-Depends: debhelper-compat (= 13)\n"
    "Standards-Version: 4.6.2\nRules-Requires-Root: no\n\n"
    "Package: tiny\nArchitecture: all\nDepends: ${misc:Depends}\n"
    "Description: carrier of a binary\n It is made in the build.\n",
    "changelog": "tiny (1.0) unstable; urgency=medium\n\n  * First.\n\n"
    " -- Tester <tester@example.org>  Fri, 02 Jan 2026 03:04:05 +0000\n",
    "rules": "#!/usr/bin/make -f\n%:\n\tdh $@\n\n"
    "execute_before_dh_auto_build:\n\tsh -eu debian/make-again\n\n"
    "override_dh_auto_install:\n"
    "\tinstall -D -m 644 crates/y/cli.wasm debian/tiny/usr/share/tiny/cli.wasm\n",
    "source/format": "3.0 (native)\n",
}
SPEC = """\
Name: tiny
Version: 1.0
Release: 1
Summary: carrier of a binary
License: CC0-1.0
BuildArch: noarch
Source0: tiny-1.0.tar.gz

%description
It is made in the build.

%prep
%setup -q
{delete}
%build
{make}
%install
install -D -m 644 crates/y/cli.wasm %{{buildroot}}/usr/share/tiny/cli.wasm

%files
/usr/share/tiny/cli.wasm
"""


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")


def start(*command: str | Path, cwd: Path, status: int = 0) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def debianized(bundle: Bundle, directory: Path, make_again: str = "") -> Path:
    """A Debian source tree of the release, which is below `directory`."""
    source = directory / "debian/tiny-1.0"
    shutil.copytree(bundle.path, source, symlinks=True)
    stanzas = bundle.report("debian").out
    head = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
    own = "Files: *\nCopyright: me\nLicense: tiny\n Do anything.\n\n"
    for name, content in {**DEBIAN, "copyright": head + own + stanzas}.items():
        path = source / "debian" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (source / "debian/rules").chmod(0o755)
    (source / "debian/make-again").write_text(make_again)
    return source


def test_a_debian_package_deletes_the_binary_and_makes_the_same_again(
    form_bundle: Bundle, tmp_path: Path
) -> None:
    needs("dpkg-buildpackage", "dh")
    delete, make = blocks(DERIVED)
    before = (form_bundle.path / "crates/y/cli.wasm").read_bytes()
    sh(form_bundle.path, delete)
    source = debianized(form_bundle, tmp_path, make)
    assert not list(source.rglob("*.wasm"))
    # git-verbatim is no package of Debian, and so nothing looks whether it is installed
    start("dpkg-buildpackage", "--no-sign", "--no-check-builddeps", cwd=source)
    start("dpkg-deb", "-x", source.parent / "tiny_1.0_all.deb", tmp_path / "out", cwd=tmp_path)
    assert (tmp_path / "out/usr/share/tiny/cli.wasm").read_bytes() == before
    packed = start("tar", "tf", source.parent / "tiny_1.0.tar.xz", cwd=tmp_path).splitlines()
    assert "tiny-1.0/third_party/wit/cli/stdio.wit" in packed
    assert not [name for name in packed if name.endswith(".wasm") or "/.git/" in name]


def test_an_rpm_package_deletes_the_binary_and_makes_the_same_again(
    form_bundle: Bundle, tmp_path: Path
) -> None:
    needs("rpmbuild", "rpm2archive")
    delete, make = blocks(DERIVED)
    before = (form_bundle.path / "crates/y/cli.wasm").read_bytes()
    top = tmp_path / "top"
    (top / "SOURCES").mkdir(parents=True)
    shutil.copytree(form_bundle.path, tmp_path / "tiny-1.0", symlinks=True)
    archive = str(top / "SOURCES/tiny-1.0.tar.gz")
    start("tar", "czf", archive, "tiny-1.0", cwd=tmp_path)
    (tmp_path / "tiny.spec").write_text(SPEC.format(delete=delete, make=make))
    start("rpmbuild", "-bb", "--define", f"_topdir {top}", "tiny.spec", cwd=tmp_path)
    built = top / "RPMS/noarch/tiny-1.0-1.noarch.rpm"
    start("rpm2archive", built, cwd=tmp_path)
    start("tar", "xzf", f"{built}.tgz", cwd=tmp_path)
    assert (tmp_path / "usr/share/tiny/cli.wasm").read_bytes() == before


def test_a_build_whose_result_differs_fails(form_bundle: Bundle) -> None:
    delete, make = blocks(DERIVED)
    sh(form_bundle.path, delete)
    text = form_bundle.third_party / "wit/cli.wat"
    record = form_bundle.third_party / "provenance/derived/cli.wat.json"
    before = digest_and_blob(text)
    text.write_bytes(text.read_bytes().replace(b"Where it writes", b"Where it weites"))
    edited = record.read_text()
    for was, now in zip(before, digest_and_blob(text), strict=True):
        edited = edited.replace(was, now)
    record.write_text(edited)
    sh(form_bundle.path, make, status=1)


def digest_and_blob(path: Path) -> tuple[str, str]:
    content = path.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return hashlib.sha256(content).hexdigest(), blob


@pytest.mark.parametrize("answer", ["none", "deleted", "override"])
def test_lintian_asks_for_the_source_of_a_binary_and_gets_an_answer(
    form_bundle: Bundle, tmp_path: Path, answer: str
) -> None:
    needs("lintian", "dpkg-source")
    if answer == "deleted":
        sh(form_bundle.path, blocks(DERIVED)[0])
    source = debianized(form_bundle, tmp_path)
    if answer == "override":
        (override,) = re.findall(
            r"^```text\n(.*?)^```$", section(DERIVED), re.MULTILINE | re.DOTALL
        )
        (source / "debian/source/lintian-overrides").write_text(override)
    start("dpkg-source", "-b", "tiny-1.0", cwd=source.parent)
    tag = "source-contains-prebuilt-wasm-binary"
    command = ["lintian", "--allow-root", "--pedantic", "--tags", tag, "tiny_1.0.dsc"]
    said = start(*command, cwd=source.parent)
    expected = f"P: tiny source: {tag} [crates/y/cli.wasm]\n" if answer == "none" else ""
    assert said == expected
