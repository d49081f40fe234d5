"""Names of runs that were given none."""

from __future__ import annotations

import re

import pytest

from das_hpo.names import default_run_name
from das_hpo.settings import check_run_name


@pytest.mark.parametrize("data", ["blur", "my images, 32x32 (grey)", "ß" * 200, ""])
def test_a_default_name_is_a_valid_one(data: str) -> None:
    """Whatever a task calls its data; and two of one minute differ."""
    names = {default_run_name("architecture", data) for _ in range(20)}
    assert len(names) == 20
    for name in names:
        check_run_name(name)
        assert re.fullmatch(r"architecture-.*-\d{8}-\d{4}-[0-9a-f]{4}", name)
