"""The report of a real database, in a real browser: whole, silent, offline, and deaf to markup in names."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from das_hpo.analysis.report.blocks import grid
from das_hpo.analysis.report.page import sections_of, write_report
from das_hpo.analysis.report.run_data import read, telling
from spaces.hyperparameters import PRESETS, Hyperparameters
from spaces.trial import Epoch
from storage import queries
from storage.engine import open_database
from tests.das_hpo.analysis.report.chromium import EXECUTABLE, address, browser
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import Run, Trial, store, trials

RNG = np.random.default_rng(12)
MARKUP = "</td><script>alert(1)</script><img src=x onerror=alert(2)>"


def _epochs(count: int = 5) -> tuple[Epoch, ...]:
    alpha = np.cumsum(RNG.normal(0, 0.2, (count, 10, 2)), axis=0)
    search = (
        Epoch("search", i + 1, 0.1, 10.0 + i, 0.1, 9.0 + i, tuple(map(tuple, alpha[i].tolist()))) for i in range(count)
    )
    return (*search, *(Epoch("retrain", i + 1, 0.1, 12.0 + i) for i in range(count)))


def _optimisation() -> list[Trial]:
    """27 configurations at 1 epoch, 9 of them at 3, 3 of those at 9; one diverged, one was lost once."""
    found = []
    for number in range(27):
        rate = 10 ** RNG.uniform(-4, -1)
        point = Hyperparameters(rate, 1e-6, bool(number % 2), 1e-3, 1e-4, True, "linear", "adam")
        for budget, most in ((1.0, 27), (3.0, 9), (9.0, 3)):
            if number < most:
                psnr = (
                    None if number == 26 else 18 - abs(math.log10(rate) + 2.5) + math.log(budget) + RNG.normal(0, 0.3)
                )
                found.append(
                    Trial(
                        psnr, None if psnr is None else psnr - 1, number=number, budget=budget, seed=len(found),
                        hyperparameters=point, origin="model" if number % 3 else "random",
                        lost_first=number == 2, epochs=_epochs() if budget == 9.0 else (),
                    )
                )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run, two campaigns, a run without results, and markup wherever a user can put it."""
    path = tmp_path_factory.mktemp("report") / "das <b>.db"
    url = f"sqlite:///{path}"
    store(
        url,
        Run(
            "tuned",
            _optimisation(),
            kind="run",
            settings={"aggregate": "mean", "note": MARKUP, "choices": {"tau": 0.1}},
        ),
        Run("h1", trials(RNG.normal(20, 1, 12).tolist(), epochs=_epochs())),
        Run("h2", trials([*RNG.normal(21, 1, 11).tolist(), None], hyperparameters=PRESETS["H2"])),
        Run("one-shot-only", [Trial(None, 15.0)], kind="run", objective="one-shot"),
        Run("nothing-yet", [], kind="run", optimizer=MARKUP),
    )
    return url


@pytest.fixture(scope="module")
def page(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of all runs, by the real command."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    process = das_hpo("report", "-o", str(path), "--db", url)
    assert process.returncode == 0, process.stderr
    assert process.stdout == ""
    assert process.stderr == f"das-hpo: 5 runs in {path}\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]
    return path


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


def test_lost_attempts_are_listed(url: str) -> None:
    """With who lost them and why."""
    (section,) = [s for s in sections_of(read(url, ["tuned"])) if s.title == "Run tuned"]
    (lost,) = [block for block in section.parts[-1].blocks if block.kind == "grid"]
    assert lost.caption.startswith("3 of 42 attempts")
    assert lost.rows[0][2] == "lost"
    assert lost.rows[0][-1] == "its lease ran out"


def test_the_curves_are_of_telling_trials(url: str) -> None:
    """Best, median and worst at the largest budget, and a diverged one; none twice."""
    with open_database(url) as database:
        replay = queries.replay(database, queries.run(database, "h2").id)
    found = telling(replay.evaluations, "architecture")
    assert [label.split(":")[0] for label in found] == ["best", "median", "worst", "diverged"]
    psnrs = [e.architecture_score for e in replay.evaluations if e.architecture_score is not None]
    chosen = [evaluation.architecture_score for evaluation in found.values()]
    assert (chosen[0], chosen[2], chosen[3]) == (max(psnrs), min(psnrs), None)
    assert next(iter(telling(replay.evaluations[:1], "architecture"))).startswith("best")
    assert telling([], "architecture") == {}


def test_tables_show_unknown_numbers_as_dashes() -> None:
    """NaN and None; numbers to the right, in dB with two decimals."""
    table = grid("x", ("name", "median", "p"), [("a", 21.456, math.nan), ("b", None, 0.01234)], decibels=("median",))
    assert table.rows == (("a", "21.46", "-"), ("b", "-", "0.01234"))
    assert table.numeric == (False, True, True)
    assert grid("x", ("a",), []).rows == ()


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
