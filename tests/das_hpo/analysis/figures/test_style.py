"""Figures as files, and names in them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from das_hpo.analysis.figures import (
    distributions,
    progress,
    style,
)
from tests.das_hpo import frames

PSNR = "architecture_psnr"


def test_files_are_complete_and_repeatable(tmp_path: Path) -> None:
    """A PNG and a well-formed SVG, nothing else left behind; drawing again gives the same SVG."""
    run = frames.optimisation()
    written = style.save(progress.rungs(run, PSNR), tmp_path / "deep" / "rungs")
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["rungs.png", "rungs.svg"]
    assert written[0].read_bytes().startswith(b"\x89PNG")
    assert ElementTree.fromstring(written[1].read_bytes()).tag.endswith("svg")
    assert style.render(progress.rungs(run, PSNR)) == written[1].read_bytes()


def test_names_are_shown_literally() -> None:
    """A user's dollar starts no formula, a long name ends."""
    figure = distributions.distributions({r"$\frac$ <b>": [1.0, 2.0], "x" * 200: [1.0]})
    assert style.render(figure, "png")
    assert len(style.plain("x" * 200)) == 60
