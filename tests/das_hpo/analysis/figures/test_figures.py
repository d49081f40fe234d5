"""Figures: what is drawn equals what was computed, nothing is written over anything, files are files."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

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
from das_hpo.analysis.statistics import best_of_k, correlation, regression_line
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


def test_files_are_complete_and_repeatable(tmp_path: Path) -> None:
    """A PNG and a well-formed SVG, nothing else left behind; drawing again gives the same SVG."""
    run = frames.optimisation()
    written = style.save(progress.rungs(run, PSNR), tmp_path / "deep" / "rungs")
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["rungs.png", "rungs.svg"]
    assert written[0].read_bytes().startswith(b"\x89PNG")
    assert ElementTree.fromstring(written[1].read_bytes()).tag.endswith("svg")
    assert style.render(progress.rungs(run, PSNR)) == written[1].read_bytes()


def test_the_scatter_shows_points_lines_and_signed_correlations() -> None:
    """Points, the line's ends and the legend's numbers are those of the statistics."""
    (axis,) = scatter.scatter([scatter.Panel("blur", (scatter.Series("good", [*X, None], [*Y, 3.0]),))]).axes
    assert axis.collections[0].get_offsets().shape == (30, 2)  # type: ignore[union-attr]
    line = regression_line(X, Y)
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [line.at(X.min()), line.at(X.max())])
    (text,) = [text.get_text() for text in axis.get_legend().get_texts()]  # type: ignore[union-attr]
    assert f"r = {correlation(X, Y).coefficient:+.2f}" in text
    assert "n = 30 (1 without)" in text
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("one-shot PSNR (dB)", "architecture PSNR (dB)")


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


def test_the_best_so_far_by_hand() -> None:
    """Sorted by sequence; diverged trials keep the best; thick counts the largest budget alone."""
    frame = frames.campaign("c", [20.0, None, 19.0, 22.0])
    frame["sequence"] = [2, 1, 3, 4]
    frame.loc[3, "budget"] = 5.0
    axis = progress.best_so_far({"c": frame}, {"c": PSNR}).axes[0]
    thin, thick = axis.lines
    np.testing.assert_array_equal(thin.get_ydata(), [np.nan, 20, 20, 22])
    np.testing.assert_array_equal(thick.get_ydata(), [np.nan, 20, 20, 20])


def test_the_curve_of_the_best_of_k() -> None:
    """Its points are the statistic's."""
    (axis,) = distributions.best_of_k_curves({"a": Y}).axes
    points = distributions.curve_points(len(Y))
    np.testing.assert_allclose(axis.lines[0].get_ydata(), best_of_k(Y, points).expected)
    assert points[:20] == list(range(1, 21))
    assert points[-1] == 30


def test_a_cell_has_an_arrow_for_every_operation_that_is_not_zero() -> None:
    """Edges by state and origin, as the architecture string orders them; zero is not drawn."""
    assert architectures.cell_edges(5)[:6] == [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    assert len(architectures.cell_edges(5)) == 15
    groups = (("net", "roll", *["zero"] * 13), ("zero",) * 15)
    (axis,) = architectures.architectures([("one", Architecture("cell", groups))]).axes
    arcs = [patch for patch in axis.patches if isinstance(patch, FancyArrowPatch) and patch.get_linewidth() > 1.5]
    assert [arc.get_edgecolor()[:3] for arc in arcs] == [(213 / 255, 94 / 255, 0), (0, 158 / 255, 115 / 255)]
    assert any("cell 2, 15 of 15 edges zero" in text.get_text() for text in axis.texts)


def test_the_layers_stand_in_their_order() -> None:
    """Ten boxes from left to right."""
    names = ("net", "roll", "noise", "net", "net", "roll", "net", "noise", "net", "net")
    (axis,) = architectures.architectures([("one", Architecture("sequential", (names,)))]).axes
    boxes = [(text.get_position()[0], text.get_text()) for text in axis.texts if text.get_text() in names]
    assert [name for _, name in sorted(boxes)] == list(names)


@pytest.mark.parametrize("residual", [True, False])
def test_a_sum_is_drawn_where_the_network_has_one(residual: bool) -> None:
    """The residual branch of Fig. 1 is a choice."""
    drawn = [("one", Architecture("sequential", (("net",) * 10,)))]
    (axis,) = architectures.architectures(drawn, residual=residual).axes
    assert ("+" in {text.get_text() for text in axis.texts}) == residual


def test_alpha_is_shown_as_softmax() -> None:
    """alpha (0, ln 3) is 1/4 and 3/4."""
    points = [Epoch("search", 1, 1.0, 1.0, alpha=((0.0, float(np.log(3))),) * 10)]
    axis = curves.alpha_trajectories(points, "sequential", "good").axes[0]
    assert [line.get_ydata()[0] for line in axis.lines] == pytest.approx([0.25, 0.75])  # type: ignore[index]


def test_names_are_shown_literally() -> None:
    """A user's dollar starts no formula, a long name ends."""
    figure = distributions.distributions({r"$\frac$ <b>": [1.0, 2.0], "x" * 200: [1.0]})
    assert style.render(figure, "png")
    assert len(style.plain("x" * 200)) == 60


def test_importance_finds_what_matters() -> None:
    """Of the synthetic run, the parameter learning rate; too few evaluations are said to be too few."""
    result = hyperparameter_importance(frames.optimisation(iterations=12), PSNR)
    assert result.names[int(np.argmax(result.mean))] == "parameter_learning_rate"
    assert result.budget == 15.0  # 12 at 50 epochs are too few
    few = hyperparameter_importance(frames.optimisation(iterations=1), PSNR)
    assert not few.defined
    assert not hyperparameter_importance(frames.optimisation().iloc[:0], PSNR).defined
