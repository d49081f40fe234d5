"""Reports that come at the same time: one commit for all, and every promise kept for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from das_hpo.optimisers.queue import OptimisationQueue, make_queue
from das_hpo.service.admission import Admission
from das_hpo.service.deadlines import Deadlines
from das_hpo.service.lease_manager import LeaseManager
from das_hpo.service.leases import MAX_ATTEMPTS
from das_hpo.service.recorder import MOST_REFUSED_STARTS, Recorder
from spaces import clock
from spaces.errors import DatabaseBusyError
from spaces.trial import TrialOutcome
from storage import queries, writes
from storage.engine import Database, open_database
from tests.das_hpo.optimisers.test_replay import state
from tests.das_hpo.queues import continue_run, new_run, settings
from tests.das_hpo.trials import outcome
from workers.transport.messages import AGAIN, DUPLICATE, ERROR, HANDED_BACK, RECORDED, WAIT, WORK, Answer, Caller, Work

WORKERS = 6


class CountingRecorder(Recorder):
    """Counts the transactions that were committed."""

    commits = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """As the recorder's own."""
        with super().transaction():
            yield
        self.commits += 1


class Service:
    """A lease manager with workers that hold an evaluation each, over a real database."""

    def __init__(self, database: Database) -> None:
        asked = settings(iterations=30)
        with database.begin() as session:
            run_id = writes.create_run(session, new_run(asked))
        self.database = database
        self.recorder = CountingRecorder(database, run_id)
        self.master: OptimisationQueue = make_queue(asked, self.recorder)
        self.lease_manager = LeaseManager(self.master, Admission("run", "0"), lease_s=30.0, deadlines=Deadlines(None))
        self.callers = [Caller(f"w{n}", "host", n, "cpu", "0", f"s{n}") for n in range(WORKERS)]
        self.held: list[Work] = [self.lease_manager.claim(caller, 1).work[0] for caller in self.callers]

    def report(self, number: int, answer: TrialOutcome) -> Answer:
        """The worker of that number reports what it holds."""
        work = self.held[number]
        return self.lease_manager.report(
            replace(self.callers[number], holding=(work.token,)), work.token, answer, 0.5, 1
        )

    def together(self, numbers: Sequence[int], outcomes: Sequence[TrialOutcome]) -> list[Answer]:
        """These workers report while somebody has the lock, so that they all wait for it."""
        answers: dict[int, Answer] = {}

        def report(place: int) -> None:
            answers[place] = self.report(numbers[place], outcomes[place])

        threads = [threading.Thread(target=report, args=(place,)) for place in range(len(numbers))]
        with self.master.condition:
            for place, thread in enumerate(threads):
                thread.start()
                while len(self.lease_manager._reports) <= place:
                    time.sleep(0.001)
        for thread in threads:
            thread.join()
        return [answers[place] for place in range(len(numbers))]

    def own(self) -> list[TrialOutcome]:
        """What each worker computes of what it holds."""
        return [outcome(work.spec) for work in self.held]

    def finished(self) -> list[int]:
        """The seeds of the evaluations that have an outcome, in the order in which they got it."""
        found = [row for row in queries.results(self.database, "run") if row.sequence is not None]
        return [row.seed for row in sorted(found, key=lambda row: row.sequence or 0)]


@pytest.fixture
def service(memory_path: Path) -> Iterator[Service]:
    """A service whose workers have their first evaluation."""
    with open_database(f"sqlite:///{memory_path}/runs.db", create=True, busy_timeout_s=0.2) as database:
        yield Service(database)


def test_reports_that_wait_share_a_commit(service: Service) -> None:
    """Each is recorded once, in the order in which they came, and carries new work; a replay holds the same."""
    for _ in range(5):
        seeds = [work.spec.seed for work in service.held]
        before = service.recorder.commits
        answers = service.together(range(WORKERS), service.own())
        assert service.recorder.commits == before + 1
        assert [(answer.status, answer.report) for answer in answers] == [(WORK, RECORDED)] * WORKERS
        assert service.finished()[-WORKERS:] == seeds
        service.held = [answer.work[0] for answer in answers]
        assert len({work.token for work in service.held}) == WORKERS
    replayed, attempts = continue_run(service.database)
    assert sorted(attempt.token for attempt in attempts) == sorted(work.token for work in service.held)
    assert state(replayed) == state(service.master)


