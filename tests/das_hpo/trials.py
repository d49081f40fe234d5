"""Trials that take no time."""

from __future__ import annotations

import math
import random

from spaces.trial import TrialOutcome, TrialSpec


def psnr(spec: TrialSpec) -> float:
    """A smooth objective in dB with its optimum inside the ranges, better with budget, a little noisy by seed."""
    point = spec.hyperparameters
    weights, alpha = (math.log10(point[f"{name}_learning_rate"]) for name in ("parameter", "alpha"))
    distance = (weights + 3) ** 2 + (alpha + 2) ** 2
    noise = random.Random(spec.seed).gauss(0, 0.1)
    return 20 + math.log(spec.budget) - distance - (point["alpha_optimizer"] == "adam") + noise


def outcome(spec: TrialSpec) -> TrialOutcome:
    """A trivial trial; the largest learning rates diverge."""
    if spec.hyperparameters["parameter_learning_rate"] > 0.5:
        return TrialOutcome("diverged", None, None, None, None, message="the loss is NaN")
    value = psnr(spec)
    architecture = "sequential:" + ",".join(["net"] * 10)
    return TrialOutcome("completed", value, value - 1 if spec.retrain else None, architecture, 1690)
