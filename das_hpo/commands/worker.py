"""``das-hpo worker``: computes evaluations for the runs of a nameserver."""

from __future__ import annotations

import argparse
import logging
import os

from das_hpo import __version__, logs
from das_hpo.commands.command import Command, add_duration
from das_hpo.commands.connecting import GPU_CAPACITY, add_computing, add_security, add_waiting, set_up_security


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--nameserver", metavar="HOST:PORT", required=True, help="where to ask for runs")
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
    add_duration(parser, "idle-timeout", help="end after so long without work, as in 10m (default: never)")
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
    from workers.transport.wire import parse_address
    from workers.worker.device_slots import DeviceSlot
    from workers.worker.devices import AUTO, CPU, CUDA, check_device, check_kernel, local_devices
    from workers.worker.worker import Worker, WorkerSettings

    tasks = [
        with_kernel(load_task(door), args.kernel) for door in args.tasks or doors_of_environment() or [DEFAULT_TASK]
    ]
    key_file = set_up_security(args, parse_address(args.nameserver)[0])
    spread = args.device in (AUTO, CUDA)
    devices = list(dict.fromkeys(local_devices(args.device))) if spread else [check_device(args.device)]
    check_kernel(args.kernel, devices)
    with DeviceSlot(devices) as place:
        worker = Worker(
            args.nameserver,
            key_file,
            WorkerSettings(
                device=place.device,
                capacity=args.capacity or (1 if place.device == CPU else GPU_CAPACITY),
                run=args.run,
                idle_timeout_s=args.idle_timeout,
                wait_s=args.wait,
            ),
            version=__version__,
            tasks=tasks,
        )
        worker.run()
    return 0


COMMAND = Command(
    summary="compute for the runs of a nameserver",
    description="Asks the nameserver for runs and computes their evaluations, of one run after the other. Says on "
    "stderr when it is ready, and serves until Ctrl-C or SIGTERM, on which it hands back what it computes. It opens no "
    "port. Start one per GPU, or one per CPU core: those of one machine spread over its GPUs by themselves.",
    examples=("das-hpo worker --nameserver 127.0.0.1:9090", "das-hpo worker --nameserver host:9090 --device cuda:1"),
    configure=configure,
    execute=execute,
)
