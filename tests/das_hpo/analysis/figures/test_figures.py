"""What holds for every figure: nothing is written over anything, axes say what they show, no data is no error."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from matplotlib.figure import Figure

from das_hpo.analysis.figures import (
    architectures,
    configurations,
    curves,
    distributions,
    progress,
    scatter,
    style,
    workers,
)
from das_hpo.analysis.statistics.importance import Importance, hyperparameter_importance
from spaces.hyperparameters import HYPERPARAMETERS
from spaces.inverse_1d.architecture import Architecture
from spaces.trial import Epoch
from tests.das_hpo import frames
from tests.das_hpo.analysis.figures.overlap import overlapping_texts

RNG = np.random.default_rng(8)


X = RNG.normal(20, 1, 30)


Y = RNG.normal(15, 2, 30)


PSNR = "architecture_psnr"


def _epochs(edges: int, operations: int) -> list[Epoch]:
    alpha = np.cumsum(RNG.normal(0, 0.3, (6, edges, operations)), axis=0)
    search = [
        Epoch("search", i + 1, 1.0, 10.0 + i, 1.0, 9.0 + i, tuple(map(tuple, alpha[i].tolist()))) for i in range(6)
    ]
    return [*search, *(Epoch("retrain", i + 1, 1.0, 12.0 + i) for i in range(6))]


def _uses() -> list[workers.Use]:
    start, second = datetime(2026, 11, 24, 5, tzinfo=UTC), timedelta(seconds=1)
    return [
        workers.Use(f"host-{i % 3}", budget, start + i * second * 9, start + (i * 9 + 8) * second, lost=i == 4)
        for i, budget in enumerate((5.0, 5.0, 50 / 3, 50.0, 5.0, 50.0))
    ]


def _figures() -> dict[str, Figure]:
    generator = random.Random(0)
    run, other = frames.optimisation("a-run-of-a-long-name-as-they-come"), frames.optimisation("b", seed=2)
    long_names = {f"sequential-all-downsampling-das-BOHB-Non-Seq-one-shot-Blur-{i}": Y + i for i in range(6)}
    series = tuple(scatter.Series(f"{name} operations", X, Y) for name in ("good", "all"))
    drawn = [(f"{space}, H1", Architecture.random(space, "all", generator)) for space in ("cell", "sequential")]
    return {
        "scatter": scatter.scatter([scatter.Panel(f"downsampling, BOHB-one-shot-DS {i}", series) for i in range(4)]),
        "distributions": distributions.distributions(long_names),
        "best of k": distributions.best_of_k_curves(long_names),
        "architectures": architectures.architectures(drawn),
        "best so far": progress.best_so_far({"a": run, "b": other}, {"a": PSNR, "b": PSNR}),
        "rungs": progress.rungs(run, PSNR),
        "budget pairs": progress.budget_pairs(run, PSNR),
        "importance": configurations.importance(hyperparameter_importance(run, PSNR), PSNR),
        "parallel coordinates": configurations.parallel_coordinates(run, PSNR),
        "learning curves": curves.learning_curves({f"(0, 0, {i}) at 50 epochs": _epochs(10, 2) for i in range(4)}),
        "alpha, sequential": curves.alpha_trajectories(_epochs(10, 4), "sequential", "all"),
        "alpha, cell": curves.alpha_trajectories(_epochs(30, 3), "cell", "good"),
        "workers": workers.worker_use(_uses()),
    }


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    """Every figure once."""
    return _figures()


NAMES = (
    "scatter", "distributions", "best of k", "architectures", "best so far", "rungs", "budget pairs", "importance",
    "parallel coordinates", "learning curves", "alpha, sequential", "alpha, cell", "workers",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_no_text_covers_another(name: str, figures: dict[str, Figure], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every drawn text has its own place inside the figure."""
    assert set(figures) == set(NAMES)
    assert overlapping_texts(figures[name], monkeypatch) == []


@pytest.mark.parametrize("name", NAMES)
def test_axes_say_what_they_show(name: str, figures: dict[str, Figure]) -> None:
    """Axes that are shown have a label; PSNRs carry their unit."""
    labels = [axis.get_xlabel() + axis.get_ylabel() for axis in figures[name].axes if axis.axison]
    if name not in ("architectures", "parallel coordinates") and not name.startswith("alpha"):
        assert all(labels)
    if name in ("scatter", "distributions", "best of k", "best so far", "rungs", "learning curves"):
        assert any("(dB)" in label for label in labels)


def test_figures_of_nothing_say_so() -> None:
    """No trials, no PSNRs, no curves: a figure with a sentence, never an exception."""
    empty = frames.optimisation().iloc[:0]
    nothing = Importance(HYPERPARAMETERS, (), (), float("nan"), 3, 50.0)
    for figure, words in (
        (scatter.scatter([scatter.Panel("x", (scatter.Series("a", [None], [None]),))]), "no trial has both"),
        (distributions.distributions({}), "no trials"),
        (distributions.best_of_k_curves({"a": [None]}), "no trials"),
        (progress.best_so_far({"a": empty}, {"a": PSNR}), "nothing finished"),
        (progress.rungs(empty, PSNR), "nothing finished"),
        (progress.budget_pairs(empty, PSNR), "no two budgets"),
        (configurations.importance(nothing, PSNR), "too few evaluations for an importance: 3"),
        (configurations.parallel_coordinates(empty, PSNR), "nothing finished"),
        (curves.learning_curves({}), "no learning curves"),
        (curves.alpha_trajectories([], "cell", "all"), "no alpha"),
        (workers.worker_use([]), "no attempts"),
    ):
        assert any(words in text.get_text() for axis in figure.axes for text in axis.texts)
        assert style.render(figure, "png")
