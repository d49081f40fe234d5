"""The parts that the problem inverse-1d is made of: one literal dict for each kind of part.

These dicts are the only authority: a name that they hold can be asked for everywhere, any other is refused. A plug-in
(see docs/plugins.md) adds entries of its own; what can be derived from an entry is computed where it is needed.

    OPERATIONS         what a layer or an edge does to a state
    OPERATION_SETS     which operations a search chooses from
    SEARCH_SPACES      how layers or edges make a network
    DATA_FORMATIONS    the linear operator A of y = A x + n
    METHODS            how an architecture is searched (in :mod:`spaces.inverse_1d.methods`)

No torch here: what computes is named as text and imported when a trial needs it (see :mod:`spaces.references`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from spaces.errors import InvalidValueError, UnknownPartError
from spaces.inverse_1d.method import Method as Method
from spaces.inverse_1d.method import OwnHyperparameter as OwnHyperparameter
from spaces.inverse_1d.methods import METHODS as METHODS
from spaces.references import resolve

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from spaces.inverse_1d.choices import Choices
    from spaces.inverse_1d.network import Network
    from spaces.inverse_1d.operations import Inputs

Entry = TypeVar("Entry")

LEARNABLE_GRADIENT = "learnable-gradient"
NET = "net"
ROLL = "roll"
NOISE = "noise"
ZERO = "zero"

#: What a name of an entry may be: it stands in architecture strings, in names of runs and in the database.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True)
class Operation:
    """A candidate operation.

    Attributes:
        forward: Takes :class:`spaces.inverse_1d.operations.Inputs` and returns what the edges carry, of a shape that
            broadcasts to [T, E, B, N]: trials, edges, samples, positions. None carries nothing.
        gradient_step: Whether it needs ``Inputs.step``, the gradient descent step of Eq. 6.
        learned_map: Whether it has a learned map n(u) of its own on every edge, ``Inputs.learned``.
        noise: Whether it draws standard normal numbers, ``Inputs.noise``.
        weights: The shape of the weights of its own on every edge, ``Inputs.weights``; empty for none.
        initial: Fills those weights of one edge in place with a generator; by default they are uniform within
            1 / sqrt(their number).
    """

    forward: Callable[[Inputs], Tensor] | str | None
    gradient_step: bool = False
    learned_map: bool = False
    noise: bool = False
    weights: tuple[int, ...] = ()
    initial: Callable[[Tensor, torch.Generator], object] | str | None = None

    @property
    def is_trained(self) -> bool:
        """Whether it has weights."""
        return self.learned_map or bool(self.weights)


@dataclass(frozen=True)
class SearchSpace:
    """How layers or edges make a network.

    Attributes:
        groups: Groups of operations in an architecture (cells); architecture strings separate them by a bar.
        size: Layers or edges of a group.
        network: The class of the network, a :class:`spaces.inverse_1d.network.Network`.
        extra_operations: What is added to every set of operations.
        merges: Merging convolutions 2 -> 1 among the weights (``Weights.merge_weight``).
    """

    groups: int
    size: int
    network: type[Network] | str
    extra_operations: tuple[str, ...] = ()
    merges: int = 0


#: Candidate operations (section 4.3). Learned maps of one edge are ordered as here.
OPERATIONS: dict[str, Operation] = {
    LEARNABLE_GRADIENT: Operation(
        "spaces.inverse_1d.operations:learnable_gradient", gradient_step=True, learned_map=True
    ),
    NET: Operation("spaces.inverse_1d.operations:net", learned_map=True),
    ROLL: Operation("spaces.inverse_1d.operations:rolled"),
    NOISE: Operation("spaces.inverse_1d.operations:noisy", gradient_step=True, noise=True),
    ZERO: Operation(None),
}

#: Sets of operations (section 4.3), in the order of alpha's last axis.
OPERATION_SETS: dict[str, tuple[str, ...]] = {
    "good": (LEARNABLE_GRADIENT, NET),
    "all": (LEARNABLE_GRADIENT, NET, ROLL, NOISE),
}

#: Search spaces (sections 4.1 and 4.2): ten layers; two cells of 5 states and 15 edges.
SEARCH_SPACES: dict[str, SearchSpace] = {
    "sequential": SearchSpace(groups=1, size=10, network="spaces.inverse_1d.sequential:SequentialNetwork"),
    "cell": SearchSpace(
        groups=2, size=15, network="spaces.inverse_1d.cell:CellNetwork", extra_operations=(ZERO,), merges=2
    ),
}

#: Data formations (section 5.1); each makes the matrix A [measurements, positions] in float64.
DATA_FORMATIONS: dict[str, Callable[[Choices], Tensor] | str] = {
    "blur": "spaces.inverse_1d.data_formation:blur",
    "downsampling": "spaces.inverse_1d.data_formation:downsampling",
}

#: The registries by what a message calls an entry of them.
REGISTRIES: dict[str, dict[str, Any]] = {
    "operation": OPERATIONS,
    "operations": OPERATION_SETS,
    "space": SEARCH_SPACES,
    "data formation": DATA_FORMATIONS,
    "method": METHODS,
}


def entry(noun: str, registry: Mapping[str, Entry], name: str) -> Entry:
    """The entry of that name.

    Raises:
        UnknownPartError: Lists the valid names.
    """
    if name not in registry:
        raise UnknownPartError(noun, name, registry)
    return registry[name]


def candidate_operations(space: str, operations: str) -> tuple[str, ...]:
    """The operations a layer or edge chooses from, in the order of alpha's last axis.

    Raises:
        UnknownPartError: For an unknown space or operation set.
    """
    extra = entry("space", SEARCH_SPACES, space).extra_operations
    chosen = entry("operations", OPERATION_SETS, operations)
    return tuple(dict.fromkeys(chosen + extra))


def edge_count(space: str) -> int:
    """Layers or edges of a network of the space, all groups together."""
    shape = entry("space", SEARCH_SPACES, space)
    return shape.groups * shape.size


def parts(space: str, operations: str, data: str, method: str) -> list[tuple[str, str]]:
    """What the settings of a task name, directly or by a set: keys of :data:`REGISTRIES` with a name each.

    Raises:
        UnknownPartError: For a name that is not registered.
    """
    entry("data formation", DATA_FORMATIONS, data)
    entry("method", METHODS, method)
    named = [("operation", name) for name in candidate_operations(space, operations)]
    return [("space", space), ("operations", operations), *named, ("data formation", data), ("method", method)]


def check_registries() -> None:
    """Checks what can be checked before any work: names, and that entries name only what there is.

    Raises:
        UsageError: For the first entry that is not valid.
    """
    _check_names()
    for noun, registry, kind in (
        ("operation", OPERATIONS, Operation),
        ("space", SEARCH_SPACES, SearchSpace),
        ("method", METHODS, Method),
    ):
        for name, value in registry.items():
            if not isinstance(value, kind):
                raise InvalidValueError(f"the {noun} {name!r} must be registered as a {kind.__name__}, got {value!r}")
    for name, operations in OPERATION_SETS.items():
        if not isinstance(operations, tuple) or not operations or len(set(operations)) < len(operations):
            raise InvalidValueError(
                f"the operations {name!r} must be a tuple of different names, at least one, got {operations!r}"
            )
        for operation in operations:
            entry(f"operation of the set {name}", OPERATIONS, operation)
    for name, space in SEARCH_SPACES.items():
        if space.groups < 1 or space.size < 1 or space.merges < 0:
            raise InvalidValueError(f"the space {name!r} needs groups and size of 1 or more, got {space}")
        for operation in space.extra_operations:
            entry(f"operation of the space {name}", OPERATIONS, operation)
    for method in METHODS.values():
        for space_name in method.spaces or ():
            entry("space", SEARCH_SPACES, space_name)


def _check_names() -> None:
    """Refuses a name that could not stand in an architecture string, or in the name of a run."""
    for noun, registry in REGISTRIES.items():
        for name in registry:
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise InvalidValueError(
                    f"{name!r} cannot name an entry of the kind {noun}: up to 40 letters, digits, '.', '_' and '-', "
                    "the first a letter or digit"
                )


def data_matrix(name: str, choices: Choices) -> Any:
    """The matrix A that the data formation of that name makes.

    Raises:
        UnknownPartError: Lists the data formations.
    """
    return resolve(entry("data formation", DATA_FORMATIONS, name))(choices)
