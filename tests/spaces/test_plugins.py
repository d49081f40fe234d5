"""Which plug-ins a process is to import."""

from __future__ import annotations

import pytest

from spaces.plugins import ENVIRONMENT, named


def test_options_come_before_the_environment_and_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of both are taken, in order; blanks and empty names are nothing."""
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    assert named(None) == ()
    monkeypatch.setenv(ENVIRONMENT, "b, c,,")
    assert named(["a", "b"]) == ("a", "b", "c")
