"""``das-hpo nameserver``: what it listens on."""

from __future__ import annotations

from tests.das_hpo.command import assert_one_line_error, das_hpo


def test_an_empty_host_is_not_taken_for_all_networks() -> None:
    """As of an unset variable."""
    assert_one_line_error(das_hpo("nameserver", "--host", "", "--port", "0"), 2, "--host takes an address")
