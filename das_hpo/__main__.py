"""``das-hpo``, and ``python -m das_hpo``: imports nothing before Ctrl-C is heeded."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs the command line; returns its exit status, also if it is interrupted while it is still being imported."""
    try:
        from das_hpo import cli

        return cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("das-hpo: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
