# ruff: noqa: T201
"""``make simulate``: many seeds, each a run with its own faults; a failure prints its seed, and shrinks.

python -m tests.simulation                        SEEDS seeds (300), from FIRST (0)
python -m tests.simulation --seed 17              that seed, with its trace
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.lab import simulate
from tests.simulation.scenario import Scenario, drawn
from tests.simulation.seeds import CI_SEEDS, servers, simulate_range


def main() -> int:
    """Runs the seeds that were asked for on all cores; 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=int(os.environ.get("SEEDS", str(len(CI_SEEDS)))))
    parser.add_argument("--first", type=int, default=int(os.environ.get("FIRST", "0")))
    parser.add_argument("--seed", type=int, help="this one alone, with its trace")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
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
