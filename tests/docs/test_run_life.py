"""The page about a run's life: its commands work in the order in which they stand there."""

from __future__ import annotations

import json
from pathlib import Path

from storage import writes
from storage.engine import open_database
from tests.das_hpo.databases import Run, store, trials
from tests.docs.blocks import Terminal, blocks

PAGE = Path(__file__).parents[2] / "docs" / "run-life.md"


def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    """On an interrupted run named first; at the end it is gone, and its exports are there."""
    url = f"sqlite:///{tmp_path}/das-hpo.db"
    store(url, Run("first", trials([20.0, 21.0, None]), kind="run"))
    with open_database(url) as database, database.begin() as session:
        writes.set_run_status(session, 1, "interrupted")
    terminal = Terminal(tmp_path)
    printed = [terminal.type(language, text) for language, text in blocks(PAGE)]
    assert any("cancelled" in text for text in printed)
    assert json.loads(terminal.type("sh", "das-hpo runs -f json")) == []
    assert {path.name for path in tmp_path.glob("first*")} == {
        "first.db",
        "first-hpbandster",
        "first-deepcave",
        "first-mlflow",
    }
