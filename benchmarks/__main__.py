"""``python -m benchmarks [NAME ...]``: the benchmarks one after the other, each in a process of its own.

Without names those of ``make bench``, which take minutes. The others take hours, or ask for options.
"""

from __future__ import annotations

import subprocess
import sys

#: What each measures; those of ``make bench`` first.
QUICK = {
    "steps": "a DAS step and a retraining step against a plain eager supernet",
    "methods": "a step of every method of DAS, relative to DARTS",
    "trial": "whole trials as the paper runs them, a worker's start and its memory",
    "sampler": "proposals and fits of the model against stock hpbandster",
    "service": "evaluations per second through nameserver, dispatcher and database",
}
SLOW = {
    "million": "queries on a database of 1,000,000 evaluations",
    "ab": "steps, trials and service of two checkouts in turns, in one table",
    "calibration": "the open choices against the paper's tables",
    "arena": "which optimiser should be taken, on real DAS runs and on others' benchmarks",
    "coverage": "how often intervals hold the truth, and how often verdicts are wrong",
}


def main(names: list[str]) -> int:
    """Runs the benchmarks of those names; returns 1 if one of them failed."""
    unknown = [name for name in names if name not in QUICK | SLOW]
    if unknown:
        valid = "\n".join(f"  {name:12} {what}" for name, what in (QUICK | SLOW).items())
        sys.stderr.write(f"no benchmark {', '.join(unknown)}; there are\n{valid}\n")
        return 2
    failed = 0
    for name in names or QUICK:
        sys.stdout.write(f"# {name}: {(QUICK | SLOW)[name]}\n")
        sys.stdout.flush()
        failed |= subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
