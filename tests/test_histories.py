"""Which histories are refused, and which are not: real git, real hooks, a real server.

Each row is a history as a shell script. `git-verbatim` is on its PATH, and it starts in
third_party/ of a clone of this server:

    root:       src/main.c
    main^^:     alpha v1, beta v1, hidden v1 (checked-in = false)
    main^:      alpha v2
    main:       more work in src/

The clone alone has tags for a sync of one mirror, each on top of main: alpha-v1, alpha-v3, beta-v2.

The installed hooks are observed: what each says is written down, and git goes on all the same
unless HOOKS=enforced. `check --range` judges each history too.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from policies.check import Policy
from policies.verdict import Judgement
from sync.host.find import find_host
from sync.manifest.paths import as_written
from tests.support import forked
from tests.support.git import USER_CONFIGURATION, git
from tests.support.hosts import Host, mirror
from tests.support.laws import EVERY_ROW, each
from tests.support.program import Ran, run_tool
from tests.support.routes import DIFFERS, NONE, PASS, ROUTES, SEES, Route
from tests.support.upstreams import Upstream

CLIENT_HOOKS = ("pre-commit", "pre-merge-commit", "prepare-commit-msg", "commit-msg", "pre-push")

_OBSERVER = """\
#!/bin/sh
"$0.installed" "$@" 2>"$0.said"
status=$?
{ echo "== ${0##*/} $status"; cat "$0.said"; } >>"${0%/*}/heard"
cat "$0.said" >&2
[ "$HOOKS" != enforced ] || exit $status
"""

_WORDS = r"""set -e
change() { sed "$1" "$2" >"$2.new"; cat "$2.new" >"$2"; rm "$2.new"; }   # sed SCRIPT FILE, in place, mode and all
pin() { change "/\"$1\"/,/tag/s/^tag = .*/tag = \"$2\"/" mirrors.toml; }       # MIRROR TAG, in the manifest
into() { change "/\"$1\"/,/tag/{/^into/d;}" mirrors.toml; change "s|^.mirrors.\"$1\".\$|&#into = \"$2\"|" mirrors.toml; tr '#' '\n' <mirrors.toml >m; mv m mirrors.toml; }   # MIRROR PATH
bump() { pin "$1" "$2"; git verbatim sync "$1" --commit; }
stage() { pin "$1" "$2"; git verbatim sync "$1"; git add mirrors.toml; }
work() { echo "$1" >>../src/"$1".c; git add ../src; git commit -q -m "work on $1"; }
unseen() { git -c core.hooksPath=/dev/null "$@"; }                      # as if there were no hooks
spoil() { echo '// a quick fix' >>$A/a.wit; git add $A; }
bad() { spoil; unseen commit -q -m "${1:-bad}"; }
bad_branch() { git switch -q -c bad; bad; git switch -q main; }
publish() { unseen push -q origin HEAD:main; }
[ ! -d third_party ] || cd third_party
"""

NO_HOOKS = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.hooksPath",
    "GIT_CONFIG_VALUE_0": os.devnull,
}

INSIDE, OUTSIDE = "third_party/alpha", "crates/alpha/wit"
"""Where the mirror alpha lies: each row is tried with both."""

Blame = dict[str, list[str]]
"""What is refused → the rules it breaks, with the mirror."""


@dataclass(frozen=True)
class Said:
    """One run of a hook."""

    hook: str
    status: int
    blame: Blame


@dataclass(frozen=True)
class Clone:
    """A contributor's clone beside the server it is of."""

    path: Path
    place: str
    """Where the mirror alpha lies."""

    @property
    def host(self) -> Host:
        return Host(self.path / "work")

    @property
    def server(self) -> Path:
        return self.path / "server.git"

    def try_shell(self, script: str, **environment: str) -> Ran:
        done = subprocess.run(
            ["sh", "-c", _WORDS + script],
            cwd=self.host.path,
            capture_output=True,
            env={
                **os.environ,
                "PATH": f"{self.path.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
                "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
                "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
                "GIT_EDITOR": "true",
                **_variables(self.place),
                **environment,
            },
            check=False,
            text=True,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def shell(self, script: str, **environment: str) -> str:
        ran = self.try_shell(script, **environment)
        assert ran.status == 0, f"{script}\n{ran.out}{ran.err}"
        return ran.out

    def id(self, revision: str) -> str:
        return self.host.git("rev-parse", revision)

    def heard(self) -> list[Said]:
        """What the hooks have said, here and on the server, since the last time."""
        files = [self.host.path / ".git/hooks/heard", self.server / "hooks/heard"]
        said = [said for file in files if file.exists() for said in _parse_heard(file.read_text())]
        for file in files:
            file.unlink(missing_ok=True)
        return said

    @contextmanager
    def policy(self) -> Iterator[Policy]:
        """The engine of the hooks and `check`, in this process."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.host.path)
            yield Policy(find_host(self.host.path).require_repository())

    def staged(self) -> Blame:
        with self.policy() as policy:
            return _blame(policy.check_staged().judgements)

    def range(self, text: str) -> Blame:
        with self.policy() as policy:
            return _blame(policy.check_range(text).judgements)


def _variables(place: str) -> dict[str, str]:
    """What scripts call alpha's place, from the host's root ($P) and from third_party/ ($A).

    $G are the attributes that protect it.
    """
    if place == INSIDE:
        return {"P": place, "A": "alpha", "G": ".gitattributes"}
    return {"P": place, "A": f"../{place}", "G": "../.gitattributes"}


def _parse_heard(text: str) -> list[Said]:
    said = []
    for part in text.split("== ")[1:]:
        head, *lines = part.splitlines()
        hook, status = head.split()
        blame: Blame = {}
        label = ""
        for line in lines:
            if match := re.match(r"(commit [0-9a-f]{12}|the index)", line):
                label = match[0]
                blame[label] = []
            elif match := re.match(r"  (?!notice)([a-z-]+)(?:  (\S+))?$", line):
                blame[label].append(" ".join(filter(None, match.groups())))
        said.append(
            Said(
                hook, int(status), {label: sorted(rules) for label, rules in blame.items() if rules}
            )
        )
    return said


def _blame(judgements: Sequence[Judgement]) -> Blame:
    return {
        judgement.label: sorted(
            {f"{one.finding.rule} {one.finding.mirror}".strip() for one in judgement.violations}
        )
        for judgement in judgements
        if judgement.violations
    }


def _blamed(commits: Sequence[str], rules: Sequence[str]) -> Blame:
    return {f"commit {commit[:12]}": sorted(rules) for commit in commits}


# the repositories that all histories start from


def _alpha(a: str, b: str) -> dict[str | bytes, bytes | tuple[str, bytes]]:
    return {
        "LICENSE": b"do what you like\n",
        "wit/a.wit": f"package a:{a};  \n".encode(),
        "wit/b.wit": f"package b:{b};\n".encode(),
        "wit/sub/c.wit": b"interface c {}\n",
        "wit/crlf.txt": b"one\r\ntwo\r\n",
        "wit/run.sh": ("100755", b"#!/bin/sh\n"),
        "wit/link": ("120000", b"a.wit"),
        "wit/.gitignore": b"*.log\n",
        "wit/build.log": b"a log that upstream committed\n",
    }


PLACES = (INSIDE, OUTSIDE) if EVERY_ROW else (INSIDE,)
"""The places in which each row is tried; `make laws` asks for both."""


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    """Where the mirror alpha lies."""
    at: str = request.param
    return at


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """With alpha's place, the server and a clone with hooks installed; rows work in copies."""

    @cache
    def template(place: str) -> Path:
        directory = tmp_path_factory.mktemp("histories")
        (directory / "home").mkdir()
        (directory / "home/.gitconfig").write_text(USER_CONFIGURATION)
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith(("GIT_", "XDG_"))]:
                patch.delenv(name)
            patch.setenv("HOME", str(directory / "home"))
            patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
            _make_template(directory, place)
        return directory

    return template


