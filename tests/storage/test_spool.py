"""Outcomes that cannot be written at present are kept as files and taken in later, once."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.errors import ClusterError, DatabaseBusyError, InvalidValueError
from spaces.trial import Epoch, TrialOutcome
from storage import maintenance, queries, writes
from storage.engine import Database, open_database
from storage.entries import NewOutcome
from storage.spool import Spool, Taken

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
psnrs = st.none() | st.floats(-50, 50)
outcomes = st.builds(
    TrialOutcome,
    status=st.sampled_from(["completed", "diverged"]),
    one_shot_score=psnrs,
    architecture_score=psnrs,
    architecture=st.none() | texts,
    parameters=st.none() | st.integers(0, 10**6),
    epochs=st.lists(
        st.builds(
            Epoch,
            phase=st.sampled_from(["search", "retrain"]),
            epoch=st.integers(1, 99),
            training_loss=psnrs,
            training_score=psnrs,
            alpha=st.none() | st.just(((0.25, 0.75), (1e-300, 1.0))),
        ),
        unique_by=lambda epoch: (epoch.phase, epoch.epoch),
        max_size=3,
    ).map(tuple),
    message=st.none() | texts,
)


@given(outcome=outcomes, loss=psnrs, duration_s=st.floats(0, 1e6))
def test_what_is_kept_comes_back(outcome: TrialOutcome, loss: float | None, duration_s: float) -> None:
    """Exactly, through the file."""
    with tempfile.TemporaryDirectory() as directory:
        spool = Spool(Path(directory) / "x.db.spool")
        spooled = NewOutcome("token", outcome, loss, duration_s)
        spool.put(spooled)
        assert spool.pending() == [spooled]


@pytest.fixture
def started(database: Database, samples: Any) -> Database:
    """A run with three running evaluations, whose tokens are token-1 to token-3."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        for number in range(3):
            writes.start_attempt(session, samples.queue(session, run_id, number), f"token-{number + 1}", samples.worker)
    return database


def spooled(samples: Any, token: str, psnr: float = 20.0) -> NewOutcome:
    """An outcome with its arguments."""
    return NewOutcome(token, samples.outcome(psnr), -psnr, 2.5)


def take_in(spool: Spool, database: Database, run_id: int = 1) -> Taken:
    """Takes in what is there of a run, which nobody else has."""
    return spool.take_in(database, run_id, lambda _: None)


def test_spooled_outcomes_are_taken_in_once(started: Database, samples: Any, tmp_path: Path) -> None:
    """In the order in which they came; known ones are dropped, and nothing is left behind."""
    spool = Spool(tmp_path / "x.db.spool")
    spool.reserve(1000)
    for token, psnr in (("token-2", 22.0), ("token-1", 21.0), ("token-1", 21.5)):
        spool.put(spooled(samples, token, psnr))
    assert [entry.token for entry in spool.pending()] == ["token-2", "token-1"]
    assert take_in(spool, started) == Taken(recorded=2)
    assert [(row.number, row.one_shot_psnr, row.sequence) for row in queries.results(started, status="completed")] == [
        (0, 21.5, 2),
        (1, 22.0, 1),
    ]
    spool.put(spooled(samples, "token-2", 99.0))
    assert take_in(spool, started) == Taken(known=1)
    assert take_in(spool, started) == Taken()
    assert queries.results(started, status="completed")[1].one_shot_psnr == 22.0
    spool.release()
    assert not spool.directory.exists()


def test_a_crash_in_between_does_no_harm(started: Database, samples: Any, tmp_path: Path) -> None:
    """Recorded, but the file not yet removed: the next start finds it known. Drafts of the dead are removed."""
    spool = Spool(tmp_path / "x.db.spool")
    path = spool.put(spooled(samples, "token-1"))
    content = path.read_bytes()
    assert take_in(spool, started) == Taken(recorded=1)
    spool.directory.mkdir(exist_ok=True)
    path.write_bytes(content)
    (spool.directory / "token-2.outcome.json.999999999.draft").write_bytes(content[:50])
    assert take_in(spool, started) == Taken(known=1)
    assert not spool.directory.exists()


