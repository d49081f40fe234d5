"""The notebook and the page of the docs on Python are executed as they are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import das_hpo

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a key and settings of its own."""
    monkeypatch.setenv("DAS_HPO_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("DAS_HPO_DB", raising=False)
    return tmp_path


def test_the_notebook_ships_without_outputs() -> None:
    """What it prints is made where it is executed; it names no file of anybody's machine."""
    notebook = nbformat.read(DOCS / "python.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
    assert not re.search(r"/(home|Users|work|tmp)/", (DOCS / "python.ipynb").read_text())


@pytest.mark.timeout(600)
def test_the_notebook_runs(folder: Path) -> None:
    """Every cell, without an error; its pictures are there, and its run is in the database."""
    notebook = nbformat.read(DOCS / "python.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4
    text = "".join(output.get("text", "") for output in outputs)
    assert "first against H1" in text
    assert "unknown data" in text
    rows = das_hpo.load_results(f"sqlite:///{folder}/notebook.db")
    assert sorted(set(rows["run"])) == ["H1-sequential-good-blur", "first", "first-sequential-good-blur"]
    assert not set(rows["status"]) - {"completed", "diverged"}


def test_the_examples_of_the_page_run(folder: Path) -> None:
    """In its order, in one script without a guard."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(), re.DOTALL)
    (folder / "page.py").write_text("\n".join(blocks))
    done = subprocess.run(
        [sys.executable, "page.py"], cwd=folder, capture_output=True, text=True, check=False, timeout=250
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("completed ")
    assert "verdict" in done.stdout
    assert (folder / "tuned.png").exists()


def test_the_page_lists_what_there_is() -> None:
    """Each function of the package is in its table."""
    page = (DOCS / "python.md").read_text()
    functions = [name for name in das_hpo.__all__ if name[0].islower()]
    assert [name for name in functions if f"`{name}(" not in page] == []
