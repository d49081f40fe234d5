"""The data of runs while they are written: each is read once, and extended by the evaluations that ended since."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from das_hpo.analysis.report.run_data import RunData
from spaces.identity import ConfigurationId
from storage.entries import FINISHED_STATUSES

if TYPE_CHECKING:
    import pandas

    from storage.engine import Database
    from storage.records import RunSummary

#: So many runs are kept, those that were asked for last.
MOST_RUNS = 32


@dataclass
class KeptFrame:
    """The finished evaluations of one run.

    Attributes:
        run_id: The database's id: a run that was deleted and made again under its name has another.
        frame: Its rows, in the order of :func:`storage.frames.load_results`.
        lock: Held while it is extended.
    """

    run_id: int
    frame: pandas.DataFrame | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class LiveRuns:
    """Reads runs; from any thread.

    Args:
        database: Open, read-only.
        url: Where it is.
    """

    def __init__(self, database: Database, url: str) -> None:
        self.database = database
        self.url = url
        self._kept: OrderedDict[str, KeptFrame] = OrderedDict()
        self._lock = threading.Lock()

    def summaries(self) -> list[RunSummary]:
        """All runs, the oldest first."""
        from storage import queries

        return queries.runs(self.database)

    def data(self, summary: RunSummary) -> RunData:
        """A run with all its evaluations that have an end."""
        return RunData(self.url, summary, self._frame(summary))

    def _frame(self, summary: RunSummary) -> pandas.DataFrame:
        name, run_id = summary.run.name, summary.run.id
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or kept.run_id != run_id:
                kept = self._kept[name] = KeptFrame(run_id)
            self._kept.move_to_end(name)
            while len(self._kept) > MOST_RUNS:
                self._kept.popitem(last=False)
        with kept.lock:
            ended = sum(summary.counts[status] for status in FINISHED_STATUSES)
            if kept.frame is None or ended > len(kept.frame):
                kept.frame = self._extended(name, kept.frame)
            return kept.frame

    def _extended(self, name: str, known: pandas.DataFrame | None) -> pandas.DataFrame:
        from storage.frames import load_results

        last = 0 if known is None or known.empty else int(known["sequence"].max())
        new = load_results(self.url, name, after=last)
        return new if known is None or known.empty else joined(known, new)


def joined(known: pandas.DataFrame, new: pandas.DataFrame) -> pandas.DataFrame:
    """Two frames of one run as :func:`storage.frames.load_results` would have given them together."""
    import pandas

    if new.empty:
        return known
    names = list(dict.fromkeys([*known.attrs["hyperparameters"], *new.attrs["hyperparameters"]]))
    frame = pandas.concat([known, new], ignore_index=True)
    frame = frame.sort_values([*ConfigurationId._fields, "budget", "replicate"], kind="stable", ignore_index=True)
    frame.attrs["hyperparameters"] = names
    return frame
