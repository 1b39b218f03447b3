"""Reports that others check with.

They are hashes for Nix and Guix, in-toto's statement, input for sha256sum, and a script.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
from jsonschema import Draft202012Validator

from sync.host.scan import scan_directory
from sync.ids import Mode, ObjectId, RepoPath
from sync.judgement.findings import Presence
from sync.model.values import FileFact, Pin, PinKind
from sync.report.facts import Component, Content, Facts, Licensing, Nested, Origin
from sync.report.formats import intoto, nix, sha256sums, verify_sh
from tests.support import components
from tests.support.bundles import Bundle
from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Content as FileContent
from tests.support.upstreams import Upstream

COMMIT = ObjectId("281ba75fafcd50961ef55f9e52747afcc9b71ede")
TAG = ObjectId("1111111111111111111111111111111111111111")
TREE = ObjectId("002c0173a32555455a5f010361350493057adb3f")
EMPTY_BLOB = ObjectId("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNKNOWN = Licensing(None, "upstream ships no licence", None, None, (), ())
# what no upstream's names may do, though git, or a tree made by hand, can hold them
HOSTILE = (
    b"$(touch pwned)",
    b"`touch pwned`",
    b"'; touch pwned; '",
    b'"; touch pwned; "',
    b"\ntouch pwned\n",
    b"a\nb",
    b"ends with\n",
    b"cr\rcr\r",
    b"back\\slash",
    b"\\0101",
    b"%s%n%d",
    b"-n",
    b"--help",
    b"*",
    b"[a]",
    b"?",
    b"..?",
    b"...",
    b"..x",
    b"!",
    b"(",
    b"=",
    b" blank ",
    b"\ttab\t",
    b"~",
    b"x: OK",
    b"x: FAILED",
    b"#",
    b"\x1b[31mred",
    b"\x9b2J",
    "\u202etxt.exe".encode(),
    "日本".encode(),
    b"latin-\xe9",
)


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")


def run(*command: str | bytes, cwd: Path, status: int = 0, **environment: str) -> str:
    """Run an outside program, and give what it prints; its status has to be as expected."""
    done = subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done.stdout.decode("utf-8", "surrogateescape")


# facts made by hand


def component(name: str = "up", **facts: Any) -> Component:
    """A mirror of an upstream's root with one empty file."""
    values: dict[str, Any] = {
        "url": "https://example.org/up",
        "commit": COMMIT,
        "commit_time": "2026-01-02T03:04:05Z",
        "tree": TREE,
        "upstream_tree": TREE,
        "files": (FileFact(RepoPath(b"empty"), Mode.FILE, EMPTY_BLOB, 0, EMPTY_SHA256),),
        "licensing": UNKNOWN,
        "content": Content({}, {}, {}, bytes(32)),
    }
    return components.component(name, **(values | facts))


def facts_of(*components: Component) -> Facts:
    return Facts(components, 0)


def on_disk(root: Path, **facts: Any) -> Component:
    """The mirror `up` as it lies in root/third_party."""
    files = scan_directory(root, "third_party", "up") or []
    links = {
        f.path: os.readlink(os.fsencode(root / "third_party/up") + b"/" + f.path)
        for f in files
        if f.mode == Mode.SYMLINK
    }
    return component(files=tuple(files), content=Content({}, {}, links, bytes(32)), **facts)


BYTES = tuple(bytes([byte]) for byte in range(1, 256) if byte not in b"./")


def hostile_release(root: Path, names: Sequence[bytes] = HOSTILE) -> Facts:
    """Files, directories and links of hostile names, and links with such targets."""
    directory = os.fsencode(root / "third_party/up")
    for name in names:
        for parent in (directory, directory + b"/in " + name):
            os.makedirs(parent, exist_ok=True)
            with open(parent + b"/" + name, "wb") as file:
                file.write(name)
    for number, name in enumerate(sorted(names)):
        os.symlink(name, directory + b"/link-%d" % number)
    return facts_of(on_disk(root))


REMOVED = component("gone", presence=Presence.REMOVED, pin=Pin(PinKind.TAG, "2.0"), content=None)
ABSENT = component("far", presence=Presence.ABSENT, pin=Pin(PinKind.COMMIT, COMMIT), content=None)


PLACES = ("crates/gone/up", "deps/up", "third_party/up")


# sha256sum


def test_sha256sums_has_a_line_a_file_from_the_releases_root() -> None:
    text = FileFact(RepoPath(b"LICENSE"), Mode.FILE, EMPTY_BLOB, 0, EMPTY_SHA256)
    link = FileFact(RepoPath(b"link"), Mode.SYMLINK, EMPTY_BLOB, 0, EMPTY_SHA256)
    odd = FileFact(RepoPath(b"a\\b\nc\rd\xff"), Mode.FILE, EMPTY_BLOB, 0, EMPTY_SHA256)
    here = component(files=(odd, link), licenses=(text,))
    assert sha256sums.render(facts_of(here, REMOVED, ABSENT)) == (
        b"\\" + EMPTY_SHA256.encode() + b"  third_party/up/a\\\\b\\nc\\rd\xff\n"
        + EMPTY_SHA256.encode() + b"  third_party/licenses/up/LICENSE\n"
    )  # fmt: skip


def test_sha256sums_lists_the_files_of_each_place_that_is_here() -> None:
    text = FileFact(RepoPath(b"LICENSE"), Mode.FILE, EMPTY_BLOB, 0, EMPTY_SHA256)
    here = component(places=PLACES, not_here=PLACES[:1], licenses=(text,))
    listed = sha256sums.render(facts_of(here)).decode().splitlines()
    assert listed == [
        f"{EMPTY_SHA256}  {path}"
        for path in ("deps/up/empty", "third_party/up/empty", "third_party/licenses/up/LICENSE")
    ]


def test_sha256sum_finds_every_file_as_listed(bundle: Bundle, tmp_path: Path) -> None:
    sums = bundle.write("sha256sums", tmp_path)
    answers = run("sha256sum", "-c", "--strict", str(sums), cwd=bundle.path)
    listed = [
        path
        for mirrored in bundle.components()
        for file in (*mirrored["files"], *mirrored["license_files"])
        for path in file["paths"]
        if file["mode"] != "120000"
    ]
    assert answers.count(": OK\n") == len(listed) == len(sums.read_bytes().splitlines())


