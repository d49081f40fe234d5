"""Spans of time as people write them: ``90s``, ``10m``, ``1h30m``, ``2d``."""

from __future__ import annotations

import math
import re

from spaces.errors import InvalidValueError

UNITS: dict[str, float] = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}

_TEXT = re.compile(r"(?:(?P<d>[0-9.]+)d)?(?:(?P<h>[0-9.]+)h)?(?:(?P<m>[0-9.]+)m)?(?:(?P<s>[0-9.]+)s?)?")


def parse_duration(text: str) -> float:
    """Seconds of a span such as ``90`` (seconds), ``90s``, ``10m``, ``1h30m`` or ``2d``.

    Raises:
        InvalidValueError: If it is not of that form, or not above 0.
    """
    match = _TEXT.fullmatch(text.strip().lower())
    try:
        parts = {} if match is None else {unit: float(value) for unit, value in match.groupdict().items() if value}
    except ValueError:
        parts = {}
    seconds = sum(UNITS[unit] * value for unit, value in parts.items())
    if not 0 < seconds < math.inf:
        raise InvalidValueError(f"a time is a number with d, h, m or s, above 0, as in 90s or 1h30m; {text!r} came")
    return seconds


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
