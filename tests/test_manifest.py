"""The manifest: what a good one means, and for each bad one message, file, line, key and hint."""

import pytest

from sync.errors import ManifestError
from sync.ids import RepoPath
from sync.manifest.read import parse_manifest
from sync.manifest.toml_lines import find_line
from sync.model.mirrors import Selection
from sync.model.values import Pin, PinKind

GOOD = '[mirrors."up"]\nurl = "https://example.org/up"\ntag = "v1"\n'


def test_everything_that_can_be_said_is_read() -> None:
    text = (
        '[defaults]\nsupplier = "them"\nlicense = "MIT"\n[mirrors."up"]\nurl = "https://example.org/up"\ntag = "v1"\nfrom = "a/b/"\n'
        'into = "c/d"\ninclude = ["*.wit"]\nexclude = ["deps/"]\nchecked-in = false\nlicense = "Apache-2.0"\nallow = ["name-not-utf8"]\n'
    )
    mirror = parse_manifest(text.encode()).mirrors["up"]
    assert (mirror.pin, mirror.source) == (Pin(PinKind.TAG, "v1"), b"a/b")
    assert mirror.places == ("third_party/c/d",)
    assert mirror.selection == Selection(("*.wit",), ("deps/",), RepoPath(b"a/b"))
    assert (mirror.supplier, mirror.license, mirror.checked_in) == ("them", "Apache-2.0", False)
    assert mirror.allow == {"name-not-utf8"}


def test_defaults_are_the_whole_tree_into_the_mirrors_name() -> None:
    mirror = parse_manifest(GOOD.encode()).mirrors["up"]
    assert (mirror.source, mirror.places, mirror.selection, mirror.checked_in, mirror.local) == (
        b"",
        ("third_party/up",),
        Selection(),
        True,
        False,
    )


def test_the_order_of_the_file_is_kept() -> None:
    text = "".join(GOOD.replace("up", name) for name in ("b", "a", "c"))
    assert list(parse_manifest(text.encode()).mirrors) == ["b", "a", "c"]


def test_one_spelling_of_a_directory_is_no_collision_and_others_may_be_allowed() -> None:
    other = GOOD.replace("up", "two")
    parse_manifest(
        f'{GOOD}into = "wasi/a"\nkeyring = "keys/k"\n{other}into = "wasi/b"\nkeyring = "keys/k"\n'.encode()
    )
    parse_manifest(
        f'{GOOD}into = "wasi/a"\n{other}into = "WASI/b"\nallow = ["name-collides"]\n'.encode()
    )
    parse_manifest(f'{GOOD}into = "aux"\nallow = ["name-windows-reserved"]\n'.encode())


def test_an_empty_manifest_has_no_mirrors() -> None:
    assert parse_manifest(b"").mirrors == {}


