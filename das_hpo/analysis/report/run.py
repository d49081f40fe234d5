"""The sections of one run or campaign."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from das_hpo.analysis.figures.configurations import importance
from das_hpo.analysis.report.blocks import Block, Section, Text, grid, picture
from das_hpo.analysis.report.gallery import draw
from das_hpo.analysis.report.run_data import RunData
from das_hpo.analysis.statistics import budget_correlations, correlations, variance_split_frame
from das_hpo.analysis.statistics.importance import hyperparameter_importance
from das_hpo.output import text_cell
from spaces.task_registry import DEFAULT_TASK
from spaces.trial import to_score
from storage.entries import ATTEMPT_FAILURES
from storage.records import AttemptRecord, Incumbent

#: Lost attempts listed one by one.
MOST_LOST = 50


def run_section(material: RunData, anchor: str) -> Section:
    """Everything about one run, in parts."""
    run = material.summary.run
    parts = [Section(f"{anchor}-settings", "Settings", (_settings(material),))]
    if len(material.finished):
        parts += [
            Section(f"{anchor}-{name}", title, tuple(blocks)) for name, title, blocks in _parts(material) if blocks
        ]
    else:
        parts.append(Section(f"{anchor}-empty", "Results", (Text("Nothing is finished yet."),)))
    if material.attempts:
        parts.append(Section(f"{anchor}-workers", "Workers and lost attempts", tuple(_workers(material))))
    return Section(anchor, f"{run.kind.capitalize()} {run.name}", (), tuple(parts))


def _parts(material: RunData) -> Iterator[tuple[str, str, list[Block]]]:
    is_run = material.summary.run.kind == "run"
    yield "incumbents", "Best configurations", _incumbents(material)
    if is_run:
        yield "progress", "Best so far, budgets and rungs", _progress(material)
    yield "scatter", f"One-shot against architecture {material.metric.name}", _scatter(material)
    if not is_run:
        yield "distribution", "Distribution", _distribution(material)
    if is_run:
        yield "budgets", "Is a short search a fair judge of a long one?", _budgets(material)
        yield "hyperparameters", "Hyperparameters", _hyperparameters(material)
    yield "curves", "Learning curves and alpha", _curves(material)
    yield "architectures", "Architectures", _architectures(material)


def _settings(material: RunData) -> Block:
    run = material.summary.run
    rows: list[tuple[str, object]] = [
        ("status", run.state),
        ("created", run.created_at),
        ("finished", run.finished_at),
        ("das-hpo", run.version),
    ]
    for name, value in run.settings.items():
        if isinstance(value, dict):
            rows += [(f"{name}: {inner}", value[inner]) for inner in value]
        elif name not in ("name", "status"):
            rows.append((name, value))
    if run.message:
        rows.append(("message", run.message))
    return grid("As the run was started.", ("setting", "value"), rows)


def _incumbents(material: RunData) -> list[Block]:
    blocks: list[Block] = []
    metric = material.metric
    for objective, found in material.incumbents.items():
        own = ", its own objective" if objective == material.summary.run.objective else ""
        facts: dict[str, Callable[[Incumbent], object]] = {
            "configuration": lambda one: str(one.configuration_id),
            "origin": lambda one: one.origin,
            "budget (epochs)": lambda one: one.budget,
            f"one-shot {metric}": lambda one: metric.text(one.one_shot_score),
            f"architecture {metric}": lambda one: metric.text(one.architecture_score),
            "trials": lambda one: one.replicates,
        }
        rows: list[tuple[object, ...]] = [
            (name, *(text_cell(fact(one)) for one in found)) for name, fact in facts.items()
        ]
        for name in dict.fromkeys(name for one in found for name in one.hyperparameters):
            values = (one.hyperparameters.get(name) for one in found)
            rows.append((name.replace("_", " "), *(text_cell(value) for value in values)))
        columns = ("rank", *(str(one.rank) for one in found))
        blocks.append(grid(f"By {objective} {metric.name}{own}.", columns, rows))
    return blocks


def _progress(material: RunData) -> list[Block]:
    summary = material.summary
    rows = [
        (
            budget.budget,
            *(budget.counts.get(status, 0) for status in ("completed", "diverged", "failed")),
            sum(budget.counts.get(status, 0) for status in ("queued", "running")),
            to_score(budget.best_loss, material.metric.larger_is_better),
        )
        for budget in summary.budgets
    ]
    columns = ("budget (epochs)", "completed", "diverged", "failed", "open", f"best {material.metric}")
    return [
        picture(
            f"best so far of {material.name}",
            "Thick: at the largest budget; thin: at any budget.",
            draw("best-so-far", [material]),
        ),
        picture(
            f"budgets and rungs of {material.name}",
            "Every point is a configuration; lines follow those that were promoted to a longer search.",
            draw("rungs", [material]),
        ),
        grid("Evaluations by budget; the best is by the run's objective.", columns, rows),
    ]


def _scatter(material: RunData) -> list[Block]:
    trials = material.trials
    both = trials[trials["one_shot_score"].notna() & trials["architecture_score"].notna()]
    if both.empty:
        one_shot = material.summary.run.objective == "one-shot"
        hint = "a run retrains for both with --retrain always" if one_shot else "nothing was searched, or all diverged"
        return [Text(f"No trial has both scores: {hint}.")]
    found = correlations(trials["one_shot_score"], trials["architecture_score"])
    rows = [
        (kind, result.coefficient, result.interval.low, result.interval.high, result.p_value, result.pairs)
        for kind, result in found.items()
    ]
    return [
        picture(
            f"one-shot against architecture {material.metric.name} of {material.name}",
            "Every point is a trial at the largest budget, the line is least squares, r is Pearson's and ρ Spearman's.",
            draw("scatter", [material]),
        ),
        grid("Signed correlations with 95 % intervals.", ("kind", "coefficient", "low", "high", "p", "pairs"), rows),
        # Evaluations of an optimisation differ in more than the retraining.
        *(_variance(material) if material.summary.run.kind == "campaign" else []),
    ]


def _variance(material: RunData) -> list[Block]:
    split = variance_split_frame(material.trials, "architecture_score")
    if split.share != split.share:
        return []
    ceiling = split.ceiling_interval()
    metric = material.metric
    squared = f" {metric.unit}²" if metric.unit else ""
    return [
        Text(
            f"{split.architectures} architectures were retrained {split.retrainings} times in all. Between them "
            f"the variance of the {metric.name} is {split.between:.3g}{squared}, between retrainings of one "
            f"architecture {split.within:.3g}{squared}: whatever the one-shot {metric.name} says, its correlation with "
            f"one retraining cannot be expected above {split.ceiling():.2f} [{ceiling.low:.2f}, {ceiling.high:.2f}]."
        )
    ]


def _distribution(material: RunData) -> list[Block]:
    return [
        picture(
            f"distribution of {material.name}",
            "Every point is a trial.",
            draw("distributions", [material]),
        ),
        picture(
            f"expected best of k trials of {material.name}",
            "What keeping the best of k trials is expected to give, with its 95 % band.",
            draw("best-of-k", [material]),
        ),
    ]


def _budgets(material: RunData) -> list[Block]:
    found = budget_correlations(material.finished, material.value)
    if not found:
        return [Text("No two budgets share two configurations.")]
    rows = [
        (
            each.shorter, each.longer, each.correlation.coefficient, each.correlation.interval.low,
            each.correlation.interval.high, each.correlation.pairs,
        )
        for each in found
    ]  # fmt: skip
    columns = ("shorter (epochs)", "longer (epochs)", "Spearman's ρ", "low", "high", "configurations")
    return [
        Text(
            "Rank correlation of the objective's score between budgets, over the configurations evaluated at both. "
            "Only the best are promoted, which narrows their range: among all of them it is likely higher."
        ),
        picture(
            f"short against long searches of {material.name}",
            "Every point is a configuration.",
            draw("short-against-long", [material]),
        ),
        grid("With 95 % intervals.", columns, rows),
    ]


def _hyperparameters(material: RunData) -> list[Block]:
    names, metric = material.hyperparameters, material.metric
    result = hyperparameter_importance(material.frame, material.value, names, larger_is_better=metric.larger_is_better)
    caption = (
        "A random forest (scikit-learn) predicts the score of evaluations it has not seen; a bar is how much worse it "
        "gets when that hyperparameter is shuffled, the line one standard deviation. Where the model explains little, "
        "the bars mean little."
    )
    shown: Block = picture(
        f"hyperparameter importance of {material.name}", caption, importance(result, material.value, metric)
    )
    if not result.defined:
        shown = Text(
            f"{result.evaluations} evaluations at one budget are too few to tell which hyperparameters matter."
        )
    return [
        shown,
        picture(
            f"parallel coordinates of {material.name}",
            "One line an evaluation, at all budgets, the best drawn last; rates are on a logarithmic scale.",
            draw("parallel-coordinates", [material]),
        ),
    ]


def _curves(material: RunData) -> list[Block]:
    if not material.curves:
        return []
    run = material.summary.run
    blocks: list[Block] = [
        picture(
            f"learning curves of {material.name}",
            "Solid: training batches; dashed: the validation batches of the steps on alpha.",
            draw("learning-curves", [material]),
        )
    ]
    label, points = next(iter(material.curves.items()))
    if run.task == DEFAULT_TASK and any(point.alpha is not None for point in points):
        blocks.append(
            picture(
                f"alpha of {material.name}",
                f"How the search weighted the operations of each layer or edge ({label}); mind the scale.",
                draw("alpha", [material]),
            )
        )
    return blocks


def _architectures(material: RunData) -> list[Block]:
    _, ranked = material.ranked_architectures()
    if not ranked:
        return []
    count, metric = len(ranked), material.metric
    if material.summary.run.task != DEFAULT_TASK:  # whose architectures are text of its own
        chosen = {"best": ranked[0]} | ({"worst": ranked[-1]} if count > 1 else {})
        rows = [(which, *one) for which, one in chosen.items()]
        return [grid(f"Of the {count} trials at the largest budget.", ("", str(metric), "architecture"), rows)]
    caption = f"The best and the worst of the {count} trials at the largest budget."
    return [picture(f"architectures of {material.name}", caption, draw("architectures", [material]))]


def _workers(material: RunData) -> Iterator[Block]:
    yield picture(
        f"workers of {material.name}",
        "Every bar is an attempt, darker for longer searches.",
        draw("workers", [material]),
    )
    lost = [attempt for attempt in material.attempts if attempt.status in ATTEMPT_FAILURES]
    if not lost:
        yield Text(f"None of {len(material.attempts)} attempts was lost.")
        return
    columns = ("evaluation", "attempt", "how", "worker", "host", "started", "ended", "message")
    rows = [_lost(material, attempt) for attempt in lost[:MOST_LOST]]
    more = "" if len(lost) <= MOST_LOST else f"; the first {MOST_LOST}"
    yield grid(f"{len(lost)} of {len(material.attempts)} attempts gave no result{more}.", columns, rows)


def _lost(material: RunData, attempt: AttemptRecord) -> tuple[object, ...]:
    evaluation = material.evaluations[attempt.evaluation_id]
    configuration = str(evaluation.configuration_id)
    return (
        f"{configuration}, trial {evaluation.replicate}, {evaluation.budget:.4g} epochs",
        attempt.number,
        attempt.status,
        attempt.worker.name,
        attempt.worker.host,
        attempt.started_at,
        attempt.finished_at,
        attempt.message,
    )
