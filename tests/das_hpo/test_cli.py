"""The command line as a whole: help, exit statuses, errors of one line, and what it imports."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tomllib
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


@pytest.mark.parametrize("verb", ["runs", "results", "show x", "incumbent x", "query 'select 1'", "export -o x.csv"])
def test_reading_never_makes_a_database(verb: str, tmp_path: Path) -> None:
    """Where there is none, that is said, and there is none afterwards."""
    import shlex

    process = das_hpo(*shlex.split(verb), cwd=tmp_path)
    assert_one_line_error(process, 1, "no database", "das-hpo.db", "--db")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_none_is_left_as_it_was(tmp_path: Path) -> None:
    """Any file of another kind."""
    (tmp_path / "das-hpo.db").write_text("these are notes, not a database\n" * 100)
    assert_one_line_error(das_hpo("runs", cwd=tmp_path), 1, "no SQLite database")
    assert (tmp_path / "das-hpo.db").read_text() == "these are notes, not a database\n" * 100
    assert [path.name for path in tmp_path.iterdir()] == ["das-hpo.db"]


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


#: Interrupts itself while the command line is being imported, as Ctrl-C does in its first tenth of a second.
INTERRUPTED = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "das_hpo.commands":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
sys.argv = ["das-hpo", "presets"]
from {module} import {function}
sys.exit({function}())
"""


def test_ctrl_c_at_the_very_start_is_one_line() -> None:
    """The installed command enters by a function that expects it before anything else is imported."""
    entry = tomllib.loads(Path("pyproject.toml").read_text())["project"]["scripts"]["das-hpo"]
    module, function = entry.split(":")
    script = INTERRUPTED.format(module=module, function=function)
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert process.stderr == "das-hpo: interrupted\n"
    assert process.returncode in (130, -signal.SIGINT)  # CPython ends by the signal if it came within an exec()
    assert process.stdout == ""


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


@pytest.mark.parametrize("name", ["storage", "spaces", "workers"])
def test_a_foreign_module_in_the_current_folder_is_named(name: str, tmp_path: Path) -> None:
    """Python finds it first: the command and the function say which file it is, and what to do."""
    (tmp_path / f"{name}.py").write_text("raise RuntimeError('not of das-hpo')\n")
    process = das_hpo("runs", cwd=tmp_path)
    assert_one_line_error(process, 2, str(tmp_path / f"{name}.py"), "rename it", "another folder")
    code = "import das_hpo\ntry:\n    das_hpo.load_results('sqlite:///x.db')\n"
    code += "except ImportError as error:\n    print(error)"
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert f"{name}.py" in said
    assert "rename it" in said


@pytest.mark.parametrize("name", ["das_hpo", "storage"])
def test_a_foreign_module_that_workers_would_import_is_named(name: str, tmp_path: Path) -> None:
    """A started script does not look into the current folder; ``python -m``, by which it starts workers, does."""
    (tmp_path / f"{name}.py").write_text("raise RuntimeError('not of das-hpo')\n")
    code = "import sys\nfrom das_hpo.__main__ import main\nsys.exit(main())"
    arguments = ["run", "--objective", "one-shot", "--workers", "1", "--quiet"]
    process = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert_one_line_error(process, 2, str(tmp_path / f"{name}.py"), "rename it")
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.py"]


def test_a_folder_of_the_name_is_no_module(tmp_path: Path) -> None:
    """A folder called workers or storage, of whatever it is, is in nobody's way."""
    for name in ("storage", "workers"):
        (tmp_path / name).mkdir()
    process = das_hpo("presets", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
