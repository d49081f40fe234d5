"""``das-hpo``, and ``python -m das_hpo``: imports nothing heavy before Ctrl-C is heeded."""

from __future__ import annotations

import sys

from das_hpo import require_own_packages


def main() -> int:
    """Runs the command line; returns its exit status, also if it is interrupted while it is still being imported."""
    try:
        require_own_packages()
    except ImportError as error:
        sys.stderr.write(f"das-hpo: error: {error}\n")
        return 2
    try:
        from das_hpo import cli

        return cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("das-hpo: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
