"""Logging of the commands: what is shown on stderr, and where it goes."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from das_hpo import logs
from spaces.errors import InvalidValueError


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Gives the packages' loggers back what they had."""
    loggers = [logging.getLogger(name) for name in logs.PACKAGES]
    before = [(logger, logger.handlers, logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def said(monkeypatch: pytest.MonkeyPatch) -> str:
    """What reaches stderr of one message at each level, of das-hpo's and of a library's."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    for name in ("storage.engine", "a_library"):
        for level in ("debug", "info", "warning"):
            getattr(logging.getLogger(name), level)("%s of %s", level, name)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ["info", "warning"]),
        ({"verbose": True}, ["debug", "info", "warning"]),
        ({"least": logging.WARNING}, ["warning"]),
        ({"verbose": True, "least": logging.WARNING}, ["debug", "info", "warning"]),
    ],
    ids=str,
)
def test_the_level_decides_what_is_shown(
    options: dict[str, int], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line each, on whatever stderr is at the moment, and once, however often logging is started."""
    logs.start()
    logs.start(**options)  # type: ignore[arg-type]
    lines = [line for line in said(monkeypatch).splitlines() if "storage.engine" in line]
    assert [line.split()[3] for line in lines] == words


def test_a_worker_logs_into_a_file_of_its_name(tmp_path: Path) -> None:
    """Beside stderr, and after what is there; a folder that cannot be is refused."""
    folder = tmp_path / "a" / "logs"
    for line in ("one", "two"):
        logs.start()
        logs.write_to(folder, "host/x.1")
        logging.getLogger("workers.worker").info(line)
        logging.getLogger("workers").handlers[-1].close()
    lines = logs.file_of(folder, "host/x.1").read_text().splitlines()
    assert [line.split()[-2:] for line in lines] == [["INFO", "one"], ["INFO", "two"]]
    (tmp_path / "file").touch()
    with pytest.raises(InvalidValueError, match="no log can be written to"):
        logs.write_to(tmp_path / "file", "w")
