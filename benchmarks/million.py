"""Queries on a database of 1,000,000 evaluations, made by this script: one large run and many of the usual size.

    python -m benchmarks.million [--evaluations 1000000] [--db URL]

Prints a table of the time of each query, in a process that has just opened the database (first), and again
(then): the best of three.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from spaces.hyperparameters import CATEGORIES, RANGES
from storage import maintenance, queries, writes
from storage.engine import Database, Session, open_database
from storage.entries import NewRun, WorkerInfo
from storage.statements import ATTEMPTS, CONFIGURATIONS, EVALUATIONS, RUNS, WORKERS

#: hpbandster's brackets for budgets of 5 to 50 epochs, eta 3: 9 configurations at 5.6, 3 go on to 16.7, 1 to 50.
RUNGS = ((50 / 9, 9), (50 / 3, 3), (50.0, 1))
SIZE = sum(count for _, count in RUNGS)
_LARGE = 0.5
_USUAL = 10_000
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def main(arguments: list[str] | None = None) -> None:
    """Makes the database, times the queries, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=1_000_000, help="how many, over all runs (1000000)")
    parser.add_argument("--db", help="URL of an empty database to fill (a SQLite file in a temporary directory)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="das-hpo-million-") as directory:
        url = options.db or f"sqlite:///{directory}/million.db"
        begin = time.perf_counter()
        with open_database(url, create=True) as database:
            names = fill(database, options.evaluations)
        maintenance.vacuum(url)
        took = time.perf_counter() - begin
        print(f"{options.evaluations:,} evaluations in {len(names)} runs, made in {took:.0f} s, {_size(url)}")
        print(f"{'query':58} {'first':>9} {'then':>9}")
        for what, query in cases(names):
            with open_database(url) as database:
                first = timed(query, database)
                then = min(timed(query, database) for _ in range(3))
            print(f"{what:58} {first * 1e3:6.0f} ms {then * 1e3:6.0f} ms")


def cases(names: list[str]) -> Iterator[tuple[str, Callable[[Database], object]]]:
    """The queries, on the large run (first name) and on one of the usual size (last name)."""
    large, usual = names[0], names[-1]
    yield "runs", queries.runs
    yield f"show {usual}", lambda database: queries.show(database, usual)
    yield f"show {large}", lambda database: queries.show(database, large)
    yield f"incumbent {usual}", lambda database: queries.incumbents(database, usual)
    yield (
        f"incumbent {usual}, other objective, top 10",
        lambda database: queries.incumbents(database, usual, "architecture", 10),
    )
    yield f"incumbent {large}", lambda database: queries.incumbents(database, large)
    yield f"results {usual} (all)", lambda database: queries.results(database, usual)
    yield (
        f"results {usual} --status completed --limit 100",
        lambda database: queries.results(database, usual, status="completed", limit=100),
    )
    yield f"results {large} --limit 100", lambda database: queries.results(database, large, limit=100)
    yield (
        "query: mean PSNR by alpha_optimizer of one usual run",
        lambda database: queries.sql(
            database,
            f"SELECT alpha_optimizer, avg(one_shot_psnr) FROM results WHERE run = '{usual}' GROUP BY alpha_optimizer",
        ),
    )
    yield (
        "query: count of all by status",
        lambda database: queries.sql(database, "SELECT status, count(*) FROM results GROUP BY status"),
    )


def timed(query: Callable[[Database], object], database: Database) -> float:
    """Seconds of one call."""
    begin = time.perf_counter()
    query(database)
    return time.perf_counter() - begin


def fill(database: Database, evaluations: int) -> list[str]:
    """Writes the runs and returns their names: one with half of all evaluations, the others of 10,000 each."""
    sizes = [int(evaluations * _LARGE)]
    while sum(sizes) < evaluations:
        sizes.append(min(_USUAL, evaluations - sum(sizes)))
    names = []
    choose = random.Random(0)
    with database.begin() as session:
        workers = [{"id": number, "created_at": _BEGIN, **_worker(number)} for number in range(1, 33)]
        session.execute(insert(WORKERS), workers)
    first = 1
    for number, size in enumerate(sizes):
        name = f"run-of-{size}-{number}"
        with database.begin() as session:
            run_id = writes.create_run(session, _run(name, number))
            first = _evaluations(session, run_id, first, size, choose)
            session.execute(RUNS.update().where(RUNS.c.id == run_id).values(status="completed", sequence=size))
        names.append(name)
    return names


def _evaluations(session: Session, run_id: int, first: int, size: int, choose: random.Random) -> int:
    """Writes the run's evaluations, numbered from ``first``; returns the next number."""
    done = iteration = 0
    while done < size:
        rows: dict[Any, list[dict[str, Any]]] = {CONFIGURATIONS: [], EVALUATIONS: [], ATTEMPTS: []}
        for _ in range(500):
            points = [_configuration(first + done + n, run_id, iteration, n, choose) for n in range(RUNGS[0][1])]
            for budget, count in RUNGS:
                for point in points[:count]:
                    if done == size:
                        break
                    if budget == RUNGS[0][0]:
                        rows[CONFIGURATIONS].append(point)
                    evaluation, attempt = _evaluation(first + done, run_id, done + 1, point["id"], budget, choose)
                    rows[EVALUATIONS].append(evaluation)
                    rows[ATTEMPTS].append(attempt)
                    done += 1
            iteration += 1
        for table, values in rows.items():
            if values:
                session.execute(insert(table), values)
    return first + size


def _configuration(key: int, run_id: int, iteration: int, number: int, choose: random.Random) -> dict[str, Any]:
    point: dict[str, Any] = {
        name: math.exp(choose.uniform(math.log(low), math.log(high))) for name, (low, high) in RANGES.items()
    }
    point |= {name: choose.choice(values) for name, values in CATEGORIES.items()}
    return {
        "id": key,
        "run_id": run_id,
        "iteration": iteration,
        "stage": 0,
        "number": number,
        "origin": choose.choice(("model", "random")),
        "info": {"model_based_pick": True},
        "created_at": _BEGIN,
        "hyperparameters": point,
        **point,
    }


def _evaluation(
    key: int, run_id: int, sequence: int, configuration_id: int, budget: float, choose: random.Random
) -> tuple[dict[str, Any], dict[str, Any]]:
    status = "completed" if choose.random() < 0.9 else "diverged"
    psnr = choose.gauss(18, 3) if status == "completed" else None
    begin = _BEGIN + timedelta(seconds=key)
    worker_id = choose.randint(1, 32)
    evaluation = {
        "id": key,
        "run_id": run_id,
        "configuration_id": configuration_id,
        "budget": budget,
        "replicate": 0,
        "seed": choose.getrandbits(63),
        "status": status,
        "sequence": sequence,
        "loss": None if psnr is None else -psnr,
        "one_shot_score": psnr,
        "architecture_score": None if psnr is None else psnr + choose.gauss(0, 2),
        "architecture": "sequential:" + ",".join(choose.choices(("net", "learnable-gradient"), k=10)),
        "parameters": 970,
        "kernel": "fused",
        "device": "cpu",
        "attempts": 1,
        "worker_id": worker_id,
        "queued_at": begin,
        "started_at": begin,
        "finished_at": begin + timedelta(seconds=9),
        "duration_s": 9.0,
    }
    attempt = {
        "id": key,
        "evaluation_id": key,
        "number": 1,
        "token": f"{choose.getrandbits(128):032x}",
        "worker_id": worker_id,
        "status": "completed",
        "started_at": begin,
        "finished_at": begin + timedelta(seconds=9),
    }
    return evaluation, attempt


def _run(name: str, number: int) -> NewRun:
    settings = {"aggregate": "mean", "iterations": 128, "min_budget": 5.0, "max_budget": 50.0, "eta": 3.0}
    return NewRun(name, "run", "one-shot", "sequential", "good", "blur", "das", "bohb", number, settings, "0.1.0")


def _worker(number: int) -> dict[str, Any]:
    worker = WorkerInfo(f"worker-{number}", "node", number, "cpu", "0.1.0")
    return {name: getattr(worker, name) for name in WorkerInfo.__dataclass_fields__}


def _size(url: str) -> str:
    if not url.startswith("sqlite"):
        return "in PostgreSQL"
    return f"{Path(url.removeprefix('sqlite:///')).stat().st_size / 2**20:.0f} MiB in SQLite"


if __name__ == "__main__":
    main()
