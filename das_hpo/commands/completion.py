"""``das-hpo completion``: what makes a shell complete verbs, options and names of runs."""

from __future__ import annotations

import argparse
import sys

from das_hpo.commands.command import Command

SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("shell", choices=SHELLS, help="the shell that is to complete")


def execute(args: argparse.Namespace) -> int:
    """Prints the shell's own code."""
    from argcomplete.shell_integration import shellcode

    sys.stdout.write(shellcode(["das-hpo"], shell=args.shell) + "\n")
    return 0


COMMAND = Command(
    summary="let the shell complete verbs, options and names of runs",
    description="Prints the code by which a shell completes das-hpo's verbs, options, their values, and the names of "
    'the runs in the database. Now: eval "$(das-hpo completion bash)"; in every session: that line in ~/.bashrc.',
    examples=(
        "das-hpo completion bash > ~/.das-hpo-completion",
        "das-hpo completion fish > ~/.config/fish/completions/das-hpo.fish",
    ),
    configure=configure,
    execute=execute,
)
