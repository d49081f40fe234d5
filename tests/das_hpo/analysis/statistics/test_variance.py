"""The variance split: hand-worked, against statsmodels' ANOVA and REML, and by simulation."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as formulas
from scipy import stats
from statsmodels.stats.anova import anova_lm

from das_hpo.analysis.statistics import correlation, variance_split, variance_split_frame
from spaces.errors import InvalidValueError


def test_hand_worked() -> None:
    """(1, 3), (5, 7), (9, 11): MSW 2, MSB 32, so between (32 - 2) / 2 = 15 and share 15 / 17."""
    split = variance_split([[1, 3], [5, 7], [9, 11]])
    assert (split.architectures, split.retrainings) == (3, 6)
    assert (split.between, split.within) == pytest.approx((15, 2))
    assert split.share == pytest.approx(15 / 17)
    assert split.ceiling() == pytest.approx(math.sqrt(15 / 17))
    assert split.ceiling(2) == pytest.approx(math.sqrt(15 / 16))  # 15 / (15 + 2 / 2)
    assert not split.share_interval.defined
    assert split.p_value == pytest.approx(stats.f.sf(16, 2, 3))


def test_unbalanced_by_hand() -> None:
    """Sizes 1, 2, 3: n0 = (6 - 14 / 6) / 2, with the mean squares of statsmodels' ANOVA table."""
    groups = [[4.0], [6.0, 7.0], [1.0, 2.0, 4.0]]
    frame = pd.DataFrame([(index, value) for index, group in enumerate(groups) for value in group])
    frame.columns = ["architecture", "psnr"]
    table = anova_lm(formulas.ols("psnr ~ C(architecture)", frame).fit())
    between, within = table["mean_sq"]
    split = variance_split(groups)
    assert split.within == pytest.approx(within)
    assert split.between == pytest.approx((between - within) / ((6 - 14 / 6) / 2))
    assert split.p_value == pytest.approx(table["PR(>F)"].iloc[0])


def test_balanced_is_reml() -> None:
    """On balanced data the components are those of statsmodels' mixed model."""
    rng = np.random.default_rng(2)
    true = rng.normal(20, 2, 25)
    frame = pd.DataFrame(
        [(f"a{index}", value + rng.normal(0, 1)) for index, value in enumerate(true) for _ in range(4)],
        columns=["architecture", "architecture_psnr"],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = formulas.mixedlm("architecture_psnr ~ 1", frame, groups=frame["architecture"]).fit(reml=True)
    split = variance_split_frame(frame)
    assert split.within == pytest.approx(fit.scale, rel=1e-3)
    assert split.between == pytest.approx(float(fit.cov_re.iloc[0, 0]), rel=1e-3)
    assert not split.share_interval.defined  # 25 architectures


@pytest.mark.parametrize(("failing", "share"), [(0.0, 0.5), (0.1, 10 / 11)])
def test_the_interval_covers_with_failing_architectures(failing: float, share: float) -> None:
    """50 architectures of four retrainings, a tenth of them 10 dB worse: 88 % at least of 200 (F: 72 to 82 %)."""
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(200):
        means = rng.normal(20, 1, 50) - 10 * (rng.random(50) < failing)
        interval = variance_split(list(means[:, None] + rng.normal(0, 1, (50, 4)))).share_interval
        hits += share in interval
    assert hits >= 176


def test_the_ceiling_is_the_correlation_of_a_perfect_predictor() -> None:
    """A predictor that knows each architecture's true PSNR correlates with one retraining up to the ceiling."""
    rng = np.random.default_rng(4)
    true = rng.normal(20, 1.5, 4000)
    retrained = true[:, None] + rng.normal(0, 1.0, (4000, 3))
    split = variance_split(list(retrained))
    assert correlation(true, retrained[:, 0]).coefficient == pytest.approx(split.ceiling(), abs=0.02)
    assert correlation(true, retrained.mean(axis=1)).coefficient == pytest.approx(split.ceiling(3), abs=0.02)
    assert split.ceiling_interval().low < split.ceiling() < split.ceiling_interval().high


def test_no_difference_between_architectures() -> None:
    """Where architectures differ less than retrainings do, the share and the ceiling are 0."""
    split = variance_split([[1, 9], [2, 8], [3, 7]])
    assert (split.between, split.share, split.ceiling()) == (0, 0, 0)
    assert not split.share_interval.defined


def test_degenerate_data_are_defined() -> None:
    """One architecture, one retraining each, everything equal: no share; equal retrainings: a share of 1."""
    rounded = [[20.37] * 3, [20.37] * 6, [20.37] * 7]  # their means differ in the last bit
    for groups in (
        rounded,
        [[0.1] * 3, [0.1] * 3, [0.1] * 2],
        [],
        [[1, 2, 3]],
        [[1], [2], [3]],
        [[5, 5], [5, 5]],
        [[None, None], [1, 2]],
    ):
        split = variance_split(groups)
        assert math.isnan(split.share)
        assert math.isnan(split.ceiling())
    certain = variance_split([[1, 1], [2, 2]])
    assert (certain.share, certain.ceiling(), certain.p_value) == (1, 1, 0)


def test_diverged_retrainings_are_left_out() -> None:
    """NaN is dropped from its group; rows without an architecture do not count."""
    expected = variance_split([[1, 3], [5, 7], [9, 11]])
    assert variance_split({"a": [1, None, 3], "b": [5, 7], "c": [9, 11, math.nan], "d": [None]}) == expected
    frame = pd.DataFrame(
        {
            "architecture": ["a", "a", "b", "b", "c", "c", None],
            "architecture_psnr": [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 40.0],
        }
    )
    assert variance_split_frame(frame) == expected
    with pytest.raises(InvalidValueError, match="1 or more, got 0"):
        expected.ceiling(0)
