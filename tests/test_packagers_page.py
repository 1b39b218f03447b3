"""docs/packagers.md, typed in a tarball as it stands: each command does what the page says."""

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
