"""Hosts for the chaos test: network namespaces behind one switch, each with its own address, or plain loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Network:
    """Where processes run and how they reach each other.

    Attributes:
        addresses: IPv4 address by host.
        prefixes: What comes before a command that runs on the host.
        reason: Why hosts cannot be parted from each other; None if they can.
    """

    addresses: dict[str, str]
    prefixes: dict[str, list[str]]
    reason: str | None
    _switch: str = ""
    _ports: dict[str, str] = field(default_factory=dict)

    def cut(self, host: str) -> None:
        """Parts a host from all others; nobody is told, packets vanish."""
        _ip("-n", self._switch, "link", "set", self._ports[host], "down")

    def heal(self, host: str) -> None:
        """Undoes :meth:`cut`."""
        _ip("-n", self._switch, "link", "set", self._ports[host], "up")


@contextmanager
def network(hosts: Sequence[str]) -> Iterator[Network]:
    """Gives every host a namespace of its own where this machine allows it, else loopback for all."""
    reason = _why_not()
    if reason is not None:
        yield Network(dict.fromkeys(hosts, "127.0.0.1"), {host: [] for host in hosts}, reason)
        return
    mark = f"dh{os.getpid() % 100000}"
    switch = f"{mark}s"
    names = {host: f"{mark}h{index}" for index, host in enumerate(hosts)}
    subnet = f"10.{77 + os.getpid() % 100}.{os.getpid() // 100 % 250}"
    addresses = {host: f"{subnet}.{index + 1}" for index, host in enumerate(hosts)}
    ports = {host: f"p{index}" for index, host in enumerate(hosts)}
    try:
        for name in (switch, *names.values()):
            _ip("netns", "add", name)
        _ip("-n", switch, "link", "add", "name", "br0", "type", "bridge")
        _ip("-n", switch, "link", "set", "br0", "up")
        for host, name in names.items():
            _ip("-n", switch, "link", "add", "name", ports[host], "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("-n", switch, "link", "set", ports[host], "master", "br0", "up")
            _ip("-n", name, "addr", "add", f"{addresses[host]}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "link", "set", "lo", "up")
        prefixes = {host: ["ip", "netns", "exec", name] for host, name in names.items()}
        yield Network(addresses, prefixes, None, switch, ports)
    finally:
        for name in (*names.values(), switch):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _why_not() -> str | None:
    if shutil.which("ip") is None:
        return "there is no ip command (Debian's iproute2)"
    name = f"dh{os.getpid() % 100000}t"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"no network namespaces: {tried.stderr.strip()}"
    try:
        _ip("-n", name, "link", "add", "name", "br0", "type", "bridge")
        _ip("-n", name, "link", "add", "name", "a", "type", "veth", "peer", "name", "b")
    except subprocess.CalledProcessError as error:
        return f"no bridges or virtual cables: {error.stderr.strip()}"
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return None


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
