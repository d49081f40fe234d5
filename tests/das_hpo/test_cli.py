"""The command line as a whole: help, exit statuses, errors of one line, and what it imports."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from das_hpo.cli import COMMANDS, build_parser
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import Run, store, trials

#: Modules that take long to import, or belong to the workers.
HEAVY = (
    "torch",
    "numba",
    "numpy",
    "pandas",
    "scipy",
    "sqlalchemy",
    "hpbandster",
    "Pyro4",
    "ConfigSpace",
    "rich",
    "pyarrow",
)


def verb_parser(name: str) -> argparse.ArgumentParser:
    """The parser of one verb."""
    verbs = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    parser: argparse.ArgumentParser = verbs.choices[name]
    return parser


@pytest.mark.parametrize("verb", COMMANDS)
def test_help_says_what_each_option_does_and_its_default(verb: str) -> None:
    """A sentence per option; a default, or that there is none to have; examples that parse."""
    parser = verb_parser(verb)
    text = " ".join(parser.format_help().split())
    for action in parser._actions:
        assert action.help, f"{verb} {action.option_strings}"
        if action.option_strings and action.nargs != 0 and not isinstance(action, argparse._HelpAction):
            helped = " ".join((parser._get_formatter()._expand_help(action)).split())
            assert "default" in helped or "(required)" in helped or "none" in helped.lower(), f"{verb} {helped}"
            assert helped[:40] in text
    assert "examples: das-hpo " in text


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_examples_of_the_help_are_valid_command_lines(verb: str) -> None:
    """Each parses, and names its own verb."""
    import shlex

    assert COMMANDS[verb].examples
    for example in COMMANDS[verb].examples:
        words = shlex.split(example)
        words = words[: words.index(">")] if ">" in words else words
        assert words[:2] == ["das-hpo", verb]
        build_parser().parse_args(words[1:])


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("presets",), *((verb, "--help") for verb in COMMANDS)], ids=" ".join
)
def test_help_imports_nothing_heavy(arguments: Sequence[str]) -> None:
    """What makes a command slow stays out until it is needed."""
    code = (
        "import sys\nfrom das_hpo.cli import main\n"
        f"try:\n    main({list(arguments)!r})\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert process.stderr.strip() == "[]"
    assert process.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("required", "VERB")),
        (("rnu",), ("invalid choice: 'rnu'", "'runs'", "'presets'")),
        (("runs", "--nonsense"), ("unrecognized arguments: --nonsense",)),
        (("runs", "--form", "json"), ("unrecognized arguments",)),
        (("runs", "-f", "xml"), ("'xml'", "'table', 'json', 'csv'")),
        (("show",), ("required", "RUN", "das-hpo show --help")),
        (("incumbent", "x", "--objective", "final"), ("'final'", "'one-shot', 'architecture'")),
        (("incumbent", "x", "--top", "0"), ("1 or more", "'0'")),
        (("results", "--db", "results.db"), ("sqlite:///", "'results.db'")),
        (("results", "--db", "mysql://host/x"), ("mysql", "postgresql://")),
        (("results", "--status", "done"), ("'done'", "diverged")),
        (("export", "-o", "results.xls"), ("'xls'", "csv, parquet, json")),
        (("db", "backup"), ("db backup FILE",)),
        (("db", "check", "x.db"), ("only backup",)),
        (("key", "make"), ("'make'", "'new'")),
        (("nameserver", "--port", "99999"), ("65535", "99999")),
        (("nameserver", "--host", "0.0.0.0", "--insecure"), ("loopback",)),
        (("nameserver", "--ping", "here"), ("HOST:PORT", "'here'")),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, tuple) else None,
)
def test_wrong_usage_is_one_line_and_exit_2(arguments: Sequence[str], words: Sequence[str], tmp_path: Path) -> None:
    """It says what is valid; nothing is written."""
    process = das_hpo(*arguments, cwd=tmp_path, environment={"DAS_HPO_KEY_FILE": str(tmp_path / "key")})
    assert_one_line_error(process, 2, *words)
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    """Of every error, with the variable or with -v."""
    for process in (
        das_hpo("runs", cwd=tmp_path, environment={"DASHPO_DEBUG": "1"}),
        das_hpo("runs", "-v", cwd=tmp_path),
    ):
        assert process.returncode == 1
        assert "Traceback" in process.stderr
        assert process.stderr.splitlines()[-1].startswith("das-hpo: error: ")


def test_a_reader_that_goes_away_is_no_error() -> None:
    """`das-hpo presets -f json | head -1`."""
    process = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{sys.executable} -m das_hpo presets -f csv | head -c 1; sleep 0.1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == 0
    assert process.stderr == ""
    closed = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m das_hpo presets -f json >&-"], capture_output=True, check=False, timeout=60
    )
    assert b"Traceback" not in closed.stderr


#: Runs the command with little more memory than it has; threads ask for a stack of 1 GiB.
POOR = """
import resource, sys, threading
import das_hpo.service.nameserver, sqlalchemy, storage.queries
from das_hpo.cli import main
from pathlib import Path
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
threading.stack_size(1 << 30)
resource.setrlimit(resource.RLIMIT_AS, (used + 100_000_000, -1))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            (
                "query",
                "with recursive n(x) as (select 1 union all select x + 1 from n) select x from n",
                "--max-rows",
                "999999999",
                "--db",
                "sqlite:///{}/lab.db",
            ),
            ("no memory left",),
        ),
        (("nameserver", "--port", "0", "--insecure"), ("no further thread", "ulimit -u")),
    ],
    ids=["memory", "threads"],
)
def test_what_the_machine_lacks_is_no_defect(arguments: Sequence[str], words: Sequence[str], tmp_path: Path) -> None:
    """No memory and no threads left: one line that says what to do."""
    store(f"sqlite:///{tmp_path}/lab.db", Run("lab", trials([20.0])))
    process = subprocess.run(
        [sys.executable, "-c", POOR, *(argument.format(tmp_path) for argument in arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert_one_line_error(process, 1, *words)
    assert "defect" not in process.stderr


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("rnus",), "runs"),
        (("run", "--objective", "one-shot", "--itrations", "3"), "--iterations"),
        (("resume", "x", "--iteration=9"), "--iterations"),
        (("run", "--objective", "oneshot"), "one-shot"),
        (("run", "--objective", "one-shot", "--data", "blurr"), "blur"),
        (("evaluate", "BOHB-blur"), "BOHB-Blur"),
        (("export", "--to", "deepcav", "x", "-o", "y"), "deepcave"),
    ],
    ids=["verb", "option", "option with =", "choice", "part of a problem", "preset", "format"],
)
def test_what_was_probably_meant_is_said(arguments: Sequence[str], meant: str, tmp_path: Path) -> None:
    """Of verbs, options, words and names."""
    assert_one_line_error(das_hpo(*arguments, cwd=tmp_path), 2, f"did you mean '{meant}'?")