def _make_template(directory: Path, place: str) -> None:
    (directory / "bin").mkdir()
    forked.install(directory / "bin/git-verbatim")

    alpha, beta = Upstream.create(directory / "alpha"), Upstream.create(directory / "beta")
    for tag, a, b in (("v1", "1", "1"), ("v2", "2", "1"), ("v3", "2", "3")):
        alpha.release(tag, _alpha(a, b))
    for tag in ("v1", "v2"):
        beta.release(tag, {"b.wit": f"package b:{tag};\n".encode(), "LICENSE": b"as you like\n"})

    maker = Host.create(directory / "maker")
    (maker.path / "src").mkdir()
    (maker.path / "src/main.c").write_text("int main;\n")
    (maker.path / "crates/alpha").mkdir(parents=True)
    (maker.path / "crates/alpha/lib.rs").write_text("mod alpha;\n")
    maker.git("add", "src", "crates")
    maker.git("commit", "-q", "-m", "a program")
    assert maker.run("init").status == 0
    manifest = [
        mirror("alpha", alpha.url, into=as_written(place), tag="v1", from_="wit", local=True),
        mirror("beta", beta.url, tag="v1", local=True),
        mirror("hidden", beta.url, tag="v1", local=True, checked_in=False),
    ]
    maker.manifest("\n".join(manifest))
    maker.sync("--commit")
    maker.manifest("\n".join(manifest).replace("v1", "v2", 1))
    maker.sync("--commit")
    (maker.path / "src/main.c").write_text("int main(void);\n")
    maker.git("commit", "-q", "-a", "-m", "more work")
    for tag, before, after in (
        ("alpha-v1", "v2", "v1"),
        ("alpha-v3", "v2", "v3"),
        ("beta-v2", 'v1"\nlocal = true\n\n', 'v2"\nlocal = true\n\n'),
    ):
        maker.git("switch", "-q", "--detach", "main")
        maker.manifest((maker.third_party / "mirrors.toml").read_text().replace(before, after, 1))
        maker.sync("--commit")
        maker.git("tag", tag)
    maker.git("switch", "-q", "main")

    start = directory / "start"
    git(
        directory,
        "clone",
        "-q",
        "--bare",
        "--no-tags",
        "--single-branch",
        str(maker.path),
        str(start / "server.git"),
    )
    git(start, "clone", "-q", "server.git", "work")
    git(start / "work", "fetch", "-q", "--tags", str(maker.path))
    git(start / "work", "remote", "set-url", "origin", "../server.git")
    for repository, hooks, options, names in (
        (start / "work", start / "work/.git/hooks", [], CLIENT_HOOKS),
        (start / "server.git", start / "server.git/hooks", ["--pre-receive"], ["pre-receive"]),
    ):
        assert run_tool(repository, "hook", "install", *options).status == 0
        for sample in hooks.glob("*.sample"):
            sample.unlink()
        for name in names:
            installed = hooks / f"{name}.installed"
            # it finds the program on PATH, where that begins with its imports done
            installed.write_text(
                (hooks / name).read_text().replace(f"python={sys.executable}\n", "python=\n")
            )
            installed.chmod(0o755)
            (hooks / name).write_text(_OBSERVER)
            (hooks / name).chmod(0o755)
        git(repository, "repack", "-q", "-a", "-d")  # few files are copied sooner


@pytest.fixture
def clone(templates: Callable[[str], Path], tmp_path: Path, place: str) -> Clone:
    """A copy of the server and the clone of it, for one row."""
    template = templates(place)
    (tmp_path / "bin").symlink_to(template / "bin")
    shutil.copytree(template / "start", tmp_path / "row", symlinks=True)
    return Clone(tmp_path / "row", place)


# refused: whatever changes a mirror without its provenance


@dataclass(frozen=True)
class Change:
    """A change that a plain commit of what is staged would make, and all that is wrong with it."""

    name: str
    script: str
    rules: tuple[str, ...]
    outside: tuple[str, ...] | None = None
    """What is wrong if the mirror lies outside third_party/, where other files are the host's."""

    def rules_at(self, place: str) -> tuple[str, ...]:
        return self.rules if place == INSIDE or self.outside is None else self.outside


MANIFEST = ("record-differs-from-manifest alpha",)
UNREADABLE = ("record-unreadable alpha",)
PROOF = ("proof-broken alpha",)
STRAY = ("unrecorded-file",)
ALTERED = ("attributes-alter-bytes alpha",)
GONE = (
    *(f"record-without-mirror {name}" for name in ("alpha", "beta", "hidden")),
    "mirror-differs-from-record hidden",
)

MESSAGE = (
    "'update the wit files\n\nMirror-Sync: alpha removed 4b825dc642cb6eb9a060e54bf8d69288fbee4904'"
)
"""Of the commits of all changes; commit-msg would miss the trailer of a mirror that is gone."""

