"""The live page in Chromium over a scripted controller: what it shows, what it must never do, and how it is used."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from trafficfed.observe.operations import ControlRequest
from trafficfed.observe.views import (
    ChainView,
    ClusterView,
    ControlView,
    EventView,
    ExplainView,
    ForeseenView,
    PlacedView,
    PreviewView,
    PublishedView,
    RefusalView,
    RuleView,
    SeenView,
    ServiceView,
    StatusView,
    TargetView,
)
from trafficfed.testing.browsers import PHONE, Visit, chromium
from trafficfed.testing.operations import ScriptedOperations, serving_in_a_thread

pytestmark = [pytest.mark.real, pytest.mark.slow]

TOKEN = "t" * 43
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "javascript:alert(4)",
    "</textarea></title><iframe srcdoc='<script>alert(5)</script>'>",
    "{{7*7}}${7*7}\u202egnp.exe",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def operations() -> ScriptedOperations:
    scripted = ScriptedOperations()
    services = [service(f"default/shop/web-{number:04}") for number in range(3)]
    scripted.view = status(*services)
    scripted.chains = {one.service: ChainView(service=one.service) for one in services}
    return scripted


@pytest.fixture
def url(operations: ScriptedOperations) -> Iterator[str]:
    with serving_in_a_thread(operations, TOKEN) as address:
        yield f"http://{address}/"


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Visit]:
    """A visit that complained about nothing and asked nothing of any other place."""
    visit = Visit(browser, url)
    yield visit
    visit.close()
    assert visit.complaints == []
    assert visit.places == {url.split("/")[2]}


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit.page


def service(key: str, *, us_serves: bool = True) -> ServiceView:
    name = key.rpartition("/")[2]
    eu = TargetView(cluster="eu", address="192.0.2.1", state="Serving", serving=True, rtt_s=0.012, since_s=900.0)
    us = TargetView(
        cluster="us",
        address="198.51.100.1",
        state="Serving" if us_serves else "NotServing",
        serving=us_serves,
        detail="" if us_serves else "fails its health check",
    )
    american = ("us", "198.51.100.1") if us_serves else ("eu", "192.0.2.1")
    rules = (
        RuleView(where="continent NA", answer=(american[1],), clusters=(american[0],)),
        RuleView(where="any", answer=("192.0.2.1",), clusters=("eu",)),
    )
    return ServiceView(
        service=key, hostnames=(f"{name}.fed.test",), steering=("geo",), serving=True, rules=rules, targets=(eu, us)
    )


def status(*services: ServiceView) -> StatusView:
    eu = ClusterView(name="eu", freshness="Fresh", country="DE", latitude=50.1, longitude=8.7)
    us = ClusterView(name="us", freshness="Fresh", country="US", latitude=38.9, longitude=-77.4)
    return StatusView(owner="demo", at_s=1000.0, clusters=(eu, us), services=services)


def hostile() -> StatusView:
    """A status with each text in every place where something of a member, a user or an operator may stand."""
    return StatusView(
        owner=HOSTILE[0],
        at_s=1000.0,
        not_ready=HOSTILE,
        configuration=HOSTILE,
        clusters=tuple(
            ClusterView(name=text, freshness=text, region=text, reason=text, latitude=9.0 * at, longitude=9.0)
            for at, text in enumerate(HOSTILE)
        ),
        services=tuple(map(hostile_service, HOSTILE)),
        refusals=tuple(RefusalView(cluster=text, object=text, reason=text, message=text) for text in HOSTILE),
        controls=tuple(
            ControlView(id=text, kind=text, cluster=text, service=text, who=text, why=text, to=text, share=9)
            for text in HOSTILE
        ),
        events=tuple(EventView(at_s=1.0, kind=text, text=text, level=text) for text in HOSTILE),
    )


def hostile_service(text: str) -> ServiceView:
    target = TargetView(cluster=text, address=text, state=text, serving=False, reason=text, detail=text)
    rule = RuleView(
        where=f"continent {text}",
        answer=(text,),
        clusters=(text, "eu"),
        standby=(text,),
        reason=text,
        shares={text: 0.9, "eu": 0.1},
    )
    return ServiceView(
        service=text, hostnames=(text,), steering=(text,), targets=(target,), rules=(rule,), origin=(text,), frozen=text
    )


def hostile_chain(text: str) -> ChainView:
    seen = SeenView(vantage=text, cluster=text, address=text, passed=False, at_s=1.0, error=text)
    return ChainView(
        service=text,
        copies=(PlacedView(cluster=text, state=text, message=text),),
        observations=(seen,),
        records=(PublishedView(provider=text, record=text, state=text, verified=text, verified_at_s=1.0),),
    )


def test_hostile_names_are_text_wherever_they_stand(page: Page, operations: ScriptedOperations) -> None:
    operations.chains |= {text: hostile_chain(text) for text in HOSTILE}
    for text in HOSTILE:
        operations.explanations[text, ""] = ExplainView(
            hostname=text, client="", service=text, where=text, answer=(text,), ttl=30, lines=(text,)
        )
    operations.view = hostile()
    expect(page.locator("#owner")).to_have_text(HOSTILE[0])
    for text in HOSTILE:
        rows(page).get_by_role("option").filter(has_text=text).first.click()
        expect(page.locator("#detail")).to_contain_text(text)
        expect(page.get_by_role("table", name="Records")).to_contain_text(text)
        expect(page.get_by_role("table", name="Placed by propagation")).to_contain_text(text)
        page.get_by_label("Name", exact=True).fill(text)
        page.get_by_role("button", name="Ask").click()
        expect(page.locator("#asked li")).to_have_text(text)
        assert page.locator("iframe, img, object, embed, body script, body svg svg, [onload], [onerror]").count() == 0
    assert page.locator("a[href]").count() == page.locator("a.skip").count()
    expect(page.locator("#events li")).to_have_count(len(HOSTILE))


def test_thousands_of_services_are_a_few_rows_a_search_and_the_keys(
    browser: Browser, url: str, operations: ScriptedOperations
) -> None:
    operations.view = status(*(service(f"default/shop/web-{number:04}") for number in range(5000)))
    operations.chains["default/shop/web-4998"] = ChainView(service="default/shop/web-4998")
    visit = Visit(browser, url)
    page, shown = visit.page, rows(visit.page).get_by_role("option")
    expect(page.locator("#services-count")).to_have_text("5,000 services")
    assert shown.count() < 40
    rows(page).focus()
    page.keyboard.press("End")
    expect(shown.last).to_contain_text("default/shop/web-4999")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="default/shop/web-4998")).to_be_visible()
    assert shown.count() < 40
    page.get_by_role("searchbox").fill("web-123 fed.test")
    expect(page.locator("#services-count")).to_have_text("10 of 5,000 services")
    expect(shown).to_have_count(10)
    visit.close()
    assert visit.complaints == []


def test_an_order_is_previewed_allowed_by_the_token_and_confirmed(page: Page, operations: ScriptedOperations) -> None:
    change = ForeseenView(
        service="default/shop/web-0001", where="any", before=("192.0.2.1",), after=("198.51.100.1",), clusters=("us",)
    )
    operations.foreseen = PreviewView(
        order="drain of cluster eu", concerned=3, looked=3, differs=1, changes=(change,), notes=("mind the gap",)
    )
    form = page.locator("#order")
    form.get_by_label("Cluster").select_option("eu")
    form.get_by_label("Who").fill("ann")
    form.get_by_label("Why").fill("kernel upgrade")
    form.get_by_role("button", name="Preview").click()
    dialog = page.get_by_role("dialog", name="drain of cluster eu?")
    expect(dialog).to_contain_text("mind the gap")
    expect(dialog.get_by_role("row", name="default/shop/web-0001 any 192.0.2.1 198.51.100.1 us")).to_be_visible()
    expect(dialog.get_by_role("button", name="Yes, drain of cluster eu")).to_be_disabled()
    page.keyboard.press("Escape")
    allow(page, "x" * 43)
    expect(page.get_by_role("alert")).to_have_text("This is not the controller's token.")
    page.get_by_role("button", name="Cancel").click()
    allow(page, TOKEN)
    expect(page.get_by_role("button", name="Orders allowed")).to_be_visible()
    assert operations.wanted == []
    form.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Yes, drain of cluster eu").click()
    expect(page.locator("#order-said")).to_have_text("drain of eu")
    assert operations.wanted == [
        ControlRequest(kind="drain", cluster="eu", who="ann", why="kernel upgrade", for_s=3600.0)
    ]


def test_a_shift_has_a_share_and_a_destination_and_other_orders_have_none(
    page: Page, operations: ScriptedOperations
) -> None:
    both = ("192.0.2.1", "198.51.100.1")
    change = ForeseenView(
        service="default/shop/web-0001",
        where="any",
        before=both,
        after=both,
        clusters=("eu", "us"),
        shares={"eu": 0.45, "us": 0.55},
    )
    operations.foreseen = PreviewView(order="shift", concerned=1, looked=1, differs=1, changes=(change,))
    form = page.locator("#order")
    expect(form.get_by_label("Share in %")).to_be_hidden()
    form.get_by_label("Kind").select_option("shift")
    form.get_by_label("Cluster").select_option("eu")
    form.get_by_label("Share in %").fill("101")
    form.get_by_label("Who").fill("ann")
    form.get_by_label("Why").fill("warming up")
    form.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    form.get_by_label("Share in %").fill("10")
    form.locator("select[name=to]").select_option("eu")
    allow(page, TOKEN)
    expect(page.get_by_role("button", name="Orders allowed")).to_be_visible()
    form.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("dialog", name="shift?")).to_contain_text("eu 45 %, us 55 %")
    page.get_by_role("button", name="Yes, shift").click()
    expect(page.locator("#order-said")).to_have_text("shift of eu")
    assert operations.wanted == [
        ControlRequest(kind="shift", cluster="eu", to="eu", share=10, who="ann", why="warming up", for_s=3600.0)
    ]
    form.get_by_label("Kind").select_option("drain")
    expect(form.get_by_label("Share in %")).to_be_hidden()
    form.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Yes, shift").click()
    assert operations.wanted[1:] == [
        ControlRequest(kind="drain", cluster="eu", who="ann", why="warming up", for_s=3600.0)
    ]


def rows(page: Page) -> Locator:
    """The list of services."""
    return page.get_by_role("listbox", name="Services")


def allow(page: Page, token: str) -> None:
    page.get_by_role("button", name="Read only: allow orders").click()
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Allow", exact=True).click()


def test_a_phone_needs_no_sideways_scrolling_and_everything_has_a_name(browser: Browser, url: str) -> None:
    visit = Visit(browser, f"{url}#service=default%2Fshop%2Fweb-0000", size=PHONE, dark=True)
    expect(visit.page.get_by_role("heading", name="2. What is decided")).to_be_visible()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    nameless = visit.page.locator("input, select, button").evaluate_all(
        "all => all.filter(one => !one.labels?.length && !one.textContent.trim() && !one.ariaLabel).map(one => one.id)"
    )
    assert nameless == []
    visit.close()
    assert visit.complaints == []
