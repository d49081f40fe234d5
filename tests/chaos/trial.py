"""The chaos test itself: the same runs, under the monkey and calm, must leave the same results."""

from __future__ import annotations

import math
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.database import chaos_database
from tests.chaos.hosts import network
from tests.chaos.lab import Lab
from tests.chaos.monkey import TRICKS, Event, Monkey, Tricks
from tests.chaos.worker import ALWAYS, CALM, fault

#: Runs that have not ended after so long hang.
HANGS_S = 400.0

#: As many as ``das-hpo run`` starts on two cores.
WORKERS = 2

#: What must be equal in both: everything but times, names, workers and attempts.
COMPARED = (
    "iteration, stage, number, budget, replicate, seed, status, loss, one_shot_psnr, architecture_psnr, architecture,"
    " origin, parameter_learning_rate, parameter_weight_decay, parameter_warm_up, alpha_learning_rate,"
    " alpha_weight_decay, alpha_warm_up, alpha_scheduler, alpha_optimizer"
)


def runs(lab: Lab, seed: int, turn: int) -> dict[str, list[str]]:
    """The runs of one turn: BOHB one evaluation at a time (so its order is unique), Hyperband on all workers."""
    settings = ["--min-budget", "0.5", "--max-budget", "4.5", "--seed", str(100 * seed + turn)]
    settings += ["--iterations", "2" if lab.trivial else "9"]
    return {
        f"ordered-{turn}": ["--objective", "architecture", "--optimizer", "bohb", "--parallel", "1", *settings],
        f"parallel-{turn}": ["--objective", "one-shot", "--optimizer", "hyperband", "--operations", "all", *settings],
    }


@dataclass(frozen=True)
class Verdict:
    """What came out.

    Attributes:
        problems: Broken promises; empty if all held.
        events: What the monkey did.
        evaluations: How many there are.
        attempts: Attempts by how they ended.
        recovery_s: For each kind of event, seconds until the next evaluation was finished.
        seconds: How long the runs took under the monkey.
        hosts: How the hosts were made.
        database: ``sqlite`` or ``postgresql``.
        swallowed: Commits that succeeded without an answer.
        gave_up: Masters that had to be started again, as the database was away when they began or ended.
    """

    problems: list[str]
    events: list[Event]
    evaluations: int
    attempts: dict[str, int]
    recovery_s: dict[tuple[str, str], list[float]]
    seconds: float
    hosts: str
    database: str
    swallowed: int
    gave_up: int

    def report(self) -> str:
        """As a Markdown table with a line above and below."""
        disturbed = f"{self.seconds:.0f} s under {len(self.events)} disturbances, {self.swallowed} commits unanswered"
        lines = [
            f"{self.database}: {self.evaluations} evaluations in {disturbed}; {self.hosts}",
            "",
            "| what | times | next evaluation finished after, median | at most |",
            "|---|---|---|---|",
        ]
        counts = Counter((event.trick, event.kind) for event in self.events)
        for key, count in sorted(counts.items()):
            times = self.recovery_s.get(key, [])
            middle = f"{statistics.median(times):.1f} s | {max(times):.1f} s" if times else "- | -"
            lines.append(f"| {key[0]} {key[1]} | {count} | {middle} |")
        attempts = ", ".join(f"{count} {status}" for status, count in sorted(self.attempts.items()))
        given_up = f"; {self.gave_up} masters gave up as the database was away" if self.gave_up else ""
        lines += ["", f"attempts: {attempts}{given_up}", "", *(self.problems or ["every promise held"])]
        return "\n".join(lines)


def chaos(
    seed: int, minutes: float, kind: str, *, trivial: bool = False, tricks: Tricks = TRICKS, most: float = math.inf
) -> Verdict:
    """Runs under the monkey, turn after turn for ``minutes`` and so many disturbances, then calm, and compares.

    Args:
        seed: Of the monkey, of the runs, and so of what raises.
        minutes: How long turns are begun.
        kind: ``sqlite`` or ``postgresql``.
        trivial: Whether workers compute next to nothing, in shorter runs.
        tricks: What the monkey may do.
        most: After so many disturbances it leaves the runs alone.
    """
    hosts = ["nameserver", *(f"worker-{number}" for number in range(WORKERS)), "master-0", "master-1"]
    with (
        tempfile.TemporaryDirectory(prefix="das-hpo-chaos-") as name,
        network(hosts) as net,
        chaos_database(kind, Path(name)) as database,
    ):
        lab = Lab(Path(name), net, database, trivial)
        try:
            return _chaos(lab, seed, minutes, tricks, most)
        finally:
            lab.close()


