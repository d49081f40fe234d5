"""Trials from specification to outcome: purity, batches, divergence, and the shortest budgets."""

import dataclasses
import subprocess
import sys
from typing import Any

import pytest
import torch

from spaces.errors import DeviceError, InvalidValueError, UnknownNameError
from spaces.hyperparameters import preset
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.trial import InverseTrial
from spaces.trial import TrialOutcome
from workers.trials.pipeline import run_trial, run_trials

CHOICES = Choices(channels=4, batch_size=16)


def spec(**values: Any) -> InverseTrial:
    """A short trial of few channels on all operations."""
    defaults = {"hyperparameters": preset("H2"), "budget": 0.3, "seed": 3, "operations": "all", "choices": CHOICES}
    return InverseTrial(**{**defaults, **values})


def numbers(outcome: TrialOutcome) -> list[float]:
    """All numbers of an outcome, in order."""
    found = [outcome.one_shot_score, outcome.architecture_score]
    for epoch in outcome.epochs:
        found += [epoch.training_loss, epoch.training_score, epoch.validation_loss, epoch.validation_score]
        found += [value for row in epoch.alpha or () for value in row]
    return [value for value in found if value is not None]


@pytest.mark.parametrize("data", ["blur", "downsampling"])
@pytest.mark.parametrize("operations", ["good", "all"])
@pytest.mark.parametrize("space", ["sequential", "cell"])
def test_outcome(space: str, operations: str, data: str) -> None:
    """A trial gives both PSNRs, an architecture of its space, its parameters and its learning curves."""
    outcome = run_trial(spec(space=space, operations=operations, data=data, budget=1.1))
    assert outcome.status == "completed"
    assert outcome.one_shot_score is not None
    assert outcome.architecture_score is not None
    architecture = Architecture.parse(str(outcome.architecture))
    assert architecture.space == space
    learned = sum(name in ("learnable-gradient", "net") for name in architecture.operations)
    assert outcome.parameters == learned * (8 * 4 + 1) + (6 if space == "cell" else 0)
    assert [(epoch.phase, epoch.epoch) for epoch in outcome.epochs] == [
        *(("search", 1), ("search", 2)),
        *(("retrain", 1), ("retrain", 2)),
    ]
    assert all(epoch.alpha is not None for epoch in outcome.epochs[:2])
    assert TrialOutcome.from_mapping(outcome.to_dict()) == outcome


def test_a_trial_is_pure() -> None:
    """The same specification gives the same outcome, whatever the global random state is; and leaves that alone."""
    torch.manual_seed(1)
    first = run_trial(spec())
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = run_trial(spec())
    assert first == second
    assert torch.equal(before, torch.get_rng_state())
    assert run_trial(spec(seed=4)) != first


@pytest.mark.parametrize("space", ["sequential", "cell"])
def test_batched_trials_give_the_numbers_they_give_alone(space: str) -> None:
    """Trials with different seeds, optimisers, schedules and found architectures agree with themselves alone."""
    points = [preset(name) for name in ("H1", "BOHB-one-shot-Blur", "BOHB-one-shot-DS", "BOHB-Blur")]
    specs = [spec(space=space, seed=seed, hyperparameters=point) for seed, point in enumerate(points)]
    together = run_trials(specs, kernel="torch")
    assert len({outcome.architecture for outcome in together}) == 4
    for one, outcome in zip(specs, together, strict=True):
        alone = run_trial(one, kernel="torch")
        assert outcome.architecture == alone.architecture
        assert outcome.parameters == alone.parameters
        assert numbers(outcome) == pytest.approx(numbers(alone), rel=1e-5, abs=1e-5)


def test_batched_trials_of_one_architecture() -> None:
    """Trials of a given architecture are batched too, and search nothing."""
    architecture = str(Architecture.uniform("sequential", "net"))
    specs = [spec(architecture=architecture, seed=seed, retrain=False) for seed in (1, 2)]
    together = run_trials(specs, kernel="torch")
    for one, outcome in zip(specs, together, strict=True):
        alone = run_trial(one, kernel="torch")
        assert alone.one_shot_score is None
        assert alone.architecture == architecture
        assert [epoch.phase for epoch in alone.epochs] == ["retrain"]
        assert numbers(outcome) == pytest.approx(numbers(alone), rel=1e-5)


def test_batched_das_single() -> None:
    """DAS-single is batched like DAS."""
    specs = [spec(method="das-single", seed=seed) for seed in (1, 2)]
    for one, outcome in zip(specs, run_trials(specs, kernel="torch"), strict=True):
        assert numbers(outcome) == pytest.approx(numbers(run_trial(one, kernel="torch")), rel=1e-5, abs=1e-5)


WILD = dataclasses.replace(
    preset("H2"),
    parameter_learning_rate=1.0,
    parameter_weight_decay=0.1,
    alpha_learning_rate=0.1,
    alpha_optimizer="gradient-descent",
)


@pytest.mark.parametrize("space", ["sequential", "cell"])
@pytest.mark.parametrize("operations", ["good", "all"])
@pytest.mark.parametrize("seed", range(4))
def test_a_learning_rate_of_1_never_crashes(space: str, operations: str, seed: int) -> None:
    """At the wild end of the ranges a trial ends as completed or diverged."""
    outcome = run_trial(spec(space=space, operations=operations, hyperparameters=WILD, budget=2, seed=seed))
    assert outcome.status in ("completed", "diverged")
    assert TrialOutcome.from_mapping(outcome.to_dict()) == outcome