FORGE = """\
import hashlib, json, os, pathlib, subprocess
place = os.environ["P"]
path = pathlib.Path("provenance/alpha.json")
record = json.loads(path.read_bytes())
for file in record["files"]:
    if file["path"] == "a.wit":
        content = pathlib.Path(os.environ["A"], "a.wit").read_bytes()
        file |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        file["blob"] = subprocess.check_output(["git", "rev-parse", f":{place}/a.wit"], text=True).strip()
tree = subprocess.check_output(["git", "write-tree", f"--prefix={place}/"], text=True).strip()
record |= {"tree": tree, "upstream_tree": tree}
path.write_text(json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\\n")
"""
FORGED = f"spoil; '{sys.executable}' - <<'END'\n{FORGE}END\ngit add provenance"

# fmt: off
CHANGES = (
    Change("edit", "echo >>$A/a.wit; git add $A", DIFFERS),
    Change("add", "echo >$A/new.wit; git add $A", DIFFERS),
    Change("delete", "git rm -q $A/a.wit", DIFFERS),
    Change("rename within the mirror", "git mv $A/a.wit $A/z.wit", DIFFERS),
    Change("rename out of the mirror", "git mv $A/a.wit ../src", DIFFERS),
    Change("rename into the mirror", "git mv ../src/main.c $A", DIFFERS),
    Change("mode +x", "chmod +x $A/a.wit; git add $A", DIFFERS),
    Change("mode -x", "chmod -x $A/run.sh; git add $A", DIFFERS),
    Change("file to symlink", "ln -sf b.wit $A/a.wit; git add $A", DIFFERS),
    Change("symlink to file", "rm $A/link; cp $A/a.wit $A/link; git add $A", DIFFERS),
    Change("file to directory", "rm $A/a.wit; mkdir $A/a.wit; echo >$A/a.wit/a.wit; git add $A", DIFFERS),
    Change("directory to file", "rm -r $A/sub; echo >$A/sub; git add $A", DIFFERS),
    Change("file to submodule", "git update-index --cacheinfo 160000,$(git rev-parse HEAD),$P/a.wit", DIFFERS),
    Change("mirror to submodule", "git rm -rq $A; git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),$P", DIFFERS),
    Change("CRLF made LF by `git add` under core.autocrlf", "echo '* !text' >../.git/info/attributes; git -c core.autocrlf=input add --renormalize $A", DIFFERS),
    Change("CRLF made LF by `git add` under attributes", "echo '* text' >../.git/info/attributes; git add --renormalize $A", DIFFERS),
    Change("a formatter's trailing white space", "change 's/ *$//' $A/a.wit; git add $A", DIFFERS),
    Change("a file lost that .gitignore hides", "git rm -rq --cached $A; git add $A", DIFFERS),
    Change("licence edited", "echo >>licenses/alpha/LICENSE; git add licenses", DIFFERS),
    Change("record: a digit of a sha256", """change '1,/size/{/sha256/s/[0-9a-e]",/f",/;}' provenance/alpha.json; git add provenance""", DIFFERS),
    Change("record: a size", """change 's/"size": 15/"size": 16/' provenance/alpha.json; git add provenance""", DIFFERS),
    Change("record: the URL", """change 's/"url": "/&x/' provenance/alpha.json; git add provenance""", MANIFEST),
    Change("record: the commit time", """change 's/03:04:05/03:04:06/' provenance/alpha.json; git add provenance""", PROOF),
    Change("record: mode +x", "chmod +x provenance/alpha.json; git add provenance", UNREADABLE),
    Change("record: deleted", "git rm -q provenance/alpha.json", ("mirror-without-record alpha",)),
    Change("record: a second mirror's", "cp provenance/beta.json provenance/alpha.json; git add provenance", UNREADABLE),
    Change("record: of another tag", "git checkout -q main^^ -- provenance/alpha.json", (*DIFFERS, *MANIFEST)),
    Change("record and mirror of another tag", "git checkout -q main^^ -- provenance/alpha.json $A", MANIFEST),
    Change("record and mirror edited to match", FORGED, PROOF),
    Change("pin moved without sync", "pin alpha v3; git add mirrors.toml", MANIFEST),
    Change("mirror dropped from the manifest", "change '/alpha/,/local/d' mirrors.toml; git add mirrors.toml", ("record-without-mirror alpha",)),
    Change("mirror and record dropped, files left", "change '/alpha/,/local/d' mirrors.toml; git add mirrors.toml; git rm -q provenance/alpha.json", STRAY, outside=()),
    Change("files of a mirror that is not checked in", "mkdir hidden; cp beta/b.wit hidden; git add --force hidden", ("mirror-differs-from-record hidden",)),
    Change("a file beside the mirrors", "echo >notes.txt; git add notes.txt", STRAY),
    Change("attributes that convert", "echo '*.wit text eol=crlf' >>$G; git add $G", (*ALTERED, "attributes-alter-bytes beta"), outside=ALTERED),
    Change("attributes deleted", "git rm -q $G", (*ALTERED, "attributes-alter-bytes beta", "attributes-alter-bytes hidden"), outside=ALTERED),
    Change("attributes that leave a file out of archives", "echo a.wit export-ignore >>$G; git add $G", ALTERED),
)
# fmt: on
"""Tried through all hooks, and in every shape of history."""

LOOKALIKES = {
    "third_party with a character that HFS+ ignores": r"th\342\200\214ird_party/alpha/a.wit",
    "third_party behind one": r"\357\273\277third_party/alpha/a.wit",
    "third_party with a dot": "third_party./alpha/a.wit",
    "third_party with a blank": "Third_Party /alpha/a.wit",
    "a stream of third_party": "third_party::$INDEX_ALLOCATION/alpha/a.wit",
    "a short name of third_party": "THIRD_~1/alpha/a.wit",
    "a short name of third_party with a hash": "the057~1/alpha/a.wit",
    "a path with backslashes": r"third_party\\alpha\\a.wit",
    "attributes in capitals": ".GITATTRIBUTES",
    "attributes with a character that HFS+ ignores": r".git\342\200\215attributes",
    "attributes with one behind the dot": r".\342\200\215gitattributes",
    "attributes behind one": r"\357\273\277.gitattributes",
    "a short name of third_party, of a thousand": "T~123456/alpha/a.wit",
    "a short name of attributes": "GITATT~1",
    "a short name of attributes with a hash": "gi7d29~2",
}
"""Names that some systems take for ours, as printf and git read them."""

