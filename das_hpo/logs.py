"""Logging of the commands: lines on stderr. Only the command line sets it up."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TextIO

from spaces.errors import InvalidValueError

FORMAT = "%(asctime)s %(levelname)s %(message)s"

#: The environment variable that names the folder of the workers' logs.
FOLDER = "DAS_HPO_LOG_DIR"

#: The loggers of das-hpo's packages; those of the libraries below stay as they are.
PACKAGES = ("das_hpo", "workers", "storage", "spaces")


def file_of(folder: Path, worker: str) -> Path:
    """The log of the worker of that name, in the folder of ``das-hpo worker --log-dir``."""
    return folder / f"{worker.replace('/', '_')}.log"


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever sys.stderr is at the moment, so that lines go above a live progress bar."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        raise AttributeError("the stream is sys.stderr")


def start(*, verbose: bool = False, least: int = logging.INFO) -> None:
    """Lets das-hpo's loggers write to stderr: the level ``least`` and above, or everything. May be called again."""
    handler = _Stderr()
    handler.setFormatter(logging.Formatter(FORMAT, datefmt="%Y-%m-%d %H:%M:%S"))
    for name in PACKAGES:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.DEBUG if verbose else least)
        logger.propagate = False


def write_to(folder: Path, worker: str) -> None:
    """Lets das-hpo's loggers write to the worker's file of that folder, too; what it holds stays.

    Raises:
        InvalidValueError: If no file can be written there.
    """
    path = file_of(folder, worker)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise InvalidValueError(f"no log can be written to {path}: {error.strerror}") from None
    handler.setFormatter(logging.Formatter(FORMAT, datefmt="%Y-%m-%d %H:%M:%S"))
    for name in PACKAGES:
        logging.getLogger(name).addHandler(handler)
