"""Compiles the kernels once and keeps them on disk.

numba's own cache sees a change only in the file of the function it compiles, tells the CPUs of a shared home apart
inside one index that concurrent writers overwrite, and lies in the package, which may be read-only. So the kernels
get a directory of their own for each state of their source, version of numba and CPU, and one process at a time
fills it; a second worker that starts meanwhile waits, and then loads what the first compiled.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numba
from numba import config, njit
from numba.core import registry

from workers.kernels.signals import FLAGS

try:
    import fcntl
except ImportError:  # Windows: without the lock, workers that start together all compile.
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)


def compile_kernels(functions: Mapping[Callable[..., Any], str]) -> list[Callable[..., Any]]:
    """Compiles each function for its signature, or loads it from disk.

    Args:
        functions: Python functions with the signature, in numba's words, that each is called with.

    Returns:
        The compiled functions, in the same order; they take arguments of their signature only.
    """
    directory = cache_directory()
    if directory is None:
        return [_compiled(function, signature, cache=False) for function, signature in functions.items()]
    with _locked(directory), _numba_cache(directory):
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
    directory = Path(os.environ.get("NUMBA_CACHE_DIR") or _user_cache()) / "das-hpo" / f"kernels-{_stamp()}"
    try:
        if not directory.exists():
            directory.mkdir(parents=True, exist_ok=True)
            # A warning, as it is what the user waits for.
            log.warning("compiling the kernels for this machine, once: some 15 s of a core")
        tempfile.TemporaryFile(dir=directory).close()
    except OSError:
        return None
    return directory


def _user_cache() -> str:
    if sys.platform == "win32":
        return os.environ.get("LOCALAPPDATA", "")
    return os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")


def _stamp() -> str:
    """Names the state of the kernels' source, the versions that compile it, and the CPU."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    target = registry.cpu_target.target_context.codegen().magic_tuple()  # triple, CPU, its features
    digest.update(repr((numba.__version__, sys.version_info[:2], target)).encode())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Only one process at a time; where the file system cannot lock, all at once."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            file = stack.enter_context(open(directory.with_suffix(".lock"), "w"))
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _numba_cache(directory: Path) -> Iterator[None]:
    """numba reads its setting when a function is decorated."""
    before = config.CACHE_DIR  # type: ignore[attr-defined]
    config.CACHE_DIR = str(directory)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        config.CACHE_DIR = before  # type: ignore[attr-defined]
