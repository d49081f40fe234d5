"""Campaigns: their trials, seeds and architectures, and that nothing is repeated."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.campaigns.work import CampaignQueue, make_campaign
from das_hpo.execution import Changes, execute, execute_campaigns, resume
from das_hpo.launching.cluster import Service
from das_hpo.service.recorder import Recorder
from spaces.errors import RunExistsError, UsageError
from spaces.hyperparameters import PRESETS
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.registries import METHODS
from storage import queries, writes
from storage.engine import Database, open_database
from tests.das_hpo.queues import Driver, settings
from tests.das_hpo.test_execution import service
from workers.inverse_1d import TASK
from workers.transport.keys import KeyFile


def campaign(**changes: Any) -> CampaignSettings:
    """A small campaign, as one of before there were other tasks was stored; ``label`` is a preset's name."""
    label = changes.pop("label", "H1")
    values = {"name": "campaign", "trials": 4, "budget": 2.0, "label": label, **changes}
    return CampaignSettings.from_mapping({"hyperparameters": PRESETS[label].to_dict(), **values}).check()


@pytest.fixture
def database(memory_path: Path) -> Iterator[Database]:
    """An empty database."""
    with open_database(f"sqlite:///{memory_path}/runs.db", create=True) as opened:
        yield opened


def create(database: Database, asked: CampaignSettings) -> CampaignQueue:
    """The work of a new campaign."""
    with database.begin() as session:
        run_id = writes.create_run(session, asked.new_run())
    return CampaignQueue(asked, Recorder(database, run_id))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "a b"}, "cannot name a run"),
        ({"method": "unheard-of"}, ", ".join(METHODS)),
        ({"kind": "darts"}, "random-search"),
        ({"trials": 0}, "trials"),
        ({"draws": 0}, "draws"),
        ({"budget": -1.0}, "budget"),
        ({"seed": -1}, "seed"),
        ({"space": "tree"}, "sequential, cell"),
        ({"method": "das-single", "space": "cell"}, "sequential"),
        ({"method": "random", "objective": "one-shot"}, "searches nothing"),
        ({"retrain": "never"}, "auto, always"),
        ({"hyperparameters": {}}, "hyperparameters missing: parameter_learning_rate"),
        ({"time_limit_s": 0}, "time-limit"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_what_is_not_valid_is_refused(changes: dict[str, Any], message: str) -> None:
    """A wrong setting is a usage error that says what is valid."""
    with pytest.raises(UsageError, match=message):
        campaign(**changes)


@pytest.mark.parametrize("method", ["das", "das-single", *TASK.baselines, "random-search"])
def test_settings_survive_json(method: str) -> None:
    """What is stored reads back as the same settings."""
    asked = campaign(method=method, label="H2", choices={"channels": 32}, seed=2**62)
    assert CampaignSettings.from_mapping(json.loads(json.dumps(asked.to_dict()))) == asked
    assert asked.label == "H2"


def test_trials_of_all_campaigns_of_a_seed_are_paired(database: Database) -> None:
    """Trial r has the same seed under every preset, method and setting; another seed gives others."""
    seeds = {}
    for number, changes in enumerate(
        [
            {},
            {"label": "H2", "data": "downsampling"},
            {"method": "random"},
            {"method": "net-only"},
            {"seed": 1},
        ]
    ):
        asked = campaign(name=f"c{number}", **changes)
        Driver(create(database, asked), workers=2).run()
        rows = queries.results(database, asked.name)
        assert len(rows) == 4
        seeds[number] = [r.seed for r in sorted(rows, key=lambda r: (r.iteration, r.replicate))]
    assert seeds[0] == seeds[1] == seeds[2] == seeds[3]
    assert not set(seeds[0]) & set(seeds[4])
    assert len(set(seeds[0])) == 4


def test_an_evaluated_preset_is_one_configuration(database: Database) -> None:
    """Its trials are replicates of (0, 0, 0), with the preset's values and both PSNRs."""
    Driver(create(database, campaign(label="BOHB-Blur"))).run()
    rows = queries.results(database, "campaign")
    assert {(r.iteration, r.stage, r.number) for r in rows} == {(0, 0, 0)}
    assert [r.replicate for r in rows] == [0, 1, 2, 3]
    assert all(r.hyperparameters == PRESETS["BOHB-Blur"].to_dict() for r in rows)
    assert {r.origin for r in rows} == {"preset"}
    assert all(r.one_shot_psnr is not None and r.architecture_psnr is not None for r in rows)


@pytest.mark.parametrize(
    ("method", "space"), [("learnable-gradient-only", "sequential"), ("net-only", "cell")], ids=lambda value: value
)
def test_uniform_baselines_train_one_operation(method: str, space: str) -> None:
    """Every layer or edge has the operation, and nothing is searched."""
    asked = campaign(method=method, space=space)
    spec = asked.spec(asked.configured_task(), 2, 0)
    assert spec.architecture == str(Architecture.uniform(space, method.removesuffix("-only")))
    assert (spec.settings["method"], spec.retrain) == ("das", True)


def test_random_architectures_follow_from_the_seed(database: Database) -> None:
    """Each trial has its own, the same in every campaign of the seed, of the operations asked for."""
    asked = campaign(method="random", operations="all", trials=30)
    task = asked.configured_task()
    found = [asked.architecture(task, trial, 0) for trial in range(30)]
    assert len(set(found)) == 30
    other = campaign(name="other", method="random", operations="all")
    assert found == [other.architecture(task, trial, 0) for trial in range(30)]
    used = {operation for text in found if text for operation in Architecture.parse(text).operations}
    assert used == {"learnable-gradient", "net", "roll", "noise"}
    Driver(create(database, asked)).run()
    rows = queries.results(database, "campaign")
    assert {(r.iteration, r.stage, r.number) for r in rows} == {(trial, 0, 0) for trial in range(30)}
    assert {r.origin for r in rows} == {"fixed"}


def test_random_search_draws_k_architectures_a_trial(database: Database) -> None:
    """Trial r is configurations (r, 0, 0) to (r, 0, k - 1), of which the best counts."""
    work = create(database, campaign(method="random-search", draws=3, operations="all"))
    Driver(work, workers=2).run()
    rows = queries.results(database, "campaign")
    assert {(r.iteration, r.number) for r in rows} == {(trial, draw) for trial in range(4) for draw in range(3)}
    assert len({r.seed for r in rows}) == 12
    assert (work.complete, work.snapshot().finished, work.snapshot().expected) == (True, 12, 12)
    with database.read() as session:
        texts = session.exec_driver_sql("select architecture from configurations").scalars().all()
    assert len(set(texts)) == 12


def test_a_retraining_trains_given_architectures_several_times(database: Database) -> None:
    """Trial r is configuration (r, 0, 0), trained with as many seeds as there are draws."""
    asked = campaign(method="retraining", draws=3, architectures=retrained(4))
    Driver(create(database, asked), workers=2).run()
    rows = queries.results(database, "campaign")
    assert {(r.iteration, r.stage, r.number, r.replicate) for r in rows} == {
        (trial, 0, 0, draw) for trial in range(4) for draw in range(3)
    }
    assert len({r.seed for r in rows}) == 12
    with database.read() as session:
        query = "select architecture from configurations order by iteration"
        assert tuple(session.exec_driver_sql(query).scalars()) == asked.architectures
    with pytest.raises(UsageError, match="architecture for each trial"):
        campaign(method="retraining", architectures=retrained(3))
    with pytest.raises(UsageError, match="other campaigns have none: got 4 for 4 trials of random"):
        campaign(method="random", architectures=retrained(4))


def retrained(count: int) -> tuple[str, ...]:
    """So many architectures."""
    return tuple(str(Architecture.random("sequential", "all", random.Random(seed))) for seed in range(count))


@pytest.mark.parametrize("method", ["das", "random-search", "retraining"])
def test_a_campaign_is_resumed_anywhere(database: Database, method: str) -> None:
    """Cut after any report, with attempts open, it ends with every evaluation once."""
    asked = campaign(method=method, trials=5, draws=2, architectures=retrained(5) if method == "retraining" else ())
    total = asked.trials * asked.evaluations_per_trial
    for cut in range(total + 1):
        named = CampaignSettings.from_mapping({**asked.to_dict(), "name": f"cut{cut}"})
        first = Driver(create(database, named), workers=2)
        first.run(cut)
        held = {attempt.token for attempt in first.held}
        stored = queries.run(database, named.name)
        work, attempts = make_campaign(queries.replay(database, stored.id), Recorder(database, stored.id), None)
        assert {attempt.token for attempt in attempts} == held
        assert work.snapshot().finished == cut
        second = Driver(work, workers=2)
        second.held = attempts[:1]
        work.give_up(attempts[1:], "its worker ended")
        second.claim()
        second.run()
        assert work.complete
        rows = queries.results(database, named.name)
        assert len(rows) == total
        assert {r.status for r in rows} <= {"completed", "diverged"}


def test_failed_and_diverged_trials_count(database: Database) -> None:
    """They end, and the campaign with them."""
    work = create(database, campaign())
    driver = Driver(work)
    driver.claim()
    driver.fail()
    driver.run()
    assert (work.complete, work.snapshot().failed) == (True, 1)


def test_campaigns_run_on_the_same_workers_and_are_extended(tmp_path: Path) -> None:
    """Two campaigns, then one of them with more trials: what is there is not computed again."""
    keys, url = KeyFile(tmp_path / "key"), f"sqlite:///{tmp_path}/runs.db"
    asked = [campaign(name="das"), campaign(name="random", method="random")]
    summaries = execute_campaigns(asked, url, service(keys))
    assert [(s.run, s.status, s.snapshot.finished) for s in summaries] == [
        ("das", "completed", 4),
        ("random", "completed", 4),
    ]
    with open_database(url) as database:
        before = {(r.seed, r.finished_at) for r in queries.results(database)}
        assert len({r.worker for r in queries.results(database)}) == 1
    more = [campaign(name="das", trials=6), asked[1]]
    summaries = execute_campaigns(more, url, service(keys))
    assert [s.snapshot.finished for s in summaries] == [6, 4]
    with open_database(url) as database:
        after = {(r.seed, r.finished_at) for r in queries.results(database)}
    assert before < after
    assert len(after) == 10
    with pytest.raises(UsageError, match="nothing to resume"):
        resume("das", url, service(keys))
    for other, words in (
        (campaign(name="das", trials=5), "--trials is 6 there, 5 was asked for;"),
        (campaign(name="das", trials=6, data="downsampling"), "--data is blur there, downsampling was asked for;"),
        (campaign(name="das", trials=7, choices={"tau": 0.5}), "--set tau is 0.01 there, 0.5 was asked for;"),
    ):
        with pytest.raises(RunExistsError, match=f"other settings: {words}"):
            execute_campaigns([other], url, service(keys))
    with pytest.raises(RunExistsError, match="there is a run named"):
        execute(settings(name="das"), url, service(keys))


def test_an_interrupted_campaign_is_resumed_by_name(tmp_path: Path) -> None:
    """resume knows a campaign from an optimisation."""
    keys, url = KeyFile(tmp_path / "key"), f"sqlite:///{tmp_path}/runs.db"
    local: Service = service(keys, options=("--seconds", "0.05"))
    (summary,) = execute_campaigns([campaign(trials=30, time_limit_s=1.0)], url, local)
    assert summary.status == "interrupted"
    ended = resume("campaign", url, service(keys), Changes(time_limit_s=300))
    assert (ended.status, ended.snapshot.finished) == ("completed", 30)
