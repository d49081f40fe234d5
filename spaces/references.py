"""References to what a registry's entry needs: the object itself, or where it is, as ``package.module:name``.

A registry is read wherever names are checked, also where torch must not be imported. So entries name what computes
as text, and it is imported when a trial first needs it.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from spaces.errors import InvalidValueError


def resolve(reference: Any) -> Any:
    """The object that is meant: of the text ``package.module:name`` what is there, of anything else itself.

    Raises:
        InvalidValueError: If there is nothing at that place.
    """
    return _imported(reference) if isinstance(reference, str) else reference


@functools.cache
def _imported(reference: str) -> Any:
    module, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidValueError(
            f"a registry's entry names {reference!r}, which cannot be imported ({error}): "
            "write package.module:name, or the object itself"
        ) from None
