"""One declaration per setting, beside its field: the default, the valid values, the option with its unit and its help.

    iterations: int = setting(128, Whole(1), help="brackets of successive halving")

From it follow the check of the dataclass (:func:`check_declared`), the option of the command line
(:mod:`das_hpo.commands.options`), and the words in which two stored settings are compared (:mod:`das_hpo.differences`).
"""

from __future__ import annotations

import contextlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar

from das_hpo.durations import RANGES, parse_duration, require_duration
from spaces.errors import InvalidValueError, UnknownNameError

#: Whole numbers are below this: what a database can hold.
WHOLE_END = 2**63


class Kind(ABC):
    """Which values a setting takes.

    Attributes:
        metavar: How the help calls the value; None leaves it to argparse.
        repeated: Whether the option may be given several times, each time adding something.
    """

    metavar: str | None = None
    repeated: ClassVar[bool] = False

    @abstractmethod
    def read(self, value: Any) -> Any:
        """The value that the command line or a file means by a text or a number.

        Raises:
            UsageError: If it is not valid.
        """

    @abstractmethod
    def require(self, name: str, value: Any) -> None:
        """Raises UsageError, which says what is valid, unless the setting of that name may have the value."""


@dataclass(frozen=True)
class AnyValue(Kind):
    """Any value; it is checked elsewhere, such as by the task."""

    metavar: str | None = None

    def read(self, value: Any) -> Any:
        """The value as it is."""
        return value

    def require(self, name: str, value: Any) -> None:
        """Everything is valid."""


