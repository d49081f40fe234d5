"""The deterministic simulation: all is well for CI's seeds, and whatever is wrong is found among them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.lab import Report, simulate
from tests.simulation.mutations import DEFECTS, FOUND_BY, OTHERS, Mutation
from tests.simulation.scenario import drawn
from tests.simulation.seeds import CI_SEEDS, servers, shrunk


@pytest.fixture(scope="module")
def server() -> Iterator[Path | None]:
    """A PostgreSQL server for the seeds that want one, where there is one."""
    with servers(True) as directory:
        yield directory


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL + 1)


def test_a_seed_makes_the_whole_schedule(server: Path | None) -> None:
    """The same seed gives the same trace, event for event."""
    for seed in (3, 5):
        first, second = (simulate(drawn(seed, postgresql=False), server, trace=True) for _ in range(2))
        assert first.trace == second.trace
        assert len(first.trace) > 10
        assert not first.violations


@pytest.mark.parametrize("mutation", [*DEFECTS, *OTHERS], ids=lambda mutation: mutation.name)
def test_what_is_wrong_is_found(mutation: Mutation, server: Path | None) -> None:
    """Each defect that was there, and each mutation, is found within CI's seeds."""
    if mutation.postgresql and server is None:
        pytest.skip("no PostgreSQL server is installed")
    with mutation.applied():
        assert _finding(mutation, server).violations


def test_a_failure_shrinks(server: Path | None) -> None:
    """What is left fails still, and with each of its faults taken away nothing is wrong."""
    (mutation,) = (each for each in OTHERS if each.name == "a silent worker's lease never ends")
    with mutation.applied():
        found = _finding(mutation, server)
        small = shrunk(found, server)
        assert small.violations
        assert 0 < len(small.scenario.faults) < len(found.scenario.faults)
        for number in range(len(small.scenario.faults)):
            assert not simulate(small.scenario.without(number), server).violations


def _finding(mutation: Mutation, server: Path | None) -> Report:
    """The first failure among CI's seeds; the seed that found it last is tried first."""
    seeds = dict.fromkeys([FOUND_BY.get(mutation.name, 0), *CI_SEEDS])
    for scenario in map(drawn, seeds):
        if scenario.postgresql or not mutation.postgresql:
            report = simulate(scenario, server)
            if report.violations:
                return report
    pytest.fail(f"not found in {len(CI_SEEDS)} seeds")
