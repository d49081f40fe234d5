"""What rows say: the best configuration, costs, and trials of several draws; against hand-counted rows."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from das_hpo.analysis.comparison.rows import best_at_cost, best_under, cost_of, warn_of_mixed_code
from das_hpo.arguments import arguments
from das_hpo.commands import evaluate
from spaces.hyperparameters import PRESETS
from spaces.task import Metric
from storage import queries
from storage.engine import open_database
from storage.frames import load_results
from tests.das_hpo import frames
from tests.das_hpo.analysis.comparison.samples import subject_of
from tests.das_hpo.databases import Run, Trial, store


def test_rows_of_different_code_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """Each version of the code is named; rows of one code, and rows that are older than fingerprints, are not."""
    frame = frames.campaign("r", [20.0, 22.0, 21.5])
    for codes, count in (([None, None, None], 0), (["a", "a", None], 0), (["b", "a", None], 1)):
        caplog.clear()
        frame["fingerprint"] = codes
        warn_of_mixed_code("r", frame)
        assert len(caplog.messages) == count
    assert "evaluations of r were computed by 2 versions of its task's code (a, b)" in caplog.text


def test_the_incumbent_follows_the_runs_aggregate() -> None:
    """Best mean, best maximum; a configuration with a diverged or an open replicate does not win the mean."""
    frame = frames.campaign("r", [20.0, 22.0, 21.5, 21.6, 30.0, None, 40.0, None])
    frame["number"] = [0, 0, 1, 1, 2, 2, 3, 3]
    frame.loc[7, "status"] = "running"
    mean, best = best_under(frame, "architecture"), best_under(frame, "architecture", "max")
    assert mean is not None
    assert best is not None
    assert (mean.configuration, mean.architecture_score, mean.rivals) == ((0, 0, 1), pytest.approx(21.55), 2)
    assert best.configuration == (0, 0, 2)
    assert best_under(frame[frame["one_shot_score"].isna()], "one-shot") is None


#: By configuration the scores of its replicates; None diverged, a word is a status. Two are equal, and two are best
#: only for whom an open or a failed replicate counts otherwise.
REPLICATES: tuple[tuple[float | str | None, ...], ...] = (
    (20.0, 22.0, 20.5),
    (21.0, 23.0, 19.0),
    (None, 30.0, 18.0),
    (21.0, 21.25, 21.5),
    (21.5, 21.0, 21.25),
    (25.0, "failed", 15.0),
    (40.0, 10.0, "queued"),
    (None, None, None),
    ("failed", "failed", "failed"),
)


def _trial(number: int, replicate: int, score: float | str | None) -> Trial:
    status = score if isinstance(score, str) else None
    known = score if isinstance(score, float) else None
    one_shot = None if known is None else known - 1
    point = dataclasses.replace(PRESETS["H1"], alpha_learning_rate=1e-3 * (number + 1))
    place = {"number": number, "replicate": replicate, "seed": 9 * number + replicate}
    return Trial(known, one_shot, **place, status=status, hyperparameters=point)


@pytest.mark.parametrize("how", ["mean", "median", "max"])
@pytest.mark.parametrize("objective", ["one-shot", "architecture"])
@pytest.mark.parametrize("larger_is_better", [True, False], ids=["larger", "smaller"])
def test_compare_incumbent_and_evaluate_agree(
    how: str, objective: str, larger_is_better: bool, memory_path: Path
) -> None:
    """All choose the same configuration and give it the same numbers, whatever the aggregate and the direction."""
    url = f"sqlite:///{memory_path}/runs.db"
    metric = Metric("error", larger_is_better=larger_is_better)
    # The second of the two equal ones is stored first: the id decides, and not the order of making.
    order = [4, 3, *(number for number in range(len(REPLICATES)) if number not in (3, 4))]
    rows = [_trial(number, replicate, score) for number in order for replicate, score in enumerate(REPLICATES[number])]
    store(url, Run("run", rows, kind="run", settings={"aggregate": how}, metric=metric))
    found = best_under(load_results(url, "run"), objective, how, larger_is_better)
    with open_database(url) as database:
        (best,) = queries.incumbents(database, "run", objective)
        every = queries.incumbents(database, "run", objective, top=99)
    assert found is not None
    assert every[0] == best
    assert (found.configuration, found.budget, found.replicates) == (best.configuration_id, 9.0, best.replicates)
    assert (found.one_shot_score, found.architecture_score) == (best.one_shot_score, best.architecture_score)
    assert found.rivals == len(every)
    (asked,) = evaluate.asked_campaigns(arguments(evaluate.configure, ["run"], {"db": url, "objective": objective}))
    assert asked.hyperparameters == best.hyperparameters
    by_hand = {"mean": 3, "median": 3, "max": 2} if larger_is_better else {"mean": 5, "median": 5, "max": 5}
    assert best.number == by_hand[how]


def test_no_incumbent_is_diverged_or_has_an_open_replicate() -> None:
    """A search that went well does not win where its retraining diverged; a smaller budget stands in, if it must."""
    frame = frames.campaign("r", [20.0, 22.0, 21.0])
    frame["number"] = [0, 1, 2]
    frame["one_shot_score"] = [15.0, 25.0, 14.0]
    frame.loc[1, "status"] = "diverged"
    frame.loc[2, "budget"] = 5.0
    found = best_under(frame, "one-shot")
    assert found is not None
    assert (found.configuration, found.budget) == ((0, 0, 0), 50.0)
    frame.loc[1, "number"] = 0
    frame.loc[1, "status"] = "queued"
    found = best_under(frame, "one-shot")
    assert found is not None
    assert (found.configuration, found.budget) == ((0, 0, 2), 5.0)


def test_cost_and_equal_cost_by_hand() -> None:
    """Seconds of workers, epochs, wall clock; the best by the time the cheaper run had ended."""
    frame = frames.campaign("r", [20.0, None, 22.0], duration_s=4.0)
    frame.loc[2, "status"] = "failed"
    cost = cost_of(frame)
    assert (cost.evaluations, cost.failed, cost.epochs, cost.worker_s, cost.wall_s) == (3, 1, 150.0, 12.0, 12.0)
    whole = frames.campaign("r", [20.0, 21.0, 22.0], duration_s=4.0)
    whole["number"] = [0, 1, 2]
    best = best_under(whole, "architecture")
    assert [best_at_cost(whole, best, seconds) for seconds in (4.0, 8.0, 100.0)] == [20, 21, 22]
    assert math.isnan(best_at_cost(whole, best, 1.0))
    assert math.isnan(best_at_cost(whole, None, 100.0))


@pytest.mark.parametrize("how", ["mean", "median", "max"])
def test_a_run_at_its_whole_cost_has_the_score_of_its_incumbent(how: str) -> None:
    """At equal cost replicates are aggregated as everywhere, and one that ended later is open."""
    frame = frames.campaign("r", [20.0, 22.0, None, 30.0, 21.5, 21.6], duration_s=4.0)
    frame["number"], frame["replicate"] = [0, 0, 1, 1, 2, 2], [0, 1] * 3
    best = best_under(frame, "architecture", how)
    assert best is not None
    assert best_at_cost(frame, best, 24.0, how) == best.architecture_score
    assert best_at_cost(frame, best, 20.0, how) == {"mean": 21.0, "median": 21.0, "max": 30.0}[how]
    assert math.isnan(best_at_cost(frame, best, 4.0, how))


def test_a_trial_of_a_random_search_is_the_best_of_its_draws() -> None:
    """Paired by the first draw's seed; unfinished trials are left out; time is that of all draws."""
    frame = frames.campaign("s", [10.0, 12.0, None, 11.0, None, None, 5.0, 6.0], duration_s=2.0)
    frame["method"] = "random-search"
    frame["iteration"], frame["number"] = [0, 0, 1, 1, 2, 2, 3, 3], [0, 1] * 4
    frame.loc[7, "status"] = "running"
    subject = subject_of(frame, name="s", kind="campaign")
    assert subject.sample.seeds == [0, 2, 4]
    assert subject.summary.trials == 3
    assert subject.summary.diverged == 1
    assert (subject.summary.maximum, subject.summary.mean) == (12.0, 11.5)
    assert subject.cost.worker_s == 14.0
