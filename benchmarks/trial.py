"""Whole trials as the paper runs them (H1, 50 epochs of search, validation, retraining, validation), one a process.

    python -m benchmarks.trial [ROUNDS]

Each is a process of its own on one pinned core, from its start to the outcome: imports, loading the kernels (compiled
before, as on a worker's second start), search and retraining. Wall-clock time, processor time, the time until the
first step of a trial was taken, and the most memory the process ever held.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

CASES = (
    ("sequential", "good", "blur"),
    ("sequential", "all", "blur"),
    ("sequential", "all", "downsampling"),
    ("cell", "all", "blur"),
)

MEASURED = {
    "wall_s": "trial s",
    "cpu_s": "trial CPU s",
    "start_s": "start s",
    "start_cpu_s": "start CPU s",
    "memory_mb": "memory MB",
}

TARGET_S, TARGET_START_S, TARGET_MB = 10.0, 3.0, 700.0

_CHILD = """
import json, os, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import torch
torch.set_num_threads(1)
from spaces.hyperparameters import preset
from spaces.inverse_1d.trial import InverseTrial
from workers.trials.pipeline import run_trial
space, operations, data, seed, epochs = sys.argv[1:]
def trial(budget):
    spec = InverseTrial(preset("H1"), float(budget), int(seed), space=space, operations=operations, data=data)
    return run_trial(spec)
trial(1 / 19)
start_s = time.time() - float(os.environ["BEGAN"])
start_cpu_s = time.process_time()
outcome = trial(epochs)
try:
    import resource
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
except ImportError:
    memory_mb = float("nan")
print(json.dumps({
    "start_s": start_s, "start_cpu_s": start_cpu_s, "wall_s": outcome.search_s + outcome.retrain_s,
    "cpu_s": time.process_time() - start_cpu_s, "memory_mb": memory_mb, "kernel": outcome.kernel,
    "one_shot": outcome.one_shot_score, "architecture": outcome.architecture_score,
}))
"""


def main(arguments: list[str] | None = None) -> None:
    """Prints one line for each kind of trial."""
    given = sys.argv[1:] if arguments is None else arguments
    rounds = int(given[0]) if given else 3
    run("sequential", "all", "blur", 0, 1)  # compiles the kernels where that was not done yet
    print(f"targets: trial {TARGET_S:.0f} s, start {TARGET_START_S:.0f} s, memory {TARGET_MB:.0f} MB")
    print(f"{'median [least, most]':<35}" + "".join(f"{name:>20}" for name in MEASURED.values()))
    for case in CASES:
        found = [run(*case, seed, 50) for seed in range(rounds)]
        cells = [shown([one[name] for one in found]) for name in MEASURED]
        print(f"{case[0]:<11}{case[1]:<11}{case[2]:<13}" + "".join(f"{cell:>20}" for cell in cells), flush=True)


def run(space: str, operations: str, data: str, seed: int, epochs: float) -> dict[str, float]:
    """One trial in a process of its own."""
    import time

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "BEGAN": repr(time.time())}
    command = [sys.executable, "-c", _CHILD, space, operations, data, str(seed), str(epochs)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def shown(values: list[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):.1f} [{min(values):.1f}, {max(values):.1f}]"


if __name__ == "__main__":
    main()
