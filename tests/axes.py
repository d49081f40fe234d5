"""Which modules annotate the axes of tensors: tests/conftest.py has them checked."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def annotated_modules() -> list[str]:
    """The modules of spaces and workers that import jaxtyping.

    Not packages: their names would stand for all modules below, and numba compiles the source of those in
    workers.kernels.
    """
    files = [path for package in ("spaces", "workers") for path in sorted((ROOT / package).rglob("*.py"))]
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in files
        if path.name != "__init__.py" and "\nfrom jaxtyping import " in path.read_text()
    ]
