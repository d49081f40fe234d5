"""A worker process whose trials take no time, with the options of `das-hpo worker` that LocalWorkers gives it."""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from das_hpo import __version__
from das_hpo.launching.local import die_with_parent
from spaces.trial import TrialOutcome, TrialSpec
from tests.das_hpo.trials import outcome
from workers.transport.keys import KeyFile
from workers.worker.worker import Worker


def main() -> None:
    """Serves a nameserver until it is stopped."""
    die_with_parent()
    parser = argparse.ArgumentParser()
    parser.add_argument("--nameserver")
    parser.add_argument("--device")
    parser.add_argument("--insecure", action="store_true")
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--die-once", type=Path, help="the first worker that can make this file kills itself")
    args = parser.parse_args()

    def compute(specs: Sequence[TrialSpec]) -> list[TrialOutcome]:
        if args.die_once is not None and not args.die_once.exists():
            args.die_once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(args.seconds)
        return [outcome(spec) for spec in specs]

    keys = None if args.insecure else KeyFile()
    Worker(args.nameserver, keys, version=__version__, compute=compute).run()


if __name__ == "__main__":
    main()