# fmt: off
FURTHER = (
    Change("edit of a file in a directory", "echo >>$A/sub/c.wit; git add $A", DIFFERS),
    Change("add what .gitignore hides", "echo >$A/new.log; git add --force $A/new.log", DIFFERS),
    Change("delete all", "git rm -q -r $A", DIFFERS),
    Change("rename of the mirror", "git mv $A ${A}2", (*DIFFERS, *STRAY), outside=DIFFERS),
    Change("two files exchanged", "git mv $A/a.wit $A/t; git mv $A/b.wit $A/a.wit; git mv $A/t $A/b.wit", DIFFERS),
    Change("symlink to another place", "ln -sf b.wit $A/link; git add $A", DIFFERS),
    Change("directory to symlink", "rm -r $A/sub; ln -s ../beta $A/sub; git add $A", DIFFERS),
    Change("directory to submodule", "git rm -rq $A/sub; git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),$P/sub", DIFFERS),
    Change("mirror to symlink", "git rm -rq $A; ln -s ../src $A; git add $A", DIFFERS),
    Change("mirror to file", "git rm -rq $A; echo >$A; git add $A", DIFFERS),
    Change("licence deleted", "git rm -q licenses/alpha/LICENSE", DIFFERS),
    Change("licence added", "echo >licenses/alpha/NOTICE; git add licenses", DIFFERS),
    Change("record: a blob id", """change '1,/path/{/blob/s/[0-9a-e]",/f",/;}' provenance/alpha.json; git add provenance""", PROOF),
    Change("record: a mode", """change 's/"100755"/"100644"/' provenance/alpha.json; git add provenance""", PROOF),
    Change("record: the tree", """change '/"tree"/s/[0-9a-e]",/f",/' provenance/alpha.json; git add provenance""", PROOF),
    Change("record: the tag", """change 's/tags.v2/tags\\/v3/' provenance/alpha.json; git add provenance""", MANIFEST),
    Change("record: the commit", """change '/"commit":/s/[0-9a-e]",/f",/' provenance/alpha.json; git add provenance""", PROOF),
    Change("record: the directory it is from", """change 's/"from": "wit"/"from": "wot"/' provenance/alpha.json; git add provenance""", (*PROOF, *MANIFEST)),
    Change("record: a blank", "echo >>provenance/alpha.json; git add provenance", UNREADABLE),
    Change("record: CRLF", "change \"s/$/$(printf '\\r')/\" provenance/alpha.json; git add provenance", UNREADABLE),
    Change("record: a newer schema", """change 's/"schema": 2/"schema": 3/' provenance/alpha.json; git add provenance""", UNREADABLE),
    Change("record: emptied", ": >provenance/alpha.json; git add provenance", UNREADABLE),
    Change("record: to symlink", "ln -sf beta.json provenance/alpha.json; git add provenance", UNREADABLE),
    Change("mirror of another tag", "git checkout -q main^^ -- $A", DIFFERS),
    Change("URL moved without sync", """change 's/alpha"$/elsewhere"/' mirrors.toml; git add mirrors.toml""", MANIFEST),
    Change("mirror moved by the manifest alone", "into alpha gamma; git add mirrors.toml", MANIFEST),
    Change("manifest deleted", "git rm -q mirrors.toml", GONE),
    Change("a mirror in the manifest alone", """printf '[mirrors.new]\\nurl="https://example.org/new"\\ntag="v1"\\n' >>mirrors.toml; git add mirrors.toml""", ("mirror-without-record new",)),
    Change("a record that nobody asked for", "cp provenance/beta.json provenance/new.json; git add provenance", ("record-unreadable new",)),
    Change("a directory beside the mirrors", "mkdir new; echo >new/notes.txt; git add new", STRAY),
    Change("a file beside the records", "echo >provenance/notes.txt; git add provenance", STRAY),
    Change("a directory that some systems take for third_party", "B=$(git hash-object -w ../src/main.c); git update-index --add --cacheinfo 100644,$B,Third_Party/alpha/a.wit", STRAY),
    *(Change(f"{name} in the root", f"""B=$(git hash-object -w ../src/main.c); printf '100644 %s\\t{octal}\\n' $B | git update-index --add --index-info""", STRAY) for name, octal in LOOKALIKES.items()),
    Change("record: a licence's blob id", """change '/licenses/,/path/{/blob/s/[0-9a-e]",/f",/;}' provenance/alpha.json; git add provenance""", (*DIFFERS, *PROOF)),
)
# fmt: on
"""Tried by the same engine in this process: staged, and in every shape of history."""


def _refused_at(changes: Sequence[Change]) -> pytest.MarkDecorator:
    """With each place of alpha, the changes that are refused there."""
    cases = [
        pytest.param(place, change, id=f"{change.name}, in {place}")
        for place, tried in ((INSIDE, changes), (OUTSIDE, each(12, changes)))
        for change in tried
        if change.rules_at(place)
    ]
    return pytest.mark.parametrize(("place", "change"), cases, indirect=["place"])


@_refused_at(CHANGES)
def test_a_commit_of_it_is_refused_by_every_hook_and_in_the_range(
    clone: Clone, change: Change
) -> None:
    (clone.host.path / ".git/hooks/prepare-commit-msg").unlink()  # it judges nothing
    clone.shell(change.script)
    clone.shell(f"git commit -q -m {MESSAGE}")
    rules = change.rules_at(clone.place)
    in_index = {"the index": sorted(rules)}
    assert clone.heard() == [Said("pre-commit", 1, in_index), Said("commit-msg", 1, in_index)]

    in_commit = _blamed([clone.id("HEAD")], rules)
    assert clone.range("origin/main..HEAD") == in_commit
    clone.shell("git push -q origin HEAD:main")
    assert clone.heard() == [Said("pre-push", 1, in_commit), Said("pre-receive", 1, in_commit)]


@_refused_at(FURTHER)
def test_it_is_refused_where_it_is_staged(clone: Clone, change: Change) -> None:
    clone.shell(change.script)
    assert clone.staged() == {"the index": sorted(change.rules_at(clone.place))}


# on top of an old violation whatever makes it worse is refused, and what mends a part of it is not

MOVED = """change "s|\\"$P\\"|\\"${P}2\\"|" provenance/alpha.json; git add provenance"""
MANY = r"""B=$(git hash-object -w mirrors.toml)
seq 10001 | sed "s|.*|100644 $B\t$P/x&|" | git update-index --add --index-info"""

