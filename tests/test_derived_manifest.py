"""Derived forms in the manifest: what they mean, and for each bad one message, place and hint."""

import pytest

from sync.errors import ManifestError
from sync.ids import RepoPath
from sync.manifest.choosing import made_of, needed_for
from sync.manifest.read import Manifest, parse_manifest
from sync.model.mirrors import Form
from sync.model.values import FormKind

MIRRORS = "".join(
    f'[mirrors."{name}"]\nurl = "https://example.org/{name}"\ntag = "v1"\n'
    for name in ("cli", "io")
)
TOOLS = '[tools.wasm-tools]\nversion = "1.262.0"\n'
BINARY = '[derived.b]\nform = "wit-binary"\nof = "cli"\nwith = ["io"]\ninto = "/x/b.wasm"\n'


def parsed(text: str) -> Manifest:
    return parse_manifest((MIRRORS + TOOLS + text).encode())


def test_everything_that_can_be_said_is_read() -> None:
    text = (
        '[derived.p]\nform = "patched"\nof = "cli"\npatches = ["patches/a.patch", "/b.patch"]\ninto = "p"\n'
        '[derived.b]\nform = "wit-binary"\nof = "p"\nwith = ["io"]\nfeatures = ["tls", "a-b"]\n'
        'into = ["/x/b.wasm", "b.wasm"]\nchecked-in = false\n'
        '[derived.z]\nform = "gzip"\nof = "p:a/b.wit"\ninto = "z.gz"\n'
    )
    forms = parsed(text).forms
    assert forms["p"] == Form(
        name="p",
        kind=FormKind.PATCHED,
        of="cli",
        places=("third_party/p",),
        patches=("third_party/patches/a.patch", "b.patch"),
    )
    assert forms["b"] == Form(
        name="b",
        kind=FormKind.WIT_BINARY,
        of="p",
        places=("third_party/b.wasm", "x/b.wasm"),
        needs=("io",),
        features=("a-b", "tls"),
        checked_in=False,
        tool_version="1.262.0",
    )
    assert (forms["z"].of, forms["z"].of_path) == ("p", RepoPath(b"a/b.wit"))
    assert forms["b"].inputs == ("io", "p")


def test_what_forms_name_in_the_host_is_known() -> None:
    text = (
        BINARY + '[derived.p]\nform = "patched"\nof = "io"\npatches = ["/p.patch"]\ninto = "/y"\n'
    )
    manifest = parsed(text)
    assert manifest.outside == ("x/b.wasm", "y")
    assert manifest.named_files == ("p.patch",)


def test_what_is_made_of_what_is_followed_through_other_forms() -> None:
    text = (
        '[derived.z]\nform = "gzip"\nof = "b"\ninto = "z.gz"\n'
        + BINARY
        + '[derived.i]\nform = "wit-package"\nof = "io"\ninto = "i.wit"\n'
    )
    forms = parsed(text).forms
    assert made_of(forms, ["cli"]) == ["z", "b"]
    assert made_of(forms, ["io"]) == ["z", "b", "i"]
    assert {*needed_for(forms, ["z"])} == {"b", "cli", "io"}


def table(**keys: str) -> str:
    """The table of a form with these keys, as TOML writes their values."""
    return "[derived.x]\n" + "".join(
        f"{key.rstrip('_').replace('_', '-')} = {value}\n" for key, value in keys.items()
    )


WIT = {"form": '"wit-binary"', "of": '"cli"', "into": '"x.wasm"'}
PATCHED = {"form": '"patched"', "of": '"cli"', "into": '"x"', "patches": '["p.patch"]'}
GZIP = {"form": '"gzip"', "of": '"cli:a"', "into": '"x.gz"'}

