"""Logging of the commands: lines on stderr. Only the command line sets it up."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

FORMAT = "%(asctime)s %(levelname)s %(message)s"

#: The loggers of das-hpo's packages; those of the libraries below stay as they are.
PACKAGES = ("das_hpo", "workers", "storage", "spaces")


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
