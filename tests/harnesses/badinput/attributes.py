"""Attributes, ignore files and configuration by which git would change bytes or run something."""

from collections.abc import Iterator

from tests.harnesses.badinput.case import ACCEPTED, Build, Case
from tests.harnesses.badinput.scene import EXECUTABLE, FILE, LINK, File, Scene

_CONTENT: dict[bytes, File] = {
    b"crlf.txt": (FILE, b"one\r\ntwo\r\n"),
    b"lf.txt": (FILE, b"one\ntwo\n"),
    b"mixed.txt": (FILE, b"one\r\ntwo\nthree\r"),
    b"id.c": (FILE, b"/* $Id$ $Format:%H$ */\n"),
    b"utf16.txt": (FILE, "x\n".encode("utf-16")),
    b"zero.bin": (FILE, b"\0\xff\r\n"),
    b"run.sh": (EXECUTABLE, b"#!/bin/sh\r\n"),
    b"link": (LINK, b"lf.txt"),
}
_FILTER = '[filter "x"]\n\tclean = tr a-z b-za\n\tsmudge = tr b-za a-z\n\trequired = true\n'
_ATTRIBUTES = {
    "text": "* text=auto\n",
    "eol-crlf": "* text eol=crlf\n",
    "eol-lf": "* text eol=lf\n",
    "ident": "* ident\n",
    "filter": "* filter=x\n",
    "lfs": "* filter=lfs diff=lfs merge=lfs -text\n",
    "encoding": "* working-tree-encoding=UTF-16\n",
    "unknown-encoding": "* working-tree-encoding=nonsense\n",
    "export-ignore": "* export-ignore export-subst\n",
    "macro": "[attr]odd text eol=crlf ident\n* odd\n",
    "recursive-macro": "[attr]a b\n[attr]b a\n* a\n",
    "merge-driver": "* merge=x diff=x\n",
    "not-utf8": "\udcff* text\n",
    "escape": "\x1b[31m* text\n",
    "long-line": "*" * 5000 + " text\n",
    "negative-pattern": "!* text\n",
}
_CONFIGURATIONS = {
    "autocrlf": "[core]\n\tautocrlf = true\n",
    "autocrlf-input": "[core]\n\tautocrlf = input\n",
    "safecrlf": "[core]\n\tautocrlf = true\n\tsafecrlf = true\n",
    "eol-crlf": "[core]\n\teol = crlf\n",
    "no-file-mode": "[core]\n\tfileMode = false\n",
    "no-symlinks": "[core]\n\tsymlinks = false\n",
    "ignore-case": "[core]\n\tignoreCase = true\n",
    "precompose": "[core]\n\tprecomposeUnicode = true\n",
    "quote-path": "[core]\n\tquotePath = false\n",
    "fsmonitor": "[core]\n\tfsmonitor = false\n",
    "hooks-path": "[core]\n\thooksPath = ../outside\n",
    "attributes-file": "[core]\n\tattributesFile = ../outside/attributes\n",
    "excludes-file": "[core]\n\texcludesFile = ../outside/excludes\n",
    "external-diff": "[diff]\n\texternal = touch ../outside/pwned\n",
    "pager": "[core]\n\tpager = touch ../outside/pwned\n[pager]\n\tls-files = true\n",
    "editor": "[core]\n\teditor = touch ../outside/pwned\n",
    "ssh-command": "[core]\n\tsshCommand = touch ../outside/pwned\n",
    "alias": "[alias]\n\tconfig = !touch ../outside/pwned\n",
    "color-always": "[color]\n\tui = always\n",
    "default-remote-helper": '[url "ext::sh -c touch% ../outside/pwned "]\n\tinsteadOf = https://example.org/\n',
    "untracked-cache": "[core]\n\tuntrackedCache = true\n",
    "index-version-4": "[index]\n\tversion = 4\n",
}
_LATIN = "utf-8", "surrogateescape"


def upstream_attributes(name: bytes, text: str) -> Build:
    """An upstream that brings this file along."""
    return lambda scene: scene.release({**_CONTENT, name: (FILE, text.encode(*_LATIN))})


def host_file(name: str, text: str) -> Build:
    """A host that has this file."""

    def build(scene: Scene) -> None:
        scene.release(_CONTENT)
        path = scene.host.path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes((path.read_bytes() if path.exists() else b"") + text.encode(*_LATIN))

    return build


def configured(text: str) -> Build:
    def build(scene: Scene) -> None:
        scene.release(_CONTENT)
        (scene.outside / "attributes").write_text("* text eol=crlf ident\n")
        (scene.outside / "excludes").write_text("*\n")
        (scene.outside / "post-index-change").write_text("#!/bin/sh\ntouch pwned\n")
        (scene.outside / "post-index-change").chmod(0o755)
        configuration = scene.host.path / ".git/config"
        configuration.write_text(configuration.read_text() + text)

    return build


def _filtered(scene: Scene) -> None:
    configured(_FILTER)(scene)
    scene.release({**_CONTENT, b".gitattributes": (FILE, b"* filter=x\n")})
    host_file(".git/info/attributes", "* filter=x\n")(scene)


def _cases() -> Iterator[Case]:
    for label, text in _ATTRIBUTES.items():
        expected = "patterns-too-costly" if label == "long-line" else ACCEPTED
        yield Case(
            f"upstream-attributes-{label}", expected, upstream_attributes(b".gitattributes", text)
        )
    yield Case(
        "upstream-attributes-below",
        ACCEPTED,
        upstream_attributes(b"d/.gitattributes", "* text eol=crlf\n"),
    )
    yield Case(
        "upstream-ignores-everything",
        ACCEPTED,
        upstream_attributes(b".gitignore", "*\n!.gitignore\n"),
    )
    many = upstream_attributes(b".gitattributes", "* text\n" * 700_000)
    yield Case("upstream-attributes-of-5-megabytes", "patterns-too-costly", many)
    for label in ("text", "eol-crlf", "ident", "filter", "encoding", "macro"):
        for where, name in {
            "host": ".gitattributes",
            "third-party": "third_party/.gitattributes",
            "info": ".git/info/attributes",
        }.items():
            yield Case(f"{where}-attributes-{label}", ACCEPTED, host_file(name, _ATTRIBUTES[label]))
    yield Case("host-ignores-third-party", ACCEPTED, host_file(".gitignore", "third_party/\n"))
    yield Case("info-excludes-everything", ACCEPTED, host_file(".git/info/exclude", "*\n"))
    for label, text in _CONFIGURATIONS.items():
        yield Case(f"configuration-{label}", ACCEPTED, configured(text))
    yield Case("configuration-filter", ACCEPTED, _filtered)


CASES = tuple(_cases())
