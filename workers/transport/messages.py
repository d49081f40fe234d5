"""The messages between workers and dispatchers: frozen dataclasses that cross the network as dicts.

    claim(caller, capacity)                               -> Answer    work, or how long to wait
    report(caller, token, outcome, duration_s, capacity)  -> Answer    what became of it, and the next work
    beat(name, session, tokens)                           -> {"stop": [tokens]}    a heartbeat
    hand_back(caller, tokens, result, message)            -> Answer    the worker gives work up, or it raised an error
    leave(caller)                                         -> Answer    the worker ends and hands everything back
    demand()                                              -> {"waiting": n, "running": n, "workers": n}    numbers

Each of them may be sent twice without harm. A claim or a report names the tokens that the worker holds. If the
dispatcher gave it others, the answer with them was lost, and they are sent again under the same tokens.
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

#: The status of an answer.
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

#: Why a worker hands evaluations back: it gives them up, or computing them raised an error.
HANDED_BACK = "handed-back"
ERROR = "error"

#: The most evaluations that a worker may claim at once.
MAX_CAPACITY = 4096

MAX_MESSAGE_LENGTH = 8000

#: The most tasks that a worker may name.
MAX_TASKS = 256


@dataclass(frozen=True, slots=True)
class Caller:
    """A worker, as it presents itself.

    Attributes:
        name: Unique among the workers of a nameserver.
        host: The name of its host.
        pid: Its process id there.
        device: ``cpu`` or ``cuda:0``.
        version: Version of das-hpo.
        session: Random; another session under the same name means that the process was restarted.
        holding: The tokens of the attempts that it computes or has yet to report.
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
        token: Names the attempt; heartbeats renew it, a report uses it up.
        spec: What to compute.
        lease_s: The attempt is lost if no heartbeat comes for this many seconds.
        configuration: The configuration's id within its run, for the worker's log; empty if the dispatcher says none.
    """

    token: str
    spec: TrialSpec
    lease_s: float
    configuration: str = ""

    def __str__(self) -> str:
        """For the log: what is computed, by which it is found in the database."""
        configuration = f"configuration {self.configuration}" if self.configuration else "a configuration"
        return f"{configuration} at {self.spec.budget:g} epochs (seed {self.spec.seed})"

    def to_dict(self) -> dict[str, Any]:
        """As builtin types."""
        return {
            "token": self.token,
            "spec": native(self.spec.to_dict()),
            "lease_s": self.lease_s,
            "configuration": self.configuration,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """A dispatcher's answer.

    Attributes:
        status: WORK, WAIT, DONE or REFUSED.
        work: What to compute next.
        wait_s: How many seconds to wait before asking again.
        message: The reason, for the log.
        report: What became of the report: RECORDED, DUPLICATE (the evaluation had its outcome before), UNKNOWN (there
            is no such token), AGAIN (keep it and report again) or NOTHING (there was no report).
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
            "work": [work.to_dict() for work in self.work],
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
            raise WireError(f"the answer's status must be work, wait, done or refused, got {status!r}")
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
    """The default name of a worker of this machine: ``HOST.PID``."""
    return f"{host_name()}.{os.getpid() if pid is None else pid}"


def host_name() -> str:
    """The name of this machine; bytes that are not text are escaped."""
    return cleaned(socket.gethostname())


def tokens(values: Any) -> tuple[str, ...]:
    """Checks a list of tokens of a message.

    Raises:
        WireError: If it is not a list of tokens, or too long.
    """
    if type(values) not in (list, tuple) or len(values) > 2 * MAX_CAPACITY:
        raise WireError(f"tokens must be a list of at most {2 * MAX_CAPACITY}")
    return tuple(text(value, "a token", most=64) for value in values)


def capacity(value: Any) -> int:
    """Checks how much work is asked for at once.

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
        raise WireError(f"the answer's work is not a trial: {error}") from None
    return Work(
        token=text(found.get("token"), "a token", most=64),
        spec=spec,
        lease_s=finite(found.get("lease_s"), "lease_s", least=0.01, most=86400),
        configuration=text(found["configuration"], "a configuration") if found.get("configuration") else "",
    )
