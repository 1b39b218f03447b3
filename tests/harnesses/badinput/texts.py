"""Manifests, URLs and records that people, merges, editors or attackers have written."""

import json
from collections.abc import Callable, Iterator

from tests.harnesses.badinput.case import ACCEPTED, Build, Case
from tests.harnesses.badinput.scene import FILE, Scene, commit_of, line, object_id
from tests.support.hosts import Key, mirror

_INVALID, _SYNTAX = "manifest-invalid", "manifest-syntax"


def whole(content: bytes) -> Build:
    """A manifest of these bytes alone."""
    return lambda scene: (scene.third_party / "mirrors.toml").write_bytes(content)


def behind(text: str) -> Build:
    """A good manifest with more behind it."""

    def build(scene: Scene) -> None:
        manifest = scene.third_party / "mirrors.toml"
        manifest.write_bytes(manifest.read_bytes() + text.encode("utf-8", "surrogatepass"))

    return build


def changed(change: Callable[[bytes], bytes]) -> Build:
    """A good manifest, changed as a whole."""

    def build(scene: Scene) -> None:
        manifest = scene.third_party / "mirrors.toml"
        manifest.write_bytes(change(manifest.read_bytes()))

    return build


def wanting(**keys: Key | None) -> Build:
    """A good upstream and a mirror of it with these keys."""

    def build(scene: Scene) -> None:
        scene.release({b"a": (FILE, b"a\n"), b"d/b": (FILE, b"b\n")})
        scene.want(**keys)

    return build


def called(name: str) -> Build:
    """A mirror of this name."""
    return behind(
        "\n"
        + mirror("NAME", "../upstream", tag="v1", into="good", local=True).replace(
            '"NAME"', json.dumps(name)
        )
    )


def assigned(text: str) -> Build:
    """A mirror with this line."""
    return behind("\n" + mirror("bad", "../upstream", tag="v1", local=True) + text + "\n")


