"""Resuming a run, at every point where it can have been interrupted."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from das_hpo.optimisers.queue import OptimisationQueue
from das_hpo.optimizer_registry import OPTIMIZERS
from spaces.errors import StorageError
from storage import queries
from storage.engine import Database, open_database
from tests.das_hpo.queues import Driver, continue_run, create, settings

#: Names for runs of tests that make many in one database.
RUNS = itertools.count()


@pytest.fixture
def database(memory_path: Path) -> Iterator[Database]:
    """An empty database."""
    with open_database(f"sqlite:///{memory_path}/runs.db", create=True) as opened:
        yield opened


def rows(database: Database, run: str = "run") -> list[tuple[Any, ...]]:
    """What counts of a run's results: everything but times, in the order in which they were finished."""
    return sorted(
        (
            r.sequence,
            r.iteration,
            r.stage,
            r.number,
            r.budget,
            r.replicate,
            r.seed,
            r.status,
            r.loss,
            r.one_shot_psnr,
            r.origin,
            r.hyperparameters,
        )
        for r in queries.results(database, run)
    )


def state(master: OptimisationQueue) -> list[Any]:
    """What hpbandster holds, apart from times."""
    return [
        (
            iteration.stage,
            iteration.is_finished,
            iteration.num_running,
            iteration.actual_num_configs,
            [
                (identifier, datum.config, datum.config_info, datum.results, datum.status, datum.budget)
                for identifier, datum in iteration.data.items()
            ],
        )
        for iteration in master.optimizer.brackets
    ]


def model(master: OptimisationQueue) -> Any:
    """What the model was fitted to."""
    generator = master.optimizer.sampler
    return {
        budget: (observations.points.tolist(), observations._losses)
        for budget, observations in generator._observations.items()
    }, sorted(generator.kde_models)


@pytest.mark.parametrize("repeats", [1, 2])
def test_one_worker_continues_identically_wherever_it_was_interrupted(database: Database, repeats: int) -> None:
    """A run that was cut after any report, and resumed, gives the rows and the state of an uninterrupted one."""
    asked = {"iterations": 7, "max_budget": 3, "seed": 3, "repeats": repeats}
    whole = create(database, settings(name="calm", **asked))
    total = Driver(whole).run()
    expected = rows(database, "calm")
    assert whole.done
    for cut in range(0, total, 1 if repeats == 1 else 5):
        name = f"cut{cut}"
        Driver(create(database, settings(name=name, **asked))).run(cut)
        resumed, attempts = continue_run(database, name)
        assert [attempt.token for attempt in attempts]
        resumed.give_up(attempts, "the master was killed, its worker with it")
        Driver(resumed).run()
        assert rows(database, name) == expected
        assert state(resumed) == state(whole)
        assert model(resumed) == model(whole)


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, "examples.own_optimizer:climb"])
def test_every_optimiser_continues_identically(database: Database, optimizer: str) -> None:
    """With repeats, failures and several workers, a run that was cut and resumed gives the rows of the whole one."""
    asked = {"iterations": 8, "min_budget": 3, "seed": 4, "optimizer": optimizer, "repeats": 2}

    def drive(queue: OptimisationQueue, reports: int | None = None) -> int:
        driver = Driver(queue)
        driver.claim()
        done = 0
        while driver.held and (reports is None or done < reports):
            evaluation = driver.held[0].evaluation
            driver.fail() if evaluation.spec.seed % 9 == 0 else driver.report()
            done += 1
        return done

    total = drive(create(database, settings(name="calm", **asked)))
    expected = rows(database, "calm")
    for cut in range(1, total, 7):
        name = f"cut{cut}"
        drive(create(database, settings(name=name, **asked)), cut)
        resumed, attempts = continue_run(database, name)
        resumed.give_up(attempts, "the master was killed, its worker with it")
        drive(resumed)
        assert rows(database, name) == expected


@pytest.mark.parametrize("interrupted", [False, True])
def test_an_extended_run_is_the_longer_run(database: Database, interrupted: bool) -> None:
    """With more iterations a finished run, or an interrupted one, goes on as if it had been begun with them."""
    Driver(create(database, settings(name="long", iterations=9, seed=5))).run()
    Driver(create(database, settings(name="short", iterations=4, seed=5))).run(11 if interrupted else None)
    extended, attempts = continue_run(database, "short", {"iterations": 9})
    assert bool(attempts) == interrupted
    extended.give_up(attempts, "stopped")
    Driver(extended).run()
    assert rows(database, "short") == rows(database, "long")