def test_a_report_that_comes_twice_at_once_is_recorded_once(service: Service) -> None:
    """The second is told so, after the commit of the first."""
    numbers = [0, 1, 0, 2]
    answers = service.together(numbers, [service.own()[number] for number in numbers])
    assert [answer.report for answer in answers] == [RECORDED, RECORDED, DUPLICATE, RECORDED]
    assert answers[2].work == answers[0].work
    assert len(service.finished()) == 3


def test_two_attempts_of_one_evaluation_report_at_once(service: Service) -> None:
    """The first counts, the other is superseded."""
    lost = service.held[0]
    service.lease_manager.worker_exited("w0", "it was not seen any more")
    service.callers.append(replace(service.callers[0], name="another", session="another"))
    service.held += service.lease_manager.claim(service.callers[-1], 1).work
    assert service.held[-1].spec == lost.spec
    answers = service.together([0, WORKERS], [outcome(lost.spec), outcome(lost.spec)])
    assert [answer.report for answer in answers] == [RECORDED, DUPLICATE]
    assert service.finished() == [lost.spec.seed]


def test_what_the_database_refuses_does_not_stop_the_others(service: Service) -> None:
    """That attempt ends with an error and its evaluation is offered again; the others are recorded."""
    outcomes = service.own()
    refused = service.held[2].spec
    outcomes[2] = replace(outcomes[2], parameters=2**70)
    answers = service.together(range(WORKERS), outcomes)
    assert [(answer.status, answer.report) for answer in answers] == [(WORK, RECORDED)] * WORKERS
    assert len(service.finished()) == WORKERS - 1
    service.held = [answer.work[0] for answer in answers]
    again = next(number for number, work in enumerate(service.held) if work.spec == refused)
    assert service.report(again, outcome(refused)).report == RECORDED
    assert refused.seed in service.finished()
    replayed, _ = continue_run(service.database)
    assert state(replayed) == state(service.master)


def test_a_late_report_that_was_recorded_with_another_is_answered(service: Service) -> None:
    """The commit of all failed because of a third report; the first one's own commit then held the late one, too."""
    service.lease_manager.worker_exited("w0", "it was not seen")
    outcomes = [service.own()[1], service.own()[0], replace(service.own()[2], parameters=2**70)]
    answers = service.together([1, 0, 2], outcomes)
    assert [answer.report for answer in answers] == [RECORDED, DUPLICATE, RECORDED]
    assert sorted(service.finished()) == sorted(service.held[number].spec.seed for number in (0, 1))


def test_a_worker_that_starts_anew_under_its_name_is_noted_with_its_device(service: Service) -> None:
    """A container that is started again has the same name, and may get another GPU."""
    anew = replace(service.callers[0], session="another", device="cuda:1")
    service.lease_manager.claim(anew, 1)
    devices = {status.info.name: status.info.device for status in service.lease_manager.workers()}
    assert devices["w0"] == "cuda:1"


def test_what_is_refused_three_times_has_failed(service: Service) -> None:
    """An outcome that the database never takes does not keep the run waiting."""
    refused = service.held[0].spec
    for worker in range(3):  # what was refused of one worker is offered to another
        while service.held[worker].spec != refused:
            service.held[worker] = service.report(worker, outcome(service.held[worker].spec)).work[0]
        answer = service.report(worker, replace(outcome(refused), parameters=2**70))
        assert answer.report == RECORDED
        service.held[worker] = answer.work[0]
    rows = queries.results(service.database, "run", status="failed")
    assert [(row.seed, row.attempts) for row in rows] == [(refused.seed, 3)]
    assert "refused" in str(rows[0].message)
    assert not service.recorder.unsaved_outcomes


