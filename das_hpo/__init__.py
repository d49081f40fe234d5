"""das-hpo: hyperparameter optimisation around differentiable architecture search.

    run, resume       an optimisation, to its end
    evaluate          trials of presets, and of the best configurations of runs
    run_trial         one DAS search and retraining, in this process
    compare           runs, campaigns and presets side by side, with a verdict
    load_results      evaluations as a DataFrame
    figure            a figure of stored runs, for matplotlib

docs/python.md shows them.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

#: This package, and those that lie beside it and come with it.
_PACKAGES = ("das_hpo", "spaces", "storage", "workers")

__all__ = [
    "ComparisonResult",
    "RunResult",
    "__version__",
    "compare",
    "evaluate",
    "figure",
    "figure_names",
    "load_results",
    "resume",
    "run",
    "run_trial",
]

if TYPE_CHECKING:
    from das_hpo.api import (
        ComparisonResult,
        RunResult,
        compare,
        evaluate,
        figure,
        figure_names,
        load_results,
        resume,
        run,
        run_trial,
    )


def require_own_packages() -> None:
    """Raises ImportError if Python finds another's module where a package of das-hpo's is meant, and says which.

    The current folder counts even where this process does not look there: the workers that it starts do.
    """
    folder = [] if os.environ.get("PYTHONSAFEPATH") else [""]
    for name in _PACKAGES:
        found = PathFinder.find_spec(name, [*folder, *sys.path])
        own = Path(__file__).parent.parent / name / "__init__.py"
        if found is not None and found.origin is not None and Path(found.origin).resolve() != own.resolve():
            raise ImportError(
                f"{found.origin} would be imported in place of das-hpo's own package {name!r}: "
                "rename it, or start das-hpo in another folder"
            )


def __getattr__(name: str) -> Any:
    """What :mod:`das_hpo.api` offers, imported with its first use: ``import das_hpo`` itself stays light."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require_own_packages()
    from das_hpo import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
