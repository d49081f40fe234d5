"""A user's own parts of a problem: modules that add entries to the registries when they are imported.

A process imports what its own command line (``--plugin``) or environment (``DAS_HPO_PLUGINS``) names, and nothing else.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Iterable
from dataclasses import fields, is_dataclass

from spaces.errors import PluginError, TaskError, UsageError
from spaces.hyperparameters import check_methods
from spaces.inverse_1d.registries import REGISTRIES, check_registries
from spaces.sources import fingerprint_of, sources

#: Names plug-ins, separated by commas, for processes whose command line names none.
ENVIRONMENT = "DAS_HPO_PLUGINS"

#: Packages whose source is in the fingerprint of every run of inverse-1d.
OWN_PACKAGES = ("spaces", "workers")

#: Which plug-in added an entry, by the entry's registry and name.
_registered: dict[tuple[str, str], str] = {}


def named(options: Iterable[str] | None) -> tuple[str, ...]:
    """The plug-ins that a process imports: first those of its options, then those of its environment, each once."""
    environment = (name.strip() for name in os.environ.get(ENVIRONMENT, "").split(","))
    return tuple(dict.fromkeys(name for name in (*(options or ()), *environment) if name))


def load_plugins(modules: Iterable[str]) -> None:
    """Imports the modules, which add their entries; they are looked for in the current folder, too.

    What they print goes to stderr, as stdout is for data.

    Raises:
        PluginError: If one cannot be imported, changes an entry that was there before, or adds one that is not valid.
    """
    modules = tuple(modules)
    if modules and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for module in modules:
        before = {noun: dict(registry) for noun, registry in REGISTRIES.items()}
        try:
            with contextlib.redirect_stdout(sys.stderr):
                importlib.import_module(module)
                sources(module)
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"the plug-in {module!r} cannot be imported: {_described(error)}: "
                "--plugin takes a module that Python finds in the current folder or in PYTHONPATH"
            ) from error
        for noun, entries in before.items():
            for name, entry in entries.items():
                if REGISTRIES[noun].get(name) is not entry:
                    raise PluginError(f"the plug-in {module!r} changes the {noun} {name!r}: choose another name for it")
            _registered.update({(noun, name): module for name in REGISTRIES[noun] if name not in entries})
        try:
            check_registries()
            check_methods()
        except UsageError as error:
            raise PluginError(f"the plug-in {module!r}: {error}") from None


def plugins_of(parts: Iterable[tuple[str, str]]) -> str:
    """The fingerprint of the plug-ins that parts are of; empty if all of them are das-hpo's own.

    The source of the module that ``--plugin`` named counts, and of those in which the pieces of an entry are defined;
    of a package all of its modules.

    Args:
        parts: Keys of REGISTRIES with a name each.
    """
    modules = {module for noun, name in parts for module in _modules(noun, name)}
    return fingerprint_of((), sorted(modules)) if modules else ""


def _modules(noun: str, name: str) -> set[str]:
    """The modules that a part is of, without das-hpo's own, which are in every fingerprint."""
    found = {_registered[noun, name]} if (noun, name) in _registered else set()
    entry = REGISTRIES[noun].get(name)
    pieces = [getattr(entry, each.name) for each in fields(entry)] if is_dataclass(entry) else [entry]
    for piece in pieces:
        if isinstance(piece, str) and ":" in piece:
            found.add(piece.partition(":")[0])
        elif callable(piece) and isinstance(getattr(piece, "__module__", None), str):
            found.add(piece.__module__)
    return {module for module in found if module.partition(".")[0] not in OWN_PACKAGES and _has_source(module)}


def _has_source(module: str) -> bool:
    """Whether the module is Python: a piece may also be a function of a compiled library."""
    try:
        return bool(sources(module))
    except TaskError:
        return False


def _described(error: BaseException) -> str:
    """What was raised and where, on one line."""
    what = " ".join(f"{type(error).__name__}: {error}".split())
    frames = traceback.extract_tb(error.__traceback__)
    inner = [frame for frame in frames if "importlib" not in frame.filename and frame.filename != __file__]
    return f"{what} ({os.path.basename(inner[-1].filename)}, line {inner[-1].lineno})" if inner else what
