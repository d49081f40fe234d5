"""``das-hpo tls``: a private authority and certificates."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from das_hpo.commands.command import Command, say
from spaces.errors import InvalidValueError


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("action", choices=("init",), help="make a certificate, and the authority if there is none yet")
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="where ca.pem and ca-key.pem are, or are made (default: tls beside the key file)",
    )
    parser.add_argument(
        "--name", default="cert", help="the files become NAME.pem and NAME-key.pem (default: %(default)s)"
    )
    parser.add_argument(
        "--host",
        action="append",
        metavar="HOST",
        help="a name or address that the certificate's owner is reached at; may be given several times "
        "(default: what this machine knows of itself)",
    )


def execute(args: argparse.Namespace) -> int:
    """Makes the files, and prints the environment that uses them."""
    from workers.transport.certificates import LOOPBACK, make, own_hosts
    from workers.transport.keys import key_path
    from workers.transport.tls import ENVIRONMENT

    if Path(args.name).name != args.name or args.name in ("", "ca", ".", ".."):
        raise InvalidValueError(f"--name is the name of a file other than ca, got {args.name!r}")
    directory = args.directory or key_path().parent / "tls"
    hosts = [*args.host, *LOOPBACK] if args.host else own_hosts()
    made = make(directory, args.name, hosts)
    for name, path in zip(ENVIRONMENT, (made.certificate, made.key, made.authority), strict=True):
        sys.stdout.write(f"export {name}={path.absolute()}\n")
    say(f"the certificate is for {', '.join(hosts)}; ca-key.pem signs more of them: keep it where no worker is")
    return 0


COMMAND = Command(
    summary="certificates for TLS: init",
    description="Makes a private authority (ca.pem, ca-key.pem) and a certificate that it has signed (cert.pem, "
    "cert-key.pem). Every process that listens or calls needs one, with its own hosts in it, and ca.pem: name them "
    "with --tls-cert, --tls-key and --tls-ca, or in the environment, as printed. TLS is mutual, and comes on top of "
    "the key.",
    examples=(
        "das-hpo tls init",
        "das-hpo tls init --directory ca --name gpu7 --host gpu7.example.org --host 10.0.0.7",
    ),
    configure=configure,
    execute=execute,
)
