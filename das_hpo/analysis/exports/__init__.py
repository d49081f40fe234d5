"""Runs in the formats of other tools, by name: one module a format, each a function that writes a draft."""

from __future__ import annotations

from das_hpo.analysis.exports import deepcave, hpbandster, mlflow, optuna
from das_hpo.analysis.exports.writing import ExportFormat

#: Every format that ``das-hpo export --to`` writes. A new one is a module here with a ``FORMAT``, and a line.
EXPORTS: dict[str, ExportFormat] = {
    "optuna": optuna.FORMAT,
    "hpbandster": hpbandster.FORMAT,
    "deepcave": deepcave.FORMAT,
    "mlflow": mlflow.FORMAT,
}
