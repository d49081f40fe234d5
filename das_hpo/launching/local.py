"""Local worker processes: started, watched, restarted, and ended with this process."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import IO, Self

from workers.transport.keys import ENVIRONMENT as KEY_FILE
from workers.transport.keys import KeyFile
from workers.transport.messages import default_name
from workers.worker.devices import CPU

#: The environment variable that tells a worker the descriptor of its pipe to the parent process, and the parent's id.
PARENT = "DAS_HPO_PARENT"

#: How many seconds a worker may take to end after it was told to.
END_S = 5.0

#: Each worker is restarted at most this often within this many seconds.
MAX_RESTARTS = 5
RESTARTS_S = 600.0

_PR_SET_PDEATHSIG = 1

#: Each worker uses one thread: the cores are divided between workers.
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

log = logging.getLogger(__name__)


class _Slot:
    """A device, and the worker process on it: one at a time."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.process: subprocess.Popen[bytes] | None = None
        self.started: deque[float] = deque()
        self.parent_end = -1
        self.given_up = False


class LocalWorkers:
    """Worker processes on this machine, while the ``with`` block lasts.

    A process that ends is replaced, a limited number of times. All of them end with this process, however it ends: each
    holds a pipe to it, and on Linux the kernel kills them.

    Args:
        nameserver: ``HOST:PORT``.
        devices: The devices, as :func:`workers.worker.devices.local_devices` gives them; workers are spread over them.
        keys: The key file; None for no keys.
        options: Further options of the command.
        exited: Called with a worker's name when its process has ended without being told to.
        command: The command that starts a worker; by default ``das-hpo worker``.
        log_to: Where the workers' stderr goes; None is the stderr of this process.
    """

    def __init__(
        self,
        nameserver: str,
        devices: Sequence[str],
        *,
        keys: KeyFile | None,
        options: Sequence[str] = (),
        exited: Callable[[str], None] | None = None,
        command: Sequence[str] = (sys.executable, "-m", "das_hpo", "worker"),
        log_to: IO[bytes] | int | None = None,
    ) -> None:
        self._devices = tuple(devices)
        self._places: list[_Slot] = []
        self._arguments = [*command, "--nameserver", nameserver]
        if keys is None:
            self._arguments.append("--insecure")
        self._arguments += options
        self._keys = keys
        self._exited = exited
        self._log_to = log_to
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="das-hpo local workers", daemon=True)
        self._lock = threading.Lock()

    def start(self, count: int) -> None:
        """Starts so many workers, once; returns at once, while they need a second or two until they serve."""
        self._places = [_Slot(self._devices[number % len(self._devices)]) for number in range(count)]
        try:
            for place in self._places:
                self._start(place)
        except BaseException:
            self.stop()
            raise
        self._thread.start()

    def stop(self) -> None:
        """Ends all workers: asks them to end, and kills those that do not. May be called twice."""
        self._ending.set()
        with self._lock:
            processes = [place.process for place in self._places if place.process is not None]
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
                    process.send_signal(signal.SIGCONT)  # a stopped process gets no SIGTERM
            until = time.monotonic() + END_S
            for process in processes:
                try:
                    process.wait(max(0.0, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            for place in self._places:
                place.process = None
                _close(place)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=END_S)

    def __enter__(self) -> Self:
        self.start(len(self._devices))
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def alive(self) -> int:
        """How many processes run."""
        return sum(place.process is not None and place.process.poll() is None for place in self._places)

    @property
    def given_up(self) -> bool:
        """Whether all workers have ended too often, so that none runs and none is started again."""
        return bool(self._places) and all(place.given_up for place in self._places)

    def pids(self) -> list[int]:
        """The process ids of the running workers."""
        return [place.process.pid for place in self._places if place.process is not None]

    def _start(self, place: _Slot) -> None:
        read_end, place.parent_end = os.pipe()
        environment = dict(os.environ, **{PARENT: f"{read_end}:{os.getpid()}"})
        environment.update(dict.fromkeys(_ONE_THREAD, "1"))
        if place.device == CPU:
            environment["CUDA_VISIBLE_DEVICES"] = ""
        if self._keys is not None:
            environment[KEY_FILE] = str(self._keys.path)
        try:
            place.process = subprocess.Popen(
                [*self._arguments, "--device", place.device],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log_to,
                env=environment,
                pass_fds=(read_end,),
                start_new_session=True,  # Ctrl-C is for the parent, which lets running evaluations finish
            )
        finally:
            os.close(read_end)
        place.started.append(time.monotonic())

    def _watch(self) -> None:
        while not self._ending.wait(0.2):
            with self._lock:
                ended = [
                    (place, place.process)
                    for place in self._places
                    if place.process is not None and place.process.poll() is not None
                ]
                if self._ending.is_set():
                    return
                for place, process in ended:
                    place.process = None
                    _close(place)
                    self._replace(place, process.returncode)
            for _, process in ended:
                if self._exited is not None:
                    try:
                        self._exited(default_name(process.pid))
                    except (
                        Exception
                    ):  # this thread must not end: the kernel kills the workers that it has started with it
                        log.exception("the run was not told that a worker's process ended")

    def _replace(self, place: _Slot, status: int) -> None:
        how = f"signal {-status}" if status < 0 else f"exit {status}"
        now = time.monotonic()
        while place.started and now - place.started[0] > RESTARTS_S:
            place.started.popleft()
        if len(place.started) > MAX_RESTARTS:
            log.error(
                "the worker on %s ended (%s), as the %d before it did: it is not replaced",
                place.device,
                how,
                MAX_RESTARTS,
            )
            place.given_up = True
            return
        log.warning("the worker on %s ended (%s): another takes its place", place.device, how)
        try:
            self._start(place)
        except OSError as error:
            log.error("no worker could be started on %s: %s", place.device, error)
            place.given_up = True


def die_with_parent() -> None:
    """Ends this process when its parent process ends, if that is one of :class:`LocalWorkers`.

    On every system the end of the pipe to the parent is noticed: this process then gets a SIGTERM, and is ended by
    force soon after. On Linux the kernel also kills it, even if it is stopped.
    """
    told = os.environ.pop(PARENT, "")
    descriptor, _, parent = told.partition(":")
    if not descriptor.isdecimal() or not parent.isdecimal():
        return
    pipe = int(descriptor)
    os.set_inheritable(pipe, False)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != int(parent):  # the parent ended before the kernel was asked
            os._exit(1)
    threading.Thread(target=_wait_for_end, args=(pipe,), name="das-hpo parent", daemon=True).start()


def _wait_for_end(pipe: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(pipe, 1):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_S)
    os._exit(1)


def _close(place: _Slot) -> None:
    if place.parent_end >= 0:
        os.close(place.parent_end)
        place.parent_end = -1
