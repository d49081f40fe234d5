"""``python -m das_hpo`` is ``das-hpo``."""

from __future__ import annotations

import sys

from das_hpo.cli import main

if __name__ == "__main__":
    sys.exit(main())
