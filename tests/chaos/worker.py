"""A worker of the chaos test: the real one, on which a seeded share of the evaluations raises."""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from pathlib import Path

from das_hpo import __version__, logs
from spaces.trial import TrialOutcome, TrialSpec
from tests.das_hpo.trials import outcome
from workers.transport.keys import KeyFile
from workers.worker.computation import Compute
from workers.worker.worker import Worker, WorkerSettings

ONCE = "once"
ALWAYS = "always"

#: The file, beside those of what has raised, that says that the monkey has gone.
CALM = "calm"

#: Of all evaluations, these shares raise at the first attempt, and at every attempt.
SHARES = {ALWAYS: 0.06, ONCE: 0.12}


def fault(seed: int) -> str | None:
    """How the evaluation with that seed raises; None if it does not."""
    drawn = random.Random(seed).random()
    for kind, share in SHARES.items():
        if drawn < share:
            return kind
        drawn -= share
    return None


def with_faults(compute: Compute, raised: Path) -> Compute:
    """The same computation, but for what :func:`fault` says.

    Args:
        compute: The computation.
        raised: A folder with a file for each evaluation that has raised: other workers and later ones look there.
    """

    def faulty(specs: Sequence[TrialSpec]) -> Sequence[TrialOutcome]:
        for spec in specs:
            kind, mark = fault(spec.seed), raised / str(spec.seed)
            if kind == ALWAYS or (kind == ONCE and not mark.exists()):
                mark.touch()
                raise RuntimeError(f"the chaos test lets this evaluation raise {kind}: magic \0, path caf\udce9")
        return compute(specs)

    return faulty


def trivial(calm: Path) -> Compute:
    """A computation that takes a moment, until that file is there, and computes next to nothing."""

    def compute(specs: Sequence[TrialSpec]) -> list[TrialOutcome]:
        time.sleep(0.0 if calm.exists() else 0.3)
        return [outcome(spec) for spec in specs]

    return compute


def real(specs: Sequence[TrialSpec]) -> Sequence[TrialOutcome]:
    """Searches and retrains."""
    from workers.trials.pipeline import run_trials

    return run_trials(list(specs), device="cpu", kernel="auto")


def main() -> None:
    """Serves a nameserver until it is stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--nameserver", required=True)
    parser.add_argument("--raised", type=Path, required=True)
    parser.add_argument("--trivial", action="store_true")
    args = parser.parse_args()
    logs.start()
    if not args.trivial:
        from workers.kernels import prepare

        prepare("cpu", "auto")
    args.raised.mkdir(exist_ok=True)
    compute = with_faults(trivial(args.raised / CALM) if args.trivial else real, args.raised)
    Worker(args.nameserver, KeyFile(), WorkerSettings(wait_s=600.0), version=__version__, compute=compute).run()


if __name__ == "__main__":
    main()
