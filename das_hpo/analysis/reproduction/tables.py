"""Tables 1 to 4 from trials in the database, beside the published numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from das_hpo.analysis.reproduction import paper
from das_hpo.analysis.statistics import Interval, Values, best_of_k, median_best, summarise
from das_hpo.analysis.statistics.samples import as_values, finished
from das_hpo.output import Table, decibels, signed

if TYPE_CHECKING:
    import pandas

#: Explains the columns, below a printed table.
LEGEND = (
    "PSNR in dB of the retrained architecture; 'paper' is the published number, 'diff' ours minus it, intervals are "
    "95 % of our trials alone; means have one from 40 trials on. A maximum grows with the number of trials and has "
    "no interval."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a reproduced table; NaN where there are no trials.

    Attributes:
        published: The paper's row.
        trials: Number of our trials, including those that diverged.
        diverged: Number of trials without a PSNR; they are in no maximum and no mean, and the worst in the median.
        maximum: In dB.
        mean: In dB.
        mean_interval: Of our mean.
        median: In dB.
        median_interval: Of our median.
        duration_s: Mean time of a trial (of all its draws, for random search), in seconds; NaN if unknown.
    """

    published: paper.PublishedRow
    trials: int
    diverged: int
    maximum: float
    mean: float
    mean_interval: Interval
    median: float
    median_interval: Interval
    duration_s: float = math.nan

    @property
    def median_agrees(self) -> bool | None:
        """Whether the published median lies in our median's interval; None without an interval."""
        if not self.median_interval.defined:
            return None
        return self.published.median in self.median_interval


@dataclass(frozen=True, slots=True)
class Sample:
    """The trials of one cell.

    Attributes:
        values: Architecture PSNR of each finished trial, NaN for diverged.
        duration_s: Mean seconds of a trial; NaN if unknown.
    """

    values: Values
    duration_s: float = math.nan


def sample_of(frame: pandas.DataFrame, value: str = "architecture_psnr") -> Sample:
    """The finished trials of a campaign: completed and diverged, not failed ones (infrastructure).

    Args:
        frame: Rows of the view ``results`` of one campaign.
        value: The PSNR that counts.
    """
    done = finished(frame)
    duration = done["duration_s"].mean() if len(done) else math.nan
    return Sample(done[value], float(duration))


def row(published: paper.PublishedRow, sample: Sample | None, *, level: float = 0.95) -> Row:
    """One row from the trials of its source cell; random search is the best of several random architectures."""
    if sample is None:
        sample = Sample([])
    values = as_values(sample.values)
    summary = summarise(values, level=level)
    if published.cell.method != "random-search":
        return Row(
            published=published,
            trials=summary.trials,
            diverged=summary.diverged,
            maximum=summary.maximum,
            mean=summary.mean,
            mean_interval=summary.mean_interval,
            median=summary.median,
            median_interval=summary.median_interval,
            duration_s=sample.duration_s,
        )
    none = Interval.undefined(level)
    mean, mean_interval, median, median_interval = math.nan, none, math.nan, none
    draws = paper.RANDOM_SEARCH_DRAWS
    if len(values) >= draws:
        curve = best_of_k(values, [draws], level=level)
        mean = curve.expected[0]
        mean_interval = Interval(curve.low[0], curve.high[0], level, "jackknife")
        median, median_interval = median_best(values, draws, level=level)
    return Row(
        published=published,
        trials=summary.trials,
        diverged=summary.diverged,
        maximum=summary.maximum,
        mean=mean,
        mean_interval=mean_interval,
        median=median,
        median_interval=median_interval,
        duration_s=draws * sample.duration_s,
    )


def rows(table: str, samples: Mapping[paper.Cell, Sample], *, level: float = 0.95) -> list[Row]:
    """The rows of a table in the paper's order.

    Args:
        table: ``table1`` to ``table4``.
        samples: Trials by source cell; a cell that is missing makes a row without numbers.
        level: Confidence level.

    Raises:
        UnknownNameError: For an unknown table.
    """
    return [
        row(published, samples.get(published.cell.source), level=level) for published in paper.published_rows(table)
    ]


COLUMNS = (
    "table", "operations", "data", "row", "trials", "diverged",
    "max", "max_paper", "max_diff",
    "mean", "mean_low", "mean_high", "mean_paper", "mean_diff",
    "median", "median_low", "median_high", "median_paper", "median_diff", "median_agrees",
    "duration_s", "trials_paper",
)  # fmt: skip


def as_table(table_rows: Iterable[Row]) -> Table:
    """All numbers of the rows, for JSON and CSV."""
    records = []
    for each in table_rows:
        theirs = each.published
        records.append(
            {
                "table": theirs.table,
                "operations": theirs.cell.operations,
                "data": theirs.cell.data,
                "row": theirs.label,
                "trials": each.trials,
                "diverged": each.diverged,
                "max": _number(each.maximum),
                "max_paper": theirs.maximum,
                "max_diff": _number(each.maximum - theirs.maximum),
                "mean": _number(each.mean),
                "mean_low": _number(each.mean_interval.low),
                "mean_high": _number(each.mean_interval.high),
                "mean_paper": theirs.mean,
                "mean_diff": _number(each.mean - theirs.mean),
                "median": _number(each.median),
                "median_low": _number(each.median_interval.low),
                "median_high": _number(each.median_interval.high),
                "median_paper": theirs.median,
                "median_diff": _number(each.median - theirs.median),
                "median_agrees": each.median_agrees,
                "duration_s": _number(each.duration_s),
                "trials_paper": theirs.trials,
            }
        )
    return Table.of(records, COLUMNS)


def as_reading_table(table_rows: Iterable[Row]) -> Table:
    """The rows for people: ours and the paper's side by side, the interval in brackets."""
    columns = (
        "ops", "data", "row", "trials", "max", "paper", "diff ",
        "mean", "95 %", "paper ", "diff  ", "median", "95 % ", "paper  ", "diff   ",
    )  # fmt: skip
    lines = []
    for each in table_rows:
        theirs = each.published
        trials = str(each.trials) + (f" ({each.diverged} div.)" if each.diverged else "")
        lines.append(
            (
                theirs.cell.operations, theirs.cell.data, theirs.label, trials,
                decibels(each.maximum), decibels(theirs.maximum), signed(each.maximum - theirs.maximum),
                decibels(each.mean), f"{each.mean_interval}", decibels(theirs.mean),
                signed(each.mean - theirs.mean),
                decibels(each.median), f"{each.median_interval}", decibels(theirs.median),
                signed(each.median - theirs.median),
            )
        )  # fmt: skip
    return Table(columns, tuple(lines))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
