"""Registries and modules as they were, after a test that loads plug-ins."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from spaces import plugins
from spaces.inverse_1d.registries import REGISTRIES
from spaces.sources import sources


@contextlib.contextmanager
def registries_as_they_are() -> Iterator[None]:
    """What is registered and imported in the block is gone after it."""
    before = {noun: dict(registry) for noun, registry in REGISTRIES.items()}
    modules, path, registered = set(sys.modules), list(sys.path), dict(plugins._registered)
    try:
        yield
    finally:
        for noun, registry in REGISTRIES.items():
            registry.clear()
            registry.update(before[noun])
        for name in set(sys.modules) - modules:
            if ".own_" in name or name.startswith("own_"):
                del sys.modules[name]
        plugins._registered.clear()
        plugins._registered.update(registered)
        sources.cache_clear()
        sys.path[:] = path
