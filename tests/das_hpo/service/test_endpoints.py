"""What workers call: no message, however it is formed, gets anything but an answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from das_hpo.service.admission import Admission
from das_hpo.service.deadlines import Deadlines
from das_hpo.service.endpoints import Endpoints
from das_hpo.service.lease_manager import LeaseManager
from spaces.errors import DatabaseBusyError
from spaces.trial import TrialOutcome
from tests.service.conftest import ListQueue
from workers.transport.messages import AGAIN, ERROR, HANDED_BACK, RECORDED, REFUSED, WAIT, WORK, Answer, Caller

CALLER = Caller("w", "host", 1, "cpu", "0", "s").to_dict()
OUTCOME = TrialOutcome("completed", 20.0, None, None, None).to_dict()


class Served:
    """The endpoints over a list of evaluations."""

    def __init__(self, count: int = 1) -> None:
        self.queue = ListQueue(count)
        manager = LeaseManager(self.queue, Admission("run", "0"), lease_s=30.0, deadlines=Deadlines())
        self.endpoints = Endpoints(manager)

    def token(self) -> str:
        """The token of a claimed evaluation."""
        return Answer.from_mapping(self.endpoints.claim(CALLER, 1)).work[0].token


def test_an_evaluation_goes_out_and_its_outcome_comes_in() -> None:
    """The acknowledgement carries the next one."""
    served = Served(2)
    token = served.token()
    caller = {**CALLER, "holding": [token]}
    answer = Answer.from_mapping(served.endpoints.report(caller, token, OUTCOME, 1.0, 1))
    assert (answer.status, answer.report) == (WORK, RECORDED)
    assert served.endpoints.beat("w", "s", [token, answer.work[0].token]) == {"stop": [token]}
    assert Answer.from_mapping(served.endpoints.leave(CALLER)).report == RECORDED
    assert [(number, result) for number, result, _, _ in served.queue.losses] == [(1, HANDED_BACK)]


@pytest.mark.parametrize(
    ("outcome", "duration_s"),
    [
        ({}, 1.0),
        ({**OUTCOME, "status": "odd"}, 1.0),
        ({**OUTCOME, "more": 1}, 1.0),
        ("text", 1.0),
        (OUTCOME, -1.0),
        (OUTCOME, float("nan")),
        (OUTCOME, None),
    ],
    ids=["empty", "status", "further field", "text", "negative", "nan", "no duration"],
)
def test_a_report_of_a_wrong_form_ends_its_attempt(outcome: Any, duration_s: Any) -> None:
    """It would come again and again otherwise; the evaluation is offered again."""
    served = Served()
    answer = Answer.from_mapping(served.endpoints.report(CALLER, served.token(), outcome, duration_s, 1))
    assert answer.report == RECORDED
    [(number, result, message, final)] = served.queue.losses
    assert (number, result, final) == (0, ERROR, False)
    assert "the report cannot be recorded" in message


def test_only_what_may_pass_is_to_come_again() -> None:
    """A busy database may be free in a second; another error stays as it is."""
    served = Served()
    token = served.token()

    def fail(where: str) -> None:
        raise DatabaseBusyError("the database is locked")

    served.queue.raises = fail
    answer = Answer.from_mapping(served.endpoints.report(CALLER, token, OUTCOME, 1.0, 1))
    assert (answer.status, answer.report) == (WAIT, AGAIN)
    served.queue.raises = lambda where: None
    assert Answer.from_mapping(served.endpoints.report(CALLER, token, OUTCOME, 1.0, 0)).report == RECORDED


@pytest.mark.parametrize("message", [None, 7, {"a": 1}], ids=["none", "number", "mapping"])
def test_a_reason_that_is_no_text_does_not_keep_the_evaluation(message: object) -> None:
    """The worker has given it up, whatever it says."""
    served = Served()
    assert Answer.from_mapping(served.endpoints.hand_back(CALLER, [served.token()], ERROR, message)).report == RECORDED
    assert "no text as its reason" in served.queue.losses[0][2]


def test_a_reason_of_another_kind_is_refused() -> None:
    """Workers give up, or an evaluation raised: nothing else."""
    served = Served()
    answer = Answer.from_mapping(served.endpoints.hand_back(CALLER, [served.token()], "bored", "why"))
    assert answer.status == REFUSED
    assert not served.queue.losses


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(arguments=st.lists(ANYTHING | st.just(CALLER), min_size=5, max_size=5))
def test_any_message_is_answered(arguments: list[Any]) -> None:
    """No exception leaves an endpoint, whatever comes."""
    served = Served()
    for name, count in (("claim", 2), ("report", 5), ("hand_back", 4), ("leave", 1)):
        Answer.from_mapping(getattr(served.endpoints, name)(*arguments[:count]))
    assert type(served.endpoints.beat(*arguments[:3])["stop"]) is list
