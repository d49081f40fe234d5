"""Finding tasks by their doors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spaces.errors import TaskError
from spaces.sources import sources
from spaces.task_registry import ENVIRONMENT, doors_of_environment, fingerprint, load_task, one_line, without_plugins

TASK = """
from spaces.task import Labels, Metric, Task
print("imported")
class Own(Task):
    name = "{name}"
    metric = {metric}
    labels = Labels("a", "b", "c", "d")
    version = "{version}"
    def configuration_space(self): return None
    def run_trials(self, specs, device): return []
OBJECT = Own()
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Writes a task of the user's into the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def written(module: str, name: str = "own", metric: str = "Metric('accuracy')", version: str = "") -> None:
        (tmp_path / f"{module}.py").write_text(TASK.format(name=name, metric=metric, version=version))

    yield written
    load_task.cache_clear()
    sources.cache_clear()


def test_a_class_and_an_object_are_tasks(write: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    """Both are found behind module:name; what the import prints goes to stderr."""
    write("door_one")
    assert load_task("door_one:OBJECT").name == load_task("door_one:Own").name == "own"
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "imported\n")


def test_fingerprints_tell_code_apart(write: Callable[..., None]) -> None:
    """The same source under another module's name is the same code; another version or source is not."""
    write("door_two")
    write("door_same")
    write("door_other", version="2")
    two, same, other = (fingerprint(load_task(f"door_{name}:OBJECT")) for name in ("two", "same", "other"))
    assert two == same == without_plugins(two)
    assert two != other
    assert without_plugins(f"{two}+0123456789abcdef") == two


@pytest.mark.parametrize(
    ("door", "match"),
    [
        ("nothing", "unknown task 'nothing': valid are inverse-1d, .*package.module:object"),
        ("door_bad:", "--task takes package.module:object or the name of an installed task, got 'door_bad:'"),
        ("door_nowhere:TASK", "cannot be loaded: ModuleNotFoundError: No module named 'door_nowhere'"),
        ("door_metric:OBJECT", "'door_metric:OBJECT' needs a name .*, a Metric and Labels"),
        ("door_metric:Labels", "'door_metric:Labels' is 'type' and no task"),
        ("door_taken:OBJECT", "is named 'inverse-1d', which is a built-in task's name: choose another"),
    ],
)
def test_what_is_no_task_is_refused_in_one_line(write: Callable[..., None], door: str, match: str) -> None:
    """The message names the door and what is valid."""
    write("door_metric", metric="'accuracy'")
    write("door_taken", name="inverse-1d")
    with pytest.raises(TaskError, match=match):
        load_task(door)


def test_doors_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are parted by commas; blanks and empty names are nothing."""
    monkeypatch.setenv(ENVIRONMENT, "a:b, inverse-1d,,")
    assert doors_of_environment() == ["a:b", "inverse-1d"]


def test_one_line_of_an_error() -> None:
    """The type, and the first line of the message if there is one."""
    assert one_line(ValueError("first\nsecond")) == "ValueError: first"
    assert one_line(KeyError()) == "KeyError"