_ESC, _BIDI = "\x1b[31m", "\u202e"
_MANIFESTS: dict[str, tuple[Build, str]] = {
    "empty": (whole(b""), ACCEPTED),
    "of-text": (whole(b"these are no mirrors\n"), _SYNTAX),
    "of-json": (whole(b'{"mirrors": {}}\n'), _SYNTAX),
    "cut-off": (changed(lambda old: old[:-5]), _SYNTAX),
    "with-nul": (behind("x = 1\0\n"), _SYNTAX),
    "with-nul-bytes": (whole(b"\0" * 1000), _SYNTAX),
    "with-escape": (behind(f"# {_ESC}\n"), _SYNTAX),
    "with-byte-order-mark": (changed(lambda old: b"\xef\xbb\xbf" + old), "manifest-bom"),
    "in-utf-16": (changed(lambda old: old.decode().encode("utf-16")), "manifest-encoding"),
    "in-latin-1": (changed(lambda old: old + b"# caf\xe9\n"), "manifest-encoding"),
    "with-surrogate": (behind("# \ud800\n"), "manifest-encoding"),
    "with-escaped-surrogate": (assigned('description = "\\ud800"'), _SYNTAX),
    "with-crlf": (changed(lambda old: old.replace(b"\n", b"\r\n")), ACCEPTED),
    "with-cr": (changed(lambda old: old.replace(b"\n", b"\r")), _SYNTAX),
    "with-conflict": (
        changed(lambda old: b"<<<<<<< HEAD\n" + old + b"=======\n" + old + b">>>>>>> other\n"),
        "manifest-conflict",
    ),
    "key-twice": (assigned('tag = "v2"'), _SYNTAX),
    "table-twice": (changed(lambda old: old + b"\n" + old), _SYNTAX),
    "mirrors-after-a-mirror": (behind("\n[mirrors]\n"), ACCEPTED),
    "array-of-tables": (whole(b"[[mirrors]]\n"), _INVALID),
    "mirrors-of-text": (whole(b'mirrors = "up"\n'), _INVALID),
    "mirror-of-text": (whole(b'[mirrors]\nup = "https://example.org/x"\n'), _INVALID),
    "mirrors-empty": (whole(b"[mirrors]\n"), ACCEPTED),
    "unknown-table": (behind("\n[other]\n"), _INVALID),
    "unknown-key": (assigned("tga = 1"), _INVALID),
    "unknown-key-that-escapes": (assigned('"\\u001b[31m" = 1'), _INVALID),
    "unknown-key-with-workflow-command": (assigned('"\\n::error::x" = 1'), _INVALID),
    "unknown-default": (behind('\n[defaults]\nurl = "x"\n'), _INVALID),
    "number-as-tag": (
        whole(b'[mirrors.bad]\nurl = "../upstream"\nlocal = true\ntag = 1\n'),
        _INVALID,
    ),
    "text-as-boolean": (assigned('checked-in = "false"'), _INVALID),
    "number-as-boolean": (assigned("checked-in = 0"), _INVALID),
    "text-as-list": (assigned('include = "a"'), _INVALID),
    "number-in-list": (assigned("exclude = [1]"), _INVALID),
    "list-in-list": (assigned('exclude = [["a"]]'), _INVALID),
    "date": (assigned("description = 2026-01-02"), _INVALID),
    "impossible-date": (assigned("description = 2026-99-99"), _SYNTAX),
    "float": (assigned("max-files = 1.5"), _INVALID),
    "infinity": (assigned("max-files = inf"), _INVALID),
    "not-a-number": (assigned("max-files = nan"), _INVALID),
    "zero": (assigned("max-files = 0"), _INVALID),
    "negative": (assigned("max-bytes = -1"), _INVALID),
    "number-of-400-digits": (wanting(), ACCEPTED),
    "number-of-5000-digits": (assigned("max-files = " + "9" * 5000), _SYNTAX),
    "arrays-5000-deep": (assigned("x = " + "[" * 5000 + "]" * 5000), _SYNTAX),
    "tables-3000-deep": (assigned("x = " + "{a=" * 3000 + "1" + "}" * 3000), _SYNTAX),
    "dots-5000-deep": (behind("\n" + "a." * 5000 + "b = 1\n"), _SYNTAX),
    "line-of-10-megabytes": (wanting(description="x" * 10_000_000), "manifest-too-large"),
    "without-url": (behind('\n[mirrors.bad]\ntag = "v1"\n'), _INVALID),
    "without-pin": (wanting(tag=None), _INVALID),
    "with-both-pins": (wanting(commit="0" * 40), _INVALID),
    "short-commit": (wanting(tag=None, commit="0" * 39), _INVALID),
    "long-commit": (wanting(tag=None, commit="0" * 64), _INVALID),
    "commit-in-capitals": (wanting(tag=None, commit="A" * 40), _INVALID),
    "branch-as-commit": (wanting(tag=None, commit="main"), _INVALID),
    "unknown-allow": (wanting(allow=["everything"]), _INVALID),
    "allow-of-dot-git": (wanting(allow=["name-dot-git"]), _INVALID),
    "pattern-of-comment": (wanting(exclude=["# x"]), _INVALID),
    "pattern-empty": (wanting(exclude=[""]), _INVALID),
    "pattern-with-newline": (wanting(exclude=["a\nb"]), _INVALID),
    "pattern-that-matches-nothing": (wanting(exclude=["nowhere"]), "pattern-unused"),
    "pattern-that-takes-nothing": (wanting(include=["*", "!*"]), "selection-empty"),
    "pattern-that-backtracks": (wanting(exclude=["*a" * 40 + "b"]), "pattern-unused"),
    "pattern-of-stars": (wanting(exclude=["**/" * 40 + "x"]), "pattern-unused"),
    "pattern-with-open-bracket": (wanting(exclude=["[a"]), "pattern-unused"),
    "pattern-with-class-of-nothing": (wanting(exclude=["[z-y]"]), "pattern-unused"),
    "1001-patterns": (wanting(exclude=["x"] * 1001), _INVALID),
    "license-of-text": (wanting(license="free as in beer"), "license-invalid"),
    "license-that-escapes": (wanting(license=_ESC), _INVALID),
    "license-of-parentheses": (wanting(license="(" * 5000 + "MIT" + ")" * 5000), ACCEPTED),
    "description-that-escapes": (wanting(description=_ESC), _INVALID),
    "description-that-overrides": (wanting(description=f"{_BIDI}x"), ACCEPTED),
    "description-of-html": (
        wanting(description='<script>alert(1)</script><img src=x onerror="x">'),
        ACCEPTED,
    ),
    "supplier-with-workflow-command": (wanting(supplier="##[error]x"), ACCEPTED),
    "supplier-of-markdown": (wanting(supplier="[x](javascript:alert(1)) | <b>"), ACCEPTED),
}

