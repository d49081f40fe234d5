"""The chaos test itself: the same runs, under the monkey and calm, must leave the same results."""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.hosts import network
from tests.chaos.lab import Lab
from tests.chaos.monkey import Event, Monkey

#: What must be equal in both: everything but times, names, workers and attempts.
COMPARED = (
    "iteration, stage, number, budget, replicate, seed, status, loss, one_shot_psnr, architecture_psnr, architecture,"
    " origin, parameter_learning_rate, parameter_weight_decay, parameter_warm_up, alpha_learning_rate,"
    " alpha_weight_decay, alpha_warm_up, alpha_scheduler, alpha_optimizer"
)


def runs(turn: int) -> dict[str, list[str]]:
    """The runs of one turn: BOHB one evaluation at a time (so its order is unique), Hyperband on all workers."""
    settings = ["--min-budget", "0.5", "--max-budget", "4.5", "--iterations", "3", "--seed", str(7 + turn)]
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
    """

    problems: list[str]
    events: list[Event]
    evaluations: int
    attempts: dict[str, int]
    recovery_s: dict[tuple[str, str], list[float]]
    seconds: float
    hosts: str

    def report(self) -> str:
        """As a Markdown table with a line above and below."""
        disturbed = f"{self.seconds:.0f} s under {len(self.events)} disturbances"
        lines = [
            f"{self.evaluations} evaluations in {disturbed}; {self.hosts}",
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
        lines += ["", f"attempts: {attempts}", "", *(self.problems or ["every promise held"])]
        return "\n".join(lines)


def chaos(seed: int, minutes: float) -> Verdict:
    """Runs under the monkey, turn after turn for ``minutes`` and so many disturbances, then calm, and compares."""
    hosts = ["nameserver", "worker-0", "worker-1", "worker-2", "master-0", "master-1"]
    with tempfile.TemporaryDirectory(prefix="das-hpo-chaos-") as name, network(hosts) as net:
        lab = Lab(Path(name), net)
        lab.add_nameserver()
        for number in range(3):
            lab.add_worker(number)
        # On a busy machine a process may take longer to start than it would then be left alone.
        pace = max(1.0, lab.wait_for_workers() / 3)
        monkey = Monkey(lab, seed, pause_s=(pace, 5 * pace), cut_s=8.0 if minutes < 5 else 60.0)
        begun, turns = time.time(), 0
        end = begun + max(400.0, 240.0 * minutes)
        while time.time() < end:
            if lab.completed and monkey.quiet:
                if time.time() > begun + 60.0 * minutes and len(monkey.events) >= 8 * minutes:
                    break
                for index, (run, settings) in enumerate(runs(turns).items()):
                    lab.add_master(run, f"master-{index}", settings)
                turns += 1
            lab.look()
            monkey.tick(mischief=not lab.completed and not lab.unexpected)
            if lab.unexpected and monkey.quiet:
                break
            time.sleep(0.1)
        seconds = time.time() - begun
        problems = list(lab.unexpected)
        if not lab.completed:
            problems.append("the runs did not complete")
            problems += [f"{name}:\n{lab.log(name)[-1500:]}" for name in lab.processes]
        problems += [f"{name} did not end within 30 s of SIGTERM" for name in lab.close()]
        for turn in range(turns):
            for run, settings in runs(turn).items():
                problems += _compare(lab, run, settings)
        attempts = dict(lab.rows("select status, count(*) from attempts group by status"))
        if lab.completed:
            lab.call("db", "check", "--db", lab.url)
        (total,) = lab.rows("select count(*) from results")[0]
        where = "hosts are network namespaces" if net.reason is None else f"all on loopback: {net.reason}"
        return Verdict(problems, monkey.events, total, attempts, _recovery(lab, monkey.events), seconds, where)  # type: ignore[arg-type]


def _compare(lab: Lab, run: str, settings: list[str]) -> list[str]:
    """Runs it calm, and says what differs between those results and the monkey's."""
    calm = lab.folder / "calm.db"
    lab.call("run", "--name", run, *settings, "--workers", "2", "--quiet", "--db", f"sqlite:///{calm}")
    sql = f"select {COMPARED} from results where run = ? order by 1, 2, 3, 4, 5"
    with sqlite3.connect(calm) as connection:
        expected = connection.execute(sql, (run,)).fetchall()
    found = lab.rows(sql, run)
    double = [key for key, count in Counter(row[:5] for row in found).items() if count > 1]
    missing = {row[:5] for row in expected} - {row[:5] for row in found}
    more = {row[:5] for row in found} - {row[:5] for row in expected}
    other = [row[:5] for row in expected if row not in found and row[:5] not in missing]
    failed = [row[:5] for row in found if row[6] not in ("completed", "diverged")]
    differences = {
        "double": double,
        "missing": missing,
        "too many": more,
        "other numbers": other,
        "not completed": failed,
    }
    return [f"{run}: {len(keys)} evaluations {what}: {sorted(keys)[:3]}" for what, keys in differences.items() if keys]


def _recovery(lab: Lab, events: list[Event]) -> dict[tuple[str, str], list[float]]:
    """Seconds from each event to the next finished evaluation (of that run, where it hit a master)."""
    sql = (
        "select run, (julianday(finished_at) - 2440587.5) * 86400 from results where finished_at is not null order by 2"
    )
    finished = lab.rows(sql)
    found: dict[tuple[str, str], list[float]] = {}
    for event in events:
        heard = [float(at) for run, at in finished if event.kind != "master" or run == event.name]  # type: ignore[arg-type]
        later = [at - event.at for at in heard if at > event.at]
        if later:
            found.setdefault((event.trick, event.kind), []).append(min(later))
    return found


def main(seed: int, minutes: float) -> int:
    """Prints the report; 0 if every promise held."""
    verdict = chaos(seed, minutes)
    sys.stdout.write(f"seed {seed}: {verdict.report()}\n")
    return 1 if verdict.problems else 0
