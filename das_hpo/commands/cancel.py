"""``das-hpo cancel``: a run ends now, wherever it is served."""

from __future__ import annotations

import argparse

from das_hpo.commands.asking import add_asking, ask
from das_hpo.commands.command import Command


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_asking(parser, wait_s=60.0)


def execute(args: argparse.Namespace) -> int:
    """Asks, and waits for the end."""
    return ask(args, "cancel")


COMMAND = Command(
    summary="end a run now, also one of another machine; what was computed is kept",
    description="Ends a run or campaign, also one that another process or machine serves: its process sees in the "
    "database, within seconds, that it is to end. Workers stop what they compute for it at their next heartbeat, what "
    "was recorded is kept, and the run is 'cancelled'. das-hpo resume continues it all the same; run --resume, which "
    "schedulers repeat, does not.",
    examples=("das-hpo cancel my-run", "das-hpo cancel first second --db postgresql://user@host/lab"),
    configure=configure,
    execute=execute,
)
