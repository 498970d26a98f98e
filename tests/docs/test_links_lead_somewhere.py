"""Every link within the project leads to a file that is there, and to a heading that it has."""

from pathlib import PurePosixPath

import pytest

from trafficfed.testing.pages import ROOT, Page, page, pages, slug

OUTSIDE = ("http://", "https://", "mailto:")


def is_outside(target: str) -> bool:
    return target.startswith(OUTSIDE)


@pytest.mark.parametrize("each", pages(), ids=lambda each: each.name)
def test_every_relative_link_resolves(each: Page) -> None:
    broken = [target for target in each.links if not is_outside(target) and not leads_somewhere(each, target)]
    assert broken == []


def leads_somewhere(where: Page, target: str) -> bool:
    file, _, fragment = target.partition("#")
    path = (ROOT / where.name).parent / file if file else ROOT / where.name
    path = path.resolve()
    if not path.is_relative_to(ROOT.resolve()) or not path.exists():
        return False
    if not fragment:
        return True
    return path.suffix == ".md" and fragment in page(str(PurePosixPath(path.relative_to(ROOT.resolve())))).anchors


def test_a_link_to_nowhere_is_found() -> None:
    wrong = Page("docs/x.md", "[a](none.md) [b](../README.md) [c](../README.md#no-such-heading) [d](../../outside)")
    assert [target for target in wrong.links if not leads_somewhere(wrong, target)] == [
        "none.md",
        "../README.md#no-such-heading",
        "../../outside",
    ]


def test_links_in_code_are_no_links() -> None:
    assert Page("x.md", "```\n[a](none.md)\n```\n").links == ()


def test_headings_become_fragments_as_readers_see_them() -> None:
    assert slug("What is *not* there yet") == "what-is-not-there-yet"
    assert Page("x.md", "# A `b`\n\n## C, d\n").anchors == {"a-b", "c-d"}
