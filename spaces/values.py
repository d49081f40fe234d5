"""Values that come as text, from the command line or a file, read as the type they are to have."""

from __future__ import annotations

from spaces.errors import InvalidValueError

#: How a message calls the types of settings.
KINDS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


def read_value(name: str, value: object, kind: type) -> bool | int | float | str:
    """One value as that type; numbers and booleans may come as text.

    Raises:
        InvalidValueError: If it cannot be read so; names the setting and what it takes.
    """
    try:
        if kind is bool:
            if isinstance(value, bool):
                return value
            return {"true": True, "false": False}[str(value).lower()]
        if kind is str:
            return str(value)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        if kind is int and isinstance(value, float) and not value.is_integer():
            raise ValueError
        return int(value) if kind is int else float(value)
    except (KeyError, ValueError):
        raise InvalidValueError(f"{name} takes {KINDS.get(kind, kind.__name__)}, got {value!r}") from None
