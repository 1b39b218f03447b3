"""Symlinks that lead away or in a circle, git's own files as symlinks, and placeholders.

A placeholder, such as a pointer of git LFS, stands for content that lies elsewhere.
"""

from collections.abc import Iterator, Mapping

from tests.harnesses.badinput.case import ACCEPTED, Build, Case
from tests.harnesses.badinput.scene import FILE, LINK, File, Scene, line

_ESCAPES = "symlink-escapes"


def files(given: Mapping[bytes, File], *allowed: str) -> Build:
    def build(scene: Scene) -> None:
        scene.release({b"ok": (FILE, b"ok\n"), **given})
        scene.want(allow=list(allowed))

    return build


def link(target: bytes, name: bytes = b"link", *allowed: str) -> Build:
    return files({name: (LINK, target)}, *allowed)


def raw_link(name: bytes, target: bytes) -> Build:
    """A symlink that git's own index would not take, so its tree is written as it is."""

    def build(scene: Scene) -> None:
        scene.release_tree(
            scene.upstream.put("tree", line("120000", name, scene.upstream.put("blob", target)))
        )

    return build


_LEAVING = {
    "to-its-parent": b"..",
    "to-a-sibling": b"../up/a.wit",
    "to-the-manifest": b"../mirrors.toml",
    "to-git": b"../../.git/hooks/post-checkout",
    "to-outside": b"../../../outside/precious",
    "through-a-name": b"x/../../y",
    "absolute": b"/etc/passwd",
    "to-the-root": b"/",
    "to-a-share": b"//server/share",
    "to-a-device": b"/dev/zero",
    "to-a-process": b"/proc/self/fd/0",
    "empty": b"",
    "with-nul": b"ok\0/../../x",
    "windows-parent": b"..\\..\\.git\\config",
    "windows-parent-within": b"x\\..\\..\\y",
    "windows-drive": b"C:\\Windows",
    "windows-drive-with-slash": b"c:/Windows",
    "windows-relative-to-drive": b"C:x",
    "windows-root": b"\\Windows",
    "windows-share": b"\\\\server\\share",
}
_STAYING = {
    "to-a-file": b"ok",
    "to-nothing": b"nowhere",
    "to-its-directory": b".",
    "to-itself": b"link",
    "with-slash-at-the-end": b"ok/",
    "with-newline": b"a\nb",
    "with-escape": b"\x1b[31m",
    "not-utf8": b"\xff\xfe",
    "with-workflow-command": b"::error::x",
    "to-a-git-that-is-not-there": b".git/config",
    "of-4095-bytes": b"a/" * 2047 + b"a",
}


def _cases() -> Iterator[Case]:
    for label, target in _LEAVING.items():
        yield Case(f"link-{label}", _ESCAPES, link(target), path=b"link")
    for label, target in _STAYING.items():
        yield Case(f"kept-link-{label}", ACCEPTED, link(target))
    yield Case("link-from-below", _ESCAPES, link(b"../../x", b"d/link"), path=b"d/link")
    yield Case("kept-link-from-below", ACCEPTED, link(b"../ok", b"d/link"))
    yield Case(
        "link-through-a-link",
        _ESCAPES,
        files({b"a/b/up": (LINK, b"../.."), b"link": (LINK, b"a/b/up/../../x")}),
        path=b"link",
    )
    yield Case(
        "kept-link-loop",
        ACCEPTED,
        files({b"a": (LINK, b"b"), b"b": (LINK, b"c"), b"c": (LINK, b"a")}),
    )
    yield Case(
        "kept-link-to-a-directory",
        ACCEPTED,
        files({b"a": (LINK, b"d"), b"d/x": (FILE, b"x\n"), b"d/again": (LINK, b"../a")}),
    )
    yield Case(
        "kept-links-that-double",
        ACCEPTED,
        files({b"l%d" % n: (LINK, b"l%d/l%d" % (n + 1, n + 1)) for n in range(40)}),
    )
    yield Case("link-of-4096-bytes", "symlink-too-long", link(b"a/" * 2048), path=b"link")
    yield Case("link-of-a-megabyte", "symlink-too-long", link(b"a/" * (1 << 19)), path=b"link")
    for name in (".gitmodules", ".GITMODULES", ".GitModules"):
        yield Case(
            f"link-called-{name[1:]}",
            "gitmodules-symlink",
            raw_link(name.encode(), b"ok"),
            path=name.encode(),
        )
    yield Case(
        "link-called-gitmodules-with-a-dot",
        "name-trailing-dot-or-blank",
        raw_link(b".gitmodules.", b"ok"),
        path=b".gitmodules.",
    )
    yield Case(
        "link-called-gitmodules-as-stream",
        "name-windows-character",
        raw_link(b".gitmodules::$DATA", b"ok"),
        path=b".gitmodules::$DATA",
    )
    hidden = ".git\u200cmodules".encode()
    yield Case(
        "link-called-gitmodules-with-ignored",
        "name-unprintable",
        raw_link(hidden, b"ok"),
        path=hidden,
    )
    for name in ("gitmod~1", "GITMOD~4", "gi7eba~1", "gi7e~123"):
        yield Case(
            f"link-called-{name}",
            "gitmodules-symlink",
            link(b"ok", name.encode()),
            path=name.encode(),
        )
    for name in (".gitattributes", ".GITATTRIBUTES", ".gitignore", ".mailmap"):
        yield Case(f"kept-link-called-{name[1:]}", ACCEPTED, link(b"ok", name.encode()))
    yield Case(
        "link-called-gitattributes-that-leaves",
        _ESCAPES,
        link(b"../../x", b".gitattributes"),
        path=b".gitattributes",
    )
    yield Case(
        "gitmodules-file",
        ACCEPTED,
        files({b".gitmodules": (FILE, b'[submodule "x"]\n\tpath = x\n\turl = --upload-pack=id\n')}),
    )
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n"
    yield Case("lfs-pointer", "lfs-pointer", files({b"big": (FILE, pointer)}), path=b"big")
    yield Case("lfs-pointer-alike", ACCEPTED, files({b"big": (FILE, b"# " + pointer)}))
    yield Case("lfs-pointer-padded", ACCEPTED, files({b"big": (FILE, pointer + b"\n" * 1024)}))


CASES = tuple(_cases())
