"""The methods of a dispatcher that workers call over the network: each checks its message and answers it.

No exception leaves these methods. A message of a wrong form is refused, and a report of a wrong form ends its attempt.
Only an error that may pass (such as a full disk) is answered with "again": the worker then repeats its message until it
gets another answer.
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
        """A worker reports an outcome, and asks for work unless ``wanted`` is 0."""
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
                    log.error("a report of %s could not be recorded", caller.name, exc_info=error)
                message = f"the report cannot be recorded: {type(error).__name__}: {error}"
                return self._lease_manager.hand_back(caller, (named,), ERROR, message).to_dict()
        except Exception as error:  # noqa: BLE001 (answered, and logged there)
            return _failed(error, AGAIN).to_dict()

    @Pyro4.core.expose  # type: ignore[untyped-decorator]
    def beat(self, name: Any, session: Any, held: Any) -> dict[str, Any]:
        """A heartbeat: a worker is alive and computes these tokens. Takes no lock."""
        try:
            words = text(name, "name"), text(session, "session")
            return {"stop": self._lease_manager.beat(*words, tokens(held))}
        except WireError as error:
            log.warning("a heartbeat is refused: %s", error)
            return {"stop": []}

    @Pyro4.core.expose  # type: ignore[untyped-decorator]
    def hand_back(self, worker: Any, held: Any, result: Any, message: Any) -> dict[str, Any]:
        """A worker gives evaluations up, or computing them raised an error."""
        try:
            if result not in (HANDED_BACK, ERROR):
                raise WireError(f"result must be {HANDED_BACK} or {ERROR}")
            # A reason of a wrong type must not keep the evaluation with a worker that has given it up.
            reason = (
                message if type(message) is str else f"the worker sent no text as its reason ({type(message).__name__})"
            )
            return self._lease_manager.hand_back(Caller.from_mapping(worker), tokens(held), result, reason).to_dict()
        except Exception as error:  # noqa: BLE001 (answered, and logged there)
            return _failed(error, AGAIN).to_dict()

    @Pyro4.core.expose  # type: ignore[untyped-decorator]
    def demand(self) -> dict[str, int]:
        """How many evaluations wait and are computed, and how many workers are alive."""
        return self._lease_manager.demand()

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
    message = f"{type(error).__name__}, see the log of the run's process"
    if may_pass(error) or not report:  # if it sent no report, the worker simply asks for work later
        return Answer(WAIT, wait_s=AGAIN_S, report=report, message=message)
    return Answer(REFUSED, message=message)
