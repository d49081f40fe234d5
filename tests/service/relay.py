"""A bad network between workers and everybody else: a relay that delays, loses and parts."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
from collections.abc import Iterator

from das_hpo.service.nameserver import NameServer
from spaces.errors import ClusterError
from workers.transport.directory import locate
from workers.transport.keys import KeyFile
from workers.transport.wire import parse_address


class Relay:
    """Passes TCP on to an address. What TCP makes of a lost packet is a delay, so that is what loss is here.

    Args:
        address: ``HOST:PORT`` to pass on to.
        delay_s: One way.
        loss: The part of packets that come a retransmission later.
        retransmission_s: How much later.
    """

    def __init__(self, address: str, delay_s: float = 0.0, loss: float = 0.0, retransmission_s: float = 0.3) -> None:
        self._target = parse_address(address)
        self._delay_s = delay_s
        self._loss = loss
        self._retransmission_s = retransmission_s
        self._chance = random.Random(0)
        self._whole = threading.Event()
        self._whole.set()
        self._ending = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._carriers: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """From now on nothing passes, and nobody is told."""
        self._whole.clear()

    def heal(self) -> None:
        """What was held back passes, as TCP would repeat it."""
        self._whole.set()

    def close(self) -> None:
        """Ends; returns when every thread has ended and every socket is closed."""
        self._ending.set()
        self._thread.join()
        for carrier in self._carriers:
            carrier.join()

    def _accept(self) -> None:
        with self._listener:
            while self._readable(self._listener):
                here, _ = self._listener.accept()
                self._carriers.append(threading.Thread(target=self._carry, args=(here,), daemon=True))
                self._carriers[-1].start()

    def _carry(self, here: socket.socket) -> None:
        """Owns both sockets of a connection: here and beyond."""
        with here, contextlib.suppress(OSError):
            self._passable()
            with socket.create_connection(self._target) as beyond:
                back = threading.Thread(target=self._pass, args=(beyond, here), daemon=True)
                back.start()
                self._pass(here, beyond)
                back.join()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while self._readable(source) and (data := source.recv(1400)):
                self._ending.wait(self._delay_s)
                if self._chance.random() < self._loss:
                    self._ending.wait(self._retransmission_s)
                self._passable()
                sink.sendall(data)
            self._passable()
        except OSError:
            pass
        finally:
            for sock in (source, sink):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _readable(self, sock: socket.socket) -> bool:
        """Waits until there is something to read; False at the end."""
        while not self._ending.is_set():
            if select.select([sock], [], [], 0.05)[0]:
                return True
        return False

    def _passable(self) -> None:
        while not self._whole.wait(0.05) and not self._ending.is_set():
            pass


@contextlib.contextmanager
def far_side(nameserver: NameServer, keys: KeyFile, **network: float) -> Iterator[tuple[str, list[Relay]]]:
    """A nameserver's address for workers that reach everything over relays, and the relays.

    The far nameserver is a copy: it names the same runs, at their relays.
    """
    relays = {nameserver.address: Relay(nameserver.address, **network)}
    ending = threading.Event()
    with NameServer(keys=keys) as copy:
        front = Relay(copy.address, **network)

        def follow() -> None:
            with locate(nameserver.address, keys) as near, locate(copy.address, keys) as far:
                while not ending.wait(0.2):
                    with contextlib.suppress(ClusterError):
                        for run, where in near.dispatchers()[0].items():
                            name, _, address = where.partition("@")
                            if address not in relays:
                                relays[address] = Relay(address, **network)
                                every.append(relays[address])
                            far.enter(run, f"{name}@{relays[address].address}", far.dispatchers()[0].get(run, ""))

        every = [front]
        thread = threading.Thread(target=follow)
        thread.start()
        try:
            yield front.address, every
        finally:
            ending.set()
            thread.join()
            for relay in {*relays.values(), front}:
                relay.close()