# fmt: off
WORSE = (
    Change("an edit, edited again", "spoil / spoil", DIFFERS),
    Change("an edit, another file edited", "spoil / echo >>$A/b.wit; git add $A", DIFFERS),
    Change("an edit, the file deleted", "spoil / git rm -q $A/a.wit", DIFFERS),
    Change("an edit, the pin moved", "spoil / pin alpha v3; git add mirrors.toml", MANIFEST),
    Change("an edit, another mirror edited", "spoil / echo >>beta/b.wit; git add beta", ("mirror-differs-from-record beta",)),
    Change("an edit, forged", f"spoil / {FORGED}", PROOF),
    Change("forged, and again", f"{FORGED} / {FORGED}", PROOF),
    Change("forged, then edited", f"{FORGED} / spoil", (*DIFFERS, *PROOF)),
    Change("the pin moved, and again", "pin alpha v3; git add . / pin alpha v4; git add .", MANIFEST),
    Change("record spoilt, and again", "echo >>provenance/alpha.json; git add . / echo >>provenance/alpha.json; git add .", UNREADABLE),
    Change("record spoilt, the mirror edited", "echo >>provenance/alpha.json; git add . / spoil", UNREADABLE),
    Change("record deleted, the mirror edited", "git rm -q provenance/alpha.json / spoil", ("mirror-without-record alpha",)),
    Change("dropped from the manifest, edited", "change '/alpha/,/local/d' mirrors.toml; git add . / spoil", DIFFERS),
    Change("a stray file, another one", "echo >a; git add a / echo >b; git add b", STRAY),
    Change("the record moved, the mirror edited", f"{MOVED} / spoil", DIFFERS),
    Change("far too many files, one of them edited", f"{MANY} / git update-index --cacheinfo 100755,$(git rev-parse :$P/x7),$P/x7", DIFFERS),
    Change("far too many files, the mirror edited", f"{MANY} / spoil", DIFFERS),
    Change("forged in the record, then in the mirror", f"{FORGED}; git checkout -q HEAD -- $A / spoil", PROOF),
)
# fmt: on


@pytest.mark.parametrize("change", [pytest.param(change, id=change.name) for change in WORSE])
def test_on_top_of_an_old_violation_a_worse_one_is_refused(clone: Clone, change: Change) -> None:
    old, _, new = change.script.partition(" / ")
    clone.shell(f"{old}\ngit commit -q -m old", **NO_HOOKS)
    clone.shell(new)
    assert clone.staged() == {"the index": sorted(change.rules_at(clone.place))}
    clone.shell("git commit -q -m new", **NO_HOOKS)
    assert clone.range("HEAD^..HEAD") == _blamed([clone.id("HEAD")], change.rules_at(clone.place))


TWO = "spoil; echo >>$A/b.wit; git add $A"
# fmt: off
MENDED = (
    Change("one of two edits", f"{TWO} / git checkout -q HEAD^ -- $A/a.wit", ()),
    Change("one of two edits, the record moved", f"{MOVED}; {TWO} / git checkout -q HEAD^ -- $A/a.wit", ()),
    Change("one of two edits among far too many files", f"{MANY}; {TWO} / git checkout -q HEAD^ -- $A/a.wit", ()),
    Change("one of far too many files", f"{MANY} / git rm -q --cached $A/x1", ()),
    Change("one of two files that were all", "git rm -q -r $A / git checkout -q HEAD^ -- $A/a.wit", ()),
)
# fmt: on


@pytest.mark.parametrize("change", [pytest.param(change, id=change.name) for change in MENDED])
def test_who_mends_a_part_of_an_old_violation_is_not_refused(clone: Clone, change: Change) -> None:
    old, _, new = change.script.partition(" / ")
    clone.shell(f"{old}\ngit commit -q -m old", **NO_HOOKS)
    assert clone.range("HEAD^..HEAD") != {}
    clone.shell(new)
    assert clone.staged() == {}
    clone.shell("git commit -q -m new", **NO_HOOKS)
    assert clone.range("HEAD^..HEAD") == {}


# each shape that the history around a changed mirror may have

SHAPES = {
    "on top of a good commit": (["good", "bad 0"], [1]),
    "without parents": (["bad"], [0]),
    "kept by honest work": (["good", "bad 0", "bad 1", "bad 2"], [1]),
    "put right after": (["good", "bad 0", "good 1"], [1]),
    "put right after, and made again": (["good", "bad 0", "good 1", "bad 2"], [1, 3]),
    "in the middle of much work": (
        ["good", *(f"good {n}" for n in range(20)), *(f"bad {n}" for n in range(20, 40))],
        [21],
    ),
    "merged": (["good", "good 0", "bad 0", "bad 1 2"], [2]),
    "merged the other way round": (["good", "good 0", "bad 0", "bad 2 1"], [2]),
    "merged, and nothing kept": (["good", "good 0", "bad 0", "good 1 2"], [2]),
    "merged, nothing kept, and made again": (
        ["good", "good 0", "bad 0", "good 1 2", "bad 3"],
        [2, 4],
    ),
    "made twice in two branches": (["good", "bad 0", "bad 0", "bad 1 2"], [1, 2]),
    "an evil merge": (["good", "good 0", "good 0", "bad 1 2"], [3]),
    "an evil merge of a commit with itself": (["good", "good 0", "bad 1 1"], [2]),
    "an evil octopus": (["good", "good 0", "good 0", "good 0", "bad 1 2 3"], [4]),
    "an octopus with one of them": (["good", "good 0", "bad 0", "good 0", "bad 1 2 3"], [2]),
    "an evil merge with another root": (["good", "other", "bad 0 1"], [2]),
    "merged from another root": (["good", "bad", "bad 0 1"], [1]),
    "merged from another root, and nothing kept": (["good", "bad", "good 0 1"], [1]),
    "on a root without third_party/": (["other", "bad 0"], [1]),
}
"""The commits of a history in order, and those to blame.

Each commit has the state of third_party/ and its parents.
"""


def _import(repository: Path, trees: Mapping[str, str]) -> dict[str, list[str]]:
    """Make the commits of all shapes by git fast-import; gives their ids.

    Each commit has work of its own, and one branch leads to all of them.
    """
    script: list[str] = []
    marks: dict[str, range] = {}
    for name, (commits, _) in SHAPES.items():
        first = sum(map(len, marks.values())) + 1
        marks[name] = range(first, first + len(commits))
        for mark, (kind, *parents) in zip(marks[name], map(str.split, commits), strict=True):
            script += _commit(mark, trees[kind], [first + int(parent) for parent in parents])
    last = sum(map(len, marks.values())) + 1
    script += _commit(last, trees["good"], [shape[-1] for shape in marks.values()])
    ids = git(repository, "fast-import", "--quiet", stdin="\n".join([*script, ""]).encode()).split()
    return {name: [ids[mark - 1] for mark in shape] for name, shape in marks.items()}


