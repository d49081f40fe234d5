"""Reports that were not acknowledged: due again in time, and dropped after a day."""

from __future__ import annotations

import math

from spaces.trial import TrialOutcome
from tests.clocks import by_hand
from workers.transport.messages import ERROR
from workers.worker.pending_reports import KEEP_S, PendingReport, PendingReports

OUTCOME = TrialOutcome("completed", 20.0, None, None, None)


def report(token: str, run: str = "a") -> PendingReport:
    """An outcome under that token."""
    return PendingReport(run, token, OUTCOME, 1.0)


def test_a_report_is_due_again_after_its_pause() -> None:
    """And not before."""
    with by_hand() as hands:
        pending = PendingReports()
        assert pending.next_due() == math.inf
        pending.keep(report("1"), 5.0)
        pending.keep(report("2", "b"), 1.0)
        assert (pending.due(), pending.next_due()) == ([], hands.now + 1.0)
        hands.now += 1.0
        assert [one.token for one in pending.due()] == ["2"]
        hands.now += 4.0
        assert [one.token for one in pending.due()] == ["1", "2"]
        pending.delivered(report("1"))
        assert pending.of_run("b")
        assert not pending.of_run("a")
        assert [one.token for one in pending.all()] == ["2"]


def test_a_report_is_dropped_a_day_after_it_was_first_kept() -> None:
    """However often it was tried since."""
    with by_hand() as hands:
        pending = PendingReports()
        for _ in range(4):
            pending.keep(report("1"), 1.0)
            assert pending.expired() == []
            hands.now += KEEP_S / 4
        hands.now += 1.0
        assert [one.token for one in pending.expired()] == ["1"]
        assert pending.all() == []


def test_an_outcome_is_reported_and_an_error_hands_back() -> None:
    """With the caller, the token, and the work that is wanted."""
    caller: dict[str, object] = {"name": "w"}
    method, *arguments = report("1").message(caller, 2)
    assert (method, arguments) == ("report", [caller, "1", OUTCOME.to_dict(), 1.0, 2])
    method, *arguments = PendingReport("a", "1", "it raised", 1.0).message(caller, 2)
    assert (method, arguments) == ("hand_back", [caller, ("1",), ERROR, "it raised"])


def test_a_report_is_due_at_once_when_its_run_appears() -> None:
    """Once; reports of other runs are not."""
    with by_hand() as hands:
        pending = PendingReports()
        pending.keep(report("1"), 60.0)
        pending.keep(report("2", "b"), 60.0)
        pending.appeared(["b"])
        assert pending.next_due() <= hands.now
        assert [one.token for one in pending.due()] == ["2"]
        assert (pending.due(), pending.next_due()) == ([], hands.now + 60.0)