def test_what_another_run_waits_for_stays(started: Database, samples: Any, tmp_path: Path) -> None:
    """Its master may be at work, and must not find that somebody else has written to its run."""
    with started.begin() as session:
        other = writes.create_run(session, samples.run("second"))
        writes.start_attempt(session, samples.queue(session, other), "token-4", samples.worker)
    spool = Spool(tmp_path / "x.db.spool")
    for token in ("token-1", "token-4"):
        spool.put(spooled(samples, token))
    assert take_in(spool, started, run_id=other) == Taken(recorded=1)
    assert [entry.token for entry in spool.pending()] == ["token-1"]
    assert [row.run for row in queries.results(started, status="completed")] == ["second"]
    assert take_in(spool, started) == Taken(recorded=1)
    spool.put(spooled(samples, "token-1"))
    assert take_in(spool, started, run_id=other) == Taken(known=1)
    assert spool.pending() == []


def test_who_has_lost_the_run_takes_nothing_in(started: Database, samples: Any, tmp_path: Path) -> None:
    """A master that stood still meanwhile and was superseded writes nothing, and nothing is lost."""
    spool = Spool(tmp_path / "x.db.spool")
    spool.put(spooled(samples, "token-1"))

    def refuse(_: object) -> None:
        raise ClusterError("the run was taken over")

    with pytest.raises(ClusterError, match="taken over"):
        spool.take_in(started, 1, refuse)
    assert queries.results(started, status="completed") == []
    assert take_in(spool, started) == Taken(recorded=1)


def test_what_cannot_be_taken_in_is_kept(started: Database, samples: Any, tmp_path: Path) -> None:
    """Of another database, cut or changed: put aside under another name, and the rest is taken in."""
    spool = Spool(tmp_path / "x.db.spool")
    spool.put(spooled(samples, "stranger"))
    (spool.directory / "token-1.outcome.json").write_text('{"token": "token-1", "outc')
    changed = json.loads(spool.put(spooled(samples, "token-2")).read_text())
    changed["outcome"]["status"] = "brilliant"
    (spool.directory / "token-2.outcome.json").write_text(json.dumps(changed))
    spool.put(spooled(samples, "token-3"))
    assert take_in(spool, started) == Taken(recorded=1, refused=3)
    assert sorted(path.name for path in spool.directory.iterdir()) == [
        "stranger.outcome.json.refused",
        "token-1.outcome.json.refused",
        "token-2.outcome.json.refused",
    ]
    assert take_in(spool, started) == Taken()


@pytest.mark.parametrize("token", ["", "../../etc/passwd", "a/b", "a.b", "x" * 129, "a\0"])
def test_a_token_is_no_path(samples: Any, tmp_path: Path, token: str) -> None:
    """What is no plain word never becomes the name of a file."""
    with pytest.raises(InvalidValueError, match="a token is"):
        Spool(tmp_path / "x.db.spool").put(spooled(samples, token))
    assert list(tmp_path.iterdir()) == []


