"""The live page over the real product: a failover is seen as it happens, and a drain given there moves the answers.

The screenshots of the README are made here, into docs/images, where TRAFFICFED_SCREENSHOTS is set.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from trafficfed.testing.browsers import PHONE, WIDE, Visit, chromium
from trafficfed.testing.pages import ROOT
from trafficfed.testing.world import BACK_S, OUT_S, World, world

pytestmark = [pytest.mark.real, pytest.mark.slow]

SHOP, BLOG = "shop", "blog"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as running:
        for name in (SHOP, BLOG):
            running.apply(name)
        for name in (SHOP, BLOG):
            running.wait_for(name, "eu", "us", "ap")
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: they are made in every run, and kept where that is wanted."""
    wanted = os.environ.get("TRAFFICFED_SCREENSHOTS")
    return ROOT / "docs" / "images" if wanted else tmp_path_factory.mktemp("images")


@pytest.fixture
def visit(browser: Browser, fleet: World) -> Iterator[Visit]:
    visit = Visit(browser, address(fleet))
    yield visit
    visit.close()
    for backend in fleet.backends.values():
        backend.start()
    assert visit.complaints == []
    assert visit.places == {f"127.0.0.1:{fleet.deployment.api_port}"}


def address(fleet: World, service: str = "shop/shop") -> str:
    return f"http://127.0.0.1:{fleet.deployment.api_port}/#service=default%2F{service.replace('/', '%2F')}"


def target(page: Page, cluster: str) -> Locator:
    """What the page says of the chosen service's target in a cluster."""
    return page.get_by_role("table", name="Targets of the service").get_by_role("row", name=f"{cluster} 127")


def test_a_failover_and_the_way_back_are_seen_as_they_happen(visit: Visit, fleet: World, images: Path) -> None:
    page, decided = visit.page, visit.page.get_by_role("table", name="Who gets what")
    caption = page.locator("#map-caption")
    german = decided.get_by_role("row", name="continent EU")
    expect(german).to_contain_text(fleet.address("eu"))
    expect(page.get_by_role("table", name="Records")).to_contain_text(fleet.address("eu"))
    page.evaluate("window.unmoved = true")
    fleet.backends["eu"].stop()
    expect(german).to_contain_text(fleet.address("us"), timeout=1000 * (OUT_S + 5))
    expect(caption).to_contain_text("Europe to us")
    expect(caption).to_contain_text("all others to ap, us.")
    expect(page.get_by_role("option", name="default/shop/shop")).to_contain_text("1 of 3 out")
    expect(target(page, "eu")).to_contain_text("NotServing")
    expect(
        page.get_by_role("table", name="Observations").get_by_role("row", name=f"eu {fleet.address('eu')}")
    ).to_contain_text("failed")
    expect(page.get_by_role("table", name="Records")).not_to_contain_text(fleet.address("eu"))
    expect(page.locator("#events")).to_contain_text("NotServing")
    page.screenshot(path=images / "failover.png", full_page=True)
    fleet.wait_for(SHOP, "us", "ap")
    fleet.backends["eu"].start()
    expect(german).to_contain_text(fleet.address("eu"), timeout=1000 * (BACK_S + 5))
    expect(caption).to_contain_text("Europe to eu")
    assert page.evaluate("window.unmoved")
    fleet.wait_for(SHOP, "eu", "us", "ap", within_s=BACK_S)
    fleet.wait_for(BLOG, "eu", "us", "ap", within_s=BACK_S)


def test_a_drain_given_on_the_page_moves_the_answers_and_ends_there(visit: Visit, fleet: World, images: Path) -> None:
    page = visit.page
    token = (fleet.deployment.directory / "state" / "api-token").read_text()
    page.get_by_role("button", name="Read only: allow orders").click()
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_role("button", name="Orders allowed")).to_be_visible()
    form = page.locator("#order")
    form.get_by_label("Cluster").select_option("eu")
    form.get_by_label("Who").fill("ann")
    form.get_by_label("Why").fill("kernel upgrade")
    form.get_by_role("button", name="Preview").click()
    dialog = page.get_by_role("dialog", name="drain of cluster eu?")
    expect(dialog).to_contain_text("It is about 2 services.")
    expect(dialog.get_by_role("row", name="default/shop/shop continent EU").first).to_contain_text(fleet.address("us"))
    page.screenshot(path=images / "drain.png")
    dialog.get_by_role("button", name="Yes, drain of cluster eu").click()
    fleet.wait_for(SHOP, "us", "ap")
    fleet.wait_for(BLOG, "us", "ap")
    expect(page.locator("#order-said")).to_contain_text("cluster eu is drained until")
    expect(target(page, "eu")).to_contain_text("drained")
    page.get_by_role("button", name="End the drain of eu").click()
    page.get_by_role("button", name="Yes, end the drain of cluster eu").click()
    fleet.wait_for(SHOP, "eu", "us", "ap")
    expect(page.locator("#controls")).to_contain_text("None is in force.")


def test_a_client_is_asked_for_by_address_or_country(visit: Visit, fleet: World) -> None:
    page = visit.page
    page.get_by_label("Name", exact=True).fill(f"{SHOP}.fed.test")
    for client, region in (("192.0.2.7", "eu"), ("198.51.100.7", "us"), ("jp", "ap"), ("CA", "us")):
        page.get_by_label("Client", exact=True).fill(client)
        page.get_by_role("button", name="Ask").click()
        expect(page.locator("#asked p strong").first).to_have_text(fleet.address(region))
    expect(page.locator("#asked")).to_contain_text("country CA")
    page.get_by_label("Client", exact=True).fill("mars")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#asked")).to_have_text("client 'mars' is no IP address, and no country's code of two letters")
    visit.complaints.clear()  # the browser's own line about that answer


def test_a_controller_that_was_away_is_seen_again_without_a_hand(visit: Visit, fleet: World) -> None:
    page = visit.page
    connection = page.locator("#connection")
    expect(connection).to_have_text("live")
    page.get_by_label("Why").fill("half a sentence")
    fleet.deployment.kill_controller()
    expect(connection).to_have_text("connection lost; what is shown may be old")
    expect(page.get_by_role("table", name="Who gets what")).to_contain_text(fleet.address("eu"))
    fleet.deployment.start_controller()
    expect(connection).to_have_text("live")
    expect(page.get_by_label("Why")).to_have_value("half a sentence")
    visit.complaints.clear()  # the browser's own lines about refused connections


def test_it_looks_as_the_readme_shows_it(browser: Browser, fleet: World, images: Path) -> None:
    for name, dark, size in (("page-dark.png", True, WIDE), ("page-phone.png", False, PHONE)):
        visit = Visit(browser, address(fleet), dark=dark, size=size)
        expect(visit.page.get_by_role("table", name="Records")).to_be_visible()
        visit.page.screenshot(path=images / name, full_page=size is WIDE)
        assert (images / name).stat().st_size > 20_000
        visit.close()
        assert visit.complaints == []
