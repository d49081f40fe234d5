"""Which workers a run gives work to."""

from __future__ import annotations

import pytest

from das_hpo.service.admission import Admission
from workers.transport.messages import Caller


def caller(version: str = "1.0", **tasks: str) -> Caller:
    """A worker of that version which can run those tasks."""
    return Caller("w", "host", 1, "cpu", version, "s", tasks=tasks)


@pytest.mark.parametrize(
    ("worker", "task", "words"),
    [
        (caller("1.1", digits="abc"), ("digits", "abc"), "is of das-hpo 1.0, worker w of 1.1: install the same"),
        (caller(), ("digits", "abc"), "of the task digits, which worker w was not told of: start it with --task"),
        (caller(other="abc"), ("digits", "abc"), "was not told of"),
        (caller(digits="xyz"), ("digits", "abc"), "with the code abc, worker w has the code xyz: give both the same"),
    ],
    ids=["version", "no task", "another task", "another code"],
)
def test_a_worker_that_would_compute_something_else_is_refused(
    worker: Caller, task: tuple[str, str], words: str
) -> None:
    """In one line that says what to do."""
    refusal = Admission("run", "1.0", task).refusal(worker)
    assert refusal is not None
    assert words in refusal
    assert "\n" not in refusal


@pytest.mark.parametrize("task", [None, ("digits", "abc")], ids=["no check", "the same code"])
def test_a_worker_of_the_same_code_is_admitted(task: tuple[str, str] | None) -> None:
    """Also one that can run other tasks besides."""
    assert Admission("run", "1.0", task).refusal(caller(digits="abc", other="def")) is None
