"""Sides of a question about runs: a group, single runs that are repetitions of each other, or one run alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from das_hpo.analysis.comparison.subjects import EVALUATIONS, GROUP, Subject
from das_hpo.analysis.statistics import Trials
from das_hpo.analysis.statistics.replication import Runs


@dataclass(frozen=True, slots=True)
class Side:
    """Runs of the same settings.

    Attributes:
        name: The group's, the run's, or what single runs are called together.
        runs: The runs.
        subjects: The names of the subjects that it was made of.
    """

    name: str
    runs: tuple[Subject, ...]
    subjects: tuple[str, ...]

    @property
    def first(self) -> Subject:
        """One of its runs, for what all have in common."""
        return self.runs[0]

    @property
    def evaluated(self) -> bool:
        """Whether all incumbents have trials on fresh seeds."""
        return all(run.source != EVALUATIONS for run in self.runs)

    def incumbents(self) -> Runs:
        """The trials of the incumbents, as the side of a test."""
        return Runs(self.name, [run.sample for run in self.runs])


def sides_of(subjects: Sequence[Subject]) -> list[Side]:
    """The sides that the runs and groups among the subjects make, in the order of the subjects.

    Runs whose settings are unknown are repetitions of none.
    """
    found: dict[str, list[Subject]] = {}
    for subject in subjects:
        if subject.kind == "run" and subject.settings:
            likeness = json.dumps(subject.settings, sort_keys=True, default=str)
            found.setdefault(f"{subject.problem} {subject.method} {likeness}", []).append(subject)
        elif subject.kind in ("run", GROUP):
            found[f"{subject.kind} {subject.name}"] = [subject]
    return [_side(together) for together in found.values()]


def _side(subjects: Sequence[Subject]) -> Side:
    names = tuple(subject.name for subject in subjects)
    if len(subjects) == 1:
        (subject,) = subjects
        return Side(subject.name, subject.members or (subject,), names)
    listed = ", ".join(names) if len(names) <= 3 else f"{names[0]}, ..., {names[-1]}"
    return Side(f"the {len(names)} runs {listed}", tuple(subjects), names)


def trials_or_none(runs: Sequence[Trials | None]) -> list[Trials]:
    """The trials of all runs; empty if one has none."""
    there = [trials for trials in runs if trials is not None]
    return there if len(there) == len(runs) else []
