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

#: The largest number of lost attempts that are listed one by one.
MOST_LOST = 50


def run_section(data: RunData, anchor: str) -> Section:
    """Everything about one run, in parts."""
    run = data.summary.run
    parts = [Section(f"{anchor}-settings", "Settings", (_settings(data),))]
    if len(data.finished):
        parts += [Section(f"{anchor}-{name}", title, tuple(blocks)) for name, title, blocks in _parts(data) if blocks]
    else:
        parts.append(Section(f"{anchor}-empty", "Results", (Text("Nothing is finished yet."),)))
    if data.attempts:
        parts.append(Section(f"{anchor}-workers", "Workers and lost attempts", tuple(_workers(data))))
    return Section(anchor, f"{run.kind.capitalize()} {run.name}", (), tuple(parts))


def _parts(data: RunData) -> Iterator[tuple[str, str, list[Block]]]:
    is_run = data.summary.run.kind == "run"
    yield "incumbents", "Best configurations", _incumbents(data)
    if is_run:
        yield "progress", "Best so far, budgets and rungs", _progress(data)
    yield "scatter", f"One-shot against architecture {data.metric.name}", _scatter(data)
    if not is_run:
        yield "distribution", "Distribution", _distribution(data)
    if is_run:
        yield "budgets", "Is a short search a fair judge of a long one?", _budgets(data)
        yield "hyperparameters", "Hyperparameters", _hyperparameters(data)
    yield "curves", "Learning curves and alpha", _curves(data)
    yield "architectures", "Architectures", _architectures(data)


def _settings(data: RunData) -> Block:
    run = data.summary.run
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


def _incumbents(data: RunData) -> list[Block]:
    blocks: list[Block] = []
    metric = data.metric
    for objective, found in data.incumbents.items():
        own = ", its own objective" if objective == data.summary.run.objective else ""
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


def _progress(data: RunData) -> list[Block]:
    summary = data.summary
    rows = [
        (
            budget.budget,
            *(budget.counts.get(status, 0) for status in ("completed", "diverged", "failed")),
            sum(budget.counts.get(status, 0) for status in ("queued", "running")),
            to_score(budget.best_loss, data.metric.larger_is_better),
        )
        for budget in summary.budgets
    ]
    columns = ("budget (epochs)", "completed", "diverged", "failed", "open", f"best {data.metric}")
    return [
        picture(
            f"best so far of {data.name}",
            "Thick: at the largest budget; thin: at any budget.",
            draw("best-so-far", [data]),
        ),
        picture(
            f"budgets and rungs of {data.name}",
            "Every point is a configuration; lines follow those that were promoted to a longer search.",
            draw("rungs", [data]),
        ),
        grid("Evaluations by budget; the best is by the run's objective.", columns, rows),
    ]


def _scatter(data: RunData) -> list[Block]:
    trials = data.trials
    both = trials[trials["one_shot_score"].notna() & trials["architecture_score"].notna()]
    if both.empty:
        one_shot = data.summary.run.objective == "one-shot"
        hint = "a run retrains for both with --retrain always" if one_shot else "nothing was searched, or all diverged"
        return [Text(f"No trial has both scores: {hint}.")]
    found = correlations(trials["one_shot_score"], trials["architecture_score"])
    rows = [
        (kind, result.coefficient, result.interval.low, result.interval.high, result.p_value, result.pairs)
        for kind, result in found.items()
    ]
    return [
        picture(
            f"one-shot against architecture {data.metric.name} of {data.name}",
            "Every point is a trial at the largest budget, the line is least squares, r is Pearson's and ρ Spearman's.",
            draw("scatter", [data]),
        ),
        grid("Signed correlations with 95 % intervals.", ("kind", "coefficient", "low", "high", "p", "pairs"), rows),
        # Evaluations of an optimisation differ in more than the retraining.
        *(_variance(data) if data.summary.run.kind == "campaign" else []),
    ]


def _variance(data: RunData) -> list[Block]:
    split = variance_split_frame(data.trials, "architecture_score")
    if split.share != split.share:
        return []
    ceiling = split.ceiling_interval()
    metric = data.metric
    squared = f" {metric.unit}²" if metric.unit else ""
    return [
        Text(
            f"{split.architectures} architectures were retrained {split.retrainings} times in all. Between them "
            f"the variance of the {metric.name} is {split.between:.3g}{squared}, between retrainings of one "
            f"architecture {split.within:.3g}{squared}: whatever the one-shot {metric.name} says, its correlation with "
            f"one retraining cannot be expected above {split.ceiling():.2f} [{ceiling.low:.2f}, {ceiling.high:.2f}]."
        )
    ]


