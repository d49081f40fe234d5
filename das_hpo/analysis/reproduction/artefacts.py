"""Tables and figures of the cells' trials beside the published ones. Nothing is read from storage or trained here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from das_hpo.analysis.reproduction import paper
from das_hpo.files import write_file
from das_hpo.output import Table

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


def table(target: str, frames: Mapping[paper.Cell, pandas.DataFrame], *, reading: bool) -> Table:
    """A reproduced table, with all numbers or for people (``reading``)."""
    from das_hpo.analysis.reproduction import tables

    rows = tables.rows(target, {cell: tables.sample_of(frame) for cell, frame in frames.items()})
    return tables.as_reading_table(rows) if reading else tables.as_table(rows)


DRAWS_COLUMNS = (
    "operations", "data", "psnr_to_beat", "of", "random_trials", "beating", "draws", "draws_low", "draws_high",
    "draws_paper", "das_s", "random_s", "draws_in_the_time_of_one_das",
)  # fmt: skip


def draws_table(frames: Mapping[paper.Cell, pandas.DataFrame], space: str = "sequential") -> Table:
    """How many random architectures it takes to beat a median of DAS, ours and the published one (section 5.2)."""
    from das_hpo.analysis.statistics import draws_to_beat, summarise

    published = {row.cell: row.median for row in paper.published_rows("table1" if space == "sequential" else "table2")}
    paper_draws = paper.published()["text_findings"]["random_search_steps_to_beat_das_median_all_ops_blur"]
    records = []
    for operations in paper.OPERATIONS:
        for data in paper.DATA:
            das, random = (paper.Cell(space, operations, data, method) for method in ("das", "random"))
            if das not in frames or random not in frames:
                continue
            ours = summarise(frames[das]["architecture_psnr"]).median
            seconds = [float(frames[cell]["duration_s"].mean()) for cell in (das, random)]
            for of, psnr in (("our DAS median", ours), ("the paper's DAS median", published[das])):
                if not math.isfinite(psnr):  # half of DAS's trials diverged, or there are none
                    continue
                found = draws_to_beat(frames[random]["architecture_psnr"], psnr)
                theirs = of.startswith("the") and (space, operations, data) == ("sequential", "all", "blur")
                records.append(
                    {
                        "operations": operations,
                        "data": data,
                        "psnr_to_beat": psnr,
                        "of": of,
                        "random_trials": found.trials,
                        "beating": found.beating,
                        "draws": found.expected,
                        "draws_low": found.interval.low,
                        "draws_high": found.interval.high,
                        "draws_paper": paper_draws if theirs else None,
                        "das_s": seconds[0],
                        "random_s": seconds[1],
                        "draws_in_the_time_of_one_das": seconds[0] / seconds[1] if seconds[1] > 0 else None,
                    }
                )
    return Table.of(records, DRAWS_COLUMNS, DRAWS_COLUMNS[:-3])


CORRELATION_COLUMNS = (
    "figure", "panel", "series", "trials", "pairs", "pearson", "pearson_low", "pearson_high",
    "spearman", "spearman_low", "spearman_high", "kendall", "kendall_low", "kendall_high",
    "slope", "slope_low", "slope_high",
)  # fmt: skip


def correlation_table(target: str, frames: Mapping[paper.Cell, pandas.DataFrame]) -> Table:
    """The correlations behind a scatter plot, with intervals."""
    from das_hpo.analysis.statistics import correlations, regression_line

    records = []
    for panel in paper.FIGURES[target]:
        for name, cell in panel.cells:
            if cell not in frames:
                continue
            x, y = frames[cell]["one_shot_psnr"], frames[cell]["architecture_psnr"]
            record: dict[str, object] = {"figure": target, "panel": panel.title, "series": name, "trials": len(x)}
            for kind, found in correlations(x, y).items():
                record |= {
                    kind: found.coefficient,
                    f"{kind}_low": found.interval.low,
                    f"{kind}_high": found.interval.high,
                    "pairs": found.pairs,
                }
            line = regression_line(x, y)
            record |= {
                "slope": line.slope,
                "slope_low": line.slope_interval.low,
                "slope_high": line.slope_interval.high,
            }
            records.append({column: _known(value) for column, value in record.items()})
    return Table.of(records, CORRELATION_COLUMNS, CORRELATION_COLUMNS[1:11])


def figure(target: str, frames: Mapping[paper.Cell, pandas.DataFrame]) -> Figure:
    """A figure like the paper's, of the trials that are there."""
    from das_hpo.analysis.figures.scatter import Panel, Series, scatter

    if target == "figure9":
        return _drawn(frames)
    panels = []
    for panel in paper.FIGURES[target]:
        series = [
            Series(name, frames[cell]["one_shot_psnr"], frames[cell]["architecture_psnr"])
            for name, cell in panel.cells
            if cell in frames
        ]
        panels.append(Panel(panel.title, tuple(series)))
    return scatter(panels)


