"""Whether a wanted campaign is in the database already: extend, new or conflict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.campaigns.matching import Match, continued, extended, find, match, stored_campaigns
from spaces.errors import RunExistsError, UsageError
from storage import queries, writes
from storage.engine import Database, open_database
from storage.records import RunRecord
from tests.das_hpo.campaigns.test_campaign import campaign, retrained


@pytest.fixture
def database(memory_path: Path) -> Iterator[Database]:
    """An empty database."""
    with open_database(f"sqlite:///{memory_path}/runs.db", create=True) as opened:
        yield opened


def stored(database: Database, asked: CampaignSettings) -> RunRecord:
    """The record of a campaign that has just been stored."""
    with database.begin() as session:
        writes.create_run(session, asked.new_run())
    return queries.run(database, asked.name)


@pytest.mark.parametrize(
    ("changes", "same_name", "other_name"),
    [
        ({}, Match.EXTEND, Match.EXTEND),
        ({"trials": 9}, Match.EXTEND, Match.EXTEND),
        ({"trials": 1}, Match.EXTEND, Match.EXTEND),
        ({"time_limit_s": 60.0}, Match.EXTEND, Match.EXTEND),
        ({"draws": 7}, Match.EXTEND, Match.EXTEND),
        ({"budget": 3.0}, Match.CONFLICT, Match.NEW),
        ({"seed": 1}, Match.CONFLICT, Match.NEW),
        ({"data": "downsampling"}, Match.CONFLICT, Match.NEW),
        ({"label": "H2"}, Match.CONFLICT, Match.NEW),
        ({"choices": {"tau": 0.5}}, Match.CONFLICT, Match.NEW),
        ({"method": "random"}, Match.CONFLICT, Match.NEW),
        ({"task": "elsewhere:TASK"}, Match.CONFLICT, Match.NEW),
    ],
    ids=str,
)
def test_the_trials_decide_and_not_the_name(changes: dict[str, Any], same_name: Match, other_name: Match) -> None:
    """Same trials are extended, whatever the name; other trials are new, or a conflict where the name is the same."""
    first = campaign()
    values = {key: value for key, value in changes.items() if key != "task"}
    wanted = campaign(**values)
    if "task" in changes:
        wanted = replace(wanted, task=changes["task"])
    assert match(first, wanted) is same_name
    assert match(first, replace(wanted, name="other")) is other_name


def test_a_label_alone_makes_no_other_trials() -> None:
    """The best configuration of a run that is a preset's has the preset's trials."""
    assert match(campaign(), replace(campaign(), label="my-run", name="other")) is Match.EXTEND


def test_draws_count_where_a_trial_has_several() -> None:
    """A random search of other draws has other trials."""
    first = campaign(method="random-search", draws=3)
    assert match(first, replace(first, draws=4)) is Match.CONFLICT


def test_a_setting_that_the_task_has_gained_has_its_default() -> None:
    """What was stored before the task had a setting is extended by what names its default."""
    first = campaign()
    older = replace(first, settings={name: value for name, value in first.settings.items() if name != "tau"})
    assert match(older, first) is Match.EXTEND
    assert match(older, campaign(choices={"tau": 0.5})) is Match.CONFLICT


def test_a_retraining_is_extended_by_more_architectures() -> None:
    """By one that begins with the same ones, and by no other."""
    four = campaign(method="retraining", architectures=retrained(4))
    six = campaign(method="retraining", trials=6, architectures=retrained(6))
    for one, other in ((four, six), (six, four), (four, four)):
        assert match(one, other) is Match.EXTEND
        assert extended(one, other).architectures == max(one.architectures, other.architectures, key=len)
    assert match(four, replace(six, architectures=six.architectures[::-1])) is Match.CONFLICT


def test_the_longest_stored_campaign_is_found() -> None:
    """Of several with the wanted trials, the one that has the least missing; none where none has them."""
    kept = [campaign(name="a", trials=3), campaign(name="b", trials=8), campaign(name="c", seed=1, trials=50)]
    found = find(kept, campaign(name="wanted", trials=5))
    assert found is not None
    assert (found.name, found.trials) == ("b", 8)
    more = find(kept, campaign(name="wanted", trials=60))
    assert more is not None
    assert (more.name, more.trials) == ("b", 60)
    assert find(kept, campaign(seed=2)) is None


def test_a_name_is_continued_or_refused(database: Database) -> None:
    """More trials and other limits are taken; anything else is refused with what differs, in the options' words."""
    record = stored(database, campaign())
    more = continued(record, campaign(trials=6, time_limit_s=60.0))
    assert (more.trials, more.time_limit_s, more.label) == (6, 60.0, "H1")
    for other, words in (
        (campaign(trials=2), "--trials is 4 there, 2 was asked for; nothing was done"),
        (campaign(budget=3.0), "--epochs is 2 there, 3 was asked for; nothing"),
        (campaign(data="downsampling"), "--data is blur there, downsampling was asked for; nothing"),
        (campaign(label="H2"), "hyperparameter alpha_learning_rate is 0.001 there, 0.0001 was"),
    ):
        with pytest.raises(RunExistsError, match=words):
            continued(record, other)
    with pytest.raises(RunExistsError, match="is taken by a run: choose another --name"):
        continued(replace(record, kind="run"), campaign())


def test_once_looked_at_it_stays_looked_at(database: Database) -> None:
    """A fixed campaign keeps how many trials it had; one that was looked at stays so when it is extended."""
    fixed, looking = campaign(trials=20), campaign(trials=12, looked_from=0)
    begun = extended(fixed, looking)
    assert (begun.trials, begun.looked_from) == (20, 20)
    assert "looked_from" not in fixed.to_dict()
    assert CampaignSettings.from_mapping(begun.to_dict()) == begun
    assert extended(begun, campaign(trials=30)).looked_from == 20
    assert extended(begun, looking).looked_from == 20
    record = stored(database, begun)
    assert continued(record, looking) == begun
    assert continued(record, campaign(trials=30)).looked_from == 20


def test_other_code_of_the_task_is_no_campaign_to_count_on(database: Database) -> None:
    """It is passed over where names do not matter, and refused under its own name, with the way to go on."""
    record = stored(database, campaign())
    assert stored_campaigns([record]) == [campaign()]
    other = replace(record, fingerprint="0" * 16)
    assert stored_campaigns([other]) == []
    with pytest.raises(UsageError, match="das-hpo resume campaign --accept-code-change"):
        continued(other, campaign())


def test_an_unreadable_campaign_hides_no_other(database: Database) -> None:
    """One whose settings this version does not know is passed over; under its own name it is refused."""
    record = stored(database, campaign())
    unknown = replace(record, name="unknown", settings={**record.settings, "name": "unknown", "colour": "red"})
    assert stored_campaigns([unknown, record]) == [campaign()]
    with pytest.raises(RunExistsError, match="colour is red there, none was asked for"):
        continued(unknown, campaign(name="unknown"))