_BAD_INTO: dict[str, str | list[str]] = {
    "none": [],
    "one-twice": ["a", "a/"],
    "one-in-the-other": ["/a", "/a/b"],
    "root": "/",
    "third-party-from-the-root": "/third_party/x",
    "third-party-in-capitals": "/Third_Party/x",
    "attributes-of-the-root": "/.gitattributes",
    "ignore-file-below": "/a/.gitignore/b",
    "git-from-the-root": "/.git/hooks",
    "parent-from-the-root": "/../x",
    "two-slashes-in-front": "//x",
    "windows-device-from-the-root": "/nul/x",
    "drive": "C:/x",
    "parent": "../x",
    "parent-within": "a/../../x",
    "dot": ".",
    "dot-within": "a/./b",
    "two-slashes": "a//b",
    "backslash": "a\\b",
    "git": ".git",
    "git-below": "a/.git/hooks",
    "git-in-capitals": "a/.GIT",
    "git-short-name": "a/git~1",
    "git-and-a-dot": "a/.git.",
    "git-and-a-blank": "a/.git ",
    "git-as-stream": "a/.git::$INDEX_ALLOCATION",
    "git-short-name-2": "a/git~2",
    "git-with-ignored": "a/.g\u200cit",
    "hidden": ".hidden",
    "workspace": ".git-verbatim/0",
    "provenance": "provenance/x",
    "provenance-in-capitals": "PROVENANCE",
    "licenses": "licenses/up",
    "manifest": "mirrors.toml",
    "another-mirror": "up",
    "another-mirror-in-capitals": "UP",
    "below-another-mirror": "up/deep/x",
    "escape": f"a{_ESC}",
    "override": f"a{_BIDI}b",
    "zero-width": "a\u200bb",
    "line-separator": "a\u2028b",
    "component-of-300-bytes": "x" * 300,
    "5000-bytes": "/".join(["x" * 200] * 25),
    "windows-device": "con",
    "windows-device-below": "a/aux.c",
    "windows-character": "a:b/c",
    "dot-at-the-end": "a./b",
}
_BAD_FROM = {
    "absolute": "/d",
    "parent": "../d",
    "parent-within": "d/../../d",
    "git": ".git",
    "two-slashes": "d//x",
    "backslash": "d\\b",
}
_BAD_TAGS = {
    "option": "-v1",
    "empty": "",
    "refspec": "v1:refs/heads/main",
    "glob": "v*",
    "full-ref": "refs/tags/v1",
    "parent": "../heads/main",
    "reflog": "v1@{1}",
    "ancestor": "v1~1",
    "range": "v1..v2",
    "lock": "v1.lock",
    "blank": "v 1",
    "escape": f"v1{_ESC}",
    "backslash": "v\\1",
    "slash-at-the-end": "v1/",
    "hidden-component": "a/.b",
    "newline": "v1\n",
}
_BAD_NAMES = {
    "empty": "",
    "parent": "..",
    "path": "../x",
    "slash": "a/b",
    "git": ".git",
    "option": "-x",
    "blank": "a b",
    "escape": _ESC,
    "override": f"a{_BIDI}b",
    "newline": "a\nSigned-off-by: x",
    "workflow-command": "::error::x",
    "101-letters": "a" * 101,
    "letter-of-another-script": "\u0430dmin",
    "lock": "a.lock",
    "another-in-capitals": "UP",
}


def _many_digits(scene: Scene) -> None:
    wanting()(scene)
    behind("max-files = " + "9" * 400 + "\n")(scene)


