"""Several runs of the same settings: which seeds are meant, and what the runs of a group are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from das_hpo.groups import Seeds, runs_of_group, settings_alike
from das_hpo.settings import RunSettings
from spaces.errors import InvalidValueError


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0..9", tuple(range(10))),
        ("0,3,7", (0, 3, 7)),
        ("7..8,2", (7, 8, 2)),
        ("5", (5,)),
        ("4..4", (4,)),
        ("0..999", tuple(range(1000))),
    ],
)
def test_seeds_are_ranges_and_lists(text: str, seeds: tuple[int, ...]) -> None:
    """Both ends of a range are in it; the order is that of the text."""
    assert Seeds().read(text) == seeds
    Seeds().require("seeds", seeds)


@pytest.mark.parametrize("text", ["", "a", "3..1", "-1", "0..", "..3", "1,,2", "0...3", "0..1000", "0.5", "0..9..3"])
def test_what_is_no_seeds_is_refused(text: str) -> None:
    """In one line that says what is valid."""
    with pytest.raises(InvalidValueError, match=r"as in 0\.\.9 or 0,3,7"):
        Seeds().read(text)


def test_a_seed_is_given_once() -> None:
    """Two runs of one seed would be the same run."""
    with pytest.raises(InvalidValueError, match="each seed may be given once, got 2, 3 again"):
        Seeds().read("1..3,2..3")


def test_the_runs_of_a_group_differ_in_name_and_seed_alone() -> None:
    """All else is as it was asked for, so that they are repetitions of each other."""
    asked = RunSettings(name="g", objective="one-shot", iterations=3)
    first, second = runs_of_group(asked, (4, 0))
    assert (first.name, first.seed, first.group) == ("g-seed4", 4, "g")
    assert second == replace(asked, name="g-seed0", group="g", seed=0)
    assert settings_alike(first.to_dict()) == settings_alike(second.to_dict()) == settings_alike(asked.to_dict())
    other = replace(first, iterations=4)
    assert settings_alike(other.to_dict()) != settings_alike(first.to_dict())


def test_a_name_that_leaves_no_room_for_the_seed_is_refused() -> None:
    """Names of runs have at most 64 characters."""
    with pytest.raises(InvalidValueError, match="cannot name a run"):
        runs_of_group(RunSettings(name="g" * 60, objective="one-shot"), [0])
