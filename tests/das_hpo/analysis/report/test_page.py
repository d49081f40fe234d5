"""The page of a real database, in a real browser: whole, silent, offline, and deaf to markup in names."""

from __future__ import annotations

import html
import re
from pathlib import Path

from playwright.sync_api import Browser

from das_hpo.analysis.report.page import sections_of, write_report
from das_hpo.analysis.report.run_data import read
from tests.browser import needs_browser, watched
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import store


def test_the_page_needs_nothing_but_itself(page: Path) -> None:
    """No address in it but data and anchors, and a policy that runs its own three scripts alone."""
    text = page.read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    assert html.unescape(policy).startswith(
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'sha256-"
    )
    assert not re.search(r'(src|href)="(?!#|data:)', text)
    assert len(text) < 3_000_000


def test_markup_is_shown_as_text(page: Path) -> None:
    """In settings, names and the database's path."""
    text = page.read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<b>" not in text
    assert "&lt;b&gt;.db" in text


def test_every_part_is_there(url: str) -> None:
    """What the report promises, by title: for a run, a campaign, and one without results."""
    sections = sections_of(read(url, []))
    assert [section.title for section in sections] == [
        "What came out", "Runs", "Best so far", "Architecture PSNR of the trials", "Comparison",
        "Run tuned", "Campaign h1", "Campaign h2", "Run one-shot-only", "Run nothing-yet",
    ]  # fmt: skip
    parts = {section.title: [part.title for part in section.parts] for section in sections}
    assert parts["Run tuned"] == [
        "Best so far and budgets", "Best configurations", "One-shot against architecture score",
        "Is a short search a fair judge of a long one?", "Hyperparameters", "Learning curves and alpha",
        "Architectures", "Workers and lost attempts", "Settings",
    ]  # fmt: skip
    assert parts["Campaign h1"] == [
        "Best configurations", "One-shot against architecture score", "Distribution",
        "Learning curves and alpha", "Architectures", "Workers and lost attempts", "Settings",
    ]  # fmt: skip
    assert parts["Run nothing-yet"] == ["Settings"]
    (tuned,) = [section for section in sections if section.title == "Run tuned"]
    graphs = [block.title for part in tuned.parts for block in part.blocks if block.kind == "plot"]
    assert [title for title in graphs if not title.startswith("Weights of layer")] == [
        "Best so far over evaluations", "Best so far over time", "One-shot against architecture PSNR",
        "Scores by budget", "1 against 3 epochs", "1 against 9 epochs", "3 against 9 epochs",
        "Importance of the hyperparameters", "Parallel coordinates", "Learning curves: search",
        "Learning curves: retrain", "Attempts by worker",
    ]  # fmt: skip


def test_wrong_arguments_are_one_line(url: str, tmp_path: Path) -> None:
    """An unknown run, no database, a folder as output: nothing is written."""
    out = str(tmp_path / "r.html")
    assert_one_line_error(das_hpo("report", "nobody", "-o", out, "--db", url), 2, "'nobody'")
    assert_one_line_error(das_hpo("report", "-o", out, "--db", f"sqlite:///{tmp_path}/none.db"), 1, "none.db")
    assert_one_line_error(das_hpo("report", "-o", str(tmp_path), "--db", url), 2, "-o takes a file")
    assert_one_line_error(das_hpo("report", "-o", str(tmp_path / "no" / "r.html"), "--db", url), 2, "-o takes a file")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_has_a_report(tmp_path: Path) -> None:
    """Of nothing, and it says so."""
    url = f"sqlite:///{tmp_path}/empty.db"
    store(url)
    assert write_report(url, [], tmp_path / "r.html") == 0
    assert "das-hpo: 0 runs" in (tmp_path / "r.html").read_text(encoding="utf-8")


@needs_browser
def test_in_a_real_browser(page: Path, browser: Browser) -> None:
    """Charts drawn, links lead somewhere, console empty, network unasked, nothing cut at 1,400 and at 500 pixels."""
    with watched(browser) as seen:
        seen.open(page.resolve().as_uri())
        assert seen.undrawn() == []
        assert seen.page.evaluate("document.querySelectorAll('figure').length") >= 40
        assert seen.cut() == []
        assert (
            seen.page.evaluate(
                "[...document.links].filter(a => !document.getElementById(a.hash.slice(1))).map(a => a.href)"
            )
            == []
        )
        assert seen.page.evaluate("document.querySelectorAll('iframe, object, [onerror]').length") == 0
        seen.resize(500)
        assert seen.cut() == []
        assert seen.complaints == []
        assert {request.split(":")[0] for request in seen.requests} <= {"file", "data", "blob"}


@needs_browser
def test_the_page_is_accessible(page: Path, browser: Browser) -> None:
    """axe-core finds nothing in what the live page does not have; its blocks are tested there."""
    with watched(browser) as seen:
        seen.page.goto(page.resolve().as_uri())
        assert seen.violations("nav", "h1", "#conclusion", "#run-1-settings") == []
