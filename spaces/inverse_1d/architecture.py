"""Architectures: the chosen operation of every layer or edge, with one canonical string.

    sequential:net,learnable-gradient,roll,...          one operation a layer, first layer first
    cell:net,zero,...|learnable-gradient,net,...        one operation an edge, cells parted by '|'

The edges of a cell are ordered by the state they lead to, then by the state they come from, the
cell's input first (15 edges for 5 states: 1 + 2 + 3 + 4 + 5; section 4.2).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from spaces.errors import InvalidValueError, UnknownNameError

LEARNABLE_GRADIENT = "learnable-gradient"
NET = "net"
ROLL = "roll"
NOISE = "noise"
ZERO = "zero"

#: Operation sets by name (section 4.3); the cell space adds ``zero`` to either (section 4.2).
OPERATION_SETS: dict[str, tuple[str, ...]] = {
    "good": (LEARNABLE_GRADIENT, NET),
    "all": (LEARNABLE_GRADIENT, NET, ROLL, NOISE),
}

SEQUENTIAL_LAYERS = 10
CELLS = 2
CELL_STATES = 5
CELL_EDGES = CELL_STATES * (CELL_STATES + 1) // 2

#: Groups (cells) and operations per group, by space; the sequential network is one group of layers.
SHAPES: dict[str, tuple[int, int]] = {
    "sequential": (1, SEQUENTIAL_LAYERS),
    "cell": (CELLS, CELL_EDGES),
}


def candidate_operations(space: str, operations: str) -> tuple[str, ...]:
    """The operations a layer or edge chooses from, in the order of alpha's last axis.

    Raises:
        UnknownNameError: For an unknown space or operation set.
    """
    if space not in SHAPES:
        raise UnknownNameError("space", space, SHAPES)
    if operations not in OPERATION_SETS:
        raise UnknownNameError("operations", operations, OPERATION_SETS)
    extra = (ZERO,) if space == "cell" else ()
    return OPERATION_SETS[operations] + extra


@dataclass(frozen=True, slots=True)
class Architecture:
    """A discrete architecture: ``groups[g][e]`` is the operation of layer or edge ``e`` of group ``g``.

    Raises:
        UnknownNameError: For an unknown space or operation.
        InvalidValueError: If the number of groups or operations is not that of the space.
    """

    space: str
    groups: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        valid = candidate_operations(self.space, "all")
        group_count, size = SHAPES[self.space]
        came = "|".join(str(len(group)) for group in self.groups)
        if len(self.groups) != group_count or any(len(group) != size for group in self.groups):
            expected = "|".join([str(size)] * group_count)
            raise InvalidValueError(f"a {self.space} architecture has {expected} operations, {came} came")
        for operation in self.operations:
            if operation not in valid:
                raise UnknownNameError(f"operation of the {self.space} space", operation, valid)

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
            UnknownNameError: For an unknown space or operation.
            InvalidValueError: If the text has another form.
        """
        space, colon, body = text.partition(":")
        if not colon:
            raise InvalidValueError(f"{text!r} is no architecture: write SPACE:OPERATION,OPERATION,...")
        return cls(space, tuple(tuple(group.split(",")) for group in body.split("|")))

    @classmethod
    def uniform(cls, space: str, operation: str) -> Architecture:
        """The architecture that has the same operation everywhere (the paper's "only" baselines)."""
        if space not in SHAPES:
            raise UnknownNameError("space", space, SHAPES)
        group_count, size = SHAPES[space]
        return cls(space, ((operation,) * size,) * group_count)

    @classmethod
    def random(cls, space: str, operations: str, generator: random.Random) -> Architecture:
        """Draws every operation uniformly (the paper's random baseline, section 5.2)."""
        candidates = candidate_operations(space, operations)
        group_count, size = SHAPES[space]
        return cls(
            space,
            tuple(tuple(generator.choice(candidates) for _ in range(size)) for _ in range(group_count)),
        )
