"""How often verdicts are wrong where trials are added until it is decided, and how many trials that takes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.populations import CONTESTS, Contest, diverging, narrow_kinds, normal
from das_hpo.analysis.statistics.decisions import AS_GOOD, BETTER, MARGIN, UNDECIDED, WORSE
from das_hpo.analysis.statistics.differences import rounded
from das_hpo.analysis.statistics.planning import Pilot, Question, power_curve, verdict_of
from das_hpo.analysis.statistics.samples import FloatArray, worst_last
from das_hpo.analysis.statistics.sequential import any_time_p
from das_hpo.analysis.statistics.superiority import Design, effect_of, equality_test, observed
from das_hpo.deciding import FIRST_LOOK, next_look

#: What is decided with trials that are added until it is: the contest, and the true difference where it is no estimate.
STOPPED: dict[str, tuple[Contest, float]] = {
    **{name: (contest, 0.0) for name, contest in CONTESTS.items() if contest.equal and "97 %" not in name},
    "0.25 better, the margin: normal, SD 0.3": (Contest(normal(20.25, 0.3), normal(20, 0.3)), 0.25),
    "0.25 better, the margin: two kinds, SD 0.3": (Contest(narrow_kinds(20.25), narrow_kinds(20.0)), 0.25),
    "0.25 better, the margin: 30 % diverge, SD 0.3": (
        Contest(diverging(0.3, 20.25, 0.3), diverging(0.3, 20.0, 0.3)),
        0.25,
    ),
    "equal: normal, SD 0.3": (Contest(normal(20, 0.3), normal(20, 0.3), equal=True), 0.0),
    "0.5 better: normal": (CONTESTS["0.5 better: normal"], 0.5),
    "0.5 better: seeds correlated 0.7": (CONTESTS["0.5 better: seeds correlated 0.7"], 0.5),
    "1 better: normal": (Contest(normal(21), normal()), 1.0),
    "2 better: normal": (Contest(normal(22), normal()), 2.0),
}

#: Trials at most, and after how many of each it is looked: at each, or where das-hpo evaluate does.
MOST = 300
EVERY = (*range(12, 61), *range(65, MOST + 1, 5))


def looks() -> list[int]:
    """Where ``das-hpo evaluate --until-decided`` looks with four workers."""
    found = [FIRST_LOOK]
    while found[-1] < MOST:
        found.append(min(next_look(found[-1], 4), MOST))
    return found


def stopping(replications: int) -> Iterator[tuple[str, ...]]:
    """Verdicts of trials that are added until it is decided."""
    yield (
        "populations",
        "ever p < 5 %: fixed-sample test",
        "ever p < 5 %: at any time",
        "better",
        "as good",
        "worse",
        "undecided",
        "wrong",
        "trials of each (mean)",
        "fixed number for 80 %",
    )
    for name, (contest, difference) in STOPPED.items():
        rng, paired = np.random.default_rng(7), bool(contest.shared)
        naive, ever, used, wrong = 0, 0, 0, 0
        verdicts = dict.fromkeys((BETTER, AS_GOOD, WORSE, UNDECIDED), 0)
        for _ in range(replications):
            a, b = rounded(*(worst_last(values) for values in contest.draw(rng, MOST, MOST)))
            fixed, any_time = told_apart(a, b, paired)
            naive += fixed
            ever += any_time
            for trials in looks():
                verdict = verdict_of(a[:trials], b[:trials], MARGIN, paired=paired, sequential=True)
                if verdict != UNDECIDED:
                    break
            used += trials
            verdicts[verdict] += 1
            wrong += (
                (verdict == BETTER and difference <= 0)
                or (verdict == WORSE and difference >= 0)
                or (verdict == AS_GOOD and abs(difference) >= MARGIN)
            )
        shares = [f"{count / replications:.1%}" for count in verdicts.values()]
        told = [f"{count / replications:.1%}" if contest.equal else "-" for count in (naive, ever)]
        yield (
            name,
            *told,
            *shares,
            f"{wrong / replications:.1%}",
            f"{used / replications:.0f}",
            fixed_number(contest, difference),
        )


def told_apart(a: FloatArray, b: FloatArray, paired: bool) -> tuple[bool, bool]:
    """Whether the test of a fixed number, and that which holds at any time, ever reject that both are equally good."""
    naive = False
    for trials in EVERY:
        values, design = np.concatenate([a[:trials], b[:trials]]), Design(trials, trials, trials if paired else 0)
        if abs(float(effect_of(values, observed(design), design).statistic())) < 1.8:
            continue  # neither does, by far
        p_value = equality_test(values, design)[1]
        naive = naive or p_value < 0.05
        if any_time_p(p_value, trials, trials) < 0.05:
            return True, True
    return naive, False


def fixed_number(contest: Contest, difference: float) -> str:
    """Trials of each of a fixed sample that is right in 80 %; a dash where the truth is at the margin, or none is."""
    if difference == MARGIN:
        return "-"
    rng = np.random.default_rng(3)
    pilot = Pilot.of(*contest.draw(rng, 20_000, 20_000), paired=bool(contest.shared))
    question = Question(difference, MARGIN, BETTER if difference else AS_GOOD)
    needed = power_curve(pilot, question, [0.8], paired=pilot.paired).needed(0.8)
    return "-" if needed is None else str(needed)