@dataclass(frozen=True)
class Words(Kind):
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, value: Any) -> str:
        """The value as text; :meth:`require` says whether it is one of the words."""
        return str(value)

    def require(self, name: str, value: Any) -> None:
        """Raises UnknownNameError for another word."""
        if value not in self.words:
            raise UnknownNameError(name, value, self.words)


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number, both ends included."""

    least: int
    most: int = WHOLE_END - 1
    metavar: str | None = "N"

    @property
    def valid(self) -> str:
        """What is valid, in words."""
        if self.most == WHOLE_END - 1:
            return f"a whole number of {self.least} or more"
        return f"a whole number from {self.least} to {self.most}"

    def read(self, value: Any) -> int:
        """The number that the text is; a float without a fraction is a whole number, too."""
        number: int | None = None
        if isinstance(value, str):
            with contextlib.suppress(ValueError):
                number = int(value)
        elif isinstance(value, float) and value.is_integer():
            number = int(value)
        elif isinstance(value, int):
            number = value
        if number is None or not self._is_valid(number):
            raise InvalidValueError(f"{self.valid} is needed, got {value!r}")
        return number

    def require(self, name: str, value: Any) -> None:
        """Raises InvalidValueError for anything else."""
        if not self._is_valid(value):
            raise InvalidValueError(f"{name} must be {self.valid}, got {value!r}")

    def _is_valid(self, value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most


@dataclass(frozen=True)
class Number(Kind):
    """A finite number, both ends included.

    Attributes:
        above: 0 for positive numbers.
        least: The least valid number.
        most: The greatest.
        unit: Of the number, in the plural.
    """

    above: float = -math.inf
    least: float = -math.inf
    most: float = math.inf
    unit: str = ""
    metavar: str | None = "X"

    @property
    def valid(self) -> str:
        """What is valid, in words."""
        positive = "positive " if self.above == 0 else ""
        words = f"a {positive}number of {self.unit}" if self.unit else f"a {positive}number"
        if math.isfinite(self.most):
            return f"{words} from {self.least:g} to {self.most:g}"
        return f"{words} of {self.least:g} or more" if math.isfinite(self.least) else words

    def read(self, value: Any) -> float:
        """The number that the text is."""
        number = math.nan
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            with contextlib.suppress(ValueError):
                number = float(value)
        if not self._is_valid(number):
            raise InvalidValueError(f"{self.valid} is needed, got {value!r}")
        return number

    def require(self, name: str, value: Any) -> None:
        """Raises InvalidValueError for anything else."""
        if not self._is_valid(value):
            got = f"{value:g}" if isinstance(value, float) else repr(value)
            raise InvalidValueError(f"{name} must be {self.valid}, got {got}")

    def _is_valid(self, value: object) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return is_number and value > self.above and self.least <= value <= self.most  # type: ignore[operator]


@dataclass(frozen=True)
class Duration(Kind):
    """Seconds, which people write as ``90s`` or ``1h30m``; what is valid is in :data:`das_hpo.durations.RANGES`.

    Attributes:
        name: The option's name without the dashes.
    """

    name: str
    metavar: str | None = "TIME"

    @property
    def valid(self) -> str:
        """What is valid, in words."""
        return str(RANGES[self.name])

    def read(self, value: Any) -> float:
        """Seconds of such a text."""
        return require_duration(self.name, parse_duration(value) if isinstance(value, str) else value)

    def require(self, name: str, value: Any) -> None:
        """Raises InvalidValueError for a time that is too short or too long."""
        require_duration(self.name, value)


@dataclass(frozen=True)
class Checked(Kind):
    """Text that a function checks.

    Attributes:
        check: Raises UsageError for a text that is not valid.
        late: Whether an option is not checked yet while the command line is read, as a plug-in may make it valid.
    """

    check: Callable[[str], None]
    late: bool = False
    metavar: str | None = None

    def read(self, value: Any) -> str:
        """The text."""
        if not self.late:
            self.check(value)
        return str(value)

    def require(self, name: str, value: Any) -> None:
        """Raises UsageError for a text that is not valid."""
        self.check(value)


@dataclass(frozen=True)
class Contents(Kind):
    """What a file holds, which the option names."""

    read_file: Callable[[str], Any]
    metavar: str | None = "FILE"

    def read(self, value: Any) -> Any:
        """What the file of that name holds."""
        return self.read_file(value)

    def require(self, name: str, value: Any) -> None:
        """The contents were checked when the file was read."""


@dataclass(frozen=True)
class Pairs(Kind):
    """A mapping, of which each ``NAME=VALUE`` of the command line adds an entry.

    Attributes:
        read_value: Reads a value from its text.
    """

    repeated = True

    metavar: str | None = "NAME=VALUE"
    read_value: Callable[[str], Any] = str

    def read(self, value: Any) -> tuple[str, Any]:
        """The entry that the text means."""
        name, equals, text = str(value).partition("=")
        if not equals or not name:
            raise InvalidValueError(f"{self.metavar} is needed, got {value!r}")
        try:
            return name.replace("-", "_"), self.read_value(text)
        except ValueError as error:
            raise InvalidValueError(f"{self.metavar} is needed, {error}, got {value!r}") from None

    def require(self, name: str, value: Any) -> None:
        """Its entries are checked where their names are known."""


@dataclass(frozen=True)
class Several(Kind):
    """Words, one for each use of the option; their meaning is looked up later."""

    repeated = True

    metavar: str | None = None

    def read(self, value: Any) -> str:
        """The word."""
        return str(value)

    def require(self, name: str, value: Any) -> None:
        """The words are checked when their meaning is looked up."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is declared of a setting.

    Attributes:
        kind: Which values it takes.
        help: What it is, for the help of its option; without the default, which is appended.
        option: With the dashes; None if it has none.
        default: The default of the field; None if it is made by a function, or there is none.
        default_in_words: How the help says the default where that is no plain value.
        optional: Whether it may be None.
        required: Whether it has no default.
    """

    kind: Kind
    help: str
    option: str | None
    default: Any
    default_in_words: str | None
    optional: bool
    required: bool


def setting(
    default: Any = MISSING,
    kind: Kind | None = None,
    *,
    help: str = "",
    option: str | None = "",
    default_in_words: str | None = None,
    factory: Any = MISSING,
) -> Any:
    """The field of a dataclass with the declaration of its setting.

    Args:
        default: The field's default; a setting whose default is None may always be None.
        kind: Which values it takes; None for any.
        help: What it is, without the default.
        option: With the dashes; empty for the field's name, None if the setting has no option.
        default_in_words: How the help says the default where that is no plain value.
        factory: Makes the field's default where it is no constant.
    """
    words = {"kind": kind or AnyValue(), "help": help, "option": option, "default_in_words": default_in_words}
    if factory is not MISSING:
        return field(default_factory=factory, metadata={"setting": words})
    return field(default=default, metadata={"setting": words})


def declarations(cls: type) -> dict[str, Setting]:
    """The declared settings of a dataclass by the names of its fields, in their order."""
    found: dict[str, Setting] = {}
    for each in fields(cls):
        words = dict(each.metadata.get("setting", {}))
        if not words:
            continue
        if words["option"] == "":
            words["option"] = f"--{each.name.removesuffix('_s').replace('_', '-')}"
        without = each.default is MISSING
        found[each.name] = Setting(
            **words,
            default=None if without else each.default,
            optional=each.default is None,
            required=without and each.default_factory is MISSING,
        )
    return found


def check_declared(settings: Any) -> None:
    """Raises UsageError, which says what is valid, for the first setting of a dataclass with a value that is not."""
    for name, declared in declarations(type(settings)).items():
        value = getattr(settings, name)
        if value is not None or not declared.optional:
            declared.kind.require(name, value)


def require_known(cls: type, names: Mapping[str, Any], what: str) -> None:
    """Raises UnknownNameError for a name that is of no declared setting of the dataclass."""
    known = declarations(cls)
    for name in names:
        if name not in known:
            raise UnknownNameError(what, name, known)


def listed(values: Mapping[str, Any]) -> str:
    """Names and values as the command line takes them: ``brackets=floor, parallel=ignore``."""
    return ", ".join(f"{name}={shown(value)}" for name, value in values.items())


def shown(value: object) -> str:
    """A value as the command line takes it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
