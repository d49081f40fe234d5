"""Which campaigns get trials next, from the trials that a database has; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.deciding import FIRST_LOOK, Look, Rounds, StoppingRule, next_look
from spaces.errors import InvalidValueError
from spaces.identity import ConfigurationId
from spaces.trial import TrialOutcome
from storage import writes
from storage.engine import Database, open_database
from storage.entries import NewConfiguration, NewEvaluation, NewOutcome
from tests.das_hpo.commands.lab import WORKER
from tests.das_hpo.commands.noise import DOOR, TASK

#: Scores of up to 60 trials: a and b are alike, c is much better.
SCORES = {name: np.random.default_rng(i).normal(mean, 1, 60) for i, (name, mean) in enumerate(
    (("a", 20.0), ("b", 20.0), ("c", 40.0)))}  # fmt: skip


@pytest.fixture
def url(memory_path: Path) -> str:
    """Of a new database."""
    return f"sqlite:///{memory_path}/x.db"


def campaign(name: str, trials: int, looked_from: int | None = 0) -> CampaignSettings:
    """A campaign that has been asked for so many trials."""
    point = {"mean": 20.0, "stream": ord(name)}
    return CampaignSettings(
        name=name, label=name, task=DOOR, hyperparameters=point, trials=trials, looked_from=looked_from
    )


def store(database: Database, asked: CampaignSettings, done: int) -> None:
    """Stores a campaign of which so many trials have ended; of the first, one diverged."""
    with database.begin() as session:
        run = writes.create_run(session, asked.new_run())
        place = ConfigurationId(0, 0, 0)
        writes.add_configuration(session, run, NewConfiguration(place, "fixed", {}, asked.hyperparameters))
        for trial in range(done):
            evaluation = writes.queue_evaluation(session, run, NewEvaluation(place, trial, asked.spec(TASK, trial, 0)))
            token = f"{asked.name}-{trial}"
            writes.start_attempt(session, evaluation, token, WORKER)
            score = float(SCORES[asked.name][trial])
            outcome = TrialOutcome("completed", score, score, "none")
            writes.record_outcome(session, NewOutcome(token, outcome, -score, 1.0))


def rounds_of(url: str, sizes: Mapping[str, int], rule: StoppingRule | None = None) -> Rounds:
    """What comes next, where so many trials of each are there and nothing was interrupted."""
    with open_database(url, create=True) as database:
        for name, size in sizes.items():
            store(database, campaign(name, size), size)
    return Rounds([campaign(name, size) for name, size in sizes.items()], url, rule or StoppingRule(), 4)


def test_what_is_undecided_is_extended(url: str) -> None:
    """Both of an undecided pair, to a quarter more; the one that is decided against both stays as it is."""
    looks: list[tuple[Look, int | None]] = []
    rounds = rounds_of(url, {"a": 20, "b": 20, "c": 20})
    wanted = rounds.following(lambda look, target: looks.append((look, target)))
    assert [(one.name, one.trials) for one in wanted] == [("a", 25), ("b", 25)]
    ((look, target),) = looks
    assert (look.open_names, target) == ({"a", "b"}, 25)
    assert [(one.first, one.second) for one in look.undecided] == [("a", "b")]


def test_it_ends_when_all_is_decided(url: str) -> None:
    """There is no next round, and the look says that nothing is open."""
    rounds = rounds_of(url, {"a": 20, "c": 20})
    assert rounds.following() == []
    assert rounds.latest is not None
    assert rounds.latest.undecided == ()
    assert rounds.latest.compared.comparisons[0].sequential


def test_it_ends_at_the_most_trials(url: str) -> None:
    """The last round has what is left, and after it the pair stays open."""
    rounds = rounds_of(url, {"a": 20, "b": 20}, StoppingRule(max_trials=22))
    assert [one.trials for one in rounds.following()] == [22, 22]
    for name in "ab":
        rounds.campaigns[name] = replace(rounds.campaigns[name], trials=22)
    assert rounds.following() == []
    assert rounds.latest is not None
    assert rounds.latest.open_names == {"a", "b"}


def test_a_round_that_was_interrupted_is_completed(url: str) -> None:
    """One of the pair has the trials of the round and the other not: the look before it decides who gets them."""
    with open_database(url, create=True) as database:
        for name, size in (("a", 25), ("b", 20), ("c", 15)):
            store(database, campaign(name, size), size)
    rounds = Rounds([campaign("a", 25), campaign("b", 20), campaign("c", 15)], url, StoppingRule(), 4)
    assert [(one.name, one.trials) for one in rounds.following()] == [("b", 25)]
    assert rounds.latest is None


def test_a_fixed_sample_is_no_round(url: str) -> None:
    """The other is not brought up to it before it is looked at."""
    with open_database(url, create=True) as database:
        store(database, campaign("a", 60, looked_from=60), 60)
        store(database, campaign("b", 12), 12)
    rounds = Rounds([campaign("a", 60, looked_from=60), campaign("b", 12)], url, StoppingRule(), 4)
    assert [(one.name, one.trials) for one in rounds.following()] == [("b", 16)]
    assert rounds.latest is not None


def test_nothing_can_be_said_before_there_are_trials(url: str) -> None:
    """A campaign that is not begun, or has no finished trial."""
    with open_database(url, create=True) as database:
        store(database, campaign("a", 12), 12)
        store(database, campaign("b", 12), 0)
    for other in ("b", "c"):
        assert Rounds([campaign("a", 12), campaign(other, 12)], url, StoppingRule(), 4).look_again() is None


def test_the_rule_and_its_looks() -> None:
    """Each look is at a quarter more; a maximum below the first look is refused."""
    assert [next_look(trials, 4) for trials in (12, 16, 100)] == [16, 20, 125]
    with pytest.raises(InvalidValueError, match=f"takes that many or more, got {FIRST_LOOK - 1}"):
        StoppingRule(max_trials=FIRST_LOOK - 1)
    assert StoppingRule(time_limit_s=90.0).time_is_over == "its time limit of 1m30s is over"
