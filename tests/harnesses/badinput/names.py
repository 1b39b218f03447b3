"""Names of files and directories that no system, not every system, or no terminal can take."""

from collections.abc import Iterable, Iterator, Mapping

from tests.harnesses.badinput.case import ACCEPTED, Build, Case
from tests.harnesses.badinput.scene import FILE, Scene, line

_TREES = "name-not-a-component"
_OF_EMPTY = ("upstream-incomplete", 3)
"""What comes of an empty name: git's own server refuses to serve it."""
_LONG, _GIT, _BACKSLASH = "name-too-long", "name-dot-git", "name-backslash"
_UNPRINTABLE, _NOT_UTF8 = "name-unprintable", "name-not-utf8"
_RESERVED, _CHARACTER, _TRAILING, _COLLIDES = (
    "name-windows-reserved",
    "name-windows-character",
    "name-trailing-dot-or-blank",
    "name-collides",
)


def beside(name: bytes, *allowed: str, place: str = "{}") -> Build:
    """An upstream with a file of this name, or with a directory or a file further down."""

    def build(scene: Scene) -> None:
        before, after = place.split("{}")
        path = before.encode() + name + after.encode()
        scene.release({b"ok": (FILE, b"ok\n"), path: (FILE, b"x\n")})
        scene.want(allow=list(allowed))

    return build


def raw_name(name: bytes, mode: str = "100644", below: int = 0) -> Build:
    """An upstream with a tree that holds a name which is none."""

    def build(scene: Scene) -> None:
        blob = scene.upstream.put("blob", b"x\n")
        target = scene.upstream.put("tree", line("100644", b"x", blob)) if mode == "40000" else blob
        tree = scene.upstream.put("tree", line(mode, name, target))
        for _ in range(below):
            tree = scene.upstream.put("tree", line("40000", b"d", tree))
        scene.release_tree(tree)

    return build


def together(*paths: str, allowed: tuple[str, ...] = ()) -> Build:
    def build(scene: Scene) -> None:
        scene.release({path.encode(): (FILE, path.encode()) for path in paths})
        scene.want(allow=list(allowed))

    return build


_NOT_COMPONENTS = {
    "dot": b".",
    "dot-dot": b"..",
    "empty": b"",
    "slash": b"/",
    "slash-within": b"a/b",
    "slash-at-the-end": b"a/",
    "absolute": b"/etc/passwd",
    "parent-path": b"../x",
    "path-through-a-parent": b"a/../../x",
    "path-into-git": b".git/config",
}

_DOT_GIT = {
    "git": ".git",
    "git-in-capitals": ".GIT",
    "git-in-mixed-case": ".gIt",
    "git-and-a-dot": ".git.",
    "git-and-dots": ".git...",
    "git-and-a-blank": ".git ",
    "git-and-blanks-and-dots": ".git . .",
    "git-as-stream": ".git::$INDEX_ALLOCATION",
    "git-with-a-stream": ".git:config",
    "git-with-blank-and-stream": ".git ::$DATA",
    "git-short-name": "git~1",
    "git-short-name-in-capitals": "GIT~1",
    "git-short-name-2": "git~2",
    "git-short-name-9": "Git~9",
    "git-short-name-and-a-dot": "git~1.",
    "git-short-name-with-a-stream": "git~1::$INDEX_ALLOCATION",
}
# what HFS+ passes over in a name (Apple's Technical Note 1150; git's next_hfs_char)
_HFS_IGNORED = (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF)

_WINDOWS = {
    _RESERVED: {
        "con": "con",
        "con-in-capitals": "CON",
        "con-with-extension": "con.txt",
        "prn": "PRN.wit",
        "aux": "aux.c",
        "aux-with-two-extensions": "aux.tar.gz",
        "nul": "nul",
        "nul-with-blanks-and-extension": "nul  .txt",
        "com1": "COM1",
        "com9": "com9.log",
        "com0": "com0",
        "com-superscript-1": "com\u00b9",
        "com-superscript-2": "COM\u00b2.txt",
        "lpt1": "lpt1",
        "lpt9": "LPT9.wit",
        "lpt-superscript-3": "lpt\u00b3.c",
        "conin": "CONIN$",
        "conout": "conout$.txt",
    },
    _CHARACTER: {
        "stream": "a:b",
        "drive": "C:",
        "less-than": "a<b",
        "greater-than": "a>b",
        "quote": 'a"b',
        "pipe": "a|b",
        "question-mark": "a?",
        "asterisk": "*.wit",
        "data-stream": "file::$DATA",
    },
    _TRAILING: {
        "dot-at-the-end": "etc.",
        "dots-at-the-end": "etc...",
        "blank-at-the-end": "etc ",
        "blank-and-dot-at-the-end": "etc .",
        "three-dots": "...",
        "blank-alone": " ",
    },
}

