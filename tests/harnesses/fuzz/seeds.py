"""Inputs that fuzzing begins with: good and nearly good ones, large ones, and words that matter.

All of them are made here, and none is anybody's.
"""

from sync.ids import Mode, ObjectId
from sync.objects.tree import TreeEntry, dump_tree
from sync.record.json_file import dump_record
from tests.harnesses.fuzz.honest import upstream

_ID = ObjectId("1" * 40)
_MANY = 1 << 16
URLS = [
    "https://example.org/up",
    "ssh://git@example.org:2222/up.git",
    "git@example.org:a/b",
    "git://h/x",
    "http://[::1]:80/x",
]
_TRAILER = "Mirror-Sync: wasi-0.2-cli v0.2.12 " + "0a" * 20
_MANIFEST = """\
[defaults]
supplier = "them"
checked-in = true

# what we copy
[mirrors."up"]
url = "https://example.org/up"
tag = "v1"
from = "wit/deep"
into = "a/b"
include = ["*.wit", "!x"]
exclude = ['deps/']

[mirrors.two]
url = "git@example.org:a/b"
commit = "1111111111111111111111111111111111111111"
allow = ["name-not-utf8"]
also-at = ["https://example.org/other"]
max-files = 1
"""

SEEDS: dict[str, list[bytes]] = {
    "tree": [
        dump_tree([TreeEntry(b"a", Mode.FILE, _ID)]),
        dump_tree(
            [
                TreeEntry(b"a", Mode.TREE, _ID),
                TreeEntry(b"a.b", Mode.SYMLINK, _ID),
                TreeEntry(b"a0", Mode.GITLINK, _ID),
            ]
        ),
        b"",
    ],
    "record": [dump_record(record) for record in upstream()[1][::5]],
    "proof": [b"", bytes(range(24)), b"\x07\x08\x00\x00"],
    "manifest": [
        _MANIFEST.encode(),
        b'mirrors = { up = { url = "https://example.org/up", tag = "v1" } }\n',
        b'mirrors.up.url = "ssh://h/x"\nmirrors.up.tag = "1"\n',
    ],
    "message": [
        f"subject\n\nbody\n\n{_TRAILER}\nSigned-off-by: A <a@b>\n".encode(),
        f"{_TRAILER}\r\n{_TRAILER}".encode(),
    ],
    "url": [url.encode() for url in URLS],
    "pattern": [b"*.wit\na.wit", b"/a/**/b/\na/x/b", b"!dep[!a-c]?\\ \ndeps", b"[[:alpha:]]\na"],
    "name": [b"wit/a.wit\n../b", "ä/é".encode(), b'"a\\303"\n/x', b".git", b"aux.c"],
}
"""For each target; libFuzzer's corpus begins with them."""

LARGE: dict[str, list[bytes]] = {
    "tree": [
        b"100644 " + b"a" * _MANY,
        b" " * _MANY,
        dump_tree(TreeEntry(b"%d" % n, Mode.FILE, _ID) for n in range(_MANY // 32)),
    ],
    "record": [
        b"[" * _MANY,
        SEEDS["record"][0] + b" " * _MANY,
        SEEDS["record"][0].replace(b"YW", b"YWFh" * (_MANY // 4)),
    ],
    "proof": [bytes(n % 251 for n in range(1000))],
    "manifest": [
        b"[" * _MANY,
        b"a." * _MANY,
        b"a = 1\n" * 9999,
        b"# x\n" * 2000 + SEEDS["manifest"][0],
        b'"' * _MANY,
    ],
    "message": [
        b"Mirror-Sync: " * 5000,
        b"Mirror-Sync:" + b" " * _MANY,
        SEEDS["message"][0] * 300,
        b"Mirror-Sync: a b " + b"1" * _MANY,
    ],
    "url": [
        b"a" * _MANY,
        b"https://" + b"@" * _MANY,
        b"ssh://" + b"a:" * _MANY,
        b"[" * _MANY,
        b"a@" * _MANY + b":x",
    ],
    "pattern": [
        b"*a" * 3000 + b"b\n" + b"a" * _MANY,
        b"**/a/" * 3000 + b"b\n" + b"a/" * (_MANY // 2),
        b"\\ " * _MANY + b"\n ",
        b"?" * _MANY + b"\n" + b"a" * _MANY,
        b"[" * _MANY + b"\na",
        b"[[:" * _MANY + b"\na",
        b"[" + b"[:" * _MANY + b"]\na",
        b"[" + b"a" * _MANY + b"]\na",
    ],
    "name": [
        b"../" * 9999 + b"\n" + b"../" * 9999,
        b"a" * _MANY,
        b'"' + b"\\303" * 9999 + b'"',
        b"con " * 9999,
        b".git" + b". " * 9999,
    ],
}
"""For each target, what would take long where time grows by the square."""

WORDS = [
    *b'40000 |100644 |120000 |160000 |\0|.git|git~1|con|"tags": []|"include": []|refs/tags/|\\303|\\"'.split(
        b"|"
    ),
    *b"[mirrors.|url|tag|into|local = true|'''|# |Mirror-Sync: |\n|\r\n|::|://|ext::|@|[::1]|**/|[[:alpha:]]|[!".split(
        b"|"
    ),
    *("\u202e".encode(), "\u2028".encode()),
]
"""What matters to some reader, and is not hit on by chance."""
