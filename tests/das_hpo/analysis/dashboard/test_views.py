"""The views as sections; test_server shows them in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from das_hpo.analysis.comparison.compare import compare_subjects
from das_hpo.analysis.comparison.lookup import load_subjects
from das_hpo.analysis.comparison.verdicts import verdicts
from das_hpo.analysis.dashboard import evaluations
from das_hpo.analysis.dashboard.live import LiveRuns
from das_hpo.analysis.dashboard.views import ADDRESSES, compared, first, of_run
from spaces.errors import InvalidValueError, UnknownNameError
from spaces.identity import ConfigurationId
from storage.engine import open_database


@pytest.fixture
def live(url: str) -> Iterator[LiveRuns]:
    """The runs of the tests' database, opened as the command does."""
    with open_database(url, read_only=True) as database:
        yield LiveRuns(database, url)


def test_the_first_view_lists_the_runs_the_latest_first(live: LiveRuns) -> None:
    """Each with the address of its own view."""
    (grid,) = first(live, live.summaries()).sections[0].blocks
    assert grid.kind == "grid"
    assert [row[0].address for row in grid.rows] == [  # type: ignore[union-attr]
        "/run/nothing-yet", "/run/one-shot-only", "/run/h2", "/run/h1", "/run/tuned",
    ]  # fmt: skip
    assert ADDRESSES.run("a/b c") == "/run/a%2Fb%20c"


def test_the_verdict_is_that_of_the_command(live: LiveRuns, url: str) -> None:
    """Every sentence of das-hpo compare, with the margin asked for."""
    view = compared(live, live.summaries(), ["h1", "h2"], 0.5)
    (said,) = view.sections[0].blocks
    assert said.kind == "items"
    assert list(said.items) == verdicts(compare_subjects(load_subjects(url, ["h1", "h2"]), margin=0.5))
    assert [section.title for section in compared(live, live.summaries(), ["h1", "nobody"], None).sections] == [
        "Not there", "Nothing is compared yet",
    ]  # fmt: skip
    refused = compared(live, live.summaries(), ["h1", "nothing-yet"], None)
    assert refused.sections[0].title == "These cannot be compared"


def test_evaluations_are_those_that_the_address_asks_for(live: LiveRuns) -> None:
    """Filtered and ordered as pandas does it; charts of all of them stand below."""
    (summary,) = [one for one in live.summaries() if one.run.name == "tuned"]
    frame = live.data(summary).frame
    expected = frame[frame["architecture_score"] >= 17].sort_values("architecture_score", ascending=False)
    asked = {"architecture-from": "17", "order": "architecture", "status": ""}
    table, chosen = evaluations.table(live, summary, asked).sections
    (grid,) = table.blocks
    assert grid.kind == "grid"
    assert [row[4] for row in grid.rows] == [f"{score:.2f}" for score in expected["architecture_score"]]
    assert grid.caption == f"1 to {len(expected)} of {len(expected)} evaluations."
    scatter = chosen.blocks[0]
    assert scatter.kind == "plot"
    assert len(scatter.chart["data"][0]["x"]) == len(expected)
    with pytest.raises(InvalidValueError, match="budget-from is a number, got 'much'"):
        evaluations.table(live, summary, {"budget-from": "much"})
    with pytest.raises(UnknownNameError, match="unknown order 'beauty'"):
        evaluations.table(live, summary, {"order": "beauty"})


def test_an_evaluation_has_everything_that_is_stored(live: LiveRuns) -> None:
    """Facts, attempts with the lost one, curves, weights, and the same configuration at its other budgets."""
    (summary,) = [one for one in live.summaries() if one.run.name == "tuned"]
    view = evaluations.one(live, summary, ConfigurationId(0, 0, 2), 9.0, 0)
    assert view is not None
    sections = {section.anchor: section for section in view.sections}
    assert list(sections) == ["evaluation", "attempts", "curves", "weights", "configuration"]
    (attempts,) = sections["attempts"].blocks
    assert attempts.kind == "grid"
    assert [row[1] for row in attempts.rows] == ["lost", "completed"]
    assert [block.kind for block in sections["evaluation"].blocks] == ["grid", "grid", "drawing"]
    (same,) = sections["configuration"].blocks
    assert same.kind == "grid"
    assert len(same.rows) == 3
    assert evaluations.one(live, summary, ConfigurationId(0, 0, 99), 9.0, 0) is None


def test_a_view_without_results_says_so(live: LiveRuns) -> None:
    """And raises nothing."""
    (summary,) = [one for one in live.summaries() if one.run.name == "nothing-yet"]
    for tab in ("", "scores", "budgets", "hyperparameters", "trials", "workers", "settings"):
        assert of_run(live, summary, tab).sections
    assert first(live, []).sections[0].blocks[0].kind == "text"