_ACTING = {
    "newline": b"a\nb",
    "newline-and-error": b"a\nerror: all is well",
    "newline-and-workflow-command": b"a\n::error file=x::b",
    "carriage-return": b"a\rb",
    "tab": b"a\tb",
    "bell": b"a\x07b",
    "backspace": b"a\x08b",
    "escape": b"\x1b[31mred",
    "escape-clears-screen": b"\x1b[2J\x1b[H",
    "osc-title": b"\x1b]0;title\x07",
    "osc-link": b"\x1b]8;;http:example.org\x07x",
    "delete": b"a\x7fb",
    "c1-csi": "\x9b31mred".encode(),
    "c1-osc": "\x9d0;x\x9c".encode(),
    "next-line": "a\x85b".encode(),
    "line-separator": "a\u2028b".encode(),
    "paragraph-separator": "a\u2029b".encode(),
    "left-to-right-mark": "a\u200eb".encode(),
    "arabic-letter-mark": "a\u061cb".encode(),
    "right-to-left-override": "a\u202egpj.exe".encode(),
    "right-to-left-isolate": "a\u2067b\u2069".encode(),
    "zero-width-space": "a\u200bb".encode(),
    "word-joiner": "a\u2060b".encode(),
    "soft-hyphen": "a\u00adb".encode(),
    "byte-order-mark": "\ufeffa".encode(),
    "tag-characters": "a\U000e0041\U000e007f".encode(),
    "interlinear-annotation": "a\ufff9b".encode(),
    "escape-and-not-utf8": b"\xff\x1b[31m",
}

_BYTES = {
    "latin-1": b"caf\xe9",
    "lone-continuation": b"a\x80b",
    "raw-c1": b"\x9b31mred",
    "truncated-sequence": b"a\xe2\x82",
    "overlong-slash": b"a\xc0\xafb",
    "encoded-surrogate": b"a\xed\xa0\x80b",
    "beyond-unicode": b"\xf4\x90\x80\x80",
    "byte-order-mark-of-utf-16": b"\xff\xfea",
}

_COLLIDING = {
    "files-in-case": ("A.wit", "a.wit"),
    "directories-in-case": ("Dir/x", "dir/y"),
    "file-and-directory-in-case": ("A/x", "a"),
    "deep-in-case": ("d/e/F", "d/e/f"),
    "three-in-case": ("abc", "aBc", "abC"),
    "composed-and-decomposed": ("\u00e9", "e\u0301"),
    "composed-in-case": ("\u00c9", "e\u0301"),
    "marks-in-two-orders": ("a\u0323\u0307", "a\u0307\u0323"),
    "hangul-and-jamo": ("\uac00", "\u1100\u1161"),
    "kelvin-sign": ("\u212a", "k"),
    "angstrom-sign": ("\u212b", "\u00e5"),
    "sharp-s": ("stra\u00dfe", "strasse"),
    "final-sigma": ("\u03c2", "\u03c3"),
    "ligature": ("\ufb01x", "fix"),
    "cherokee-in-case": ("\u13a0", "\uab70"),
}

# taken as they are, and printed so that they stay words
_PLAIN: Mapping[str, tuple[bytes, tuple[str, ...]]] = {
    "255-bytes": (b"a" * 255, ("path-windows-too-long",)),
    "254-bytes-of-two-each": (("\u00e9" * 127).encode(), ()),
    "markup": (b"[bold]x[/bold]", ()),
    "closing-markup": (b"[/x]", ()),
    "emoji-code": (b":smile:", (_CHARACTER,)),
    "workflow-command": (b"::error file=x::y", (_CHARACTER,)),
    "workflow-command-stop": (b"::stop-commands::x", (_CHARACTER,)),
    "workflow-command-old-form": (b"##[error]x", ()),
    "azure-command": (b"##vso[task.setvariable]x", ()),
    "percent-encoded": (b"%0A::error::x%1b", (_CHARACTER,)),
    "html": (b"<script>alert(1)<", (_CHARACTER,)),
    "html-directory": (b'<img src=x onerror="alert(1)">', (_CHARACTER,)),
    "html-entity": (b"&lt;script&gt;", ()),
    "markdown-link": (b"[x](javascript:alert(1))", (_CHARACTER,)),
    "markdown-table": (b"a|b|", (_CHARACTER,)),
    "backticks": (b"`id`", ()),
    "shell": (b"$(touch pwned); x &", ()),
    "option": (b"--upload-pack=x", ()),
    "dash": (b"-", ()),
    "tilde": (b"~", ()),
    "comment": (b"#x", ()),
    "negation": (b"!x", ()),
    "quotes": (b"'x'", ()),
    "glob": (b"[a-z]{b}", ()),
    "blank-first": (b" x", ()),
    "format-string": (b"{0.__class__}%s%n", ()),
    "template": (b"${{ github.token }}", ()),
    "dot-github": (b".github", ()),
    "dot-gitkeep": (b".gitkeep", ()),
    "git-without-dot": (b"git", ()),
    "full-width-git": ("\uff0e\uff47\uff49\uff54".encode(), ()),
    "git-short-name-10": (b"git~10", ()),
    "emoji-with-variation": ("\u2764\ufe0f".encode(), ()),
    "combining-marks": (("z" + "\u0351" * 40).encode(), ()),
    "arabic": ("\u0645\u0644\u0641".encode(), ()),
    "private-use": ("\ue000".encode(), ()),
    "superscript-and-digit": ("x\u00b2".encode(), ()),
    "device-like": (b"console.c", ()),
}


