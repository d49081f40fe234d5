"""``das-hpo key``: making, rotating and finding the key file."""

from __future__ import annotations

from pathlib import Path

from tests.das_hpo.command import assert_one_line_error, das_hpo


def test_a_key_is_made_rotated_and_retired(tmp_path: Path) -> None:
    """A new one stands in front of those that stay valid; the file is its owner's alone."""
    path = tmp_path / "keys" / "key"
    environment = {"DAS_HPO_KEY_FILE": str(path)}
    assert das_hpo("key", "path", environment=environment).stdout == f"{path}\n"
    assert not path.exists()
    found = []
    for _ in range(2):
        made = das_hpo("key", "new", environment=environment)
        assert (made.returncode, made.stdout) == (0, "")
        assert str(path) in made.stderr
        found.append(path.read_text().split())
    assert path.stat().st_mode & 0o077 == 0
    assert found[1][1:] == found[0]
    assert "dropped 1 old keys" in das_hpo("key", "retire", environment=environment).stderr
    assert path.read_text().split() == found[1][:1]


def test_an_unknown_action_is_refused(tmp_path: Path) -> None:
    """With those that there are."""
    process = das_hpo("key", "delete", environment={"DAS_HPO_KEY_FILE": str(tmp_path / "key")})
    assert_one_line_error(process, 2, "'delete'", "'new', 'retire', 'path'")
