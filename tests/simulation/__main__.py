# ruff: noqa: T201
"""``make simulate``: many seeds, each a run with its own faults; a failure prints its seed, and shrinks.

python -m tests.simulation                        SEEDS seeds (300), from FIRST (0)
python -m tests.simulation --seed 17              that seed, with its trace
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.postgresql import empty_database, running_server
from tests.simulation.lab import Report, simulate
from tests.simulation.scenario import Scenario, drawn


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
    from storage.engine import open_database

    if not needed:
        yield None
        return
    try:
        with running_server("-c", "max_connections=50") as directory, empty_database(directory, "simulation") as url:
            open_database(url, create=True).close()
            yield directory
    except BaseException as error:
        if type(error).__name__ != "Skipped":
            raise
        print(f"without PostgreSQL: {error}", file=sys.stderr)
        yield None


def simulate_range(first: int, seeds: int, seconds: float | None = None) -> tuple[list[str], Counter[str], float, int]:
    """Simulates seeds one after the other; returns failures, faults, virtual seconds and how many there were."""
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


def main() -> int:
    """Runs the seeds that were asked for on all cores; 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=int(os.environ.get("SEEDS", "300")))
    parser.add_argument("--first", type=int, default=int(os.environ.get("FIRST", "0")))
    parser.add_argument("--seed", type=int, help="this one alone, with its trace")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())
    if args.seed is not None:
        return _one(drawn(args.seed))
    begun = time.monotonic()
    failures: list[str] = []
    faults: Counter[str] = Counter()
    virtual_s, done = 0.0, 0
    step = max(1, min(250, -(-args.seeds // args.processes)))
    parts = [(at, min(step, args.first + args.seeds - at)) for at in range(args.first, args.first + args.seeds, step)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.processes, context) as pool:
        for number, part in enumerate(pool.map(simulate_range, *zip(*parts, strict=True))):
            found, struck, seconds, count = part
            failures += found
            faults += struck
            virtual_s += seconds
            done += count
            if sys.stderr.isatty():
                print(f"\r{number + 1} of {len(parts)} parts", end="", file=sys.stderr)
    for failure in failures:
        print(failure)
    print(
        f"{done} seeds, {virtual_s / 3600:.0f} virtual hours, {sum(faults.values())} faults in "
        f"{time.monotonic() - begun:.0f} s: {len(failures)} failed"
    )
    for kind, count in sorted(faults.items()):
        print(f"  {kind}: {count}")
    return 1 if failures else 0


def _one(scenario: Scenario) -> int:
    with servers(scenario.postgresql) as server:
        report = simulate(scenario, server, trace=True)
    print(scenario)
    print("\n".join(report.trace))
    print("; ".join(report.violations) or "nothing is wrong")
    if report.cause is not None:
        import traceback

        traceback.print_exception(report.cause)
    return 1 if report.violations else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    sys.exit(main())
