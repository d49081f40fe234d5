"""A user's parts of the problem, each one file: whole trials by both kernels against a slow trial of their own."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.hyperparameters import PRESETS
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import data_formation
from spaces.inverse_1d.networks import discrete_network, relaxed_network
from spaces.inverse_1d.registries import (
    METHODS,
    OPERATION_SETS,
    OPERATIONS,
    REGISTRIES,
    Operation,
    candidate_operations,
    edge_count,
)
from spaces.inverse_1d.trial import InverseTrial
from spaces.plugins import load_plugins
from tests.plugins.isolation import registries_as_they_are
from tests.plugins.slow import Relax, SlowNetwork, gumbel, slow_retrain, slow_search
from workers import kernels
from workers.trials.pipeline import run_trial, run_trials
from workers.trials.search import initial_alpha
from workers.trials.training import initial_weights

PLUGINS = [f"tests.plugins.own_{part}" for part in ("operations", "set", "data", "method", "space", "hyperparameters")]

POINT = dataclasses.replace(
    PRESETS["H1"],
    parameter_learning_rate=0.001,
    alpha_learning_rate=0.02,
    alpha_warm_up=False,
    alpha_scheduler="none",
    alpha_optimizer="gradient-descent",
)
CHOICES = Choices(channels=4, batch_size=16)


@pytest.fixture(autouse=True)
def plugins() -> Iterator[None]:
    """The plug-ins are there for one test, which may add more."""
    kernels._warn.cache_clear()
    with registries_as_they_are():
        load_plugins(PLUGINS)
        yield


def spec(**values: Any) -> InverseTrial:
    """A short trial of few channels."""
    return InverseTrial(**{"hyperparameters": POINT, "budget": 0.4, "seed": 6, "choices": CHOICES, **values})


def slow_matrix(data: str) -> torch.Tensor:
    """A, written down again."""
    if data == "dense":
        return torch.randn(30, 50, generator=torch.Generator().manual_seed(7), dtype=torch.float64).div(6).float()
    rows = torch.zeros(50, 50)
    for n in range(50):
        if data == "difference":
            rows[n, n] = 1
            if n:
                rows[n, n - 1] = 0.5
            continue
        taps = [torch.exp(torch.tensor(-0.5 * (k * torch.pi / 49 / 0.2) ** 2)) for k in range(-3, 4)]
        for k, tap in zip(range(-3, 4), taps, strict=True):
            if 0 <= n + k < 50:
                rows[n, n + k] = tap / sum(taps)
    return rows


def slow_relaxation(one: InverseTrial) -> Relax:
    """How the method of the trial makes mixing weights, written down again."""
    if one.method == "gumbel-one-level":
        return gumbel(one.seed, one.steps)
    own = one.hyperparameters.own
    factor = (-1 if own.get("sign") == "minus" else 1) / float(own.get("temperature", 1))
    return lambda alpha, step: torch.softmax(factor * alpha, dim=1)


def slow_trial(one: InverseTrial) -> tuple[float, Architecture, float]:
    """One-shot PSNR, architecture and its PSNR, by the slow trial."""
    formation = data_formation(one.data, one.choices)
    matrix, candidates = slow_matrix(one.data), candidate_operations(one.space, one.operations)
    layout = relaxed_network(one.space, one.operations, formation, one.choices).layout
    own = one.method == "gumbel-one-level"
    psnr_db, alpha = slow_search(
        SlowNetwork(one, [candidates] * edge_count(one.space), matrix),
        formation,
        initial_weights([one], layout, "search-weights", "cpu")[0],
        initial_alpha([one], layout)[0],
        slow_relaxation(one),
        one_level=own,
        pull=float(one.hyperparameters.own.get("pull", 0)),
    )
    chosen = [sorted(range(len(candidates)), key=row.__getitem__)[-2 if own else -1] for row in alpha.tolist()]
    found = Architecture.of_edges(one.space, [candidates[index] for index in chosen])
    weights = initial_weights([one], discrete_network(found, formation, one.choices).layout, "retrain-weights", "cpu")
    net = SlowNetwork(one, [(name,) for name in found.operations], matrix)
    return psnr_db, found, slow_retrain(net, formation, weights[0])


@pytest.mark.parametrize("kernel", ["torch", "auto", "fused"])
@pytest.mark.parametrize(
    ("values", "served"),
    [
        ({}, True),
        ({"operations": "own"}, False),
        ({"operations": "own", "space": "cell"}, False),
        ({"operations": "noisy"}, True),
        ({"operations": "noisy", "space": "cell"}, True),
        ({"data": "dense"}, False),
        ({"data": "difference"}, True),
        ({"data": "dense", "space": "cell"}, False),
        ({"method": "gumbel-one-level"}, True),
        ({"method": "gumbel-one-level", "space": "cell", "operations": "all"}, True),
        ({"space": "skip"}, False),
        ({"space": "small-cell", "operations": "all"}, True),
        ({"space": "skip", "operations": "own", "data": "dense", "method": "gumbel-one-level"}, False),
    ],
    ids=lambda value: "-".join(value.values()) or "built-in" if isinstance(value, dict) else None,
)
def test_a_trial_gives_the_numbers_of_the_slow_one(
    values: dict[str, str], served: bool, kernel: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Scores and architecture agree, by whichever kernel; what the fused one cannot serve, torch does and says so."""
    one = spec(**values)
    with caplog.at_level(logging.WARNING):
        outcome = run_trial(one, kernel=kernel)
    assert outcome.status == "completed"
    assert outcome.kernel == ("fused" if served and kernel != "torch" else "torch")
    assert ("torch computes what the fused kernels cannot" in caplog.text) == (not served and kernel != "torch")
    one_shot, architecture, retrained = slow_trial(one)
    assert outcome.one_shot_score == pytest.approx(one_shot, abs=0.01)
    assert outcome.architecture == str(architecture)
    assert outcome.architecture_score == pytest.approx(retrained, abs=0.01)


