"""The tutorial, typed literally in an empty folder, with searches made short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import Terminal, blocks

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


@pytest.mark.timeout(600)
def test_the_tutorial_leads_to_a_verdict(terminal: Terminal) -> None:
    """Every command succeeds; the comparison speaks of both objectives; the report is one file."""
    said = [terminal.type(language, text) for language, text in blocks(TUTORIAL)]
    assert (terminal.folder / "report.html").stat().st_size > 10_000
    comparison = "\n".join(said)
    assert re.search(r"optimising the one-shot objective", comparison)


def test_the_pages_name_the_language_of_every_block() -> None:
    """sh and python are executed by a test of their page; what cannot be executed here is text, or console."""
    for page in sorted(TUTORIAL.parent.rglob("*.md")):
        fences = re.findall(r"^```(.*)$", page.read_text(), re.MULTILINE)
        assert set(fences[::2]) <= {"sh", "python", "text", "console", "yaml", "toml", "ini", "sql", ""}, page