def test_busyboxs_sha256sum_does_too(bundle: Bundle, tmp_path: Path) -> None:
    needs("busybox")
    run("busybox", "sha256sum", "-c", str(bundle.write("sha256sums", tmp_path)), cwd=bundle.path)


def test_names_that_no_line_can_hold_are_escaped_as_gnu_does(tmp_path: Path) -> None:
    (tmp_path / "sums").write_bytes(sha256sums.render(hostile_release(tmp_path)))
    run("sha256sum", "-c", "--strict", "sums", cwd=tmp_path)


def test_there_are_no_comments_since_busybox_takes_them_for_failures(tmp_path: Path) -> None:
    needs("busybox")
    (tmp_path / "empty").touch()
    (tmp_path / "sums").write_text(f"# a comment\n{EMPTY_SHA256}  empty\n")
    run("sha256sum", "-c", "--strict", "sums", cwd=tmp_path)
    run("busybox", "sha256sum", "-c", "sums", cwd=tmp_path, status=1)


@pytest.mark.parametrize("format_name", ["sha256sums", "verify-sh"])
def test_sha256sum_alone_misses_what_was_added_and_flipped_and_the_script_does_not(
    nested_bundle: Bundle, tmp_path: Path, format_name: str
) -> None:
    report = nested_bundle.write(format_name, tmp_path)
    (nested_bundle.third_party / "wit/io/added.wit").touch()
    (nested_bundle.third_party / "wit/io/poll.wit").chmod(0o755)
    if format_name == "sha256sums":
        run("sha256sum", "-c", "--strict", "--quiet", str(report), cwd=nested_bundle.path)
    else:
        run("sh", str(report), cwd=nested_bundle.path, status=1)


# the script

SHELLS = {"dash": ("dash",), "bash": ("bash", "--posix"), "busybox": ("busybox", "sh")}
TOOLS = ("sha256sum", "readlink", "ls", "od")


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    """A shell in a world that has nothing but the four programs; to busybox they are its own."""
    command = SHELLS[request.param]
    needs(command[0])
    found = shutil.which(command[0])
    assert found
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for tool in TOOLS:
        (bin_ / tool).symlink_to(
            found if request.param == "busybox" else shutil.which(tool) or tool
        )
    return ("env", f"PATH={bin_}", found, *command[1:])


@pytest.fixture(scope="session")
def scripts() -> dict[str, bytes]:
    """The script of each release, which is the same wherever it lies."""
    return {}


@pytest.fixture
def torture_script(torture_bundle: Bundle, scripts: dict[str, bytes], tmp_path: Path) -> Path:
    path = tmp_path / "verify.sh"
    if "torture" not in scripts:
        scripts["torture"] = torture_bundle.write("verify-sh", tmp_path).read_bytes()
    path.write_bytes(scripts["torture"])
    return path


