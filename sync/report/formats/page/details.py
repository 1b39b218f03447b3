"""The details of a mirror on the HTML page: properties, files, and commands that check it."""

from collections.abc import Iterator, Sequence

from sync.ids import Mode, RepoPath
from sync.model.values import FileFact
from sync.objects import tree
from sync.quoting import quote_path
from sync.report import links
from sync.report.facts import Component
from sync.report.formats.page.markup import Html, code, fill, join, link, note
from sync.report.text import shell_word
from sync.report.versions import debian_version, rpm_version
from sync.signature.signed import signature_shown

_MODES = {Mode.EXECUTABLE: "executable", Mode.SYMLINK: "symlink"}
_NEXT_LINE = Html("<br>")


def properties(component: Component) -> Html:
    """Show the facts about a mirror as a list of terms and descriptions."""
    return join(
        fill("<dt>{}</dt>\n<dd>{}</dd>\n", term, value) for term, value in _properties(component)
    )


def _properties(component: Component) -> Iterator[tuple[str, str]]:
    if component.mirror.supplier:
        yield "Supplier", component.mirror.supplier
    yield from _licensing(component)
    yield from _upstream(component)
    if component.record.selection.include or component.record.selection.exclude:
        yield "Selection", join(_selection(component), _NEXT_LINE)
    partial = (
        Html()
        if component.is_whole
        else fill("{}selected from {}", _NEXT_LINE, code(component.record.holding.upstream_tree))
    )
    yield "Tree", fill("{}{}", code(component.record.holding.tree), partial)
    yield "Package URL", code(links.purl(component.upstream_directory))
    yield "SWHID", join(map(code, links.swhids(component)), _NEXT_LINE)
    version = (
        component.version,
        component.record.upstream.commit,
        component.record.upstream.commit_time,
    )
    yield "For packages", fill("rpm {}, Debian {}", rpm_version(*version), debian_version(*version))


def _licensing(component: Component) -> Iterator[tuple[str, str]]:
    licensing = component.licensing
    texts = (
        fill('{}<a href="#text-{}">{}</a>', _NEXT_LINE, text.blob, quote_path(text.upstream_path))
        for text in licensing.texts
    )
    yield (
        "Licence declared",
        fill(
            "{}{}{}", licensing.declared or "unknown", join(texts), note(licensing.declared_comment)
        ),
    )
    comment = note(licensing.concluded_comment) if licensing.concluded_comment else Html()
    yield "Licence concluded", fill("{}{}", licensing.concluded or "none", comment)
    if licensing.copyright:
        yield "Copyright", join(licensing.copyright, _NEXT_LINE)


def _upstream(component: Component) -> Iterator[tuple[str, str]]:
    yield "Upstream", code(component.record.url)
    if component.mirror.also_at:
        yield "Also at", join(map(code, component.mirror.also_at), _NEXT_LINE)
    if component.record.pin.ref:
        annotated = (
            fill("{}annotated, {}", _NEXT_LINE, code(component.record.upstream.tag))
            if component.record.upstream.tag
            else Html()
        )
        yield "Tag", fill("{}{}", code(component.record.pin.value), annotated)
    page = links.directory_page(
        component.record.url, component.record.upstream.commit, component.record.source
    )
    yield (
        "Commit",
        fill(
            "{}{}",
            link(page, code(component.record.upstream.commit)),
            note(component.record.upstream.commit_time),
        ),
    )
    if component.record.signature:
        yield "Signature", signature_shown(component.record.signature)
    yield "Directory", code(links.readable_source(component))


def _selection(component: Component) -> Iterator[Html]:
    for verb, patterns in (
        ("include", component.record.selection.include),
        ("exclude", component.record.selection.exclude),
    ):
        if patterns:
            yield fill("{} {}", verb, join(map(code, patterns), ", "))


def file_table(
    caption: str, component: Component, facts: Sequence[FileFact], source: RepoPath
) -> Html:
    """Show the files in a table, each with a link to its page upstream.

    `source` is the directory in the upstream's tree that their paths are relative to.
    """
    if not facts:
        return Html()
    head = Html("<th scope=col>File<th scope=col>Bytes<th scope=col>git blob<th scope=col>SHA-256")
    rows = join(_file(component, fact, tree.join(source, fact.path)) for fact in facts)
    return fill(
        '\n<table class="files">\n<caption>{}</caption>\n<thead><tr>{}\n<tbody>{}\n</table>',
        caption,
        head,
        rows,
    )


def _file(component: Component, fact: FileFact, upstream: RepoPath) -> Html:
    """Show a file in a table row.

    The end tags that HTML makes optional are left out: they would be a tenth of a large page.
    """
    path = link(
        links.file_page(component.record.url, component.record.upstream.commit, upstream),
        quote_path(fact.path),
    )
    mode = fill(" <i>{}</i>", _MODES[fact.mode]) if fact.mode in _MODES else Html()
    return fill(
        "\n<tr><td>{}{}<td>{}<td>{}<td>{}", path, mode, f"{fact.size:,}", fact.blob, fact.sha256
    )


def commands(component: Component) -> Html:
    """Show the commands that check a mirror, and what they print."""
    return join(_commands(component), Html("\n"))


def _commands(component: Component) -> Iterator[str]:
    if component.is_present:
        yield "# the files against the record, the record against the commit id"
        yield f"git verbatim verify {component.name}"
        copies = "the copy" if len(component.here) == 1 else "each copy"
        yield f"# {copies}, in this repository: {component.record.holding.tree}"
        for place in component.here:
            yield f"git rev-parse {shell_word(f'HEAD:{place}'.encode())}"
    original = "the same directory" if component.is_whole else "what it was selected from"
    tree = component.record.holding.upstream_tree
    yield f"# {original}, in a clone of {component.record.url}: {tree}"
    path = b":" + component.record.source if component.record.source else b"^{tree}"
    yield f"git rev-parse {shell_word(component.record.upstream.commit.encode() + path)}"
