"""``das-hpo nameserver``: where runs and workers find each other."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from das_hpo.commands.command import Command, natural, say
from das_hpo.commands.connecting import (
    DEFAULT_PORT,
    add_security,
    host_of,
    is_loopback,
    set_up_security,
    stop_on_signals,
)
from spaces.errors import InvalidValueError


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen on; 0.0.0.0 for all networks of this machine, the default is this machine alone "
        "(default: %(default)s)",
    )
    parser.add_argument("--port", type=natural, default=DEFAULT_PORT, help="the TCP port; 0 takes a free one")
    parser.add_argument(
        "--address-file",
        metavar="FILE",
        type=Path,
        help="write the address to this file, on a disk that all machines share, and remove it at the end; workers and "
        "runs take it as --nameserver file:FILE (default: none)",
    )
    parser.add_argument(
        "--ping",
        metavar="HOST:PORT",
        help="start nothing, but ask whether a nameserver answers there, or at file:FILE (default: serve)",
    )
    add_security(parser)


def execute(args: argparse.Namespace) -> int:
    """Serves until it is told to stop, or pings."""
    if not args.host:  # as of an unset variable; sockets take it for all networks
        raise InvalidValueError("--host takes an address, got an empty text: 127.0.0.1 is this machine alone")
    if args.port > 65535:
        raise InvalidValueError(f"--port is a number up to 65535, got {args.port}")
    if args.ping is not None:
        return _ping(args)
    key_file = set_up_security(args, args.host)
    from das_hpo.service.nameserver import NameServer

    with (
        stop_on_signals() as stop,
        NameServer(args.host, args.port, keys=key_file) as nameserver,
        _written(args.address_file, nameserver.address),
    ):
        say(f"nameserver at {nameserver.address}, {_security(args)}")
        stop.wait()
    say("nameserver stopped")
    return 0


@contextmanager
def _written(path: Path | None, address: str) -> Iterator[None]:
    """The address is in the file while the block lasts, as other machines reach it."""
    if path is None:
        yield
        return
    from workers.transport import address_file
    from workers.transport.messages import host_name
    from workers.transport.wire import format_address, parse_address

    host, port = parse_address(address)
    where = format_address(host_name(), port) if host in ("0.0.0.0", "::") else address
    if is_loopback(host):
        say(f"the address file names {where}, which this machine alone reaches: --host 0.0.0.0 is for all")
    path.parent.mkdir(parents=True, exist_ok=True)
    address_file.write(path, where)
    try:
        yield
    finally:
        address_file.remove(path, where)


def _security(args: argparse.Namespace) -> str:
    from workers.transport.keys import key_path

    return "without a key" if args.insecure else f"key in {key_path()}"


def _ping(args: argparse.Namespace) -> int:
    from workers.transport.directory import locate

    key_file = set_up_security(args, host_of(args.ping, insecure=args.insecure))
    with locate(args.ping, key_file) as directory:
        dispatchers, _ = directory.dispatchers()
        say(f"nameserver at {args.ping}: {len(dispatchers)} runs, {directory.workers()} workers")
    return 0


COMMAND = Command(
    summary="where runs and workers find each other",
    description="Serves until Ctrl-C or SIGTERM. Start it once for a lab: workers and runs may come and go, and it may "
    "be restarted on the same port at any time. Nobody without the key is answered (see das-hpo key).",
    examples=(
        "das-hpo nameserver --host 0.0.0.0",
        "das-hpo nameserver --host 0.0.0.0 --port 0 --address-file /shared/das-hpo/nameserver",
        "das-hpo nameserver --ping 127.0.0.1:9090",
    ),
    configure=configure,
    execute=execute,
)
