"""A real browser without a window: Chromium as the distribution has it, driven by playwright.

    with chromium() as browser:
        visit = Visit(browser, f"http://{address}/")
        visit.page.get_by_role("searchbox").fill("web")
        visit.close()           # fails where the page had an error, or asked for anything of another place

Every method blocks; there must be no event loop running in the thread.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Dialog, ViewportSize, expect, sync_playwright

from trafficfed.errors import AdapterError

WAIT_MS = 15_000
"""How long a page may take to show what is expected of it, on a loaded machine."""

WIDE = ViewportSize(width=1400, height=1000)
PHONE = ViewportSize(width=390, height=844)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser while the context lasts. Raises AdapterError where there is none."""
    found = shutil.which("chromium")
    if found is None:
        raise AdapterError("there is no chromium: run scripts/setup-tests")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        # Its own sandbox needs a user of its own; these pages are ours.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """One page in a profile of its own, with everything that it complained about and asked for."""

    def __init__(self, browser: Browser, url: str, *, size: ViewportSize = WIDE, dark: bool = False) -> None:
        self._context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light")
        self.page = self._context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.complaints: list[str] = []
        self.places: set[str] = set()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda line: self._hear(line.type, line.text))
        self.page.on("dialog", self._refuse)
        self.page.on("request", lambda request: self.places.add(urlsplit(request.url).netloc))
        self.page.goto(url)

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def _refuse(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def close(self) -> None:
        self._context.close()
