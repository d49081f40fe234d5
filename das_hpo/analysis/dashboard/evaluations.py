"""The views of evaluations: all of a run, filtered and ordered, and one with everything that is stored of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from das_hpo.analysis.charts.curves import learning_curves
from das_hpo.analysis.charts.hyperparameters import parallel_coordinates
from das_hpo.analysis.charts.scores import identities, scatter
from das_hpo.analysis.dashboard.live import LiveRuns
from das_hpo.analysis.dashboard.views import ADDRESSES, LiveView
from das_hpo.analysis.report.addresses import linked
from das_hpo.analysis.report.blocks import Block, Grid, Plot, Section, Text, drawing, grid
from das_hpo.analysis.report.run import weights
from das_hpo.analysis.report.run_data import RunData
from spaces.errors import InvalidValueError
from spaces.identity import ConfigurationId
from spaces.task_registry import DEFAULT_TASK
from storage.browsing import BOUNDED, ORDERS, EvaluationFilter
from storage.entries import EVALUATION_STATUSES
from storage.records import ResultRecord, RunSummary

if TYPE_CHECKING:
    import pandas

#: Rows of a page.
ROWS = 50

#: The columns of the scores and the budget, by the names that addresses have.
COLUMNS = {"one-shot": "one_shot_score", "architecture": "architecture_score", "budget": "budget"}


@dataclass(frozen=True, slots=True)
class Query:
    """What the address of a table of evaluations asks for.

    Attributes:
        chosen: Which evaluations.
        order: One of :data:`storage.browsing.ORDERS`.
        descending: Whether the largest come first.
        page: From 1.
    """

    chosen: EvaluationFilter
    order: str
    descending: bool
    page: int

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Query:
        """Reads an address; what is empty is not asked for.

        Raises:
            UsageError: If something is not valid.
        """
        given = {name: value for name, value in asked.items() if value}
        bounds = {}
        for name in BOUNDED:
            low = _number(given, f"{name}-from", -math.inf)
            high = _number(given, f"{name}-to", math.inf)
            if (low, high) != (-math.inf, math.inf):
                bounds[name] = (low, high)
        chosen = EvaluationFilter(given.get("status"), given.get("worker"), bounds)
        page = int(_number(given, "page", 1.0))
        return cls(chosen, given.get("order", "finished"), given.get("direction", "down") == "down", max(1, page))


def _number(given: Mapping[str, str], name: str, default: float) -> float:
    text = given.get(name)
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise InvalidValueError(f"{name} is a number, got {text!r}")
    return value


def table(live: LiveRuns, summary: RunSummary, asked: Mapping[str, str]) -> LiveView:
    """A page of the evaluations that the address asks for, and charts of all of them where some are left out."""
    from storage import browsing

    query, name = Query.of(asked), summary.run.name
    found = browsing.evaluations(
        live.database, name, query.chosen, order=query.order, descending=query.descending,
        first=(query.page - 1) * ROWS, count=ROWS,
    )  # fmt: skip
    pages = max(1, -(-found.total // ROWS))
    first = (query.page - 1) * ROWS + 1
    caption = (
        f"{first} to {first + len(found.rows) - 1} of {found.total} evaluations." if found.rows else "No evaluation."
    )
    sections = [Section("evaluations", "Evaluations", (results_grid(name, found.rows, summary, caption),))]
    if query.chosen != EvaluationFilter(None, None, {}):
        sections.append(
            Section("chosen", "The finished ones of these", tuple(_charts(live.data(summary), query.chosen)))
        )
    values = {
        "asked": asked, "statuses": EVALUATION_STATUSES, "orders": list(ORDERS), "order": query.order,
        "descending": query.descending, "page": query.page, "pages": pages, "bounded": list(BOUNDED),
    }  # fmt: skip
    return LiveView(name, tuple(sections), name, "evaluations", "evaluations", values)


def _charts(data: RunData, chosen: EvaluationFilter) -> list[Block]:
    rows = kept(data.finished, chosen)
    if rows.empty:
        return [Text("None of them has an end.")]
    chart, drawn = parallel_coordinates(rows, data.value, data.hyperparameters, data.metric)
    return [
        Plot(
            f"One-shot against architecture {data.metric.name}",
            "All budgets that are chosen; no line is drawn, since they may be several.",
            without_line(scatter({data.name: rows}, data.metric)),
        ),
        Plot("Parallel coordinates", f"{drawn} of {len(rows)} evaluations; the lightest are the best.", chart),
    ]


def without_line(chart: dict[str, list[dict[str, object]]]) -> dict[str, list[dict[str, object]]]:
    """The chart with its points alone."""
    return {**chart, "data": [trace for trace in chart["data"] if trace.get("mode") != "lines"]}


def kept(rows: pandas.DataFrame, chosen: EvaluationFilter) -> pandas.DataFrame:
    """The rows that the filter leaves."""
    if chosen.status is not None:
        rows = rows[rows["status"] == chosen.status]
    if chosen.worker is not None:
        rows = rows[rows["worker"] == chosen.worker]
    for name, (low, high) in (chosen.bounds or {}).items():
        rows = rows[rows[COLUMNS[name]].between(low, high)]
    return rows


def identity(row: ResultRecord) -> str:
    """The evaluation as addresses name it."""
    return f"{row.iteration}-{row.stage}-{row.number}/{row.budget!r}/{row.replicate}"


def results_grid(run: str, rows: tuple[ResultRecord, ...], summary: RunSummary, caption: str) -> Grid:
    """Evaluations as a table, each with the address of its own view."""
    metric = summary.run.metric
    columns = (
        "evaluation", "epochs", "status", f"one-shot {metric}", f"architecture {metric}", "origin", "worker",
        "attempts", "seconds", "finished",
    )  # fmt: skip
    cells = [
        (
            linked(f"{row.iteration}-{row.stage}-{row.number}, trial {row.replicate}",
                   ADDRESSES.evaluation(run, identity(row))),
            row.budget, row.status, row.one_shot_score, row.architecture_score, row.origin, row.worker, row.attempts,
            row.duration_s, row.finished_at,
        )
        for row in rows
    ]  # fmt: skip
    return grid(caption, columns, cells)


def one(
    live: LiveRuns, summary: RunSummary, configuration: ConfigurationId, budget: float, replicate: int
) -> LiveView | None:
    """Everything that is stored of one evaluation; None if the run has none such."""
    from storage import browsing, queries

    name = summary.run.name
    stored = browsing.evaluation(live.database, name, configuration, budget, replicate)
    if stored is None:
        return None
    evaluation_id, row = stored
    points = queries.epochs(live.database, name, evaluation_id=evaluation_id)
    title = f"{configuration}, trial {replicate}, {budget:.4g} epochs"
    sections = [
        Section("evaluation", "Evaluation", tuple(_facts(row, summary))),
        Section("attempts", "Attempts", (_attempts(live, name, evaluation_id),)),
    ]
    if points:
        curves: list[Block] = [
            Plot(f"Learning curve: {phase}", "Solid: training batches; dashed: validation batches.", chart)
            for phase, chart in learning_curves({title: points}, summary.run.metric)
        ]
        sections.append(Section("curves", "Learning curves", tuple(curves)))
        if summary.run.task == DEFAULT_TASK:
            mixing = weights(points, summary.run.space, summary.run.operations, title)
            sections += [Section("weights", "Weights of the operations", tuple(mixing))] if mixing else []
    siblings = _siblings(live.data(summary), summary, configuration)
    return LiveView(f"{name}: {title}", (*sections, *siblings), name, "evaluations")


def _facts(row: ResultRecord, summary: RunSummary) -> list[Block]:
    metric = summary.run.metric
    facts = [
        ("status", row.status), ("message", row.message), (f"one-shot {metric}", metric.text(row.one_shot_score)),
        (f"architecture {metric}", metric.text(row.architecture_score)), ("loss told to the optimiser", row.loss),
        ("origin", row.origin), ("seed", row.seed), ("started", row.started_at),
        ("finished", row.finished_at), ("worker's seconds", row.duration_s), ("worker", row.worker),
        ("device", row.device), ("kernel", row.kernel), ("parameters", row.parameters),
        *sorted(row.extras.items()),
    ]  # fmt: skip
    points = [(name.replace("_", " "), value) for name, value in row.hyperparameters.items()]
    blocks: list[Block] = [
        grid("The evaluation.", ("what", "value"), [fact for fact in facts if fact[1] is not None]),
        grid("Its hyperparameters.", ("hyperparameter", "value"), points),
    ]
    if row.architecture:
        blocks.append(drawing("Architecture", row.architecture))
    return blocks


def _attempts(live: LiveRuns, name: str, evaluation_id: int) -> Block:
    from storage import browsing

    rows = [
        (
            each.attempt.number, each.attempt.status, each.attempt.worker.name, each.attempt.worker.host,
            each.attempt.worker.pid, each.attempt.worker.device, each.attempt.started_at, each.attempt.finished_at,
            each.attempt.message,
        )
        for each in browsing.attempts(live.database, name, evaluation_id=evaluation_id)
    ]  # fmt: skip
    columns = ("attempt", "status", "worker", "host", "process", "device", "started", "ended", "message")
    return grid(
        "A worker's log is where its process writes it: its stderr, unless whoever started it keeps it.", columns, rows
    )


def _siblings(data: RunData, summary: RunSummary, configuration: ConfigurationId) -> list[Section]:
    """The finished evaluations of the same configuration."""
    frame = data.frame
    rows = frame[(frame[list(ConfigurationId._fields)] == list(configuration)).all(axis=1)].head(ROWS)
    metric = summary.run.metric
    cells = [
        (
            linked(f"trial {row['replicate']} at {row['budget']:.4g} epochs", ADDRESSES.evaluation(data.name, name)),
            row["status"],
            float(row["one_shot_score"]),
            float(row["architecture_score"]),
        )
        for name, (_, row) in zip(identities(rows), rows.iterrows(), strict=True)
    ]
    columns = ("evaluation", "status", f"one-shot {metric}", f"architecture {metric}")
    caption = f"Finished evaluations of the configuration {configuration}."
    return [Section("configuration", "The same configuration", (grid(caption, columns, cells),))] if cells else []
