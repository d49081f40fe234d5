"""Options of commands that speak over the network, and waiting for a signal."""

from __future__ import annotations

import argparse
import ipaddress
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from das_hpo.commands.command import add_duration, natural, positive
from das_hpo.commands.placing import add_placement, placement
from spaces.errors import InvalidValueError, UsageError
from spaces.plugins import named

if TYPE_CHECKING:
    from das_hpo.execution import Service
    from workers.transport.keys import KeyFile

DEFAULT_PORT = 9090

#: The environment variable that names the nameserver.
NAMESERVER = "DAS_HPO_NAMESERVER"
KERNELS = ("auto", "torch", "fused")
LEASE_S = 30.0

#: A search step of one trial on a GPU is bound by kernel launches; of so many, hardly slower.
GPU_CAPACITY = 16


def add_security(parser: argparse.ArgumentParser) -> None:
    """Adds ``--insecure`` and TLS; read it with :func:`keys`."""
    group = parser.add_argument_group("security")
    group.add_argument(
        "--insecure",
        action="store_true",
        help="use no key; on loopback only, and all processes that speak to each other have to agree on it",
    )
    for option, what, name in (
        ("--tls-cert", "certificate, for mutual TLS", "DAS_HPO_TLS_CERT"),
        ("--tls-key", "the certificate's private key", "DAS_HPO_TLS_KEY"),
        ("--tls-ca", "certificate of the authority that signs everybody's", "DAS_HPO_TLS_CA"),
    ):
        group.add_argument(
            option, metavar="FILE", help=f"{what}, as das-hpo tls init makes it (default: the environment's {name})"
        )


def set_up_security(args: argparse.Namespace, *hosts: str) -> KeyFile | None:
    """Sets whether this process uses TLS, as its options or its environment say, and gives the key file.

    Args:
        args: The parsed options.
        hosts: The hosts to be listened on or called; ``--insecure`` is for loopback alone.

    Returns:
        The key file, which is made on first use; None with ``--insecure``.

    Raises:
        InvalidValueError: For ``--insecure`` anywhere but on loopback, or for a part of the options of TLS.
        AuthenticationError: If a file cannot be used.
    """
    from workers.transport import tls
    from workers.transport.keys import KeyFile

    for host in hosts if args.insecure else ():
        if not is_loopback(host):
            raise InvalidValueError(f"--insecure is for loopback only, {host!r} is not: leave it out")
    tls.use(tls.choose(args.tls_cert, args.tls_key, args.tls_ca))
    return None if args.insecure else KeyFile()


def is_loopback(host: str) -> bool:
    """Whether only this machine is reached at that host."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def add_computing(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Adds what a worker computes with."""
    parser.add_argument(
        "--device",
        default="auto",
        help="auto (a GPU if there is one), cpu, cuda, or GPUs by number as in cuda:0,cuda:1 (default: %(default)s)",
    )
    parser.add_argument(
        "--kernel",
        choices=KERNELS,
        default="auto",
        help="torch, or fused kernels, faster on CPUs and refused on GPUs; auto takes the fused ones on CPUs; "
        "what they cannot compute, torch does, which is logged",
    )
    parser.add_argument(
        "--plugin",
        dest="plugins",
        action="append",
        metavar="MODULE",
        help="import this module of yours, which registers an operation, a data formation, a method of DAS or a search "
        "space; may be repeated; workers need the same (default: those that the environment's DAS_HPO_PLUGINS names, "
        "parted by commas)",
    )
    parser.add_argument(
        "--capacity",
        type=positive,
        metavar="N",
        help="evaluations that a worker computes at once; more pay on GPUs alone "
        f"(default: 1 on a CPU, {GPU_CAPACITY} on a GPU)",
    )


