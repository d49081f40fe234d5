"""``make chaos``: the chaos test with a fresh or a given seed (CHAOS_SEED) for CHAOS_MINUTES.

Half of the minutes go to a SQLite file and half to a PostgreSQL server, unless CHAOS_DATABASE names one of them.
"""

from __future__ import annotations

import os
import secrets

from tests.chaos.trial import main

KINDS = ("sqlite", "postgresql")

asked = os.environ.get("CHAOS_DATABASE")
raise SystemExit(
    main(
        int(os.environ.get("CHAOS_SEED", secrets.randbelow(1_000_000))),
        float(os.environ.get("CHAOS_MINUTES", "2")),
        KINDS if asked is None else (asked,),
    )
)
