"""The deterministic simulation: all is well for CI's seeds, and whatever is wrong is found among them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.lab import simulate
from tests.simulation.mutations import DEFECTS, OTHERS, Mutation
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
        assert len(first.trace) > 20
        assert not first.violations


@pytest.mark.parametrize("mutation", [*DEFECTS, *OTHERS], ids=lambda mutation: mutation.name)
def test_what_is_wrong_is_found(mutation: Mutation, server: Path | None) -> None:
    """Each defect that was there, and each mutation, is found within CI's seeds, and the failure shrinks."""
    if mutation.postgresql and server is None:
        pytest.skip("no PostgreSQL server is installed")
    scenarios = [drawn(seed) for seed in CI_SEEDS]
    if mutation.postgresql:
        scenarios = [scenario for scenario in scenarios if scenario.postgresql]
    with mutation.applied():
        for scenario in scenarios:
            report = simulate(scenario, server)
            if report.violations:
                break
        else:
            pytest.fail(f"not found in {len(scenarios)} seeds")
        assert len(shrunk(report, server).scenario.faults) <= len(scenario.faults)
