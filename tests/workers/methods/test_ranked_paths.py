"""The update of random search with weight sharing."""

from __future__ import annotations

import pytest
import torch

from tests.workers.methods.searches import double_search, plain_losses
from workers.methods import ranked_paths


def test_the_best_of_the_ranked_paths_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """All paths and batches, computed again: the best four of one batch, and of those the best of three batches."""
    monkeypatch.setattr(ranked_paths, "FINALISTS", 4)
    monkeypatch.setattr(ranked_paths, "BATCHES_PER_EPOCH", 3)
    counts = (7, 3)
    found, again = (
        double_search("random-ws", *({"ranked_paths": count} for count in counts), operations="good") for _ in range(2)
    )
    found.learn(2)
    again.learn(2)
    state = again.state
    paths = [state.mix() for _ in range(7)]
    (batch,) = state.batches("ranking").draw(1)
    first = [plain_losses(state, state.weights, path, batch).tolist() for path in paths]
    batches = [
        type(one)(*(None if each is None else each.clone() for each in one))
        for one in state.batches("final-ranking").draw(3)
    ]  # type: ignore[arg-type]
    found.update.finish()
    for trial, count in enumerate(counts):
        best = sorted(range(count), key=lambda place, trial=trial: first[place][trial])[:4]  # type: ignore[misc]
        totals = {
            place: sum(float(plain_losses(state, state.weights, paths[place], one)[trial]) for one in batches)
            for place in best
        }
        chosen = min(totals, key=totals.__getitem__)
        assert torch.equal(found.state.settled_mix()[trial], paths[chosen][trial])


def test_alpha_is_not_learned() -> None:
    """The steps change the weights alone, and take no validation batch."""
    found = double_search("random-ws")
    alpha, weights = found.state.alpha.clone(), found.state.weights.clone()
    found.learn(2)
    assert torch.equal(found.state.alpha, alpha)
    assert not torch.equal(found.state.weights, weights)
    assert not found.update.sees_validation
