"""Explain each rule in words: what it finds, why, and the ways out of a violation."""

from dataclasses import dataclass

from sync.host.attributes_and_ignores import CONVERTS_NOTHING, LEAVES_NOTHING_OUT
from sync.judgement.findings import Rule


@dataclass(frozen=True, slots=True)
class Explanation:
    """One rule in words.

    They are the text of `check --explain`, of the hooks' hints and of docs/policies.md. In the ways
    out, {mirror} stands for the mirror's name, {path} for where it was found, {directory} for the
    directory of the copy, {record} for its record, and {before} for the commit to go back to.
    """

    rule: Rule
    finds: str
    why: str
    go_on: str
    """How to get what the change was for."""
    restored: tuple[str, ...] = ()
    """The paths that undoing the change restores."""

    @property
    def put_back(self) -> str:
        """The command that undoes the change."""
        restored = [f"'{path}'" if "*" in path else path for path in self.restored]
        return " ".join([RESTORE, *restored]) if restored else f"{REMOVE} {{path}}"


REMOVE = "git rm -r --cached --"
RESTORE = "git restore --source={before} --staged --worktree --"
_MANIFEST = "third_party/mirrors.toml"
_ALL_OF_IT = (_MANIFEST, "{record}", "{directory}")
_CHANGE_UPSTREAM = (
    f"make the change upstream, move the pin of {{mirror}} in {_MANIFEST}, "
    "and run `git verbatim sync {mirror} --commit`"
)

_ONLY_UPSTREAM = (
    "Only upstream can say what it has published. A record that it denies was made elsewhere, "
    "or upstream has taken the release back."
)
_PIN_ANOTHER = (
    f"pin in {_MANIFEST} what upstream has published (`git verbatim verify --upstream {{mirror}}` "
    "asks again), and run `git verbatim sync {mirror} --commit`"
)

