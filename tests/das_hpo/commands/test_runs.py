"""``das-hpo runs``: real commands on a filled database."""

from __future__ import annotations

import json
from pathlib import Path

from tests.das_hpo.commands.lab import printed


def test_runs_lists_each_run_with_its_status_and_best(folder: Path) -> None:
    """A run without a master is interrupted; the best is that of the largest budget."""
    lab, new = json.loads(printed(folder, "runs", "-f", "json"))
    assert (lab["run"], lab["status"], lab["configurations"], lab["evaluations"]) == ("lab", "completed", 4, 6)
    assert (lab["finished"], lab["diverged"], lab["failed"]) == (6, 1, 1)
    assert lab["best_psnr"] == 20.123456789
    assert (new["run"], new["status"], new["best_psnr"], new["evaluations"]) == ("new", "interrupted", None, 0)
    table = printed(folder, "runs")
    assert "20.12" in table
    assert max(len(line) for line in table.splitlines()) <= 120
