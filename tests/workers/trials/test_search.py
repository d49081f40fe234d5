"""The bilevel loop against a plain one written out here, DAS-single, and discretisation."""

import dataclasses
from typing import Any

import pytest
import torch

from spaces.hyperparameters import preset
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import data_formation
from spaces.inverse_1d.networks import relaxed_network
from spaces.inverse_1d.trial import InverseTrial
from workers.trials.batches import Batches
from workers.trials.curves import Curves
from workers.trials.group import TrialGroup
from workers.trials.search import discretise, initial_alpha, search
from workers.trials.training import initial_weights

CHOICES = Choices(channels=3, batch_size=8, tau=0.1, loss_scale=0.5)
POINT = dataclasses.replace(
    preset("H1"), parameter_learning_rate=0.001, alpha_learning_rate=0.01, alpha_warm_up=False, alpha_scheduler="none"
)


def spec(**values: Any) -> InverseTrial:
    """A short trial of few channels."""
    return InverseTrial(**{"hyperparameters": POINT, "budget": 0.5, "seed": 4, "choices": CHOICES, **values})


@pytest.mark.parametrize("optimizer", ["adam", "gradient-descent"])
@pytest.mark.parametrize("space", ["sequential", "cell"])
def test_search_is_the_plain_bilevel_loop(space: str, optimizer: str) -> None:
    """Alternating torch.optim steps of alpha and of the weights give the same alpha and one-shot PSNR."""
    one = spec(space=space, operations="all", hyperparameters=dataclasses.replace(POINT, alpha_optimizer=optimizer))
    formation = data_formation("blur", CHOICES)
    curves = Curves(1)
    found = search(TrialGroup([one], formation, curves, kernel="torch"))

    network = relaxed_network(space, "all", formation, CHOICES)
    layout, edges = network.layout, len(network.layout.edges)
    streams = {
        name: Batches(formation, [4], name, 8, [range(edges)], edges, "cpu")
        for name in ("search-training", "search-validation", "one-shot-validation")
    }
    weights = torch.nn.Parameter(initial_weights([one], layout, "search-weights", "cpu"))
    alpha, buffers = torch.nn.Parameter(initial_alpha([one], layout)), layout.initial_buffers(1)
    kind = torch.optim.Adam if optimizer == "adam" else torch.optim.SGD
    alpha_optimizer = kind([alpha], lr=0.01, weight_decay=1e-3)
    weight_optimizer = torch.optim.Adam([weights], lr=0.001, weight_decay=1e-8)
    steps = {name: streams[name].draw(10) for name in ("search-validation", "search-training")}
    for _ in range(10):
        for name, optimizer_ in (("search-validation", alpha_optimizer), ("search-training", weight_optimizer)):
            batch = next(steps[name])
            x_hat = network.forward(weights, buffers, alpha.softmax(2), batch.y, batch.noise, True)
            alpha.grad = weights.grad = None
            (0.5 * (x_hat - batch.x).square().mean()).backward()
            optimizer_.step()
    scores = []
    for batch in streams["one-shot-validation"].draw(19):
        x_hat = network.forward(weights, buffers, alpha.softmax(2), batch.y, batch.noise, False).detach()
        scores.append((-10 * (x_hat - batch.x).square().mean(2).log10()).mean())
    (epoch,) = curves.epochs[0]
    torch.testing.assert_close(torch.tensor(epoch.alpha), alpha.detach()[0], rtol=1e-4, atol=1e-5)
    assert found.one_shot_score[0] == pytest.approx(float(torch.stack(scores).mean()), abs=1e-3)


def test_initial_alpha() -> None:
    """Alpha starts at alpha_init_std times standard normal numbers, its trial's own."""
    layout = relaxed_network("cell", "all", data_formation("blur"), Choices()).layout
    specs = [spec(seed=seed, choices=Choices(alpha_init_std=0.01), space="cell") for seed in range(50)]
    alpha = initial_alpha(specs, layout)
    assert alpha.shape == (50, 30, 5)
    assert abs(float(alpha.std()) - 0.01) < 5e-4
    assert torch.equal(alpha[7:8], initial_alpha(specs[7:8], layout))


@pytest.mark.parametrize(("space", "zero"), [("sequential", False), ("cell", True)])
def test_discretise_takes_the_most_probable(space: str, zero: bool) -> None:
    """Each edge keeps its largest alpha, zero included in the cell space."""
    one = spec(space=space, operations="all")
    edges, count = (30, 5) if zero else (10, 4)
    alpha = torch.zeros(1, edges, count)
    for edge in range(edges):
        alpha[0, edge, edge % count] = 0.1
    names = ["learnable-gradient", "net", "roll", "noise", "zero"][:count]
    (found,) = discretise(one, alpha.argmax(dim=2))
    assert found.operations == tuple(names[edge % count] for edge in range(edges))
