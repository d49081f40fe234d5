"""The queue of an optimisation: decisions and models, seeds, repeats, failures and limits."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from das_hpo.optimisers.bracketed import BracketOptimizer
from das_hpo.optimisers.given import with_given
from das_hpo.optimisers.protocol import Observation, Problem, Proposal
from das_hpo.optimisers.queue import OptimisationQueue, aggregate, check_new_run
from das_hpo.service.recorder import Recorder
from examples.own_optimizer import Climber
from spaces.errors import DasHpoError, InvalidValueError
from spaces.hyperparameters import PRESETS, configuration_space
from spaces.identity import ConfigurationId
from spaces.seeds import evaluation_seed
from spaces.trial import WORST_LOSS, TrialOutcome, TrialSpec
from storage import queries, writes
from storage.engine import Database, open_database
from tests.das_hpo.queues import Driver, create, new_run, settings
from tests.das_hpo.trials import outcome


@pytest.fixture
def database(memory_path: Path) -> Iterator[Database]:
    """An empty database."""
    with open_database(f"sqlite:///{memory_path}/runs.db", create=True) as opened:
        yield opened


def held(queue: OptimisationQueue) -> list[Any]:
    """hpbandster's brackets of a queue."""
    assert isinstance(queue.optimizer, BracketOptimizer)
    return list(queue.optimizer.brackets)


def observations(queue: OptimisationQueue) -> list[Any]:
    """What BOHB's model was told, budget by budget."""
    return list(queue.optimizer.sampler._observations.values())


def test_random_search_evaluates_at_the_largest_budget(database: Database) -> None:
    """As many configurations an iteration as there are rungs, none lost to rounding."""
    queue = create(database, settings(optimizer="random", iterations=4, min_budget=1.1, max_budget=100))
    Driver(queue).run()
    assert {(r.budget, r.origin) for r in queries.results(database, "run")} == {(100.0, "random")}
    assert len(queries.results(database, "run")) == 4 * 5


def test_a_queue_starts_nothing(database: Database) -> None:
    """No thread, no server, no directory; what it holds is builtin types."""
    before = threading.active_count()
    queue = create(database, settings())
    assert threading.active_count() == before
    Driver(queue).run(5)
    for iteration in held(queue):
        for datum in iteration.data.values():
            assert json.loads(json.dumps(datum.config)) == datum.config
            assert {type(value) for value in datum.config.values()} <= {float, str}


def test_two_thirds_of_the_later_proposals_are_model_based(database: Database) -> None:
    """Once there is a model, hpbandster's random fraction of a third is drawn at random, and no more."""
    Driver(create(database, settings(iterations=60, seed=8))).run()
    results = [r for r in queries.results(database, "run") if r.iteration >= 15]
    origin = {(r.iteration, r.stage, r.number): r.origin for r in results}
    by_model = sum(word == "model" for word in origin.values())
    assert set(origin.values()) == {"model", "random"}
    assert stats.binomtest(by_model, len(origin), 2 / 3).pvalue > 1e-3


def test_bohb_finds_better_configurations_than_chance(database: Database) -> None:
    """Later model-based proposals are better than random ones at the same budget."""
    Driver(create(database, settings(iterations=45, seed=3))).run()
    late = [r for r in queries.results(database, "run") if r.iteration >= 9 and r.budget == 1.0]
    losses = {
        origin: [r.loss if r.loss is not None else WORST_LOSS for r in late if r.origin == origin]
        for origin in ("model", "random")
    }
    assert stats.mannwhitneyu(losses["model"], losses["random"], alternative="less").pvalue < 0.01


@pytest.mark.parametrize("optimizer", ["bohb", "hyperband", "random"])
def test_a_run_follows_from_its_seed(database: Database, optimizer: str) -> None:
    """The same seed gives the same run, another seed another."""
    found = []
    for number, seed in enumerate([4, 4, 5]):
        asked = settings(name=f"run{number}", optimizer=optimizer, iterations=6, seed=seed)
        Driver(create(database, asked)).run()
        found.append(
            [(*r.hyperparameters.values(), r.budget, r.seed, r.loss) for r in queries.results(database, asked.name)]
        )
    assert found[0] == found[1]
    assert not set(found[0]) & set(found[2])


def test_shared_evaluations_are_equal_whatever_the_number_of_workers(database: Database) -> None:
    """With three workers the order differs; every configuration and budget in both has the same seed and PSNR."""
    found = []
    for workers in (1, 3):
        asked = settings(name=f"with{workers}", optimizer="hyperband", iterations=6)
        Driver(create(database, asked), workers=workers).run()
        found.append(
            {
                (r.iteration, r.stage, r.number, r.budget): (r.seed, r.hyperparameters, r.one_shot_psnr)
                for r in queries.results(database, asked.name)
            }
        )
    shared = found[0].keys() & found[1].keys()
    assert len(shared) > 20
    assert all(found[0][key] == found[1][key] for key in shared)


