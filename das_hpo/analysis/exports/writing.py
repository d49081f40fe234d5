"""What a format of another tool is, and how an export comes to its place: whole, or not at all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from das_hpo import __version__
from das_hpo.analysis.exports.source import ExportedRun
from spaces.errors import InvalidValueError

#: A file in every folder that is written: only such a folder is ever replaced.
MARK = "das-hpo-export.json"


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format of another tool.

    Attributes:
        summary: What is written, in a few words for the help.
        write: Writes a run to a path that is not there yet: a file or a folder. The second path is where the draft
            will be moved to; its ending tells formats apart. Returns what it left out, in words; empty for nothing.
        opens: The command that opens what was written at a path.
    """

    summary: str
    write: Callable[[ExportedRun, Path, Path], str]
    opens: Callable[[Path], str]


def check_target(target: Path, *, force: bool) -> None:
    """Refuses a place where nothing can be written, or where something is that is not to be replaced.

    Raises:
        InvalidValueError: Says what is there and what to do.
    """
    if not target.parent.is_dir():
        raise InvalidValueError(f"-o takes a path in a folder that exists, got {str(target)!r}")
    if not target.exists():
        return
    if not force:
        raise InvalidValueError(f"{target} is there already: name another path, or replace it with --force")
    if target.is_dir() and not (target / MARK).is_file():
        raise InvalidValueError(f"{target} is a folder that das-hpo export did not make: name another path")
    if not target.is_dir() and not target.is_file():
        raise InvalidValueError(f"{target} is no regular file: name another path")


def export_run(run: ExportedRun, made: ExportFormat, target: Path, *, force: bool = False) -> str:
    """Writes a run in a format: into a folder beside the target first, which is then renamed.

    Returns:
        What was left out, in words; empty for nothing.

    Raises:
        InvalidValueError: If something is there, or the format cannot hold the run.
    """
    check_target(target, force=force)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        draft = Path(folder) / target.name
        left_out = made.write(run, draft, target)
        if draft.is_dir():
            (draft / MARK).write_text(json.dumps({"run": run.record.name, "version": __version__}) + "\n")
        if target.is_dir():
            target.rename(Path(folder) / "before")  # and is removed with the folder
        draft.replace(target)
    return left_out


def write_lines(path: Path, values: Iterable[Any]) -> None:
    """Writes one JSON value a line."""
    path.write_text("".join(json.dumps(value, allow_nan=False) + "\n" for value in values))
