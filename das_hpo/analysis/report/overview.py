"""The sections over all runs: their list, progress, distributions and comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from das_hpo.analysis.comparison.agreement import with_settings
from das_hpo.analysis.comparison.compare import compare_subjects
from das_hpo.analysis.comparison.subjects import ComparedRun, run_subject
from das_hpo.analysis.comparison.verdicts import verdicts
from das_hpo.analysis.figures.distributions import best_of_k_curves, distributions
from das_hpo.analysis.figures.progress import best_so_far
from das_hpo.analysis.figures.scatter import Panel, Series, scatter
from das_hpo.analysis.figures.style import label_of
from das_hpo.analysis.report.blocks import Block, Items, Section, Text, grid, picture
from das_hpo.analysis.report.run_data import RunData
from das_hpo.analysis.statistics import Values, summarise
from spaces.task import PSNR, Metric

#: More subjects than this would make too many pairs for a page.
MOST_COMPARED = 8

#: With more pairs than this, the table alone shows them, and there is no sentence for each.
MOST_SENTENCES = 6

#: The largest number of samples in one figure of distributions.
MOST_SAMPLES = 30


def overview(runs_data: Sequence[RunData], margin: float | None = None) -> list[Section]:
    """The sections that come before those of the single runs.

    Args:
        runs_data: The runs and campaigns.
        margin: As for :func:`das_hpo.analysis.comparison.compare.compare_subjects`.
    """
    runs = [data for data in runs_data if data.summary.run.kind == "run"]
    sections = [Section("runs", "Runs", (_runs(runs_data),))]
    # Scores of different tasks must not be drawn in one figure.
    tasks = list(dict.fromkeys(data.summary.run.task for data in runs_data))
    caption = "Each run by its own objective. Thick: at its largest budget, where the incumbent is from."
    progress = [
        picture(
            f"best so far{_of(task, tasks)}",
            caption,
            best_so_far({r.name: r.frame for r in found}, {r.name: r.value for r in found}, found[0].metric),
        )
        for task in tasks
        if (found := [run for run in runs if run.summary.run.task == task])
    ]
    if progress:
        sections.append(Section("progress", "Best so far", tuple(progress)))
    for number, task in enumerate(tasks):
        found = [data for data in runs_data if data.summary.run.task == task]
        sections += _of_task(found, "" if number == 0 else f"-{number + 1}", _of(task, tasks), margin)
    return sections


def _of(task: str, tasks: Sequence[str]) -> str:
    return f" of {task}" if len(tasks) > 1 else ""


def _of_task(runs_data: Sequence[RunData], anchor: str, of: str, margin: float | None) -> list[Section]:
    """Distributions and comparison of the runs of one task."""
    sections: list[Section] = []
    metric = runs_data[0].metric
    trials = {data.name: data.trials["architecture_score"] for data in runs_data if len(data.trials)}
    trials = {name: values for name, values in trials.items() if values.notna().any()}
    if trials:
        title = f"Architecture {metric.name} of the trials{of}"
        sections.append(Section(f"distributions{anchor}", title, _distributions(trials, metric)))
    if len(trials) > 1:
        sections.append(Section(f"comparison{anchor}", f"Comparison{of}", _comparison(runs_data, margin)))
    return sections


def _runs(runs_data: Sequence[RunData]) -> Block:
    metrics = {str(data.metric) for data in runs_data}
    best = f"best {metrics.pop()}" if len(metrics) == 1 else "best score"
    columns = (
        "run", "kind", "objective", "space", "operations", "data", "method", "optimizer", "seed", "status",
        "configurations", "completed", "diverged", "failed", "open", best,
    )  # fmt: skip
    rows = []
    for data in runs_data:
        summary, run, counts = data.summary, data.summary.run, data.summary.counts
        rows.append(
            (
                run.name, run.kind, run.objective, run.space, run.operations, run.data, run.method, run.optimizer,
                run.seed, run.state, summary.configurations, counts["completed"], counts["diverged"],
                counts["failed"], counts["queued"] + counts["running"], summary.best_score,
            )
        )  # fmt: skip
    return grid("One row a run. The best is by its own objective, at its largest budget.", columns, rows)


def _distributions(trials: Mapping[str, Values], metric: Metric) -> tuple[Block, ...]:
    rows = []
    for name, values in trials.items():
        summary = summarise(values)
        mean, median = summary.mean_interval, summary.median_interval
        rows.append(
            (
                name, summary.trials, summary.diverged, summary.maximum, summary.mean, mean.low, mean.high,
                summary.median, median.low, median.high, summary.iqr, summary.standard_deviation,
            )
        )  # fmt: skip
    columns = (
        "run", "trials", "diverged", "max", "mean", "mean, low", "mean, high", "median", "median, low",
        "median, high", "IQR", "SD",
    )  # fmt: skip
    shown = dict(list(trials.items())[:MOST_SAMPLES])
    label = label_of("architecture_score", metric)
    unit = f"In {metric.unit}" if metric.unit else metric.name.capitalize()
    blocks: list[Block] = [
        Text(
            "All evaluations at the largest budget of each run. For a campaign these are trials of one configuration; "
            "for an optimisation they are of different configurations."
        ),
        picture(
            f"distribution of the architecture {metric.name}",
            "Every point is a trial.",
            distributions(shown, label=label),
        ),
        picture(
            "expected best of k trials",
            "What keeping the best of k trials is expected to give, with 95 % bands where curves are few.",
            best_of_k_curves(shown, label=label, larger_is_better=metric.larger_is_better),
        ),
        grid(
            f"{unit}; intervals are 95 %, where they cover it; diverged trials are in no number but their own.",
            columns,
            rows,
            decibels=columns if metric == PSNR else (),
        ),
    ]
    return tuple(blocks)


def _comparison(runs_data: Sequence[RunData], margin: float | None) -> tuple[Block, ...]:
    import pandas

    metric = runs_data[0].metric
    unit = f" ({metric.unit})" if metric.unit else ""
    able = [data for data in runs_data if data.trials["architecture_score"].notna().any()]
    campaigns = [with_settings(data.frame, data.summary.run) for data in able if data.summary.run.kind == "campaign"]
    pool = pandas.concat(campaigns, ignore_index=True) if campaigns else None
    subjects = [run_subject(ComparedRun.of(data.summary.run, data.frame), pool) for data in able[:MOST_COMPARED]]
    compared = compare_subjects(subjects, margin=margin)
    columns = (
        "A", "B", "test", "p", "p (Holm)", "P(A better)", "low", "high", f"typical A - B{unit}", f"low{unit}",
        f"high{unit}",
    )  # fmt: skip
    rows = [
        (
            c.first, c.second, c.test, c.p_value, c.p_holm, c.improvement, c.improvement_interval.low,
            c.improvement_interval.high, c.difference, c.difference_interval.low, c.difference_interval.high,
        )
        for c in compared.comparisons
    ]  # fmt: skip
    series = tuple(Series(s.name, s.frame["one_shot_score"], s.frame["architecture_score"]) for s in subjects)
    said = verdicts(compared)
    if len(compared.comparisons) > MOST_SENTENCES:
        # The table says the same of every pair.
        pairs = tuple(f"{c.first} against {c.second}: " for c in compared.comparisons)
        said = [sentence for sentence in said if not sentence.startswith(pairs)]
    blocks: list[Block] = [
        Items(tuple(said)),
        grid(
            f"Tests on the architecture {metric.name}, corrected together; intervals are 95 %. Typical A - B is the "
            "median difference between a trial of A and one of B; it is infinite where one of them diverges too often.",
            columns,
            rows,
            decibels=columns[5:] if metric == PSNR else (),
        ),
        picture(
            f"one-shot against architecture {metric.name} of all runs",
            "All budgets. A negative correlation means that better searches found worse architectures.",
            scatter([Panel("all runs", series)], metric),
        ),
    ]
    if len(able) > MOST_COMPARED:
        blocks.insert(0, Text(f"The first {MOST_COMPARED} of {len(able)}; das-hpo compare NAME ... takes any."))
    return tuple(blocks)
