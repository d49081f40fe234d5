"""Architectures and their canonical strings."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.registries import OPERATION_SETS, SEARCH_SPACES, candidate_operations


@given(space=st.sampled_from(list(SEARCH_SPACES)), operations=st.sampled_from(list(OPERATION_SETS)), seed=st.integers())
def test_strings_round_trip(space: str, operations: str, seed: int) -> None:
    """Any architecture is read back from its string."""
    architecture = Architecture.random(space, operations, random.Random(seed))
    assert Architecture.parse(str(architecture)) == architecture


def test_string_form() -> None:
    """The string names the space, then operations by commas, then cells by bars."""
    sequential = Architecture("sequential", (("net",) * 9 + ("roll",),))
    assert str(sequential) == "sequential:" + "net," * 9 + "roll"
    cell = Architecture.uniform("cell", "zero")
    assert str(cell) == "cell:" + "|".join([",".join(["zero"] * 15)] * 2)


@pytest.mark.parametrize(
    ("space", "operations", "expected"),
    [
        ("sequential", "good", ("learnable-gradient", "net")),
        ("sequential", "all", ("learnable-gradient", "net", "roll", "noise")),
        ("cell", "good", ("learnable-gradient", "net", "zero")),
        ("cell", "all", ("learnable-gradient", "net", "roll", "noise", "zero")),
    ],
)
def test_candidates(space: str, operations: str, expected: tuple[str, ...]) -> None:
    """The candidates are section 4.3's, with zero in the cell space."""
    assert candidate_operations(space, operations) == expected


@pytest.mark.parametrize("space", list(SEARCH_SPACES))
def test_random_architectures_are_uniform(space: str) -> None:
    """Every candidate comes equally often on every edge, within five standard errors."""
    generator, candidates, draws = random.Random(0), candidate_operations(space, "all"), 2000
    drawn = [Architecture.random(space, "all", generator).operations for _ in range(draws)]
    share = 1 / len(candidates)
    tolerance = 5 * (share * (1 - share) / draws) ** 0.5
    for edge in range(len(drawn[0])):
        names = [operations[edge] for operations in drawn]
        for name in candidates:
            assert abs(names.count(name) / draws - share) < tolerance


def test_random_architecture_follows_its_generator() -> None:
    """Equal generators give equal architectures."""
    first, second = (Architecture.random("cell", "all", random.Random(5)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("net,net", InvalidValueError, "write SPACE:OPERATION"),
        ("tree:net", UnknownNameError, "unknown space 'tree': valid are sequential, cell"),
        ("sequential:net,net", InvalidValueError, "has 10 operations, got 2"),
        ("cell:" + ",".join(["net"] * 30), InvalidValueError, r"has 15\|15 operations, got 30"),
        ("sequential:" + ",".join(["zero"] * 10), UnknownNameError, "unknown operation of the sequential space 'zero'"),
        ("sequential:" + ",".join(["conv"] * 10), UnknownNameError, "valid are learnable-gradient, net, roll, noise"),
    ],
    ids=["no colon", "space", "too few", "no bar", "zero in sequential", "operation"],
)
def test_bad_strings(text: str, error: type[Exception], match: str) -> None:
    """A string that is no architecture says what is valid."""
    with pytest.raises(error, match=match):
        Architecture.parse(text)


def test_unknown_names() -> None:
    """Unknown spaces and operation sets list the valid ones."""
    with pytest.raises(UnknownNameError, match="unknown operations 'bad': valid are good, all"):
        candidate_operations("cell", "bad")
    with pytest.raises(UnknownNameError, match="unknown space 'tree'"):
        Architecture.uniform("tree", "net")
