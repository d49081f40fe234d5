"""Runs and groups at equal cost: the incumbents of that time, by trials on fresh seeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from das_hpo.analysis.comparison.compare import compare_subjects
from das_hpo.analysis.comparison.equal_cost import equal_cost
from das_hpo.analysis.comparison.replicates import group_subject
from das_hpo.analysis.comparison.subjects import Subject
from das_hpo.analysis.comparison.trajectory import Step
from das_hpo.analysis.comparison.verdicts import verdicts
from das_hpo.analysis.statistics import Trials
from das_hpo.analysis.statistics.replication import Runs, compare_runs, typical_score
from spaces.identity import ConfigurationId
from tests.das_hpo.analysis.comparison.samples import incumbent_of

RNG = np.random.default_rng(9)


def run_of(name: str, worker_s: float, early: float | None, late: float, settings: dict[str, int]) -> Subject:
    """A run that had one incumbent after 10 s and another after 100 s; without ``early``, the first has no trials."""
    seeds = list(range(10))

    def trials(mean: float) -> Trials:
        return Trials(name, RNG.normal(mean, 0.1, 10), seeds)

    found = incumbent_of(name, "one-shot", RNG.normal(late, 0.1, 10).tolist())
    steps = (
        Step(5.0, 10.0, ConfigurationId(0, 0, 0), 5.0, None if early is None else trials(early)),
        Step(50.0, 100.0, ConfigurationId(0, 0, 1), 5.0, trials(late)),
    )
    return replace(found, cost=replace(found.cost, worker_s=worker_s), steps=steps, settings=settings)


def group_of(name: str, worker_s: float, early: float | None, late: float, eta: int) -> Subject:
    """Four such runs."""
    runs = [run_of(f"{name}{i}", worker_s, early, late, {"eta": eta}) for i in range(4)]
    return group_subject(name, runs)


def test_the_incumbents_of_that_time_are_compared() -> None:
    """The cheap group has ended after 60 s; by then the dear one had its first incumbents, which were better."""
    cheap, dear = group_of("cheap", 60.0, 20.0, 25.0, 3), group_of("dear", 200.0, 21.0, 15.0, 4)
    (found,) = equal_cost([cheap, dear], 0.95)
    assert (found.first, found.second, found.worker_s) == ("cheap", "dear", 60.0)
    first = [[run.steps[0].trials for run in group.members] for group in (cheap, dear)]
    expected = compare_runs(*(Runs(g.name, f) for g, f in zip((cheap, dear), first, strict=True)))  # type: ignore[arg-type]
    assert found.comparison == expected
    assert first[0][0] is not None
    assert found.score["cheap0"] == typical_score(first[0][0].values)
    said = "\n".join(verdicts(compare_subjects([cheap, dear])))
    assert "At equal cost (60 s of workers' time, the whole of the cheapest run), cheap against dear: " in said
    assert "the incumbents of cheap are worse" in said


def test_missing_trials_are_asked_for() -> None:
    """The best of many noisy evaluations decides nothing; the groups that lack trials are named."""
    cheap, dear = group_of("cheap", 60.0, None, 25.0, 3), group_of("dear", 200.0, 21.0, 15.0, 4)
    (found,) = equal_cost([cheap, dear], 0.95)
    assert found.comparison is None
    assert found.to_evaluate == ("cheap",)
    said = "\n".join(verdicts(compare_subjects([cheap, dear])))
    assert "At equal cost nothing is decided" in said
    assert "das-hpo evaluate cheap --trajectory --trials 20" in said


def test_a_run_without_an_incumbent_by_then_is_named() -> None:
    """The cheapest run had ended before any other had found anything."""
    cheap, dear = group_of("cheap", 5.0, 20.0, 20.0, 3), group_of("dear", 200.0, 21.0, 15.0, 4)
    (found,) = equal_cost([cheap, dear], 0.95)
    assert found.to_evaluate == ()
    assert len(found.without) == 8
    assert "had no incumbent yet" in "\n".join(verdicts(compare_subjects([cheap, dear])))


def test_a_further_subject_changes_no_cost() -> None:
    """Each pair has its own equal cost; nothing is said where the incumbents are those of the end."""
    one, other = group_of("one", 200.0, 20.0, 21.0, 3), group_of("other", 300.0, 20.0, 21.0, 4)
    cheap = group_of("cheap", 60.0, 20.0, 21.0, 5)
    (alone,) = equal_cost([one, other], 0.95)
    first = equal_cost([one, other, cheap], 0.95)[0]
    assert (alone.worker_s, alone.score) == (first.worker_s, first.score)
    assert alone.as_at_the_end
    assert not any(sentence.startswith("At equal cost") for sentence in verdicts(compare_subjects([one, other])))