TEMPERED = {"temperature": 0.02, "sign": "minus"}


@pytest.mark.parametrize("kernel", ["torch", "fused"])
@pytest.mark.parametrize("space", ["sequential", "cell"])
@pytest.mark.parametrize(
    ("method", "own"), [("tempered", TEMPERED), ("das-pulled", {"pull": 0.3})], ids=["tempered", "das-pulled"]
)
def test_hyperparameters_of_a_method_count(method: str, own: dict[str, Any], space: str, kernel: str) -> None:
    """Scores and architecture are the slow trial's with these values, and other ones with the defaults."""
    spread = dataclasses.replace(CHOICES, alpha_init_std=0.05)
    one = spec(method=method, space=space, hyperparameters=dataclasses.replace(POINT, own=own), choices=spread)
    outcome = run_trial(one, kernel=kernel)
    assert (outcome.status, outcome.kernel) == ("completed", kernel)
    one_shot, architecture, retrained = slow_trial(one)
    assert outcome.one_shot_score == pytest.approx(one_shot, abs=0.01)
    assert outcome.architecture == str(architecture)
    assert outcome.architecture_score == pytest.approx(retrained, abs=0.01)
    default = run_trial(dataclasses.replace(one, hyperparameters=POINT.with_defaults(method)), kernel=kernel)
    assert outcome.one_shot_score != pytest.approx(default.one_shot_score, abs=1e-4)


@pytest.mark.parametrize("kernel", ["torch", "fused"])
def test_each_trial_of_a_batch_has_its_own_hyperparameters(kernel: str) -> None:
    """Trials of different temperatures in one batch give the numbers that each gives alone, and its own extra."""
    points = [
        dataclasses.replace(POINT, own={"temperature": temperature, "sign": sign})
        for temperature, sign in ((0.02, "plus"), (0.02, "minus"), (5.0, "plus"))
    ]
    specs = [spec(method="tempered", hyperparameters=point) for point in points]
    together = run_trials(specs, kernel=kernel)
    for one, outcome in zip(specs, together, strict=True):
        alone = run_trial(one, kernel=kernel)
        assert outcome.one_shot_score == pytest.approx(alone.one_shot_score, rel=1e-4)
        assert outcome.extras == pytest.approx(alone.extras, rel=1e-4)
    assert len({round(outcome.extras["mixing_entropy"], 6) for outcome in together}) == 3


@pytest.mark.parametrize("kernel", ["torch", "fused"])
def test_an_extra_is_a_number_of_the_last_mixing_weights(kernel: str) -> None:
    """The entropy that the method gives is that of softmax(alpha / temperature) after the last epoch."""
    point = dataclasses.replace(POINT, own={"temperature": 0.02, "sign": "plus"})
    outcome = run_trial(spec(method="tempered", hyperparameters=point), kernel=kernel)
    alpha = next(epoch.alpha for epoch in reversed(outcome.epochs) if epoch.phase == "search")
    assert alpha is not None
    entropies = []
    for row in alpha:
        powers = [math.exp(value / 0.02) for value in row]
        entropies.append(-sum(power / sum(powers) * math.log(power / sum(powers)) for power in powers))
    assert outcome.extras == {"mixing_entropy": pytest.approx(sum(entropies) / len(entropies), rel=1e-5)}


