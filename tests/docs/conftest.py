"""A terminal in an empty folder, for the pages whose commands are typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """What it serves is stopped at the end."""
    opened = Terminal(tmp_path)
    yield opened
    opened.close()