def test_a_commit_that_fails_is_told_to_all(service: Service) -> None:
    """Nobody is acknowledged while another process has the database; all are when they report again."""
    with open_database(str(service.database.location.url)) as other, other.begin():
        answers = service.together(range(WORKERS), service.own())
    assert [answer.report for answer in answers] == [AGAIN] * WORKERS
    assert service.finished() == []
    answers = service.together(range(WORKERS), service.own())
    assert [(answer.status, answer.report) for answer in answers] == [(WORK, RECORDED)] * WORKERS
    assert len(service.finished()) == WORKERS
    replayed, _ = continue_run(service.database)
    assert state(replayed) == state(service.master)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_an_evaluation_that_raised_on_every_worker_is_tried_again_until_it_has_failed(
    service: Service, workers: int
) -> None:
    """Each worker is spared what raised on it while another one lives on which it did not, and no longer."""
    for number in range(workers, WORKERS):
        service.lease_manager.leave(service.callers[number])
    poison = service.held[0]
    tried_by = []
    for _ in range(20):
        number = next(n for n in range(workers) if service.held[n].spec == poison.spec)
        tried_by.append(number)
        caller = service.callers[number]
        service.lease_manager.hand_back(caller, (service.held[number].token,), ERROR, "poison")
        if queries.results(service.database, "run", status="failed"):
            break
        for other in [n for n in range(workers) if n != number] + [number]:
            if other != number:
                answer = service.report(other, outcome(service.held[other].spec))
            else:
                answer = service.lease_manager.claim(caller, 1)
            service.held[other] = answer.work[0]
    assert len(tried_by) == MAX_ATTEMPTS
    assert len(set(tried_by)) == min(workers, MAX_ATTEMPTS)


def test_what_is_handed_back_counts_as_no_failure(service: Service) -> None:
    """After two losses an evaluation that a worker hands back is offered again, and has not failed."""
    asked = service.held[0].spec
    for number, ended in enumerate((ERROR, ERROR, HANDED_BACK)):
        answer = service.lease_manager.hand_back(service.callers[number], (service.held[number].token,), ended, "why")
        assert answer.report == RECORDED
        following = service.lease_manager.claim(service.callers[number + 1], 1) if number < 2 else None
        if following is not None:
            service.held[number + 1] = service.report(number + 1, outcome(service.held[number + 1].spec)).work[0]
            assert service.held[number + 1].spec == asked
    assert not queries.results(service.database, "run", status="failed")
    answer = service.report(4, outcome(service.held[4].spec))
    assert answer.work[0].spec == asked


