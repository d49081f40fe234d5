"""The calibration of the statistics runs, and counts what it says it counts."""

import re

import numpy as np
import pytest

from benchmarks.coverage import CONTESTS, Count, main, truth_of
from das_hpo.analysis.statistics import Interval


def test_intervals_are_counted() -> None:
    """Two of three were shown, one of them held the truth."""
    count = Count()
    for low, high in ((0.0, 1.0), (2.0, 3.0)):
        count.add(Interval(low, high, 0.95, "x"), 0.5)
    count.add(Interval.undefined(0.95), 0.5)
    assert str(count) == "50.0% (67% shown)"
    assert str(Count()) == "none"


def test_the_truth_of_two_populations() -> None:
    """Normal populations 0.5 apart: 0.5 in the median, P = Phi(0.5 / sqrt 2) = 0.638."""
    probability, difference = truth_of(CONTESTS["0.5 better: normal"])
    assert (probability, difference) == (pytest.approx(0.638, abs=0.02), pytest.approx(0.5, abs=0.07))
    assert truth_of(CONTESTS["0.5 better, but 40 % diverge"])[0] == pytest.approx(0.6 * 0.638, abs=0.02)


def test_tables_come_out_in_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    """One table alone, of few samples: a head, a rule and rows of as many cells."""
    assert main(["--replications", "4", "--only", "variance"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(lines) == 11
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert np.array([line.endswith(("% |", "---|", "rejects |")) for line in lines]).all()
