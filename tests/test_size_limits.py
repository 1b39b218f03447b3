"""How much a mirror may hold.

Too much is refused by what trees and object headers say, before any content is read.
"""

import pytest

from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream

FILES = {"a": b"1234", "deep/er/b": b"12", "c": b"123456"}


@pytest.mark.parametrize(
    ("key", "most", "error", "why"),
    [
        (
            "max_files",
            3,
            "mirror up is larger than its budget",
            "it has 3 files, more than 2 [too-many-files]",
        ),
        (
            "max_bytes",
            12,
            "mirror up is larger than its budget",
            "it has 12 bytes, more than 11 [too-many-bytes]",
        ),
        ("max_file_bytes", 6, "mirror up cannot copy c exactly", "it has 6 bytes [file-too-large]"),
        (
            "max_depth",
            2,
            "mirror up cannot copy deep/er/b exactly",
            "it is 2 directories deep [too-deep]",
        ),
    ],
)
def test_a_mirror_over_its_budget_is_refused_with_the_key_that_raises_it(
    host: Host, upstream: Upstream, key: str, most: int, error: str, why: str
) -> None:
    upstream.release("v1", FILES)
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, **{key: most - 1}))
    ran = host.run("sync")
    assert (ran.status, ran.out) == (2, "")
    assert f"error: {error}\n  {why}\n" in ran.err
    assert f"; to copy it all the same: {key.replace('_', '-')} = {most}\n" in ran.err
    assert not (host.third_party / "up").exists()
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, **{key: most}))
    host.sync()


def test_defaults_hold_for_all_mirrors_that_say_nothing_else(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", FILES)
    defaults = "[defaults]\nmax-files = 1\n\n"
    host.manifest(defaults + mirror("up", upstream.url, tag="v1", local=True))
    assert "[too-many-files]" in host.run("sync").err
    host.manifest(defaults + mirror("up", upstream.url, tag="v1", local=True, max_files=3))
    host.sync()


def test_what_is_left_out_does_not_count(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", FILES)
    host.manifest(
        mirror(
            "up",
            upstream.url,
            tag="v1",
            local=True,
            exclude=["c"],
            max_file_bytes=4,
            max_files=2,
            max_bytes=6,
        )
    )
    host.sync()


@pytest.mark.parametrize("value", ["0", "-1", "1.5", '"many"', "true"])
def test_a_budget_is_a_positive_number(host: Host, upstream: Upstream, value: str) -> None:
    host.manifest(mirror("up", upstream.url, tag="v1") + f"max-files = {value}\n")
    ran = host.run("sync")
    assert ran.status == 2
    assert "third_party/mirrors.toml:4: mirrors.up.max-files" in ran.err


def test_a_symlink_whose_target_no_system_takes_is_refused(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", {"a": b"", "link": ("120000", b"x/" * 2048)})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    assert "[symlink-too-long]" in host.run("sync").err