BAD: dict[str, tuple[str, str, str, str | None]] = {
    "unknown key": (
        GOOD + 'form = "x"\n',
        "unknown key `form`",
        ":4: mirrors.up.form",
        "did you mean from?",
    ),
    "unknown key, nothing near": (
        GOOD + "zzzz = 1\n",
        "unknown key `zzzz`",
        ":4: mirrors.up.zzzz",
        "known keys: ",
    ),
    "unknown table": (
        "[mirors.up]\n",
        "unknown key `mirors`",
        ":1: mirors",
        "did you mean mirrors?",
    ),
    "unknown default": (
        "[defaults]\nsuplier = 'x'\n",
        "unknown key `suplier`",
        ":2: defaults.suplier",
        "did you mean supplier?",
    ),
    "no url": (
        '[mirrors.up]\ntag = "v1"\n',
        "the key `url` is missing",
        ":1: mirrors.up",
        "add `url",
    ),
    "a number as tag": (GOOD.replace('"v1"', "1"), "`tag` is wrong", ":3: mirrors.up.tag", None),
    "a number among patterns": (
        GOOD + "include = [1]\n",
        "`include.0` is wrong",
        ":4: mirrors.up.include",
        None,
    ),
    "an empty tag": (GOOD.replace('"v1"', '""'), "`tag` is wrong", ":3: mirrors.up.tag", None),
    "a date as tag": (
        GOOD.replace('"v1"', "2020-01-01"),
        "`tag` is wrong",
        ":3: mirrors.up.tag",
        None,
    ),
    "a text as flag": (GOOD + 'local = "yes"\n', "`local` is wrong", ":4: mirrors.up.local", None),
    "a nested key": (
        GOOD + "[mirrors.up.from]\nx = 1\n",
        "`from` is wrong",
        ":4: mirrors.up.from",
        None,
    ),
    "a bad name": (
        GOOD.replace('"up"', '"../up"'),
        "`../up` is no mirror name",
        ':1: mirrors."../up"',
        "a name is letters",
    ),
    "a name with a blank": (
        GOOD.replace('"up"', '"u p"'),
        "`u p` is no mirror name",
        ':1: mirrors."u p"',
        "a name is letters",
    ),
    "names that differ in case": (
        GOOD + GOOD.replace('"up"', '"UP"'),
        "differ only in case",
        ":4: mirrors.UP",
        None,
    ),
    "two into one": (
        GOOD + GOOD.replace('"up"', '"two"') + 'into = "up"\n',
        "mirror two overlaps mirror up",
        ":7: mirrors.two.into",
        "give each",
    ),
    "one below another": (
        GOOD + GOOD.replace('"up"', '"two"') + 'into = "up/x"\n',
        "overlaps",
        ":7: mirrors.two.into",
        "give each",
    ),
    "a double slash": (
        GOOD + 'into = "a//b"\n',
        "`into` is no plain path",
        ":4: mirrors.up.into",
        None,
    ),
    "a dot": (GOOD + 'into = "."\n', "`into` ", ":4: mirrors.up.into", None),
    "a backslash": (
        GOOD + "into = 'a\\b'\n",
        "`into` is no plain path",
        ":4: mirrors.up.into",
        None,
    ),
    "the workspace": (
        GOOD + 'into = ".git-verbatim"\n',
        "`into` is reserved",
        ":4: mirrors.up.into",
        None,
    ),
    "the licences": (
        GOOD + 'into = "Licenses/x"\n',
        "`into` is reserved",
        ":4: mirrors.up.into",
        None,
    ),
    "a short name of the records": (
        GOOD + 'into = "PROVEN~1/x"\n',
        "`into` is reserved",
        ":4: mirrors.up.into",
        None,
    ),
    "the records with a dot, allowed": (
        GOOD + 'into = "provenance./x"\nallow = ["name-trailing-dot-or-blank"]\n',
        "`into` is reserved",
        ":4: mirrors.up.into",
        None,
    ),
    "a stream of the licences, allowed": (
        GOOD + 'into = "licenses::$INDEX_ALLOCATION/x"\nallow = ["name-windows-character"]\n',
        "`into` is reserved",
        ":4: mirrors.up.into",
        None,
    ),
    "a device": (
        GOOD + 'into = "wasi/nul.d"\n',
        "`into` names `nul.d`, which Windows cannot hold; to use it",
        ":4: mirrors.up.into",
        None,
    ),
    "a name that is a device": (
        GOOD.replace("up", "aux"),
        "`aux` is no mirror name",
        ":1: mirrors.aux",
        "on Windows",
    ),
    "a name whose record is a device": (
        GOOD.replace('"up"', '"nul.json"'),
        "is no mirror name",
        ':1: mirrors."nul.json"',
        "on Windows",
    ),
    "a name with a dot at the end": (
        GOOD.replace('"up"', '"COPYING."'),
        "is no mirror name",
        ':1: mirrors."COPYING."',
        "on Windows",
    ),
    "keys in a device": (
        GOOD + 'keyring = "keys/con"\n',
        "`keyring` names `con`, which Windows cannot hold",
        ":4: mirrors.up.keyring",
        None,
    ),
    "places that differ in composition": (
        GOOD + 'into = "\u00e9"\n' + GOOD.replace("up", "two") + 'into = "e\u0301"\n',
        "mirror two overlaps mirror up",
        ":8: mirrors.two.into",
        "give each",
    ),
    "directories above places that differ in case": (
        GOOD + 'into = "wasi/a"\n' + GOOD.replace("up", "two") + 'into = "WASI/b"\n',
        "`into` of mirror up collides: on Windows and macOS wasi is one with WASI",
        ":4: mirrors.up.into",
        "spell both alike",
    ),
    "a place that is another's short name": (
        GOOD + 'into = "wasi-clocks"\n' + GOOD.replace("up", "two") + 'into = "WASI-C~1"\n',
        "`into` of mirror two collides: on Windows and macOS WASI-C~1 is one with wasi-clocks",
        ":8: mirrors.two.into",
        "spell both alike",
    ),
    "keys that differ in case": (
        GOOD + 'keyring = "keys/a"\nallowed-signers = "keys/A"\n',
        "`keyring` of mirror up collides: on Windows and macOS keys/a is one with keys/A",
        ":4: mirrors.up.keyring",
        "spell both alike",
    ),
    "an unfinished string": ('[mirrors.up]\nurl = "x\n', "is not valid TOML", ":2", None),
    "a key twice": (GOOD + 'tag = "v2"\n', "is not valid TOML", ":4", None),
}


@pytest.mark.parametrize(("text", "message", "where", "hint"), BAD.values(), ids=BAD)
def test_a_bad_manifest_is_refused(text: str, message: str, where: str, hint: str | None) -> None:
    with pytest.raises(ManifestError) as raised:
        parse_manifest(text.encode())
    error = raised.value
    assert message in error.message
    assert error.context[0] == f"third_party/mirrors.toml{where}" or error.context[0].startswith(
        f"third_party/mirrors.toml{where}"
    )
    assert hint is None or hint in (error.hint or "")


@pytest.mark.parametrize("tag", ["v0.2.0-draft+505fc98", "release/1.0", "1", "ä", "v1@x"])
def test_a_tag_that_git_allows_is_allowed(tag: str) -> None:
    assert parse_manifest(GOOD.replace("v1", tag).encode()).mirrors["up"].pin.value == tag


@pytest.mark.parametrize(
    "tag",
    [
        "a b",
        "a..b",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[",
        "a\\\\",
        "a.lock",
        "/a",
        "a/",
        "a//b",
        ".a",
        "a.",
        "@{",
        "-a",
        "refs/tags/a",
    ],
)
def test_a_tag_that_git_refuses_is_refused(tag: str) -> None:
    with pytest.raises(ManifestError, match="is no tag name"):
        parse_manifest(GOOD.replace("v1", tag).encode())


def test_a_key_is_found_in_the_line_that_holds_it() -> None:
    text = '# [mirrors.up]\n\n[ mirrors . "up" ]  # here\nurl = "a = b"\n  tag="v1"\n'
    assert find_line(text, ("mirrors", "up", "tag")) == (5, ("mirrors", "up", "tag"))
    assert find_line(text, ("mirrors", "up", "into")) == (3, ("mirrors", "up"))
    assert find_line(text, ("mirrors", "no")) == (None, ())


def test_lines_are_counted_as_editors_count_them() -> None:
    text = '[mirrors."up"]  # \u2028\x85\nurl = "https://example.org/up"\ntag = "v1"\ncolour = 1\n'
    with pytest.raises(ManifestError) as raised:
        parse_manifest(text.encode())
    assert raised.value.context[0].startswith("third_party/mirrors.toml:4")
