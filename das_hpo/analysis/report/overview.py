"""The views of several runs: what came out, their list, progress, distributions and comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from das_hpo.analysis.charts.progress import best_so_far
from das_hpo.analysis.charts.scores import best_of_k_curves, distributions, scatter
from das_hpo.analysis.comparison.agreement import with_settings
from das_hpo.analysis.comparison.compare import SideBySide, compare_subjects
from das_hpo.analysis.comparison.subjects import ComparedRun, run_subject
from das_hpo.analysis.comparison.verdicts import verdicts
from das_hpo.analysis.figures.style import label_of
from das_hpo.analysis.report.addresses import Addresses, linked
from das_hpo.analysis.report.blocks import Bar, Block, Grid, Items, Plot, Section, Text, grid
from das_hpo.analysis.report.run_data import RunData
from das_hpo.analysis.report.sentences import conclusion
from das_hpo.analysis.report.status import Standing, standing
from das_hpo.analysis.statistics import Values, correlation, summarise
from spaces.task import PSNR, Metric
from spaces.trial import SCORE_OF
from storage.records import RunSummary

#: More subjects than this would make too many pairs for a page.
MOST_COMPARED = 8

#: With more pairs than this, the table alone shows them, and there is no sentence for each.
MOST_SENTENCES = 6

#: The largest number of samples in one chart of distributions, and of runs in one of progress.
MOST_SAMPLES = 30
MOST_LINES = 12


def overview(runs_data: Sequence[RunData], addresses: Addresses, margin: float | None = None) -> list[Section]:
    """The sections that come before those of the single runs; the conclusion is the first.

    Args:
        runs_data: The runs and campaigns.
        addresses: Where links lead.
        margin: As for :func:`das_hpo.analysis.comparison.compare.compare_subjects`.
    """
    # Scores of different tasks must not be drawn in one chart.
    tasks = list(dict.fromkeys(data.summary.run.task for data in runs_data))
    sections: list[Section] = []
    said: list[str] = []
    for number, task in enumerate(tasks):
        found = [data for data in runs_data if data.summary.run.task == task]
        of = f" of {task}" if len(tasks) > 1 else ""
        sections += _distributions(found, "" if number == 0 else f"-{number + 1}", of)
        compared = side_by_side(found, margin)
        if compared is not None:
            said += sentences(compared)[:1]
            title = f"Comparison{of}"
            blocks = comparison(found, compared)
            sections.append(Section(f"comparison{'' if number == 0 else f'-{number + 1}'}", title, tuple(blocks)))
    said += [f"{data.name}: {conclusion(data)}" for data in runs_data]
    rows = [(data.summary, standing(data.summary, data.frame)) for data in runs_data]
    first = Section("conclusion", "What came out", (Items(tuple(said)),)) if said else None
    shown = [first] if first is not None else []
    return [*shown, Section("runs", "Runs", (runs_grid(rows, addresses),)), *progress(runs_data), *sections]


def runs_grid(runs: Sequence[tuple[RunSummary, Standing]], addresses: Addresses) -> Grid:
    """The list of runs: what each searches, how far it is, and its best score."""
    metrics = {str(summary.run.metric) for summary, _ in runs}
    best = f"best {metrics.pop()}" if len(metrics) == 1 else "best score"
    rows = []
    for summary, now in runs:
        run, counts = summary.run, summary.counts
        lost = [f"{counts[status]} {status}" for status in ("diverged", "failed") if counts[status]]
        what = run.kind if run.kind != "run" else f"{run.optimizer} on the {run.objective} score"
        rows.append(
            (
                linked(run.name, addresses.run(run.name)), what,
                f"{run.space}, {run.operations}, {run.data}, {run.method}", run.state,
                Bar(now.share, now.words), ", ".join(lost) or "none", summary.best_score,
            )
        )  # fmt: skip
    columns = ("run", "what", "problem", "state", "evaluations", "lost", best)
    return grid("The best is by the run's own objective, at its largest budget.", columns, rows)


def progress(runs_data: Sequence[RunData]) -> list[Section]:
    """Best so far: a chart for each task and objective, since their scores are not the same thing."""
    graphs: list[Block] = []
    groups: dict[tuple[str, str], list[RunData]] = {}
    for data in runs_data:
        if data.summary.run.kind == "run" and len(data.finished):
            groups.setdefault((data.summary.run.task, data.summary.run.objective), []).append(data)
    for (task, objective), found in groups.items():
        shown = found[-MOST_LINES:]
        more = f" The latest {len(shown)} of {len(found)} runs." if len(shown) < len(found) else ""
        of = f" of {task}" if len({task for task, _ in groups}) > 1 else ""
        graphs += [
            Plot(
                f"Best {objective} {shown[0].metric.name} so far over {over}{of}",
                f"Thick: at the run's largest budget. Dotted: at any budget.{more}",
                best_so_far({r.name: r.frame for r in shown}, SCORE_OF[objective], shown[0].metric, over=over),
                width="half",
            )
            for over in ("evaluations", "time")
        ]
    return [Section("progress", "Best so far", tuple(graphs))] if graphs else []


def _distributions(runs_data: Sequence[RunData], anchor: str, of: str) -> list[Section]:
    """The architecture scores of the trials of the runs of one task."""
    metric = runs_data[0].metric
    trials = {data.name: data.trials["architecture_score"] for data in runs_data if len(data.trials)}
    trials = {name: values for name, values in trials.items() if values.notna().any()}
    if not trials:
        return []
    title = f"Architecture {metric.name} of the trials{of}"
    return [Section(f"distributions{anchor}", title, tuple(distribution_blocks(trials, metric)))]


def distribution_blocks(trials: Mapping[str, Values], metric: Metric) -> list[Block]:
    """Distributions, best of k and a table of samples."""
    rows = []
    for name, values in trials.items():
        summary = summarise(values)
        rows.append(
            (
                name, summary.trials, summary.diverged, summary.maximum, summary.mean, f"{summary.mean_interval}",
                summary.median, f"{summary.median_interval}", summary.iqr, summary.standard_deviation,
            )
        )  # fmt: skip
    columns = ("run", "trials", "diverged", "max", "mean", "mean, 95 %", "median", "median, 95 %", "IQR", "SD")
    shown = dict(list(trials.items())[:MOST_SAMPLES])
    label = label_of("architecture_score", metric)
    unit = f"In {metric.unit}" if metric.unit else metric.name.capitalize()
    return [
        Text(
            "All evaluations at the largest budget of each run. For a campaign these are trials of one configuration; "
            "for an optimisation they are of different configurations."
        ),
        Plot(
            f"Distribution of the architecture {metric.name}",
            "Every point is a trial; box: quartiles and median.",
            distributions(shown, label),
        ),
        Plot(
            "Expected best of k trials",
            "What keeping the best of k trials is expected to give, with 95 % bands where curves are few.",
            best_of_k_curves(shown, label, larger_is_better=metric.larger_is_better),
        ),
        grid(
            f"{unit}; intervals are shown where they cover 95 %; diverged trials are in no number but their own.",
            columns,
            rows,
            decibels=columns if metric == PSNR else (),
        ),
    ]


def side_by_side(runs_data: Sequence[RunData], margin: float | None = None) -> SideBySide | None:
    """The comparison of runs of one task; None if there are no two with architecture scores."""
    import pandas

    able = [data for data in runs_data if data.trials["architecture_score"].notna().any()]
    if len(able) < 2:
        return None
    campaigns = [with_settings(data.frame, data.summary.run) for data in able if data.summary.run.kind == "campaign"]
    pool = pandas.concat(campaigns, ignore_index=True) if campaigns else None
    subjects = [run_subject(ComparedRun.of(data.summary.run, data.frame), pool) for data in able[:MOST_COMPARED]]
    return compare_subjects(subjects, margin=margin)


def sentences(compared: SideBySide) -> list[str]:
    """The verdict; without a sentence for each pair where the pairs are many, since the table says the same."""
    said = verdicts(compared)
    if len(compared.comparisons) > MOST_SENTENCES:
        pairs = tuple(f"{c.first} against {c.second}: " for c in compared.comparisons)
        said = [sentence for sentence in said if not sentence.startswith(pairs)]
    return said


def comparison(runs_data: Sequence[RunData], compared: SideBySide) -> list[Block]:
    """The verdict, the tests behind it, and one-shot against architecture score of each run."""
    metric = compared.subjects[0].metric
    unit = f" ({metric.unit})" if metric.unit else ""
    form = metric.digits
    columns = ("A", "B", "test", "p", "p (Holm)", "P(A better)", "95 %", f"typical A - B{unit}", f"95 %{unit}")
    rows = [
        (
            c.first, c.second, c.test, c.p_value, c.p_holm, c.improvement, f"{c.improvement_interval}",
            c.difference, f"{c.difference_interval:+{form}}",
        )
        for c in compared.comparisons
    ]  # fmt: skip
    names = {subject.name for subject in compared.subjects}
    trials = {data.name: data.trials for data in runs_data if data.name in names}
    found = {name: correlation(t["one_shot_score"], t["architecture_score"]) for name, t in trials.items()}
    ranks = {name: correlation(t["one_shot_score"], t["architecture_score"], "spearman") for name, t in trials.items()}
    related = [
        (name, t["budget"].iloc[0], r.coefficient, f"{r.interval:+.2f}", ranks[name].coefficient, r.pairs)
        for (name, t), r in zip(trials.items(), found.values(), strict=True)
    ]
    blocks: list[Block] = [
        Items(tuple(sentences(compared))),
        grid(
            f"Tests on the architecture {metric.name}, corrected together. Typical A - B is the median difference "
            "between a trial of A and one of B; it is infinite where one of them diverges too often.",
            columns,
            rows,
            decibels=columns[5:] if metric == PSNR else (),
        ),
        Plot(
            f"One-shot against architecture {metric.name}",
            "Each run at its largest budget alone, with its own line of least squares. A falling line means that "
            "better searches found worse architectures.",
            scatter(trials, metric),
        ),
        grid(
            "Correlation of one-shot and architecture score at the largest budget of each run.",
            ("run", "epochs", "Pearson's r", "95 %", "Spearman's ρ", "trials with both"),
            related,
        ),
    ]
    able = sum(bool(data.trials["architecture_score"].notna().any()) for data in runs_data)
    if able > MOST_COMPARED:
        blocks.insert(0, Text(f"The first {MOST_COMPARED} of {able}; das-hpo compare NAME ... takes any."))
    return blocks
