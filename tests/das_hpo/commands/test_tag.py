"""``das-hpo tag``: real commands on a filled database."""

from __future__ import annotations

import json
from pathlib import Path

from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.commands.conftest import fill
from tests.das_hpo.commands.lab import printed


def test_tags_are_added_removed_and_searched(tmp_path: Path) -> None:
    """das-hpo runs lists the runs that have all the tags asked for."""
    fill(tmp_path)
    assert printed(tmp_path, "tag", "lab", "paper", "blur").split() == ["blur", "paper"]
    assert printed(tmp_path, "tag", "new", "paper").split() == ["paper"]
    assert printed(tmp_path, "tag", "lab").split() == ["blur", "paper"]

    def found(*tags: str) -> list[str]:
        words = [word for tag in tags for word in ("--tag", tag)]
        return [run["run"] for run in json.loads(printed(tmp_path, "runs", "-f", "json", *words))]

    assert [found("paper"), found("paper", "blur"), found("other")] == [["lab", "new"], ["lab"], []]
    assert '["blur", "paper"]' in printed(tmp_path, "show", "lab")
    assert printed(tmp_path, "tag", "lab", "--remove", "blur").split() == ["paper"]
    assert_one_line_error(das_hpo("tag", "lab", "two words", cwd=tmp_path), 2, "a tag is up to 64 letters")
