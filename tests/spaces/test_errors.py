"""The exception tree."""

import inspect

import pytest

from spaces import errors


def tree() -> list[type[errors.DasHpoError]]:
    """All exceptions of the module."""
    found = [value for _, value in inspect.getmembers(errors, inspect.isclass) if value.__module__ == errors.__name__]
    assert len(found) > 10
    return found


@pytest.mark.parametrize("error", tree(), ids=lambda error: error.__name__)
def test_everything_is_in_the_tree_and_drawn(error: type[errors.DasHpoError]) -> None:
    """Every exception has the root, exit status 2 for usage and 1 for the rest, and is in the docstring's tree."""
    assert issubclass(error, errors.DasHpoError)
    assert error.exit_status == (2 if issubclass(error, errors.UsageError) else 1)
    assert errors.__doc__ is not None
    assert f" {error.__name__} " in errors.__doc__.replace("\n", " \n")


def test_unknown_name_lists_what_is_valid() -> None:
    """The message says what came and what is valid, in one line."""
    error = errors.UnknownNameError("colour", "mauve", iter(["red", "blue"]))
    assert str(error) == "unknown colour 'mauve': valid are red, blue"
    assert error.name == "mauve"
    assert error.valid == ("red", "blue")
