# ruff: noqa: D102
"""Messages between simulated processes: late, lost, doubled, out of order, or never taken."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from spaces.errors import ClusterError, UnreachableError, WireError
from tests.simulation.world import Process, Thread, World


class Network:
    """Calls methods of objects at addresses.

    Attributes:
        loss: How probable it is that a message is lost, each way.
        doubling: How probable it is that a call arrives twice.
        delay_s: The mean delay of a message.
        cut: Names of the processes that nobody reaches, and who reach nobody.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.calm()
        self.cut: set[str] = set()
        self._there: dict[str, tuple[Process, dict[str, Callable[..., Any]]]] = {}

    def calm(self) -> None:
        """Nothing is lost or doubled any more."""
        self.loss = 0.0
        self.doubling = 0.0
        self.delay_s = 0.01

    def listen(self, address: str, process: Process, methods: dict[str, Callable[..., Any]]) -> None:
        """A process answers at an address."""
        self._there[address] = process, methods

    def close(self, address: str) -> None:
        """Nobody answers there any more."""
        self._there.pop(address, None)

    def call(self, address: str, method: str, arguments: tuple[Any, ...], timeout_s: float) -> Any:
        """A call by the present process.

        Raises:
            UnreachableError: If no answer comes in time.
            ClusterError: As the method does.
        """
        world, caller = self.world, self.world._here()
        source = caller.process
        process, methods = self._there.get(address, (None, {}))
        delay_s = self._delay()
        if source.name in self.cut or (process is not None and process.name in self.cut) or self._happens(self.loss):
            world.sleep(timeout_s)
            raise UnreachableError(f"nobody answers at {address} (timed out)")
        if process is None or not process.alive:
            world.sleep(delay_s)
            raise UnreachableError(f"nobody answers at {address} (Connection refused)", refused=True)
        ticket = caller.ticket + 1  # of the wait below
        arrive = partial(self._arrive, process, methods, method, arguments)
        world.after(delay_s, partial(arrive, (caller, ticket)))
        if self._happens(self.doubling):
            world.after(delay_s + self._delay() * 20, partial(arrive, None))
        answer = world.park(timeout_s)
        if answer is None:
            raise UnreachableError(f"nobody answers at {address} (timed out)")
        kind, value = answer
        if kind == "raised":
            raise value if isinstance(value, ClusterError) else WireError(f"{address} refused the call: {value}")
        return value

    def _arrive(
        self,
        process: Process,
        methods: dict[str, Callable[..., Any]],
        method: str,
        arguments: tuple[Any, ...],
        waits: tuple[Thread, int] | None,
    ) -> None:
        """A message has come to a process, which handles it on a thread of its own."""
        if not process.alive or method not in methods:
            return

        def handle() -> None:
            try:
                answer = ("returned", methods[method](*arguments))
            except Exception as error:  # noqa: BLE001 (it is the caller's)
                answer = ("raised", error)
            cut = process.name in self.cut or (waits is not None and waits[0].process.name in self.cut)
            if waits is not None and not cut and not self._happens(self.loss):
                self.world.after(self._delay(), partial(self.world.resume, *waits, answer))

        process.threads = [thread for thread in process.threads if not thread.dead]
        process.spawn(handle, method)

    def _delay(self) -> float:
        return 0.001 + self.world.chance.expovariate(1 / self.delay_s)

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self.world.chance.random() < probability


class SimulatedRemote:
    """As :class:`workers.transport.wire.Remote`.

    Args:
        network: Carries the calls.
        uri: ``PYRO:object@HOST:PORT``.
        timeout_s: How long an answer may take.
        heard: Is told of every answer: the method, its arguments and what came.
    """

    def __init__(
        self,
        network: Network,
        uri: str,
        timeout_s: float,
        heard: Callable[[str, tuple[Any, ...], Any], None] | None = None,
    ) -> None:
        self.address = uri.rpartition("@")[2]
        self._network = network
        self._timeout_s = timeout_s
        self._heard = heard

    def call(self, method: str, *arguments: Any) -> Any:
        answer = self._network.call(self.address, method, arguments, self._timeout_s)
        if self._heard is not None:
            self._heard(method, arguments, answer)
        return answer

    def close(self) -> None:
        pass
