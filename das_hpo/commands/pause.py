"""``das-hpo pause``: a run gives no new evaluations, and ends when those that are computed have finished."""

from __future__ import annotations

import argparse

from das_hpo.commands.asking import add_asking, ask
from das_hpo.commands.command import Command


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_asking(parser, wait_s=10.0)


def execute(args: argparse.Namespace) -> int:
    """Asks, and waits a little for the end."""
    return ask(args, "pause")


COMMAND = Command(
    summary="let a run finish what it computes, then end it; resume continues it",
    description="Pauses a run or campaign, also one that another process or machine serves: no new evaluations are "
    "given to workers, those that are being computed are finished and recorded, then the run's process ends and the "
    "run is 'paused'. Its workers are free for other runs at once. das-hpo resume continues it exactly where it was; "
    "das-hpo cancel does not wait for what is being computed.",
    examples=("das-hpo pause my-run", "das-hpo pause my-run --wait 2h"),
    configure=configure,
    execute=execute,
)
