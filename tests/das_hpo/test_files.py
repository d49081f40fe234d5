"""Writing files: regular ones whole or not at all, into everything else."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from das_hpo import files
from das_hpo.files import write_file
from tests.das_hpo.command import das_hpo
from tests.das_hpo.databases import Run, store, trials


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a database of one run."""
    store(f"sqlite:///{tmp_path}/das-hpo.db", Run("lab", trials([20.0, 21.0])))
    return tmp_path


def export(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Exports as CSV, with this process's rights."""
    process = das_hpo("export", "-f", "csv", *arguments, cwd=folder)
    assert process.returncode == 0, process.stderr
    return process


def expected(folder: Path) -> bytes:
    """What an export into a regular file holds."""
    export(folder, "-o", "expected.csv")
    return (folder / "expected.csv").read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices, and may replace them")
def test_a_device_is_written_into(folder: Path) -> None:
    """``export -o /dev/null`` and ``report -o /dev/null`` as root leave the device as it is."""
    device = folder / "null"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        device.write_bytes(b"")
    except PermissionError as error:
        pytest.skip(f"no device can be made here: {error}")
    export(folder, "-o", "null")
    assert das_hpo("report", "-o", "null", cwd=folder).returncode == 0
    assert stat.S_ISCHR(device.stat().st_mode)


def test_a_pipe_is_written_into(folder: Path) -> None:
    """Its reader gets the whole file, also where it begins to read later; the pipe stays."""
    content = expected(folder)
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["bash", "-c", "sleep 1; cat pipe"], cwd=folder, stdout=subprocess.PIPE)
    try:
        export(folder, "-o", "pipe")
        assert reader.communicate(timeout=30)[0] == content
    finally:
        reader.kill()
        reader.wait()
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_pipe_without_a_reader_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said that a reader is waited for, and then what to do."""
    monkeypatch.setattr(files, "READER_S", 0.5)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"nobody reads the pipe .*pipe: start a reader"):
        write_file(tmp_path / "pipe", lambda path: path.write_text("text"))
    assert "waiting for somebody to read the pipe" in caplog.text


@pytest.mark.parametrize("command", ["{} -o stdout | cat > out", "{{ echo a; {} -o stdout; }} > out"])
def test_stdout_is_written_into(folder: Path, command: str) -> None:
    """As a pipe, and as a file in which something is already; by a link such as /dev/stdout, which is left alone."""
    content = expected(folder)
    (folder / "stdout").symlink_to("/proc/self/fd/1")
    das = f"{sys.executable} -m das_hpo export -f csv"
    subprocess.run(["bash", "-e", "-o", "pipefail", "-c", command.format(das)], cwd=folder, check=True, timeout=60)
    assert (folder / "out").read_bytes() in (content, b"a\n" + content)
    assert ("echo" in command) == (folder / "out").read_bytes().startswith(b"a\n")
    assert os.readlink(folder / "stdout") == "/proc/self/fd/1"


def test_a_link_stays(tmp_path: Path) -> None:
    """What it names is replaced, whole or not at all."""
    (tmp_path / "other").mkdir()
    target = tmp_path / "other" / "file"
    (tmp_path / "link").symlink_to(target)
    write_file(tmp_path / "link", lambda path: path.write_text("new"))
    assert (tmp_path / "link").is_symlink()
    assert target.read_text() == "new"

    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_file(tmp_path / "link", fail)
    assert target.read_text() == "new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "link", "other"]


def test_a_backup_into_a_link_or_a_pipe(folder: Path) -> None:
    """The link stays; a pipe, which cannot be a database, is refused and stays."""
    (folder / "link.db").symlink_to(folder / "copy.db")
    os.mkfifo(folder / "pipe")
    assert das_hpo("db", "backup", "link.db", cwd=folder).returncode == 0
    assert (folder / "link.db").is_symlink()
    assert das_hpo("db", "check", "--db", "sqlite:///copy.db", cwd=folder).returncode == 0
    refused = das_hpo("db", "backup", "pipe", cwd=folder)
    assert refused.returncode == 1
    assert re.search("pipe is not a file", refused.stderr)
    assert stat.S_ISFIFO((folder / "pipe").stat().st_mode)