def add_waiting(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Adds how long to wait for a nameserver."""
    add_duration(
        parser,
        "wait",
        default=0.0,
        help="how long to wait for the nameserver to answer, as in 30s or 10m (default: not at all)",
    )


def add_nameserver(parser: argparse.ArgumentParser | argparse._ArgumentGroup, help: str, default: str) -> None:
    """Adds ``--nameserver``; :func:`nameserver_address` reads it.

    Args:
        parser: What it is added to.
        help: What it is for.
        default: What happens without it and without the environment's.
    """
    parser.add_argument(
        "--nameserver",
        metavar="HOST:PORT",
        help=f"{help}; or file:PATH of its --address-file (default: the environment's {NAMESERVER}, else {default})",
    )


def nameserver_address(args: argparse.Namespace) -> str | None:
    """``HOST:PORT`` or ``file:PATH`` of the options, else of the environment; None if neither names one.

    Raises:
        InvalidValueError: If it has another form, or is not on loopback with ``--insecure``.
    """
    from workers.transport.address_file import require_address

    address: str | None = args.nameserver or os.environ.get(NAMESERVER) or None
    if address is not None:
        require_address(address)
    return address


def required_nameserver(args: argparse.Namespace) -> str:
    """The same where there must be one.

    Raises:
        UsageError: If there is none.
    """
    address = nameserver_address(args)
    if address is None:
        raise UsageError(f"--nameserver HOST:PORT is required, or the environment's {NAMESERVER}")
    return address


def host_of(address: str, *, insecure: bool) -> str:
    """The host of an address, to be checked for ``--insecure``; of a file it is read for that alone.

    Raises:
        UnreachableError: If it is in a file that cannot be read, with ``--insecure``.
    """
    from workers.transport.address_file import path_of, resolve
    from workers.transport.wire import parse_address

    if path_of(address) is not None and not insecure:
        return ""  # it may not be there yet: --wait waits for it
    return parse_address(resolve(address))[0]


def add_service(parser: argparse.ArgumentParser) -> None:
    """Adds where and by whom a run is evaluated; :func:`service` reads it."""
    group = parser.add_argument_group("who computes")
    group.add_argument(
        "--workers",
        type=natural,
        metavar="N",
        help="local worker processes, of one thread each, or those that --engine starts "
        "(default: one per GPU, else one per CPU core; none with --nameserver)",
    )
    add_computing(group)
    add_placement(group)
    add_nameserver(group, "let the workers of that nameserver compute", "none, local ones")
    group.add_argument(
        "--host",
        help="the address at which workers reach this run (default: the one that leads to the nameserver)",
    )
    add_waiting(group)
    add_duration(
        group,
        "lease",
        default=LEASE_S,
        help="a worker that is silent for so long has lost its evaluation, and another gets it (default: 30s)",
    )
    add_security(parser)


def service(args: argparse.Namespace) -> Service:
    """Where and by whom, as the options say.

    Raises:
        UsageError: If an address is none, or is not loopback with ``--insecure``.
        AuthenticationError: If the key file cannot be used.
    """
    from das_hpo.execution import Service

    hosts = [args.host] if args.host else []
    nameserver = nameserver_address(args)
    if nameserver is not None:
        hosts.append(host_of(nameserver, insecure=args.insecure))
    return Service(
        keys=set_up_security(args, *hosts),
        nameserver=nameserver,
        workers=args.workers,
        device=args.device,
        kernel=args.kernel,
        capacity=args.capacity,
        plugins=named(args.plugins),
        host=args.host,
        wait_s=args.wait,
        lease_s=args.lease,
        placement=placement(args),
    )


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM or SIGINT sets; a second SIGINT raises KeyboardInterrupt, which ends at once."""
    stop = threading.Event()
    signalled = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal signalled
        if signalled and number == signal.SIGINT:
            raise KeyboardInterrupt
        signalled = True
        # Not here: the thread that this handler interrupts may hold the event's own lock, and would wait for itself.
        threading.Thread(target=stop.set, name="das-hpo stop", daemon=True).start()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
