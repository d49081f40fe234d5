"""The package itself: light, and complete by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

import das_hpo
from das_hpo import api


def test_importing_it_imports_nothing_else() -> None:
    """No module of das-hpo's, and none of a library."""
    code = "import sys; before = set(sys.modules); import das_hpo; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = [name for name in eval(done.stdout) if name.partition(".")[0] not in sys.stdlib_module_names]
    assert loaded == ["das_hpo"]


def test_what_it_offers_is_that_of_the_api() -> None:
    """Each name is in its directory and has a docstring; others are no attributes."""
    offered = [name for name in das_hpo.__all__ if name != "__version__"]
    for name in offered:
        assert getattr(das_hpo, name) is getattr(api, name)
        assert getattr(api, name).__doc__
    assert set(das_hpo.__all__) <= set(dir(das_hpo))
    with pytest.raises(AttributeError, match="module 'das_hpo' has no attribute 'tune'"):
        das_hpo.tune  # noqa: B018