def test_an_extra_of_another_shape_is_refused() -> None:
    """A number of every edge is not one of every trial."""
    METHODS["wide"] = dataclasses.replace(METHODS["das"], extras=lambda state: {"alpha": state.alpha})
    with pytest.raises(
        InvalidValueError, match=r"'alpha' of the method wide must be a tensor \[1\].* got .*\[1, 10, 2"
    ):
        run_trial(spec(method="wide"))


@pytest.mark.parametrize(
    ("own", "match"),
    [
        ({}, "the method tempered has the hyperparameters temperature, sign; got none"),
        ({**TEMPERED, "pull": 0.1}, "got temperature, sign, pull"),
        ({**TEMPERED, "temperature": "hot"}, "temperature takes a finite number, got 'hot'"),
        ({**TEMPERED, "temperature": float("nan")}, "temperature takes a finite number, got nan"),
        ({**TEMPERED, "sign": "times"}, "sign takes one of plus, minus, got 'times'"),
    ],
    ids=["missing", "foreign", "text", "nan", "word"],
)
def test_hyperparameters_that_the_method_does_not_have_are_refused(own: dict[str, Any], match: str) -> None:
    """A trial is refused before it is begun."""
    with pytest.raises(InvalidValueError, match=match):
        spec(method="tempered", hyperparameters=dataclasses.replace(POINT, own=own))


@pytest.mark.parametrize("values", [{"operations": "own"}, {"method": "gumbel-one-level"}, {"space": "skip"}], ids=str)
def test_trials_of_a_batch_are_as_alone(values: dict[str, str]) -> None:
    """Weights, noise and random relaxations of a plug-in are each trial's own, and shared networks know them."""
    apart = dataclasses.replace(CHOICES, alpha_init_std=0.1)
    slow = dataclasses.replace(POINT, alpha_learning_rate=1e-4)
    specs = [spec(seed=seed, choices=apart, hyperparameters=slow, **values) for seed in range(4)]
    together = run_trials(specs, kernel="torch")
    assert len({outcome.architecture for outcome in together}) > 1
    for one, outcome in zip(specs, together, strict=True):
        alone = run_trial(one, kernel="torch")
        assert outcome.architecture == alone.architecture
        assert outcome.parameters == alone.parameters
        assert outcome.one_shot_score == pytest.approx(alone.one_shot_score, rel=1e-4)
        assert outcome.architecture_score == pytest.approx(alone.architecture_score, rel=1e-4)


def test_das_single_pretrains_what_a_plugin_trains() -> None:
    """Each operation with weights is trained alone before the search, also those of a plug-in."""
    outcome = run_trial(spec(operations="own", method="das-single"))
    phases = list(dict.fromkeys(epoch.phase for epoch in outcome.epochs))
    assert phases == ["pretrain-net", "pretrain-dilated", "pretrain-drowned", "search", "retrain"]


def test_the_reason_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """The log names what cannot be served, and not again for every trial."""
    for seed in (1, 2):
        run_trial(spec(data="dense", seed=seed))
    assert caplog.text.count("A'A of the data formation dense reaches 49 positions off the diagonal") == 1


@pytest.mark.parametrize("kernel", ["torch", "fused"])
def test_an_operation_that_nobody_registered_raises(kernel: str) -> None:
    """It never counts as zero."""
    OPERATION_SETS["bad"] = ("net", "missing")
    with pytest.raises(UnknownNameError, match="unknown operation 'missing': valid are learnable-gradient, net"):
        run_trial(spec(operations="bad"), kernel=kernel)


@pytest.mark.parametrize("kernel", ["torch", "fused"])
def test_a_wrong_shape_raises(kernel: str) -> None:
    """An operation that loses an axis is told which there are."""
    OPERATIONS["short"] = Operation(lambda given: given.u.sum(dim=1))
    OPERATION_SETS["bad"] = ("net", "short")
    with pytest.raises(InvalidValueError, match=r"'short' must return \[1, 1 or 1, 16, 50\] .* got \[1, 16, 50\]"):
        run_trial(spec(operations="bad"), kernel=kernel)


@pytest.mark.parametrize("kernel", ["torch", "fused"])
def test_a_matrix_of_another_width_is_refused(kernel: str) -> None:
    """A data formation that signals cannot be multiplied by is named."""
    REGISTRIES["data formation"]["wide"] = lambda choices: torch.zeros(3, 51)
    with pytest.raises(
        InvalidValueError, match=r"'wide' must make a matrix \[measurements, 50\].* got the shape \[3, 51"
    ):
        run_trial(spec(data="wide"), kernel=kernel)