def _cases() -> Iterator[Case]:
    for label, name in _NOT_COMPONENTS.items():
        expected, status = _OF_EMPTY if label == "empty" else (_TREES, 2)
        yield Case(f"name-{label}", expected, raw_name(name), status=status)
    for label in ("dot", "dot-dot", "empty", "path-into-git"):
        expected, status = _OF_EMPTY if label == "empty" else (_TREES, 2)
        yield Case(
            f"directory-{label}", expected, raw_name(_NOT_COMPONENTS[label], "40000"), status=status
        )
        yield Case(
            f"nested-{label}", expected, raw_name(_NOT_COMPONENTS[label], below=2), status=status
        )
    yield Case("name-of-256-bytes", _LONG, beside(b"a" * 256), path=b"a" * 256)
    yield Case(
        "name-of-258-bytes-of-three-each",
        _LONG,
        beside(("\u6f22" * 86).encode()),
        path=("\u6f22" * 86).encode(),
    )
    yield Case("name-of-70000-bytes", "path-too-long", raw_name(b"a" * 70_000))
    yield Case(
        "path-of-5000-bytes",
        "path-too-long",
        beside(b"x", place="/".join(["d" * 250] * 20) + "/{}"),
    )
    yield from _refused(_GIT, {label: name.encode() for label, name in _DOT_GIT.items()})
    yield Case("directory-git", _GIT, beside(b".git", place="{}/config"), path=b".git")
    yield Case(
        "directory-git-hook", _GIT, beside(b".GIT", place="{}/hooks/post-checkout"), path=b".GIT"
    )
    yield Case("nested-git", _GIT, beside(b".git", place="a/b/{}"), path=b"a/b/.git")
    for number, code in enumerate(_HFS_IGNORED):
        name = (".git"[: 1 + number % 4] + chr(code) + ".git"[1 + number % 4 :]).encode()
        yield Case(f"git-with-ignored-{code:04x}", _GIT, beside(name), path=name)
    yield from _refused(
        _BACKSLASH,
        {
            "backslash": b"a\\b",
            "backslash-parent": b"..\\x",
            "backslash-git": b".git\\config",
            "backslash-alone": b"\\",
        },
    )
    for reference, names in _WINDOWS.items():
        yield from _refused(
            reference, {f"windows-{label}": name.encode() for label, name in names.items()}
        )
        for label, reserved in list(names.items())[::4]:
            yield Case(f"allowed-windows-{label}", ACCEPTED, beside(reserved.encode(), reference))
    yield Case("directory-windows-con", _RESERVED, beside(b"con", place="{}/x"), path=b"con")
    yield Case(
        "nested-windows-dot-at-the-end", _TRAILING, beside(b"d.", place="a/{}/x"), path=b"a/d."
    )
    yield from _refused(
        _UNPRINTABLE, {f"name-with-{label}": name for label, name in _ACTING.items()}
    )
    yield from _refused(_NOT_UTF8, {f"name-in-{label}": name for label, name in _BYTES.items()})
    for label, name in _BYTES.items():
        yield Case(f"allowed-name-in-{label}", ACCEPTED, beside(name, _NOT_UTF8))
    for label, paths in _COLLIDING.items():
        yield Case(f"collision-of-{label}", _COLLIDES, together(*paths))
    for label in ("files-in-case", "composed-and-decomposed", "file-and-directory-in-case"):
        yield Case(
            f"allowed-collision-of-{label}",
            ACCEPTED,
            together(*_COLLIDING[label], allowed=(_COLLIDES,)),
        )
    for label, (name, allowed) in _PLAIN.items():
        yield Case(f"plain-{label}", ACCEPTED, beside(name, *allowed))


def _refused(reference: str, names: Mapping[str, bytes]) -> Iterable[Case]:
    for label, name in names.items():
        yield Case(label, reference, beside(name), path=name)


CASES = tuple(_cases())
