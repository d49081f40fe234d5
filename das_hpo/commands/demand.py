"""``das-hpo demand``: how much there is to compute, for autoscalers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from das_hpo.commands.command import Command, add_format, print_table, say
from das_hpo.commands.connecting import (
    add_nameserver,
    add_security,
    add_waiting,
    host_of,
    required_nameserver,
    set_up_security,
    stop_on_signals,
)
from das_hpo.output import Table, as_json

if TYPE_CHECKING:
    from das_hpo.launching.demand import Demand

COLUMNS = ("run", "waiting", "running", "workers")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_nameserver(parser, "whose runs are asked", "it is required")
    parser.add_argument(
        "--check",
        action="store_true",
        help="for scripts: exit with 1 if no evaluation waits and none is computed, too",
    )
    parser.add_argument(
        "--serve",
        metavar="HOST:PORT",
        help="answer over HTTP instead, until Ctrl-C or SIGTERM: JSON at /demand, Prometheus' text at /metrics. It "
        "tells numbers and names of runs to everybody who can reach it (default: print once)",
    )
    add_waiting(parser)
    add_security(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    """Prints the demand, or serves it."""
    nameserver = required_nameserver(args)
    key_file = set_up_security(args, host_of(nameserver, insecure=args.insecure))
    from das_hpo.launching.demand import demand_at

    if args.serve is not None:
        return _serve(args.serve, partial(demand_at, nameserver, key_file))
    demand = demand_at(nameserver, key_file, wait_s=args.wait)
    if args.format == "json":
        sys.stdout.write(as_json(demand.to_dict()))
    else:
        total = {"run": "all", "waiting": demand.waiting, "running": demand.running, "workers": demand.workers}
        rows = [asdict(run) for run in demand.runs]
        print_table(Table.of([*rows, total] if args.format == "table" else rows, COLUMNS), args)
    for run in demand.silent:
        say(f"the run {run} did not answer")
    if demand.silent or (args.check and demand.waiting + demand.running == 0):
        return 1
    return 0


def _serve(address: str, ask: Callable[[], Demand]) -> int:
    from das_hpo.launching.demand_server import DemandServer
    from workers.transport.wire import parse_address

    host, port = parse_address(address)
    with stop_on_signals() as stop, DemandServer(host, port, ask) as server:
        say(f"demand at http://{server.address}/demand")
        stop.wait()
    return 0


COMMAND = Command(
    summary="how much there is to compute: for autoscalers",
    description="Asks the nameserver's runs how many evaluations wait and are computed, and counts the workers; it "
    "takes some 20 seconds at most. Evaluations wait that more workers could begin now: all that are left, until a "
    "worker was sent away because no more could be begun. Exit status: 0, or 1 if the nameserver or a run did not "
    "answer.",
    examples=(
        "das-hpo demand --nameserver host:9090 -f json",
        "das-hpo demand --nameserver host:9090 --serve 127.0.0.1:9091",
    ),
    configure=configure,
    execute=execute,
)
