"""The documentation is built as a site without one warning, and is whole without any other host."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from scripts.site import build, index, lay_out, places, rewritten
from trafficfed.testing.pages import ROOT

WHERE = {"README.md": "start.md", "docs/a.md": "a.md", "docs/guides/b.md": "guides/b.md", "providers/README.md": "p.md"}
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


@pytest.mark.parametrize(
    ("page", "written", "wanted"),
    [
        ("docs/a.md", "[x](guides/b.md)", "[x](guides/b.md)"),
        ("docs/a.md", "[x](../README.md#the-end)", "[x](start.md#the-end)"),
        ("README.md", "[x](docs/a.md)", "[x](a.md)"),
        ("docs/guides/b.md", "[x](../../providers/README.md)", "[x](../p.md)"),
        ("docs/guides/b.md", "[x](../../providers)", "[x](../p.md)"),
        ("docs/guides/b.md", "[over two\nlines](../a.md)", "[over two\nlines](../a.md)"),
        ("README.md", "[src](trafficfed/model.py), and more", "src, and more"),
        ("docs/a.md", "[`x`](../tests)", "`x`"),
        ("README.md", "![it](docs/images/page.png)", "![it](images/page.png)"),
        ("docs/guides/b.md", "![it](../images/page.png)", "![it](../images/page.png)"),
        ("docs/a.md", "[x](#here) [y](https://example.org/)", "[x](#here) [y](https://example.org/)"),
        ("docs/a.md", "```\n[x](../tests)\n```", "```\n[x](../tests)\n```"),
    ],
)
def test_links_lead_to_pages_of_the_site_or_are_their_text(page: str, written: str, wanted: str) -> None:
    assert rewritten(written, page, WHERE) == wanted


def test_every_page_is_in_the_index() -> None:
    listed = set(re.findall(r"^([\w/.-]+)$", index(places()), re.MULTILINE))
    assert {site.removesuffix(".md") for site in places().values()} <= listed


class Loads(HTMLParser):
    """What a browser would fetch for a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in LOADED and (address := found.get(LOADED[tag])):
            self.fetched.append(address)


@pytest.mark.slow
def test_the_site_has_no_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    output = tmp_path / "site"
    assert build(output) == 0
    pages = sorted(output.rglob("*.html"))
    assert len(pages) > len(places())
    for page in pages:
        for address in Loads(page.read_text()).fetched:
            assert not re.match(r"(\w+:)?//", address), (page.name, address)
            file = (page.parent / address.partition("?")[0]).resolve()
            assert address.startswith(("#", "data:")) or file.exists(), (page.name, address)
    for sheet in output.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", sheet.read_text()), sheet.name


@pytest.mark.slow
def test_a_link_to_nowhere_fails_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(folder: Path) -> None:
        lay_out(folder)
        (folder / "start.md").write_text("# Start\n\n[x](annotations.md#no-such-heading)\n")

    monkeypatch.setattr("scripts.site.lay_out", broken)
    assert build(tmp_path / "site") != 0


def test_the_page_of_objects_is_up_to_date() -> None:
    from trafficfed.crds.manual import manual

    assert (ROOT / "docs" / "objects.md").read_text() == manual(), "python -m trafficfed.crds.manual > docs/objects.md"
