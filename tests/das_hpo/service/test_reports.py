"""Reports that arrive during a commit share the next one; each thread gets the answer to its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from das_hpo.service.reports import Reports, WorkerReport
from spaces.trial import TrialOutcome
from workers.transport.messages import AGAIN, RECORDED, WAIT, Answer, Caller

CALLER = Caller("w", "host", 1, "cpu", "0", "s")
OUTCOME = TrialOutcome("completed", 20.0, None, None, None)


def report(token: str) -> WorkerReport:
    """A report under that token."""
    return WorkerReport(CALLER, token, OUTCOME, 1.0, 0)


def test_reports_that_wait_are_taken_in_together_and_in_order() -> None:
    """The first is alone; those that come while it is recorded are one group."""
    groups: list[list[str]] = []
    begun, go_on = threading.Event(), threading.Event()

    def take_in(reports: Sequence[WorkerReport]) -> None:
        groups.append([one.token for one in reports])
        begun.set()
        assert go_on.wait(10)
        for one in reports:
            one.answer = Answer(WAIT, report=RECORDED, message=one.token)

    queue = Reports(threading.Lock(), take_in)
    answers: dict[str, str] = {}

    def send(token: str) -> None:
        answers[token] = queue.answer(report(token)).message

    threads = [threading.Thread(target=send, args=(token,)) for token in "abcd"]
    threads[0].start()
    assert begun.wait(10)
    for place, thread in enumerate(threads[1:], 1):
        thread.start()
        while len(queue) < place:
            time.sleep(0.001)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert groups == [["a"], ["b", "c", "d"]]
    assert answers == {token: token for token in "abcd"}
    assert queue.answer(report("e")).message == "e"


def test_a_report_that_is_left_without_an_answer_comes_again() -> None:
    """Its worker keeps it."""
    assert Reports(threading.Lock(), lambda reports: None).answer(report("a")).report == AGAIN


def test_an_error_is_raised_for_those_without_an_answer() -> None:
    """And the next report is taken in all the same."""
    fails = [True]

    def take_in(reports: Sequence[WorkerReport]) -> None:
        if fails[0]:
            raise OSError("the disk is full")
        reports[0].answer = Answer(WAIT, report=RECORDED)

    queue = Reports(threading.Lock(), take_in)
    with pytest.raises(OSError, match="full"):
        queue.answer(report("a"))
    fails[0] = False
    assert queue.answer(report("a")).report == RECORDED
