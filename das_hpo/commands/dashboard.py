"""``das-hpo dashboard``: the live page."""

from __future__ import annotations

import argparse
import os
import socket
from urllib.parse import quote

from das_hpo.commands.command import Command, add_database, database, say
from das_hpo.commands.connecting import is_loopback
from spaces.errors import DasHpoError, InvalidValueError

DEFAULT_PORT = 9080

#: A shorter token could be guessed.
LEAST_TOKEN = 16

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on; any but loopback needs a token")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="the port to listen on; 0 takes a free one")
    parser.add_argument(
        "--token",
        help=f"who knows it may look, {LEAST_TOKEN} characters or more; other users of the machine see the options of "
        "a command, but not its environment (default: the environment's DAS_HPO_DASHBOARD_TOKEN, else none)",
    )
    add_database(parser)


def execute(args: argparse.Namespace) -> int:
    """Serves the page until Ctrl-C."""
    token = args.token or os.environ.get("DAS_HPO_DASHBOARD_TOKEN") or None
    check(args.host, args.port, token)
    # Web framework, pandas and scipy take long to import.
    import uvicorn

    from das_hpo.analysis.dashboard.live import LiveRuns
    from das_hpo.analysis.dashboard.server import application
    from storage.engine import open_database

    url = database(args)
    with open_database(url, read_only=True) as opened, listening(args.host, args.port) as listener:
        local = is_loopback(args.host)
        names = frozenset((*LOOPBACK, args.host)) if local else frozenset()
        app = application(LiveRuns(opened, url), opened.location.name, token=token, hosts=names)
        shown = f"[{args.host}]" if ":" in args.host else args.host
        end = f"?token={quote(token, safe='')}" if token else ""
        say(f"the live page is at http://{shown}:{listener.getsockname()[1]}/{end} (Ctrl-C ends it)")
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
        server.run(sockets=[listener])
    return 0


def check(host: str, port: int, token: str | None) -> None:
    """Refuses what cannot be served.

    Raises:
        InvalidValueError: For a host beyond this machine without a token, a short token, or a port that is none.
    """
    if not 0 <= port <= 65535:
        raise InvalidValueError(f"--port takes 0 to 65535, got {port}")
    if token is None and not is_loopback(host):
        raise InvalidValueError(
            f"--host {host} can be reached from other machines: give a --token, or leave --host out and use ssh -L"
        )
    if token is not None and len(token) < LEAST_TOKEN:
        raise InvalidValueError(f"--token takes {LEAST_TOKEN} characters or more, got {len(token)}")


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        DasHpoError: If the address cannot be listened on.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise DasHpoError(f"cannot listen on {host}:{port} ({error.strerror}): name another --host or --port") from None


COMMAND = Command(
    summary="a live page about runs and campaigns, in the browser",
    description="Serves what das-hpo report shows, while it happens: runs with their progress, time left and workers, "
    "best so far, every evaluation with its curve, architecture and attempts, and runs side by side with the verdict. "
    "It only reads the database, and listens on this machine alone unless --host says more. It needs no connection to "
    "anything but the database, and a run does not notice whether it is there. Over ssh: ssh -L 9080:localhost:9080 "
    "HOST, and the same address here.",
    examples=("das-hpo dashboard", "das-hpo dashboard --db sqlite:///lab.db --port 8000"),
    configure=configure,
    execute=execute,
)
