"""Two checkouts side by side: steps, whole trials and the service of an older commit and of a newer one.

    git worktree add ../before COMMIT
    python -m benchmarks.ab BEFORE AFTER [ROUNDS]

Both are measured in turns, in processes of their own, by this Python, which needs what both depend on. A round takes
about a minute. One line for each measure: the median [least, most] of both checkouts, and the speed of the newer one as
a multiple of that of the older one. On a busy machine a ratio of medians says little: compare least and most, too.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

#: What is measured, and whether more is better. Every checkout measures by its own benchmarks.
MEASURES = {
    "DAS step, sequential, ms": False,
    "retraining step, sequential, ms": False,
    "DAS step, cell, ms": False,
    "retraining step, cell, ms": False,
    "trial, CPU s": False,
    "start of a worker, CPU s": False,
    "service, evaluations/s": True,
}

_CHILD = """
import json, pathlib, statistics, sys, tempfile, time
what = sys.argv[1]
found = {}
if what == "steps":
    import torch
    from benchmarks.steps import steps
    torch.set_num_threads(1)
    for space in ("sequential", "cell"):
        for kind, _, fused, _ in steps(space, 16):
            times = []
            for _ in range(6):
                begin = time.process_time()
                count = fused()
                times.append((time.process_time() - begin) / count * 1e3)
            found[f"{kind} step, {space}, ms"] = statistics.median(times[1:])
elif what == "trial":
    from benchmarks.trial import run
    one = run("sequential", "all", "blur", 0, 50)
    found = {"trial, CPU s": one["cpu_s"], "start of a worker, CPU s": one["start_cpu_s"]}
else:
    from benchmarks.service import throughput
    with tempfile.TemporaryDirectory() as folder:
        found["service, evaluations/s"] = throughput(2000, 4, pathlib.Path(folder))
print(json.dumps(found))
"""


def main(arguments: list[str] | None = None) -> None:
    """Prints the table."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) not in (2, 3):
        sys.exit(__doc__)
    folders, rounds = [Path(name).resolve() for name in given[:2]], int(given[2]) if given[2:] else 5
    found: list[dict[str, list[float]]] = [{name: [] for name in MEASURES} for _ in folders]
    for number in range(rounds + 1):  # the first compiles the kernels, and does not count
        for folder, values in zip(folders, found, strict=True):
            for what in ("steps", "trial", "service"):
                for name, value in measured(folder, what).items():
                    if number:
                        values[name].append(value)
    print(f"{'median [least, most]':<34}{'before':>26}{'after':>26}{'speed':>8}")
    for name, more_is_better in MEASURES.items():
        before, after = (statistics.median(values[name]) for values in found)
        speed = after / before if more_is_better else before / after
        cells = "".join(f"{shown(values[name]):>26}" for values in found)
        print(f"{name:<34}{cells}{speed:>7.2f}x", flush=True)


def measured(folder: Path, what: str) -> dict[str, float]:
    """What one child measures in a checkout."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", _CHILD, what]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def shown(values: list[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):.3g} [{min(values):.3g}, {max(values):.3g}]"


if __name__ == "__main__":
    main()
