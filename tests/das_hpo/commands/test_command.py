"""The options that several verbs share, and what they read."""

from __future__ import annotations

import argparse

import pytest

from das_hpo.commands.command import (
    DEFAULT_DATABASE,
    HelpFormatter,
    Parser,
    add_database,
    add_duration,
    add_format,
    database,
    natural,
    number,
    positive,
    print_table,
    say,
)
from das_hpo.output import Table
from spaces.errors import InvalidValueError, UsageError


def test_the_database_is_that_of_the_option_the_environment_or_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order; what is no URL is refused."""
    parser = Parser()
    add_database(parser)
    monkeypatch.delenv("DAS_HPO_DB", raising=False)
    assert database(parser.parse_args([])) == DEFAULT_DATABASE
    monkeypatch.setenv("DAS_HPO_DB", "sqlite:///lab.db")
    assert database(parser.parse_args([])) == "sqlite:///lab.db"
    assert database(parser.parse_args(["--db", "postgresql://host/x"])) == "postgresql://host/x"
    with pytest.raises(InvalidValueError, match=r"--db takes a URL such as .*, got 'lab.db'"):
        database(parser.parse_args(["--db", "lab.db"]))


def test_an_error_of_the_command_line_is_an_exception() -> None:
    """With argparse's message and where the help is; the process does not end."""
    with pytest.raises(UsageError, match="unrecognized arguments: --such \\(see das-hpo x --help\\)"):
        Parser(prog="das-hpo x").parse_args(["--such"])


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [(positive, "3", 3), (natural, "0", 0), (number, "1e-3", 1e-3)],
    ids=["positive", "natural", "number"],
)
def test_numbers_are_read(read: object, text: str, value: float) -> None:
    """And a text that is none is refused in das-hpo's words."""
    assert callable(read)
    assert read(text) == value
    with pytest.raises(argparse.ArgumentTypeError, match=r"number.* is needed, got 'x'"):
        read("x")


def test_a_time_says_what_is_valid() -> None:
    """In the help, and where it is not."""
    parser = Parser(formatter_class=HelpFormatter)
    add_duration(parser, "wait", default=0.0, help="how long (default: not at all)")
    assert "(0s to 365d; default: not at all)" in " ".join(parser.format_help().split())
    assert parser.parse_args(["--wait", "1m"]).wait == 60.0
    with pytest.raises(UsageError, match="--wait: wait is a time of 0s to 365d"):
        parser.parse_args(["--wait", "900d"])


def test_data_goes_to_stdout_and_words_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """So that a pipe gets the data alone."""
    parser = Parser()
    add_format(parser)
    print_table(Table(("a",), ((1,),)), parser.parse_args(["-f", "csv"]))
    say("done")
    assert capsys.readouterr() == ("a\r\n1\r\n", "das-hpo: done\n")
