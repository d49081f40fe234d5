"""The source of modules, and fingerprints made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from spaces.errors import TaskError
from spaces.sources import fingerprint_of, sources


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which modules are found, and forgotten after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    sources.cache_clear()
    yield tmp_path
    sources.cache_clear()


def test_a_package_is_all_of_its_modules(folder: Path) -> None:
    """Each file counts by its place in the package and its content, in the order of their names."""
    inner = folder / "one_package" / "inner"
    inner.mkdir(parents=True)
    (folder / "one_package" / "__init__.py").write_text("")
    (folder / "one_package" / "b.py").write_text("b = 1\n")
    (inner / "a.py").write_text("a = 1\n")
    (folder / "one_package" / "notes.txt").write_text("not counted")
    assert sources("one_package") == (("__init__.py", b""), ("b.py", b"b = 1\n"), ("inner/a.py", b"a = 1\n"))


def test_a_fingerprint_is_of_words_and_contents_alone(folder: Path) -> None:
    """The name of a module does not count; its content, its words and their order do."""
    (folder / "one_module.py").write_text("x = 1\n")
    (folder / "same_module.py").write_text("x = 1\n")
    (folder / "other_module.py").write_text("x = 2\n")
    found = fingerprint_of(("task", "1"), ["one_module"])
    assert found == hashlib.sha256(b"task\x001\x00" + b"\x006\x00x = 1\n").hexdigest()[:16]
    assert found == fingerprint_of(("task", "1"), ["same_module"])
    assert found != fingerprint_of(("task", "1"), ["other_module"])
    assert found != fingerprint_of(("task", "2"), ["one_module"])
    both = fingerprint_of((), ["one_module", "other_module"])
    assert both != fingerprint_of((), ["other_module", "one_module"])


@pytest.mark.parametrize("name", ["nowhere_at_all", "sys"])
def test_a_module_without_source_is_refused(name: str) -> None:
    """One that does not exist, or is built in, has no source to be told apart by."""
    with pytest.raises(TaskError, match=f"no source of the module '{name}' can be read"):
        sources(name)
