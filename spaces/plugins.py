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

from spaces.errors import PluginError, UsageError
from spaces.hyperparameters import check_methods
from spaces.inverse_1d.registries import REGISTRIES, check_registries

#: Names plug-ins, parted by commas, for processes whose command line names none.
ENVIRONMENT = "DAS_HPO_PLUGINS"


def named(options: Iterable[str] | None) -> tuple[str, ...]:
    """The plug-ins that a process is to import: those of its options, then those of its environment, each once."""
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
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"the plug-in {module!r} cannot be imported: {_described(error)}: "
                "--plugin takes a module that Python finds in the current folder or in PYTHONPATH"
            ) from error
        for noun, entries in before.items():
            for name, entry in entries.items():
                if REGISTRIES[noun].get(name) is not entry:
                    raise PluginError(f"the plug-in {module!r} changes the {noun} {name!r}: choose another name for it")
        try:
            check_registries()
            check_methods()
        except UsageError as error:
            raise PluginError(f"the plug-in {module!r}: {error}") from None


def _described(error: BaseException) -> str:
    """What was raised and where, on one line."""
    what = " ".join(f"{type(error).__name__}: {error}".split())
    frames = traceback.extract_tb(error.__traceback__)
    inner = [frame for frame in frames if "importlib" not in frame.filename and frame.filename != __file__]
    return f"{what} ({os.path.basename(inner[-1].filename)}, line {inner[-1].lineno})" if inner else what
