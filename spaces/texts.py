"""Texts that every database, file and terminal can take.

PostgreSQL refuses a NUL, and UTF-8 a lone surrogate: Python makes one of every byte of a file's name that is no UTF-8.
Texts are cleaned where they are made, with :func:`cleaned`, and refused where they come in, with :func:`is_clean`.
"""

from __future__ import annotations

from collections.abc import Iterable


def cleaned(text: str) -> str:
    r"""The text with what cannot be stored written out: ``\x00`` for a NUL, ``\udce9`` for a lone surrogate."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def is_clean(text: str) -> bool:
    """Whether the text can be stored as it is."""
    return (text.isascii() and "\0" not in text) or cleaned(text) == text


def suggestion(text: object, valid: Iterable[str]) -> str:
    """What was probably meant, as ``" (did you mean 'blur'?)"``; empty if nothing valid is similar."""
    import difflib

    near = difflib.get_close_matches(str(text), list(valid), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""