def _commit(mark: int, tree: str, parents: Sequence[int]) -> list[str]:
    return [
        "reset refs/heads/shapes\n",
        f"commit refs/heads/shapes\nmark :{mark}\ncommitter T <t@example.org> 0 +0000\ndata 0",
        *(f"{'merge' if at else 'from'} :{parent}" for at, parent in enumerate(parents)),
        f'M 040000 {tree} ""\nM 100644 inline work\ndata <<END\n{mark}\nEND\nget-mark :{mark}',
    ]


@_refused_at((*CHANGES, *FURTHER))
def test_in_every_shape_of_history_the_range_blames_who_made_it(
    clone: Clone, change: Change
) -> None:
    trees = {"good": clone.id("HEAD^{tree}"), "other": clone.id("main~3^{tree}")}
    clone.shell(change.script)
    trees["bad"] = clone.host.git("write-tree")
    shapes = _import(clone.host.path, trees)
    found = clone.range("shapes")
    blamed = {
        name: [at for at, one in enumerate(ids) if f"commit {one[:12]}" in found]
        for name, ids in shapes.items()
    }
    assert blamed == {name: expected for name, (_, expected) in SHAPES.items()}
    assert found == _blamed(
        [ids[at] for name, ids in shapes.items() for at in blamed[name]],
        change.rules_at(clone.place),
    )


# each route that a changed mirror may take into a history

VERDICTS = {0: PASS, 1: SEES}


def _said_by(hook: str, said: Sequence[Said]) -> str:
    """The worst that a hook has said."""
    return max(
        (VERDICTS[one.status] for one in said if one.hook == hook),
        key=[NONE, PASS, SEES].index,
        default=NONE,
    )


@pytest.mark.parametrize("place", [INSIDE, OUTSIDE], indirect=True)
@pytest.mark.parametrize("route", [pytest.param(route, id=route.name) for route in each(4, ROUTES)])
def test_by_every_route_pre_push_and_pre_receive_and_the_range_refuse_it(
    clone: Clone, route: Route
) -> None:
    clone.shell(route.given, **NO_HOOKS)
    clone.heard()
    clone.shell(route.when)
    said = clone.heard()
    assert [_said_by(hook, said) for hook in ("pre-commit", "pre-merge-commit", "commit-msg")] == [
        route.pre_commit,
        route.pre_merge_commit,
        route.commit_msg,
    ]
    blamed = _blamed([clone.id(route.blamed)], route.rules)
    tip = (
        "HEAD"
        if route.push.startswith(("HEAD", "+HEAD", "--all"))
        else route.push.partition(":")[0]
    )
    assert clone.range(f"origin/main..{'bad' if route.push == '--all' else tip}") == blamed
    clone.shell(f"git push -q origin {route.push}")
    assert clone.heard() == [Said("pre-push", 1, blamed), Said("pre-receive", 1, blamed)]


# accepted


@dataclass(frozen=True)
class Honest:
    """A history without fault.

    It names the hooks that git runs for it, all of which let it pass, and the mirrors that its last
    commit names.
    """

    name: str
    given: str
    when: str
    pre_commit: str
    pre_merge_commit: str
    commit_msg: str
    trailers: tuple[str, ...] = ()
    push: str = "HEAD:main"
    remote: str = "origin"


TOPIC = "git branch topic alpha-v3; work own"
SYNCED = "git reset -q --hard alpha-v3"
TWO = "git branch a alpha-v3; git branch b beta-v2"
BEFORE = "cd ..; git switch -q -c before main~3"
ADOPT = "cd ./$(git rev-parse --show-cdup); git verbatim init --no-hooks; git show main^^:third_party/mirrors.toml >third_party/mirrors.toml; git verbatim sync --commit"
V3 = ("alpha v3",)
ALL = ("alpha removed", "beta removed", "hidden removed")

