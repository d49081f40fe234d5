"""What the report needs of a run, read from storage once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from das_hpo.analysis.comparison.rows import trials_of
from das_hpo.analysis.statistics.samples import finished
from spaces.task import PSNR, Metric
from spaces.trial import OUTCOME_STATUSES, SCORE_OF, to_loss

if TYPE_CHECKING:
    import pandas

    from storage.engine import Database
    from storage.records import AttemptRecord, EpochRecord, EvaluationRecord, Incumbent, RunSummary

#: The largest number of trials whose learning curves are shown.
MOST_CURVES = 4


@dataclass(frozen=True)
class RunData:
    """One run.

    Attributes:
        summary: The run with its counts.
        frame: Its rows of the view ``results``.
        attempts: All attempts.
        evaluations: By the database's id.
        incumbents: The best configurations under each objective that has any.
        curves: Learning curves of the trials that :func:`telling` chooses, by their labels.
    """

    summary: RunSummary
    frame: pandas.DataFrame
    attempts: Sequence[AttemptRecord]
    evaluations: dict[int, EvaluationRecord]
    incumbents: dict[str, Sequence[Incumbent]]
    curves: dict[str, Sequence[EpochRecord]]

    @property
    def name(self) -> str:
        """The run's name."""
        return self.summary.run.name

    @property
    def metric(self) -> Metric:
        """What its scores are."""
        return self.summary.run.metric

    @property
    def hyperparameters(self) -> list[str]:
        """The columns of its hyperparameters."""
        names: list[str] = self.frame.attrs["hyperparameters"]
        return names

    @property
    def value(self) -> str:
        """The column of its objective's score."""
        return SCORE_OF[self.summary.run.objective]

    @property
    def finished(self) -> pandas.DataFrame:
        """Rows that are completed or diverged."""
        return finished(self.frame)

    @property
    def trials(self) -> pandas.DataFrame:
        """One row for each trial at the largest budget."""
        return at_largest_budget(finished(trials_of(self.frame, self.metric.larger_is_better)))

    def ranked_architectures(self) -> tuple[str, list[tuple[float, str]]]:
        """The column that ranks the trials' architectures, and each score in it with its architecture, best first."""
        trials = self.trials.dropna(subset=["architecture"])
        column = "architecture_score" if trials["architecture_score"].notna().any() else "one_shot_score"
        ranked = trials.dropna(subset=[column]).sort_values(
            column, ascending=not self.metric.larger_is_better, kind="stable"
        )
        return column, [(float(row[column]), str(row["architecture"])) for _, row in ranked.iterrows()]


def at_largest_budget(done: pandas.DataFrame) -> pandas.DataFrame:
    """The rows of the largest budget."""
    rows: pandas.DataFrame = done[done["budget"] == done["budget"].max()]
    return rows


def read(url: str, names: Sequence[str]) -> list[RunData]:
    """Reads the named runs in that order; without names all runs, the oldest first.

    Raises:
        StorageError: If there is no such database.
        RunMissingError: If one is not there.
    """
    from storage import queries
    from storage.engine import open_database
    from storage.frames import load_results

    with open_database(url) as database:
        known = {summary.run.name: summary for summary in queries.runs(database)}
        chosen = [known[name] if name in known else queries.show(database, name) for name in names]
        return [_read(database, summary, load_results(url, summary.run.name)) for summary in (chosen or known.values())]


def _read(database: Database, summary: RunSummary, frame: pandas.DataFrame) -> RunData:
    from storage import queries

    name = summary.run.name
    replay = queries.replay(database, summary.run.id)
    evaluations = {evaluation.id: evaluation for evaluation in replay.evaluations}
    best = {objective: queries.incumbents(database, name, objective, top=5) for objective in SCORE_OF}
    curves = {
        label: queries.epochs(database, name, evaluation_id=evaluation.id)
        for label, evaluation in telling(list(evaluations.values()), summary.run.objective, summary.run.metric).items()
    }
    return RunData(
        summary=summary,
        frame=frame,
        attempts=queries.attempts(database, name),
        evaluations=evaluations,
        incumbents={objective: found for objective, found in best.items() if found},
        curves={label: points for label, points in curves.items() if points},
    )


def telling(
    evaluations: Sequence[EvaluationRecord], objective: str, metric: Metric = PSNR
) -> dict[str, EvaluationRecord]:
    """The best, the median and the worst trial at the largest budget, and a diverged one, by their labels."""
    done = [e for e in evaluations if e.status in OUTCOME_STATUSES]
    if not done:
        return {}
    largest = max(evaluation.budget for evaluation in done)
    trials = [evaluation for evaluation in done if evaluation.budget == largest]

    def loss(evaluation: EvaluationRecord) -> float | None:
        return to_loss(getattr(evaluation, SCORE_OF[objective]), metric.larger_is_better)

    ranked = sorted(
        (trial for trial in trials if loss(trial) is not None), key=lambda trial: (loss(trial) or 0.0, trial.id)
    )
    places = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1} if ranked else {}
    chosen: dict[int, str] = {}
    for word, place in places.items():
        chosen.setdefault(place, word)
    found = {f"{word}: {title(ranked[place], metric)}": ranked[place] for place, word in chosen.items()}
    diverged = next((trial for trial in trials if trial.status == "diverged"), None)
    if diverged is not None:
        found[f"diverged: {title(diverged, metric)}"] = diverged
    return dict(list(found.items())[:MOST_CURVES])


def title(evaluation: EvaluationRecord, metric: Metric = PSNR) -> str:
    """A label of an evaluation: configuration, trial, budget and score."""
    configuration = str(evaluation.configuration_id)
    found = evaluation.architecture_score
    score = evaluation.one_shot_score if found is None else found
    text = f"{configuration}, trial {evaluation.replicate}, {evaluation.budget:.4g} epochs"
    return text if score is None else f"{text}, {metric.text(score)}{metric.of_unit}"
