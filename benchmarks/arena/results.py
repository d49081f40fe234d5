"""What the runs gave, in one compressed file of comma-separated values: a line for each run and checkpoint."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas

from das_hpo.files import write_file


@dataclass(frozen=True)
class Line:
    """The incumbent of one run at one cost.

    Attributes:
        suite: Of the problem.
        problem: Its name.
        optimizer: Its registered name.
        seed: Of the run.
        checkpoint: The cost at which the incumbent was looked at.
        score: Of the incumbent, without the noise that chose it; smaller is better; infinite if there was none.
        loss: By which it was chosen.
        spent: What the whole run cost, in the problem's unit.
        evaluations: How many evaluations the whole run had.
        models: How many configurations of the whole run a model proposed.
        deciding_s: Seconds of a core that the optimiser itself took in the whole run.
    """

    suite: str
    problem: str
    optimizer: str
    seed: int
    checkpoint: float
    score: float
    loss: float
    spent: float
    evaluations: int
    models: int
    deciding_s: float


COLUMNS = tuple(field.name for field in fields(Line))


class ResultFile:
    """The lines of all runs that are complete.

    Args:
        path: The file; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[tuple[str, str, str, int, float], Line] = {}
        if path.exists():
            for row in read_results(path).itertuples(index=False):
                self._keep(Line(*row))

    def has(self, problem: tuple[str, str], optimizer: str, seed: int, checkpoints: Sequence[float]) -> bool:
        """Whether that run is there, with all these checkpoints."""
        return all((*problem, optimizer, seed, checkpoint) in self._lines for checkpoint in checkpoints)

    def add(self, lines: Iterable[Line]) -> None:
        """Takes a run in; :meth:`save` writes it."""
        for line in lines:
            self._keep(line)

    def save(self) -> None:
        """Writes the file, completely or not at all; equal runs make equal files."""
        text = io.StringIO()
        self.frame.to_csv(text, index=False, lineterminator="\n")
        write_file(self._path, lambda path: path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0)))

    @property
    def frame(self) -> pandas.DataFrame:
        """All lines."""
        return pandas.DataFrame([asdict(line) for _, line in sorted(self._lines.items())], columns=list(COLUMNS))

    def _keep(self, line: Line) -> None:
        self._lines[line.suite, line.problem, line.optimizer, line.seed, line.checkpoint] = line


def read_results(path: Path) -> pandas.DataFrame:
    """The lines of a file."""
    return pandas.read_csv(path, dtype={"seed": int, "checkpoint": float})


def complete(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The lines of those problems and seeds for which every optimiser of the suite has a run."""
    wanted = frame.groupby("suite")["optimizer"].transform("nunique")
    return frame[frame.groupby(["suite", "problem", "seed"])["optimizer"].transform("nunique") == wanted]


def final(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The lines of each problem's last checkpoint."""
    return frame[frame["checkpoint"] == frame.groupby(["suite", "problem"])["checkpoint"].transform("max")]