def _drawn(frames: Mapping[paper.Cell, pandas.DataFrame]) -> Figure:
    """The found architecture with the best PSNR of each cell of Figure 9."""
    from das_hpo.analysis.figures.architectures import architectures

    drawn = []
    for cell in paper.FIGURE9:
        if cell not in frames:
            continue
        ranked = frames[cell].dropna(subset=["architecture_psnr"]).sort_values("architecture_psnr", kind="stable")
        if len(ranked):
            best = ranked.iloc[-1]
            title = f"{cell.operations} operations, {cell.data}, {cell.preset}: {best['architecture_psnr']:.2f} dB"
            drawn.append((f"{title}, the best of {len(ranked)}", str(best["architecture"])))
    return architectures(drawn)


VARIANCE_COLUMNS = (
    "operations", "data", "architectures", "trainings", "variance_between", "variance_within", "share", "share_low",
    "share_high", "ceiling", "ceiling_low", "ceiling_high", "pearson", "pearson_low", "pearson_high", "trials",
)  # fmt: skip


def variance_table(
    again: Mapping[paper.Cell, pandas.DataFrame], frames: Mapping[paper.Cell, pandas.DataFrame]
) -> Table:
    """The variance between architectures and between retrainings of one, beside the correlation that was found.

    ``ceiling`` is the largest correlation with one training's PSNR that any predictor could have; ``pearson`` is
    that of the one-shot PSNR over all trials of the cell.
    """
    from das_hpo.analysis.statistics import correlation, variance_split_frame

    records = []
    for cell, rows in again.items():
        split = variance_split_frame(rows)
        ceiling = split.ceiling_interval()
        found = correlation(frames[cell]["one_shot_psnr"], frames[cell]["architecture_psnr"])
        record = {
            "operations": cell.operations,
            "data": cell.data,
            "architectures": split.architectures,
            "trainings": split.retrainings,
            "variance_between": split.between,
            "variance_within": split.within,
            "share": split.share,
            "share_low": split.share_interval.low,
            "share_high": split.share_interval.high,
            "ceiling": split.ceiling(),
            "ceiling_low": ceiling.low,
            "ceiling_high": ceiling.high,
            "pearson": found.coefficient,
            "pearson_low": found.interval.low,
            "pearson_high": found.interval.high,
            "trials": found.pairs,
        }
        records.append({column: _known(value) for column, value in record.items()})
    return Table.of(records, VARIANCE_COLUMNS)


def turned(table: Table, heads: Sequence[str]) -> Table:
    """The transposed table: a column for every row, headed by some of its values; for few rows of many columns."""
    named = [table.columns.index(name) for name in heads]
    places = [place for place in range(len(table.columns)) if place not in named]
    columns = ("", *(", ".join(str(row[place]) for place in named) for row in table.rows))
    return Table(columns, tuple((table.columns[place], *(row[place] for row in table.rows)) for place in places))


def distribution_figure(target: str, frames: Mapping[paper.Cell, pandas.DataFrame]) -> Figure:
    """The distributions of the trials behind a table beside the published numbers, a panel for each data formation."""
    from das_hpo.analysis.figures.published import PublishedSample, beside_published
    from das_hpo.analysis.reproduction import tables

    samples = {cell: tables.sample_of(frame) for cell, frame in frames.items()}
    panels: dict[str, list[PublishedSample]] = {}
    for row in tables.rows(target, samples):
        cell = row.published.cell
        if cell.source not in frames:
            continue
        values = frames[cell]["architecture_psnr"] if cell in frames else None
        panels.setdefault(cell.data, []).append(
            PublishedSample(
                f"{cell.operations}, {row.published.label}", f"{cell.operations} operations", values, row.median,
                row.maximum, row.published.median, row.published.maximum,
            )
        )  # fmt: skip
    return beside_published(panels)


def write_tables(folder: Path, name: str, complete: Table, text: str) -> None:
    """Writes a table as CSV with all numbers and as text for people (write, then rename)."""
    from das_hpo.output import as_csv

    folder.mkdir(parents=True, exist_ok=True)
    for suffix, content in (("csv", as_csv(complete)), ("txt", text)):
        target = folder / f"{name}.{suffix}"
        write_file(target, partial(Path.write_bytes, data=content.encode()))


def _known(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value