# fmt: off
HONEST = (
    #                                                                       pre-commit, pre-merge-commit, commit-msg
    Honest("work that touches no mirror", "", "work own", PASS, NONE, PASS),
    Honest("a commit of nothing", "", "git commit -q --allow-empty -m nothing", PASS, NONE, PASS),
    Honest("a commit without parents", "git checkout -q --orphan other", "git commit -q -m root", PASS, NONE, PASS, ("alpha v2", "beta v1", "hidden v1"), push="other"),
    Honest("sync --commit", "", "bump alpha v3", PASS, NONE, PASS, V3),
    Honest("sync, commit", "", "stage alpha v3; git commit -q -m sync", PASS, NONE, PASS, V3),
    Honest("sync, commit -a", "", "pin alpha v3; git verbatim sync; git commit -q -a -m sync", PASS, NONE, PASS, V3),
    Honest("sync, commit PATH", "", "pin alpha v3; git verbatim sync; git commit -q -m sync . $A", PASS, NONE, PASS, V3),
    Honest("sync in a linked worktree", "git worktree add -q -b linked ../../linked", "cd ../../linked/third_party; stage alpha v3; git commit -q -m sync", PASS, NONE, PASS, V3, push="linked:main"),
    Honest("a mirror that is not checked in, bumped", "", "bump hidden v2", PASS, NONE, PASS, ("hidden v2",)),
    Honest("a mirror checked in from now on", "", "change /checked-in/d mirrors.toml; git verbatim sync; git commit -q -a -m hidden", PASS, NONE, PASS, ("hidden v1",)),
    Honest("a mirror moved", "", "into alpha x/y; git verbatim sync; git commit -q -a -m moved", PASS, NONE, PASS, ("alpha v2",)),
    Honest("comments in the manifest", "", "echo '# pins' >>mirrors.toml; git commit -q -a -m comment", PASS, NONE, PASS),
    Honest("attributes that change nothing", "", "echo '*.c text' >>../.gitattributes; git add ..; git commit -q -m attributes", PASS, NONE, PASS),
    Honest("a mirror removed", "", "git verbatim remove beta --commit", PASS, NONE, PASS, ("beta removed",)),
    Honest("a mirror removed, commit", "", "git verbatim remove beta; git commit -q -a -m less", PASS, NONE, PASS, ("beta removed",)),
    Honest("a mirror removed and added again", "git verbatim remove beta --commit", "git checkout -q HEAD^ -- mirrors.toml; git verbatim sync; git commit -q -m again", PASS, NONE, PASS, ("beta v1",)),
    Honest("all mirrors removed", "", "git verbatim remove alpha beta hidden --commit", PASS, NONE, PASS, ALL),
    Honest("third_party/ removed", "", "cd ..; git rm -q -r third_party; git commit -q -m less", PASS, NONE, PASS, ALL),
    Honest("adopted in a repository with history", BEFORE, f"{ADOPT}; echo >>src/main.c; git commit -q -a -m work", PASS, NONE, PASS, push="before"),
    Honest("adopted where third_party/ has files already", f"{BEFORE}; mkdir third_party; echo >third_party/own.c; git add .; git commit -q -m own", f"{ADOPT}; echo >>third_party/own.c; git commit -q -a -m work", PASS, NONE, PASS, push="before"),
    Honest("adopted in a branch, merged", f"{BEFORE}; git branch old; {ADOPT}; git switch -q old; echo >>src/main.c; git commit -q -a -m work", "git merge -q --no-edit before", NONE, PASS, PASS, push="old"),
    Honest("sync, amended with other work", SYNCED, "echo >>../src/main.c; git commit -q -a --amend --no-edit", PASS, NONE, PASS, V3),
    Honest("sync, amended to another pin", SYNCED, "stage alpha v1; git commit -q --amend --no-edit", PASS, NONE, PASS, ("alpha v1",)),
    Honest("sync, squashed", "git switch -q -c topic alpha-v3; git cherry-pick beta-v2; git switch -q main", "git merge -q --squash topic; git commit -q -m both", PASS, NONE, PASS, (*V3, "beta v2")),
    Honest("sync, rebased", TOPIC, "git switch -q topic; git rebase -q main", NONE, NONE, NONE, V3),
    Honest("sync, rebased with --apply", TOPIC, "git switch -q topic; git rebase -q --apply main", NONE, NONE, NONE, V3),
    Honest("sync, rebased over another mirror's", TWO, "git switch -q b; git rebase -q a", NONE, NONE, NONE, ("beta v2",)),
    Honest("sync, rebased with a fixup", f"{SYNCED}; echo >>../src/main.c; git commit -q -a --fixup HEAD", "GIT_SEQUENCE_EDITOR=true git rebase -q -i --autosquash origin/main", NONE, NONE, NONE, V3),
    Honest("sync, cherry-picked", TOPIC, "git cherry-pick topic", NONE, NONE, NONE, V3),
    Honest("sync, mailed", TOPIC, "git format-patch -q -1 topic -o ../..; git am -q --keep-cr ../../0001-*.patch", NONE, NONE, NONE, V3),
    Honest("sync, reverted", SYNCED, "git revert --no-edit HEAD", NONE, NONE, NONE, ("alpha v2",)),
    Honest("sync, reverted, reverted", SYNCED, "git revert --no-edit HEAD; git revert --no-edit HEAD", NONE, NONE, NONE, V3),
    Honest("sync, merged", TOPIC, "git merge -q --no-edit topic", NONE, PASS, PASS),
    Honest("sync, merged fast-forward", "git branch topic alpha-v3", "git merge -q topic", NONE, NONE, NONE, V3),
    Honest("sync, merged with nothing kept", TOPIC, "git merge -q -s ours --no-edit topic", NONE, PASS, PASS),
    Honest("two mirrors bumped in two branches, merged", TWO, "git merge -q a; git merge -q --no-edit b", NONE, PASS, PASS),
    Honest("two mirrors bumped in two branches, squashed", TWO, "git merge -q a; git merge -q --squash b; git commit -q -m b", PASS, NONE, PASS, ("beta v2",)),
    Honest("a mirror removed and one bumped, merged", "git branch a alpha-v3; git verbatim remove hidden --commit", "git merge -q --no-edit a", NONE, PASS, PASS),
    Honest("one mirror bumped in two branches, merged, theirs", "git branch a alpha-v3; git reset -q --hard alpha-v1", "git merge -q a || git checkout -q a -- :/; git commit -q -m merged", PASS, NONE, PASS),
    Honest("one mirror bumped in two branches, merged, sync again", "git branch a alpha-v3; git reset -q --hard alpha-v1", "git merge -q a || git checkout -q --theirs mirrors.toml; git add mirrors.toml; git verbatim sync --discard-local alpha; git commit -q -m merged", PASS, NONE, PASS),
    Honest("an octopus", f"{TWO}; git switch -q -c c; work own; git switch -q main; work other", "git merge -q --no-edit a b c", NONE, PASS, PASS),
    Honest("branches of two roots, merged", "git checkout -q --orphan other; git rm -rqf --cached ..; echo 1 >../README; git add ../README; git commit -q -m other; git switch -qf main", "git merge -q --no-edit --allow-unrelated-histories other", NONE, PASS, PASS),
    Honest("on top of an old violation", "bad; publish", "work own; bump beta v2; work own", PASS, NONE, PASS),
    Honest("an old violation, merged", "bad; publish; git switch -q -c old; work own; git switch -q main; work other", "git merge -q --no-edit old", NONE, PASS, PASS),
    Honest("an old violation, put right by git", "bad; publish", "git checkout -q HEAD^ -- $A; git commit -q -m mended", PASS, NONE, PASS, ("alpha v2",)),
    Honest("an old violation, put right by sync", "bad; publish", "git verbatim sync --discard-local alpha; git commit -q -m mended", PASS, NONE, PASS, ("alpha v2",)),
    Honest("an old violation, gone with a bump", "bad; publish", "pin alpha v3; git verbatim sync --discard-local alpha --commit", PASS, NONE, PASS, V3),
    Honest("a violation, amended away", "bad", "git checkout -q HEAD^ -- $A; echo >>../src/main.c; git commit -q -a --amend -m own", PASS, NONE, PASS, ("alpha v2",)),
    Honest("a violation in the working tree alone", "", "echo >>$A/a.wit; echo >$A/new; work own", PASS, NONE, PASS),
    Honest("a violation staged, commit PATH of other work", "", "spoil; echo >>../src/main.c; git commit -q -m own ../src/main.c", PASS, NONE, PASS),
    Honest("a violation staged and put back, commit -a", "", "spoil; git show HEAD:$P/a.wit >$A/a.wit; echo >>../src/main.c; git commit -q -a -m own", PASS, NONE, PASS),
    Honest("sync, with an edit on top that is not staged", "", "stage alpha v3; echo >>$A/a.wit; git commit -q -m sync", PASS, NONE, PASS, V3),
    Honest("sync, unstaged, and committed by PATH", "", "stage alpha v3; git reset -q; git commit -q -m sync provenance $A mirrors.toml", PASS, NONE, PASS, V3),
    Honest("in the middle of a long push", f"{SYNCED}; n=0; while [ $n -lt 60 ]; do n=$((n+1)); git update-ref HEAD $(git commit-tree -p HEAD -m $n HEAD^{{tree}}); done", "", NONE, NONE, NONE),
    Honest("a tag, a new branch, and the branch again", f"{SYNCED}; git tag -a -m t t; git branch b", "", NONE, NONE, NONE, V3, push="HEAD:main t b"),
    Honest("a branch deleted", "git push -q origin HEAD:b", "", NONE, NONE, NONE, push=":b"),
    Honest("on top of an old violation, pushed to a URL", "bad; publish; work own", "", NONE, NONE, NONE, push="HEAD:refs/heads/b", remote="../server.git"),
    Honest("on top of an old violation, pushed to a remote for the first time", "bad; publish; work own; git remote add other ../server.git", "", NONE, NONE, NONE, push="HEAD:refs/heads/b", remote="other"),
    Honest("a force push to before a sync", "git switch -q --detach main^; git cherry-pick alpha-v3", "", NONE, NONE, NONE, V3, push="+HEAD:main"),
)
# fmt: on


