"""Fixtures that several tests of das_hpo share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Where Linux keeps files in memory.
MEMORY = Path("/dev/shm")


@pytest.fixture
def memory_path() -> Iterator[Path]:
    """A folder in memory where there is one: for tests of thousands of commits whose durability is not the subject."""
    with tempfile.TemporaryDirectory(prefix="das-hpo-test-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)