def _chaos(lab: Lab, seed: int, minutes: float, tricks: Tricks, most: float) -> Verdict:
    lab.add_nameserver()
    for number in range(WORKERS):
        lab.add_worker(number)
    # On a busy machine a process may take longer to start than it would then be left alone.
    pace = max(1.0, lab.wait_for_workers() / 6)
    monkey = Monkey(lab, seed, pause_s=(pace, 5 * pace), cut_s=8.0 if minutes < 5 else 60.0, tricks=tricks, most=most)
    turns = _disturb(lab, monkey, seed, minutes)
    seconds = time.time() - monkey.begun
    problems = list(lab.unexpected)
    attempts = dict(lab.database.rows("select status, count(*) from attempts group by status"))
    if lab.completed:
        (lab.folder / "raised" / CALM).touch()
        # The same nameserver and workers, which are well again, and another database.
        asked = {run: settings for turn in range(turns) for run, settings in runs(lab, seed, turn).items()}
        with ThreadPoolExecutor(WORKERS) as pool:
            for found in pool.map(lambda run: _compare(lab, run, asked[run]), asked):
                problems += found
        lab.call("db", "check", "--db", lab.database.url)
    else:
        problems.append("the runs did not complete")
        problems += [f"{name}:\n{lab.log(name)[-1500:]}" for name in lab.processes]
    problems += [f"{name} did not end within 30 s of SIGTERM" for name in lab.close()]
    return Verdict(
        problems=problems,
        events=monkey.events,
        evaluations=lab.database.rows("select count(*) from results")[0][0],
        attempts=attempts,
        recovery_s=_recovery(lab, monkey.events),
        seconds=seconds,
        hosts="hosts are network namespaces" if lab.network.reason is None else f"on loopback: {lab.network.reason}",
        database=lab.database.kind,
        swallowed=lab.database.swallowed,
        gave_up=lab.gave_up,
    )


def _disturb(lab: Lab, monkey: Monkey, seed: int, minutes: float) -> int:
    """Lets the monkey at the runs until they are through, or should have been; returns how many turns there were."""
    turns = 0
    end = monkey.begun + max(HANGS_S, 240.0 * minutes)
    while time.time() < end:
        if lab.completed and monkey.quiet:
            if time.time() > monkey.begun + 60.0 * minutes and len(monkey.events) >= 8 * minutes:
                break
            for index, (run, settings) in enumerate(runs(lab, seed, turns).items()):
                lab.add_master(run, f"master-{index}", settings)
            turns += 1
        lab.look()
        monkey.tick(mischief=not lab.completed and not lab.unexpected)
        if lab.unexpected and monkey.quiet:
            break
        time.sleep(0.1)
    return turns


def _compare(lab: Lab, run: str, settings: list[str]) -> list[str]:
    """Runs it calm, and says what differs between those results and the monkey's."""
    calm = lab.folder / "calm.db"
    ending = ["--nameserver", lab.nameserver, "--host", lab.network.addresses["master-0"], "--quiet"]
    lab.call("run", "--name", run, *settings, *ending, "--db", f"sqlite:///{calm}")
    sql = f"select {COMPARED} from results where run = ? order by 1, 2, 3, 4, 5"
    with closing(sqlite3.connect(calm)) as connection:
        expected = connection.execute(sql, (run,)).fetchall()
    found = lab.database.rows(sql, run)
    double = [key for key, count in Counter(row[:5] for row in found).items() if count > 1]
    missing = {row[:5] for row in expected} - {row[:5] for row in found}
    more = {row[:5] for row in found} - {row[:5] for row in expected}
    other = [row[:5] for row in expected if row not in found and row[:5] not in missing]
    failed = [row[:5] for row in found if (row[6] == "failed") != (fault(row[5]) == ALWAYS)]
    unfinished = [row[:5] for row in found if row[6] not in ("completed", "diverged", "failed")]
    differences = {
        "double": double,
        "missing": missing,
        "too many": more,
        "other numbers": other,
        "failed, or should have": failed,
        "not finished": unfinished,
    }
    return [f"{run}: {len(keys)} evaluations {what}: {sorted(keys)[:3]}" for what, keys in differences.items() if keys]


def _recovery(lab: Lab, events: list[Event]) -> dict[tuple[str, str], list[float]]:
    """Seconds from each event to the next finished evaluation (of that run, where it hit a master)."""
    finished = lab.database.rows(
        f"select run, {lab.database.epoch} from results where finished_at is not null order by 2"
    )
    found: dict[tuple[str, str], list[float]] = {}
    for event in events:
        heard = [float(at) for run, at in finished if event.kind != "master" or run == event.name]
        later = [at - event.at for at in heard if at > event.at]
        if later:
            found.setdefault((event.trick, event.kind), []).append(min(later))
    return found


def main(seed: int, minutes: float, kinds: Sequence[str]) -> int:
    """Prints the reports; 0 if every promise held."""
    problems = 0
    for kind in kinds:
        verdict = chaos(seed, minutes / len(kinds), kind)
        sys.stdout.write(f"seed {seed}, {verdict.report()}\n\n")
        sys.stdout.flush()
        problems += len(verdict.problems)
    return 1 if problems else 0
