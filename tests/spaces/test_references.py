"""References to objects, as text or as themselves."""

from __future__ import annotations

import math

import pytest

from spaces.errors import InvalidValueError
from spaces.references import resolve


def test_text_leads_to_the_object_and_an_object_to_itself() -> None:
    """package.module:name is imported; whatever is no text stays as it is."""
    assert resolve("math:cos") is math.cos
    assert resolve(math.cos) is math.cos
    assert resolve(None) is None


@pytest.mark.parametrize("reference", ["math:nothing", "nowhere:f", "math", ":cos", ""])
def test_what_is_not_there_is_named(reference: str) -> None:
    """The message quotes the reference and says how one is written."""
    with pytest.raises(InvalidValueError, match=f"names '{reference}', which cannot be imported .*package.module:name"):
        resolve(reference)
