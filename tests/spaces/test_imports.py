"""What the control plane and the wire share must load without torch."""

import subprocess
import sys

LIGHT = "errors inverse_1d.architecture inverse_1d.choices hyperparameters seeds trial"
HEAVY = "torch numba ConfigSpace pandas numpy hpbandster sqlalchemy"


def test_the_vocabulary_loads_without_heavy_libraries() -> None:
    """The modules of spaces that the control plane imports load nothing heavy."""
    code = f"import sys; import {', '.join('spaces.' + name for name in LIGHT.split())}\n"
    code += f"print([name for name in {HEAVY.split()} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