def judge(script: Path, bundle: Bundle, *arguments: str) -> tuple[int, list[str]]:
    """Exit status of the script in the release's root, and what it finds, without the last line."""
    done = subprocess.run(
        ["sh", str(script), *arguments],
        cwd=bundle.path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.decode("ascii").splitlines()[:-1]


def test_the_script_passes_as_long_as_nothing_changed(
    bundle: Bundle, shell: Sequence[str], tmp_path: Path
) -> None:
    script = bundle.write("verify-sh", tmp_path)
    components = bundle.components()
    files = [
        file["mode"]
        for mirrored in components
        for file in (*mirrored["files"], *mirrored["license_files"])
        for _ in file["paths"]
    ]
    links = files.count("120000")
    places = sum(len(mirrored["places"]) for mirrored in components)
    where = f" at {places} places" if places > len(components) else ""
    assert run(*shell, str(script), cwd=bundle.path) == (
        f"verified: {len(components)} mirrors{where}: {len(files) - links} files"
        f" and {links} symlink{'' if links == 1 else 's'} are as reported, nothing was added to them\n"
    )


def test_the_script_is_a_program(torture_bundle: Bundle, tmp_path: Path) -> None:
    script = torture_bundle.write("verify-sh", tmp_path)
    run(str(script), cwd=torture_bundle.path)


Change = Callable[[Path], object]


def edit(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def replace_by_link(path: Path) -> None:
    """By a link to a file of the same content."""
    twin = path.rename(path.parent.parent / "twin")
    path.symlink_to(os.path.relpath(twin, path.parent))


def replace_by_file(path: Path) -> None:
    target = path.readlink()
    path.unlink()
    path.write_text(str(target))


def retarget(path: Path) -> None:
    path.unlink()
    path.symlink_to("a")


def add(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def replace_by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_directory_by_link(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to("../elsewhere")


CHANGES: dict[str, tuple[Change, str, list[str]]] = {
    "content": (edit, "torture/lf.txt", ["torture/lf.txt: content differs"]),
    "content, name with blank": (
        edit,
        "torture/with blank.txt",
        ["torture/with blank.txt: content differs"],
    ),
    "content, name with dash": (edit, "torture/-dash", ["torture/-dash: content differs"]),
    "content, name with quotes": (
        edit,
        "torture/'single' \"double\".txt",
        ["\"third_party/torture/'single' \\042double\\042.txt\": content differs"],
    ),
    "content, name not UTF-8": (
        edit,
        "torture/latin1-\udce9.txt",
        ['"third_party/torture/latin1-\\351.txt": content differs'],
    ),
    "content of an executable": (
        edit,
        "deep/part/script.sh",
        ["deep/part/script.sh: content differs"],
    ),
    "content of a licence": (
        edit,
        "licenses/part/LICENSE",
        ["licenses/part/LICENSE: content differs"],
    ),
    "mode on": (
        lambda p: p.chmod(0o755),
        "torture/empty",
        ["torture/empty: mode differs: is executable"],
    ),
    "mode off": (
        lambda p: p.chmod(0o644),
        "torture/script.sh",
        ["torture/script.sh: mode differs: is not executable"],
    ),
    "mode and content": (
        lambda p: (edit(p), p.chmod(0o755)),
        "torture/empty",
        ["torture/empty: mode differs: is executable", "torture/empty: content differs"],
    ),
    "mode of group and others": (lambda p: p.chmod(0o600), "torture/empty", []),
    "added": (add, "torture/zzz", ["torture/zzz: added"]),
    "added deep down": (add, "torture/deep/er/zzz", ["torture/deep/er/zzz: added"]),
    "added dot file": (add, "torture/.zzz", ["torture/.zzz: added"]),
    "added two-dot file": (add, "torture/..zzz", ["torture/..zzz: added"]),
    "added in a new directory": (add, "torture/.new/er/.zzz", ["torture/.new/er/.zzz: added"]),
    "added beside a licence": (add, "licenses/part/zzz", ["licenses/part/zzz: added"]),
    "added link": (lambda p: p.symlink_to("nowhere"), "torture/zzz", ["torture/zzz: added"]),
    "added link to a directory": (
        lambda p: p.symlink_to("deep"),
        "torture/zzz",
        ["torture/zzz: added"],
    ),
    "added FIFO": (os.mkfifo, "torture/zzz", ["torture/zzz: added"]),
    "added name that acts on terminals": (
        add,
        "torture/\x1b[31m\n\udcff",
        ['"third_party/torture/\\033[31m\\012\\377": added'],
    ),
    "added empty directory": (Path.mkdir, "torture/zzz", []),
    "missing": (Path.unlink, "torture/lf.txt", ["torture/lf.txt: missing"]),
    "missing link": (Path.unlink, "torture/link", ["torture/link: missing"]),
    "missing directory": (shutil.rmtree, "torture/a-dir", ["torture/a-dir/x: missing"]),
    "renamed": (
        lambda p: p.rename(p.with_name("n")),
        "torture/lf.txt",
        ["torture/n: added", "torture/lf.txt: missing"],
    ),
    "retargeted": (retarget, "torture/link", ["torture/link: target differs"]),
    "file to link": (
        replace_by_link,
        "torture/lf.txt",
        ["torture/lf.txt: is a file of another kind"],
    ),
    "file to FIFO": (
        replace_by_fifo,
        "torture/lf.txt",
        ["torture/lf.txt: is a file of another kind"],
    ),
    "file to directory": (
        replace_by_directory,
        "torture/lf.txt",
        ["torture/lf.txt: is a file of another kind"],
    ),
    "link to file": (replace_by_file, "torture/link", ["torture/link: is a file of another kind"]),
    "directory to link": (
        replace_directory_by_link,
        "torture/a-dir",
        ["torture/a-dir: is no directory"],
    ),
    "mirror to link": (replace_directory_by_link, "deep/part", ["deep/part: is no directory"]),
    "link on the way": (replace_directory_by_link, "deep", ["deep: is a symlink"]),
    "removed as a whole": (shutil.rmtree, "torture", ["torture: missing altogether"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_script_finds_each_change_by_name(
    torture_bundle: Bundle, torture_script: Path, change: str
) -> None:
    make, path, findings = CHANGES[change]
    make(torture_bundle.third_party / path)
    expected = [line if line.startswith('"') else f"third_party/{line}" for line in findings]
    assert judge(torture_script, torture_bundle) == (1 if findings else 0, expected)


@pytest.mark.parametrize(
    "change", [change for change, (_, path, _) in CHANGES.items() if path.startswith("torture")]
)
def test_the_script_finds_the_same_in_a_place_outside_third_party(
    torture_bundle: Bundle, torture_script: Path, change: str
) -> None:
    make, path, findings = CHANGES[change]
    make(torture_bundle.path / "crates/it's here" / path)
    expected = [
        line.replace("third_party/", "crates/it's here/", 1)
        if line.startswith('"')
        else f"crates/it's here/{line}"
        for line in findings
    ]
    assert judge(torture_script, torture_bundle) == (1 if findings else 0, expected)


@pytest.mark.parametrize(
    "change",
    ["content", "mode on", "mode off", "added dot file", "missing", "retargeted", "file to link"],
)
def test_every_shell_finds_it(
    torture_bundle: Bundle, torture_script: Path, shell: Sequence[str], change: str
) -> None:
    make, path, findings = CHANGES[change]
    make(torture_bundle.third_party / path)
    out = run(*shell, str(torture_script), cwd=torture_bundle.path, status=1)
    assert (
        out
        == "".join(f"third_party/{line}\n" for line in findings)
        + "1 finding in 2 mirrors at 4 places\n"
    )


def test_names_and_targets_may_be_of_any_bytes(tmp_path: Path, shell: Sequence[str]) -> None:
    script = tmp_path / "verify.sh"
    script.write_bytes(verify_sh.render(hostile_release(tmp_path, BYTES)))
    run(*shell, str(script), cwd=tmp_path)


def test_hostile_names_and_targets_are_but_names(tmp_path: Path, shell: Sequence[str]) -> None:
    script, facts = tmp_path / "verify.sh", hostile_release(tmp_path)
    script.write_bytes(verify_sh.render(facts))
    run(*shell, str(script), cwd=tmp_path)
    for fact in facts.components[0].record.files:
        if fact.mode != Mode.SYMLINK:
            with open(os.fsencode(tmp_path / "third_party/up") + b"/" + fact.path, "ab") as file:
                file.write(b"changed")
    out = run(*shell, str(script), cwd=tmp_path, status=1)
    changed = [fact for fact in facts.components[0].record.files if fact.mode != Mode.SYMLINK]
    assert out.count(": content differs\n") == len(changed)
    assert out.replace("\n", "").isprintable()
    assert not list(tmp_path.rglob("pwned"))


def test_every_hostile_name_is_missed(tmp_path: Path, shell: Sequence[str]) -> None:
    script, facts = tmp_path / "verify.sh", hostile_release(tmp_path)
    script.write_bytes(verify_sh.render(facts))
    shutil.rmtree(tmp_path / "third_party/up")
    (tmp_path / "third_party/up").mkdir()
    out = run(*shell, str(script), cwd=tmp_path, status=1)
    assert out.count(": missing\n") == len(facts.components[0].record.files)


def test_every_hostile_name_that_was_added_is_found(tmp_path: Path, shell: Sequence[str]) -> None:
    (tmp_path / "third_party/up").mkdir(parents=True)
    (tmp_path / "third_party/up/empty").touch()
    (tmp_path / "verify.sh").write_bytes(verify_sh.render(facts_of(on_disk(tmp_path))))
    files = hostile_release(tmp_path).components[0].record.files
    out = run(*shell, "verify.sh", cwd=tmp_path, status=1)
    assert out.count(": added\n") == len(files) - 1


def test_the_script_is_plain_text(tmp_path: Path) -> None:
    text = verify_sh.render(
        facts_of(
            *hostile_release(tmp_path).components,
            component(name="gone\u202e", content=None, presence=Presence.REMOVED),
        )
    ).decode()
    assert set(re.findall(r"[^\x20-\x7e]", text)) == {"\n", "\t", "日", "本"}


def test_shellcheck_and_checkbashisms_have_nothing_to_say(
    torture_script: Path, tmp_path: Path
) -> None:
    needs("shellcheck", "checkbashisms")
    assert run("shellcheck", "--shell=sh", "--norc", str(torture_script), cwd=tmp_path) == ""
    assert run("checkbashisms", "--posix", "--extra", str(torture_script), cwd=tmp_path) == ""


def test_the_script_lists_a_mirror_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "third_party/up/dir").mkdir(parents=True)
    for name in ("b", ".a", "dir/c d's"):
        (tmp_path / "third_party/up" / name).touch()
    (tmp_path / "third_party/up/dir/c d's").chmod(0o755)
    (tmp_path / "third_party/up/link").symlink_to("nowhere\n\x7f")
    text = FileFact(RepoPath(b"LICENSE"), Mode.FILE, EMPTY_BLOB, 0, EMPTY_SHA256)
    script = verify_sh.render(
        facts_of(on_disk(tmp_path, licenses=(text,)), REMOVED, ABSENT)
    ).decode()
    assert script.startswith(
        "#!/bin/sh\n# up 1.2: an unmodified copy, as recorded; 1 removed, 1 not checked in and not here\n#\n"
    )
    assert "# removed: gone (2.0)\n# absent: far (commit 281ba75fafcd)\n" in script
    assert script.partition("\n# up\n")[2] == (
        "mirror_1() {\n"
        "    directory third_party/up b dir link .a\n"
        "    directory third_party/up/dir 'c d'\\''s'\n"
        f"    plain {EMPTY_SHA256} third_party/up/.a\n"
        f"    plain {EMPTY_SHA256} third_party/up/b\n"
        f"    executable {EMPTY_SHA256} 'third_party/up/dir/c d'\\''s'\n"
        "    symlink 'nowhere'\"$nl\"\"$(bytes '\\0177')\" third_party/up/link\n"
        "}\n"
        "\n"
        "# up: licence files\n"
        "licences_1() {\n"
        "    directory third_party/licenses/up LICENSE\n"
        f"    plain {EMPTY_SHA256} third_party/licenses/up/LICENSE\n"
        "}\n"
        "\n"
        "all() {\n"
        "    above third_party third_party/licenses\n"
        "    mirror licences_1 mirror_1 third_party/up\n"
        "}\n"
        "\n"
        'main "$@"\n'
    )


def test_the_script_lists_each_place_that_is_here() -> None:
    script = verify_sh.render(
        facts_of(component(places=PLACES, not_here=PLACES[:1]), component("plain"))
    ).decode()
    assert "\n# removed: crates/gone/up of up\n" in script
    assert script.partition("\n# up\n")[2] == (
        "mirror_1_at_1() {\n"
        "    directory deps/up empty\n"
        f"    plain {EMPTY_SHA256} deps/up/empty\n"
        "}\n"
        "\n"
        "# up\n"
        "mirror_1_at_2() {\n"
        "    directory third_party/up empty\n"
        f"    plain {EMPTY_SHA256} third_party/up/empty\n"
        "}\n"
        "\n"
        "# plain\n"
        "mirror_2() {\n"
        "    directory third_party/plain empty\n"
        f"    plain {EMPTY_SHA256} third_party/plain/empty\n"
        "}\n"
        "\n"
        "all() {\n"
        "    above deps third_party\n"
        "    mirror no_licences mirror_1_at_1 deps/up mirror_1_at_2 third_party/up\n"
        "    mirror no_licences mirror_2 third_party/plain\n"
        "}\n"
        "\n"
        'main "$@"\n'
    )


def test_a_mirror_removed_later_is_a_finding_unless_that_is_allowed(
    torture_bundle: Bundle, torture_script: Path
) -> None:
    torture_bundle.remove("torture")
    assert judge(torture_script, torture_bundle) == (
        1,
        ["crates/it's here/torture: missing altogether", "third_party/torture: missing altogether"],
    )
    out = run("sh", str(torture_script), "--allow-removed", cwd=torture_bundle.path)
    assert out.startswith("verified: 1 mirror at 2 places, 1 removed: ")


def test_a_place_removed_later_is_a_finding_unless_that_is_allowed_and_the_rest_is_checked(
    torture_bundle: Bundle, torture_script: Path
) -> None:
    shutil.rmtree(torture_bundle.path / "crates/part")
    assert judge(torture_script, torture_bundle) == (1, ["crates/part: missing altogether"])
    out = run("sh", str(torture_script), "--allow-removed", cwd=torture_bundle.path)
    assert out.startswith("verified: 2 mirrors at 3 places, 1 place removed: ")
    edit(torture_bundle.third_party / "licenses/part/LICENSE")
    edit(torture_bundle.third_party / "deep/part/script.sh")
    assert judge(torture_script, torture_bundle, "--allow-removed") == (
        1,
        [
            "third_party/deep/part/script.sh: content differs",
            "third_party/licenses/part/LICENSE: content differs",
        ],
    )


def test_the_script_of_a_release_without_a_mirror_does_not_ask_for_it(
    torture_bundle: Bundle, tmp_path: Path
) -> None:
    torture_bundle.remove("torture")
    script = torture_bundle.write("verify-sh", tmp_path)
    assert "\n# removed: torture (1.0-rc.1)\n" in script.read_text()
    assert judge(script, torture_bundle) == (0, [])


@pytest.mark.parametrize("name", ["release", "-release", "a b", "-"])
def test_the_script_takes_the_directory_of_the_release(
    torture_bundle: Bundle, torture_script: Path, tmp_path: Path, name: str
) -> None:
    torture_bundle.path.rename(tmp_path / name)
    argument = name if not name.startswith("-") else f"./{name}"
    for directory in (argument, str(tmp_path / name)):
        assert "verified" in run("sh", str(torture_script), directory, cwd=tmp_path, CDPATH="/")


TROUBLE: dict[str, tuple[list[str], str]] = {
    "no third_party": (["bin"], "trouble: there is no third_party here"),
    "no directory": (["nowhere"], "nowhere"),
    "an unknown option": (["--fast"], "usage: "),
    "two directories": ([".", "."], "usage: "),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_is_no_verdict(
    torture_script: Path, shell: Sequence[str], tmp_path: Path, trouble: str
) -> None:
    arguments, message = TROUBLE[trouble]
    done = subprocess.run(
        [*shell, str(torture_script), *arguments], cwd=tmp_path, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert message in done.stderr.decode()


@pytest.mark.parametrize("tool", TOOLS)
def test_a_missing_program_is_trouble(
    torture_bundle: Bundle, torture_script: Path, tmp_path: Path, tool: str
) -> None:
    others = tmp_path / "others"
    others.mkdir()
    for name in set(TOOLS) - {tool}:
        (others / name).symlink_to(shutil.which(name) or name)
    run(
        shutil.which("sh") or "sh",
        str(torture_script),
        cwd=torture_bundle.path,
        status=2,
        PATH=str(others),
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("path", ["torture", "torture/deep", "torture/lf.txt"])
def test_what_cannot_be_read_is_trouble(
    torture_bundle: Bundle, torture_script: Path, path: str
) -> None:
    unreadable = torture_bundle.third_party / path
    unreadable.chmod(0)
    run("sh", str(torture_script), cwd=torture_bundle.path, status=2)
    unreadable.chmod(0o755)


def test_sha256sum_that_does_not_answer_for_all_is_trouble(
    torture_bundle: Bundle, torture_script: Path, tmp_path: Path
) -> None:
    (tmp_path / "sha256sum").write_text('#!/bin/sh\nread -r line; echo "${line#*  }: OK"\n')
    (tmp_path / "sha256sum").chmod(0o755)
    run(
        "sh",
        str(torture_script),
        cwd=torture_bundle.path,
        status=2,
        PATH=f"{tmp_path}:{os.environ['PATH']}",
    )


def test_many_files_in_one_directory_do_not_take_time_by_their_square(tmp_path: Path) -> None:
    """20000 take one second on two cores."""
    directory = tmp_path / "third_party/up"
    directory.mkdir(parents=True)
    for number in range(5000):
        (directory / f"{number:04}.wit").touch()
    files = tuple(
        FileFact(RepoPath(b"%04d.wit" % n), Mode.FILE, EMPTY_BLOB, 0, EMPTY_SHA256)
        for n in range(5000)
    )
    script = tmp_path / "verify.sh"
    script.write_bytes(verify_sh.render(facts_of(component(files=files))))
    done = subprocess.run(
        ["sh", str(script)], cwd=tmp_path, capture_output=True, timeout=5, check=True
    )
    assert done.stdout.startswith(b"verified: 1 mirror: 5000 files ")


# Nix and Guix


def evaluate(report: Path) -> dict:
    """The attribute set as Nix reads it."""
    needs("nix-instantiate")
    command = (
        "nix-instantiate",
        "--store",
        "dummy://",
        "--eval",
        "--strict",
        "--json",
        str(report),
    )
    return json.loads(run(*command, cwd=report.parent))


def base32_of(directory: Path) -> str:
    needs("nix-hash")
    return run("nix-hash", "--type", "sha256", "--base32", ".", cwd=directory).strip()


def sri_of(directory: Path) -> str:
    needs("nix")
    command = (
        "nix",
        "--extra-experimental-features",
        "nix-command",
        "--store",
        "dummy://",
        "hash",
        "path",
    )
    return run(*command, ".", cwd=directory).strip()


def test_nix_hash_gives_the_hash_of_every_mirror(bundle: Bundle, tmp_path: Path) -> None:
    for name, values in evaluate(bundle.write("nix", tmp_path)).items():
        assert values["places"]
        for place in values["places"]:
            assert values["sha256"] == base32_of(bundle.path / place), name
            assert values["narHash"] == sri_of(bundle.path / place), name


def test_nix_reads_what_scripts_read(bundle: Bundle, tmp_path: Path) -> None:
    mirrors = evaluate(bundle.write("nix", tmp_path))
    for expected in bundle.components():
        values = mirrors.pop(expected["name"])
        upstream = expected["upstream"]
        assert values["version"] == expected["version"]["upstream"]
        assert (values["url"], values["rev"], values["directory"]) == (
            upstream["url"],
            upstream["commit"],
            upstream["from"],
        )
        assert values["tag"] == (upstream["ref"] and upstream["ref"].removeprefix("refs/tags/"))
        assert values["places"] == expected["places"]
        assert (values["tree"], values["upstreamTree"]) == (expected["tree"], upstream["tree"])
        assert [nested["path"] for nested in values.get("nested", [])] == [
            nested["path"] for nested in expected["nested"]
        ]
    assert mirrors == {}


NIX = """\
{
  "up" = {
    places = [
      "third_party/up"
    ];
    version = "1.2";
    url = "https://example.org/up";
    rev = "281ba75fafcd50961ef55f9e52747afcc9b71ede";
    tag = "v1.2";
    directory = "";
    tree = "002c0173a32555455a5f010361350493057adb3f";
    upstreamTree = "002c0173a32555455a5f010361350493057adb3f";
    narHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    sha256 = "0000000000000000000000000000000000000000000000000000";
    nested = [
      {
        path = "deps/a";
        tree = "002c0173a32555455a5f010361350493057adb3f";
        origin = {
          mirror = "a";
          url = "https://example.org/a";
          rev = "281ba75fafcd50961ef55f9e52747afcc9b71ede";
        };
      }
      {
        path = "deps/b.wit";
        blob = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
        origin = null;
      }
    ];
    fetchgit = {
      url = "https://example.org/up";
      rev = "281ba75fafcd50961ef55f9e52747afcc9b71ede";
      hash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    };
  };
}
"""
ORIGIN = Origin(
    "a", "https://example.org/a", Pin(PinKind.TAG, "v1"), COMMIT, RepoPath(b"wit"), same_tree=True
)
NESTED = (
    Nested(RepoPath(b"deps/a"), TREE, (RepoPath(b"deps/a/x"), RepoPath(b"deps/a/y")), ORIGIN),
    Nested(RepoPath(b"deps/b.wit"), EMPTY_BLOB, (RepoPath(b"deps/b.wit"),), None),
)


def test_nix_gets_an_attribute_a_mirror_and_comments_on_the_others() -> None:
    text = nix.render(facts_of(component(nested=NESTED), REMOVED, ABSENT)).decode()
    head, _, attributes = text.partition("\n{")
    assert "{" + attributes == NIX
    assert head.startswith(
        "# up 1.2: an unmodified copy, as recorded; 1 removed, 1 not checked in and not here\n#\n"
    )
    assert head.endswith("\n# removed: gone (2.0)\n# absent: far (commit 281ba75fafcd)")
    assert all(line.startswith("#") for line in head.splitlines())


def test_nix_gets_the_places_that_are_here_and_a_comment_on_the_others() -> None:
    text = nix.render(facts_of(component(places=PLACES, not_here=PLACES[:1]))).decode()
    assert '    places = [\n      "deps/up"\n      "third_party/up"\n    ];\n' in text
    assert "\n# removed: crates/gone/up of up\n{" in text


def test_a_mirror_of_a_commit_has_no_tag_and_no_version(tmp_path: Path) -> None:
    (tmp_path / "nix").write_bytes(nix.render(facts_of(component(pin=Pin(PinKind.COMMIT, COMMIT)))))
    assert evaluate(tmp_path / "nix")["up"]["tag"] is None
    assert evaluate(tmp_path / "nix")["up"]["version"] is None


@pytest.mark.parametrize(
    "words",
    [
        '${abort "no"}',
        '"; x = "',
        "back\\slash\\",
        "$${x}",
        "''${x}",
        "\u202e\x9b2J",
        '\u202e${x}"\\',
    ],
)
def test_words_from_outside_are_words_in_nix(tmp_path: Path, words: str) -> None:
    hostile = component(
        "a.b", url=words, pin=Pin(PinKind.TAG, words), source=RepoPath(words.encode())
    )
    (tmp_path / "nix").write_bytes(nix.render(facts_of(hostile)))
    values = evaluate(tmp_path / "nix")["a.b"]
    assert [values[key] for key in ("version", "url", "tag", "directory")] == [words] * 4
    assert (tmp_path / "nix").read_text().replace("\n", "").isprintable()


def test_a_path_that_is_no_text_is_quoted_in_nix(tmp_path: Path) -> None:
    (tmp_path / "nix").write_bytes(nix.render(facts_of(component(source=RepoPath(b"\xe9")))))
    assert evaluate(tmp_path / "nix")["up"]["directory"] == '"\\351"'


def fetched(
    host: Host, upstream: Upstream, tmp_path: Path, **keys: str | list[str]
) -> tuple[dict, str]:
    """What the report of a release says of a mirror, and what a fetcher of the commit gets.

    In a repository, attributes that alter bytes are a finding, and there is no report.
    """
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, **keys))
    host.sync()
    shutil.rmtree(host.path / ".git")
    assert host.run("report", "nix", "-o", str(tmp_path / "nix")).status == 0
    git(tmp_path, "clone", "--quiet", "--branch", "v1", upstream.url, "checkout")
    shutil.rmtree(tmp_path / "checkout/.git")
    return evaluate(tmp_path / "nix")["up"], sri_of(tmp_path / "checkout")


# a path sorts `dir-x` before `dir/b`, a Nix archive `dir` before `dir-x`
FILES: dict[str, FileContent] = {
    "a": b"a\n",
    "dir-x": b"x\n",
    "dir/b": ("100755", b"b\n"),
    "link": ("120000", b"dir/b"),
}


def test_the_whole_of_a_commit_is_what_fetchgit_gets(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    commit = upstream.release("v1", FILES)
    values, got = fetched(host, upstream, tmp_path)
    assert values["fetchgit"] == {"url": upstream.url, "rev": commit, "hash": got}


def test_with_attributes_a_checkout_may_differ_and_so_no_fetcher_is_promised_anything(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", {**FILES, "dir/.gitattributes": b"* text eol=crlf\n"})
    values, got = fetched(host, upstream, tmp_path)
    assert values["narHash"] != got
    assert "fetchgit" not in values


@pytest.mark.parametrize("keys", [{"from_": "dir"}, {"exclude": ["/a"]}])
def test_a_part_of_a_commit_is_not_what_a_fetcher_gets(
    host: Host, upstream: Upstream, tmp_path: Path, keys: dict[str, str | list[str]]
) -> None:
    upstream.release("v1", FILES)
    values, got = fetched(host, upstream, tmp_path, **keys)
    assert values["narHash"] != got
    assert "fetchgit" not in values


# in-toto

HEX = "^[0-9a-f]{%d}$"
URI = r"^[a-z][a-z0-9+.-]*:[A-Za-z0-9%/:=&?~+!$,;'@()*\[\]._-]+$"
"""RFC 3986, scheme in lower case."""
DIGESTS = {"gitTree": 40, "gitBlob": 40, "gitCommit": 40, "gitTag": 40, "dirHash": 64}


def closed(required: dict, **optional: dict) -> dict:
    return {
        "type": "object",
        "properties": required | optional,
        "required": list(required),
        "additionalProperties": False,
    }


def digest(*required: str, optional: Sequence[str] = ()) -> dict:
    said = {
        name: {"type": "string", "pattern": HEX % DIGESTS[name]} for name in (*required, *optional)
    }
    return closed(
        {name: said[name] for name in required}, **{name: said[name] for name in optional}
    )


# in-toto's Statement, ResourceDescriptor and DigestSet v1, SLSA's Provenance v1:
# what they require and name, and nothing else
SCHEMA = closed(
    {
        "_type": {"const": "https://in-toto.io/Statement/v1"},
        "subject": {
            "type": "array",
            "minItems": 1,
            "items": closed(
                {
                    "name": {"type": "string", "pattern": "^(third_party|crates|deps)/"},
                    "digest": digest("gitTree", optional=["dirHash"]),
                    "annotations": {"type": "object"},
                }
            ),
        },
        "predicateType": {"const": "https://slsa.dev/provenance/v1"},
        "predicate": closed(
            {
                "buildDefinition": closed(
                    {
                        "buildType": {"type": "string", "pattern": URI},
                        "externalParameters": {"type": "object"},
                        "resolvedDependencies": {
                            "type": "array",
                            "uniqueItems": True,
                            "items": closed(
                                {
                                    "uri": {"type": "string", "pattern": URI},
                                    "digest": digest("gitCommit", optional=["gitTag"]),
                                }
                            ),
                        },
                    },
                    internalParameters={"type": "object"},
                ),
                "runDetails": closed(
                    {"builder": closed({"id": {"type": "string", "pattern": URI}})}
                ),
            }
        ),
    }
)


def read_statement(content: bytes) -> dict:
    """The statement, after in-toto's own parser and the schema have accepted it.

    No field is unknown to either.
    """
    statement = json.loads(content)
    Draft202012Validator(SCHEMA).validate(statement)
    message = json_format.Parse(content, StatementMessage())
    Statement.copy_from_pb(message).validate()
    json_format.ParseDict(statement["predicate"], Provenance())
    names = [subject["name"] for subject in statement["subject"]]
    assert len(set(names)) == len(names)
    return statement


def build_definition(statement: dict) -> dict:
    return statement["predicate"]["buildDefinition"]


def write_tree(directory: Path, repository: Path) -> str:
    """Git's own id of a directory, with no conversion of contents."""
    git(repository.parent, "init", "--quiet", "--bare", str(repository))
    lines = []
    for path in sorted(directory.rglob("*")):
        if path.is_symlink():
            mode, content = "120000", os.fsencode(path.readlink())
        elif path.is_file():
            mode, content = (
                "100755" if path.stat().st_mode & stat.S_IXUSR else "100644",
                path.read_bytes(),
            )
        else:
            continue
        blob = git(repository, "hash-object", "--no-filters", "-w", "--stdin", stdin=content)
        lines.append(f"{mode} {blob}\t".encode() + os.fsencode(path.relative_to(directory)) + b"\0")
    git(repository, "update-index", "-z", "--index-info", stdin=b"".join(lines))
    return git(repository, "write-tree")


def test_every_subject_has_the_tree_that_git_writes(bundle: Bundle, tmp_path: Path) -> None:
    for number, subject in enumerate(
        read_statement(bundle.write("intoto", tmp_path).read_bytes())["subject"]
    ):
        tree = write_tree(bundle.path / subject["name"], tmp_path / f"{number}.git")
        assert subject["digest"]["gitTree"] == tree, subject["name"]


# in-toto's DigestSet, with NUL for newline so that blanks are no matter
DIR_HASH = "find . -type f -print0 | cut -z -c3- | LC_ALL=C sort -z | xargs -0r sha256sum | sha256sum | cut -f1 -d' '"


def test_every_subject_has_the_hash_that_in_totos_command_prints_unless_it_holds_what_that_cannot_say(
    bundle: Bundle, tmp_path: Path
) -> None:
    subjects = read_statement(bundle.write("intoto", tmp_path).read_bytes())["subject"]
    unsayable = {subject["name"] for subject in subjects if "dirHash" not in subject["digest"]}
    for subject in subjects:
        if subject["name"] not in unsayable:
            assert (
                subject["digest"]["dirHash"]
                == run("sh", "-c", DIR_HASH, cwd=bundle.path / subject["name"]).strip()
            )
    assert unsayable <= {"third_party/torture", "crates/it's here/torture"}


def test_a_directory_hash_is_gos() -> None:
    """The summary is made as golang.org/x/mod/sumdb/dirhash makes it.

    Its lines are sorted by bytes; each has two blanks, the name and a newline after the hash.
    """
    one, two = (
        FileFact(RepoPath(path), Mode.FILE, EMPTY_BLOB, 0, EMPTY_SHA256)
        for path in (b"a b", b"a/b")
    )
    summary = f"{EMPTY_SHA256}  a b\n{EMPTY_SHA256}  a/b\n".encode()
    for files in ((one, two), (two, one)):
        (subject,) = read_statement(intoto.render(facts_of(component(files=files))))["subject"]
        assert subject["digest"]["dirHash"] == hashlib.sha256(summary).hexdigest()


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        (b"a\nb", Mode.FILE),
        (b"a\rb", Mode.FILE),
        (b"a\\b", Mode.FILE),
        (b"\xe9", Mode.FILE),
        (b"a", Mode.SYMLINK),
    ],
)
def test_what_a_directory_hash_cannot_say_has_none(path: bytes, mode: int) -> None:
    fact = FileFact(RepoPath(path), mode, EMPTY_BLOB, 0, EMPTY_SHA256)
    (subject,) = read_statement(intoto.render(facts_of(component(files=(fact,)))))["subject"]
    assert subject["digest"] == {"gitTree": TREE}


def test_each_upstream_commit_is_one_dependency(bundle: Bundle, tmp_path: Path) -> None:
    statement = read_statement(bundle.write("intoto", tmp_path).read_bytes())
    dependencies = build_definition(statement)["resolvedDependencies"]
    expected, by_name = [], {}
    for mirrored in bundle.components():
        upstream = mirrored["upstream"]
        uri = f"git+{upstream['url']}@{upstream['ref'] or upstream['commit']}"
        tag = {"gitTag": upstream["tag"]} if upstream["tag"] else {}
        dependency = {"uri": uri, "digest": {"gitCommit": upstream["commit"], **tag}}
        expected += [dependency] if dependency not in expected else []
        by_name[mirrored["name"]] = (uri, upstream["from"], upstream["tree"])
    assert dependencies == expected
    notes = [subject["annotations"] for subject in statement["subject"]]
    assert {
        note["mirror"]: (note["dependency"], note["from"], note["upstreamGitTree"])
        for note in notes
    } == by_name


INTOTO: dict = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [
        {
            "name": "third_party/up",
            "digest": {"gitTree": TREE, "dirHash": "e7d3b9e4c7d1b0f2"},
            "annotations": {
                "mirror": "up",
                "version": "1.2",
                "dependency": "git+https://example.org/up@refs/tags/v1.2",
                "from": "wit",
                "upstreamGitTree": TREE,
                "alsoAt": ["https://example.org/too"],
                "nested": [
                    {
                        "path": "deps/a",
                        "digest": {"gitTree": TREE},
                        "origin": {"mirror": "a", "uri": "git+https://example.org/a@refs/tags/v1"},
                    },
                    {"path": "deps/b.wit", "digest": {"gitBlob": EMPTY_BLOB}, "origin": None},
                ],
            },
        }
    ],
    "predicateType": "https://slsa.dev/provenance/v1",
    "predicate": {
        "buildDefinition": {
            "buildType": "git-verbatim:sync/v1",
            "externalParameters": {
                "mirrors": {
                    "up": {
                        "url": "https://example.org/up",
                        "tag": "v1.2",
                        "from": "wit",
                        "places": ["third_party/up"],
                        "include": ["/a"],
                        "exclude": [],
                    }
                }
            },
            "internalParameters": {"notHere": {"gone": "removed", "far": "absent"}},
            "resolvedDependencies": [
                {
                    "uri": "git+https://example.org/up@refs/tags/v1.2",
                    "digest": {"gitCommit": COMMIT, "gitTag": TAG},
                }
            ],
        },
        "runDetails": {"builder": {"id": "git-verbatim:report/v1"}},
    },
}


def test_the_statement_says_what_was_copied_from_where_as_asked_for() -> None:
    here = component(
        nested=NESTED,
        tag=TAG,
        source=RepoPath(b"wit"),
        include=("/a",),
        also_at=("https://example.org/too",),
        is_root=False,
    )
    content = intoto.render(facts_of(here, REMOVED, ABSENT))
    INTOTO["subject"][0]["digest"]["dirHash"] = hashlib.sha256(
        f"{EMPTY_SHA256}  empty\n".encode()
    ).hexdigest()
    assert content == json.dumps(INTOTO, indent=2).encode() + b"\n"
    read_statement(content)


def test_each_place_that_is_here_is_a_subject_of_one_mirror() -> None:
    whole = component("whole", places=("crates/whole", "third_party/whole"))
    here = component(places=PLACES, not_here=PLACES[:1])
    statement = read_statement(intoto.render(facts_of(whole, here)))
    assert [
        (subject["name"], subject["annotations"]["mirror"]) for subject in statement["subject"]
    ] == [
        ("crates/whole", "whole"),
        ("third_party/whole", "whole"),
        ("deps/up", "up"),
        ("third_party/up", "up"),
    ]
    assert len({json.dumps(subject["digest"]) for subject in statement["subject"]}) == 1
    build = build_definition(statement)
    assert build["internalParameters"] == {"placesNotHere": {"up": ["crates/gone/up"]}}
    assert build["externalParameters"]["mirrors"]["up"]["places"] == list(PLACES)


URIS = {
    ("https://Example.org/A/b.git", "v1"): "git+https://example.org/A/b.git@refs/tags/v1",
    ("git@Example.org:A/b", "v1"): "git+ssh://git@example.org/A/b@refs/tags/v1",
    ("ssh://git@example.org:2222/a", "v1"): "git+ssh://git@example.org:2222/a@refs/tags/v1",
    (
        "https://example.org/a b/ü",
        "v1#%ü<\u202e",
    ): "git+https://example.org/a%20b/%C3%BC@refs/tags/v1%23%25%C3%BC%3C%E2%80%AE",
    ("/srv/git/a#b", "v1"): "git+file:/srv/git/a%23b@refs/tags/v1",
    ("../up", "v1"): "git+file:../up@refs/tags/v1",
}


@pytest.mark.parametrize(("url", "tag"), URIS)
def test_dependencies_are_named_by_uris(url: str, tag: str) -> None:
    statement = read_statement(
        intoto.render(facts_of(component(url=url, pin=Pin(PinKind.TAG, tag))))
    )
    (dependency,) = build_definition(statement)["resolvedDependencies"]
    assert dependency["uri"] == URIS[url, tag]


def test_a_commit_pin_is_named_by_its_commit() -> None:
    statement = read_statement(intoto.render(facts_of(component(pin=Pin(PinKind.COMMIT, COMMIT)))))
    (dependency,) = build_definition(statement)["resolvedDependencies"]
    assert dependency == {
        "uri": f"git+https://example.org/up@{COMMIT}",
        "digest": {"gitCommit": COMMIT},
    }
    assert build_definition(statement)["externalParameters"]["mirrors"]["up"]["commit"] == COMMIT


def test_the_statement_is_ascii_whatever_the_words() -> None:
    hostile = component(
        pin=Pin(PinKind.TAG, "\u202e\x1b"), source=RepoPath(b"\xff\n"), exclude=("\x9b",)
    )
    assert intoto.render(facts_of(hostile)).replace(b"\n", b"").decode("ascii").isprintable()


# what is not here


@pytest.mark.parametrize("name", ["nix", "intoto", "sha256sums"])
def test_a_removed_mirror_is_no_longer_listed(
    torture_bundle: Bundle, tmp_path: Path, name: str
) -> None:
    torture_bundle.remove("torture")
    text = torture_bundle.write(name, tmp_path).read_bytes().decode("utf-8", "replace")
    assert "third_party/torture" not in text
    assert "crates/it's here/torture" not in text
    assert "crates/part" in text
    assert "third_party/deep/part" in text
    assert {
        "nix": "# removed: torture (1.0-rc.1)\n",
        "intoto": '"torture": "removed"',
        "sha256sums": "",
    }[name] in text
