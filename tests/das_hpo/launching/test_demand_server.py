"""The demand over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from das_hpo.launching.demand import Demand, RunDemand
from das_hpo.launching.demand_server import DemandServer
from spaces.errors import UnreachableError


def get(server: DemandServer, path: str) -> str:
    """The text at a path."""
    with urllib.request.urlopen(f"http://{server.address}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def test_numbers_are_served_as_json_and_for_prometheus() -> None:
    """The runs are asked once for both."""
    asked: list[int] = []

    def ask() -> Demand:
        asked.append(1)
        return Demand(2, (RunDemand("a", 3, 1, 2), RunDemand("b")))

    with DemandServer("127.0.0.1", 0, ask) as server:
        values = json.loads(get(server, "/demand?x=1"))
        assert "\ndas_hpo_evaluations_waiting 3\n" in get(server, "/metrics")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(server, "/other")
        with pytest.raises(UnreachableError, match="cannot listen"):
            DemandServer("127.0.0.1", int(server.address.rpartition(":")[2]), ask)
    assert (values["waiting"], values["running"], values["evaluations"], values["workers"]) == (3, 1, 4, 2)
    assert len(asked) <= 2


def test_a_nameserver_that_is_away_is_an_error() -> None:
    """No zero, on which an autoscaler would end all workers."""

    def ask() -> Demand:
        raise UnreachableError("nobody answers")

    with DemandServer("127.0.0.1", 0, ask) as server, pytest.raises(urllib.error.HTTPError, match="503"):
        get(server, "/demand")
