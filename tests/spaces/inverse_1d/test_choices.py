"""The open choices: round trips, and what each refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.inverse_1d.choices import Choices

POSITIVE = st.floats(1e-6, 1e6)


def choices() -> st.SearchStrategy[Choices]:
    """Any valid choices."""
    return st.builds(
        Choices,
        noise_sigma=st.floats(0, 10),
        blur_sigma=POSITIVE,
        blur_unit=st.sampled_from(["omega", "samples"]),
        channels=st.integers(1, 256),
        tau=POSITIVE,
        layer_noise_sigma=st.floats(0, 10),
        roll_batch=st.booleans(),
        merge_kernel_size=st.sampled_from([1, 3, 5]),
        residual=st.booleans(),
        alpha_init_std=st.floats(0, 10),
        loss_scale=POSITIVE,
        scheduler=st.sampled_from(["linear", "step"]),
        warm_up=st.sampled_from(["fraction", "gradual"]),
        warm_up_fraction=st.floats(1e-6, 1),
        batch_size=st.integers(2, 4096),
    )


@given(choices())
def test_round_trip(some: Choices) -> None:
    """Choices are read back from builtin types, and from text."""
    assert Choices.from_mapping(some.to_dict()) == some
    assert Choices.from_mapping({name: str(value) for name, value in some.to_dict().items()}) == some


def test_defaults_where_nothing_is_said() -> None:
    """An empty mapping is the defaults."""
    assert Choices.from_mapping({}) == Choices()


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"noise_sigma": -1.0}, "noise_sigma must be 0 or more"),
        ({"noise_sigma": float("nan")}, "noise_sigma must be 0 or more"),
        ({"tau": 0.0}, "tau must be above 0"),
        ({"blur_sigma": float("inf")}, "blur_sigma must be above 0"),
        ({"warm_up_fraction": 0.0}, r"warm_up_fraction must be in \(0, 1\]"),
        ({"channels": 0}, "channels must be 1 or more, got 0"),
        ({"batch_size": 1}, "batch_size must be 2 or more"),
        ({"merge_kernel_size": 2}, "merge_kernel_size must be odd and positive, got 2"),
        ({"channels": "many"}, "channels takes a whole number, got 'many'"),
        ({"channels": 2.5}, "channels takes a whole number, got 2.5"),
        ({"roll_batch": "perhaps"}, "roll_batch takes true or false, got 'perhaps'"),
        ({"tau": True}, "tau takes a number, got True"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_invalid_values(values: dict[str, object], match: str) -> None:
    """A value that does not fit says what came and what is valid."""
    with pytest.raises(InvalidValueError, match=match):
        Choices.from_mapping(values)


def test_unknown_names() -> None:
    """Unknown settings and words list the valid ones."""
    with pytest.raises(UnknownNameError, match="unknown setting 'depth': valid are noise_sigma, blur_sigma"):
        Choices.from_mapping({"depth": 3})
    with pytest.raises(UnknownNameError, match="unknown scheduler 'cosine': valid are linear, step"):
        Choices(scheduler="cosine")
