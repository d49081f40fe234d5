"""``make chaos``: the chaos test with a fresh or a given seed (CHAOS_SEED) for CHAOS_MINUTES."""

from __future__ import annotations

import os
import secrets

from tests.chaos.trial import main

raise SystemExit(
    main(int(os.environ.get("CHAOS_SEED", secrets.randbelow(1_000_000))), float(os.environ.get("CHAOS_MINUTES", "2")))
)
