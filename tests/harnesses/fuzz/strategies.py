"""Strategies that give each target what gets past its first checks.

The inputs are made of the target's own words, in good order and in bad.
"""

import json
from typing import Any

from hypothesis import strategies as st

from sync.ids import Mode, ObjectId
from sync.objects.tree import TreeEntry, dump_tree
from tests.harnesses.fuzz.seeds import SEEDS, URLS, WORDS


def _mutated(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """With a few places cut out, replaced or repeated."""
    place = st.floats(0, 1, exclude_max=True)
    piece = st.one_of(st.binary(max_size=3), st.sampled_from(WORDS))

    def edit(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
        for where, length, new in edits:
            at = int(where * len(data))
            data = data[:at] + new + data[at + length :]
        return data

    return st.builds(edit, whole, st.lists(st.tuples(place, st.integers(0, 4), piece), max_size=3))


_NAMES = st.one_of(
    st.sampled_from(
        [
            b"a",
            b"a.b",
            b"a-",
            b"a0",
            b"b",
            b"\xff",
            "ä".encode(),
            b"x y",
            b"aux",
            b".gitmodules",
            b"gitmod~1",
            b".gitx",
        ]
    ),
    st.sampled_from(
        [
            b"",
            b".",
            b"..",
            b"a/b",
            b".git",
            b".GIT ",
            b"git~1",
            ".g\u200cit".encode(),
            b"a\\b",
            b"a\n",
            b"n" * 256,
        ]
    ),
    st.binary(max_size=4),
)
_MODES = st.one_of(
    st.sampled_from([b"40000", b"100644", b"100755", b"120000", b"160000"]),
    st.sampled_from([b"040000", b"100664", b"", b"1"]),
)
_GOOD_MODES = st.sampled_from([Mode.TREE, Mode.FILE, Mode.EXECUTABLE, Mode.SYMLINK, Mode.GITLINK])
_IDS = st.sampled_from([bytes([n]) * 20 for n in (0, 1, 0x20, 0xFF)])
_SORTED = st.lists(
    st.builds(TreeEntry, _NAMES, _GOOD_MODES, _IDS.map(lambda raw: ObjectId(raw.hex())))
).map(dump_tree)
_UNSORTED = st.lists(
    st.builds(lambda mode, name, raw: mode + b" " + name + b"\0" + raw, _MODES, _NAMES, _IDS)
).map(b"".join)


def _leaves(value: Any, way: tuple = ()) -> list[tuple]:
    if isinstance(value, dict | list) and value:
        return [
            found
            for key in (value if isinstance(value, dict) else range(len(value)))
            for found in _leaves(value[key], (*way, key))
        ]
    return [way]


def _edited_record(seed: bytes, edits: list[tuple[int, Any]]) -> bytes:
    document = json.loads(seed)
    for number, value in edits:
        ways = _leaves(document)
        *parents, last = ways[number % len(ways)]
        holder = document
        for key in parents:
            holder = holder[key]
        other = ways[value % len(ways)] if isinstance(value, int) else None
        holder[last] = value if other is None else _at(document, other)
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode(
        "utf-8", "surrogatepass"
    )


def _at(document: Any, way: tuple) -> Any:
    for key in way:
        document = document[key]
    return document


_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.integers(0, 1 << 10),
    st.sampled_from(["", "a", "../a", '"\\377"', "A" * 40, "1970-01-01T00:00:00Z", None, [], {}]),
)
_RECORDS = st.builds(
    _edited_record,
    st.sampled_from(SEEDS["record"]),
    st.lists(st.tuples(st.integers(0, 1 << 10), _VALUES), max_size=2),
)

_KEYS = [
    "url",
    "tag",
    "commit",
    "from",
    "into",
    "include",
    "exclude",
    "checked-in",
    "local",
    "allow",
    "license",
    "max-files",
    "keyring",
    "require-signature",
    "zzz",
]
_WORDS = [
    "v1",
    "a",
    "a/b",
    "A/B",
    "..",
    "",
    "-x",
    "up",
    "1" * 40,
    "*.wit",
    "# x",
    "ä",
    "\u2028",
    "name-collides",
    "/srv/x",
    *URLS,
]
_TOML = st.one_of(
    st.sampled_from(_WORDS).map(json.dumps),
    st.lists(st.sampled_from(_WORDS), max_size=2).map(json.dumps),
    st.sampled_from(["true", "1", "-1", "{}", "'''\na'''", "1979-05-27", "[", '"']),
)
_ASSIGNMENTS = st.builds(lambda key, value: f"{key} = {value}\n", st.sampled_from(_KEYS), _TOML)
_GOOD_TABLE = st.builds(
    lambda name, url, tag, into, rest: (
        f'[mirrors."{name}"]\nurl = "{url}"\ntag = "{tag}"\ninto = "{into}"\n{rest}'
    ),
    st.sampled_from(["up", "two", "UP", "x.y", "a-b"]),
    st.sampled_from(URLS),
    st.sampled_from(["v1", "release/1.0", "ä"]),
    st.sampled_from(["a", "b", "a/b", "A", "c/d", "c"]),
    st.one_of(
        st.just(""), _ASSIGNMENTS, st.sampled_from(["# a comment\n", "# \u2028\x85\n", "\n\n"])
    ),
)
_OTHER_LINES = st.one_of(
    _ASSIGNMENTS,
    st.sampled_from(
        ["[defaults]\n", "# x\n", "\n", "[mirrors]\n", "[mirrors.up]\n", "<<<<<<< ours\n", "\r\n"]
    ),
)
_MANIFESTS = st.lists(st.one_of(_GOOD_TABLE, _GOOD_TABLE, _OTHER_LINES), max_size=5).map(
    lambda parts: "".join(parts).encode()
)

_LINES = st.one_of(
    st.sampled_from(
        [
            "subject",
            "",
            "",
            "Signed-off-by: A <a@b>",
            "# comment",
            "---",
            " folded",
            "diff --git a b",
            "\u2028",
            "(cherry picked from x)",
        ]
    ),
    st.builds(
        lambda key, blank, name, pin, tree, end: (
            f"{key}:{blank}{name}{blank}{pin}{blank}{tree}{end}"
        ),
        st.sampled_from(["Mirror-Sync", "mirror-sync", "Mirror-Sync ", "Mirror-Sinc"]),
        st.sampled_from([" ", " ", "\t", "  ", "", "\n "]),
        st.sampled_from(["up", "two", "ä", "\udcff"]),
        st.sampled_from(["v1", "removed", "1" * 40]),
        st.sampled_from(["1" * 40, "0a" * 20, "A" * 40, "1" * 41]),
        st.sampled_from(["", "", "\r", " ", " x"]),
    ),
)
_MESSAGES = st.builds(
    lambda lines, newline, end: (newline.join(lines) + end).encode("utf-8", "surrogateescape"),
    st.lists(_LINES, max_size=8),
    st.sampled_from(["\n", "\n", "\r\n"]),
    st.sampled_from(["\n", "", "\n\n"]),
)

_URL_PIECES = st.one_of(
    st.sampled_from("/:@-.?#%[]a0 \u202e\x1b\n\udcffä~"),
    st.sampled_from(
        [
            "https",
            "ssh",
            "git",
            "file",
            "ext",
            "FILE",
            "git+ssh",
            "://",
            "::",
            "..",
            "%2d",
            "--upload-pack",
        ]
    ),
    st.sampled_from(["user", "example.org", "[::1]", "2222", "git@h:x", "-oProxyCommand=id"]),
)
_MADE_URLS = st.lists(_URL_PIECES, max_size=8).map(
    lambda pieces: "".join(pieces).encode("utf-8", "surrogateescape")
)
_SHAPED_URLS = st.builds(
    lambda scheme, user, host, port, path: f"{scheme}{user}{host}{port}{path}".encode(),
    st.sampled_from(["https://", "ssh://", "git://", "http://", ""]),
    st.sampled_from(["", "", "git@", "-o@", "a:b@", "@"]),
    st.sampled_from(["example.org", "h", "[::1]", "-h", "h.", "_h", "%2dh", "h_1", "1.2.3.4"]),
    st.sampled_from(["", ":1", ":", ":99999", ":x"]),
    st.sampled_from(
        ["/x", "/-x", ":x", ":-x", "/~u/x", "/x?q", "/x#f", "/", "", ":/x", "://x", "/x y", "/%00"]
    ),
)

_GLOBS = st.text(st.sampled_from(list("ab*?[]!^-/\\ #.:é\\*/")), min_size=1, max_size=9)
_CLASSES = st.sampled_from(
    [
        "[[:alpha:]]",
        "[[:digit:]b]",
        "[![:space:]]",
        "[a-c]",
        "[!a-b]",
        "[]a]",
        "[^]]",
        "[c-a]",
        "[[:nope:]]",
        "[\\]]",
        "[a",
        "***",
        "a/**",
        "**/",
        "*a*a*a*a*a*b",
    ]
)
_PATTERNS = st.lists(st.one_of(_GLOBS, _CLASSES), min_size=1, max_size=3).map("".join)
_COMPONENTS = st.text(st.sampled_from(list("abc]-[!é 1\\*")), min_size=1, max_size=3).filter(
    lambda name: name.strip()
)
_PATHS = st.lists(_COMPONENTS, min_size=1, max_size=4).map("/".join)
_LINES_AND_PATHS = st.builds(lambda line, path: f"{line}\n{path}".encode(), _PATTERNS, _PATHS)

_NAME_PIECES = st.one_of(
    _NAMES,
    st.sampled_from(
        [b"/", b"/", b"../", b"\n", b'"', b"\\303", b"con", b"COM1.x", b"a ", "\u202e".encode()]
    ),
)
_NAMED = st.lists(_NAME_PIECES, max_size=6).map(b"".join)

STRATEGIES: dict[str, st.SearchStrategy[bytes]] = {
    "tree": st.one_of(_SORTED, _UNSORTED, _mutated(_SORTED)),
    "record": st.one_of(_RECORDS, _mutated(st.sampled_from(SEEDS["record"]))),
    "proof": st.binary(max_size=40),
    "manifest": st.one_of(
        _MANIFESTS, _mutated(_MANIFESTS), _mutated(st.sampled_from(SEEDS["manifest"]))
    ),
    "message": st.one_of(_MESSAGES, _mutated(_MESSAGES)),
    "url": st.one_of(_MADE_URLS, _SHAPED_URLS, _mutated(_SHAPED_URLS)),
    "pattern": st.one_of(_LINES_AND_PATHS, _mutated(_LINES_AND_PATHS)),
    "name": st.one_of(_NAMED, _mutated(st.sampled_from(SEEDS["name"]))),
}
"""For each target, inputs that get past its first checks."""
