"""What the views need of a run; what only some of them need is read when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from das_hpo.analysis.comparison.rows import trials_of
from das_hpo.analysis.statistics.samples import finished
from spaces.identity import ConfigurationId
from spaces.task import PSNR, Metric
from spaces.trial import SCORE_OF
from storage.entries import ATTEMPT_FAILURES

if TYPE_CHECKING:
    import pandas

    from storage.browsing import PlacedAttempt
    from storage.records import EpochRecord, Incumbent, RunSummary

#: The largest number of trials whose learning curves are shown.
MOST_CURVES = 4

#: So many attempts, the latest, are drawn over time.
MOST_ATTEMPTS = 2000

#: The largest number of lost attempts that are listed one by one.
MOST_LOST = 50


@dataclass(frozen=True)
class RunData:
    """One run.

    Attributes:
        url: The database.
        summary: The run with its counts.
        frame: Its rows of the view ``results``; those without an end may be missing.
    """

    url: str
    summary: RunSummary
    frame: pandas.DataFrame

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

    @cached_property
    def finished(self) -> pandas.DataFrame:
        """Rows that are completed or diverged."""
        return finished(self.frame)

    @cached_property
    def trials(self) -> pandas.DataFrame:
        """One row for each trial at the largest budget."""
        return at_largest_budget(finished(trials_of(self.frame, self.metric.larger_is_better)))

    @cached_property
    def incumbents(self) -> dict[str, Sequence[Incumbent]]:
        """The best configurations under each objective that has any."""
        from storage import queries
        from storage.engine import open_database

        with open_database(self.url, read_only=True) as database:
            best = {each: queries.incumbents(database, self.name, each, top=5) for each in SCORE_OF}
        return {objective: found for objective, found in best.items() if found}

    @cached_property
    def curves(self) -> dict[str, Sequence[EpochRecord]]:
        """Learning curves of the trials that :func:`telling` chooses, by their labels."""
        from storage import browsing, queries
        from storage.engine import open_database

        found = {}
        with open_database(self.url, read_only=True) as database:
            for label, identity in telling(self.finished, self.summary.run.objective, self.metric).items():
                stored = browsing.evaluation(database, self.name, *identity)
                if stored is not None:
                    found[label] = queries.epochs(database, self.name, evaluation_id=stored[0])
        return {label: points for label, points in found.items() if points}

    @cached_property
    def attempts(self) -> Sequence[PlacedAttempt]:
        """The latest attempts, in the order in which they started."""
        from storage import browsing
        from storage.engine import open_database

        with open_database(self.url, read_only=True) as database:
            return browsing.attempts(database, self.name, latest=MOST_ATTEMPTS)

    @cached_property
    def lost(self) -> tuple[dict[str, int], Sequence[PlacedAttempt]]:
        """How many attempts have each status, and the latest of those that gave no outcome."""
        from storage import browsing
        from storage.engine import open_database

        with open_database(self.url, read_only=True) as database:
            found = browsing.attempts(database, self.name, statuses=ATTEMPT_FAILURES, latest=MOST_LOST)
            return browsing.attempt_counts(database, self.name), found

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

    with open_database(url, read_only=True) as database:
        known = {summary.run.name: summary for summary in queries.runs(database)}
        chosen = [known[name] if name in known else queries.show(database, name) for name in names]
    found = chosen or list(known.values())
    return [RunData(url, summary, load_results(url, summary.run.name)) for summary in found]


def telling(
    done: pandas.DataFrame, objective: str, metric: Metric = PSNR
) -> dict[str, tuple[ConfigurationId, float, int]]:
    """The best, the median and the worst trial at the largest budget, and a diverged one, by their labels.

    Each is named by its configuration, budget and replicate.
    """
    trials = at_largest_budget(done)
    ranked = trials[trials[SCORE_OF[objective]].notna()]
    ranked = ranked.sort_values("sequence", kind="stable").sort_values(
        SCORE_OF[objective], ascending=not metric.larger_is_better, kind="stable"
    )
    places = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1} if len(ranked) else {}
    chosen: dict[int, str] = {}
    for word, place in places.items():
        chosen.setdefault(place, word)
    rows = [(word, ranked.iloc[place]) for place, word in chosen.items()]
    diverged = trials[trials["status"] == "diverged"]
    if len(diverged):
        rows.append(("diverged", diverged.iloc[0]))
    return {
        f"{word}: {title(row, metric)}": (
            ConfigurationId(*(int(row[name]) for name in ConfigurationId._fields)),
            float(row["budget"]),
            int(row["replicate"]),
        )
        for word, row in rows[:MOST_CURVES]
    }


def title(row: pandas.Series, metric: Metric = PSNR) -> str:
    """A label of a row of ``results``: configuration, trial, budget and score."""
    configuration = ConfigurationId(*(int(row[name]) for name in ConfigurationId._fields))
    found = row["architecture_score"]
    score = row["one_shot_score"] if found != found else found
    text = f"{configuration}, trial {row['replicate']}, {row['budget']:.4g} epochs"
    return text if score != score else f"{text}, {metric.text(float(score))}{metric.of_unit}"
