"""Subjects of synthetic rows, for tests of comparisons."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from das_hpo.analysis.comparison.compare import SideBySide, compare_subjects
from das_hpo.analysis.comparison.subjects import INCUMBENT_TRIALS, ComparedRun, Subject, run_subject
from das_hpo.analysis.comparison.verdicts import verdicts
from spaces.task import PSNR
from tests.das_hpo import frames

RNG = np.random.default_rng(3)
LOW: list[float | None] = RNG.normal(20, 0.5, 12).tolist()
HIGH: list[float | None] = RNG.normal(22, 0.5, 12).tolist()


def subject_of(frame: pd.DataFrame, name: str, campaigns: pd.DataFrame | None = None, **rest: Any) -> Subject:
    """A run or campaign of those rows."""
    return run_subject(ComparedRun(name, frame, **rest), campaigns)


def campaign_of(name: str, psnr: list[float | None], **rest: Any) -> Subject:
    """A campaign whose trials gave these scores, of PSNR if no metric is given."""
    metric = rest.pop("metric", PSNR)
    return subject_of(frames.campaign(name, psnr, **rest), name, kind="campaign", metric=metric)


def incumbent_of(name: str, objective: str, psnr: list[float | None], **rest: Any) -> Subject:
    """A run whose incumbent was evaluated anew, with these scores."""
    metric = rest.pop("metric", PSNR)
    run = subject_of(frames.optimisation(name, objective=objective, seed=5), name, optimizer="bohb", metric=metric)
    trial = campaign_of(name, psnr, metric=metric, **rest)
    return dataclasses.replace(run, sample=trial.sample, summary=trial.summary, source=INCUMBENT_TRIALS)


def side_by_side(*subjects: Subject, margin: float | None = None) -> tuple[SideBySide, str]:
    """The comparison, and its verdicts as one text."""
    compared = compare_subjects(subjects, margin=margin)
    return compared, "\n".join(verdicts(compared))