class PowerCut(Driver):
    """Copies the database with its log in the middle of transactions, before they are committed."""

    def __init__(self, *arguments: Any, source: Path, copies: Path) -> None:
        super().__init__(*arguments)
        self._source = source
        self._copies = copies
        self.copied: list[Path] = []

    def _take(self, wanted: int) -> None:
        super()._take(wanted)
        copy = self._copies / f"{len(self.copied)}.db"
        for ending in ("", "-wal"):
            if (part := self._source.with_name(self._source.name + ending)).exists():
                shutil.copy(part, copy.with_name(copy.name + ending))
        self.copied.append(copy)


def test_a_power_cut_at_any_moment_is_resumed(memory_path: Path) -> None:
    """From any copy of database and log, also one made within a transaction, the run ends as the calm one."""
    asked = settings(iterations=4, max_budget=3, seed=6)
    source = memory_path / "source.db"
    (memory_path / "copies").mkdir()
    with open_database(f"sqlite:///{source}", create=True) as database:
        driver = PowerCut(create(database, asked), source=source, copies=memory_path / "copies")
        driver.run()
        expected = rows(database)
    assert len(driver.copied) > len(expected)
    for copy in driver.copied:
        with open_database(f"sqlite:///{copy}") as database:
            resumed, attempts = continue_run(database)
            resumed.give_up(attempts, "power loss")
            Driver(resumed).run()
            assert rows(database) == expected


def test_open_attempts_are_taken_over(database: Database) -> None:
    """What workers compute while the master is away is reported to the next one under the old tokens."""
    asked = settings(iterations=4, max_budget=3, seed=1)
    first = Driver(create(database, asked), workers=3)
    first.run(4)
    held = list(first.held)
    resumed, attempts = continue_run(database)
    assert attempts == held
    second = Driver(resumed, workers=3)
    second.held = list(attempts)
    second.run()
    assert resumed.done
    results = queries.results(database, "run")
    assert {result.status for result in results} <= {"completed", "diverged"}
    assert all(result.attempts == 1 for result in results)


@hypothesis_settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**31),
    workers=st.integers(1, 5),
    repeats=st.integers(1, 3),
    failing=st.floats(0, 0.6),
    optimizer=st.sampled_from(["bohb", "bohb", "hyperband", "random", "screening", "tpe", "cma-es"]),
    decisions=st.sampled_from([{}, {"model_budget": "supported", "model_start": "paper"}]),
)
def test_replay_rebuilds_the_live_state(
    database: Database,
    seed: int,
    workers: int,
    repeats: int,
    failing: float,
    optimizer: str,
    decisions: dict[str, Any],
) -> None:
    """At any moment of a run with several workers and failures, a replay holds what the live master holds."""
    name = f"run{next(RUNS)}"
    asked = settings(name=name, iterations=4, optimizer=optimizer, seed=seed, repeats=repeats, decisions=decisions)
    choose = random.Random(seed)
    live = create(database, asked)
    driver = Driver(live, workers=workers)
    driver.claim()
    while driver.held:
        index = choose.randrange(len(driver.held))
        if choose.random() < failing:
            driver.fail(index, final=choose.random() < 0.5)
        else:
            driver.report(index)
        if choose.random() < 0.15:
            replayed, attempts = continue_run(database, name)
            assert state(replayed) == state(live)
            assert {attempt.token for attempt in attempts} == {attempt.token for attempt in driver.held}
            assert replayed.snapshot() == live.snapshot()
            if optimizer == "bohb":
                assert model(replayed) == model(live)
    assert live.done
    ended, attempts = continue_run(database, name)
    assert ended.done
    assert not attempts
    assert state(ended) == state(live)


def test_what_does_not_follow_from_the_settings_is_refused(database: Database) -> None:
    """A replay under settings of other rungs is an error that says so, not another run."""
    asked = settings(iterations=3, seed=2)
    Driver(create(database, asked)).run(12)
    with pytest.raises(StorageError, match="cannot be resumed"):
        continue_run(database, changed={"min_budget": 3.0})
    resumed, _ = continue_run(database)
    with pytest.raises(StorageError, match="cannot be resumed"):
        resumed.restore(queries.replay(database, 1))
