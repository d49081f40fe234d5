"""Recorded steps against the same steps made one by one."""

import pytest
import torch
from torch import Tensor

from workers.trials.batches import Batch
from workers.trials.cuda_graphs import EAGER_STEPS, Replayed, replayed
from workers.trials.training import Adam


def test_on_the_cpu_a_step_is_itself() -> None:
    """Without a GPU nothing is recorded."""

    def step(batch: Batch, rate: Tensor) -> Tensor:
        return batch.x * rate

    assert replayed(step, "cpu") is step


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_replayed_steps_are_the_steps() -> None:
    """Errors and parameters of replayed Adam steps are those of eager ones, with other batches and rates each time."""
    generator = torch.Generator("cuda").manual_seed(0)
    ends = []
    xs = torch.randn(3 * EAGER_STEPS, 2, 4, 5, generator=generator, device="cuda")
    rates = torch.rand(3 * EAGER_STEPS, 2, generator=generator, device="cuda")
    for record in (False, True):
        parameter = torch.ones(2, 5, device="cuda")
        decay = torch.tensor([0.0, 0.1], device="cuda")
        optimizer = Adam(parameter)

        def step(
            batch: Batch, rate: Tensor, parameter: Tensor = parameter, optimizer: Adam = optimizer, d: Tensor = decay
        ) -> Tensor:
            parameter.requires_grad_()
            errors = (batch.x * parameter[:, None] - batch.y).square().mean(dim=2)
            (gradient,) = torch.autograd.grad(errors.sum(), parameter)
            parameter.requires_grad_(False)
            optimizer.step(parameter, gradient, rate, d)
            return errors.detach()

        made = Replayed(step) if record else step
        errors = [made(Batch(x, x + 1, None), rate).clone() for x, rate in zip(xs, rates, strict=True)]
        ends.append((torch.stack(errors), parameter))
    torch.testing.assert_close(ends[0], ends[1])
