"""Who may look, of the guard alone; test_server asks the real server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from das_hpo.analysis.dashboard.access import Guard

TOKEN = "a-token-of-this-test"


def _status(token: str | None, hosts: frozenset[str], *, query: str = "", method: str = "GET", **headers: str) -> int:
    """The status of a request: 200 is that of what is guarded."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    raw = [(name.lower().encode(), text.encode()) for name, text in headers.items()]
    scope = {
        "type": "http", "method": method, "path": "/", "query_string": query.encode(), "headers": raw,
        "scheme": "http", "server": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    asyncio.run(Guard(app, token, hosts)(scope, receive, send))
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, 401),
        ({"query": "token=wrong"}, 401),
        ({"query": f"token={TOKEN}"}, 303),
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
        ({"Authorization": "Bearer é"}, 401),
        ({"Cookie": f"das-hpo-token={TOKEN}"}, 200),
        ({"Cookie": f"das-hpo-token={TOKEN}x"}, 401),
    ],
)
def test_the_token_opens_the_page(request_: dict[str, str], expected: int) -> None:
    """Whole and right, as address, header or cookie; the address is left for one without it."""
    assert _status(TOKEN, frozenset(), **request_) == expected  # type: ignore[arg-type]


def test_without_a_token_the_host_has_to_be_this_machine() -> None:
    """Whatever the port is; and only reading is answered."""
    hosts = frozenset(("localhost", "[::1]"))
    assert _status(None, hosts, Host="localhost:9080") == 200
    assert _status(None, hosts, Host="[::1]:9080") == 200
    assert _status(None, hosts, Host="attacker.example") == 421
    assert _status(None, hosts, method="DELETE", Host="localhost") == 405
