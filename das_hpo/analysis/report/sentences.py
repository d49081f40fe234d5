"""What came out of a run, in a sentence."""

from __future__ import annotations

from das_hpo.analysis.report.run_data import RunData
from das_hpo.analysis.statistics import summarise
from storage.records import RunRecord


def remark(run: RunRecord) -> str:
    """What the run's user noted of it, with its tags; empty if nothing."""
    tags = f"Tags: {', '.join(run.tags)}." if run.tags else ""
    return " ".join(words for words in (run.note and f"Note: {run.note}", tags) if words)


def conclusion(data: RunData) -> str:
    """The state of a run and its best result; of a campaign its typical trial."""
    run, counts, metric = data.summary.run, data.summary.counts, data.metric
    ended = counts["completed"] + counts["diverged"]
    lost = "".join(f", {counts[status]} {status}" for status in ("diverged", "failed") if counts[status])
    state = f"{run.state.capitalize()}, {ended} evaluation{'' if ended == 1 else 's'} finished{lost}."
    if run.message and run.state != "completed":
        state = f"{state[:-1]} ({run.message})."
    if run.kind != "run":
        scores = data.trials["architecture_score"]
        column = "architecture" if scores.notna().any() else "one-shot"
        summary = summarise(scores if column == "architecture" else data.trials["one_shot_score"])
        if not summary.trials > summary.diverged:
            return f"{state} There is no score yet."
        text, interval = metric.text(summary.median), summary.median_interval
        around = f" (95 %: {interval:{metric.digits}})" if interval.defined else ""
        return (
            f"{state} The median {column} {metric.name} of {summary.trials} trials is "
            f"{text}{metric.of_unit}{around}, the largest {metric.text(summary.maximum)}{metric.of_unit}."
        )
    found = data.incumbents.get(run.objective)
    if not found:
        return f"{state} There is no {run.objective} score yet."
    best = found[0]
    also = [
        f"{name} {metric.text(score)}{metric.of_unit}"
        for name, score in (("one-shot", best.one_shot_score), ("architecture", best.architecture_score))
        if score is not None
    ]
    return (
        f"{state} The best configuration by the {run.objective} {metric.name} is {best.configuration_id} at "
        f"{best.budget:.4g} epochs: {', '.join(also)}."
    )
