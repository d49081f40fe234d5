"""What is read of a run."""

from __future__ import annotations

from das_hpo.analysis.report.run_data import read, telling
from spaces.hyperparameters import PRESETS
from storage import queries
from storage.engine import open_database


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


def test_runs_are_read_in_the_order_asked_for(url: str) -> None:
    """All, the oldest first, if none is named; the columns of their own objective and hyperparameters."""
    assert [data.name for data in read(url, ["h2", "tuned"])] == ["h2", "tuned"]
    every = read(url, [])
    assert [data.name for data in every] == ["tuned", "h1", "h2", "one-shot-only", "nothing-yet"]
    assert [data.value for data in every][2:4] == ["architecture_score", "one_shot_score"]
    assert every[0].hyperparameters == list(PRESETS["H1"].to_dict())


def test_trials_are_those_of_the_largest_budget(url: str) -> None:
    """Of 27, 9 and 3 configurations at three budgets the three; their architectures from the best to the worst."""
    (data,) = read(url, ["tuned"])
    assert len(data.finished) == 39
    assert list(data.trials["budget"]) == [9.0] * 3
    column, ranked = data.ranked_architectures()
    assert column == "architecture_score"
    scores = [score for score, _ in ranked]
    assert scores == sorted(data.trials["architecture_score"], reverse=True)
    (one_shot,) = read(url, ["one-shot-only"])
    assert one_shot.ranked_architectures()[0] == "one_shot_score"
