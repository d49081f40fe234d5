"""Who may look: everybody on this machine, and elsewhere who knows the token."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "das-hpo-token"

#: Nothing is loaded from elsewhere, no script but the page's own is run, and no page can put this one into a frame.
#: plotly.js writes styles of its own.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

#: What is answered to a reader without the token.
REFUSED = (
    "This page of das-hpo needs its token: open the address that das-hpo dashboard printed, which ends in ?token=..., "
    "or send the header Authorization: Bearer TOKEN.\n"
)


@dataclass(frozen=True, slots=True)
class Guard:
    """Refuses requests without the token, requests for another host, and everything that is not reading.

    Attributes:
        app: What is guarded.
        token: The token; None if everybody on this machine may look.
        hosts: The names under which the page may be asked for; empty if any. A page of the internet can make a browser
            ask this machine under a name of its own.
    """

    app: ASGIApp
    token: str | None
    hosts: frozenset[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request itself, or lets it through."""
        """Answers a request itself, or lets it through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(Request(scope))
        if refusal is not None:
            refusal.headers.update(HEADERS)
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        if request.method not in ("GET", "HEAD"):
            return PlainTextResponse("This page can only be read.\n", 405)
        host = Headers(scope=request.scope).get("host", "").rsplit(":", 1)[0]
        if self.hosts and host not in self.hosts:
            return PlainTextResponse(f"This page is at {' or '.join(sorted(self.hosts))}.\n", 421)
        if self.token is None:
            return None
        given = request.query_params.get("token")
        if given is not None and self._is_right(given):
            # From now on the cookie says it, and the token is in no address that is shown, kept or shared.
            rest = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
            answer = RedirectResponse(request.url.path + (f"?{urlencode(rest)}" if rest else ""), 303)
            answer.set_cookie(COOKIE, given, httponly=True, samesite="strict")
            return answer
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._is_right(bearer) or self._is_right(request.cookies.get(COOKIE, "")):
            return None
        return PlainTextResponse(REFUSED, 401)

    def _is_right(self, given: str) -> bool:
        return self.token is not None and hmac.compare_digest(given.encode(), self.token.encode())
