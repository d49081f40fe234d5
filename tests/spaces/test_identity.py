"""The identity of a configuration."""

from __future__ import annotations

from spaces.identity import ConfigurationId


def test_an_id_is_a_tuple_that_reads_well() -> None:
    """Equal to, hashed as and sorted like the tuple that hpbandster has; shown as users type it."""
    identifier = ConfigurationId(2, 0, 11)
    assert identifier == (2, 0, 11)
    assert {identifier: 1}[2, 0, 11] == 1
    assert sorted([identifier, ConfigurationId(0, 3, 1)])[0].iteration == 0
    assert f"{identifier}" == str(identifier) == "2-0-11"
