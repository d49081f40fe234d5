"""Sections over all runs of the report: what there is, progress, distributions, comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from das_hpo.analysis.comparison.compare import compare_subjects
from das_hpo.analysis.comparison.subjects import run_subject
from das_hpo.analysis.comparison.verdicts import verdicts
from das_hpo.analysis.figures.distributions import best_of_k_curves, distributions
from das_hpo.analysis.figures.progress import best_so_far
from das_hpo.analysis.figures.scatter import Panel, Series, scatter
from das_hpo.analysis.figures.style import ARCHITECTURE_LABEL
from das_hpo.analysis.report.blocks import Block, Items, Section, Text, grid, picture
from das_hpo.analysis.report.material import RunData
from das_hpo.analysis.statistics import Values, summarise

#: More subjects than this make more pairs than a page can hold.
MOST_COMPARED = 8

#: With more pairs than this, the table speaks for them alone.
MOST_SENTENCES = 6

#: Samples in one figure of distributions.
MOST_SAMPLES = 30


def overview(materials: Sequence[RunData]) -> list[Section]:
    """The sections before the runs' own."""
    runs = [material for material in materials if material.summary.run.kind == "run"]
    sections = [Section("runs", "Runs", (_runs(materials),))]
    if runs:
        figure = best_so_far({run.name: run.frame for run in runs}, {run.name: run.value for run in runs})
        caption = "Each run by its own objective. Thick: at its largest budget, where the incumbent is from."
        sections.append(Section("progress", "Best so far", (picture("best so far", caption, figure),)))
    trials = {material.name: material.trials["architecture_psnr"] for material in materials if len(material.trials)}
    trials = {name: values for name, values in trials.items() if values.notna().any()}
    if trials:
        sections.append(Section("distributions", "Architecture PSNR of the trials", _distributions(trials)))
    if len(trials) > 1:
        sections.append(Section("comparison", "Comparison", _comparison(materials)))
    return sections


def _runs(materials: Sequence[RunData]) -> Block:
    columns = (
        "run", "kind", "objective", "space", "operations", "data", "method", "optimizer", "seed", "status",
        "configurations", "completed", "diverged", "failed", "open", "best PSNR (dB)",
    )  # fmt: skip
    rows = []
    for material in materials:
        summary, run, counts = material.summary, material.summary.run, material.summary.counts
        rows.append(
            (
                run.name, run.kind, run.objective, run.space, run.operations, run.data, run.method, run.optimizer,
                run.seed, run.state, summary.configurations, counts["completed"], counts["diverged"],
                counts["failed"], counts["queued"] + counts["running"], summary.best_psnr,
            )
        )  # fmt: skip
    return grid("One row a run. The best PSNR is by its own objective, at its largest budget.", columns, rows)


def _distributions(trials: Mapping[str, Values]) -> tuple[Block, ...]:
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
    blocks: list[Block] = [
        Text(
            "All evaluations at the largest budget of each run. For a campaign these are trials of one configuration; "
            "for an optimisation they are of different configurations."
        ),
        picture("distribution of the architecture PSNR", "Every point is a trial.", distributions(shown)),
        picture(
            "expected best of k trials",
            "What keeping the best of k trials is expected to give, with 95 % bands where curves are few.",
            best_of_k_curves(shown, label=ARCHITECTURE_LABEL),
        ),
        grid(
            "In dB; intervals are 95 % BCa bootstrap; diverged trials are in no number but their own.",
            columns,
            rows,
            decibels=columns,
        ),
    ]
    return tuple(blocks)


def _comparison(materials: Sequence[RunData]) -> tuple[Block, ...]:
    import pandas

    able = [material for material in materials if material.trials["architecture_psnr"].notna().any()]
    campaigns = [material.frame for material in able if material.summary.run.kind == "campaign"]
    pool = pandas.concat(campaigns, ignore_index=True) if campaigns else None
    subjects = [
        run_subject(
            material.frame,
            name=material.name,
            kind=material.summary.run.kind,
            optimizer=material.summary.run.optimizer,
            aggregate=str(material.summary.run.settings.get("aggregate", "mean")),
            campaigns=pool,
        )
        for material in able[:MOST_COMPARED]
    ]
    report = compare_subjects(subjects)
    columns = (
        "A", "B", "test", "p", "p (Holm)", "P(A better)", "low", "high", "median A - B (dB)", "low (dB)", "high (dB)",
    )  # fmt: skip
    rows = [
        (
            c.first, c.second, c.test, c.p_value, c.p_holm, c.improvement, c.improvement_interval.low,
            c.improvement_interval.high, c.difference, c.difference_interval.low, c.difference_interval.high,
        )
        for c in report.comparisons
    ]  # fmt: skip
    series = tuple(Series(s.name, s.frame["one_shot_psnr"], s.frame["architecture_psnr"]) for s in subjects)
    said = verdicts(report)
    if len(report.comparisons) > MOST_SENTENCES:
        # The table says the same of every pair.
        pairs = tuple(f"{c.first} against {c.second}: " for c in report.comparisons)
        said = [sentence for sentence in said if not sentence.startswith(pairs)]
    blocks: list[Block] = [
        Items(tuple(said)),
        grid(
            "Tests on the architecture PSNR, corrected together; intervals are 95 %.",
            columns,
            rows,
            decibels=columns[5:],
        ),
        picture(
            "one-shot against architecture PSNR of all runs",
            "All budgets. A negative correlation means that better searches found worse architectures.",
            scatter([Panel("all runs", series)]),
        ),
    ]
    if len(able) > MOST_COMPARED:
        blocks.insert(0, Text(f"The first {MOST_COMPARED} of {len(able)}; das-hpo compare NAME ... takes any."))
    return tuple(blocks)
