"""The registry of formats."""

from __future__ import annotations

import subprocess
import sys

from das_hpo.analysis.exports import EXPORTS


def test_the_registry_is_light() -> None:
    """It names four tools, and imports none of them: the command line reads it."""
    assert list(EXPORTS) == ["optuna", "hpbandster", "deepcave", "mlflow"]
    heavy = ("optuna", "hpbandster", "mlflow", "sqlalchemy", "ConfigSpace")
    script = f"import sys, das_hpo.analysis.exports; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
