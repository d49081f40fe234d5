"""Options that are made from the declarations of settings, and what was given of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from das_hpo.commands.command import checked
from das_hpo.declaration import Duration, Pairs, Words, declarations

Group = argparse.ArgumentParser | argparse._ArgumentGroup


def add_setting(
    group: Group,
    cls: type,
    name: str,
    *,
    help: str | None = None,
    default_in_words: str | None = None,
    read: Callable[[str], Any] | None = None,
) -> None:
    """Adds the option of a setting; :func:`given` reads it.

    Args:
        group: What it is added to.
        cls: The dataclass that declares the setting.
        name: Of its field.
        help: In the place of the declared one, without the default.
        default_in_words: In the place of the declared one; the verb then knows what it means, and the option has None.
        read: Reads the text in the place of the declared kind.
    """
    declared = declarations(cls)[name]
    kind, option = declared.kind, declared.option
    if option is None:
        raise ValueError(f"the setting {name} has no option")
    text = declared.help if help is None else help
    words = default_in_words or declared.default_in_words
    if isinstance(kind, Duration):
        text += f" ({kind.valid}; default: {words})"
    elif words is not None:
        text += f" (default: {words})"
    reading: dict[str, Any] = {"type": read or checked(kind.read)}
    if isinstance(kind, Words):
        reading = {"choices": kind.words}
    elif kind.repeated:
        reading |= {"action": "append"}
    if kind.metavar is not None:
        reading |= {"metavar": kind.metavar}
    group.add_argument(
        option,
        dest=name,
        help=text,
        default=None if words is not None or kind.repeated else declared.default,
        required=declared.required and words is None,
        **reading,
    )


def given(args: argparse.Namespace, cls: type) -> dict[str, Any]:
    """The settings of a dataclass that the command line gives, by their names; pairs as a mapping."""
    values: dict[str, Any] = {}
    for name, declared in declarations(cls).items():
        value = getattr(args, name, None)
        if value is not None:
            values[name] = dict(value) if isinstance(declared.kind, Pairs) else value
    return values
