"""What hooks and walks read of a manifest by themselves: no path outside third_party/ is missed."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.git.changes import literally
from sync.manifest.outside import paths_outside, with_attributes_above
from sync.manifest.read import parse_manifest

URL = 'url = "https://example.org/up"\ntag = "v1"\n'
NAMES = st.text("ab .é", min_size=1, max_size=3).filter(lambda s: s.strip(" .") == s)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
WRITTEN = st.sampled_from(
    [
        json.dumps,
        lambda path: f"'{path}'",
        lambda path: f'"""\n{path}"""',
        lambda path: f"'''\r\n{path}'''",
        lambda path: '"""\\\n   ' + path + '"""',
        lambda path: '"\\u002f' + path[1:] + '"',
        lambda path: '"\\U0000002F' + path[1:] + '"',
    ]
)


@given(PATHS, WRITTEN, st.sampled_from(["into = {}", "into = [{}]", "into = [ 'x',\n {},]"]))
def test_a_place_is_found_however_toml_writes_it(
    path: str, written: Callable[[str], str], key: str
) -> None:
    text = "[mirrors.up]\n" + URL + key.format(written(f"/{path}")) + "\n"
    if path.partition("/")[0] == "third_party":
        return
    manifest = parse_manifest(text.encode())
    assert manifest.outside == (path,)
    assert paths_outside(text.encode()) == (path,)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[host]\nsealed = ["/b", "/a/c"]\n', ("a/c", "b")),
        ('[defaults]\nkeyring = "/keys/all"\n', ("keys/all",)),
        ('[mirrors.up]\nallowed-signers = "/keys/up"\n' + URL, ("keys/up",)),
        ('[upstreams.up]\nkeyring = "/keys/up"\n' + URL, ("keys/up",)),
        ('mirrors = { up = { into = ["/x/y"], url = "u", tag = "v" } }\n', ("x/y",)),
        ('[mirrors.up]\ninto = "up"\nexclude = ["/deps/"]\n' + URL, ()),
        ('[mirrors.up]\ninto = ["/third_party/up", "/", "/a//b", "/../c"]\n', ()),
        ('[mirrors.up\ninto = "/x"\n', ()),
        ("mirrors = 1\nhost = 2\n", ()),
        ("", ()),
    ],
    ids=str,
)
def test_each_key_that_names_one_is_read_and_nothing_else(
    text: str, found: tuple[str, ...]
) -> None:
    assert paths_outside(text.encode()) == found


def test_the_attribute_files_above_come_along_but_for_the_roots() -> None:
    assert with_attributes_above(("a/b/c", "d")) == (
        "a/.gitattributes",
        "a/b/.gitattributes",
        "a/b/c",
        "d",
    )


def test_more_paths_than_a_command_line_holds_are_all_paths() -> None:
    assert literally(["a", "b"]) == (":(top,literal)a", ":(top,literal)b")
    assert literally(f"{number:01000}" for number in range(200)) == (":(top)",)
