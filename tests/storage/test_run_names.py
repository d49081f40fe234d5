"""Runs are found by name, and a name that is none says which was probably meant."""

from __future__ import annotations

from typing import Any

import pytest

from spaces.errors import RunMissingError
from storage import writes
from storage.engine import Database
from storage.run_names import require_run


def test_a_run_is_found_by_its_name(database: Database, samples: Any) -> None:
    """Exactly; the most similar name and the latest ones are named where it is not there."""
    with database.begin() as session:
        with pytest.raises(RunMissingError, match="no run is named 'lab' in this database: it has none yet"):
            require_run(session, "lab")
        ids = [writes.create_run(session, samples.run(name)) for name in ("lab-blur", "other")]
        assert [require_run(session, name) for name in ("lab-blur", "other")] == ids
        with pytest.raises(RunMissingError, match=r"'lab-blurr' .*\(did you mean 'lab-blur'\?\): the latest are other"):
            require_run(session, "lab-blurr")
        with pytest.raises(RunMissingError, match="named 'x' in this database: the latest are other, lab-blur"):
            require_run(session, "x")