def _manifests() -> Iterator[Case]:
    for label, (build, expected) in _MANIFESTS.items():
        made = _many_digits if label == "number-of-400-digits" else build
        hint = expected not in {_SYNTAX, _INVALID}
        finding = "record-without-mirror" if label in {"empty", "mirrors-empty"} else None
        yield Case(f"manifest-{label}", expected, made, hint=hint, finding=finding)
    for label, into in _BAD_INTO.items():
        yield Case(f"into-{label}", _INVALID, wanting(into=into), hint=False)
    for label, source in _BAD_FROM.items():
        yield Case(
            f"from-{label}",
            "from-missing" if label == "git" else _INVALID,
            wanting(from_=source),
            hint=False,
        )
    yield Case("from-a-file", "from-is-a-file", wanting(from_="a"))
    yield Case("from-that-overrides", "from-missing", wanting(from_=f"d{_BIDI}"))
    yield Case("from-below-a-file", "from-is-a-file", wanting(from_="a/b"))
    for label, tag in _BAD_TAGS.items():
        yield Case(f"pin-{label}", _INVALID, wanting(tag=tag), hint=False)
    yield Case("pin-that-overrides", "tag-missing", wanting(tag=f"v1{_BIDI}"))
    for label, name in _BAD_NAMES.items():
        yield Case(f"mirror-called-{label}", _INVALID, called(name), hint=False)


MANIFESTS = tuple(_manifests())

_PWNED = "touch${IFS}../outside/pwned"
_BAD_URLS = {
    "empty": "",
    "blank": " ",
    "blank-before": " https://example.org/x",
    "remote-helper": f"ext::sh -c {_PWNED}",
    "remote-helper-of-a-descriptor": "fd::17",
    "remote-helper-before-https": "https::https://example.org/x",
    "remote-helper-in-capitals": "EXT::sh -c id",
    "option": "-u../outside",
    "long-option": f"--upload-pack={_PWNED}",
    "ssh-option-as-host": f"ssh://-oProxyCommand={_PWNED}/x",
    "ssh-option-as-user": f"ssh://-oProxyCommand={_PWNED}@example.org/x",
    "ssh-option-in-short-form": f"-oProxyCommand={_PWNED}:x",
    "ssh-option-as-host-in-short-form": f"git@-oProxyCommand={_PWNED}:x",
    "file": "file:///etc",
    "file-of-another-host": "file://example.org/x",
    "path": "../upstream",
    "absolute-path": "/etc",
    "windows-path": "C:\\x",
    "home": "~/x",
    "ftp": "ftp://example.org/x",
    "git-over-ssh": "git+ssh://example.org/x",
    "scheme-in-capitals": "HTTPS://example.org/x",
    "script": "javascript://example.org/%0aalert(1)",
    "password": "https://me:secret@example.org/x",
    "token": "https://token@example.org/x",
    "empty-user": "https://@example.org/x",
    "ssh-password": "ssh://me:secret@example.org/x",
    "encoded-newline-in-user": "ssh://a%0ahost=x@example.org/x",
    "newline": "https://example.org/x\nhost=other",
    "escape": f"https://example.org/{_ESC}",
    "tab": "https://example.org/\tx",
    "override": f"https://example.org/{_BIDI}x",
    "zero-width": "https://exam\u200bple.org/x",
    "no-host": "https:///x",
    "no-repository": "https://example.org/",
    "query": "https://example.org/x?token=1",
    "fragment": "https://example.org/x#1",
    "port-too-large": "https://example.org:99999/x",
    "port-of-text": "https://example.org:x/x",
    "broken-ipv6": "https://[::1/x",
    "host-in-other-letters": "https://\u0435xample.org/x",
    "host-in-full-width": "https://\uff45xample.org/x",
    "host-with-backslash": "https://example.org\\@other/x",
    "host-of-a-blank": "https://exa mple.org/x",
}


