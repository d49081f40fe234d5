"""How fast the live page answers on a run of 100,000 evaluations beside ten of 10,000, made by this script.

    python -m benchmarks.dashboard [--evaluations 200000]

Prints for each view what the first answer, the next one after one more evaluation ended, and the answer while nothing
happens cost, and the size of the page. The server is the real command in a process of its own; its processor time is
printed, which other work on the machine hardly changes (Linux alone tells it).
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import insert, select, update

from benchmarks.million import fill
from storage.engine import open_database
from storage.statements import EVALUATIONS, RUNS

#: So often is a page asked for until it shows what is new; one whose filter leaves that out never does.
LOOKS = 60

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
            measure(found.group().removesuffix("/"), url, names, server.pid)
        finally:
            server.terminate()
            server.wait(30)


def measure(address: str, url: str, names: list[str], pid: int) -> None:
    """Prints a line for each view."""
    print(f"{options_of(names)}\n{'view':62} {'first':>8} {'next':>8} {'same':>8} {'size':>8}")
    for view in VIEWS:
        shown = view.format(run=quote(names[0]), other=quote(names[-1]))
        first, size, tag = ask(address + shown, pid)
        time.sleep(1.0)
        one_more(url, names[0])
        following, again = 0.0, tag
        for _ in range(LOOKS):  # a page that took long is not made again at once
            time.sleep(1.0)
            following, _, again = ask(address + shown, pid)
            if again != tag:
                break
        same, _, _ = ask(address + shown, pid, again)
        times = "".join(f"{seconds * 1e3:6.0f} ms" for seconds in (first, following, same))
        print(f"{view:62}{times} {size / 1024:5.0f} kB", flush=True)


def options_of(names: list[str]) -> str:
    """The run that is looked at, and the others."""
    return f"{names[0]} beside {len(names) - 1} others"


def ask(address: str, pid: int, tag: str = "") -> tuple[float, int, str]:
    """The server's seconds, bytes and ETag of an answer."""
    request = urllib.request.Request(address, headers={"If-None-Match": tag} if tag else {})
    begin = processor_s(pid)
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            text = answer.read()
            return processor_s(pid) - begin, len(text), answer.headers["ETag"]
    except urllib.error.HTTPError as error:
        if error.code != 304:
            raise RuntimeError(f"{address} was answered by {error.code}: {error.read().decode()[-1500:]}") from None
        return processor_s(pid) - begin, 0, tag


def processor_s(pid: int) -> float:
    """The processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
