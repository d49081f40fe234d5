"""The command line: finds the verb, executes it, and gives the exit status.

    0    done
    1    failed, although the command was valid
    2    wrong usage: the command must be changed
    130  interrupted

Data goes to stdout; progress, logs and errors go to stderr. Modules imported here must be light: whatever
takes long to import (SQLAlchemy, hpbandster, pyarrow, ...) is imported inside the function that needs it.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from das_hpo import __version__, logs
from das_hpo.commands import (
    baseline,
    cancel,
    compare,
    completion,
    dashboard,
    db,
    delete,
    demand,
    evaluate,
    export,
    incumbent,
    key,
    nameserver,
    note,
    pause,
    plan,
    presets,
    query,
    rename,
    report,
    reproduce,
    results,
    resume,
    run,
    runs,
    show,
    tag,
    tls,
    worker,
    workers,
)
from das_hpo.commands.command import Command, HelpFormatter, Parser
from das_hpo.commands.completing import complete_runs
from spaces.errors import DasHpoError
from spaces.plugins import load_plugins, named
from workers.worker.devices import check_kernel

#: Every verb. A new one is a file in das_hpo/commands and a line here.
COMMANDS: dict[str, Command] = {
    "run": run.COMMAND,
    "resume": resume.COMMAND,
    "pause": pause.COMMAND,
    "cancel": cancel.COMMAND,
    "delete": delete.COMMAND,
    "rename": rename.COMMAND,
    "note": note.COMMAND,
    "tag": tag.COMMAND,
    "nameserver": nameserver.COMMAND,
    "worker": worker.COMMAND,
    "workers": workers.COMMAND,
    "demand": demand.COMMAND,
    "runs": runs.COMMAND,
    "show": show.COMMAND,
    "results": results.COMMAND,
    "incumbent": incumbent.COMMAND,
    "evaluate": evaluate.COMMAND,
    "baseline": baseline.COMMAND,
    "compare": compare.COMMAND,
    "plan": plan.COMMAND,
    "report": report.COMMAND,
    "dashboard": dashboard.COMMAND,
    "reproduce": reproduce.COMMAND,
    "query": query.COMMAND,
    "export": export.COMMAND,
    "presets": presets.COMMAND,
    "db": db.COMMAND,
    "key": key.COMMAND,
    "tls": tls.COMMAND,
    "completion": completion.COMMAND,
}

DESCRIPTION = "Optimise the hyperparameters of differentiable architecture search (DAS), and judge by statistics."
EPILOG = """\
examples:
  das-hpo run --objective one-shot --iterations 2 --min-budget 1 --max-budget 9
  das-hpo results

  das-hpo VERB --help says what a verb does, its options, their units and defaults"""


#: Messages of the system and of the loader of libraries when there is no memory left.
_NO_MEMORY = ("cannot allocate memory", "failed to map segment from shared object")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="das-hpo", description=DESCRIPTION, epilog=EPILOG, formatter_class=HelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"das-hpo {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb", required=True)
    for name, command in COMMANDS.items():
        add_command(verbs, name, command)
    return parser


def add_command(verbs: argparse._SubParsersAction[Parser], name: str, command: Command) -> None:
    """Adds one verb to the parser of verbs."""
    examples = "\n".join(f"  {example}" for example in command.examples)
    parser = verbs.add_parser(
        name,
        help=command.summary,
        description=command.description,
        epilog=f"examples:\n{examples}",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    command.configure(parser)
    complete_runs(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, and show the traceback of an error")
    parser.set_defaults(execute=command.execute)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line; returns its exit status."""
    debug = bool(os.environ.get("DASHPO_DEBUG"))
    with ExitStack() as stack:
        _require_streams(stack)
        return _main(arguments, debug)


def _main(arguments: Sequence[str] | None, debug: bool) -> int:
    try:
        parser = build_parser()
        if "_ARGCOMPLETE" in os.environ:  # a shell asks what the line could go on with
            import argcomplete

            argcomplete.autocomplete(parser)
        args = parser.parse_args(arguments)
        debug = debug or args.verbose
        logs.start(verbose=debug)
        if "kernel" in args:
            check_kernel(args.kernel, args.device.split(","))
        if "plugins" in args:
            load_plugins(named(args.plugins))
        status: int = args.execute(args)
        sys.stdout.flush()
        return status
    except BrokenPipeError as error:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader of stdout (head, less) has seen enough. What is still buffered must not raise again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return _end(f"error: {error}", 1, debug)
    except KeyboardInterrupt:
        return _end("interrupted", 130, debug)
    except DasHpoError as error:
        return _end(f"error: {error}", error.exit_status, debug)
    except OSError as error:
        return _end(f"error: {_lacking(error) or error}", 1, debug)
    except Exception as error:  # noqa: BLE001 (the last resort: one line for the user, the traceback where asked)
        lacking = _lacking(error)
        if lacking is not None:
            return _end(f"error: {lacking}", 1, debug)
        hint = "" if debug else " (a defect in das-hpo; DASHPO_DEBUG=1 shows where)"
        return _end(f"error: {type(error).__name__}: {error}{hint}", 1, debug)


def _lacking(error: BaseException | None) -> str | None:
    """What this machine has run out of and what to do, if the error or a cause of it says so; None otherwise."""
    while error is not None:
        said = str(error).lower()
        if isinstance(error, MemoryError) or any(words in said for words in _NO_MEMORY):
            return (
                "there is no memory left for this: ask for less at a time (fewer rows, runs, workers), raise the limit "
                "(ulimit -v, or that of the container), or end other processes"
            )
        if isinstance(error, RuntimeError) and "can't start new thread" in said:
            return (
                "this machine lets das-hpo start no further thread: raise the limit (ulimit -u, or the container's for "
                "processes), or end other processes"
            )
        error = error.__cause__ or error.__context__
    return None


def _require_streams(stack: ExitStack) -> None:
    """Puts the null device in the place of a closed stdout or stderr (``das-hpo ... >&-``)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, stack.enter_context(Path(os.devnull).open("w")))  # noqa: SIM115 (entered)


def _end(message: str, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    one_line = " ".join(message.split())
    try:
        sys.stderr.write(f"das-hpo: {one_line}\n")
        sys.stderr.flush()
    except OSError:
        pass  # stderr cannot be written: the exit status has to do.
    return status
