"""Which values of the open choices bring the paper's tables closest: a grid of them against published medians.

    python -m benchmarks.calibration --trials 8 --tables table1 table2
    python -m benchmarks.calibration --set tau=0.03 --set residual=false        (one setting of your own)

Prints, for each setting of the grid, the median architecture PSNR of every cell beside the published one, and
the root mean square of the differences. Trials of one number share their seed over all settings.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from das_hpo.reproduction.paper import Cell, PublishedRow, published_rows
from spaces.architecture import LEARNABLE_GRADIENT, NET, Architecture
from spaces.choices import Choices
from spaces.hyperparameters import preset
from spaces.seeds import derive_seed
from spaces.trial import TrialOutcome, TrialSpec

#: Settings by name: what differs from the defaults.
GRID: dict[str, dict[str, str]] = {
    "defaults": {},
    "tau=0.03": {"tau": "0.03"},
    "tau=0.01": {"tau": "0.01"},
    "tau=0.3": {"tau": "0.3"},
    "no residual": {"residual": "false"},
    "roll in the signal only": {"roll_batch": "false"},
    "C=64": {"channels": "64"},
    "C=8": {"channels": "8"},
    "loss 1.0": {"loss_scale": "1.0"},
    "loss summed over the signal": {"loss_scale": "25"},
    "step scheduler": {"scheduler": "step"},
    "gradual warm-up": {"warm_up": "gradual"},
    "step, gradual": {"scheduler": "step", "warm_up": "gradual"},
}

UNIFORM = {"learnable-gradient-only": LEARNABLE_GRADIENT, "net-only": NET}


@dataclass(frozen=True)
class Job:
    """One trial of one cell under one setting."""

    setting: str
    cell: Cell
    spec: TrialSpec


def spec(cell: Cell, choices: Choices, trial: int, budget: float) -> TrialSpec:
    """The trial of that number: equal numbers share seeds and random architectures."""
    architecture: Architecture | None = None
    if cell.method in UNIFORM:
        architecture = Architecture.uniform(cell.space, UNIFORM[cell.method])
    elif cell.method == "random":
        draw = random.Random(derive_seed(0, "random architecture", trial))
        architecture = Architecture.random(cell.space, cell.operations, draw)
    return TrialSpec(
        preset(cell.preset),
        budget,
        derive_seed(0, "calibration", trial),
        space=cell.space,
        operations=cell.operations,
        data=cell.data,
        method=cell.method if cell.method.startswith("das") else "das",
        architecture=None if architecture is None else str(architecture),
        choices=choices,
    )


def evaluate(job: Job) -> tuple[Job, TrialOutcome]:
    """Runs one trial on one thread."""
    import torch

    from workers.pipeline import run_trial

    torch.set_num_threads(1)
    return job, run_trial(job.spec)


def rows_of(tables: list[str], data: list[str], operations: list[str], methods: list[str]) -> list[PublishedRow]:
    """The published rows with trials of their own, each cell once."""
    rows = {row.cell: row for table in tables for row in published_rows(table) if row.cell.source == row.cell}
    wanted = [r for r in rows.values() if r.cell.data in data and r.cell.operations in operations]
    return [row for row in wanted if not methods or row.label in methods or row.cell.method in methods]


def results(jobs: list[Job], processes: int) -> Iterator[tuple[Job, TrialOutcome]]:
    """All outcomes, as they come."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(evaluate, jobs)


def main(arguments: list[str] | None = None) -> None:
    """Evaluates the grid and prints a table a setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--budget", type=float, default=50)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--tables", nargs="+", default=["table1"])
    parser.add_argument("--data", nargs="+", default=["blur", "downsampling"])
    parser.add_argument("--operations", nargs="+", default=["good", "all"])
    parser.add_argument("--methods", nargs="+", default=[], help="methods or presets (default: all)")
    parser.add_argument("--settings", nargs="+", help=f"of the grid: {', '.join(GRID)}")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one setting beside the grid")
    parser.add_argument("--json", metavar="FILE", help="every trial, a line each")
    args = parser.parse_args(arguments)
    grid = {name: GRID[name] for name in args.settings} if args.settings else ({} if args.set else GRID)
    if args.set:
        grid = {**grid, " ".join(args.set): dict(text.split("=", 1) for text in args.set)}
    rows = rows_of(args.tables, args.data, args.operations, args.methods)
    jobs = [
        Job(name, row.cell, spec(row.cell, Choices.from_mapping(values), trial, args.budget))
        for name, values in grid.items()
        for row in rows
        for trial in range(args.trials)
    ]
    found: dict[tuple[str, Cell], list[float]] = {}
    lines = open(args.json, "a", encoding="utf-8") if args.json else None  # noqa: SIM115
    for job, outcome in results(jobs, args.processes):
        psnrs = found.setdefault((job.setting, job.cell), [])
        psnrs.append(-math.inf if outcome.architecture_psnr is None else outcome.architecture_psnr)
        if lines:
            values = {"setting": job.setting, "cell": job.cell.name, "one_shot": outcome.one_shot_psnr}
            values |= {"architecture_psnr": outcome.architecture_psnr, "architecture": outcome.architecture}
            lines.write(json.dumps(values) + "\n")
            lines.flush()
        if len(psnrs) == args.trials and job.cell == rows[-1].cell:
            _print(job.setting, rows, found)
    if lines:
        lines.close()


def _print(setting: str, rows: list[PublishedRow], found: dict[tuple[str, Cell], list[float]]) -> None:
    out = [f"\n{setting}", f"{'cell':<56} {'max':>6} {'mean':>6} {'median':>6}   paper's, median's difference"]
    differences = []
    for row in rows:
        psnrs = found[setting, row.cell]
        maximum, mean, median = max(psnrs), statistics.fmean(psnrs), statistics.median(psnrs)
        differences.append(median - row.median)
        ours = f"{maximum:6.2f} {mean:6.2f} {median:6.2f}"
        paper = f"{row.maximum:6.2f} {row.mean:6.2f} {row.median:6.2f}"
        out.append(f"{row.cell.name:<56} {ours}   {paper} {median - row.median:+6.2f}")
    rms = math.sqrt(statistics.fmean(difference**2 for difference in differences))
    out.append(f"root mean square of {len(differences)} differences: {rms:.2f} dB")
    sys.stdout.write("\n".join(out) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
