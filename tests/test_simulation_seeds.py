"""CI's seeds of the deterministic simulation (`make simulate`), in a file of their own, so that they have a core."""

from __future__ import annotations

import logging

import pytest

from tests.simulation.seeds import CI_SEEDS, simulate_range

_PART = 50


@pytest.mark.parametrize("first", range(CI_SEEDS.start, CI_SEEDS.stop, _PART))
def test_nothing_is_wrong(first: int, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is lost or double, and nothing waits for ever, whatever a seed has in store."""
    caplog.set_level(logging.CRITICAL + 1)
    failures, _, _, done = simulate_range(first, _PART)
    assert not failures, "\n".join(failures)
    assert done == _PART
