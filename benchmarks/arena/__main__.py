"""Which optimiser should be taken: all of them at equal cost, on real DAS runs and on benchmarks that others wrote.

    python -m benchmarks.arena                      what docs/results/arena lacks, then the report
    python -m benchmarks.arena --report             the report alone
    python -m benchmarks.arena --quick              two problems of each suite, in a minute or two, nothing kept
    python -m benchmarks.arena --suite das --problem one-shot-good-blur-600 --seeds 20

Everything runs in this process, one evaluation after the other; results are kept after each problem and seed, and
what is there is never computed again. Equal cost: a run ends when its budget is spent, and what halving spends on small
budgets counts. An incumbent is never judged by the loss that chose it: real DAS runs by fresh trials, benchmarks by the
function without noise, or by many further evaluations.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.arena.contests import OPTIMIZERS, ArenaProblem, Budgets
from benchmarks.arena.report import write
from benchmarks.arena.results import ResultFile
from benchmarks.arena.runs import SUITES, problems_of, run_all, tell
from das_hpo.optimizer_registry import check_optimizer
from spaces.errors import UnknownNameError, UsageError

FOLDER = Path(__file__).parents[2] / "docs" / "results" / "arena"

#: Runs of each optimiser on each problem. Of real runs the runs are the sample, of benchmarks the problems.
SEEDS = {"das": 10, "mixint": 5, "noisy": 5, "tables": 5}


def shortened(problem: Any) -> Any:
    """The same with few evaluations, and of real DAS runs short ones."""
    budgets = problem.budgets
    if problem.suite == "das":
        return replace(problem, budgets=Budgets(1.0, 3.0, 18.0, (18.0,)))
    limit = 12 * budgets.most
    return replace(problem, budgets=Budgets(budgets.least, budgets.most, limit, (limit,)))


def chosen(options: argparse.Namespace, folder: Path) -> dict[str, Sequence[ArenaProblem]]:
    """The problems that are asked for, by suite.

    Raises:
        UnknownNameError: For a problem that none of the suites has.
    """
    found: dict[str, Sequence[ArenaProblem]] = {s: problems_of(s, folder) for s in options.suite or SUITES}
    names = [problem.name for problems in found.values() for problem in problems]
    for name in options.problem or ():
        if name not in names:
            raise UnknownNameError("problem", name, names)
    if options.problem:
        found = {suite: [each for each in own if each.name in options.problem] for suite, own in found.items()}
    if options.quick:
        found = {suite: [shortened(problem) for problem in own[:2]] for suite, own in found.items()}
    return found


def play(options: argparse.Namespace, optimizers: Sequence[str], folder: Path) -> None:
    """Runs what the folder lacks of the problems that are asked for."""
    results = ResultFile(folder / "runs.csv.gz")
    for suite, problems in chosen(options, folder).items():
        count = options.seeds or (2 if options.quick else SEEDS[suite])
        run_all(problems, optimizers, range(count), results, tell)


def main(arguments: list[str] | None = None) -> int:
    """Runs and reports."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.arena", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suite", choices=SUITES, action="append", help="these suites alone (default: all)")
    parser.add_argument("--problem", metavar="NAME", action="append", help="these problems alone (default: all)")
    parser.add_argument(
        "--optimizer", metavar="NAME", action="append", help=f"these alone (default: {', '.join(OPTIMIZERS)})"
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="runs of each optimiser (default: das 10, others 5)")
    parser.add_argument("--folder", type=Path, help="where results are kept (default: docs/results/arena)")
    parser.add_argument("--quick", action="store_true", help="a few short runs; kept only with --folder")
    parser.add_argument("--report", action="store_true", help="run nothing, report what is there")
    options = parser.parse_args(arguments)
    if options.seeds is not None and options.seeds < 1:
        parser.error(f"--seeds is 1 or more, got {options.seeds}")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    optimizers = options.optimizer or OPTIMIZERS
    with tempfile.TemporaryDirectory() as nowhere:
        folder = options.folder or (Path(nowhere) if options.quick else FOLDER)
        try:
            for name in optimizers:
                check_optimizer(name)
            folder.mkdir(parents=True, exist_ok=True)
            if not options.report:
                play(options, optimizers, folder)
        except UsageError as error:
            parser.error(str(error))
        frame = ResultFile(folder / "runs.csv.gz").frame
        if frame.empty:
            parser.error(f"there are no results in {folder}: leave --report out")
        sys.stdout.write(write(frame, folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