@pytest.mark.parametrize(
    "honest", [pytest.param(honest, id=honest.name) for honest in each(4, HONEST)]
)
def test_no_false_alarm_by_any_hook_or_in_the_range(clone: Clone, honest: Honest) -> None:
    clone.shell(honest.given, **NO_HOOKS)
    clone.heard()
    clone.shell(honest.when, HOOKS="enforced")
    said = clone.heard()
    assert [_said_by(hook, said) for hook in ("pre-commit", "pre-merge-commit", "commit-msg")] == [
        honest.pre_commit,
        honest.pre_merge_commit,
        honest.commit_msg,
    ]
    tip = "HEAD" if "HEAD" in honest.push else honest.push.partition(":")[0] or "HEAD"
    assert clone.range(f"origin/main..{tip}") == {}
    message = clone.host.git("log", "-1", "--format=%B", tip)
    assert (
        tuple(re.findall(r"^Mirror-Sync: (.*) [0-9a-f]{40}$", message, re.MULTILINE))
        == honest.trailers
    )
    clone.shell(f"git push -q {honest.remote} {honest.push}", HOOKS="enforced")
    assert clone.heard() == [Said("pre-push", 0, {}), Said("pre-receive", 0, {})]


# the hooks in earnest


FINDING = """\
  mirror-differs-from-record  alpha
    {place}/a.wit:2: content differs
    put back: git restore --source={parent} --staged --worktree -- :/{place} :/third_party/provenance/alpha.json
    or: make the change upstream, move the pin of alpha in third_party/mirrors.toml, and run `git verbatim sync alpha --commit`
"""
IN_INDEX = f"the index\n{FINDING}refused: 1 violation in the index\nwhy: git verbatim check --explain mirror-differs-from-record\n"
IN_RANGE = f"""\
commit {{commit}}  bad
{FINDING}\
refused: 1 violation in {{scope}}
hint: a later commit does not heal an earlier one: `git rebase --interactive {{parent}}`, mark {{commit}} `edit` (or `drop`), \
put back there what is said above, `git commit --amend`, `git rebase --continue`
why: git verbatim check --explain mirror-differs-from-record
"""


def _in_index(clone: Clone) -> str:
    return IN_INDEX.format(parent=clone.id("origin/main")[:12], place=clone.place)


def _in_range(clone: Clone, bad: str, scope: str) -> str:
    commit, parent = (clone.id(one)[:12] for one in (bad, f"{bad}^"))
    return IN_RANGE.format(commit=commit, parent=parent, scope=scope, place=clone.place)


@pytest.mark.parametrize("option", ["", "--all", "$P/a.wit"])
def test_a_refused_commit_is_not_made(clone: Clone, option: str) -> None:
    ran = clone.try_shell(
        f"echo '// a quick fix' >>$A/a.wit; git add . $A; cd ..; git commit -m bad {option}",
        HOOKS="enforced",
    )
    assert (ran.status, ran.err) == (1, _in_index(clone))
    assert clone.id("HEAD") == clone.id("origin/main")


def test_a_refused_merge_is_not_made(clone: Clone) -> None:
    clone.shell("git reset -q --hard alpha-v3", **NO_HOOKS)
    ran = clone.try_shell("git merge -q -X ours --no-edit alpha-v1", HOOKS="enforced")
    assert ran.status != 0 and "mirror-differs-from-record" in ran.err
    assert clone.id("HEAD") == clone.id("alpha-v3")


def test_a_refused_push_does_not_ask_the_server(clone: Clone) -> None:
    clone.shell("bad", **NO_HOOKS)
    ran = clone.try_shell("git push -q origin HEAD:main", HOOKS="enforced")
    assert (ran.status, ran.err.partition("error:")[0]) == (
        1,
        _in_range(clone, "HEAD", "the push to origin"),
    )
    assert [said.hook for said in clone.heard()] == ["pre-push"]
    assert git(clone.server, "rev-parse", "main") == clone.id("origin/main")


def test_of_a_refused_push_nothing_lands_and_the_pusher_reads_why(clone: Clone) -> None:
    clone.shell("bad_branch; work own", **NO_HOOKS)
    refs, bad = git(clone.server, "for-each-ref"), clone.id("bad")
    ran = clone.try_shell("git push -q --no-verify origin main bad", HOOKS="enforced")
    assert ran.status != 0
    told = [
        line.removeprefix("remote: ").rstrip()
        for line in ran.err.splitlines()
        if line.startswith("remote: ")
    ]
    assert [line for line in told if line] == _in_range(clone, "bad", "the push").splitlines()
    assert git(clone.server, "for-each-ref") == refs
    assert git(clone.server, "cat-file", "--batch-check", stdin=bad.encode()) == f"{bad} missing"


def test_the_program_says_the_same_of_a_range(clone: Clone) -> None:
    clone.shell("work own; bad; work other", **NO_HOOKS)
    ran = clone.host.run("check", "--range", "origin/main..HEAD")
    assert (ran.status, ran.out) == (1, _in_range(clone, "HEAD^", "origin/main..HEAD"))
    ran = clone.host.run("check", "--range", "HEAD^..HEAD")
    assert (ran.status, ran.out) == (
        0,
        "clean: nothing of third_party/ is touched in HEAD^..HEAD\n",
    )


def test_the_program_says_the_same_of_the_index(clone: Clone) -> None:
    assert (clone.host.run("check").status, clone.host.run("check", "--all").status) == (0, 0)
    clone.shell("spoil")
    ran = clone.host.run("check")
    assert (ran.status, ran.out) == (1, _in_index(clone))
