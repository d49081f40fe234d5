"""``das-hpo workers``: has an engine start workers, shows them, and stops them."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from das_hpo.commands.command import Command, add_format, positive, print_table, say
from das_hpo.commands.connecting import (
    add_computing,
    add_nameserver,
    add_security,
    host_of,
    required_nameserver,
    set_up_security,
    stop_on_signals,
)
from das_hpo.commands.placing import add_placement, placement
from das_hpo.output import Table
from spaces.errors import InvalidValueError
from spaces.plugins import named

if TYPE_CHECKING:
    from workers.transport.keys import KeyFile

COLUMNS = ("engine", "group", "alive", "pending")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--count", type=positive, metavar="N", help="start so many (default: show those there are)")
    action.add_argument("--stop", action="store_true", help="end those of the group: they hand back what they compute")
    add_placement(parser)
    add_nameserver(parser, "whose runs the workers serve", "it is required to start workers")
    add_computing(parser)
    parser.add_argument(
        "--task",
        dest="tasks",
        action="append",
        metavar="TASK",
        help="a task that the workers may run, as das-hpo worker takes it; may be repeated (default: as there)",
    )
    parser.add_argument(
        "--worker-option",
        action="append",
        metavar="OPTION",
        help="a further option of das-hpo worker, as in --worker-option=--run=first; may be repeated (default: none)",
    )
    add_security(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    """Starts, shows or stops workers."""
    place = placement(args)
    options: list[str] = []
    keys: KeyFile | None = None
    if args.count is not None:
        nameserver = required_nameserver(args)
        keys = set_up_security(args, host_of(nameserver, insecure=args.insecure))
        options = ["--nameserver", nameserver, *_computing(args), *_security(args), *(args.worker_option or ())]
    if place is None:
        return _local(args, options, keys)
    from das_hpo.launching.engines import engine_of

    options += ["--device", args.device, "--log-dir", str(place.folder.absolute())]
    engine = engine_of(place, options, keys, lasting=True)
    if args.count is not None:
        engine.start(args.count)
        return 0
    if args.stop:
        engine.stop()
        say(f"the workers of {place.group} have ended")
        return 0
    row = {"engine": place.engine, "group": place.group, "alive": engine.alive(), "pending": engine.pending()}
    print_table(Table.of([row], COLUMNS), args)
    return 0


def _local(args: argparse.Namespace, options: list[str], keys: KeyFile | None) -> int:
    """Processes of this machine, until this command is ended."""
    if args.count is None:
        raise InvalidValueError(
            "workers of --engine local end with the command that started them: give --count to start some"
        )
    from das_hpo.launching.local import LocalWorkers
    from workers.worker.devices import local_devices

    plan = local_devices(args.device, args.count)
    nameserver, rest = options[1], [word for word in options[2:] if word != "--insecure"]
    local = LocalWorkers(nameserver, plan, keys=keys, options=rest)
    with stop_on_signals() as stop:
        local.start(args.count)
        say(f"{args.count} workers serve the nameserver at {nameserver} until Ctrl-C or SIGTERM")
        try:
            while not stop.wait(1.0) and not local.given_up:
                pass
        finally:
            local.stop()
    return 1 if local.given_up else 0


def _computing(args: argparse.Namespace) -> list[str]:
    """The options of a worker that say what it computes with."""
    options = ["--kernel", args.kernel] if args.kernel != "auto" else []
    if args.capacity is not None:
        options += ["--capacity", str(args.capacity)]
    options += [word for plugin in named(args.plugins) for word in ("--plugin", plugin)]
    return options + [word for task in args.tasks or () for word in ("--task", task)]


def _security(args: argparse.Namespace) -> list[str]:
    """The options of a worker that say how it speaks to the others."""
    options = ["--insecure"] if args.insecure else []
    for name in ("tls_cert", "tls_key", "tls_ca"):
        path = getattr(args, name)
        if path is not None:
            options += [f"--{name.replace('_', '-')}", os.path.abspath(path)]
    return options


COMMAND = Command(
    summary="have Slurm or Ray start workers; show and stop them",
    description="Starts workers of a nameserver by an engine that exists, which places, supervises and restarts them: "
    "Slurm (a job array, queued again after preemption and at its time limit) or Ray (actors). They serve whichever "
    "runs there are, until --stop. Without --count and --stop it says how many there are. The engine carries no data: "
    "das-hpo and the key file have to be at the same path on every machine.",
    examples=(
        "das-hpo workers --engine slurm --count 64 --gpus-per-worker 0.25 --walltime 4h --nameserver head:9090",
        "das-hpo workers --engine slurm",
        "das-hpo workers --engine slurm --stop",
        "das-hpo workers --engine ray --count 8 --gpus-per-worker 0.5 --nameserver head:9090",
    ),
    configure=configure,
    execute=execute,
)