EXPLANATIONS = (
    Explanation(
        Rule.MIRROR_DIFFERS_FROM_RECORD,
        finds="a mirror that is not what its record says: a file was changed, added, removed or "
        "renamed, its mode, kind or line endings changed, a recorded size or SHA-256 is not the "
        "file's; or files of a mirror that is not checked in are committed",
        why="A mirror is an exact copy of an upstream tree. Whoever reads it, builds from it or "
        "ships it relies on that, and an edit would be lost with the next sync.",
        go_on=_CHANGE_UPSTREAM,
        restored=(
            "{directory}",
            "{record}",
        ),
    ),
    Explanation(
        Rule.RECORD_DIFFERS_FROM_MANIFEST,
        finds="a record that answers another pin, URL, selection or path than the manifest has, "
        "or has no good signature where that requires one: the manifest was edited without a sync, "
        "or the record replaced",
        why="The manifest says what is wanted, the record what is there. "
        "Where they disagree nobody can tell which version the copy is.",
        go_on="run `git verbatim sync {mirror} --commit`, "
        "which brings files and record to the manifest's pin; "
        f"after a sync with `--no-stage`: `git add {_MANIFEST}`",
        restored=_ALL_OF_IT,
    ),
    Explanation(
        Rule.RECORD_WITHOUT_MIRROR,
        finds="a record, and perhaps its files, of a mirror that the manifest does not have",
        why="What the manifest does not name is not kept up to date by anybody.",
        go_on=f"if the manifest here has the mirror, stage it: `git add {_MANIFEST}`; "
        "or take files and record away too: `git verbatim remove {mirror} --commit`",
        restored=(
            _MANIFEST,
            "{record}",
        ),
    ),
    Explanation(
        Rule.MIRROR_WITHOUT_RECORD,
        finds="a mirror of the manifest that has no record",
        why="Without a record nobody can tell which commit the files are from, "
        "or whether they are upstream's.",
        go_on="run `git verbatim sync {mirror} --commit`; "
        f"if the manifest here has the mirror no more, stage it: `git add {_MANIFEST}`",
        restored=(
            _MANIFEST,
            "{record}",
        ),
    ),
    Explanation(
        Rule.RECORD_UNREADABLE,
        finds="a record that is no canonical JSON of a schema that this version knows, "
        "or no plain file: edited by hand, merged line by line, or written by a newer version",
        why="Only the tool writes records; one that cannot be read proves nothing.",
        go_on="make it anew: `git verbatim sync --discard-local {mirror} --commit`",
        restored=("{record}",),
    ),
    Explanation(
        Rule.PROOF_BROKEN,
        finds="a record whose own git objects do not lead from the files to the upstream's "
        "commit id: files and record were changed together",
        why="A record can be edited to match an edited copy, but nobody can make the edited tree "
        "hash to upstream's commit id. So an edit is found without asking upstream.",
        go_on=_CHANGE_UPSTREAM,
        restored=(
            "{record}",
            "{directory}",
        ),
    ),
    Explanation(
        Rule.DERIVED_DIFFERS_FROM_RECORD,
        finds="a derived form that is not what its record says: a file was changed, added or "
        "removed; or, made again of the same inputs, it is not what its record says; or files of a "
        "form that is not checked in are committed",
        why="A derived form is made of mirrors by a recipe, and of nothing else. Whoever uses it "
        "relies on that it can be made again, bit for bit.",
        go_on='make the change upstream, or as a patch (`form = "patched"`), and run '
        "`git verbatim sync {mirror} --commit`",
        restored=("{directory}", "{record}"),
    ),
    Explanation(
        Rule.DERIVED_STALE,
        finds="a derived form that was made of other trees or patches than are there now: "
        "an input moved, and the form was not made again",
        why="Two copies of the same thing have to be the same version.",
        go_on="make it anew: `git verbatim sync {mirror} --commit`",
        restored=_ALL_OF_IT,
    ),
    Explanation(
        Rule.DERIVED_WITHOUT_RECORD,
        finds="a derived form of the manifest that has no record",
        why="Without a record nobody can tell what the files were made of, and by what.",
        go_on="run `git verbatim sync {mirror} --commit`; "
        f"if the manifest here has the form no more, stage it: `git add {_MANIFEST}`",
        restored=(_MANIFEST, "{record}"),
    ),
    Explanation(
        Rule.RECORD_WITHOUT_DERIVED,
        finds="a record, and perhaps its files, of a derived form that the manifest does not have",
        why="What the manifest does not name is not kept up to date by anybody.",
        go_on=f"if the manifest here has the form, stage it: `git add {_MANIFEST}`; "
        "or take files and record away too: `git verbatim remove {mirror} --commit`",
        restored=(_MANIFEST, "{record}"),
    ),
    Explanation(
        Rule.TAG_MOVED,
        finds="a record that gives another commit for a tag than another record does; that may be "
        "one before this commit, one where it is to be merged, or one of another mirror",
        why="A published tag names one commit. If records name two, upstream has moved the tag, or "
        "somebody has put a commit of their own under it; nothing here can tell which. URLs are "
        "compared without `.git` and slashes at the end, and without the case of the host.",
        go_on="ask upstream with `git verbatim verify --upstream {mirror}`; then pin the commit "
        f'that is right in {_MANIFEST} (`commit = "…"` instead of `tag`), '
        "and run `git verbatim sync {mirror} --commit`",
        restored=_ALL_OF_IT,
    ),
    Explanation(
        Rule.TAG_DELETED,
        finds="a record of a tag that upstream does not have; found with `--upstream`",
        why=_ONLY_UPSTREAM,
        go_on=_PIN_ANOTHER,
        restored=_ALL_OF_IT,
    ),
    Explanation(
        Rule.COMMIT_UNREACHABLE,
        finds="a record of a commit that none of upstream's branches and tags reaches; "
        "found with `--upstream`",
        why="A forge gives commits of forks and of pull requests under the repository's own URL. "
        + _ONLY_UPSTREAM,
        go_on=_PIN_ANOTHER,
        restored=_ALL_OF_IT,
    ),
    Explanation(
        Rule.UPSTREAM_TREE_DIFFERS,
        finds="a record whose files, sizes or SHA-256s are not those that upstream's commit gives; "
        "found with `--upstream`",
        why=_ONLY_UPSTREAM,
        go_on=_PIN_ANOTHER,
        restored=_ALL_OF_IT,
    ),
    Explanation(
        Rule.UPSTREAM_LICENSE_DIFFERS,
        finds="a record whose licence files are not those that upstream's commit gives; "
        "found with `--upstream`",
        why=_ONLY_UPSTREAM,
        go_on=_PIN_ANOTHER,
        restored=(
            "{record}",
            "{directory}",
        ),
    ),
    Explanation(
        Rule.UPSTREAM_NOT_ALLOWED,
        finds="a mirror from a URL that no pattern of `[policy] upstreams` matches; the manifest "
        "that the change starts from decides",
        why="The manifest that is there already says where mirrors may come from, so that a change "
        "cannot allow itself. A mirror that was there before with this URL stays.",
        go_on=f"if it is meant, allow it first, in a change of its own: `[policy] upstreams` of "
        f"{_MANIFEST}; then add the mirror",
        restored=_ALL_OF_IT,
    ),
    Explanation(
        Rule.UNRECORDED_FILE,
        finds="something under third_party/, or in a directory that the manifest seals, that no "
        "mirror, record, licence, manifest or `own` pattern accounts for; or something in the root "
        "that some systems take for third_party/ or .gitattributes",
        why="third_party/ holds exact copies and what the host declares its own, so that whatever "
        "lies there can be checked. A file beside a mirror looks like upstream's and is not.",
        go_on="declare your own files in `[host] own` of the manifest, or keep them elsewhere; "
        "add an upstream with "
        "`git verbatim add NAME URL --tag TAG --commit`; "
        "take what is left of a mirror away with `git verbatim remove`",
    ),
    Explanation(
        Rule.ATTRIBUTES_ALTER_BYTES,
        finds="git attributes with which git would store, check out or archive other bytes of a "
        "mirrored file, a licence, a record or the manifest; any system and any core.autocrlf "
        "count, and so do attributes that leave a part of a mirror out of `git archive`. "
        "Attributes that change no byte are no finding, "
        "nor are those that leave a whole mirror out of archives",
        why="Everybody who clones the repository would have other bytes than upstream's, or commit "
        "them, and its release archives would not verify. third_party/.gitattributes forbids all "
        "of that and outranks the root's; a .gitattributes inside a mirror outranks both. For "
        "places elsewhere a block in the root's file forbids it, and a nearer file outranks that.",
        go_on="`git verbatim sync` writes third_party/.gitattributes where it is missing or an "
        "earlier version's; from one that you changed take the line out, or put "
        f"`* {CONVERTS_NOTHING} {LEAVES_NOTHING_OUT}` above all others; for places elsewhere "
        "it writes its block in the root's, and prints the line for a file that outranks it; "
        'if the attributes are the mirror\'s own, leave them out: exclude = [".gitattributes"], '
        "then `git verbatim sync {mirror} --commit`; if a patch brings them into a patched copy, "
        "take them out of the patch",
        restored=(":/*.gitattributes",),
    ),
    Explanation(
        Rule.TRAILER_MISSING,
        finds="a commit that changes a mirror without saying so in its message; demanded by the "
        "commit-msg hook, elsewhere only a notice, since squashes and forges drop trailers",
        why="`git log --grep` then finds when a mirror moved, to which pin and tree. "
        "The trees decide; the trailer informs.",
        go_on="add the line; the prepare-commit-msg hook does it by itself "
        "(`git verbatim hook install`), and so does `git verbatim sync --commit`",
        restored=(
            "{directory}",
            "{record}",
        ),
    ),
)
"""An explanation of each rule that `check` knows, in the order in which they are shown."""

BY_RULE = {explanation.rule: explanation for explanation in EXPLANATIONS}


def with_placeholders(way_out: str) -> str:
    """Return a way out as documentation has it: capitals stand for what differs between cases."""
    return way_out.format(
        mirror="MIRROR", path="PATH", directory="DIRECTORY", record="RECORD", before="COMMIT"
    )
