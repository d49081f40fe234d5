"""The source of modules and packages, of which fingerprints of code are made."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from spaces.errors import TaskError

#: Hexadecimal digits of a fingerprint.
DIGITS = 16


def fingerprint_of(words: Iterable[str], modules: Iterable[str]) -> str:
    """16 hexadecimal digits of a hash of words and of the source of modules, in their order.

    The source of a package is that of all of its modules. Where a file lies, and by which name it was imported, does
    not count.

    Raises:
        TaskError: If a source cannot be found.
    """
    digest = hashlib.sha256("".join(f"{word}\0" for word in words).encode())
    for module in modules:
        for relative, content in sources(module):
            digest.update(f"{relative}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:DIGITS]


@functools.cache
def sources(name: str) -> tuple[tuple[str, bytes], ...]:
    """File names, relative to the module, and contents of a module or package, as they were when this was first asked.

    Raises:
        TaskError: If they cannot be found.
    """
    module = sys.modules.get(name)
    try:
        spec = getattr(module, "__spec__", None) or importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            root = Path(next(iter(spec.submodule_search_locations)))
            return tuple((str(path.relative_to(root)), path.read_bytes()) for path in sorted(root.rglob("*.py")))
        origin = spec.origin if spec is not None else getattr(module, "__file__", None)
        return (("", Path(origin or "").read_bytes()),)
    except (OSError, ImportError, ValueError) as error:
        line = " ".join(f"{type(error).__name__}: {error}".split())
        raise TaskError(f"no source of the module {name!r} can be read: {line}") from None