def test_repeats_are_trials_with_their_own_seeds(database: Database) -> None:
    """Every job is k evaluations, seeded by replicate, and hpbandster is told their aggregate."""
    queue = create(database, settings(iterations=3, repeats=3, aggregate="median"))
    Driver(queue, workers=2).run()
    results = queries.results(database, "run")
    assert len(results) == 3 * 20
    for r in results:
        assert r.seed == evaluation_seed(0, (r.iteration, r.stage, r.number), r.budget, r.replicate)
    for iteration in held(queue):
        for identifier, datum in iteration.data.items():
            for budget, result in datum.results.items():
                told = [
                    WORST_LOSS if r.loss is None else r.loss
                    for r in results
                    if (r.iteration, r.stage, r.number) == identifier and r.budget == budget
                ]
                assert result["loss"] == sorted(told)[1]


@pytest.mark.parametrize(("how", "expected"), [("mean", -20.0), ("median", -19.0), ("max", -23.0)])
def test_aggregates(how: str, expected: float) -> None:
    """Mean and median for the average case; the best case is the largest PSNR, so the least loss."""
    assert aggregate([-23.0, -19.0, -18.0], how) == expected


def test_diverged_trials_rank_last(database: Database) -> None:
    """A diverged configuration never advances while another is there, and the model holds it to be the worst."""
    queue = create(database, settings(iterations=12, seed=2))

    def diverging(spec: TrialSpec) -> TrialOutcome:
        if spec.hyperparameters["parameter_warm_up"]:
            return TrialOutcome("diverged", None, None, None, None, message="NaN")
        return outcome(spec)

    Driver(queue, trial=diverging).run()
    results = queries.results(database, "run")
    assert {r.status for r in results} == {"completed", "diverged"}
    for index in range(12):
        lowest = [
            r
            for r in results
            if r.iteration == index and r.budget == min(x.budget for x in results if x.iteration == index)
        ]
        advanced = {(r.stage, r.number) for r in results if r.iteration == index and r.budget > lowest[0].budget}
        diverged = {(r.stage, r.number) for r in lowest if r.status == "diverged"}
        room = max((len(iteration) for iteration in [advanced]), default=0)
        if len(lowest) - len(diverged) >= room:
            assert not advanced & diverged
    for told in observations(queue):
        losses = told._losses
        assert losses == sorted(losses)
        assert max(losses) <= WORST_LOSS


def test_a_run_of_diverged_trials_alone_ends(database: Database) -> None:
    """Rungs stay full, a model is fitted, and nothing crashes."""
    queue = create(database, settings(iterations=9))
    finished = Driver(queue, trial=lambda spec: TrialOutcome("diverged", None, None, None, None, message="NaN")).run()
    assert (finished, queue.done) == (60, True)
    assert queue.snapshot().best_score is None
    assert any(r.origin == "model" for r in queries.results(database, "run"))


def test_failed_evaluations_are_not_told_to_the_model(database: Database) -> None:
    """A job whose evaluations all failed is a crash to hpbandster, and no observation; its slot is filled again."""
    queue = create(database, settings(iterations=3))
    driver = Driver(queue)
    driver.claim()
    for _ in range(3):
        driver.fail()
    driver.run()
    assert queue.done
    results = queries.results(database, "run")
    assert [r.status for r in results].count("failed") == 3
    observed = sum(told.count for told in observations(queue))
    assert observed == len(results) - 3
    crashed = [datum for datum in held(queue)[0].data.values() if None in datum.results.values()]
    assert len(crashed) == 3


def test_a_job_counts_without_its_failed_replicates(database: Database) -> None:
    """One of three replicates failed: the aggregate is that of the other two."""
    queue = create(database, settings(iterations=1, repeats=3, min_budget=9))
    driver = Driver(queue, workers=3)
    driver.claim()
    driver.fail(1)
    driver.report()
    driver.report()
    datum = held(queue)[0].data[0, 0, 0]
    told = [r.loss for r in queries.results(database, "run") if r.loss is not None]
    assert len(told) == 2
    assert datum.results[9.0]["loss"] == pytest.approx(sum(told) / 2)


def test_a_lost_attempt_is_no_failure(database: Database) -> None:
    """An evaluation whose worker was lost is computed by another, and is told like any other."""
    queue = create(database, settings(iterations=2))
    driver = Driver(queue)
    driver.claim()
    driver.fail(final=False)
    driver.run()
    results = queries.results(database, "run")
    assert {r.status for r in results} <= {"completed", "diverged"}
    assert sorted(r.attempts for r in results)[-2:] == [1, 2]


def test_no_more_than_parallel_evaluations_are_open(database: Database) -> None:
    """With ``parallel`` 2 a claim for five gets two, and nothing until one of them has ended."""
    queue = create(database, settings(parallel=2))
    driver = Driver(queue, workers=5)
    driver.claim()
    assert len(driver.held) == 2
    driver.fail(final=False)
    driver.claim()
    assert len(driver.held) == 2
    driver.run()
    assert queue.done


def test_a_stopped_queue_gives_nothing_and_takes_everything(database: Database) -> None:
    """After stop there is no new work; what is open may be reported, once."""
    queue = create(database, settings())
    driver = Driver(queue, workers=2)
    driver.claim()
    queue.stop("enough")
    assert queue.done
    open_ones = list(driver.held)
    assert driver.run() == 2
    assert not queue.snapshot().running
    with queue.condition, queue.transaction():
        queue.finished(open_ones[0], outcome(open_ones[0].evaluation.spec), 0.1)
    assert queue.snapshot().finished == 2
    assert not queue.complete


