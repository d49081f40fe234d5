"""The page of a real database, in a real browser: whole, silent, offline, and deaf to markup in names."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.das_hpo.analysis.report.chromium import EXECUTABLE, address, browser

from das_hpo.analysis.report.page import sections_of, write_report
from das_hpo.analysis.report.run_data import read
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import store


def test_the_page_needs_nothing_but_itself(page: Path) -> None:
    """No address in it but data and anchors, no script, and a policy that forbids the rest."""
    text = page.read_text(encoding="utf-8")
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
    assert "<script" not in text
    assert "http://" not in text.split("base64,")[0]
    assert text.count('<img src="data:image/svg+xml;base64,') == text.count("<img ")


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
        "Runs", "Best so far", "Architecture PSNR of the trials", "Comparison",
        "Run tuned", "Campaign h1", "Campaign h2", "Run one-shot-only", "Run nothing-yet",
    ]  # fmt: skip
    parts = {section.title: [part.title for part in section.parts] for section in sections}
    assert parts["Run tuned"] == [
        "Settings", "Best configurations", "Best so far, budgets and rungs", "One-shot against architecture PSNR",
        "Is a short search a fair judge of a long one?", "Hyperparameters", "Learning curves and alpha",
        "Architectures", "Workers and lost attempts",
    ]  # fmt: skip
    assert parts["Campaign h1"] == [
        "Settings", "Best configurations", "One-shot against architecture PSNR", "Distribution",
        "Learning curves and alpha", "Architectures", "Workers and lost attempts",
    ]  # fmt: skip
    assert parts["Run nothing-yet"] == ["Settings", "Results"]
    pictures = [
        block.title
        for section in sections
        for part in section.parts
        for block in part.blocks
        if block.kind == "picture"
    ]
    tuned = [title for title in pictures if title.endswith("tuned")]
    assert [title.split(" of ")[0] for title in tuned] == [
        "best so far", "budgets and rungs", "one-shot against architecture PSNR", "short against long searches",
        "hyperparameter importance", "parallel coordinates", "learning curves", "alpha", "architectures", "workers",
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


@pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium here (Debian's package chromium)")
def test_in_a_real_browser(page: Path) -> None:
    """Every figure is drawn, nothing is said on the console, nothing is asked of the network, nothing sticks out."""
    with browser() as chromium:
        chromium.open(address(page))
        images = chromium.evaluate(
            "[...document.images].map(i => [i.alt, i.complete, i.naturalWidth, i.getBoundingClientRect().width])"
        )
        links = chromium.evaluate(
            "[...document.links].filter(a => !document.getElementById(a.hash.slice(1))).map(a => a.href)"
        )
        widths = chromium.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        narrow = chromium.call(
            "Emulation.setDeviceMetricsOverride", width=500, height=900, deviceScaleFactor=1, mobile=False
        )
        narrow_widths = chromium.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        scripts = chromium.evaluate("document.querySelectorAll('script, iframe, object, [onerror]').length")
        assert narrow == {}
        assert len(images) >= 30
        assert [
            name for name, complete, natural, shown in images if not (complete and natural > 200 and shown > 200)
        ] == []
        assert links == []
        assert widths[0] <= widths[1]
        assert narrow_widths[0] <= narrow_widths[1]
        assert scripts == 0
        assert chromium.complaints() == []
        assert {request.split(":")[0] for request in chromium.requests()} <= {"file", "data"}
