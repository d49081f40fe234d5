"""How fast the live page answers on a run of 100,000 evaluations beside ten of 10,000, made by this script.

    python -m benchmarks.dashboard [--evaluations 200000]

Prints for each view the time of the first answer, of the next one after one more evaluation ended, of the answer while
nothing happens, and the size of the page. The server is the real command in a process of its own.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from urllib.parse import quote

from sqlalchemy import insert, select, update

from benchmarks.million import fill
from storage.engine import open_database
from storage.statements import EVALUATIONS, RUNS

VIEWS = (
    "/",
    "/run/{run}",
    "/run/{run}/scores",
    "/run/{run}/budgets",
    "/run/{run}/hyperparameters",
    "/run/{run}/trials",
    "/run/{run}/evaluations",
    "/run/{run}/evaluations?order=architecture&page=1000",
    "/run/{run}/evaluations?one-shot-from=20&architecture-from=20",
    "/run/{run}/workers",
    "/compare?run={run}&run={other}",
)


def main(arguments: list[str] | None = None) -> None:
    """Makes the database, asks for the views, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=200_000, help="how many; half of them in one run (200000)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="das-hpo-dashboard-") as directory:
        url = f"sqlite:///{directory}/large.db"
        with open_database(url, create=True) as database:
            names = fill(database, options.evaluations)
        server = subprocess.Popen(
            [sys.executable, "-m", "das_hpo", "dashboard", "--db", url, "--port", "0"],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stderr is not None
            found = re.search(r"http://\S+", server.stderr.readline())
            assert found
            measure(found.group().removesuffix("/"), url, names)
        finally:
            server.terminate()
            server.wait(30)


def measure(address: str, url: str, names: list[str]) -> None:
    """Prints a line for each view."""
    print(f"{options_of(names)}\n{'view':62} {'first':>8} {'next':>8} {'same':>8} {'size':>8}")
    for view in VIEWS:
        shown = view.format(run=quote(names[0]), other=quote(names[-1]))
        first, size, tag = ask(address + shown)
        time.sleep(min(60.0, 4 * first))  # a page that took long is not made again at once
        one_more(url, names[0])
        following, _, tag = ask(address + shown)
        same, _, _ = ask(address + shown, tag)
        times = "".join(f"{seconds * 1e3:6.0f} ms" for seconds in (first, following, same))
        print(f"{view:62}{times} {size / 1024:5.0f} kB", flush=True)


def options_of(names: list[str]) -> str:
    """The run that is looked at, and the others."""
    return f"{names[0]} beside {len(names) - 1} others"


def ask(address: str, tag: str = "") -> tuple[float, int, str]:
    """Seconds, bytes and ETag of an answer."""
    request = urllib.request.Request(address, headers={"If-None-Match": tag} if tag else {})
    begin = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            text = answer.read()
            return time.perf_counter() - begin, len(text), answer.headers["ETag"]
    except urllib.error.HTTPError as error:
        if error.code != 304:
            raise
        return time.perf_counter() - begin, 0, tag


def one_more(url: str, name: str) -> None:
    """Ends one more evaluation of the run: a further replicate of its first configuration."""
    with open_database(url) as database, database.begin() as session:
        run = session.execute(select(RUNS.c.id, RUNS.c.sequence).where(RUNS.c.name == name)).one()
        row = session.execute(select(EVALUATIONS).where(EVALUATIONS.c.run_id == run.id).limit(1)).mappings().one()
        now = datetime.now(UTC)
        values = {**row, "replicate": run.sequence + 1, "sequence": run.sequence + 1, "finished_at": now}
        del values["id"]
        session.execute(insert(EVALUATIONS), values)
        session.execute(update(RUNS).where(RUNS.c.id == run.id).values(sequence=run.sequence + 1))


if __name__ == "__main__":
    main()