def test_an_outcome_is_recorded_though_the_work_after_it_cannot_be_started(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """What the database refuses is the start of another evaluation: the outcome is none of its business."""
    service.lease_manager.hand_back(service.callers[0], (service.held[0].token,), HANDED_BACK, "why")
    with service.database.begin() as session:
        session.exec_driver_sql("UPDATE evaluations SET status = 'running' WHERE status = 'queued'")
    done = service.held[1].spec
    answer = service.report(1, outcome(done))
    assert (answer.status, answer.report) == (WAIT, RECORDED)
    assert service.finished() == [done.seed]
    assert service.recorder.hopeless(60.0) is None
    for _ in range(MOST_REFUSED_STARTS):
        service.lease_manager.claim(service.callers[1], 1)
        with service.recorder.transaction():
            pass  # the renewals of the lease go well
    assert "only queued ones start" in str(service.recorder.hopeless(60.0))


@pytest.mark.parametrize("late", [False, True], ids=["the lease runs out later", "the lease had run out"])
def test_an_outcome_that_was_recorded_late_ends_its_evaluation_though_its_worker_is_gone(
    service: Service, late: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its report's commit failed, and the worker died before it reported again: the evaluation is not offered again."""
    asked = service.held[0].spec
    if late:
        service.lease_manager.worker_exited("w0", "it was not seen")
    begin = service.database.begin

    @contextmanager
    def failing() -> Iterator[Any]:
        with begin() as session:
            yield session
            raise DatabaseBusyError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(service.database, "begin", failing)
        assert service.report(0, outcome(asked)).report == AGAIN
    assert service.finished() == []
    with service.master.condition, service.master.transaction():
        pass  # the lease is renewed, and what could not be written is
    assert service.finished() == [asked.seed]
    service.lease_manager.worker_exited("w0", "it was killed")
    for number in range(1, WORKERS):
        answer = service.report(number, outcome(service.held[number].spec))
        assert (answer.status, answer.report) == (WORK, RECORDED)
        assert answer.work[0].spec != asked
    assert service.lease_manager.queued == 0
    assert "could not be started" not in caplog.text


def beat(service: Service, seconds: float, lease_manager: LeaseManager | None = None) -> None:
    """All that is held is beaten for, so much later."""
    for lease in (lease_manager or service.lease_manager)._table.leases.values():
        lease.expires += seconds


def test_what_hangs_from_the_first_is_lost_once_it_is_known_what_is_usual(service: Service) -> None:
    """A worker that hangs in the run's first evaluation, and beats, does not keep it for ever."""
    hanging = service.held[0]
    for _ in range(2):
        for number in range(1, WORKERS):
            service.held[number] = service.report(number, outcome(service.held[number].spec)).work[0]
    later = clock.monotonic() + 3600.0
    beat(service, 7200.0)
    service.lease_manager.look(later)
    assert service.lease_manager.beat("w0", "s0", (hanging.token,)) == [hanging.token]
    anew = replace(service.callers[1], name="another", session="another")
    assert hanging.spec in [work.spec for work in service.lease_manager.claim(anew, WORKERS).work]


def test_what_hangs_and_is_adopted_is_lost_after_the_users_limit(service: Service) -> None:
    """Also where a master before this one gave it out; nobody is lost before."""
    queue, attempts = continue_run(service.database)
    limit_s = 60.0
    lease_manager = LeaseManager(
        queue, Admission("run", "0"), lease_s=30.0, deadlines=Deadlines(limit_s), attempts=attempts
    )
    now = clock.monotonic()
    beat(service, 1000.0, lease_manager)
    lease_manager.look(now + limit_s - 10.0)
    assert lease_manager.running == WORKERS
    lease_manager.extend(now, 100.0)
    lease_manager.look(now + limit_s + 10.0)
    assert lease_manager.running == WORKERS
    lease_manager.look(now + limit_s + 110.0)
    assert (lease_manager.running, lease_manager.queued) == (0, WORKERS)


def test_a_run_without_a_worker_says_so(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """Once a minute, also where no evaluation was given out yet."""
    for caller in service.callers:
        service.lease_manager.leave(caller)
    fresh = make_queue(settings(iterations=30, name="fresh"), service.recorder)
    lease_manager = LeaseManager(fresh, Admission("fresh", "0"), lease_s=30.0, deadlines=Deadlines(None))
    begun = clock.monotonic()
    for second in range(150):
        lease_manager.look(begun + second)
    said = [record.getMessage() for record in caplog.records if "have waited" in record.getMessage()]
    assert said == [f"all evaluations have waited for a worker for {n} s: none is alive" for n in (60, 120)]


def test_what_hangs_after_its_lease_was_lost_is_told_to_stop_in_time(service: Service) -> None:
    """A silent worker's late outcome is welcome for as long as it may take; one that hangs would hold its worker."""
    queue, attempts = continue_run(service.database)
    lease_manager = LeaseManager(
        queue, Admission("run", "0"), lease_s=30.0, deadlines=Deadlines(60.0), attempts=attempts
    )
    now = clock.monotonic()
    token = service.held[0].token
    lease_manager.look(now + 35.0)
    assert (lease_manager.running, lease_manager.queued) == (0, WORKERS)
    assert lease_manager.beat("w0", "s0", (token,)) == []
    lease_manager.look(now + 65.0)
    assert lease_manager.beat("w0", "s0", (token,)) == [token]
    assert lease_manager.queued == WORKERS


def test_work_that_is_withdrawn_is_over_for_its_workers(service: Service) -> None:
    """Each hears so at its heartbeat; attempts are handed back, which counts as no failure, and nothing is given."""
    leases = service.lease_manager.withdraw("the run was cancelled")
    assert (len(leases), [lease.told for lease in leases], service.lease_manager.running) == (WORKERS, [False] * 6, 0)
    first = service.callers[0], service.held[0].token
    assert service.lease_manager.beat(first[0].name, first[0].session, (first[1],)) == [first[1]]
    assert [lease.told for lease in leases] == [True] + 5 * [False]
    assert service.lease_manager.claim(first[0], 1).status == WAIT
    attempts = queries.attempts(service.database, "run")
    assert [(attempt.status, attempt.message) for attempt in attempts] == 6 * [("handed-back", "the run was cancelled")]
    # An outcome that was on its way is welcome all the same.
    assert service.report(1, outcome(service.held[1].spec)).report == RECORDED
    assert [row.status for row in queries.results(service.database, "run") if row.status == "completed"] == [
        "completed"
    ]
