"""``das-hpo key``: the secret that nameserver, runs and workers share."""

from __future__ import annotations

import argparse
import sys

from das_hpo.commands.command import Command, say

ACTIONS = ("new", "retire", "path")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "action",
        choices=ACTIONS,
        help="new: put a new key in front of the newest one, which stays valid (or make the file); "
        "retire: drop all keys but the newest; path: print where the key file is",
    )


def execute(args: argparse.Namespace) -> int:
    """Changes the key file, or says where it is."""
    from workers.transport.keys import key_path, new_key, retire_keys

    if args.action == "path":
        sys.stdout.write(f"{key_path()}\n")
    elif args.action == "new":
        say(f"a new key is in {new_key()}: copy the file to the other machines (mode 0600), then das-hpo key retire")
    else:
        say(f"dropped {retire_keys()} old keys from {key_path()}")
    return 0


COMMAND = Command(
    summary="the key file: new, retire, path",
    description="Every connection is signed with a key that nameserver, runs and workers share. The key file is the "
    "environment's DAS_HPO_KEY_FILE, else das-hpo/key in the user's config folder; it is made on first use, readable "
    "by its owner alone. Keys are rotated without stopping anything: new, copy the file to the other machines, retire.",
    examples=("das-hpo key path", "das-hpo key new", "das-hpo key retire"),
    configure=configure,
    execute=execute,
)