def test_das_single_searches_alphas_five(database: Database) -> None:
    """The parameter settings stay those of the preset; alpha's five vary."""
    Driver(create(database, settings(method="das-single", iterations=12))).run()
    points = [r.hyperparameters for r in queries.results(database, "run")]
    fixed = PRESETS["BOHB-one-shot-Blur"]
    for name, value in fixed.to_dict().items():
        values = {point[name] for point in points}
        assert (values == {value}) if name.startswith("parameter") else (len(values) > 1)


def test_the_snapshot_counts(database: Database) -> None:
    """Expected evaluations and epochs are those of the whole plan, at the beginning and at the end."""
    queue = create(database, settings(iterations=4, repeats=2))
    before = queue.snapshot(workers=3, deadline_s=5.0)
    assert (before.finished, before.workers, before.deadline_s, before.best_score) == (0, 3, 5.0, None)
    Driver(queue).run()
    after = queue.snapshot()
    assert after.finished == after.expected == before.expected == 2 * 33
    assert after.epochs_done == pytest.approx(after.epochs_expected) == pytest.approx(before.epochs_expected)
    best = max(r.one_shot_psnr or 0 for r in queries.results(database, "run") if r.budget == 9)
    assert after.best_score is not None
    assert after.best_score <= best


class Sick(Climber):
    """An optimiser that fails after a few calls, or proposes what must not be proposed."""

    def __init__(self, what: str, calls: int = 3) -> None:
        super().__init__(Problem(configuration_space(), 0, 3, 1.0, 9.0))
        self.what = what
        self.calls = calls

    def ask(self) -> Proposal | None:
        """Fails as its name says."""
        proposal = super().ask()
        if proposal is None or self.asked <= self.calls:
            return proposal
        if self.what == "ask":
            raise ZeroDivisionError("division by zero")
        changes: dict[str, Any] = {
            "budget": {"budget": 99.0},
            "again": {"configuration_id": ConfigurationId(0, 0, 0)},
            "point": {"configuration": {"depth": 3}},
            "tell": {},
        }[self.what]
        return replace(proposal, **changes)

    def tell(self, observation: Observation) -> None:
        """Fails as its name says."""
        if self.what == "tell" and observation.proposal.configuration_id.number == 2:
            raise KeyError("model")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("ask", "could not propose: ZeroDivisionError: division by zero"),
        ("tell", "could not take in a result: KeyError: 'model'"),
        ("budget", r"the budget of 0-0-3 must be in \[1, 9\], got 99"),
        ("again", "0-0-0 at budget 9 was proposed before"),
        ("point", "could not propose"),
    ],
)
def test_an_optimiser_that_fails_ends_the_run_and_loses_nothing(database: Database, what: str, message: str) -> None:
    """No work is given any more, every outcome is recorded, and whoever looks after the run is told why."""
    asked = settings()
    with database.begin() as session:
        run = writes.create_run(session, new_run(asked))
    queue = OptimisationQueue(asked, Sick(what), Recorder(database, run))
    driver = Driver(queue)
    driver.run()
    assert not queue.complete
    with pytest.raises(DasHpoError, match=message):
        queue.snapshot()
    assert [r.status for r in queries.results(database, "run")] == ["completed"] * 3


class Guarded(Climber):
    """An optimiser that must be called under its queue's lock: the monitor and the dispatcher are two threads."""

    queue: OptimisationQueue

    def ask(self) -> Proposal | None:
        """As ever, but not without the lock."""
        assert self.queue.condition._is_owned()  # type: ignore[attr-defined]
        return super().ask()


def test_an_optimiser_is_called_by_one_thread_at_a_time(database: Database) -> None:
    """Also where somebody only looks whether the run is complete."""
    asked = settings()
    with database.begin() as session:
        run = writes.create_run(session, new_run(asked))
    optimizer = Guarded(Problem(configuration_space(), 0, 3, 1.0, 9.0))
    optimizer.queue = queue = OptimisationQueue(asked, optimizer, Recorder(database, run))
    assert not queue.complete
    assert not queue.done
    Driver(queue).run()
    assert queue.complete
    assert queue.snapshot().finished == 12


def test_what_cannot_be_made_is_refused_before_the_run() -> None:
    """An optimiser without the methods, one that fails when it is made, one that ignores what was given first."""
    given = with_given(settings(), ["presets"], "sqlite:///none.db").given
    for name, message in (
        ("builtins:repr", "has no ask, tell, restore, plan"),
        ("builtins:iter", "cannot be made: TypeError"),
        ("tests.das_hpo.optimisers.test_queue:deaf", "does not propose given configurations first: H1"),
    ):
        with pytest.raises(InvalidValueError, match=message):
            check_new_run(settings(optimizer=name, given=given))


def deaf(problem: Problem) -> Climber:
    """An optimiser that ignores given configurations."""
    return Climber(replace(problem, given=()))
