"""Architectures: the chosen operation of every layer or edge, with one canonical string.

    sequential:net,learnable-gradient,roll,...          one operation a layer, first layer first
    cell:net,zero,...|learnable-gradient,net,...        one operation an edge, cells separated by '|'

The edges of a cell are ordered by the state they lead to, then by the state they come from, the
cell's input first (15 edges for 5 states: 1 + 2 + 3 + 4 + 5; section 4.2).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from spaces.errors import InvalidValueError, UnknownPartError
from spaces.inverse_1d.registries import (
    OPERATION_SETS,
    OPERATIONS,
    SEARCH_SPACES,
    candidate_operations,
    edge_count,
    entry,
)


def groups_of(text: str) -> tuple[str, tuple[tuple[str, ...], ...]]:
    """The space and the groups of a canonical string; its names need not be registered.

    Raises:
        InvalidValueError: If the text has another form.
    """
    space, colon, body = text.partition(":")
    if not colon:
        raise InvalidValueError(f"{text!r} is no architecture: write SPACE:OPERATION,OPERATION,...")
    return space, tuple(tuple(group.split(",")) for group in body.split("|"))


def cell_states(edges: int) -> int:
    """States of a cell, its input not counted: n states have 1 + 2 + ... + n edges.

    Raises:
        InvalidValueError: If no cell has this number of edges.
    """
    states = (math.isqrt(8 * edges + 1) - 1) // 2
    if states < 1 or states * (states + 1) // 2 != edges:
        raise InvalidValueError(f"a cell of n states has 1 + 2 + ... + n edges, such as 6, 10 or 15; got {edges}")
    return states


def valid_operations(space: str) -> tuple[str, ...]:
    """The operations that an architecture of the space may have.

    What carries nothing is one where the space, or a set of operations, has it.

    Raises:
        UnknownPartError: For an unknown space.
    """
    named = {name for operations in OPERATION_SETS.values() for name in operations}
    named.update(entry("space", SEARCH_SPACES, space).extra_operations)
    return tuple(name for name, operation in OPERATIONS.items() if operation.forward is not None or name in named)


@dataclass(frozen=True, slots=True)
class Architecture:
    """A discrete architecture: ``groups[g][e]`` is the operation of layer or edge ``e`` of group ``g``.

    Raises:
        UnknownPartError: For an unknown space or operation.
        InvalidValueError: If the number of groups or operations is not that of the space.
    """

    space: str
    groups: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        space, valid = entry("space", SEARCH_SPACES, self.space), valid_operations(self.space)
        group_count, size = space.groups, space.size
        lengths = "|".join(str(len(group)) for group in self.groups)
        if len(self.groups) != group_count or any(len(group) != size for group in self.groups):
            expected = "|".join([str(size)] * group_count)
            raise InvalidValueError(f"a {self.space} architecture has {expected} operations, got {lengths}")
        for operation in self.operations:
            if operation not in valid:
                raise UnknownPartError(f"operation of the {self.space} space", operation, valid)

    @property
    def operations(self) -> tuple[str, ...]:
        """All operations, group after group."""
        return tuple(operation for group in self.groups for operation in group)

    def __str__(self) -> str:
        return f"{self.space}:" + "|".join(",".join(group) for group in self.groups)

    @classmethod
    def parse(cls, text: str) -> Architecture:
        """Reads the canonical string back: ``Architecture.parse(str(a)) == a``.

        Raises:
            UnknownPartError: For an unknown space or operation.
            InvalidValueError: If the text has another form.
        """
        return cls(*groups_of(text))

    @classmethod
    def uniform(cls, space: str, operation: str) -> Architecture:
        """The architecture that has the same operation everywhere (the paper's "only" baselines)."""
        shape = entry("space", SEARCH_SPACES, space)
        return cls(space, ((operation,) * shape.size,) * shape.groups)

    @classmethod
    def random(cls, space: str, operations: str, generator: random.Random) -> Architecture:
        """Draws every operation uniformly (the paper's random baseline, section 5.2)."""
        candidates = candidate_operations(space, operations)
        drawn = [generator.choice(candidates) for _ in range(edge_count(space))]
        return cls.of_edges(space, drawn)

    @classmethod
    def of_edges(cls, space: str, operations: Sequence[str]) -> Architecture:
        """The architecture with these operations, group after group."""
        size = entry("space", SEARCH_SPACES, space).size
        return cls(space, tuple(tuple(operations[i : i + size]) for i in range(0, len(operations), size)))
