"""``das-hpo resume``: what it refuses."""

from __future__ import annotations

from pathlib import Path

from tests.das_hpo.command import das_hpo


def test_an_unknown_run_cannot_be_resumed(tmp_path: Path) -> None:
    """Nor one without a database."""
    process = das_hpo("resume", "nobody", cwd=tmp_path, environment={"DAS_HPO_KEY_FILE": str(tmp_path / "key")})
    assert process.returncode == 1
    assert "no database" in process.stderr.splitlines()[-1]
    assert not (tmp_path / "das-hpo.db").exists()
