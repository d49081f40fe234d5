"""``das-hpo query``: real commands on a filled database."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.commands.lab import printed


def test_query_reads_and_cannot_write(folder: Path) -> None:
    """A SELECT prints; anything else is refused in one line, and nothing has changed."""
    before = printed(folder, "results", "-f", "csv")
    rows = json.loads(
        printed(folder, "query", "select status, count(*) as n from results group by status", "-f", "json")
    )
    assert {row["status"]: row["n"] for row in rows} == {"completed": 4, "diverged": 1, "failed": 1}
    for sql in ("delete from evaluations", "select 1; drop table runs", "select nonsense from results"):
        assert_one_line_error(das_hpo("query", sql, cwd=folder), 2)
    twice = "select 1 as a, 2 as a"
    assert_one_line_error(das_hpo("query", twice, "-f", "json", cwd=folder), 2, "two columns are named 'a'")
    assert printed(folder, "query", twice, "-f", "csv").split() == ["a,a", "1,2"]
    assert printed(folder, "results", "-f", "csv") == before


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    """`das-hpo results | head`, with more output than a pipe holds."""
    sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000) select i, 'some text' from n"
    process = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"{sys.executable}" -m das_hpo query "{sql}" -f csv | head -2'],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.stdout.splitlines()[1] == "1,some text"
    assert (process.returncode, process.stderr) == (0, "")
