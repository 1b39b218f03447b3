"""The real upstreams, where somebody has brought them.

    make test-real UPSTREAMS=DIR [PINS=FILE] [FORMS=FILE]

They are every pin of a list, and every tag of every WASI repository. DIR holds bare repositories as
<owner>/<name>. PINS is a JSON list of pins with the tree ids that they must give, FORMS a JSON list
of derived forms with the bytes that they must have.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.git import git
from tests.support.git_http import git_http
from tests.support.hosts import Host, mirror
from tests.support.wit import TOOLS, form

UPSTREAMS = Path(os.environ.get("GIT_VERBATIM_UPSTREAMS", os.devnull))
PINS = Path(os.environ.get("GIT_VERBATIM_PINS", os.devnull))
FORMS = Path(os.environ.get("GIT_VERBATIM_FORMS", os.devnull))
WASI = sorted(path for path in UPSTREAMS.glob("WebAssembly/*") if not path.is_symlink())

pytestmark = [
    pytest.mark.skipif(
        not UPSTREAMS.is_dir(), reason="needs GIT_VERBATIM_UPSTREAMS, a directory of real upstreams"
    ),
    pytest.mark.timeout(600),
]


def upstream_path(repository: str) -> Path:
    # two repositories were renamed after the pins were written
    owner, name = repository.split("/")
    name = {"wasi-runtime-config": "wasi-config"}.get(name, name)
    return next(
        path
        for path in (UPSTREAMS / owner / name, UPSTREAMS / owner / f"{name}.git")
        if path.is_dir()
    )


@pytest.mark.skipif(not PINS.is_file(), reason="needs GIT_VERBATIM_PINS, a list of pins")
def test_every_pin_gives_exactly_the_tree_that_its_consumer_has(host: Host) -> None:
    pins = json.loads(PINS.read_text())
    tables = [
        mirror(
            f"pin-{number}",
            str(upstream_path(pin["upstream_repo"])),
            local=True,
            **({"tag": pin["pin"]} if pin["pin_kind"] == "tag" else {"commit": pin["commit"]}),
            from_=pin["upstream_path"],
            exclude=pin["excluded"],
        )
        for number, pin in enumerate(pins)
    ]
    host.manifest("\n".join(tables))
    host.sync("--commit")
    for number, pin in enumerate(pins):
        record = host.record(f"pin-{number}")
        assert record["upstream"]["commit"] == pin["commit"]
        assert record["upstream_tree"] == pin["upstream_tree"]
        assert (
            record["tree"]
            == pin["dest_tree"]
            == host.git("rev-parse", f"HEAD:third_party/pin-{number}")
        )
        assert {file["path"]: file["blob"] for file in record["files"]} == pin["files"]
    assert host.run("verify").status == 0
    assert host.run("verify", "--rev", "HEAD", "--upstream").status == 0
    print(f"{len(pins)} pins")


@pytest.mark.skipif(not FORMS.is_file(), reason="needs GIT_VERBATIM_FORMS, a list of forms")
def test_every_form_has_exactly_the_expected_bytes(host: Host) -> None:
    wanted = json.loads(FORMS.read_text())
    tables = [
        mirror(
            one["name"],
            str(upstream_path(one["url"].removeprefix("https://github.com/"))),
            commit=one["commit"],
            from_=one["from"],
            **({"exclude": one["exclude"]} if one.get("exclude") else {}),
            local=True,
        )
        for one in wanted["mirrors"]
    ]
    expected: dict[str, str] = {}
    for number, row in enumerate(wanted["rows"]):
        main = row["inputs"]["main"]
        if patch := row.get("patched"):
            main = f"patched-{number}"
            path = host.third_party / "patches" / f"{number}.patch"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"Description: other versions\nAuthor: A\n\n{patch['patch']}")
            patches = [f"patches/{number}.patch"]
            tables.append(form(main, "patched", row["inputs"]["main"], main, patches=patches))
        for kind, facts in row["forms"].items():
            name, needs = f"{kind}-{number}", row["inputs"]["deps"]
            more = {"with_": needs} if needs else {}
            tables.append(form(name, kind, main, f"made/{name}", **more))
            expected[name] = facts["sha256"]
    host.manifest(TOOLS + "\n".join(tables))
    host.sync("--commit")
    records = host.third_party / "provenance" / "derived"
    made = {
        path.stem: json.loads(path.read_bytes())["outputs"][0]["sha256"]
        for path in records.iterdir()
        if not path.name.startswith("patched-")
    }
    assert made == expected
    assert host.run("verify", "--rebuild").status == 0
    print(f"{len(expected)} forms")


def wit_directories(repository: Path, tag: str) -> Iterator[str]:
    """The root, and every directory that holds WIT files but lies in no other such directory."""
    yield ""
    files = git(
        repository, "-c", "core.quotePath=off", "ls-tree", "-r", "--name-only", tag
    ).splitlines()
    directories = {path.rpartition("/")[0] for path in files if path.endswith(".wit")}
    yield from sorted(
        d
        for d in directories
        if d and not any(d.startswith(f"{other}/") for other in directories if other)
    )


@pytest.mark.parametrize("repository", WASI, ids=lambda path: path.name)
def test_every_tag_of_a_wasi_repository_is_mirrored_exactly(repository: Path, host: Host) -> None:
    tags = git(repository, "tag").split()
    wanted = [(tag, source) for tag in tags for source in wit_directories(repository, tag)]
    tables = []
    for number, (tag, source) in enumerate(wanted):
        keys: dict[str, Any] = {"tag": tag, "local": True, **({"from_": source} if source else {})}
        if git(repository, "for-each-ref", "--format=%(tag)", f"refs/tags/{tag}") not in {"", tag}:
            keys["allow"] = ["tag-renamed"]  # wasi-io has its v0.2.0 once more, as `show`
        tables.append(mirror(f"m{number}", str(repository), **keys))
    host.manifest("\n".join(tables))
    host.sync("--commit")
    for number, (tag, source) in enumerate(wanted):
        expected = git(repository, "rev-parse", f"{tag}:{source}")
        assert host.git("rev-parse", f"HEAD:third_party/m{number}") == expected, (tag, source)
    assert host.run("verify").status == 0
    print(f"{len(tags)} tags, {len(wanted)} trees")


ONE_DIRECTORY = {
    "protocolbuffers/protobuf": ("v29.3", "src/google/protobuf/util"),
    "googleapis/googleapis": ("HEAD", "google/rpc"),
    "bytecodealliance/wasmtime": ("v30.0.0", "crates/wasi/wit"),
}


@pytest.mark.parametrize("repository", ONE_DIRECTORY)
@pytest.mark.parametrize("way", ["http", "local"])
def test_one_directory_of_a_large_upstream_costs_little_and_is_exact(
    repository: str, way: str, host: Host, scratch_home: Path, tmp_path: Path
) -> None:
    """Also where the repository here lacks large blobs elsewhere: a clone of such a one fails."""
    path = UPSTREAMS / repository
    if not path.is_dir():
        pytest.skip(f"{repository} is not among the upstreams")
    revision, source = ONE_DIRECTORY[repository]
    pin = {"commit": git(path, "rev-parse", revision)} if revision == "HEAD" else {"tag": revision}
    git(tmp_path, "clone", "--quiet", "--bare", "--shared", str(path), "server/upstream")
    git(tmp_path / "server" / "upstream", "config", "uploadpack.allowFilter", "true")
    with git_http(tmp_path / "server") as site:
        url = site.url() if way == "http" else str(path)
        host.manifest(mirror("one", url, from_=source, local=way == "local", **pin))
        host.sync("--commit")
        assert host.git("rev-parse", "HEAD:third_party/one") == git(
            path, "rev-parse", f"{revision}:{source}"
        )
        assert host.run("verify", "--upstream").status == 0
    received = sum(pack.stat().st_size for pack in (scratch_home / ".cache").rglob("*.pack"))
    assert received < 2_000_000
    print(f"{repository}: {received:,} bytes")
