"""What relaxations that draw gates have in common."""

from __future__ import annotations

import torch

from workers.methods.gates import annealed, gumbel, most_likely, one_hot
from workers.methods.pieces import Moment
from workers.trials.batches import generators


def test_the_largest_with_gumbel_noise_is_a_draw_from_the_softmax() -> None:
    """The share of each operation among many draws is its softmax (the Gumbel-max trick)."""
    logits = torch.tensor([1.0, 0.0, -1.0])
    alpha = logits.expand(1, 20000, 3)
    drawn = most_likely(alpha + gumbel(alpha, Moment(0, 1, generators([1], "cpu", "relaxation"))))
    torch.testing.assert_close(drawn.mean(dim=1)[0], logits.softmax(dim=0), rtol=0, atol=0.015)
    assert drawn.sum(dim=2).eq(1).all()


def test_temperature_falls_linearly() -> None:
    """From the start of each trial to its end."""
    own = {"temperature_start": torch.tensor([[[10.0]], [[1.0]]]), "temperature_end": torch.tensor([[[0.0]], [[0.5]]])}
    found = [annealed(Moment(step, 4, (), own)).view(-1).tolist() for step in (0, 1, 4)]
    assert found == [[10.0, 1.0], [7.5, 0.875], [0.0, 0.5]]


def test_one_hot_marks_what_is_chosen() -> None:
    """Row by row, as torch's own."""
    chosen = torch.tensor([[2, 0], [1, 1]])
    like = torch.zeros(2, 2, 3, dtype=torch.float64)
    assert torch.equal(one_hot(chosen, like), torch.nn.functional.one_hot(chosen, 3).double())
