"""The nameserver's address in a file: read again when nobody answers, explained when it is stale."""

from __future__ import annotations

from pathlib import Path

import pytest

from das_hpo.service.nameserver import NameServer
from spaces.errors import InvalidValueError, UnreachableError
from workers.transport import address_file
from workers.transport.directory import Directory, locate
from workers.transport.keys import KeyFile


def test_an_address_is_host_and_port_or_a_file(tmp_path: Path) -> None:
    """What has neither form is refused before anything is done."""
    address_file.require_address("host:9090")
    address_file.require_address(f"file:{tmp_path}/not there yet")
    assert address_file.resolve("host:9090") == "host:9090"
    for text, words in (("file:", "needs the path"), ("here", "HOST:PORT")):
        with pytest.raises(InvalidValueError, match=words):
            address_file.require_address(text)


def test_what_was_written_is_read_and_removed_by_its_writer_alone(tmp_path: Path) -> None:
    """No draft is left beside it."""
    path = tmp_path / "nameserver"
    address_file.write(path, "one:1")
    address_file.write(path, "two:2")
    assert address_file.resolve(f"file:{path}") == "two:2"
    assert list(tmp_path.iterdir()) == [path]
    address_file.remove(path, "one:1")
    assert path.exists()
    address_file.remove(path, "two:2")
    address_file.remove(path, "two:2")
    assert not path.exists()
    assert address_file.origin(f"file:{path}") == ""


@pytest.mark.parametrize("content", [b"", b"no address\n", b"\xff\xfe:x"], ids=["empty", "words", "bytes"])
def test_a_file_without_an_address_says_so(tmp_path: Path, content: bytes) -> None:
    """In one line."""
    path = tmp_path / "nameserver"
    with pytest.raises(UnreachableError, match=r"cannot be read \(No such file"):
        address_file.resolve(f"file:{path}")
    path.write_bytes(content)
    with pytest.raises(UnreachableError, match="holds no HOST:PORT in its first line"):
        address_file.resolve(f"file:{path}")


def test_a_nameserver_that_moved_is_found_again(tmp_path: Path) -> None:
    """A client with the file's address asks there; one that is stale says who wrote it."""
    keys, path = KeyFile(tmp_path / "key"), tmp_path / "nameserver"
    with Directory(f"file:{path}", keys) as directory:
        with NameServer(keys=keys) as first:
            address_file.write(path, first.address)
            directory.ping()
        with pytest.raises(UnreachableError):
            directory.ping()
        with pytest.raises(UnreachableError, match=rf"names {first.address}, written at .* by process \d+ of"):
            locate(f"file:{path}", keys)
        with NameServer(keys=keys) as second:
            address_file.write(path, second.address)
            directory.ping()
