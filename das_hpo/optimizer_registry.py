"""Which optimisers there are: the only place that knows their names. Imports none of them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any

from spaces.errors import InvalidValueError, UnknownNameError

#: Where the function is that makes each ``--optimizer`` (see :mod:`das_hpo.optimisers.protocol`).
OPTIMIZERS: dict[str, str] = {
    "bohb": "das_hpo.optimisers.families:bohb",
    "hyperband": "das_hpo.optimisers.families:hyperband",
    "random": "das_hpo.optimisers.families:random_search",
    "tpe": "das_hpo.optimisers.families:tpe",
    "cma-es": "das_hpo.optimisers.families:cma_es",
}

#: What a user's own optimiser is named by; the database keeps 64 characters.
PLACE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
LONGEST = 64


def register_optimizer(name: str, place: str) -> None:
    """Gives an optimiser of yours a name for ``--optimizer``; call it in a module that is imported in every process.

    Args:
        name: Lower-case letters, digits and '-'.
        place: ``package.module:function``, where the function takes a Problem and gives an Optimizer.

    Raises:
        InvalidValueError: If the name is taken by another place, or either is not of that form.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,63}", name):
        raise InvalidValueError(f"an optimiser's name is of lower-case letters, digits and '-', got {name!r}")
    if not PLACE.fullmatch(place):
        raise InvalidValueError(f"an optimiser is registered by 'package.module:function', got {place!r}")
    if OPTIMIZERS.setdefault(name, place) != place:
        raise InvalidValueError(f"an optimiser named {name!r} is registered already: {OPTIMIZERS[name]}")


def check_optimizer(name: str) -> None:
    """Raises UnknownNameError unless it is registered or of the form ``package.module:function``."""
    if name not in OPTIMIZERS and not (PLACE.fullmatch(name) and len(name) <= LONGEST):
        own = f"package.module:function of yours (at most {LONGEST} characters)"
        raise UnknownNameError("optimizer", name, (*OPTIMIZERS, own))


def find_optimizer(name: str) -> Callable[[Any], Any]:
    """The function that makes an optimiser: registered, or ``package.module:function``.

    Raises:
        UnknownNameError: If the name is neither.
        InvalidValueError: If the module cannot be imported, or has no such function.
    """
    check_optimizer(name)
    module_name, _, function = OPTIMIZERS.get(name, name).partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise InvalidValueError(
            f"the optimizer {name!r} cannot be imported: {type(error).__name__}: {error}; is its folder in PYTHONPATH?"
        ) from error
    found = getattr(module, function, None)
    if not callable(found):
        raise InvalidValueError(f"the optimizer {name!r} cannot be used: {module_name} has no function {function!r}")
    return found  # type: ignore[no-any-return]