BAD: dict[str, tuple[str, str, str, str | None]] = {
    "an unknown form": (
        table(**WIT | {"form": '"wit-binry"'}),
        "there is no form `wit-binry`",
        "derived.x.form",
        "did you mean wit-binary",
    ),
    "a form that a manifest would run": (
        table(**WIT, command='"rm"'),
        "unknown key `command`",
        "derived.x.command",
        None,
    ),
    "no place": (table(form='"wat"', of='"cli"'), "the key `into` is missing", "derived.x", None),
    "an empty list of places": (
        table(**WIT | {"into": "[]"}),
        "`into` is a path, or a list of at least one",
        "derived.x.into",
        None,
    ),
    "a place twice": (
        table(**WIT | {"into": '["a", "a"]'}),
        "`into` names `a` twice",
        "derived.x.into",
        None,
    ),
    "a directory for a file": (
        table(**WIT | {"into": '"a/"'}),
        "names a directory, and `wit-binary` is one file",
        "derived.x.into",
        "name the file itself",
    ),
    "a reserved place": (
        table(**WIT | {"into": '"provenance/x"'}),
        "is reserved for the tool",
        "derived.x.into",
        None,
    ),
    "a place in .git": (
        table(**WIT | {"into": '"/.git/x"'}),
        "names a git directory",
        "derived.x.into",
        None,
    ),
    "a place that Windows cannot hold": (
        table(**WIT | {"into": '"aux.wasm"'}),
        "which Windows cannot hold",
        "derived.x.into",
        None,
    ),
    "the place of a mirror": (
        table(**WIT | {"into": '"io"'}),
        "form x overlaps mirror io",
        "derived.x.into",
        "give each its own `into`",
    ),
    "a place in a mirror": (
        table(**WIT | {"into": '"io/x.wasm"'}),
        "form x overlaps mirror io",
        "derived.x.into",
        None,
    ),
    "two forms into one path": (
        BINARY + table(**WIT | {"into": '"/x/b.wasm"', "with": '["io"]'}),
        "form x overlaps form b",
        "derived.x.into",
        None,
    ),
    "places that differ in case": (
        BINARY + table(**WIT | {"into": '"/X/b.wasm.d"'}),
        "on Windows and macOS /x is one with /X",
        "derived.b.into",
        None,
    ),
    "an unknown mirror": (
        table(**WIT | {"of": '"clj"'}),
        "there is no mirror `clj`",
        "derived.x.of",
        "did you mean cli?",
    ),
    "an unknown mirror in with": (
        table(**WIT, with_='["clj"]'),
        "there is no mirror `clj`",
        "derived.x.with",
        "did you mean cli?",
    ),
    "made of itself": (table(**WIT | {"of": '"x"'}), "of itself", "derived.x.of", None),
    "the main package in with": (
        table(**WIT, with_='["cli"]'),
        "`with` has `cli`, which is what `of` names",
        "derived.x.with",
        None,
    ),
    "a name twice in with": (
        table(**WIT, with_='["io", "io"]'),
        "`with` has `io`, which is there twice",
        "derived.x.with",
        None,
    ),
    "a file in with": (
        BINARY + table(**WIT, with_='["b"]'),
        "which is no tree of WIT files",
        "derived.x.with",
        None,
    ),
    "WIT of a file": (
        BINARY + table(**WIT | {"of": '"b"'}),
        "is made of a mirror, or of a form `patched`",
        "derived.x.of",
        None,
    ),
    "WIT of a path": (
        table(**WIT | {"of": '"cli:a"'}),
        "is made of all of `cli`",
        "derived.x.of",
        'write `of = "cli"`',
    ),
    "patches of a binary": (
        table(**WIT, patches='["a.patch"]'),
        "a form `wit-binary` has no `patches`",
        "derived.x.patches",
        None,
    ),
    "features of an archive": (
        table(**GZIP, features='["a"]'),
        "a form `gzip` has no `features`",
        "derived.x.features",
        None,
    ),
    "a feature that is none": (
        table(**WIT, features='["A B"]'),
        "`features` has `A B`, which is no name of a feature",
        "derived.x.features",
        None,
    ),
    "no features at all": (
        table(**WIT, features="[]"),
        "`features` is wrong",
        "derived.x.features",
        None,
    ),
    "patched without patches": (
        table(form='"patched"', of='"cli"', into='"x"'),
        "a form `patched` without `patches` is the mirror itself",
        "derived.x",
        None,
    ),
    "a patched form of a patched form": (
        table(**PATCHED)
        + '[derived.y]\nform = "patched"\nof = "x"\npatches = ["q.patch"]\ninto = "y"\n',
        "a form `patched` is made of a mirror",
        "derived.y.of",
        None,
    ),
    "a patch twice": (
        table(**PATCHED | {"patches": '["a.patch", "a.patch"]'}),
        "`patches` names `a.patch` twice",
        "derived.x.patches",
        None,
    ),
    "a patch that leads out": (
        table(**PATCHED | {"patches": '["../a.patch"]'}),
        "leaves its directory",
        "derived.x.patches",
        None,
    ),
    "a patch in a mirror": (
        table(**PATCHED | {"patches": '["io/a.patch"]'}),
        "`patches` overlaps mirror io",
        "derived.x.patches",
        "such as in patches/",
    ),
    "a compressed directory": (
        table(**GZIP | {"of": '"cli"'}),
        "`cli` is a directory",
        "derived.x.of",
        'write `of = "cli:PATH"`',
    ),
    "a path in a file": (
        BINARY + table(**GZIP | {"of": '"b:x"'}),
        "`b` is one file",
        "derived.x.of",
        'write `of = "b"`',
    ),
    "compressed twice": (
        table(**GZIP) + '[derived.y]\nform = "gzip"\nof = "x"\ninto = "y.gz"\n',
        "`x` is compressed already",
        "derived.y.of",
        None,
    ),
    "a path that leads out": (
        table(**GZIP | {"of": '"cli:../a"'}),
        "the path in `of` leaves its directory",
        "derived.x.of",
        None,
    ),
    "an archive that is not checked in": (
        table(**GZIP, checked_in="false"),
        "a form `gzip` has to be checked in",
        "derived.x.checked-in",
        "write `checked-in = true`",
    ),
    "the name of a mirror": (
        BINARY.replace("derived.b", "derived.io"),
        "form io has the name of mirror io",
        "derived.io",
        "call one of them otherwise",
    ),
    "a bad name": (
        BINARY.replace("derived.b", 'derived."a b"'),
        "`a b` is no name of a derived form",
        'derived."a b"',
        None,
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_with_the_place_and_the_way_out(case: str) -> None:
    text, message, where, hint = BAD[case]
    with pytest.raises(ManifestError) as caught:
        parsed(text)
    assert message in caught.value.message
    assert any(line.endswith(f": {where}") for line in caught.value.context), caught.value.context
    assert hint is None or hint in (caught.value.hint or "")


def test_a_form_of_wit_asks_for_a_version_of_the_tool() -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest((MIRRORS + BINARY).encode())
    assert "no version of it is given" in caught.value.message
    assert "[tools.wasm-tools]" in (caught.value.hint or "")


@pytest.mark.parametrize("version", ["latest", "1.262", ">=1.262.0", "1.262.0; rm"])
def test_a_version_is_a_number_alone(version: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(f'[tools.wasm-tools]\nversion = "{version}"\n'.encode())
    assert "is no version" in caught.value.message


def test_an_unknown_tool_is_an_unknown_key() -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(b'[tools.make]\nversion = "1.0.0"\n')
    assert caught.value.message == "unknown key `make`"
