"""Which plug-ins a process is to import, what is refused of them, and the fingerprint of their code."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spaces.errors import PluginError
from spaces.plugins import ENVIRONMENT, load_plugins, named, plugins_of
from spaces.task_registry import fingerprint, load_task, without_plugins
from tests.plugins.isolation import registries_as_they_are

REGISTER = """\
import dataclasses
from spaces.inverse_1d.registries import METHODS, OPERATION_SETS, OwnHyperparameter
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Writes a plug-in of the user's and loads it; what it registers is gone after the test."""
    monkeypatch.chdir(tmp_path)

    def write_and_load(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(REGISTER + text)
        load_plugins([name])

    with registries_as_they_are():
        yield write_and_load


def test_options_come_before_the_environment_and_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of both are taken, in order; blanks and empty names are nothing."""
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    assert named(None) == ()
    monkeypatch.setenv(ENVIRONMENT, "b, c,,")
    assert named(["a", "b"]) == ("a", "b", "c")


def digest(*texts: str) -> str:
    """The fingerprint of modules of that source, written down again."""
    joined = b"".join(f"\0{len(REGISTER + text)}\0".encode() + (REGISTER + text).encode() for text in texts)
    return hashlib.sha256(joined).hexdigest()[:16]


def test_the_code_of_the_plugins_that_the_settings_name_is_in_the_fingerprint(
    load: Callable[[str, str], None],
) -> None:
    """A task of built-in parts has the fingerprint of das-hpo alone, whatever is loaded; others have the plug-ins'."""
    task = load_task("inverse-1d")
    plain = fingerprint(task)
    assert without_plugins(plain) == plain
    one, two = (
        "OPERATION_SETS['own_few'] = ('net', 'roll')\n",
        "METHODS['own_m'] = dataclasses.replace(METHODS['das'])\n",
    )
    load("own_one", one)
    load("own_two", two)
    assert fingerprint(task) == plain
    few, both = task.configured({"operations": "own_few"}), {"operations": "own_few", "method": "own_m"}
    assert fingerprint(few) == f"{plain}+{digest(one)}"
    assert fingerprint(task.configured(both)) == f"{plain}+{digest(one, two)}"
    assert without_plugins(fingerprint(few)) == plain


def test_a_module_that_another_plugin_imports_counts(load: Callable[[str, str], None], tmp_path: Path) -> None:
    """A piece is of the module in which it is defined, also where that module was not named by --plugin."""
    (tmp_path / "own_pieces.py").write_text(REGISTER + "def select(state): return state.alpha.argmin(dim=2)\n")
    text = "from own_pieces import select\nMETHODS['own_m'] = dataclasses.replace(METHODS['das'], selection=select)\n"
    load("own_one", text)
    assert plugins_of([("method", "own_m")]) == digest(text, "def select(state): return state.alpha.argmin(dim=2)\n")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("hyperparameters={'alpha_optimizer': OwnHyperparameter('x', values=('x', 'y'))}", "none of the eight"),
        ("hyperparameters={'a b': OwnHyperparameter(1.0, 0, 2)}", "'a b' cannot name a hyperparameter"),
        ("hyperparameters={'t': 1.0}", "'t' of the method own must be an OwnHyperparameter, got 1.0"),
        ("hyperparameters={'t': OwnHyperparameter(1.0)}", "needs low and high, finite numbers; got low=None"),
        ("hyperparameters={'t': OwnHyperparameter(1.0, 2, 1)}", "needs low below high"),
        ("hyperparameters={'t': OwnHyperparameter(1.0, 0, 1, log=True)}", "above 0 on a logarithmic scale"),
        ("hyperparameters={'t': OwnHyperparameter(1, 0, 1.5)}", "needs low and high, whole numbers"),
        ("hyperparameters={'t': OwnHyperparameter('x', values=('y', 'z'))}", "takes one of y, z, got 'x'"),
        ("hyperparameters={'t': OwnHyperparameter('x')}", "needs two values or more"),
        ("searched=('t',), preset='H1'", "unknown hyperparameter of the method own 't'"),
        ("searched=('alpha_warm_up',)", "name the preset that gives the others, one of H1, H2"),
        ("preset='H3'", "unknown preset 'H3'"),
    ],
)
def test_a_method_whose_hyperparameters_cannot_be_right_is_refused(
    load: Callable[[str, str], None], text: str, match: str
) -> None:
    """It is refused when the plug-in is loaded, by a sentence that says what is valid."""
    with pytest.raises(PluginError, match=match):
        load("own_bad", f"METHODS['own'] = dataclasses.replace(METHODS['das'], {text})\n")
