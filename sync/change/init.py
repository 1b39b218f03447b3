"""Does the work of `init`: writes manifest and attributes for a host that has none yet."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from sync.change.in_the_way import refuse_foreign
from sync.change.own_files import OwnFiles, host_table, own_files_in
from sync.errors import HostError, ManifestError, UsageError
from sync.host.attributes_and_ignores import CONVERTS_NOTHING, keep_attributes
from sync.host.directory import Directory, explaining, split
from sync.host.find import Host
from sync.host.scan import read_file
from sync.host.work_tree import WorkTree
from sync.ids import Mode
from sync.layout import ATTRIBUTES_FILE, ATTRIBUTES_PATH, MANIFEST_PATH, THIRD_PARTY
from sync.manifest.read import parse_manifest
from sync.model.values import FormKind
from sync.wording import did_you_mean

PRESETS = ("wasi",)

_EMPTY_MANIFEST = """\
# Exact copies of upstream trees, kept by git-verbatim: \
edit a pin here, then run `git verbatim sync`.
#
# [mirrors."wasi-0.2-cli"]
# url  = "https://github.com/WebAssembly/WASI"
# tag  = "v0.2.12"
# from = "proposals/cli/wit"
# into = "wasi/0.2/cli"
"""

# Only $GIT_DIR/info/attributes outranks a .gitattributes file inside a mirrored tree
# (gitattributes(5)). The attributes for archives are left to the files that everybody has.
_LOCAL_ATTRIBUTES = f"{THIRD_PARTY}/** {CONVERTS_NOTHING} -whitespace\n"


@dataclass(frozen=True, slots=True)
class Made:
    """The names of what `init` wrote, and of what was there already (`kept`)."""

    written: tuple[str, ...]
    kept: tuple[str, ...]
    has_mirrors: bool
    """Whether the host had a manifest with mirrors before, as a clone has."""
    own: tuple[OwnFiles, ...] = ()
    """What third_party/ held before, as the new manifest declares it."""
    has_binaries: bool = False
    """Whether the manifest has WIT packages in the binary format, of which git shows no diff."""


def initialize(host: Host, preset: str | None) -> Made:
    """Write what a host needs and does not have.

    Of the files below third_party/ that are there already, only attributes that an earlier version
    wrote are changed.
    """
    root, repository = host.require_work_tree()
    refuse_foreign(host, [], [MANIFEST_PATH, ATTRIBUTES_PATH])
    manifest = preset_manifest(preset) if preset else _EMPTY_MANIFEST
    state = WorkTree(root, repository)
    if preset and ((root / MANIFEST_PATH).exists() or state.deleted_error(MANIFEST_PATH)):
        raise UsageError(
            f"there is a {MANIFEST_PATH} already",
            hint="move it away, or add mirrors with `git verbatim add`",
            reference="manifest-exists",
        )
    hidden = _hidden(state)
    present = state.read(MANIFEST_PATH) or b""
    has_mirrors = MANIFEST_PATH in hidden or _names_mirrors(present)
    written: list[str] = []
    kept: list[str] = []
    own = own_files_in(root)
    with explaining(f"write to {THIRD_PARTY}/"), Directory.open(root) as top:
        with top.descend(THIRD_PARTY.encode(), create=True) as third_party:
            manifest_file = split(MANIFEST_PATH.encode())[1]
            if third_party.exists(manifest_file):
                kept.append(MANIFEST_PATH)
            elif MANIFEST_PATH in hidden:
                kept.append(f"{MANIFEST_PATH}, which is hidden")
            else:
                text = manifest + host_table(own)
                parse_manifest(text.encode())
                third_party.write(manifest_file, Mode.FILE, text.encode())
                written.append(MANIFEST_PATH)
            if ATTRIBUTES_PATH in hidden:
                kept.append(f"{ATTRIBUTES_PATH}, which is hidden")
            else:
                is_new = _write_attributes(host, third_party)
                (written if is_new else kept).append(ATTRIBUTES_PATH)
        if _add_local_attributes(repository.common_directory):
            written.append("info/attributes of this clone")
    is_new = MANIFEST_PATH in written
    declared = tuple(own) if is_new else ()
    return Made(tuple(written), tuple(kept), has_mirrors, declared, _has_binaries(present))


def _names_mirrors(manifest: bytes) -> bool:
    """Whether there are mirrors; also in a manifest that has to be mended."""
    try:
        return bool(parse_manifest(manifest).mirrors)
    except ManifestError:
        return True


def _has_binaries(manifest: bytes) -> bool:
    try:
        forms = parse_manifest(manifest).forms.values()
    except ManifestError:
        return False
    return any(form.kind is FormKind.WIT_BINARY for form in forms)


def _write_attributes(host: Host, third_party: Directory) -> bool:
    """Write third_party/.gitattributes if it is missing or out of date; True if it was written."""
    name = ATTRIBUTES_FILE.encode()
    if not third_party.exists(name):
        third_party.write(name, Mode.FILE, keep_attributes(None))
        return True
    present = read_file(host.require_root(), ATTRIBUTES_PATH)
    wanted = keep_attributes(present)
    if wanted != present:
        third_party.replace(name, wanted)
    return wanted != present


def _add_local_attributes(git_directory: Path) -> bool:
    """Add our attributes to this clone's info/attributes; False if they are there already."""
    local = git_directory / "info" / "attributes"
    present = local.read_text("utf-8", "surrogateescape") if local.exists() else ""
    if _LOCAL_ATTRIBUTES in present:
        return False
    if local.is_symlink() or local.parent.is_symlink():
        raise HostError(
            "info/attributes of this clone lies behind a symlink, and is not written through it",
            [f"file: {local}"],
            hint=f"add this line to it, then run the command again: {_LOCAL_ATTRIBUTES.strip()}",
            reference="attributes-linked",
        )
    text = present + ("" if not present or present.endswith("\n") else "\n") + _LOCAL_ATTRIBUTES
    with (
        Directory.open(git_directory) as directory,
        directory.descend(b"info", create=True) as info,
    ):
        info.replace(b"attributes", text.encode("utf-8", "surrogateescape"))
    return True


def _hidden(state: WorkTree) -> list[str]:
    """Which of the two files git tracks but leaves out of the working tree.

    Raises HostError if the manifest is deleted in the working tree but not in the index.
    """
    hidden = [name for name in (MANIFEST_PATH, ATTRIBUTES_PATH) if state.is_hidden(name)]
    if (
        MANIFEST_PATH not in hidden
        and state.read(MANIFEST_PATH) is None
        and (error := state.deleted_error(MANIFEST_PATH))
    ):
        raise error
    return hidden


def preset_manifest(name: str) -> str:
    """The text of a preset's manifest; UsageError if there is no such preset."""
    if name not in PRESETS:
        raise UsageError(
            f"there is no preset {name}",
            hint=did_you_mean(name, PRESETS) or f"presets: {', '.join(PRESETS)}",
            reference="preset-unknown",
        )
    text = (files("sync") / "presets" / f"{name}.toml").read_text("utf-8")
    parse_manifest(text.encode())
    return text
