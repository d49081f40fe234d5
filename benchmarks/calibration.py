"""Which values of the open choices bring the paper's tables closest: grids of them against published medians.

    python -m benchmarks.calibration --vary tau=0.003,0.01,0.03 residual=true,false --trials 4 --file trials.jsonl
    python -m benchmarks.calibration --vary loss_scale=1,25 --tables table1 table3 --first 100 --rows

``--vary`` crosses all values it is given; what it does not name has its default. Trials of one number share their
seed, and random architectures, over all settings; ``--first`` begins at another number, to check a choice on
seeds it was not made on. With ``--file``, every trial is kept as a line of JSON and never computed twice.

Prints for each setting the root mean square and the mean absolute difference of our median architecture PSNR to the
published one over the rows, best first; with ``--rows``, each row's.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import random
import statistics
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from das_hpo.analysis.reproduction.paper import Cell, PublishedRow, published_rows
from spaces.hyperparameters import preset
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.registries import LEARNABLE_GRADIENT, NET
from spaces.inverse_1d.trial import InverseTrial
from spaces.seeds import derive_seed

UNIFORM = {"learnable-gradient-only": LEARNABLE_GRADIENT, "net-only": NET}

#: A diverged trial counts as this many dB: about what a network that answers 0 scores.
DIVERGED_DB = 0.0


@dataclass(frozen=True)
class Job:
    """One trial of one cell under one setting."""

    setting: str
    cell: Cell
    trial: int

    @property
    def key(self) -> tuple[str, str, int]:
        """By which a file knows the trial."""
        return self.setting, self.cell.name, self.trial


def spec(job: Job, budget: float) -> InverseTrial:
    """The trial of that number: equal numbers share seeds and random architectures."""
    cell = job.cell
    architecture: Architecture | None = None
    if cell.method in UNIFORM:
        architecture = Architecture.uniform(cell.space, UNIFORM[cell.method])
    elif cell.method == "random":
        draw = random.Random(derive_seed(0, "random architecture", job.trial))
        architecture = Architecture.random(cell.space, cell.operations, draw)
    return InverseTrial(
        preset(cell.preset),
        budget,
        derive_seed(0, "calibration", job.trial),
        space=cell.space,
        operations=cell.operations,
        data=cell.data,
        method=cell.method if cell.method.startswith("das") else "das",
        architecture=None if architecture is None else str(architecture),
        choices=Choices.from_mapping(json.loads(job.setting)),
    )


def evaluate(job: Job, budget: float) -> tuple[Job, dict[str, object]]:
    """Runs one trial on one thread."""
    import torch

    from workers.trials.pipeline import run_trial

    torch.set_num_threads(1)
    outcome = run_trial(spec(job, budget))
    return job, {
        "one_shot": outcome.one_shot_score,
        "architecture_psnr": outcome.architecture_score,
        "architecture": outcome.architecture,
    }


def rows_of(
    tables: Sequence[str], methods: Sequence[str], data: Sequence[str], operations: Sequence[str]
) -> list[PublishedRow]:
    """The published rows with trials of their own, each cell once."""
    rows = {row.cell: row for table in tables for row in published_rows(table) if row.cell.source == row.cell}
    wanted = [row for row in rows.values() if row.cell.data in data and row.cell.operations in operations]
    return [row for row in wanted if not methods or row.label in methods or row.cell.method in methods]


def settings_of(varied: Sequence[str]) -> list[str]:
    """The settings that ``NAME=VALUE,VALUE ...`` crosses, each as JSON of what differs from the defaults."""
    names = [text.partition("=")[0] for text in varied]
    values = [text.partition("=")[2].split(",") for text in varied]
    found = {}
    defaults = Choices().to_dict()
    for combination in itertools.product(*values):
        chosen = Choices.from_mapping(dict(zip(names, combination, strict=True))).to_dict()
        found[json.dumps({name: value for name, value in chosen.items() if value != defaults[name]})] = None
    return list(found)


def results(jobs: list[Job], budget: float, processes: int) -> Iterator[tuple[Job, dict[str, object]]]:
    """All outcomes, as they come."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(processes) as pool:
        for done in as_completed([pool.submit(evaluate, job, budget) for job in jobs]):
            yield done.result()


def main(arguments: list[str] | None = None) -> None:
    """Evaluates the settings and prints their deviations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vary", nargs="+", default=[], metavar="NAME=VALUE,...", help="choices to cross")
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    parser.add_argument("--budget", type=float, default=50)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--tables", nargs="+", default=["table1"])
    parser.add_argument("--methods", nargs="+", default=[], help="methods or presets (default: all)")
    parser.add_argument("--data", nargs="+", default=["blur", "downsampling"])
    parser.add_argument("--operations", nargs="+", default=["good", "all"])
    parser.add_argument("--file", type=Path, help="keeps every trial, a line of JSON each")
    parser.add_argument("--rows", action="store_true", help="every row of every setting")
    args = parser.parse_args(arguments)
    rows = rows_of(args.tables, args.methods, args.data, args.operations)
    settings = settings_of(args.vary)
    known: dict[tuple[str, str, int], float] = {}
    if args.file and args.file.exists():
        for line in args.file.read_text(encoding="utf-8").splitlines():
            kept = json.loads(line)
            if kept["budget"] == args.budget:
                known[kept["setting"], kept["cell"], kept["trial"]] = _score(kept)
    numbers = range(args.first, args.first + args.trials)
    jobs = [Job(setting, row.cell, trial) for trial in numbers for setting in settings for row in rows]
    for job, values in results([job for job in jobs if job.key not in known], args.budget, args.processes):
        known[job.key] = _score(values)
        if args.file:
            key = {"setting": job.setting, "cell": job.cell.name, "trial": job.trial, "budget": args.budget}
            with args.file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(key | values) + "\n")
    _print(settings, rows, numbers, known, args.rows)


def _score(values: dict[str, object]) -> float:
    psnr = values["architecture_psnr"]
    return psnr if isinstance(psnr, float) else DIVERGED_DB


def _print(
    settings: Sequence[str],
    rows: Sequence[PublishedRow],
    numbers: Sequence[int],
    known: dict[tuple[str, str, int], float],
    details: bool,
) -> None:
    out = []
    ranked = []
    for setting in settings:
        lines = []
        differences = []
        for row in rows:
            psnrs = [known[setting, row.cell.name, trial] for trial in numbers]
            maximum, mean, median = max(psnrs), statistics.fmean(psnrs), statistics.median(psnrs)
            differences.append(median - row.median)
            paper = f"{row.maximum:6.2f} {row.mean:6.2f} {row.median:6.2f}"
            ours = f"{maximum:6.2f} {mean:6.2f} {median:6.2f}"
            lines.append(f"  {row.cell.name:<56} {ours}   {paper}   {median - row.median:+6.2f}")
        rms = math.sqrt(statistics.fmean(difference**2 for difference in differences))
        ranked.append((rms, statistics.fmean(map(abs, differences)), setting))
        out += [f"{setting}: ours, paper's (max, mean, median), median's difference", *lines, ""] if details else []
    out += ["   rms  mean |.|   dB between our medians and the paper's", ""]
    out += [f"{rms:6.2f}    {absolute:6.2f}   {setting}" for rms, absolute, setting in sorted(ranked)]
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
