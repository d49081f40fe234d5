"""An export comes to its place whole or not at all, and replaces only what it may."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from das_hpo.analysis.exports import EXPORTS
from das_hpo.analysis.exports.source import ExportedRun
from das_hpo.analysis.exports.writing import MARK, check_target, export_run
from spaces.errors import InvalidValueError

Exported = Callable[[str], ExportedRun]


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("run", ["lab", "trials"])
def test_every_format_is_written_and_replaced_by_force_alone(
    name: str, run: str, exported: Exported, target: Path
) -> None:
    """Nothing but the export is left in the folder."""
    made = EXPORTS[name]
    for force in (False, True):
        assert export_run(exported(run), made, target, force=force) == ""
        assert [path.name for path in target.parent.iterdir()] == ["out"]
    with pytest.raises(InvalidValueError, match="is there already: name another path, or replace it with --force"):
        export_run(exported(run), made, target)
    assert str(target) in made.opens(target) or name == "deepcave"


def test_a_failure_leaves_what_was_there(exported: Exported, target: Path) -> None:
    """Whatever had been written by then."""

    def fail(run: ExportedRun, draft: Path, target: Path) -> str:
        draft.mkdir()
        (draft / "half").touch()
        raise OSError("the disk is full")

    target.write_text("old")
    with pytest.raises(OSError, match="the disk is full"):
        export_run(exported("lab"), replace(EXPORTS["hpbandster"], write=fail), target, force=True)
    assert [path.name for path in target.parent.iterdir()] == ["out"]
    assert target.read_text() == "old"


def test_a_folder_that_is_no_export_is_never_replaced(target: Path) -> None:
    """However much force is used; nor is a path in a folder that is not there written."""
    target.mkdir()
    (target / "thesis.tex").touch()
    with pytest.raises(InvalidValueError, match="a folder that das-hpo export did not make"):
        check_target(target, force=True)
    (target / MARK).touch()
    check_target(target, force=True)
    with pytest.raises(InvalidValueError, match="in a folder that exists"):
        check_target(target / "not" / "there", force=True)
