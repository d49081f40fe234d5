"""The command of the live page: what it refuses, before it listens."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import store


def test_wrong_usage_is_one_line(tmp_path: Path) -> None:
    """Another host without a token, a token that could be guessed, no port, no database, a port that is taken."""
    url = f"sqlite:///{tmp_path}/empty.db"
    store(url)
    for options, words in (
        (("--host", "0.0.0.0"), ("--host 0.0.0.0 can be reached from other machines", "--token")),
        (("--token", "short"), ("--token takes 16 characters or more, got 5",)),
        (("--port", "70000"), ("--port takes 0 to 65535, got 70000",)),
    ):
        assert_one_line_error(das_hpo("dashboard", "--db", url, *options), 2, *words)
    assert_one_line_error(das_hpo("dashboard", "--db", f"sqlite:///{tmp_path}/none.db"), 1, "none.db")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_one_line_error(
            das_hpo("dashboard", "--db", url, "--port", port), 1, f"cannot listen on 127.0.0.1:{port}"
        )
