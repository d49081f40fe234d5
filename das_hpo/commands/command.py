"""What a verb of the command line is, and the options that several verbs share."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from das_hpo.declaration import Duration, Number, Whole
from das_hpo.output import FORMATS, Table, write
from spaces.errors import InvalidValueError, UsageError
from spaces.texts import suggestion

_T = TypeVar("_T")

DEFAULT_DATABASE = "sqlite:///das-hpo.db"


@dataclass(frozen=True)
class Command:
    """One verb.

    Attributes:
        summary: One line, shown by ``das-hpo --help``.
        description: What it does, shown by ``das-hpo VERB --help``.
        examples: Command lines, without the prompt, shown at the end of the help.
        configure: Adds the verb's own options to its parser.
        execute: Does it; returns the exit status.
    """

    summary: str
    description: str
    examples: tuple[str, ...]
    configure: Callable[[argparse.ArgumentParser], None]
    execute: Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """Raises instead of exiting, so that every error of the command line is one line of one form."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse; an option that is none ends here, where the valid ones are known."""
        found, extras = super().parse_known_args(args, namespace)
        for word in extras:
            if word.startswith("--"):
                near = suggestion(word.partition("=")[0], self._option_string_actions)
                self.error(f"unrecognized arguments: {' '.join(extras)}{near}")
        return found, extras

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            near = suggestion(value, map(str, action.choices or ()))
            raise argparse.ArgumentError(action, f"{error.message}{near}") from None

    def error(self, message: str) -> NoReturn:
        """Raises UsageError with argparse's message, and where the help is."""
        raise UsageError(f"{message.removeprefix('argument ')} (see {self.prog} --help)")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Says the default of every option that has one."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)

    def add_argument(self, action: argparse.Action) -> None:
        """Measures the names of verbs with their indentation, which argparse forgets."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):
            self._action_max_length += 2

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        # Descriptions are wrapped; examples stay as they are.
        if text.startswith("examples:"):
            return super()._fill_text(text, width, indent)
        return "\n".join(textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent))

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help
        if text is None or "default" in text or not action.option_strings:
            return text
        if action.required:
            return f"{text} (required)"
        if action.default is None or action.default is False or action.default == argparse.SUPPRESS:
            return text
        return f"{text} (default: %(default)s)"


def add_database(parser: argparse.ArgumentParser) -> None:
    """Adds ``--db``; read it with :func:`database`."""
    parser.add_argument(
        "--db",
        metavar="URL",
        help="SQLAlchemy URL of the SQLite or PostgreSQL database "
        f"(default: the environment's DAS_HPO_DB, else {DEFAULT_DATABASE} in the current folder)",
    )


def database(args: argparse.Namespace) -> str:
    """The database's URL: of ``--db``, else of the environment, else the default.

    Raises:
        InvalidValueError: If it is no URL.
    """
    url: str = args.db or os.environ.get("DAS_HPO_DB") or DEFAULT_DATABASE
    if "://" not in url:
        raise InvalidValueError(
            f"--db takes a URL such as {DEFAULT_DATABASE} or postgresql://user@host/name, got {url!r}"
        )
    return url


def add_format(parser: argparse.ArgumentParser) -> None:
    """Adds ``-f/--format``; print with :func:`print_table`."""
    parser.add_argument(
        "-f", "--format", choices=FORMATS, default="table", help="how to print the data: a table to read, JSON or CSV"
    )


def print_table(table: Table, args: argparse.Namespace) -> None:
    """Prints data on stdout in the format that was asked for."""
    write(table, args.format, sys.stdout)


def say(message: str) -> None:
    """Prints a message for the user on stderr; a stderr that cannot be written is no error."""
    with contextlib.suppress(OSError):
        print(f"das-hpo: {message}", file=sys.stderr, flush=True)  # noqa: T201 (the one place that prints)


def checked(read: Callable[[Any], _T]) -> Callable[[str], _T]:
    """A reader of das-hpo's as argparse's ``type``: its message reaches the user as it is."""

    def convert(text: str) -> _T:
        try:
            return read(text)
        except UsageError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def add_duration(
    group: argparse.ArgumentParser | argparse._ArgumentGroup, name: str, *, help: str, default: float | None = None
) -> None:
    """Adds ``--NAME TIME``; :data:`das_hpo.durations.RANGES` says what is valid, and the help repeats it.

    Args:
        group: What it is added to.
        name: The option's, without the dashes.
        help: A sentence, and the default in brackets.
        default: In seconds.
    """
    kind = Duration(name)
    said = help.replace("(", f"({kind.valid}; ", 1)
    group.add_argument(f"--{name}", type=checked(kind.read), metavar=kind.metavar, default=default, help=said)


#: argparse types of whole numbers.
positive = checked(Whole(1).read)
natural = checked(Whole(0).read)

#: argparse type of a number.
number = checked(Number().read)
