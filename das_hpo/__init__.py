"""das-hpo: hyperparameter optimisation around differentiable architecture search."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

__version__ = "0.1.0"

#: This package, and those that lie beside it and come with it.
_PACKAGES = ("das_hpo", "spaces", "storage", "workers")

if TYPE_CHECKING:
    import pandas


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


def load_results(url: str, run: str | None = None) -> pandas.DataFrame:
    """The view ``results`` as a DataFrame: one row per evaluation, the columns of DESIGN.md.

    Args:
        url: SQLAlchemy URL of a das-hpo database, for example ``sqlite:///das-hpo.db``.
        run: The name of one run; None for all.

    Raises:
        ImportError: If Python finds another's module ``storage`` first, such as one in the current folder.
        DatabaseMissingError: If there is no database at the URL.
        RunMissingError: If no run has that name.
    """
    require_own_packages()
    from storage.frames import load_results as load

    return load(url, run)