def test_divergence() -> None:
    """What is no longer finite ends as diverged, without PSNRs, with the reason, and stops early."""
    explosive = dataclasses.replace(preset("H1"), parameter_learning_rate=1e30)
    outcome = run_trial(spec(hyperparameters=explosive, budget=4))
    assert outcome.status == "diverged"
    assert (outcome.one_shot_score, outcome.architecture_score, outcome.architecture) == (None, None, None)
    assert outcome.message == "search: not finite in epoch 1"
    assert len(outcome.epochs) == 1
    assert TrialOutcome.from_mapping(outcome.to_dict()) == outcome


def test_diverged_retraining_keeps_the_one_shot_score() -> None:
    """What was computed before the divergence stays."""
    explosive = dataclasses.replace(preset("H1"), parameter_learning_rate=1e30)
    architecture = str(Architecture.uniform("sequential", "net"))
    outcome = run_trial(spec(hyperparameters=explosive, architecture=architecture))
    assert (outcome.status, outcome.architecture_score) == ("diverged", None)
    assert outcome.architecture == architecture
    assert outcome.parameters == 330
    assert str(outcome.message).startswith("retrain: not finite")


def test_a_diverged_trial_does_not_disturb_its_neighbours() -> None:
    """Beside a trial that blows up, the others give the numbers they give alone."""
    explosive = dataclasses.replace(preset("H1"), parameter_learning_rate=1e30, alpha_optimizer="adam")
    specs = [spec(), spec(hyperparameters=explosive), spec(seed=4)]
    together = run_trials(specs, kernel="torch")
    assert [outcome.status for outcome in together] == ["completed", "diverged", "completed"]
    for index in (0, 2):
        alone = run_trial(specs[index], kernel="torch")
        assert numbers(together[index]) == pytest.approx(numbers(alone), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("budget", [0.01, 0.1, 1.0, 1.06])
@pytest.mark.parametrize("method", ["das", "das-single"])
def test_short_budgets(budget: float, method: str) -> None:
    """Budgets below an epoch, of a single step, and just above an epoch work."""
    one = spec(budget=budget, method=method)
    outcome = run_trial(one)
    assert outcome.status == "completed"
    last = outcome.epochs[-1]
    assert (last.phase, last.epoch) == ("retrain", -(-one.steps // 19))


def test_without_retraining() -> None:
    """A one-shot trial names its architecture and its parameters, and retrains nothing."""
    outcome = run_trial(spec(retrain=False))
    assert outcome.one_shot_score == run_trial(spec()).one_shot_score
    assert outcome.architecture_score is None
    assert outcome.architecture is not None
    assert outcome.parameters is not None
    assert outcome.retrain_s == 0


@pytest.mark.parametrize("operation", ["zero", "roll", "noise"])
@pytest.mark.parametrize("kernel", ["torch", "auto"])
def test_architectures_without_learned_maps(operation: str, kernel: str) -> None:
    """Cells of nothing but zeros, and networks with little or nothing to train, are trained and validated."""
    architecture = str(Architecture.uniform("cell", operation))
    outcome = run_trial(spec(space="cell", operations="good", architecture=architecture), kernel=kernel)
    assert outcome.status == "completed"
    assert outcome.parameters == 6
    if operation != "zero":
        sequential = str(Architecture.uniform("sequential", operation))
        outcome = run_trial(spec(architecture=sequential), kernel=kernel)
        assert (outcome.status, outcome.parameters) == ("completed", 0)


def test_trials_of_different_shapes_are_refused() -> None:
    """A batch is of one shape; an empty batch has no outcomes."""
    with pytest.raises(InvalidValueError, match=r"group them by InverseTrial\.shape"):
        run_trials([spec(), spec(budget=2)])
    assert run_trials([]) == []


def test_unknown_kernels_and_devices() -> None:
    """What is not there is refused by name."""
    with pytest.raises(UnknownNameError, match="unknown kernel 'magic': valid are auto, torch, fused"):
        run_trial(spec(), kernel="magic")
    with pytest.raises(DeviceError, match="no device 'cuda:99' on this machine: there are cpu"):
        run_trial(spec(), device="cuda:99")


def test_no_compiler_stack_is_imported() -> None:
    """A trial imports neither torch's compiler stack nor its optimisers' (3 s)."""
    code = (
        "import sys\n"
        "from spaces.hyperparameters import preset\n"
        "from spaces.inverse_1d.trial import InverseTrial\n"
        "from workers.trials.pipeline import run_trial\n"
        "run_trial(InverseTrial(preset('H1'), 0.1, 0), kernel='torch')\n"
        "print([name for name in ('torch._dynamo', 'torch._inductor', 'sympy') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("space", ["sequential", "cell"])
def test_batches_on_a_gpu(space: str) -> None:
    """On CUDA a batch gives the numbers its trials give alone, within the rounding of reordered sums."""
    specs = [spec(space=space, seed=seed) for seed in range(3)]
    for one, outcome in zip(specs, run_trials(specs, device="cuda"), strict=True):
        alone = run_trial(one, device="cuda")
        assert outcome.status == "completed"
        assert numbers(outcome) == pytest.approx(numbers(alone), rel=1e-3, abs=1e-3)
