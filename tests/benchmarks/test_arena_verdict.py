"""Which optimiser should be the default, on worlds of which the answer is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas
import pytest

from benchmarks.arena.contests import OPTIMIZERS
from benchmarks.arena.ranks import Ranking, rank_optimizers
from benchmarks.arena.report import draw, report
from benchmarks.arena.verdict import DEFAULT, duels, taken


def real(shifts: Mapping[str, float], problems: int = 1, seeds: int = 10) -> pandas.DataFrame:
    """Runs of real DAS, some dB better or worse than the others; scores are minus the PSNR."""
    rng = np.random.default_rng(0)
    return pandas.DataFrame(
        [
            {"suite": "das", "problem": f"p{problem}", "optimizer": name, "seed": seed, "checkpoint": 600.0,
             "score": -20 - shifts.get(name, 0.0) + float(rng.normal(0, 0.3)), "loss": -21.0, "spent": 600.0,
             "evaluations": 36, "models": 2, "deciding_s": 0.1}
            for problem in range(problems)
            for name in OPTIMIZERS
            for seed in range(seeds)
        ]
    )  # fmt: skip


def benchmarks(best: str | None) -> dict[str, Ranking]:
    """Two suites of 30 problems, on which one optimiser is the best, or none is."""
    rng = np.random.default_rng(1)
    found = {}
    for suite in ("mixint", "tables"):
        rows = [
            {"problem": f"p{problem}", "optimizer": name, "seed": 0, "score": float(rng.normal()) - 9 * (name == best)}
            for problem in range(30)
            for name in OPTIMIZERS
        ]
        found[suite] = rank_optimizers(pandas.DataFrame(rows), ["random"])
    return found


@pytest.mark.parametrize(
    ("shifts", "best", "expected"),
    [
        ({}, None, None),
        ({"tpe": 1.5}, None, "tpe"),
        ({"tpe": -1.5}, "tpe", None),
        ({}, "cma-es", "cma-es"),
        ({DEFAULT: 2.0}, None, None),
        ({"tpe": 1.5, "cma-es": 1.5}, "cma-es", "cma-es"),
    ],
    ids=["nothing", "better", "worse", "leads benchmarks", "the default is the best", "two"],
)
def test_the_default_changes_only_where_it_is_decided(
    shifts: Mapping[str, float], best: str | None, expected: str | None
) -> None:
    """Real runs come first, benchmarks decide where those do not."""
    assert taken(duels(real(shifts)), benchmarks(best)) == expected


def test_nothing_is_taken_by_chance() -> None:
    """In 40 worlds in which all are alike, at most four has a winner."""
    rng = np.random.default_rng(5)
    frame = real({}, seeds=10)
    winners = 0
    for _ in range(40):
        frame["score"] = rng.normal(-20, 0.5, len(frame))
        winners += taken(duels(frame), {}) is not None
    assert winners <= 4


def test_the_report_says_what_was_found() -> None:
    """The medians, the difference in dB, the verdict, and what diverged as the worst."""
    frame = real({"tpe": 1.5})
    frame.loc[(frame["optimizer"] == "random") & (frame["seed"] < 9), "score"] = 1e9
    text = "\n".join(report(frame))
    assert "p0: 10 runs of each optimiser" in text
    row = next(line for line in text.splitlines() if line.startswith("| tpe | 21."))
    assert row.endswith("| better |")
    row = next(line for line in text.splitlines() if line.startswith("| random | "))
    assert row.startswith("| random | -inf | ")
    assert row.endswith("| worse |")
    assert text.endswith("Decided: tpe should be the default in the place of bohb.")
    assert len(draw(frame).axes) == 1