def test_a_locked_database_spools(sqlite_url: str, samples: Any, tmp_path: Path) -> None:
    """A lock kept by another process for longer than we wait: spooled, and taken in when it is gone."""
    with open_database(sqlite_url, create=True, busy_timeout_s=0.1) as database:
        with database.begin() as session:
            run_id = writes.create_run(session, samples.run())
            writes.start_attempt(session, samples.queue(session, run_id), "token-1", samples.worker)
        program = (
            "import sqlite3, sys\n"
            "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "connection.execute('BEGIN IMMEDIATE')\n"
            "print('locked', flush=True)\n"
            "sys.stdin.read()\n"
        )
        other = subprocess.Popen(
            [sys.executable, "-c", program, tmp_path / "test.db"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with other:
            assert other.stdout is not None
            assert other.stdout.readline() == "locked\n"
            spool = Spool(database.location.spool)
            entry = spooled(samples, "token-1")
            with pytest.raises(DatabaseBusyError, match="stayed locked"), database.begin() as session:
                writes.record_outcome(session, entry)
            spool.put(entry)
            with pytest.raises(DatabaseBusyError):
                take_in(spool, database)
            assert spool.pending() == [entry]
            other.communicate("")
        assert take_in(spool, database) == Taken(recorded=1)
        assert queries.results(database)[0].status == "completed"


def _write_until_full(url: str, answer: int, limit: int | None) -> None:
    """In a process of its own: finishes evaluations until the disk is full, then spools; tells what it has done."""
    from tests_storage_samples import samples  # put into sys.modules by the caller

    done, kept = [], None
    with open_database(url) as database:
        spool = Spool(database.location.spool)
        spool.reserve(256 * 1024)
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        run_id = queries.run(database, "first").id
        attempts = [attempt.token for attempt in queries.replay(database, run_id).attempts]
        for token in attempts:
            entry = NewOutcome(token, samples.outcome(20.0, message="x" * 20_000), -20.0, 1.0)
            try:
                with database.begin() as session:
                    writes.record_outcome(session, entry)
                done.append(token)
            except DatabaseBusyError:
                spool.put(entry)
                kept = token
                break
    os.write(answer, json.dumps([done, kept]).encode())


def _fill_disk(url: str, samples: Any, limit: int | None) -> tuple[list[str], str | None]:
    import types

    module = types.ModuleType("tests_storage_samples")
    module.samples = samples  # type: ignore[attr-defined]
    sys.modules["tests_storage_samples"] = module
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _write_until_full(url, writing, limit)
        except BaseException as error:  # noqa: BLE001
            os.write(writing, json.dumps(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answers:
        answer = json.loads(answers.read())
    os.waitpid(child, 0)
    assert isinstance(answer, list), answer
    done, kept = answer
    return done, kept


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("cause", ["full disk", "limit on the size of files"])
def test_a_full_disk_loses_nothing(cause: str, samples: Any, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """What was acknowledged is in the database or in the spool, and all of it in the database in the end."""
    place = request.getfixturevalue("small_disk") if cause == "full disk" else tmp_path
    limit = None if cause == "full disk" else 1024 * 1024
    url = f"sqlite:///{place}/x.db"
    with open_database(url, create=True) as database, database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        for number in range(200):
            writes.start_attempt(session, samples.queue(session, run_id, number), f"token-{number}", samples.worker)
    done, kept = _fill_disk(url, samples, limit)
    assert kept is not None, "the disk never was full"
    assert len(done) > 5
    assert [path.name for path in (place / "x.db.spool").iterdir() if path.name != "reserve"] == [
        f"{kept}.outcome.json"
    ]
    if cause == "full disk":
        subprocess.run(["mount", "-o", "remount,size=8m", place], check=True)
    assert maintenance.check(url) == []
    with open_database(url) as database:
        assert take_in(Spool(database.location.spool), database) == Taken(recorded=1)
        found = queries.results(database, status="completed")
        assert sorted(f"token-{row.number}" for row in found) == sorted([*done, kept])
    assert maintenance.check(url) == []


def test_reserving_twice_or_without_room_is_no_error(tmp_path: Path) -> None:
    """It is a precaution: what cannot be set aside is not."""
    spool = Spool(tmp_path / "x.db.spool")
    spool.reserve(10)
    spool.reserve(20)
    assert (spool.directory / "reserve").stat().st_size == 10
    Spool(tmp_path / "file" / "x.spool").reserve(10)
    (tmp_path / "file2").write_text("")
    Spool(tmp_path / "file2" / "x.spool").reserve(10)
    spool.release()
    assert not spool.directory.exists()


def test_runs_of_one_database_share_what_is_reserved(tmp_path: Path) -> None:
    """The end of one leaves the room, and the drafts of living processes, to the other."""
    directory = tmp_path / "x.db.spool"
    first, second = Spool(directory), Spool(directory)
    first.reserve(10)
    second.reserve(10)
    living, dead = directory / f"a.{os.getpid()}.draft", directory / "b.999999999.draft"
    living.write_text("")
    dead.write_text("")
    first.release()
    assert (directory / "reserve").exists()
    second.release()
    assert not (directory / "reserve").exists()
    assert living.exists()
    assert not dead.exists()


def test_what_belongs_to_a_deleted_run_is_forgotten(tmp_path: Path, samples: Any) -> None:
    """Refused or not; the rest stays, and the directory goes with the last file."""
    spool = Spool(tmp_path / "x.db.spool")
    for token in ("gone", "kept"):
        spool.put(NewOutcome(token, samples.outcome(), -20.0, 1.0))
    (spool.directory / "refused.outcome.json.refused").touch()
    spool.forget({"gone", "refused", "never there"})
    assert [each.token for each in spool.pending()] == ["kept"]
    assert len(list(spool.directory.iterdir())) == 1
    spool.forget({"kept"})
    assert not spool.directory.exists()
