"""The live page's addresses. A page is made again only if something happened since, and says so by its ETag."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

import das_hpo
from das_hpo.analysis.dashboard import evaluations, views
from das_hpo.analysis.dashboard.access import HEADERS, Guard
from das_hpo.analysis.dashboard.live import LiveRuns
from das_hpo.analysis.dashboard.views import ADDRESSES, RUN_VIEWS, LiveView
from das_hpo.analysis.report.blocks import Section, Text
from das_hpo.analysis.report.page import environment, plotly_js, static
from spaces.errors import DasHpoError, StorageError
from spaces.identity import ConfigurationId
from storage.records import RunSummary

#: Pages that are kept, those that were asked for last.
MOST_PAGES = 64

#: A page that takes so many seconds of a processor is made again after four times as many, at the earliest: following
#: one page costs a fifth of a core at most.
REST = 4

STATIC = {
    "plotly.js": "text/javascript",
    "charts.js": "text/javascript",
    "live.js": "text/javascript",
    "page.css": "text/css",
}


@dataclass
class MadePage:
    """A page that was made.

    Attributes:
        state: Of the runs that it shows.
        text: Its HTML.
        again_at: Before this monotonic time it is not made again.
    """

    state: str
    text: str
    again_at: float


class Pages:
    """Makes pages, and keeps them.

    Args:
        live: The runs.
        database: What to call the database.
    """

    def __init__(self, live: LiveRuns, database: str) -> None:
        self.live = live
        self._database = database
        self._made: OrderedDict[str, MadePage] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, request: Request, make: Callable[[Sequence[RunSummary]], LiveView | None]) -> Response:
        """The page at an address: as it is kept, if nothing happened, else made."""
        address = str(request.url.replace(scheme="", netloc=""))
        try:
            summaries = self.live.summaries()
            name = unquote(str(request.path_params.get("run", "")))
            shown = [summary for summary in summaries if not name or summary.run.name == name]
            if not shown and name:
                return self._failed(404, f"no run is named {name!r} in this database")
            state = state_of(shown)
            kept = self._made.get(address)
            if kept is None or (kept.state != state and time.monotonic() >= kept.again_at):
                began = time.thread_time()
                view = make(shown)
                if view is None:
                    return self._failed(404, "the run has no such evaluation")
                took = time.thread_time() - began
                kept = MadePage(state, self._render(view), time.monotonic() + REST * took)
                self._keep(address, kept)
        except StorageError as error:
            return self._failed(503, str(error))
        except DasHpoError as error:
            return self._failed(400, str(error))
        tag = f'"{hashlib.sha256(kept.text.encode()).hexdigest()[:32]}"'
        headers = {**HEADERS, "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return HTMLResponse(kept.text, headers=headers)

    def _keep(self, address: str, page: MadePage) -> None:
        with self._lock:
            self._made[address] = page
            self._made.move_to_end(address)
            while len(self._made) > MOST_PAGES:
                self._made.popitem(last=False)

    def _failed(self, status: int, message: str) -> Response:
        view = LiveView(
            "Not shown", (Section("failed", "Not shown", (Text(f"{message[0].upper()}{message[1:]}.", True),)),)
        )
        return HTMLResponse(self._render(view), status, headers=HEADERS)

    def _render(self, view: LiveView) -> str:
        return (
            environment()
            .get_template("live.html.j2")
            .render(
                view=view,
                found=view.sections,
                tabs=[(tab, title, ADDRESSES.view(view.run, tab)) for tab, (title, _) in RUN_VIEWS.items()],
                evaluations=ADDRESSES.view(view.run, "evaluations") if view.run else "",
                one=f"{ADDRESSES.run(view.run)}/evaluation/" if view.run else "",
                database=self._database,
                version=das_hpo.__version__,
            )
        )


def state_of(summaries: Sequence[RunSummary]) -> str:
    """What changes whenever something happened to one of the runs."""
    return repr([(s.run, s.configurations, s.budgets) for s in summaries])


def application(
    live: LiveRuns, database: str, *, token: str | None = None, hosts: frozenset[str] = frozenset()
) -> ASGIApp:
    """The live page.

    Args:
        live: The runs.
        database: What to call the database.
        token: Who may look; None for everybody who reaches it.
        hosts: Under which names it may be asked for; none for any.
    """
    pages = Pages(live, database)

    def first(request: Request) -> Response:
        return pages.answer(request, lambda found: views.first(live, found))

    def run(request: Request) -> Response:
        tab = request.path_params.get("tab", "")
        if tab not in RUN_VIEWS:
            return PlainTextResponse("No such view.\n", 404)
        if tab == "evaluations":
            asked = dict(request.query_params)
            return pages.answer(request, lambda found: evaluations.table(live, found[0], asked))
        return pages.answer(request, lambda found: views.of_run(live, found[0], tab))

    def evaluation(request: Request) -> Response:
        try:
            configuration = ConfigurationId(*(int(part) for part in request.path_params["configuration"].split("-")))
            budget, replicate = float(request.path_params["budget"]), int(request.path_params["replicate"])
        except (TypeError, ValueError):
            return PlainTextResponse("No such evaluation.\n", 404)
        return pages.answer(request, lambda found: evaluations.one(live, found[0], configuration, budget, replicate))

    def compare(request: Request) -> Response:
        names = request.query_params.getlist("run")
        try:
            margin = float(request.query_params.get("margin") or "nan")
        except ValueError:
            return PlainTextResponse("margin is a number.\n", 400)
        asked = None if margin != margin else margin
        return pages.answer(request, lambda found: views.compared(live, found, names, asked))

    def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in STATIC:
            return PlainTextResponse("No such file.\n", 404)
        text = plotly_js() if name == "plotly.js" else static(name)
        # A newer das-hpo or plotly has another address, so that a browser may keep it.
        kept = {"Cache-Control": "private, max-age=86400"} if "v" in request.query_params else {}
        return Response(text, media_type=STATIC[name], headers={**HEADERS, **kept})

    routes = [
        Route("/", first),
        Route("/compare", compare),
        Route("/static/{name}", file),
        Route("/run/{run}", run),
        Route("/run/{run}/{tab}", run),
        Route("/run/{run}/evaluation/{configuration}/{budget}/{replicate}", evaluation),
    ]
    return Guard(Starlette(routes=routes), token, hosts)