def _urls() -> Iterator[Case]:
    for label, url in _BAD_URLS.items():
        yield Case(f"url-{label}", _INVALID, wanting(url=url, local=None), hint=False)
        if label in {
            "remote-helper",
            "option",
            "long-option",
            "ftp",
            "password",
            "escape",
            "ssh-option-as-host",
        }:
            yield Case(f"local-url-{label}", _INVALID, wanting(url=url), hint=False)
    for label, url in {
        "another-remote-helper": "ext::id",
        "local": "../x",
        "credentials": "https://a:b@example.org/x",
    }.items():
        yield Case(f"also-at-{label}", _INVALID, wanting(also_at=[url]), hint=False)
    yield Case(
        "local-url-of-a-file",
        "upstream-not-a-repository",
        wanting(url="../outside/precious"),
        status=3,
    )
    yield Case(
        "local-url-of-a-directory", "upstream-not-a-repository", wanting(url="../outside"), status=3
    )
    yield Case(
        "local-url-of-nothing", "upstream-not-a-repository", wanting(url="../nowhere"), status=3
    )
    yield Case(
        "local-url-of-a-device", "upstream-not-a-repository", wanting(url="/dev/zero"), status=3
    )
    yield Case(
        "local-url-of-60000-letters",
        "upstream-not-a-repository",
        wanting(url="x" * 60_000),
        status=3,
    )
    yield Case("local-url-of-the-host", "tag-missing", wanting(url="."))
    yield Case("local-url-with-file", ACCEPTED, _absolute)
    yield Case(
        "url-that-refuses",
        "upstream-unreachable",
        wanting(url="http://127.0.0.1:1/x", local=None),
        status=3,
    )
    yield Case(
        "url-of-a-private-port",
        "upstream-unreachable",
        wanting(url="git://127.0.0.1:1/x", local=None),
        status=3,
    )


def _absolute(scene: Scene) -> None:
    wanting()(scene)
    scene.want(url=f"file://{scene.upstream.git_directory}")


URLS = tuple(_urls())

_Record = dict
_UNREADABLE, _NOT_CANONICAL, _MISPLACED = (
    "record-unreadable",
    "record-not-canonical",
    "record-misplaced",
)


def bytes_of(change: Callable[[bytes], bytes]) -> Build:
    """A record whose file is changed."""
    return lambda scene: scene.record.write_bytes(change(scene.record.read_bytes()))


def record(change: Callable[[_Record], object]) -> Build:
    """A record that says something else, written as the program writes records."""

    def build(scene: Scene) -> None:
        value = json.loads(scene.record.read_bytes())
        change(value)
        text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        scene.record.write_bytes(text.encode("utf-8", "surrogatepass"))

    return build


def _at(*keys: str | int, to: object) -> Callable[[_Record], object]:
    def change(value: _Record) -> None:
        for key in keys[:-1]:
            value = value[key]
        value[keys[-1]] = to

    return change


def _file(**facts: object) -> Callable[[_Record], object]:
    return lambda value: value["files"][0].update(facts)


def _bomb(value: _Record) -> None:
    """Trees of two names each, 40 deep, on the way to what is mirrored."""
    import base64

    raw = line("100644", b"a", object_id("blob", b"a\n")) + line(
        "100644", b"b", object_id("blob", b"a\n")
    )
    trees = [raw]
    for _ in range(40):
        inner = object_id("tree", raw)
        raw = line("40000", b"a", inner) + line("40000", b"b", inner)
        trees.append(raw)
    root = line("100644", b"a", object_id("blob", b"a\n")) + line(
        "40000", b"d", object_id("tree", raw)
    )
    trees.append(root)
    commit = commit_of(object_id("tree", root))
    value["proof"]["commit"] = base64.b64encode(commit).decode()
    value["proof"]["trees"] = [
        base64.b64encode(raw).decode()
        for raw in sorted(trees, key=lambda raw: object_id("tree", raw))
    ]
    value["upstream"] |= {"commit": object_id("commit", commit), "from": ""}
    value["selection"] = {"exclude": [], "include": ["/a"]}


def _costly(value: _Record) -> None:
    """Patterns that each try every directory of a tree that a few objects make large."""
    _bomb(value)
    value["selection"] = {"exclude": [], "include": ["**/" + "*/" * 60 + "b"] * 300}


def _deep_paths(value: _Record) -> None:
    fact = value["files"][0]
    value["files"] = [
        fact | {"path": f"{number:05}/" + "a/" * 1900 + "f"} for number in range(5000)
    ]


