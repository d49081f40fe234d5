"""What a seed stands for: a run, its workers, and everything that goes wrong, as a list that can be shortened."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

#: Every kind of fault but ``hang worker``, and how often it is drawn.
KINDS: dict[str, int] = {
    "kill worker": 4,
    "freeze worker": 4,
    "terminate worker": 2,
    "slow worker": 1,
    "kill master": 3,
    "kill master in transaction": 3,
    "freeze master": 4,
    "freeze master in transaction": 4,
    "stop master": 1,
    "kill nameserver": 2,
    "freeze nameserver": 2,
    "part worker": 2,
    "part master": 2,
    "part nameserver": 1,
    "lose messages": 3,
    "double messages": 3,
    "delay messages": 2,
    "fail commits": 3,
    "forget commits": 4,
    "block commit": 2,
    "fill disk": 2,
    "jump clock": 1,
    "second master": 3,
    "run of the same name": 3,
}


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        at: Virtual seconds.
        kind: One of :data:`KINDS`, or ``hang worker``.
        number: Which worker, or how many commits, or which statement.
        lasts_s: How long.
    """

    at: float
    kind: str
    number: int
    lasts_s: float

    def __str__(self) -> str:
        return f"{self.at:8.1f} s  {self.kind} (number {self.number}, lasts {self.lasts_s:.1f} s)"


@dataclass(frozen=True)
class Scenario:
    """Everything that is decided before a simulation begins.

    Attributes:
        seed: From which it was drawn.
        optimizer: ``random``, ``hyperband`` or ``bohb``; ``campaign`` for a campaign's fixed trials.
        workers: How many there are.
        capacity: How many evaluations each takes at once.
        parallel: Evaluations that may be open at a time; None is no limit.
        lease_s: Of attempts.
        mean_s: The mean duration of an evaluation, beside the least.
        poison: How each tenth evaluation goes wrong: not at all, ``raises`` always, ``raises once``, ``text``
            (raises a text with a NUL and a lone surrogate) or ``outcome`` (its outcome has such a text).
        postgresql: Whether the database is one of PostgreSQL.
        faults: What goes wrong, in time.
        timeout_s: The user's limit for an evaluation: what a worker hangs in, and beats, ends with nothing else.
        least_s: The least duration of an evaluation.
    """

    seed: int
    optimizer: str
    workers: int
    capacity: int
    parallel: int | None
    lease_s: float
    mean_s: float
    poison: str
    postgresql: bool
    faults: tuple[Fault, ...]
    timeout_s: float | None = None
    least_s: float = 0.05

    def settings(self) -> dict[str, Any]:
        """Of the run."""
        return {"iterations": 1 if self.optimizer != "random" else 3, "seed": self.seed, "parallel": self.parallel}

    def without(self, number: int) -> Scenario:
        """The same with one fault less."""
        return replace(self, faults=self.faults[:number] + self.faults[number + 1 :])

    def __str__(self) -> str:
        lines = [f"{name} = {value}" for name, value in self.__dict__.items() if name != "faults"]
        return "\n".join([*lines, *map(str, self.faults)])


def drawn(seed: int, *, postgresql: bool | None = None) -> Scenario:
    """The scenario of a seed.

    Args:
        seed: Any number.
        postgresql: Which database; None leaves it to the seed, which takes PostgreSQL for one in eight.
    """
    chance = random.Random(f"scenario {seed}")
    server = chance.random() < 0.125 if postgresql is None else postgresql
    faults = []
    at = 0.0
    kinds, weights = list(KINDS), list(KINDS.values())
    if server:  # what only PostgreSQL can do
        weights = [
            4 * weight if "transaction" in kind or "commit" in kind else weight for kind, weight in KINDS.items()
        ]
    for _ in range(chance.choice((0, 1, 2, 3, 4, 6, 8))):
        at += chance.expovariate(1 / 20)
        lasts_s = chance.choice((1.0, 3.0, 10.0, 25.0, 40.0, 70.0)) * chance.uniform(0.8, 1.2)
        kind = chance.choices(kinds, weights)[0]
        faults.append(Fault(at, kind, chance.randrange(1, 9), lasts_s))
    made = Scenario(
        seed=seed,
        optimizer=chance.choices(("random", "hyperband", "bohb", "campaign"), (4, 3, 2, 1))[0],
        workers=chance.choices((1, 2, 3, 4), (2, 4, 2, 1))[0],
        capacity=chance.choices((1, 3), (4, 1))[0],
        parallel=chance.choices((None, 1, 2), (4, 1, 1))[0],
        lease_s=chance.choice((5.0, 10.0, 30.0)),
        mean_s=chance.choice((0.5, 3.0, 10.0, 40.0)),
        poison=chance.choices(("", "raises", "raises once", "text", "outcome"), (5, 2, 2, 1, 1))[0],
        postgresql=server,
        faults=tuple(faults),
    )
    return _with_meeting(_with_hanging(made, random.Random(f"hanging {seed}")), random.Random(f"meeting {seed}"))


def _with_meeting(scenario: Scenario, chance: random.Random) -> Scenario:
    """The same with a master that stands still until another has its place, for some: within a transaction, or a name.

    Evaluations are short then, so that one transaction follows another within the second in which a lease is trusted,
    or longer than the time after which an entry in the nameserver is renewed.
    """
    wanted = chance.random()
    if scenario.postgresql and wanted < 0.6:
        kind, mean_s = "freeze master in transaction", 0.5
    elif not scenario.postgresql and wanted < 0.05:
        kind, mean_s = "run of the same name", 8.0
    else:
        return scenario
    fault = Fault(chance.uniform(0.5, 4.0), kind, chance.randrange(1, 7), 40.0)
    faults = tuple(sorted((*scenario.faults, fault), key=lambda one: one.at))
    return replace(
        scenario, mean_s=mean_s, least_s=2 * mean_s, workers=max(2, scenario.workers), poison="", faults=faults
    )


def _with_hanging(scenario: Scenario, chance: random.Random) -> Scenario:
    """The same with a worker that hangs in an evaluation and beats, for one in seven; some outlive their master."""
    if chance.random() >= 1 / 7:
        return scenario
    at = chance.uniform(0.0, 40.0)
    number = chance.randrange(1, 9)
    faults = [*scenario.faults, Fault(at, "hang worker", number, 0.0)]
    if chance.random() < 0.5:
        faults.append(Fault(at + scenario.mean_s + chance.uniform(0.0, 20.0), "kill master", number, 3.0))
    return replace(
        scenario,
        faults=tuple(sorted(faults, key=lambda fault: fault.at)),
        timeout_s=100.0 + 20.0 * scenario.mean_s,
    )
