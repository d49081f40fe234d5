"""The live page in a real browser: every view, whole and silent, light and dark, narrow, by keyboard, and live."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from das_hpo.analysis.dashboard.views import RUN_VIEWS
from spaces.hyperparameters import PRESETS
from storage import queries
from storage.engine import open_database
from tests.browser import needs_browser, watched
from tests.das_hpo.analysis.dashboard.conftest import dashboard
from tests.das_hpo.databases import Run, Trial, store, store_trial

VIEWS = (
    "/",
    *(f"/run/tuned/{tab}".rstrip("/") for tab in RUN_VIEWS),
    "/run/h1/scores",
    "/run/nothing-yet",
    "/run/tuned/evaluations?architecture-from=17&order=architecture",
    "/run/tuned/evaluation/0-0-2/9.0/0",
    "/compare",
    "/compare?run=h1&run=h2&run=tuned",
)


def _get(address: str, **headers: str) -> tuple[int, str]:
    """Status and text, whatever the status is."""
    request = urllib.request.Request(address, headers={name.replace("_", "-"): text for name, text in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@needs_browser
def test_every_view_is_whole_and_silent(live: str, browser: Browser, url: str) -> None:
    """Charts drawn, console empty, nothing asked of anybody else, nothing cut at 500 pixels, the database as it was."""
    before = hashlib.sha256(Path(url.removeprefix("sqlite:///")).read_bytes()).digest()
    with watched(browser) as seen:
        for view in VIEWS:
            seen.resize(1400)
            seen.open(live + view)
            assert seen.undrawn() == [], view
            assert seen.cut() == [], view
            seen.resize(500)
            assert seen.cut() == [], f"{view} at 500 pixels"
        assert seen.complaints == []
        assert {request.removeprefix(live)[:1] for request in seen.requests} == {"/"}
    assert hashlib.sha256(Path(url.removeprefix("sqlite:///")).read_bytes()).digest() == before


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_kind_of_block_is_accessible(live: str, browser: Browser, dark: bool) -> None:
    """axe-core finds nothing: contrast, names of controls, order of headings, regions that scroll."""
    with watched(browser, dark=dark) as seen:
        for view in ("/", "/run/tuned", "/run/tuned/trials", "/run/tuned/evaluations", "/compare?run=h1&run=h2"):
            seen.open(live + view)
            assert seen.violations(contrast_alone=dark) == [], view


@needs_browser
def test_what_happens_is_seen_without_a_reload(tmp_path: Path, browser: Browser) -> None:
    """While evaluations are stored, number, chart and sentence follow; a pause holds."""
    url = f"sqlite:///{tmp_path}/live.db"
    run = Run("growing", [Trial(20.0, 19.0)], kind="run")
    store(url, run)
    with dashboard(url) as address, watched(browser) as seen, open_database(url) as database:
        seen.open(f"{address}/run/growing")
        page = seen.page
        page.evaluate("window.untouched = true")
        page.evaluate("document.querySelector('a[aria-current]').focus()")
        run_id = queries.run(database, "growing").id
        for number, psnr in enumerate((22.5, 24.5), 1):
            with database.begin() as session:
                trial = Trial(psnr, 18.0, number=number, hyperparameters=PRESETS["H2"])
                store_trial(session, run, run_id, number, trial)
            expect(page.get_by_text(f"{number + 1} evaluations finished")).to_be_visible()
            expect(page.get_by_text(f"architecture {psnr:.2f} dB")).to_be_visible()
        drawn = page.evaluate("document.querySelector('.chart').data.at(-1).y")
        assert drawn == [20.0, 22.5, 24.5]
        page.uncheck("#following")
        with database.begin() as session:
            store_trial(session, run, run_id, 3, Trial(26.5, 18.0, number=3))
        page.wait_for_timeout(2500)
        assert page.get_by_text("3 evaluations finished").is_visible()
        page.check("#following")
        expect(page.get_by_text("4 evaluations finished")).to_be_visible()
        assert page.evaluate("window.untouched")
        assert seen.complaints == []


@needs_browser
def test_the_keyboard_reaches_everything(live: str, browser: Browser) -> None:
    """From the address line: skip link, navigation, a run, its tabs, the form; the focus can be seen."""
    with watched(browser) as seen:
        page = seen.page
        seen.open(live)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
        words = []
        for _ in range(40):
            page.keyboard.press("Tab")
            words.append(page.evaluate("document.activeElement.textContent.trim()"))
            if words[-1] == "tuned":
                break
        assert words[:2] == ["Runs", "Compare"]
        assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
        page.keyboard.press("Enter")
        page.wait_for_url("**/run/tuned")
        page.get_by_role("link", name="Evaluations").press("Enter")
        page.get_by_label("status").select_option("diverged")
        page.get_by_role("button", name="Show").press("Enter")
        expect(page.get_by_text("1 to 1 of 1 evaluations.")).to_be_visible()
        page.get_by_role("link", name="0-0-26, trial 0").press("Enter")
        expect(page.get_by_role("heading", name="Attempts")).to_be_visible()
        assert page.url == f"{live}/run/tuned/evaluation/0-0-26/1.0/0"


@needs_browser
def test_a_selection_leads_to_its_evaluations(live: str, browser: Browser) -> None:
    """A box drawn in the scatter: what is in it, and an address that shows all of it, with charts."""
    with watched(browser) as seen:
        page = seen.page
        seen.open(f"{live}/run/h1/scores")
        box = page.locator(".chart .nsewdrag").first.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 2, box["y"] + 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] - 4, steps=8)
        page.mouse.up()
        expect(page.get_by_text("12 selected: 0-0-0, trial")).to_be_visible()
        page.get_by_role("link", name="Show all evaluations in this range").click()
        expect(page.get_by_text("of 12 evaluations.")).to_be_visible()
        assert "one-shot-from=" in page.url
        seen.draw()
        assert seen.undrawn() == []


def test_only_who_knows_the_token_may_look(url: str) -> None:
    """As header, or in the first address, from which a cookie takes it over; a wrong one is told what to do."""
    token = "a-token-of-this-test"
    with dashboard(url, "--token", token) as printed:
        address, _, query = printed.partition("/?")
        assert query == f"token={token}"
        for path, headers in (("/", {}), ("/?token=wrong", {}), ("/", {"Authorization": "Bearer wrong"})):
            status, text = _get(address + path, **headers)
            assert (status, "needs its token" in text, "tuned" in text) == (401, True, False)
        assert _get(f"{address}/static/page.css")[0] == 401
        assert _get(address, Authorization=f"Bearer {token}")[0] == 200
        assert _get(address, Cookie=f"das-hpo-token={token}")[0] == 200


def test_requests_that_are_not_the_readers_are_refused(live: str) -> None:
    """Another method than reading, another host's name (a page elsewhere can ask this machine), what is not there."""
    request = urllib.request.Request(live, data=b"x", method="POST")
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(request, timeout=60)
    assert _get(live, Host="attacker.example")[0] == 421
    assert _get(f"{live}/run/nobody")[0] == 404
    assert "No run is named &#39;nobody&#39;" in _get(f"{live}/run/nobody")[1]
    assert _get(f"{live}/run/tuned/evaluation/0-0-99/9.0/0")[0] == 404
    assert _get(f"{live}/run/tuned/evaluation/x/9.0/0")[0] == 404
    assert _get(f"{live}/static/../../pyproject.toml")[0] == 404
    assert _get(f"{live}/run/tuned/evaluations?budget-from=much")[0] == 400


def test_names_from_the_database_are_text(live: str) -> None:
    """Neither in HTML nor in the charts' JSON does markup survive."""
    for view in ("/", "/run/tuned/settings", "/run/nothing-yet"):
        status, text = _get(live + view)
        assert status == 200
        assert "<script>alert" not in text
        assert "<img" not in text
    assert "&lt;script&gt;alert(1)" in _get(f"{live}/run/tuned/settings")[1]


def test_an_unchanged_page_is_not_sent_again(live: str) -> None:
    """The ETag of a page is answered by 304 while nothing happens."""
    with urllib.request.urlopen(f"{live}/run/h1", timeout=60) as answer:
        tag = answer.headers["ETag"]
    assert _get(f"{live}/run/h1", If_None_Match=tag) == (304, "")
    assert json.loads(tag)
