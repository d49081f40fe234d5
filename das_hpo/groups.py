"""Several runs of the same settings with different seeds: which seeds are meant, and the runs of a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from das_hpo.declaration import Kind, Whole
from das_hpo.settings import RunSettings
from spaces.errors import InvalidValueError

#: Settings in which the runs of one group differ, or by which no result changes.
OF_EACH_RUN = ("name", "seed", "group", "time_limit_s", "evaluation_timeout_s")

#: More runs than this at once are a mistake of typing.
MOST_RUNS = 1_000

_SEED = Whole(0)


class Seeds(Kind):
    """Seeds such as ``0..9`` or ``0,3,7``, each once, in the order in which they are given."""

    metavar = "SEEDS"

    def read(self, value: Any) -> tuple[int, ...]:
        """The seeds that the text means."""
        seeds: list[int] = []
        for part in str(value).split(","):
            first, dots, last = part.partition("..")
            try:
                low = _SEED.read(first)
                high = _SEED.read(last) if dots else low
            except InvalidValueError:
                raise _not_seeds(value) from None
            if high < low or high - low >= MOST_RUNS or len(seeds) >= MOST_RUNS:
                raise _not_seeds(value)
            seeds += range(low, high + 1)
        repeated = sorted({seed for seed in seeds if seeds.count(seed) > 1})
        if repeated:
            raise InvalidValueError(f"each seed may be given once, got {', '.join(map(str, repeated))} again")
        return tuple(seeds)

    def require(self, name: str, value: Any) -> None:
        """Raises InvalidValueError unless they are seeds, each once."""
        self.read(",".join(map(str, value)))


def _not_seeds(value: object) -> InvalidValueError:
    return InvalidValueError(
        f"seeds are whole numbers from 0 on, as in 0..9 or 0,3,7, of {MOST_RUNS} runs at most, got {value!r}"
    )


def runs_of_group(settings: RunSettings, seeds: Sequence[int]) -> list[RunSettings]:
    """A run for each seed: the group has the name of the settings, and its runs are called NAME-seed0 and so on.

    Raises:
        UsageError: If a run's name would be too long.
    """
    group = settings.name
    return [replace(settings, name=f"{group}-seed{seed}", group=group, seed=seed) for seed in seeds]


def settings_alike(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The stored settings of a run in which all runs of a group agree."""
    return {name: value for name, value in stored.items() if name not in OF_EACH_RUN}