_RECORD_BYTES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", _UNREADABLE),
    "cut-off": (lambda old: old[:-9], _UNREADABLE),
    "of-text": (lambda _: b"no record\n", _UNREADABLE),
    "of-toml": (lambda _: b"[files]\n", _UNREADABLE),
    "of-a-list": (lambda _: b"[]\n", _UNREADABLE),
    "of-null": (lambda _: b"null\n", _UNREADABLE),
    "of-a-number": (lambda _: b"1e400\n", _UNREADABLE),
    "of-nul-bytes": (lambda _: b"\0" * 1000, _UNREADABLE),
    "not-utf8": (lambda old: old.replace(b"wit", b"w\xfft", 1), _UNREADABLE),
    "in-utf-16": (lambda old: old.decode().encode("utf-16"), _UNREADABLE),
    "with-byte-order-mark": (lambda old: b"\xef\xbb\xbf" + old, _UNREADABLE),
    "with-crlf": (lambda old: old.replace(b"\n", b"\r\n"), "record-line-endings"),
    "with-tabs": (lambda old: old.replace(b"  ", b"\t"), _NOT_CANONICAL),
    "on-one-line": (lambda old: json.dumps(json.loads(old)).encode(), _NOT_CANONICAL),
    "without-last-newline": (lambda old: old.rstrip(b"\n"), _NOT_CANONICAL),
    "with-more-newlines": (lambda old: old + b"\n", _NOT_CANONICAL),
    "with-more-behind": (lambda old: old + b"{}", _UNREADABLE),
    "with-comment": (lambda old: b"// mine\n" + old, _UNREADABLE),
    "with-comma": (lambda old: old.replace(b"\n}", b",\n}"), _UNREADABLE),
    "with-escapes": (lambda old: old.replace(b'"up"', b'"\\u0075p"'), _NOT_CANONICAL),
    "key-twice": (
        lambda old: old.replace(b'"mirror": "up"', b'"mirror": "x",\n  "mirror": "up"'),
        _NOT_CANONICAL,
    ),
    "lone-surrogate": (lambda old: old.replace(b'"up"', b'"\\ud800"', 1), _UNREADABLE),
    "encoded-surrogate": (lambda old: old.replace(b'"up"', b'"\xed\xa0\x80"', 1), _UNREADABLE),
    "with-conflict": (
        lambda old: b"<<<<<<< HEAD\n" + old + b"=======\n" + old + b">>>>>>> other\n",
        "record-conflict",
    ),
    "lists-100000-deep": (lambda _: b"[" * 100_000, _UNREADABLE),
    "objects-100000-deep": (lambda _: b'{"a":' * 100_000, _UNREADABLE),
    "of-a-megabyte-of-numbers": (lambda _: b'{"files": [' + b"0," * 500_000 + b"0]}", _UNREADABLE),
    "of-a-megabyte-of-objects": (
        lambda _: b'{"files": [' + b"{}," * 350_000 + b"{}]}",
        _UNREADABLE,
    ),
    "of-a-million-keys": (
        lambda _: b"{" + b",".join(b'"%x": 0' % n for n in range(1_000_000)) + b"}",
        _UNREADABLE,
    ),
    "of-lists-in-lists": (
        lambda _: b'{"files": [' + (b"[" * 100 + b"]" * 100 + b",") * 5000 + b"0]}",
        _UNREADABLE,
    ),
    "of-blank-lines": (lambda _: b"\n" * (30 << 20), _UNREADABLE),
    "of-65-megabytes": (lambda _: b'{"a": "' + b"x" * (65 << 20) + b'"}', _UNREADABLE),
    "number-of-5000-digits": (
        lambda old: old.replace(b'"schema": 2', b'"schema": ' + b"9" * 5000),
        _UNREADABLE,
    ),
    "nan": (lambda old: old.replace(b'"size": 2', b'"size": NaN', 1), _UNREADABLE),
}
_RECORDS: dict[str, tuple[Callable[[_Record], object], str]] = {
    "newer": (_at("schema", to=2), "record-newer"),
    "older": (_at("schema", to=0), _UNREADABLE),
    "schema-of-text": (_at("schema", to="1"), _UNREADABLE),
    "schema-of-boolean": (_at("schema", to=True), _NOT_CANONICAL),
    "schema-of-float": (_at("schema", to=1.0), _NOT_CANONICAL),
    "unknown-key": (_at("extra", to=1), _UNREADABLE),
    "unknown-key-that-escapes": (_at("a\x1b[31m\n::error::x", to=1), _UNREADABLE),
    "without-key": (lambda value: value.pop("tree"), _UNREADABLE),
    "of-another-mirror": (_at("mirror", to="other"), _MISPLACED),
    "of-a-mirror-that-escapes": (_at("mirror", to="\x1b[31m"), _MISPLACED),
    "of-another-commit": (_at("upstream", "commit", to="0" * 40), "proof-broken"),
    "of-another-time": (_at("upstream", "commit_time", to="2026-01-02T03:04:06Z"), "proof-broken"),
    "time-of-text": (_at("upstream", "commit_time", to="yesterday"), _UNREADABLE),
    "of-another-tree": (_at("tree", to="0" * 40), "proof-broken"),
    "of-another-upstream-tree": (_at("upstream_tree", to="0" * 40), "proof-broken"),
    "of-another-from": (_at("upstream", "from", to=""), "proof-broken"),
    "with-a-tag-object-that-is-not-there": (_at("upstream", "tag", to="0" * 40), "proof-broken"),
    "without-trees": (_at("proof", "trees", to=[]), "proof-broken"),
    "with-too-many-trees": (lambda value: value["proof"]["trees"].append("AAAA"), "proof-broken"),
    "with-a-tree-bomb": (_bomb, "proof-broken"),
    "base64-of-text": (_at("proof", "commit", to="!!"), _UNREADABLE),
    "base64-not-canonical": (_at("proof", "commit", to="AB=="), _UNREADABLE),
    "base64-without-padding": (_at("proof", "commit", to="AAA"), _UNREADABLE),
    "commit-of-text": (_at("proof", "commit", to="AAAA"), "proof-broken"),
    "ref-of-head": (_at("upstream", "ref", to="HEAD"), _UNREADABLE),
    "ref-of-a-branch": (_at("upstream", "ref", to="refs/heads/main"), _UNREADABLE),
    "url-remote-helper": (_at("upstream", "url", to=f"ext::sh -c {_PWNED}"), _UNREADABLE),
    "url-option": (_at("upstream", "url", to="--upload-pack=id"), _UNREADABLE),
    "url-with-password": (_at("upstream", "url", to="https://a:b@example.org/x"), _UNREADABLE),
    "url-that-escapes": (_at("upstream", "url", to="https://example.org/\x1b[31m"), _UNREADABLE),
    "no-files": (_at("files", to=[]), _UNREADABLE),
    "files-not-in-order": (lambda value: value["files"].reverse(), _UNREADABLE),
    "file-twice": (lambda value: value["files"].insert(0, value["files"][0]), _UNREADABLE),
    "file-and-directory": (
        lambda value: value["files"].insert(1, value["files"][0] | {"path": "a.wit/x"}),
        _UNREADABLE,
    ),
    "pattern-that-backtracks": (_at("selection", "exclude", to=["*a" * 40 + "b"]), ACCEPTED),
    "with-300000-patterns": (_at("selection", "exclude", to=["a"] * 300_000), _UNREADABLE),
    "with-2000-patterns-of-stars": (
        _at("selection", "exclude", to=["*a" * 2000 + "b"] * 2000),
        _UNREADABLE,
    ),
    "pattern-of-a-megabyte": (_at("selection", "exclude", to=["*a" * 500_000]), _UNREADABLE),
    "patterns-for-so-many-files": (_costly, "proof-broken"),
    "files-in-more-directories-than-memory-holds": (_deep_paths, _UNREADABLE),
    "tree-objects-of-nothing": (_at("proof", "trees", to=["AAAA"] * 1_000_000), _UNREADABLE),
    "licenses-of-another-file": (_at("licenses", 0, "blob", to="0" * 40), "proof-broken"),
}
_BAD_PATHS = {
    "parent": "../up",
    "absolute": "/etc",
    "drive": "C:/x",
    "git": "x/.git",
    "provenance": "third_party/provenance",
    "workspace": "third_party/.git-verbatim",
    "manifest": "third_party/mirrors.toml",
    "attributes": ".gitattributes",
    "backslash": "a\\b",
    "empty": "",
    "nul": "a\0b",
    "escape": "a\x1b[31m",
    "newline": "a\nb",
    "override": "a\u202eb",
    "300-letters": "x" * 300,
}
_BAD_FILES: dict[str, dict[str, object]] = {
    "parent": {"path": "../a"},
    "absolute": {"path": "/etc/passwd"},
    "git": {"path": ".git/config"},
    "git-in-capitals": {"path": ".GIT"},
    "git-with-ignored": {"path": ".g\u200cit"},
    "dot": {"path": "."},
    "empty": {"path": ""},
    "slash": {"path": "a//b"},
    "nul": {"path": '"a\\000b"'},
    "escape-quoted": {"path": '"\\033[31m"'},
    "escape": {"path": "\x1b[31m"},
    "override": {"path": "a\u202eb"},
    "quoted-without-need": {"path": '"a"'},
    "quote-left-open": {"path": '"a'},
    "200000-letters": {"path": "a/" * 100_000 + "x"},
    "mode-group-writable": {"mode": "100664"},
    "mode-of-a-tree": {"mode": "040000"},
    "mode-of-a-submodule": {"mode": "160000"},
    "mode-set-uid": {"mode": "104755"},
    "mode-of-a-number": {"mode": 100644},
    "blob-short": {"blob": "0" * 39},
    "blob-in-capitals": {"blob": "A" * 40},
    "blob-with-newline": {"blob": "0" * 40 + "\n"},
    "sha256-short": {"sha256": "0" * 63},
    "size-negative": {"size": -1},
    "size-of-text": {"size": "2"},
    "size-of-a-float": {"size": 2.5},
}
# what git's ids do not cover is put right by the next sync, and found until then
_FALSE_FACTS: dict[str, tuple[dict[str, object], str]] = {
    "another-blob": ({"blob": "0" * 40}, "proof-broken"),
    "another-mode": ({"mode": "100755"}, "proof-broken"),
    "a-symlink": ({"mode": "120000"}, "proof-broken"),
    "another-name": ({"path": "a.wiT"}, "proof-broken"),
    "another-sha256": ({"sha256": "0" * 64}, ACCEPTED),
    "another-size": ({"size": 3}, ACCEPTED),
    "size-of-400-digits": ({"size": int("9" * 400)}, ACCEPTED),
}


