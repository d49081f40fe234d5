"""The best configurations, over both kinds of database."""

from __future__ import annotations

from typing import Any

import pytest

from spaces.errors import InvalidValueError, RunMissingError, UnknownNameError
from spaces.identity import ConfigurationId
from spaces.trial import TrialSpec
from storage import queries, writes
from storage.engine import Database
from storage.entries import NewEvaluation


def fill(
    database: Database, samples: Any, psnrs: dict[int, list[float | str]], how: str = "mean", budget: float = 5.0
) -> None:
    """A run ``first`` whose configuration n has replicates with these PSNRs, or of that status."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run(settings={"aggregate": how}))
        for number, values in psnrs.items():
            writes.add_configuration(session, run_id, samples.configuration(number))
            for replicate, value in enumerate(values):
                new = NewEvaluation(ConfigurationId(0, 0, number), replicate, TrialSpec("inverse-1d", {}, budget, 1))
                evaluation = writes.queue_evaluation(session, run_id, new)
                if isinstance(value, float):
                    samples.finish(session, evaluation, samples.outcome(value))
                elif value == "diverged":
                    samples.finish(session, evaluation, samples.diverged())
                elif value == "failed":
                    writes.start_attempt(session, evaluation, f"x-{evaluation}", samples.worker)
                    writes.end_attempt(session, f"x-{evaluation}", "lost", None, final=True)
                else:
                    assert value == "queued"


@pytest.mark.parametrize(
    ("how", "numbers", "best"),
    [("mean", [0, 1, 2], 20.0), ("median", [2, 0, 1], 21.0), ("max", [1, 2, 0], 24.0)],
)
def test_replicates_are_aggregated(database: Database, samples: Any, how: str, numbers: list[int], best: float) -> None:
    """As the run was told to: each of the three orders the same numbers differently."""
    psnrs = {0: [20.0, 20.0, 20.0], 1: [24.0, 16.0, 19.0], 2: [21.0, 21.5, 15.0]}
    fill(database, samples, psnrs, how)
    found = queries.incumbents(database, "first", top=9)
    assert [incumbent.number for incumbent in found] == numbers
    assert [incumbent.rank for incumbent in found] == [1, 2, 3]
    assert (found[0].score, found[0].one_shot_score, found[0].architecture_score) == (best, best, best - 1)
    assert [incumbent.replicates for incumbent in found] == [3, 3, 3]
    assert found[0].hyperparameters == samples.configuration(numbers[0]).hyperparameters
    assert queries.incumbents(database, "first") == found[:1]


@pytest.mark.parametrize(("how", "numbers"), [("mean", [1, 4]), ("median", [2, 1, 4]), ("max", [3, 2, 1, 4])])
def test_what_diverged_and_failed_counts_for(database: Database, samples: Any, how: str, numbers: list[int]) -> None:
    """Diverged replicates count as the worst, failed ones not at all; unfinished configurations wait."""
    psnrs: dict[int, list[float | str]] = {
        0: ["diverged", "diverged", "diverged"],
        1: [20.0, "failed", 20.0],
        2: [21.0, "diverged", 21.0],
        3: [22.0, "diverged", "diverged"],
        4: [19.0, 19.0, 19.0],
        5: [30.0, 30.0, "queued"],
        6: ["failed", "failed", "failed"],
    }
    fill(database, samples, psnrs, how)
    assert [incumbent.number for incumbent in queries.incumbents(database, "first", top=9)] == numbers


def test_one_run_can_be_read_under_both_objectives(database: Database, samples: Any) -> None:
    """The stored PSNRs decide, not the loss that the model was told; its own objective is the default."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        for number, (one_shot, architecture) in enumerate([(22.0, 18.0), (20.0, 21.0), (23.0, None)]):
            outcome = samples.outcome(one_shot, architecture_score=architecture)
            samples.finish(session, samples.queue(session, run_id, number), outcome)
    assert [row.number for row in queries.incumbents(database, "first", top=5)] == [2, 0, 1]
    assert [row.number for row in queries.incumbents(database, "first", "one-shot", top=5)] == [2, 0, 1]
    found = queries.incumbents(database, "first", "architecture", top=5)
    assert [(row.number, row.score, row.one_shot_score) for row in found] == [(1, 21.0, 20.0), (0, 18.0, 22.0)]


def test_the_largest_budget_with_a_result_counts(database: Database, samples: Any) -> None:
    """Better PSNRs at smaller budgets do not compete; a largest budget where all diverged is passed over."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        ids = {number: samples.queue(session, run_id, number) for number in range(3)}
        for number, psnr in enumerate((30.0, 20.0, 19.0)):
            samples.finish(session, ids[number], samples.outcome(psnr))
        for number, psnr in ((1, 21.0), (2, 22.0)):
            samples.finish(session, samples.queue(session, run_id, number, 15.0), samples.outcome(psnr))
        samples.finish(session, samples.queue(session, run_id, 2, 45.0), samples.diverged())
    found = queries.incumbents(database, "first", top=9)
    assert [(row.number, row.budget, row.score) for row in found] == [(2, 15.0, 22.0), (1, 15.0, 21.0)]


def test_the_architecture_is_the_best_replicates(database: Database, samples: Any) -> None:
    """One configuration gives several architectures; the one with the best PSNR is shown."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        for replicate, psnr in enumerate((20.0, 23.0, 21.0)):
            evaluation = samples.queue(session, run_id, 0, replicate=replicate)
            samples.finish(session, evaluation, samples.outcome(psnr, architecture=f"architecture {psnr}"))
    assert queries.incumbents(database, "first")[0].architecture == "architecture 23.0"


def test_more_than_one_statement_can_name_are_given(database: Database, samples: Any) -> None:
    """Hundreds of equal configurations: all of them, and the first ones, by their ids."""
    fill(database, samples, {number: [20.0] for number in range(1201)})
    assert [row.number for row in queries.incumbents(database, "first", top=9999)] == list(range(1201))
    assert [row.number for row in queries.incumbents(database, "first", top=2)] == [0, 1]


def test_nothing_finished_gives_nothing(database: Database, samples: Any) -> None:
    """An empty list, no error."""
    fill(database, samples, {0: ["queued"], 1: ["failed"]})
    assert queries.incumbents(database, "first") == []
    assert queries.incumbents(database, "first", "architecture") == []


def test_bad_questions_are_refused(database: Database, samples: Any) -> None:
    """Unknown run, objective and aggregate, and no place at all."""
    fill(database, samples, {0: [20.0]}, "mode")
    with pytest.raises(RunMissingError, match="'none'"):
        queries.incumbents(database, "none")
    with pytest.raises(UnknownNameError, match="valid are one-shot, architecture"):
        queries.incumbents(database, "first", "final")
    with pytest.raises(InvalidValueError, match="top is 1 or more, got 0"):
        queries.incumbents(database, "first", top=0)
    with pytest.raises(UnknownNameError, match="valid are mean, median, max"):
        queries.incumbents(database, "first")
