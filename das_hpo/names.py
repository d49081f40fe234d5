"""Names for runs that were given none: they say what the run is, and are unique."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime


def default_run_name(objective: str, data: str) -> str:
    """Such as ``one-shot-blur-20261124-0500-ab12``: the problem, the minute (UTC), and four random digits."""
    word = re.sub(r"[^A-Za-z0-9._-]+", "-", data)[:24]
    return f"{objective}-{word}-{datetime.now(UTC):%Y%m%d-%H%M}-{secrets.token_hex(2)}"
