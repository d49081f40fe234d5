"""Options of commands that speak over the network, and waiting for a signal."""

from __future__ import annotations

import argparse
import ipaddress
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from spaces.errors import InvalidValueError

if TYPE_CHECKING:
    from workers.keys import KeyFile

DEFAULT_PORT = 9090


def add_security(parser: argparse.ArgumentParser) -> None:
    """Adds ``--insecure``; read it with :func:`keys`."""
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="use no key; on loopback only, and all processes that speak to each other have to agree on it",
    )


def keys(args: argparse.Namespace, *hosts: str) -> KeyFile | None:
    """The key file, made on first use; None with ``--insecure``.

    Raises:
        InvalidValueError: For ``--insecure`` anywhere but on loopback.
        AuthenticationError: If the file cannot be used.
    """
    from workers.keys import KeyFile

    if not args.insecure:
        return KeyFile()
    for host in hosts:
        if not is_loopback(host):
            raise InvalidValueError(f"--insecure is for loopback only, {host!r} is not: leave it out")
    return None


def is_loopback(host: str) -> bool:
    """Whether only this machine is reached at that host."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM or SIGINT sets; a second SIGINT raises KeyboardInterrupt, for whoever cannot wait."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
