"""What of the dispatcher is on the wire: five methods that read a message, check it, and answer it.

No exception leaves them. A message of another form is refused, and a report of another form ends its attempt. What
may pass is answered with "ask again", which the worker does until it has another answer; nothing else is.
"""

from __future__ import annotations

import logging
from typing import Any

import Pyro4.core

from das_hpo.service.lease_manager import LeaseManager
from das_hpo.service.reports import AGAIN_S
from spaces.errors import DasHpoError, WireError, may_pass
from spaces.texts import cleaned
from spaces.trial import TrialOutcome
from workers.transport.messages import AGAIN, ERROR, HANDED_BACK, REFUSED, WAIT, Answer, Caller, capacity, tokens
from workers.transport.wire import finite, mapping, text

log = logging.getLogger(__name__)


class Endpoints:
    """The dispatcher's exposed methods; see :mod:`workers.transport.messages` for what they mean."""

    def __init__(self, lease_manager: LeaseManager) -> None:
        self._lease_manager = lease_manager

    @Pyro4.core.expose  # type: ignore[untyped-decorator]
    def claim(self, worker: Any, wanted: Any) -> dict[str, Any]:
        """A worker asks for work."""
        try:
            return self._lease_manager.claim(Caller.from_mapping(worker), capacity(wanted)).to_dict()
        except Exception as error:  # noqa: BLE001 (answered, and logged there)
            return _failed(error, "").to_dict()

    @Pyro4.core.expose  # type: ignore[untyped-decorator]
    def report(self, worker: Any, token: Any, outcome: Any, duration_s: Any, wanted: Any) -> dict[str, Any]:
        """A worker has an outcome, and asks for work unless ``wanted`` is 0."""
        try:
            caller = Caller.from_mapping(worker)
            named = text(token, "a token", most=64)
            try:
                found = TrialOutcome.from_mapping(mapping(outcome, "the outcome"))
                seconds = finite(duration_s, "duration_s", least=0)
                return self._lease_manager.report(caller, named, found, seconds, capacity(wanted)).to_dict()
            except Exception as error:
                if may_pass(error):
                    raise
                if not isinstance(error, DasHpoError):
                    log.error("a report of %s could not be taken in", caller.name, exc_info=error)
                message = f"the report cannot be taken in: {type(error).__name__}: {error}"
                return self._lease_manager.hand_back(caller, (named,), ERROR, message).to_dict()
        except Exception as error:  # noqa: BLE001 (answered, and logged there)
            return _failed(error, AGAIN).to_dict()

    @Pyro4.core.expose  # type: ignore[untyped-decorator]
    def beat(self, name: Any, session: Any, held: Any) -> dict[str, Any]:
        """A worker is alive and computes these tokens. Takes no lock."""
        try:
            words = text(name, "name"), text(session, "session")
            return {"stop": self._lease_manager.beat(*words, tokens(held))}
        except WireError as error:
            log.warning("a beat is refused: %s", error)
            return {"stop": []}

    @Pyro4.core.expose  # type: ignore[untyped-decorator]
    def hand_back(self, worker: Any, held: Any, result: Any, message: Any) -> dict[str, Any]:
        """A worker gives evaluations up, or computing them raised."""
        try:
            if result not in (HANDED_BACK, ERROR):
                raise WireError(f"result must be {HANDED_BACK} or {ERROR}")
            # Whatever the reason is, the evaluation is free: it must not stay with a worker that has given it up.
            reason = message if type(message) is str else f"the worker gave no reason, but {type(message).__name__}"
            return self._lease_manager.hand_back(Caller.from_mapping(worker), tokens(held), result, reason).to_dict()
        except Exception as error:  # noqa: BLE001 (answered, and logged there)
            return _failed(error, AGAIN).to_dict()

    @Pyro4.core.expose  # type: ignore[untyped-decorator]
    def leave(self, worker: Any) -> dict[str, Any]:
        """A worker ends."""
        try:
            return self._lease_manager.leave(Caller.from_mapping(worker)).to_dict()
        except Exception as error:  # noqa: BLE001 (answered, and logged there)
            return _failed(error, AGAIN).to_dict()


def _failed(error: Exception, report: str) -> Answer:
    if isinstance(error, WireError):
        log.warning("a message is refused: %s", error)
        return Answer(REFUSED, message=cleaned(str(error)))
    log.error("a message could not be answered", exc_info=error)
    message = f"{type(error).__name__}, see the master's log"
    if may_pass(error) or not report:  # without a report, the worker just asks for work later
        return Answer(WAIT, wait_s=AGAIN_S, report=report, message=message)
    return Answer(REFUSED, message=message)