def _records() -> Iterator[Case]:
    for label, (change, expected) in _RECORD_BYTES.items():
        yield _record_case(label, expected, bytes_of(change))
    for label, (told, expected) in _RECORDS.items():
        yield _record_case(label, expected, record(told))
    for label, path in _BAD_PATHS.items():
        yield _record_case(f"path-{label}", _UNREADABLE, record(_at("places", to=[path])))
    for label, facts in _BAD_FILES.items():
        yield _record_case(f"file-{label}", _UNREADABLE, record(_file(**facts)))
    for label, (facts, expected) in _FALSE_FACTS.items():
        yield _record_case(f"file-with-{label}", expected, record(_file(**facts)))
    for label, name in {
        "escape": "\x1b[31m",
        "newline": "a\nb",
        "override": "a\u202eb",
        "blank": " ",
        "dots": "..",
    }.items():
        yield Case(
            f"record-file-called-{label}", ACCEPTED, _stray(name), finding="record-unreadable"
        )


def _record_case(label: str, expected: str, build: Build) -> Case:
    finding = {"proof-broken": "proof-broken"}.get(expected, "record-unreadable")
    if expected == ACCEPTED:
        finding = (
            "record-differs-from-manifest"
            if label.startswith("pattern")
            else "mirror-differs-from-record"
        )
    return Case(f"record-{label}", expected, build, finding=finding)


def _stray(name: str) -> Build:
    return lambda scene: (scene.third_party / f"provenance/{name}.json").write_text("{}")


RECORDS = tuple(_records())
