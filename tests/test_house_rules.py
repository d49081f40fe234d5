"""The rules of the house that no linter holds: names, sizes, and a test for each module."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("das_hpo", "spaces", "storage", "workers")

#: Loops over numbers that numba compiles: their arrays are their parameters.
KERNELS = ROOT / "workers" / "kernels"

#: Tested through the package's own interface, or run by alembic.
WITHOUT_A_TEST_OF_THEIR_NAME = {
    "das_hpo/__main__.py": "tests/das_hpo/test_main.py",
    "storage/migrations/env.py": "tests/storage/test_schema.py",
    "workers/kernels/adam.py": "tests/workers/kernels/test_kernels.py",
    "workers/kernels/convolutions.py": "tests/workers/kernels/test_kernels.py",
    "workers/kernels/normalisation.py": "tests/workers/kernels/test_kernels.py",
    "workers/kernels/passes.py": "tests/workers/kernels/test_kernels.py",
    "workers/kernels/signals.py": "tests/workers/kernels/test_kernels.py",
}


def modules() -> list[Path]:
    """All modules that are installed."""
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions and methods of a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The names of its parameters, without self and cls."""
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def test_no_class_name_stands_twice() -> None:
    """One thing for one name."""
    places = defaultdict(list)
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_narrow_and_short(path: Path) -> None:
    """At most 7 parameters and 60 lines, outside the kernels."""
    if KERNELS in path.parents:
        return
    for function in functions(path):
        assert len(parameters(function)) <= 7, function.name
        assert (function.end_lineno or 0) - function.lineno < 60, function.name


def test_each_module_has_a_test_of_its_name() -> None:
    """Or is named here with what tests it."""
    names = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    without = {
        str(path.relative_to(ROOT))
        for path in modules()
        if path.name != "__init__.py" and "versions" not in path.parts and f"test_{path.name}" not in names
    }
    assert without == set(WITHOUT_A_TEST_OF_THEIR_NAME)
    assert all((ROOT / test).exists() for test in WITHOUT_A_TEST_OF_THEIR_NAME.values())
