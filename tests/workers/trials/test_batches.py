"""Mini-batches: what a trial draws is its own."""

import torch

from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import data_formation
from workers.trials.batches import Batch, Batches

FORMATION = data_formation("downsampling", Choices())


def drawn(seeds: list[int], slots: list[list[int]], edges: int, counts: list[int]) -> list[Batch]:
    """Batches of 4 samples, copied, since the noise is overwritten."""
    stream = Batches(FORMATION, seeds, "some", 4, slots, edges, "cpu")
    found = [batch for count in counts for batch in stream.draw(count)]
    return found


def test_shapes() -> None:
    """Signals, measurements and noise have the trial dimension first."""
    (batch,) = drawn([1, 2], [[0, 1, 2]] * 2, 3, [1])
    assert batch.noise is not None
    assert (batch.x.shape, batch.y.shape, batch.noise.shape) == ((2, 4, 50), (2, 4, 13), (2, 3, 4, 50))


def test_no_noise_where_no_edge_is_noisy() -> None:
    """Without the noise operation no noise is drawn."""
    (batch,) = drawn([1], [[]], 0, [1])
    assert batch.noise is None


def test_trials_do_not_share_random_numbers() -> None:
    """A trial's batches are those it draws alone, and differ from its neighbour's."""
    both, alone = drawn([1, 2], [[0], [0]], 1, [1])[0], drawn([2], [[0]], 1, [1])[0]
    for one, other in zip(both, alone, strict=True):
        assert one is not None
        assert other is not None
        assert torch.equal(one[1:], other)
        assert not torch.equal(one[0], one[1])


def test_noise_depends_on_the_number_of_slots_only() -> None:
    """A trial with two noisy edges draws the same numbers wherever in a larger network they are."""
    wide, narrow = drawn([1, 5], [[0, 1, 2, 3], [1, 3]], 4, [1])[0], drawn([5], [[0, 1]], 2, [1])[0]
    assert wide.noise is not None
    assert narrow.noise is not None
    assert torch.equal(wide.noise[1, [1, 3]], narrow.noise[0])
    assert not wide.noise[1, [0, 2]].any()


def test_every_batch_is_fresh() -> None:
    """No two batches of a stream, and no two streams of a trial, are alike."""
    batches = drawn([1], [[]], 0, [3, 2])
    assert len({float(batch.x.sum()) for batch in batches}) == 5
    other = next(Batches(FORMATION, [1], "other", 4, [[]], 0, "cpu").draw(1))
    assert not torch.equal(batches[0].x, other.x)
