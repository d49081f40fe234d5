"""Spans of time as people write them."""

from __future__ import annotations

import pytest

from das_hpo.durations import RANGES, format_duration, parse_duration, require_duration
from spaces.errors import InvalidValueError
from spaces.hyperparameters import preset
from spaces.task_registry import DEFAULT_TASK
from spaces.trial import TrialSpec
from workers.transport.messages import WORK, Answer, Work


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172800), ("0.5h", 1800), (" 2H ", 7200)],
    ids=str,
)
def test_spans_are_read(text: str, seconds: float) -> None:
    """Days, hours, minutes and seconds, in that order, each of them optional."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "-5m", "5 m", "1.2.3s", "ten", "m", "30m1h", "nan", "inf", "1e9"], ids=repr)
def test_what_is_no_span_is_refused(text: str) -> None:
    """The message says what is valid."""
    with pytest.raises(InvalidValueError, match="as in 90s or 1h30m"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0.0s"), (9.94, "9.9s"), (59, "59s"), (125, "2m05s"), (5400, "1h30m"), (183600, "2d03h")],
    ids=str,
)
def test_spans_are_written_in_two_units(seconds: float, text: str) -> None:
    """Enough for a person."""
    assert format_duration(seconds) == text


@pytest.mark.parametrize("name", RANGES)
def test_each_option_has_a_range(name: str) -> None:
    """Both ends are valid, what is beyond is not, and the message says what is."""
    limits = RANGES[name]
    least_s, most_s = parse_duration(limits.least), parse_duration(limits.most)
    for seconds in (least_s, most_s):
        assert require_duration(name, seconds) == seconds
    for seconds in (least_s - 0.001, most_s + 1, float("nan"), float("inf")):
        with pytest.raises(InvalidValueError, match=f"{name} is a time of {limits}, got"):
            require_duration(name, seconds)


def test_a_message_carries_every_valid_lease() -> None:
    """A lease that a worker would not take leaves a run without workers."""
    spec = TrialSpec(DEFAULT_TASK, preset("H1").to_dict(), 1.0, 0)
    for text in (RANGES["lease"].least, RANGES["lease"].most):
        answer = Answer(WORK, (Work("token", spec, parse_duration(text)),))
        assert Answer.from_mapping(answer.to_dict()) == answer