def _distribution(data: RunData) -> list[Block]:
    return [
        picture(
            f"distribution of {data.name}",
            "Every point is a trial.",
            draw("distributions", [data]),
        ),
        picture(
            f"expected best of k trials of {data.name}",
            "What keeping the best of k trials is expected to give, with its 95 % band.",
            draw("best-of-k", [data]),
        ),
    ]


def _budgets(data: RunData) -> list[Block]:
    found = budget_correlations(data.finished, data.value)
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
            f"short against long searches of {data.name}",
            "Every point is a configuration.",
            draw("short-against-long", [data]),
        ),
        grid("With 95 % intervals.", columns, rows),
    ]


def _hyperparameters(data: RunData) -> list[Block]:
    names, metric = data.hyperparameters, data.metric
    result = hyperparameter_importance(data.frame, data.value, names, larger_is_better=metric.larger_is_better)
    caption = (
        "A random forest (scikit-learn) predicts the score of evaluations it has not seen; a bar is how much worse it "
        "gets when that hyperparameter is shuffled, the line one standard deviation. Where the model explains little, "
        "the bars mean little."
    )
    shown: Block = picture(f"hyperparameter importance of {data.name}", caption, importance(result, data.value, metric))
    if not result.defined:
        shown = Text(
            f"{result.evaluations} evaluations at one budget are too few to tell which hyperparameters matter."
        )
    return [
        shown,
        picture(
            f"parallel coordinates of {data.name}",
            "One line an evaluation, at all budgets, the best drawn last; rates are on a logarithmic scale.",
            draw("parallel-coordinates", [data]),
        ),
    ]


def _curves(data: RunData) -> list[Block]:
    if not data.curves:
        return []
    run = data.summary.run
    blocks: list[Block] = [
        picture(
            f"learning curves of {data.name}",
            "Solid: training batches; dashed: the validation batches of the steps on alpha.",
            draw("learning-curves", [data]),
        )
    ]
    label, points = next(iter(data.curves.items()))
    if run.task == DEFAULT_TASK and any(point.alpha is not None for point in points):
        blocks.append(
            picture(
                f"alpha of {data.name}",
                f"How the search weighted the operations of each layer or edge ({label}); mind the scale.",
                draw("alpha", [data]),
            )
        )
    return blocks


def _architectures(data: RunData) -> list[Block]:
    _, ranked = data.ranked_architectures()
    if not ranked:
        return []
    count, metric = len(ranked), data.metric
    if data.summary.run.task != DEFAULT_TASK:  # whose architectures are text of its own
        chosen = {"best": ranked[0]} | ({"worst": ranked[-1]} if count > 1 else {})
        rows = [(which, *one) for which, one in chosen.items()]
        return [grid(f"Of the {count} trials at the largest budget.", ("", str(metric), "architecture"), rows)]
    caption = f"The best and the worst of the {count} trials at the largest budget."
    return [picture(f"architectures of {data.name}", caption, draw("architectures", [data]))]


def _workers(data: RunData) -> Iterator[Block]:
    yield picture(
        f"workers of {data.name}",
        "Every bar is an attempt, darker for longer searches.",
        draw("workers", [data]),
    )
    lost = [attempt for attempt in data.attempts if attempt.status in ATTEMPT_FAILURES]
    if not lost:
        yield Text(f"None of {len(data.attempts)} attempts was lost.")
        return
    columns = ("evaluation", "attempt", "how", "worker", "host", "started", "ended", "message")
    rows = [_lost(data, attempt) for attempt in lost[:MOST_LOST]]
    more = "" if len(lost) <= MOST_LOST else f"; the first {MOST_LOST}"
    yield grid(f"{len(lost)} of {len(data.attempts)} attempts gave no result{more}.", columns, rows)


def _lost(data: RunData, attempt: AttemptRecord) -> tuple[object, ...]:
    evaluation = data.evaluations[attempt.evaluation_id]
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
