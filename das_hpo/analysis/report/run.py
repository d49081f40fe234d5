"""The views of one run or campaign, each a function of its data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from das_hpo.analysis.charts.curves import alpha_trajectories, learning_curves
from das_hpo.analysis.charts.progress import best_so_far, budget_pairs, rungs
from das_hpo.analysis.charts.scores import best_of_k_curves, distributions, scatter
from das_hpo.analysis.charts.timeline import worker_use
from das_hpo.analysis.figures.style import label_of
from das_hpo.analysis.figures.workers import Use
from das_hpo.analysis.report.addresses import Addresses, linked
from das_hpo.analysis.report.blocks import Block, Plot, Section, Text, drawing, grid
from das_hpo.analysis.report.hyperparameters import hyperparameters
from das_hpo.analysis.report.run_data import RunData
from das_hpo.analysis.report.sentences import conclusion, remark
from das_hpo.analysis.statistics import budget_correlations, correlations, variance_split_frame
from das_hpo.output import text_cell
from spaces.task_registry import DEFAULT_TASK
from spaces.trial import to_score
from storage.browsing import PlacedAttempt
from storage.entries import ATTEMPT_FAILURES
from storage.records import EpochRecord, Incumbent


@dataclass(frozen=True, slots=True)
class Part:
    """One part of what there is to say of a run.

    Attributes:
        title: Its title.
        blocks: Makes it; no blocks if there is nothing to show.
        kinds: Of what it is: ``run``, ``campaign`` or both.
        finished: Whether it needs a finished evaluation.
        folded: Whether a report shows its title alone until it is unfolded.
    """

    title: str
    blocks: Callable[[RunData, Addresses], list[Block]]
    kinds: tuple[str, ...] = ("run", "campaign")
    finished: bool = True
    folded: bool = False


def run_section(data: RunData, anchor: str, addresses: Addresses) -> Section:
    """Everything about one run, in parts."""
    parts = [
        Section(f"{anchor}-{name}", PARTS[name].title, tuple(blocks), folded=PARTS[name].folded)
        for name in PARTS
        if (blocks := part(name, data, addresses))
    ]
    said = tuple(Text(words) for words in (conclusion(data), remark(data.summary.run)) if words)
    return Section(anchor, f"{data.summary.run.kind.capitalize()} {data.name}", said, tuple(parts))


def part(name: str, data: RunData, addresses: Addresses) -> list[Block]:
    """The blocks of one part of a run; none if it has no such part."""
    asked = PARTS[name]
    if data.summary.run.kind not in asked.kinds or (asked.finished and data.finished.empty):
        return []
    return asked.blocks(data, addresses)


def _settings(data: RunData, _: Addresses) -> list[Block]:
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
    return [grid("As the run was started.", ("setting", "value"), rows)]


def _incumbents(data: RunData, _: Addresses) -> list[Block]:
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


def _progress(data: RunData, _: Addresses) -> list[Block]:
    summary, name = data.summary, data.name
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
    graphs = [
        Plot(
            f"Best so far over {over}",
            "Thick: at the largest budget, where the best configuration is chosen. Dotted: at any budget.",
            best_so_far({name: data.frame}, data.value, data.metric, over=over),
            width="half",
        )
        for over in ("evaluations", "time")
    ]
    return [*graphs, grid("Evaluations by budget; the best is by the run's objective.", columns, rows)]


def _scatter(data: RunData, _: Addresses) -> list[Block]:
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
    epochs = f"{trials['budget'].iloc[0]:.4g} epochs"
    return [
        Plot(
            f"One-shot against architecture {data.metric.name}",
            f"The trials at {epochs}, the largest budget; the line is least squares. A selection shows what is in it.",
            scatter({data.name: trials}, data.metric),
        ),
        grid(
            f"Correlations at {epochs}, with 95 % intervals.",
            ("kind", "coefficient", "low", "high", "p", "pairs"),
            rows,
        ),
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


def _distribution(data: RunData, _: Addresses) -> list[Block]:
    column = "architecture_score" if data.trials["architecture_score"].notna().any() else "one_shot_score"
    samples, label = {data.name: data.trials[column]}, label_of(column, data.metric)
    return [
        Plot("Distribution", "Every point is a trial; box: quartiles and median.", distributions(samples, label)),
        Plot(
            "Expected best of k trials",
            "What keeping the best of k trials is expected to give, with its 95 % band where that covers.",
            best_of_k_curves(samples, label, larger_is_better=data.metric.larger_is_better),
        ),
    ]


def _budgets(data: RunData, _: Addresses) -> list[Block]:
    blocks: list[Block] = [
        Plot(
            "Scores by budget",
            "Every point is a configuration; lines follow some of those that were promoted to a longer search.",
            rungs(data.finished, data.value, data.metric),
        )
    ]
    found = budget_correlations(data.finished, data.value)
    if not found:
        return [*blocks, Text("No two budgets share two configurations.")]
    rows = [
        (
            each.shorter, each.longer, each.correlation.coefficient, each.correlation.interval.low,
            each.correlation.interval.high, each.correlation.pairs,
        )
        for each in found
    ]  # fmt: skip
    columns = ("shorter (epochs)", "longer (epochs)", "Spearman's ρ", "low", "high", "configurations")
    caption = (
        "Rank correlation of the objective's score between budgets, over the configurations evaluated at both, with "
        "95 % intervals. Only the best are promoted, which narrows their range: among all of them it is likely higher."
    )
    pairs = [
        Plot(f"{shorter:.4g} against {longer:.4g} epochs", "Every point is a configuration.", chart, width="half")
        for shorter, longer, chart in budget_pairs(data.finished, data.value, data.metric)
    ]
    return [*blocks, grid(caption, columns, rows), *pairs]


def _curves(data: RunData, _: Addresses) -> list[Block]:
    if not data.curves:
        return []
    run = data.summary.run
    blocks: list[Block] = [
        Plot(
            f"Learning curves: {phase}",
            "Solid: training batches; dashed: the validation batches of the steps on alpha.",
            chart,
        )
        for phase, chart in learning_curves(data.curves, data.metric)
    ]
    label, points = next(iter(data.curves.items()))
    if run.task == DEFAULT_TASK:
        blocks += weights(points, run.space, run.operations, label)
    return blocks


def weights(points: Sequence[EpochRecord], space: str, operations: str, label: str) -> list[Block]:
    """The mixing weights of one search, a small chart for each layer or edge; none if no alpha is stored."""
    charts = alpha_trajectories(points, space, operations)
    if not charts:
        return []
    said = Text(f"How the search weighted the operations of each layer or edge (softmax of alpha): {label}.")
    return [said, *(Plot(f"Weights of {title}", "", chart, width="small") for title, chart in charts)]


def _architectures(data: RunData, _: Addresses) -> list[Block]:
    column, ranked = data.ranked_architectures()
    if not ranked:
        return []
    word = "architecture" if column == "architecture_score" else "one-shot"
    chosen = {"Best": ranked[0]} | ({"Worst": ranked[-1]} if len(ranked) > 1 else {})
    return [
        Text(f"Of the {len(ranked)} trials at the largest budget."),
        *(
            drawing(f"{which}: {data.metric.text(score)}{data.metric.of_unit} {word} {data.metric.name}", text)
            for which, (score, text) in chosen.items()
        ),
    ]


def _workers(data: RunData, addresses: Addresses) -> list[Block]:
    if not data.attempts:
        return []
    uses = [
        Use(
            placed.attempt.worker.name, placed.budget, placed.attempt.started_at, placed.attempt.finished_at,
            placed.attempt.status in ATTEMPT_FAILURES,
        )
        for placed in data.attempts
    ]  # fmt: skip
    counts, lost = data.lost
    every = sum(counts.values())
    shown = "Every bar is an attempt" if every == len(uses) else f"The latest {len(uses)} of {every} attempts"
    blocks: list[Block] = [Plot("Attempts by worker", f"{shown}; hatched ones gave no result.", worker_use(uses))]
    now = [placed for placed in data.attempts if placed.attempt.status == "running"]
    if now:
        blocks.insert(0, running(data.name, now, addresses))
    failures = sum(counts.get(status, 0) for status in ATTEMPT_FAILURES)
    if not failures:
        return [*blocks, Text(f"None of {every} attempts was lost.")]
    columns = ("evaluation", "attempt", "how", "worker", "host", "started", "ended", "message")
    rows = [_lost(data, placed, addresses) for placed in lost]
    more = "" if failures <= len(lost) else f"; the latest {len(lost)}"
    return [*blocks, grid(f"{failures} of {every} attempts gave no result{more}.", columns, rows)]


def running(name: str, now: Sequence[PlacedAttempt], addresses: Addresses) -> Block:
    """What workers compute at present."""
    rows = [
        (
            each.attempt.worker.name, each.attempt.worker.host, each.attempt.worker.device,
            linked(each.words, addresses.evaluation(name, each.identity)), each.attempt.started_at,
        )
        for each in now
    ]  # fmt: skip
    return grid("Computed now.", ("worker", "host", "device", "evaluation", "since"), rows)


def _lost(data: RunData, placed: PlacedAttempt, addresses: Addresses) -> tuple[object, ...]:
    attempt = placed.attempt
    return (
        linked(placed.words, addresses.evaluation(data.name, placed.identity)),
        attempt.number,
        attempt.status,
        attempt.worker.name,
        attempt.worker.host,
        attempt.started_at,
        attempt.finished_at,
        attempt.message,
    )


#: The parts of a run in the order in which they are shown, by the name that addresses have.
PARTS: dict[str, Part] = {
    "progress": Part("Best so far and budgets", _progress, kinds=("run",)),
    "best": Part("Best configurations", _incumbents),
    "scatter": Part("One-shot against architecture score", _scatter),
    "distribution": Part("Distribution", _distribution, kinds=("campaign",)),
    "budgets": Part("Is a short search a fair judge of a long one?", _budgets, kinds=("run",)),
    "hyperparameters": Part("Hyperparameters", hyperparameters, kinds=("run",)),
    "curves": Part("Learning curves and alpha", _curves),
    "architectures": Part("Architectures", _architectures),
    "workers": Part("Workers and lost attempts", _workers, finished=False),
    "settings": Part("Settings", _settings, finished=False, folded=True),
}
