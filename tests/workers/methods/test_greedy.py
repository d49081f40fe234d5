"""The relaxation and the update of SGAS."""

from __future__ import annotations

import math

import pytest
import torch

from tests.workers.methods.searches import double_search
from workers.methods import greedy


def scaled(values: list[float]) -> list[float]:
    """From 0 to 1; 1 where all are equal."""
    least, most = min(values), max(values)
    return [(value - least) / (most - least) if most > least else 1.0 for value in values]


@pytest.mark.parametrize("criterion", ["certainty", "stability"])
def test_scores_are_products_of_scaled_criteria(criterion: str) -> None:
    """In a cell with a zero operation, added up in Python, with one softmax of the past for the stability."""
    found = double_search("sgas", {"criterion": criterion}, space="cell", operations="good")
    state = found.state
    found.update._history.append(found.update._shares()[1])
    state.alpha += torch.randn(state.alpha.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    past = found.update._history[0][0].tolist()
    parts: list[list[float]] = [[], [], []]
    for row, then in zip(state.alpha[0].softmax(dim=1).tolist(), past, strict=True):
        importance = 1 - row[2]  # net, learnable gradient, zero
        p = [row[0] / importance, row[1] / importance]
        parts[0].append(importance)
        parts[1].append(1 + sum(share * math.log(share) for share in p) / math.log(2))
        parts[2].append(sum(min(pair) for pair in zip(p, then, strict=True)))
    used = parts if criterion == "stability" else parts[:2]
    expected = [math.prod(values) for values in zip(*map(scaled, used), strict=True)]
    assert found.update.scores()[0].tolist() == pytest.approx(expected, abs=1e-5)
    assert torch.equal(greedy.scaled(torch.ones(1, 3)), torch.ones(1, 3))


def test_decided_edges_are_one_hot_and_stay() -> None:
    """The surest first, spread over the steps of each trial; a decided alpha never changes again."""
    found = double_search("sgas", {"warm_up_share": 0.25}, {"warm_up_share": 0.5}, steps=16)
    state, counts = found.state, []
    before = state.alpha.clone()
    for training, validation in zip(found.training, found.validation, strict=True):
        decided = found.update.decided.clone()
        found.update.step(training, validation)
        state.step += 1
        assert torch.equal(state.alpha[decided], before[decided])
        before = state.alpha.clone()
        mix = state.mix()[found.update.decided]
        assert torch.equal(mix, torch.nn.functional.one_hot(mix.argmax(dim=1), 4).double())
        counts.append(found.update.decided.sum(dim=1).tolist())
    due = [
        [sum(16 * (first + (0.88 - first) * k / 9) <= step + 1e-6 for k in range(10)) for first in (0.25, 0.5)]
        for step in range(1, 17)
    ]
    assert counts == due
    assert counts[-1] == [10, 10]
    undecided = double_search("sgas", {"warm_up_share": 0.25})
    first = undecided.update.scores().argmax(dim=1)
    undecided.learn(1)
    assert undecided.update.decided.sum() == 1
    assert first.shape == (1,)


def test_without_decisions_it_is_darts() -> None:
    """A warm-up of the whole search decides after the last step only."""
    late, plain = double_search("sgas", {"warm_up_share": 1.0}).learn(), double_search("darts").learn()
    torch.testing.assert_close(late.state.alpha, plain.state.alpha)
    torch.testing.assert_close(late.state.weights, plain.state.weights)
    assert bool(late.update.decided.all())
