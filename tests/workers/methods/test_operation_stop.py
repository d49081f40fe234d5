"""The update of OLES."""

from __future__ import annotations

import torch

from tests.workers.methods.searches import double_search, gradient_of, plain_losses
from workers.methods.operation_stop import cosines, operation_of_weight


def test_each_weight_belongs_to_its_operation() -> None:
    """The weights of a learned map move the output of its operation alone; a cell's merging belongs to none."""
    state = double_search("oles", space="cell", operations="good").state
    layout = state.network.layout
    groups = operation_of_weight(layout)
    sizes = groups.bincount().tolist()
    assert len(sizes) == len(layout.maps) + 1
    assert set(sizes[1:]) == {3 * 3 + 3 + 3 + 3 * 3 + 1}
    assert sizes[0] == layout.merges * (2 * layout.merge_kernel_size + 1)
    parts = layout.views(groups[None].double())
    assert parts.conv2[0, 4].eq(5).all()
    assert parts.bias[0].tolist() == list(range(1, len(layout.maps) + 1))


def test_agreement_is_the_cosine_within_each_operation() -> None:
    """As torch has it, group by group."""
    first, second = torch.randn(2, 2, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    groups = torch.tensor([0, 1, 1, 2, 2, 2])
    found = cosines(first, second, groups, 3)
    for group in range(3):
        parts = first[:, groups == group], second[:, groups == group]
        torch.testing.assert_close(found[:, group], torch.cosine_similarity(*parts, dim=1))


def test_operations_whose_gradients_disagree_are_frozen() -> None:
    """After a window of two steps, by the mean of cosines that are computed again; their weights stay from then on."""
    own = {"agreement": 0.4, "agreement_window": 2}
    found = double_search("oles", own, {**own, "agreement": -1.0}, steps=4)
    state, groups = found.state, operation_of_weight(found.state.network.layout)
    total = torch.zeros(2, int(groups.max()) + 1, dtype=torch.float64)
    for step in range(2):
        before, alpha, weights = state.weights.clone(), state.alpha.clone(), state.weights.clone().requires_grad_()
        validation = gradient_of(plain_losses(state, weights, alpha.softmax(dim=2), found.validation[step]), weights)
        found.update.step(found.training[step], found.validation[step])
        state.step += 1
        training = gradient_of(plain_losses(state, weights, state.alpha.softmax(dim=2), found.training[step]), weights)
        total += cosines(training.detach(), validation.detach(), groups, total.shape[1])
    expected = total / 2 < torch.tensor([[0.4], [-1.0]])
    expected[:, 0] = False
    assert torch.equal(found.update.frozen, expected)
    assert expected[0].any()
    assert not expected[1].any()
    kept = state.weights.clone()
    found.update.step(found.training[2], found.validation[2])
    frozen = expected[:, groups]
    assert torch.equal(state.weights[frozen], kept[frozen])
    assert torch.equal(state.weights[0] != kept[0], ~frozen[0] & (state.weights[0] != kept[0]))
    assert not torch.equal(before[1], state.weights[1])


def test_a_threshold_that_nothing_is_below_is_darts() -> None:
    """With -1 a short search is that of DARTS."""
    never = double_search("oles", {"agreement": -1.0, "agreement_window": 1}).learn()
    plain = double_search("darts").learn()
    torch.testing.assert_close(never.state.alpha, plain.state.alpha)
    torch.testing.assert_close(never.state.weights, plain.state.weights)
