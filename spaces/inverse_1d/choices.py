"""The choices the paper leaves open, each one named setting (docs/reproduction.md says why each default)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.values import read_value

#: Settings that take one of a few words, with the words.
WORDS: dict[str, tuple[str, ...]] = {
    "blur_unit": ("omega", "samples"),
    "scheduler": ("linear", "step"),
    "warm_up": ("fraction", "gradual"),
}


@dataclass(frozen=True, slots=True)
class Choices:
    """Everything about the problem, the networks and the search that is not a hyperparameter.

    Attributes:
        noise_sigma: Standard deviation of the measurement noise (Table 5).
        blur_sigma: Width of the Gaussian blur, in ``blur_unit``.
        blur_unit: ``omega`` (units of the axis, about 0.064 a sample) or ``samples``.
        channels: Channels C of the learned map n(u): conv 1 -> C, batch norm, ReLU, conv C -> 1; calibrated
            (docs/reproduction.md).
        tau: Step size of the gradient operations (Eq. 6); calibrated.
        layer_noise_sigma: Standard deviation of the noise operation.
        roll_batch: Whether ``roll`` also shifts the batch dimension ("in all dimensions").
        merge_kernel_size: Width of the 2 -> 1 convolution that ends a cell (odd; section 4.2 leaves it open).
        residual: Whether the result of the sequential layers is added to u0 (Fig. 1).
        alpha_init_std: Standard deviation of alpha's initial values; calibrated.
        loss_scale: Factor on the mean squared error; 25 makes it half the squared norm over the 50 points, the D of
            Eq. 5. It matters for plain gradient descent on alpha alone.
        scheduler: What ``alpha_scheduler=linear`` means: ``linear`` falls to 0 over the evaluation,
            ``step`` multiplies by 0.1 at 3/8, 5/8 and 7/8 of it.
        warm_up: What a warm-up is: ``fraction`` rises from 0 over the first ``warm_up_fraction`` of the
            steps, ``gradual`` rises from 1x to 10x the rate over the first 10 epochs.
        warm_up_fraction: The fraction of ``warm_up=fraction``.
        batch_size: Samples a mini-batch (Table 5).
    """

    noise_sigma: float = 0.10
    blur_sigma: float = 0.2
    blur_unit: str = "omega"
    channels: int = 8
    tau: float = 0.01
    layer_noise_sigma: float = 0.10
    roll_batch: bool = True
    merge_kernel_size: int = 1
    residual: bool = True
    alpha_init_std: float = 3e-4
    loss_scale: float = 25.0
    scheduler: str = "linear"
    warm_up: str = "fraction"
    warm_up_fraction: float = 0.1
    batch_size: int = 128

    def __post_init__(self) -> None:
        for name, words in WORDS.items():
            if getattr(self, name) not in words:
                raise UnknownNameError(name, getattr(self, name), words)
        for name in ("noise_sigma", "layer_noise_sigma", "alpha_init_std"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InvalidValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        for name in ("blur_sigma", "tau", "loss_scale"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InvalidValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if not 0 < self.warm_up_fraction <= 1:
            raise InvalidValueError(f"warm_up_fraction must be in (0, 1], got {self.warm_up_fraction}")
        for name, least in (("channels", 1), ("batch_size", 2)):
            if getattr(self, name) < least:
                raise InvalidValueError(f"{name} must be {least} or more, got {getattr(self, name)}")
        if self.merge_kernel_size < 1 or self.merge_kernel_size % 2 == 0:
            raise InvalidValueError(f"merge_kernel_size must be odd and positive, got {self.merge_kernel_size}")

    def to_dict(self) -> dict[str, Any]:
        """As builtin types, for the wire and the database."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Choices:
        """Reads what :meth:`to_dict` wrote; values may also be text (the command line's ``--set``).

        Raises:
            UnknownNameError: For an unknown setting.
            InvalidValueError: For a value that does not fit the setting.
        """
        defaults = {field.name: field.default for field in fields(cls)}
        read: dict[str, Any] = {}
        for name, value in values.items():
            if name not in defaults:
                raise UnknownNameError("setting", name, defaults)
            read[name] = read_value(name, value, type(defaults[name]))
        return cls(**read)
