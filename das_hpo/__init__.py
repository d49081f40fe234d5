"""das-hpo: hyperparameter optimisation around differentiable architecture search."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    import pandas


def load_results(url: str, run: str | None = None) -> pandas.DataFrame:
    """The view ``results`` as a DataFrame: one row per evaluation, the columns of DESIGN.md.

    Args:
        url: SQLAlchemy URL of a das-hpo database, for example ``sqlite:///das-hpo.db``.
        run: The name of one run; None for all.

    Raises:
        DatabaseMissingError: If there is no database at the URL.
        RunMissingError: If no run has that name.
    """
    from storage.frames import load_results as load

    return load(url, run)
