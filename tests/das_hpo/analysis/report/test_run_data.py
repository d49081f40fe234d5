"""What is read of a run."""

from __future__ import annotations

from das_hpo.analysis.report.run_data import read, telling
from spaces.hyperparameters import PRESETS


def test_the_curves_are_of_telling_trials(url: str) -> None:
    """Best, median and worst at the largest budget, and a diverged one; none twice."""
    (data,) = read(url, ["h2"])
    found = telling(data.finished, "architecture")
    assert [label.split(":")[0] for label in found] == ["best", "median", "worst", "diverged"]
    rows = data.frame.set_index("replicate")["architecture_score"]
    chosen = [rows[replicate] for _, _, replicate in found.values()]
    assert (chosen[0], chosen[2]) == (rows.max(), rows.min())
    assert chosen[3] != chosen[3]
    assert next(iter(telling(data.finished[:1], "architecture"))).startswith("best")
    assert telling(data.finished[:0], "architecture") == {}
    assert [label.split(":")[0] for label in read(url, ["tuned"])[0].curves] == ["best", "median", "worst"]


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
