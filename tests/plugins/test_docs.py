"""The example of docs/plugins.md runs as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.das_hpo.command import das_hpo

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"


@pytest.mark.parametrize(
    "options",
    [
        ("--operations", "mine", "--data", "projections"),
        ("--space", "skip", "--method", "sigmoid", "--operations", "mine"),
        ("--space", "cell", "--method", "sigmoid"),
        ("--method", "tempered"),
    ],
    ids=" ".join,
)
def test_the_example_runs(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The file of the page is a plug-in, and each of its parts is searched and retrained."""
    (source,) = re.findall(r"```python\n# my_parts\.py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "my_parts.py").write_text(source)
    given = ("--trials", "1", "--epochs", "0.2", "--workers", "1", "--quiet", "--insecure", "-f", "csv")
    process = das_hpo("evaluate", "H1", *given, "--plugin", "my_parts", *options, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    names, values = (line.split(",") for line in process.stdout.splitlines())
    found = dict(zip(names, values, strict=True))
    assert (found["completed"], found["failed"]) == ("1", "0")
    assert float(found["one_shot_max_psnr"]) > -50
    assert float(found["max_psnr"]) > -50
