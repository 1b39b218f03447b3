"""The formats of reports: what each is called, and which function writes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sync.errors import UsageError
from sync.report.facts import Facts
from sync.report.formats import (
    cyclonedx,
    debian,
    html,
    intoto,
    markdown,
    nix,
    reuse,
    rpm,
    sha256sums,
    spdx,
    verify_sh,
)
from sync.report.formats import json_report as json_model
from sync.wording import did_you_mean


@dataclass(frozen=True, slots=True)
class Format:
    """One format; `render` is a pure function."""

    name: str
    suffix: str
    """The suffix of the file that `--all` writes: `third-party.<suffix>`."""
    render: Callable[[Facts], bytes]
    reads_content: bool = False
    """Whether it needs facts that only the content of the files has."""
    lists_what_is_here: bool = True
    """Whether it is an inventory of the files that are here, and is useless if there are none."""
    is_executable: bool = False

    @property
    def file_name(self) -> str:
        return f"third-party.{self.suffix}"


FORMATS: Sequence[Format] = (
    Format("markdown", "md", markdown.render, lists_what_is_here=False),
    Format("html", "html", html.render, lists_what_is_here=False),
    Format("json", "json", json_model.render, lists_what_is_here=False),
    Format("spdx", "spdx.json", spdx.render, reads_content=True),
    Format("cyclonedx", "cdx.json", cyclonedx.render, reads_content=True),
    Format("debian", "debian-copyright", debian.render),
    Format("rpm", "spec", rpm.render),
    Format("nix", "nix", nix.render, reads_content=True),
    Format("intoto", "intoto.json", intoto.render),
    Format("sha256sums", "sha256sums", sha256sums.render),
    Format("verify-sh", "verify.sh", verify_sh.render, reads_content=True, is_executable=True),
    Format("reuse", "reuse.toml", reuse.render),
)


def find_format(name: str) -> Format:
    """Return the format of this name; if there is none, UsageError suggests the nearest name."""
    for known in FORMATS:
        if known.name == name:
            return known
    names = [known.name for known in FORMATS]
    raise UsageError(
        f"there is no format {name}",
        [f"formats: {', '.join(names)}"],
        hint=did_you_mean(name, names)
        or next((f"did you mean {known.name}?" for known in FORMATS if known.suffix == name), None),
        reference="format-unknown",
    )
