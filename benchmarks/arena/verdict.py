"""Which optimiser should be the default: a rule that was written down before most results were there.

Known by then were one run of each optimiser on each benchmark, and the first real DAS runs of one seed.

The default stays unless another optimiser is decided to be better:

1. One that is shown to be worse than the default on real DAS runs, on any problem, is out.
2. One that is shown to be better on real DAS runs, on any problem, is taken.
3. Where real DAS runs decide neither, one is taken that leads the default by more than the critical difference of mean
   ranks in each suite of benchmarks.

Of several that are taken, the one with the least mean rank over the suites of benchmarks. "Shown" is the verdict of
das-hpo's own comparison (Holm's correction over all optimisers and problems, margin 0.25 dB), with runs as the sample.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas

from benchmarks.arena.contests import OPTIMIZERS
from benchmarks.arena.ranks import Ranking
from das_hpo.analysis.statistics import Comparison, Decision, Trials, compare, decide, holm
from das_hpo.analysis.statistics.decisions import BETTER, WORSE
from spaces.trial import WORST_LOSS

DEFAULT = OPTIMIZERS[0]


@dataclass(frozen=True)
class Duel:
    """One optimiser against the default on one problem of real DAS runs.

    Attributes:
        problem: Its name.
        optimizer: The other.
        comparison: In dB; positive differences mean that the other is better than the default.
        decision: At the margin.
    """

    problem: str
    optimizer: str
    comparison: Comparison
    decision: Decision


def decibels(lines: pandas.DataFrame) -> dict[str, Trials]:
    """By optimiser: the PSNR of each run's incumbent on fresh trials, NaN where half of these diverged."""
    samples = {}
    for optimizer, own in lines.groupby("optimizer"):
        scores = [math.nan if score >= WORST_LOSS else -score for score in own["score"]]
        samples[str(optimizer)] = Trials(str(optimizer), scores, [int(seed) for seed in own["seed"]])
    return samples


def duels(lines: pandas.DataFrame) -> list[Duel]:
    """Every optimiser against the default on every problem, with Holm's correction over all of them."""
    found = []
    for problem, own in lines.groupby("problem"):
        samples = decibels(own)
        if DEFAULT not in samples:
            continue
        others = [name for name in OPTIMIZERS if name in samples and name != DEFAULT]
        found += [(str(problem), name, compare(samples[name], samples[DEFAULT])) for name in others]
    corrected = holm([comparison.p_value for _, _, comparison in found])
    made = []
    for (problem, name, comparison), p_value in zip(found, corrected, strict=True):
        comparison = replace(comparison, p_holm=p_value)
        made.append(Duel(problem, name, comparison, decide(comparison)))
    return made


def taken(real: Sequence[Duel], rankings: Mapping[str, Ranking]) -> str | None:
    """The optimiser that should be the default in the place of the present one; None if nothing is decided."""
    candidates = []
    for name in OPTIMIZERS:
        verdicts = {duel.decision.verdict for duel in real if duel.optimizer == name}
        if name == DEFAULT or WORSE in verdicts:
            continue
        leads = bool(rankings) and all(ranking.lead(name, DEFAULT) > ranking.critical for ranking in rankings.values())
        if BETTER in verdicts or leads:
            candidates.append(name)
    leads_of = {name: sum(ranking.lead(name, DEFAULT) for ranking in rankings.values()) for name in candidates}
    return max(leads_of, key=lambda name: leads_of[name], default=None)
