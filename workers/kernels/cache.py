"""Compiles the kernels once and keeps them on disk.

numba's own cache sees a change only in the file of the function it compiles, tells the CPUs of a shared home apart
inside one index that concurrent writers overwrite, and lies in the package, which may be read-only. So the kernels
get a directory of their own for each state of their source, version of numba and CPU, and one process at a time
fills it; a second worker that starts meanwhile waits, and then loads what the first compiled. A first one that is
stopped does not keep the others for ever: they compile for themselves.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import numba
from numba import config, njit
from numba.core import registry

from spaces.folders import user_folder
from workers.kernels.signals import FLAGS

try:
    import fcntl
except ImportError:  # Windows: without the lock, workers that start together all compile.
    fcntl = None  # type: ignore[assignment]

#: How long the process that compiles is waited for (some 15 s of a core is usual), and when it is said that it is.
PATIENCE_S = 180.0
TELL_AFTER_S = 30.0
_LOOK_EVERY_S = 0.1

log = logging.getLogger(__name__)


def compile_kernels(functions: Mapping[Callable[..., Any], str]) -> list[Callable[..., Any]]:
    """Compiles each function for its signature, or loads it from disk.

    Args:
        functions: Python functions with the signature, in numba's words, that each is called with.

    Returns:
        The compiled functions, in the same order; they take arguments of their signature only.
    """
    directory = cache_directory()
    with contextlib.ExitStack() as stack:
        if directory is None or not stack.enter_context(_locked(directory)):
            return [_compiled(function, signature, cache=False) for function, signature in functions.items()]
        stack.enter_context(_numba_cache(directory))
        try:
            return [_compiled(function, signature, cache=True) for function, signature in functions.items()]
        except Exception:  # noqa: BLE001 - whatever a damaged file makes numba or pickle raise: compile anew
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True, exist_ok=True)
            return [_compiled(function, signature, cache=True) for function, signature in functions.items()]


def _compiled(function: Callable[..., Any], signature: str, cache: bool) -> Callable[..., Any]:
    dispatcher = njit(cache=cache, nogil=True, fastmath=FLAGS)(function)
    dispatcher.compile(signature)
    dispatcher.disable_compile()
    compiled: Callable[..., Any] = dispatcher
    return compiled


def cache_directory() -> Path | None:
    """Where these kernels are kept: below NUMBA_CACHE_DIR or else the user's cache directory; None if not writable."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    place = Path(named) if named else _user_cache()
    if place is None:
        log.warning("compiling the kernels anew, as this user has no home to keep them in: set NUMBA_CACHE_DIR")
        return None
    directory = place / "das-hpo" / f"kernels-{_stamp()}"
    try:
        if not directory.exists():
            directory.mkdir(parents=True, exist_ok=True)
            # A warning, as it is what the user waits for.
            log.warning("compiling the kernels for this machine, once: some 15 s of a core")
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        log.warning("compiling the kernels anew, as %s cannot be written (%s): set NUMBA_CACHE_DIR", place, error)
        return None
    return directory


def _user_cache() -> Path | None:
    if sys.platform == "win32":
        return Path(os.environ["LOCALAPPDATA"]) if os.environ.get("LOCALAPPDATA") else None
    return user_folder("XDG_CACHE_HOME", ".cache")


def _stamp() -> str:
    """Names the state of the kernels' source, the versions that compile it, and the CPU."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    target = registry.cpu_target.target_context.codegen().magic_tuple()  # triple, CPU, its features
    digest.update(repr((numba.__version__, sys.version_info[:2], target)).encode())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[bool]:
    """Only one process at a time; where the file system cannot lock, all at once.

    Yields:
        Whether the directory may be used: not if another process, which may be stopped, keeps it for too long.
    """
    path = directory.with_suffix(".lock")
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("a+"))
            free = fcntl is None or _take(file)
        except OSError:
            free = True
        yield free


def _take(file: TextIO) -> bool:
    """Takes the lock and leaves this process's name in the file; False if it does not get free in PATIENCE_S."""
    until = time.monotonic() + PATIENCE_S
    tell_at = time.monotonic() + TELL_AFTER_S
    while not _taken(file):
        now = time.monotonic()
        if now >= until:
            log.warning("the lock %s was not given up: compiling the kernels for this process alone", file.name)
            return False
        if now >= tell_at:
            tell_at = math.inf
            file.seek(0)
            log.warning(
                "waiting for %s, which compiles the kernels (lock %s): if it is stopped, end it; "
                "in %.0f s this process compiles them for itself",
                file.read(200).strip() or "another process",
                file.name,
                until - now,
            )
        time.sleep(_LOOK_EVERY_S)
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}")
    file.flush()
    return True


def _taken(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _numba_cache(directory: Path) -> Iterator[None]:
    """numba reads its setting when a function is decorated."""
    before = config.CACHE_DIR  # type: ignore[attr-defined]
    config.CACHE_DIR = str(directory)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        config.CACHE_DIR = before  # type: ignore[attr-defined]
