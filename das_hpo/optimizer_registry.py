"""Which optimisers there are: the only place that knows their names. Imports none of them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from das_hpo.optimizer_settings import OptimizerSettings
from spaces.errors import InvalidValueError, UnknownNameError

#: The names of all settings that ``--decide`` takes.
ALL_SETTINGS = tuple(OptimizerSettings.__dataclass_fields__)


class Entry(NamedTuple):
    """One optimiser.

    Attributes:
        place: ``package.module:function`` that makes it (see :mod:`das_hpo.optimisers.protocol`).
        decisions: The settings that it has, of those that ``--decide`` takes.
    """

    place: str
    decisions: tuple[str, ...]


#: The optimisers by the name that ``--optimizer`` takes.
OPTIMIZERS: dict[str, Entry] = {
    "bohb": Entry("das_hpo.optimisers.families:bohb", ALL_SETTINGS),
    "hyperband": Entry("das_hpo.optimisers.families:hyperband", ("brackets",)),
    "random": Entry("das_hpo.optimisers.families:random_search", ()),
    "screening": Entry("das_hpo.optimisers.families:screening", ()),
    "tpe": Entry("das_hpo.optimisers.families:tpe", ("brackets", "parallel", "random_fraction")),
    "cma-es": Entry("das_hpo.optimisers.families:cma_es", ("brackets",)),
}

#: The form of the name of a user's own optimiser; the database keeps 64 characters.
PLACE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
LONGEST = 64


def register_optimizer(name: str, place: str, decisions: tuple[str, ...] = ()) -> None:
    """Gives an optimiser of yours a name for ``--optimizer``; call it in a module that is imported in every process.

    Args:
        name: Lower-case letters, digits and '-'.
        place: ``package.module:function``, where the function takes a Problem and gives an Optimizer.
        decisions: The settings that it has, of :data:`ALL_SETTINGS`.

    Raises:
        InvalidValueError: If the name is taken by another place, or either is not of that form.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,63}", name):
        raise InvalidValueError(f"an optimiser's name is of lower-case letters, digits and '-', got {name!r}")
    if not PLACE.fullmatch(place):
        raise InvalidValueError(f"an optimiser is registered by 'package.module:function', got {place!r}")
    for decision in decisions:
        if decision not in ALL_SETTINGS:
            raise UnknownNameError("setting of an optimizer", decision, ALL_SETTINGS)
    if OPTIMIZERS.setdefault(name, Entry(place, decisions)) != (place, decisions):
        raise InvalidValueError(f"an optimiser named {name!r} is registered already: {OPTIMIZERS[name].place}")


def check_optimizer(name: str) -> None:
    """Raises UnknownNameError unless it is registered or of the form ``package.module:function``."""
    if name not in OPTIMIZERS and not (PLACE.fullmatch(name) and len(name) <= LONGEST):
        own = f"package.module:function of yours (at most {LONGEST} characters)"
        raise UnknownNameError("optimizer", name, (*OPTIMIZERS, own))


def check_optimizer_settings(name: str, decisions: OptimizerSettings) -> None:
    """Raises InvalidValueError if a setting was changed that a registered optimiser does not have."""
    if name not in OPTIMIZERS:
        return  # a user's own optimiser gets all of them
    known, defaults = OPTIMIZERS[name].decisions, OptimizerSettings()
    changed = [each for each in ALL_SETTINGS if getattr(decisions, each) != getattr(defaults, each)]
    unknown = [each for each in changed if each not in known]
    if unknown:
        raise InvalidValueError(
            f"the optimizer {name} has no setting {', '.join(unknown)}: it has {', '.join(known) or 'none'}"
        )


def settings_in_words() -> str:
    """Which registered optimiser has which settings, for the help of ``--decide``."""
    words = []
    for name, entry in OPTIMIZERS.items():
        has = "all of these" if entry.decisions == ALL_SETTINGS else ", ".join(entry.decisions) or "none"
        words.append(f"{name}: {has}")
    return "; ".join(words)


def find_optimizer(name: str) -> Callable[[Any], Any]:
    """The function that makes an optimiser: registered, or ``package.module:function``.

    Raises:
        UnknownNameError: If the name is neither.
        InvalidValueError: If the module cannot be imported, or has no such function.
    """
    check_optimizer(name)
    place = OPTIMIZERS[name].place if name in OPTIMIZERS else name
    module_name, _, function = place.partition(":")
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
