"""The demand over HTTP, for autoscalers that cannot run a command: JSON, and Prometheus' text at ``/metrics``."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from das_hpo.launching.demand import Demand
from spaces.errors import DasHpoError, UnreachableError
from workers.transport.wire import format_address

#: An answer is used again for so many seconds: the runs are asked once, however many ask.
KEEP_S = 1.0

#: How many seconds a client may take to send its question.
CLIENT_S = 10.0


class DemandServer:
    """Answers while the ``with`` block lasts. It tells numbers and the names of runs, and changes nothing.

    Args:
        host: The address to listen on.
        port: The port; 0 takes a free one.
        ask: Gives the demand.

    Raises:
        UnreachableError: If the address cannot be listened on.
    """

    def __init__(self, host: str, port: int, ask: Callable[[], Demand]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._kept: tuple[float, Demand] | None = None
        try:
            self._server = ThreadingHTTPServer((host, port), self._handler())
        except OSError as error:
            raise UnreachableError(f"cannot listen on {format_address(host, port)}: {error.strerror}") from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="das-hpo demand", daemon=True)

    @property
    def address(self) -> str:
        """``HOST:PORT``."""
        host, port = self._server.server_address[:2]
        return format_address(str(host), port)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str) -> tuple[HTTPStatus, str, str]:
        """The status, the type and the text of an answer."""
        if path not in ("/", "/demand", "/metrics"):
            return HTTPStatus.NOT_FOUND, "text/plain", "there are /demand (JSON) and /metrics (for Prometheus)\n"
        try:
            demand = self._demand()
        except DasHpoError as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", f"{error}\n"
        if path == "/metrics":
            return HTTPStatus.OK, "text/plain; version=0.0.4", _metrics(demand)
        return HTTPStatus.OK, "application/json", json.dumps(demand.to_dict()) + "\n"

    def _demand(self) -> Demand:
        with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] > KEEP_S:
                self._kept = time.monotonic(), self._ask()
            return self._kept[1]

    def _handler(server: Self) -> type[BaseHTTPRequestHandler]:  # noqa: N805 (the handler's own self is inside)
        class Handler(BaseHTTPRequestHandler):
            timeout = CLIENT_S

            def do_GET(self) -> None:
                status, kind, text = server.answer(self.path.partition("?")[0])
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _metrics(demand: Demand) -> str:
    numbers = {
        "evaluations_waiting": (demand.waiting, "evaluations that more workers could begin now, at most"),
        "evaluations_running": (demand.running, "evaluations that are being computed"),
        "workers": (demand.workers, "workers that have asked the nameserver within a minute"),
        "runs_silent": (len(demand.silent), "runs that did not answer"),
    }
    return "".join(
        f"# HELP das_hpo_{name} {text}\n# TYPE das_hpo_{name} gauge\ndas_hpo_{name} {value}\n"
        for name, (value, text) in numbers.items()
    )
