"""Runs whose proposals are kept in ``golden.json``: what an optimiser proposed once, it proposes for ever.

python -m tests.das_hpo.optimisers.golden         writes the table anew; only where proposals are meant to change
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

from storage import queries
from storage.engine import Database, open_database
from tests.das_hpo.queues import Driver, create, settings

TABLE = Path(__file__).with_name("golden.json")

_SHORT: dict[str, Any] = {"iterations": 7, "seed": 11}
_MODEL: dict[str, Any] = {"iterations": 13, "seed": 5}

#: The settings of each kept run, and how it is driven: workers, and the fraction of evaluations that fail for good.
CASES: dict[str, tuple[dict[str, Any], int, float]] = {
    "bohb": ({**_MODEL, "optimizer": "bohb"}, 1, 0.0),
    "bohb-parallel-failing": ({**_MODEL, "optimizer": "bohb", "seed": 6}, 3, 0.1),
    "bohb-repeats": ({"iterations": 9, "max_budget": 3, "repeats": 2, "optimizer": "bohb"}, 2, 0.05),
    "bohb-decisions": (
        {
            **_MODEL,
            "optimizer": "bohb",
            "decisions": {
                "brackets": "ceiling",
                "model_budget": "supported",
                "model_start": "paper",
                "parallel": "liar",
            },
        },
        4,
        0.0,
    ),
    "bohb-das-single": ({**_SHORT, "optimizer": "bohb", "method": "das-single", "eta": 2, "max_budget": 4}, 1, 0.0),
    "hyperband": ({**_SHORT, "optimizer": "hyperband"}, 1, 0.0),
    "hyperband-parallel-failing": ({**_SHORT, "optimizer": "hyperband"}, 4, 0.15),
    "random": ({**_SHORT, "optimizer": "random"}, 1, 0.0),
    "random-parallel": ({**_SHORT, "optimizer": "random", "min_budget": 1.1, "max_budget": 100}, 3, 0.0),
}


def rows(database: Database, name: str) -> list[list[Any]]:
    """One kept run: its evaluations in the order in which they were given out."""
    asked, workers, failing = CASES[name]
    choose = random.Random(name)
    driver = Driver(create(database, settings(name=name, **asked)), workers=workers)
    driver.claim()
    while driver.held:
        index = choose.randrange(len(driver.held))
        if failing and choose.random() < failing:
            driver.fail(index)
        else:
            driver.report(index)
    found = {
        (r.iteration, r.stage, r.number, r.budget, r.replicate): [
            r.seed,
            r.origin,
            r.sequence,
            list(r.hyperparameters.values()),
        ]
        for r in queries.results(database, name)
    }
    return [[*key, *found[key]] for key in driver.order]


def main() -> None:
    """Writes the table."""
    with tempfile.TemporaryDirectory() as folder, open_database(f"sqlite:///{folder}/runs.db", create=True) as database:
        table = {name: rows(database, name) for name in CASES}
    lines = ",\n".join(
        f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in kept) + "\n]" for name, kept in table.items()
    )
    TABLE.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
