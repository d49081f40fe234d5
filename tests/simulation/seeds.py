"""Simulating many seeds, and making a failure small enough to be read."""

from __future__ import annotations

import logging
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from storage.engine import open_database
from tests.postgresql import empty_database, running_server
from tests.simulation.lab import Report, simulate
from tests.simulation.scenario import drawn

#: The seeds that CI simulates, within which every mutation has to be found.
CI_SEEDS = range(300)

log = logging.getLogger(__name__)


def shrunk(report: Report, server: Path | None) -> Report:
    """The same failure with as few faults as can be."""
    smallest = report
    number = 0
    while number < len(smallest.scenario.faults):
        tried = simulate(smallest.scenario.without(number), server)
        if tried.violations:
            smallest = tried
        else:
            number += 1
    return smallest


def explain(report: Report, server: Path | None) -> str:
    """A failure: its seed, what is left of its faults, and the end of its trace."""
    small = shrunk(report, server)
    traced = simulate(small.scenario, server, trace=True)
    end = "\n".join(traced.trace[-60:])
    return (
        f"seed {report.scenario.seed}: {'; '.join(report.violations)}\n\nshrunk to: {'; '.join(small.violations)}\n"
        f"{small.scenario}\n\nthe end of its trace (all of it: python -m tests.simulation --seed "
        f"{report.scenario.seed}):\n{end}\n"
    )


@contextmanager
def servers(needed: bool) -> Iterator[Path | None]:
    """A PostgreSQL server with a database for simulations, where there is one."""
    if not needed:
        yield None
        return
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(running_server("-c", "max_connections=50"))
        except pytest.skip.Exception as why:
            log.warning("without PostgreSQL: %s", why)
            yield None
            return
        open_database(stack.enter_context(empty_database(directory, "simulation")), create=True).close()
        yield directory


def simulate_range(first: int, seeds: int, seconds: float | None = None) -> tuple[list[str], Counter[str], float, int]:
    """Simulates seeds one after the other; returns failures, faults, virtual seconds and how many there were."""
    warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())
    failures: list[str] = []
    faults: Counter[str] = Counter()
    virtual_s = 0.0
    done = 0
    begun = time.monotonic()
    scenarios = [drawn(seed) for seed in range(first, first + seeds)]
    with servers(any(scenario.postgresql for scenario in scenarios)) as server:
        for scenario in scenarios:
            report = simulate(scenario, server)
            virtual_s += report.virtual_s
            faults += report.faults
            done += 1
            if report.violations:
                failures.append(explain(report, server))
            if seconds is not None and time.monotonic() - begun > seconds:
                break
    return failures, faults, virtual_s, done
