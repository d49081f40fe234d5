"""Workers on a Ray cluster: each is placed by an actor, which starts the worker's process and watches it.

Ray places the actors (also several on one GPU), starts them again when their node is lost, and adds nodes for them
where it has an autoscaler. Nothing of an evaluation passes through Ray.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from das_hpo.launching.engine import Placement
from das_hpo.launching.local import LocalWorkers
from spaces.errors import ClusterError, InvalidValueError
from workers.transport.keys import KeyFile
from workers.transport.wire import parse_address

#: The actors' namespace.
NAMESPACE = "das-hpo"

#: How many seconds Ray may take to connect, the actors to answer, and their workers to hand back and end.
CONNECT_S = 10.0
ANSWER_S = 10.0
STOP_S = 30.0

log = logging.getLogger(__name__)


class RayPlace:
    """What runs on a node: one worker's process, replaced a limited number of times, which ends with this actor.

    Args:
        nameserver: ``HOST:PORT``, or ``file:PATH``.
        device: Of the worker.
        options: Further ones of ``das-hpo worker``.
        environment: Variables of das-hpo's.
        key: The key file; None for no keys.
    """

    def __init__(
        self, nameserver: str, device: str, options: Sequence[str], environment: Mapping[str, str], key: str | None
    ) -> None:
        os.environ.update(environment)
        keys = None if key is None else KeyFile(Path(key))
        self._local = LocalWorkers(nameserver, [device], keys=keys, options=options)
        self._local.start(1)

    def alive(self) -> int:
        """How many processes run: 1 or 0."""
        return self._local.alive()

    def stop(self) -> None:
        """Ends the process: it hands back what it computes."""
        self._local.stop()


class RayWorkers:
    """The workers of one group: the actors of that name on the cluster.

    Args:
        placement: What each worker gets.
        options: Of ``das-hpo worker``, with ``--nameserver``.
        keys: The key file, at the same path on every node; None for no keys.
        lasting: Whether the workers go on when this process ends.

    Raises:
        ClusterError: If Ray is not installed, or no cluster answers.
    """

    def __init__(
        self, placement: Placement, options: Sequence[str], keys: KeyFile | None, *, lasting: bool = False
    ) -> None:
        self._placement = placement
        self._options = list(options)
        self._keys = keys
        self._lasting = lasting
        self._ray = _connected(placement.address)
        self._mine: list[Any] = []

    def start(self, count: int) -> None:
        """Asks Ray for so many actors; it starts them where and when there is room."""
        nameserver, device, options = _split(self._options)
        place = self._placement
        actor = self._ray.remote(RayPlace)
        taken = {name for name, _ in self._actors()}
        names = (f"{place.group}-{number}" for number in range(len(taken) + count))
        for name in [name for name in names if name not in taken][:count]:
            made = actor.options(
                name=name,
                namespace=NAMESPACE,
                lifetime="detached" if self._lasting else None,
                num_cpus=place.cpus_per_worker,
                num_gpus=place.gpus_per_worker,
                max_restarts=-1,
            ).remote(nameserver, device, options, _environment(), self._key())
            self._mine.append(made)  # an actor that does not last ends with its last handle
        log.info("Ray: %d workers of the group %s were asked for", count, place.group)

    def alive(self) -> int:
        """How many workers run now; those whose actor has no place yet, or does not answer in time, do not count."""
        answers = [actor.alive.remote() for _, actor in self._actors()]
        return sum(self._settled(answers, ANSWER_S))

    def pending(self) -> int:
        """How many workers have no place yet, or do not answer."""
        return len(self._actors()) - self.alive()

    def stop(self) -> None:
        """Ends the workers, then their actors; an actor that does not answer is killed."""
        actors = [actor for _, actor in self._actors()]
        self._settled([actor.stop.remote() for actor in actors], STOP_S)
        for actor in actors:
            self._ray.kill(actor, no_restart=True)
        self._mine.clear()

    def _settled(self, answers: list[Any], seconds: float) -> list[Any]:
        """The answers that come in time."""
        if not answers:
            return []
        ready, _ = self._ray.wait(answers, num_returns=len(answers), timeout=seconds)
        values = []
        for answer in ready:
            try:
                values.append(self._ray.get(answer))
            except self._ray.exceptions.RayError as error:
                log.debug("an actor did not answer: %s", error)
        return values

    def _actors(self) -> list[tuple[str, Any]]:
        """The group's actors by name."""
        found = []
        for entry in self._ray.util.list_named_actors(all_namespaces=True):
            name = entry["name"]
            if entry["namespace"] == NAMESPACE and name.rpartition("-")[0] == self._placement.group:
                with contextlib.suppress(ValueError):  # it has ended meanwhile
                    found.append((name, self._ray.get_actor(name, namespace=NAMESPACE)))
        return found

    def _key(self) -> str | None:
        return None if self._keys is None else str(self._keys.path.absolute())


def _connected(address: str) -> Any:
    """Ray, connected to the cluster.

    Raises:
        ClusterError: If it is not installed, or no cluster answers.
    """
    try:
        import ray
    except ImportError:
        raise ClusterError("Ray is not installed here: pip install 'das-hpo[ray]'") from None
    if not ray.is_initialized():
        log.info("connecting to the Ray cluster at %s", address)
        _require_listener(os.environ.get("RAY_ADDRESS", address) if address == "auto" else address)
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise _absent(address, error) from None
        if threading.current_thread() is threading.main_thread():
            # Ray takes these signals over, on which this process would be aborted; the run's own end is an orderly one.
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return ray


def _require_listener(address: str) -> None:
    """Makes sure that somebody listens at ``HOST:PORT``: Ray itself would try for minutes, in silence.

    Raises:
        ClusterError: If nobody does.
    """
    try:
        host, port = parse_address(address)
    except InvalidValueError:
        return  # another form, which Ray knows
    try:
        socket.create_connection((host, port), timeout=CONNECT_S).close()
    except OSError as error:
        raise _absent(address, error) from None


def _absent(address: str, error: Exception) -> ClusterError:
    said = " ".join(str(error).split())
    return ClusterError(
        f"no Ray cluster answers at {address!r}: start one with ray start --head, or name it with --ray-address "
        f"({said[:200]})"
    )


def _split(options: Sequence[str]) -> tuple[str, str, list[str]]:
    """Nameserver and device, which local workers take apart, and the other options."""
    rest = [word for word in options if word != "--insecure"]
    taken = {"--nameserver": "", "--device": "auto"}
    for name in taken:
        if name in rest:
            at = rest.index(name)
            taken[name] = rest[at + 1]
            del rest[at : at + 2]
    return taken["--nameserver"], taken["--device"], rest


def _environment() -> dict[str, str]:
    """das-hpo's variables, so that workers elsewhere have those of this process."""
    return {name: value for name, value in os.environ.items() if name.startswith("DAS_HPO_")}
