"""Spans of time as people write them (``90s``, ``10m``, ``1h30m``, ``2d``), and which are valid for which option."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from spaces.errors import InvalidValueError

UNITS: dict[str, float] = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}

_TEXT = re.compile(r"(?:(?P<d>[0-9.]+)d)?(?:(?P<h>[0-9.]+)h)?(?:(?P<m>[0-9.]+)m)?(?:(?P<s>[0-9.]+)s?)?")


@dataclass(frozen=True, slots=True)
class DurationRange:
    """Which spans are valid for one option, both ends included, as people write them."""

    least: str
    most: str

    def __str__(self) -> str:
        return f"{self.least} to {self.most}"

    def require(self, name: str, seconds: float) -> float:
        """Returns the seconds if they are valid.

        Raises:
            InvalidValueError: If they are not.
        """
        if not _seconds(self.least) <= seconds <= _seconds(self.most):
            raise InvalidValueError(f"{name} is a time of {self}, got {seconds:.12g}s")
        return seconds


#: What is valid for every option that takes a time, and for every setting of that name: the one declaration of it.
RANGES: dict[str, DurationRange] = {
    "lease": DurationRange("1s", "24h"),  # no worker beats more often, and no message carries a longer one
    "wait": DurationRange("0s", "365d"),
    "idle-timeout": DurationRange("1s", "365d"),  # below, a worker ends before it has asked for work
    "time-limit": DurationRange("1s", "365d"),
    "evaluation-timeout": DurationRange("1s", "365d"),  # below, every evaluation would fail
    "failing": DurationRange("1s", "24h"),  # no option: see das_hpo.launching.cluster.Service
    "walltime": DurationRange("1m", "365d"),
    "max-time": DurationRange("1s", "365d"),
    "grace": DurationRange("0s", "24h"),
    "timeout": DurationRange("1s", "7d"),
}


def parse_duration(text: str) -> float:
    """Seconds of a span such as ``90`` (seconds), ``90s``, ``10m``, ``1h30m`` or ``2d``.

    Raises:
        InvalidValueError: If it is not of that form, or infinite.
    """
    seconds = _seconds(text)
    if not seconds < math.inf:
        raise InvalidValueError(f"a time is a number with d, h, m or s, as in 90s or 1h30m, got {text!r}")
    return seconds


def require_duration(name: str, seconds: float) -> float:
    """Returns the seconds if :data:`RANGES` has them as valid for that name.

    Raises:
        InvalidValueError: If not.
    """
    return RANGES[name].require(name, seconds)


def _seconds(text: str) -> float:
    match = _TEXT.fullmatch(text.strip().lower())
    try:
        parts = {} if match is None else {unit: float(value) for unit, value in match.groupdict().items() if value}
    except ValueError:
        parts = {}
    return sum(UNITS[unit] * value for unit, value in parts.items()) if parts else math.nan


def format_duration(seconds: float) -> str:
    """A span for people, of two units at most: ``8.3s``, ``2m05s``, ``1h30m``, ``2d03h``."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"
