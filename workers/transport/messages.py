"""What workers and dispatchers say to each other, as frozen dataclasses that cross the wire as dicts.

    claim(caller, capacity)                               -> Answer    work, or how long to wait
    report(caller, token, outcome, duration_s, capacity)  -> Answer    what became of it, and the next work
    beat(name, session, tokens)                           -> {"stop": [tokens]}
    hand_back(caller, tokens, result, message)            -> Answer    given up, or compute raised
    leave(caller)                                         -> Answer    the worker ends; it hands all back

Each bears being called twice. A claim or a report names the tokens that the worker holds; whatever else
the dispatcher had given it got lost on the way and is sent again, under the same token.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spaces.errors import DasHpoError, WireError
from spaces.texts import cleaned
from spaces.trial import TrialSpec
from workers.transport.wire import checked, finite, mapping, native, text

#: What a claim or report may be answered.
WORK = "work"
WAIT = "wait"
DONE = "done"
REFUSED = "refused"

#: What became of a report.
RECORDED = "recorded"
DUPLICATE = "duplicate"
UNKNOWN = "unknown"
AGAIN = "again"
NOTHING = ""

#: How a worker gives tokens back.
HANDED_BACK = "handed-back"
ERROR = "error"

#: More work than this is never claimed at once.
MAX_CAPACITY = 4096

MAX_MESSAGE_LENGTH = 8000

#: A worker names no more tasks than this.
MAX_TASKS = 256


@dataclass(frozen=True, slots=True)
class Caller:
    """A worker, as it presents itself.

    Attributes:
        name: Unique among the workers of a nameserver.
        host: Its host's name.
        pid: Its process id there.
        device: ``cpu`` or ``cuda:0``.
        version: Version of das-hpo.
        session: Random; another one under the same name means that the process was restarted.
        holding: The tokens that it computes or has yet to report.
        tasks: The fingerprint of each task that it can run, by the task's name.
    """

    name: str
    host: str
    pid: int
    device: str
    version: str
    session: str
    holding: tuple[str, ...] = ()
    tasks: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As builtin types."""
        return {**{name: getattr(self, name) for name in self.__dataclass_fields__}, "tasks": dict(self.tasks)}

    @classmethod
    def from_mapping(cls, values: Any) -> Caller:
        """Reads and checks what :meth:`to_dict` wrote.

        Raises:
            WireError: If it is not of that form.
        """
        found = mapping(values, "the caller")
        words = {name: text(found.get(name), name) for name in ("name", "host", "device", "version", "session")}
        pid = found.get("pid")
        if type(pid) is not int or not 0 <= pid < 2**31:
            raise WireError("pid must be a whole number in [0, 2**31)")
        tasks = mapping(found.get("tasks", {}), "the caller's tasks")
        if len(tasks) > MAX_TASKS:
            raise WireError(f"a worker names at most {MAX_TASKS} tasks")
        named = {text(name, "a task"): text(value, "a fingerprint", most=64) for name, value in tasks.items()}
        return cls(pid=pid, holding=tokens(found.get("holding")), tasks=named, **words)


@dataclass(frozen=True, slots=True)
class Work:
    """One evaluation that a worker is to compute.

    Attributes:
        token: Names the attempt; a beat renews it, a report uses it up.
        spec: What to compute.
        lease_s: The attempt is lost if no beat comes for so long.
    """

    token: str
    spec: TrialSpec
    lease_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A dispatcher's answer.

    Attributes:
        status: WORK, WAIT, DONE or REFUSED.
        work: What to compute next.
        wait_s: How long to wait before asking again.
        message: Why, for the log.
        report: What became of the report: RECORDED, DUPLICATE (it had an outcome before), UNKNOWN (no
            such token), AGAIN (keep it and report again) or NOTHING.
    """

    status: str
    work: tuple[Work, ...] = ()
    wait_s: float = 0.0
    message: str = ""
    report: str = NOTHING

    def to_dict(self) -> dict[str, Any]:
        """As builtin types."""
        return {
            "status": self.status,
            "work": [{"token": w.token, "spec": native(w.spec.to_dict()), "lease_s": w.lease_s} for w in self.work],
            "wait_s": self.wait_s,
            "message": self.message,
            "report": self.report,
        }

    @classmethod
    def from_mapping(cls, values: Any) -> Answer:
        """Reads and checks what :meth:`to_dict` wrote.

        Raises:
            WireError: If it is not of that form.
        """
        found = mapping(values, "the answer")
        status = found.get("status")
        if status not in (WORK, WAIT, DONE, REFUSED):
            raise WireError(f"the answer's status must be work, wait, done or refused, {status!r} came")
        items = found.get("work", ())
        if type(items) not in (list, tuple):
            raise WireError("the answer's work must be a list")
        return cls(
            status=status,
            work=tuple(_work(item) for item in items),
            wait_s=finite(found.get("wait_s", 0.0), "wait_s", least=0, most=3600),
            message=str(found.get("message", "")),
            report=str(found.get("report", NOTHING)),
        )


def default_name(pid: int | None = None) -> str:
    """The name of a worker of this machine that was given none: ``HOST.PID``."""
    return f"{host_name()}.{os.getpid() if pid is None else pid}"


def host_name() -> str:
    """The name of this machine; a system may hold any bytes for it."""
    return cleaned(socket.gethostname())


def tokens(values: Any) -> tuple[str, ...]:
    """A list of tokens.

    Raises:
        WireError: If it is none, or too long.
    """
    if type(values) not in (list, tuple) or len(values) > 2 * MAX_CAPACITY:
        raise WireError(f"tokens must be a list of at most {2 * MAX_CAPACITY}")
    return tuple(text(value, "a token", most=64) for value in values)


def capacity(value: Any) -> int:
    """How much work is asked for at once.

    Raises:
        WireError: If it is out of bounds.
    """
    if type(value) is not int or not 0 <= value <= MAX_CAPACITY:
        raise WireError(f"capacity must be a whole number in [0, {MAX_CAPACITY}]")
    return value


def _work(values: Any) -> Work:
    found: Mapping[str, Any] = mapping(values, "a piece of work")
    try:
        spec = TrialSpec.from_mapping(checked(found["spec"]))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, DasHpoError) as error:
        raise WireError(f"the answer's work is no trial: {error}") from None
    return Work(
        token=text(found.get("token"), "a token", most=64),
        spec=spec,
        lease_s=finite(found.get("lease_s"), "lease_s", least=0.01, most=86400),
    )
