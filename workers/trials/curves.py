"""Learning curves of a batch of trials, and which of them have diverged."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from spaces.trial import Epoch
from workers.trials.validation import psnr


class Meter:
    """Means of loss and PSNR over an epoch, summed on the device, so that no step waits for the host."""

    def __init__(self, trials: int, device: str) -> None:
        self._sums = torch.zeros(2, trials, device=device)
        self._count = 0

    def add(self, loss: Float[Tensor, " T"], errors: Float[Tensor, "T B"]) -> None:
        """Adds a step's loss and sample errors."""
        self._sums += torch.stack((loss.detach(), psnr(errors.detach())))
        self._count += 1

    def means(self) -> tuple[list[float | None], list[float | None]]:
        """Mean loss and PSNR (dB) of each trial."""
        loss, psnr_db = (self._sums / max(1, self._count)).tolist()
        return loss, psnr_db


class Curves:
    """The epochs of every trial so far; a trial that has diverged gets no more.

    Attributes:
        epochs: Of each trial, in the order they were made.
        messages: Why a trial diverged; None while it has not.
    """

    def __init__(self, trials: int) -> None:
        self.epochs: list[list[Epoch]] = [[] for _ in range(trials)]
        self.messages: list[str | None] = [None] * trials

    @property
    def all_diverged(self) -> bool:
        """Whether every trial has diverged."""
        return all(message is not None for message in self.messages)

    def part(self, trials: list[int]) -> Curves:
        """The curves of some of the trials; :meth:`put` takes them back when more epochs were added."""
        part = Curves(len(trials))
        part.epochs = [self.epochs[trial] for trial in trials]
        part.messages = [self.messages[trial] for trial in trials]
        return part

    def put(self, trials: list[int], part: Curves) -> None:
        """Takes back what :meth:`part` gave out."""
        for trial, epochs, message in zip(trials, part.epochs, part.messages, strict=True):
            self.epochs[trial], self.messages[trial] = epochs, message

    def add(
        self,
        phase: str,
        epoch: int,
        training: Meter | None = None,
        validation: Meter | None = None,
        alpha: Float[Tensor, "T E O"] | None = None,
    ) -> None:
        """Adds an epoch to every trial that has not diverged; a trial whose losses are not finite now has."""
        none: list[float | None] = [None] * len(self.epochs)
        train_loss, train_psnr = training.means() if training else (none, none)
        val_loss, val_psnr = validation.means() if validation else (none, none)
        rows: list[list[list[float]]] | None = None if alpha is None else alpha.tolist()
        for trial, epochs in enumerate(self.epochs):
            if self.messages[trial] is not None:
                continue
            numbers = (train_loss[trial], train_psnr[trial], val_loss[trial], val_psnr[trial])
            alphas = None if rows is None else tuple(tuple(row) for row in rows[trial])
            flat = [*numbers, *(value for row in alphas or () for value in row)]
            if any(value is not None and not math.isfinite(value) for value in flat):
                self.diverge(trial, f"{phase}: not finite in epoch {epoch}")
                alphas = None
            first, second, third, fourth = (_finite(number) for number in numbers)
            epochs.append(Epoch(phase, epoch, first, second, third, fourth, alphas))

    def check(self, scores: list[float], what: str) -> None:
        """Marks the trials whose PSNR is not finite as diverged."""
        for trial, score in enumerate(scores):
            if not math.isfinite(score):
                self.diverge(trial, f"{what}: PSNR {score}")

    def diverge(self, trial: int, message: str) -> None:
        """Marks a trial as diverged; the first reason stays."""
        if self.messages[trial] is None:
            self.messages[trial] = message


def _finite(value: float | None) -> float | None:
    """The value, or None for what is not finite: NaN has no place on the wire or in the database."""
    return value if value is not None and math.isfinite(value) else None
