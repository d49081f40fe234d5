"""``das-hpo worker``: computes evaluations for the runs of a nameserver."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from das_hpo import __version__, logs
from das_hpo.commands.command import Command, add_duration
from das_hpo.commands.connecting import (
    GPU_CAPACITY,
    add_computing,
    add_nameserver,
    add_security,
    add_waiting,
    host_of,
    required_nameserver,
    set_up_security,
)
from das_hpo.logs import FOLDER as LOGS


def add_ends(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Adds when a worker ends, and where it logs."""
    add_duration(parser, "idle-timeout", help="end after so long without work, as in 10m (default: never)")
    add_duration(
        parser,
        "max-time",
        help="end within so long, as in 4h, and begin nothing that would take longer than what is left, by the "
        "durations seen (default: no limit)",
    )
    add_duration(
        parser,
        "grace",
        default=0.0,
        help="on SIGTERM finish what ends within so long, by the durations seen, and hand back the rest "
        "(default: 0s, all of it is handed back at once)",
    )
    parser.add_argument(
        "--log-dir",
        metavar="FOLDER",
        help=f"log into the file NAME.log of that folder, too, where NAME is the worker's as in das-hpo results "
        f"(default: the environment's {LOGS}, else stderr alone)",
    )


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_nameserver(parser, "where to ask for runs", "it is required")
    add_computing(parser)
    parser.add_argument(
        "--task",
        dest="tasks",
        action="append",
        metavar="TASK",
        help="a task that it may run, as das-hpo run --task takes it; may be repeated; runs of other tasks are left to "
        "other workers (default: the environment's DAS_HPO_TASKS, comma-separated, else inverse-1d)",
    )
    parser.add_argument("--run", metavar="RUN", help="serve this run alone (default: all runs, in turns)")
    add_ends(parser)
    add_waiting(parser)
    add_security(parser)


def execute(args: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    from das_hpo.launching import local

    if local.PARENT in os.environ:
        # A run's own worker: its terminal shows the run's progress, not each of its workers' starts and ends.
        logs.start(verbose=args.verbose, least=logging.WARNING)
    local.die_with_parent()
    from spaces.task_registry import DEFAULT_TASK, doors_of_environment, load_task
    from workers.inverse_1d import with_kernel
    from workers.worker.device_slots import DeviceSlot
    from workers.worker.devices import AUTO, CPU, CUDA, check_device, check_kernel, local_devices
    from workers.worker.worker import Worker, WorkerSettings

    tasks = [
        with_kernel(load_task(door), args.kernel) for door in args.tasks or doors_of_environment() or [DEFAULT_TASK]
    ]
    nameserver = required_nameserver(args)
    key_file = set_up_security(args, host_of(nameserver, insecure=args.insecure))
    spread = args.device in (AUTO, CUDA)
    devices = list(dict.fromkeys(local_devices(args.device))) if spread else [check_device(args.device)]
    check_kernel(args.kernel, devices)
    with DeviceSlot(devices) as place:
        worker = Worker(
            nameserver,
            key_file,
            WorkerSettings(
                device=place.device,
                capacity=args.capacity or (1 if place.device == CPU else GPU_CAPACITY),
                run=args.run,
                idle_timeout_s=args.idle_timeout,
                wait_s=args.wait,
                max_time_s=args.max_time,
                grace_s=args.grace,
            ),
            version=__version__,
            tasks=tasks,
        )
        folder = args.log_dir or os.environ.get(LOGS)
        if folder:
            logs.write_to(Path(folder), worker.name)
        worker.run()
    return 0


COMMAND = Command(
    summary="compute for the runs of a nameserver",
    description="Asks the nameserver for runs and computes their evaluations, of one run after the other. Says on "
    "stderr when it is ready, and serves until Ctrl-C or SIGTERM, on which it hands back what it computes (SIGUSR1: it "
    "finishes that first, and takes nothing new). It opens no port. Start one per GPU, or one per CPU core: those of "
    "one machine spread over its GPUs by themselves.",
    examples=(
        "das-hpo worker --nameserver 127.0.0.1:9090",
        "das-hpo worker --nameserver host:9090 --device cuda:1",
        "das-hpo worker --nameserver file:/shared/nameserver --wait 10m --max-time 4h --log-dir /shared/logs",
    ),
    configure=configure,
    execute=execute,
)
