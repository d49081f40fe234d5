"""A bad network between workers and everybody else: a relay that delays, loses and parts."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Iterator

from das_hpo.dispatching.nameserver import NameServer
from spaces.errors import ClusterError
from workers.directory import locate
from workers.keys import KeyFile
from workers.wire import parse_address


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
        self._whole = True
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._ready.wait()

    def cut(self) -> None:
        """From now on nothing passes, and nobody is told."""
        self._whole = False

    def heal(self) -> None:
        """What was held back passes, as TCP would repeat it."""
        self._whole = True

    def close(self) -> None:
        """Ends."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._passable()
            there_reader, there_writer = await asyncio.open_connection(*self._target)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, there_writer))
                both.create_task(self._pass(there_reader, writer))
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1400):
                await asyncio.sleep(self._delay_s)
                if self._chance.random() < self._loss:
                    await asyncio.sleep(self._retransmission_s)
                await self._passable()
                writer.write(data)
                await writer.drain()
            await self._passable()
        finally:
            writer.close()

    async def _passable(self) -> None:
        while not self._whole:
            await asyncio.sleep(0.02)


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
                            far.register(run, f"{name}@{relays[address].address}")

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
