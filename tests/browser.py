"""A real headless Chromium, driven by Playwright: pages that keep what the browser said and asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

#: The browser's name in Debian, and elsewhere.
EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

needs_browser = pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium here (Debian's package chromium)")

TIMEOUT_MS = 60_000

expect.set_options(timeout=TIMEOUT_MS)

#: Texts of the page, or of a chart, that reach beyond what is shown of them; charts that scroll are left out.
CUT = """() => {
  const found = [];
  for (const chart of document.querySelectorAll(".chart")) {
    if (chart.style.minWidth) continue;
    const outer = chart.getBoundingClientRect();
    for (const text of chart.querySelectorAll("text")) {
      const box = text.getBoundingClientRect();
      if (box.width && (box.left < outer.left - 1 || box.right > outer.right + 1)) found.push(text.textContent);
    }
  }
  for (const text of document.querySelectorAll("h1, h2, h3, h4, p, li, td, figcaption, caption, label, a")) {
    const box = text.getBoundingClientRect();
    if (box.width && !text.closest(".skip") && box.right > innerWidth + 1) found.push(text.textContent);
  }
  return found;
}"""


class Watched:
    """An open page, and everything it complained of or asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", self._failed)
        page.on("request", lambda request: self.requests.append(request.url))

    def _failed(self, request: Request) -> None:
        # What a page still asks for while the reader leaves it is given up.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed: {request.url}: {request.failure}")

    def open(self, url: str) -> None:
        """Loads a page and draws all of its charts, also those out of sight."""
        self.page.goto(url)
        self.draw()

    def draw(self) -> None:
        """Draws all charts."""
        self.wait_for("window.dasHpo && window.Plotly")
        self.page.evaluate("dasHpo.drawAll()")

    def resize(self, width: int) -> None:
        """Makes the window narrower or wider, and waits until the charts have followed."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.wait_for(
            "[...document.querySelectorAll('.chart')].every(c => !c._fullLayout || c.style.minWidth "
            "|| Math.abs(c._fullLayout.width - c.clientWidth) < 2)"
        )

    def wait_for(self, condition: str) -> None:
        """Waits until a JavaScript expression holds; Playwright's own way is refused by the page's policy."""
        for _ in range(TIMEOUT_MS // 50):
            if self.page.evaluate(f"Boolean({condition})"):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"it does not come true: {condition}")

    def undrawn(self) -> list[str]:
        """Titles of charts that are not there."""
        found: list[str] = self.page.evaluate(
            "[...document.querySelectorAll('figure')].filter(f => !f.querySelector('.chart .main-svg'))"
            ".map(f => f.querySelector('h4').textContent)"
        )
        return found

    def cut(self) -> list[str]:
        """Texts that cannot be read whole, and the page if it has to be scrolled sideways."""
        found: list[str] = self.page.evaluate(CUT)
        width, shown = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        return found + ([f"the page is {width} pixels wide"] if width > shown else [])

    def violations(self, *within: str, contrast_alone: bool = False) -> list[str]:
        """What axe-core finds: contrast, names, roles, order, and whatever else keeps readers out."""
        rules = ["color-contrast"] if contrast_alone else ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
        context = {"include": [[part] for part in within or ("html",)], "exclude": [[".chart"]]}
        found = Axe().run(self.page, context=context, options={"runOnly": rules})
        return [
            f"{violation['id']}: {node['html'][:200]}"
            for violation in found.response["violations"]
            for node in violation["nodes"]
        ]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser with an empty profile, ended afterwards."""
    assert EXECUTABLE is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched(browser: Browser, *, width: int = 1400, dark: bool = False) -> Iterator[Watched]:
    """A page of its own, closed afterwards."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light")
    try:
        yield Watched(page)
    finally:
        page.close()
