"""The compose file: accepted by the client where there is one, and made of commands that exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from das_hpo.cli import build_parser

ROOT = Path(__file__).parent.parent


def client() -> list[str] | None:
    """The compose client of this machine, new or old."""
    for words in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(words[0])
            and subprocess.run([*words, "version"], capture_output=True, check=False).returncode == 0
        ):
            return words
    return None


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services as the file has them, anchors resolved, variables at their defaults."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed, with which the compose file is read")
    text = re.sub(r"\$\{[A-Za-z_]+:-([^}]*)\}", r"\1", (ROOT / "docker-compose.yml").read_text())
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


@pytest.mark.parametrize(
    "files", [(), ("-f", "docker-compose.yml", "-f", "deploy/compose.gpu.yml")], ids=["cpu", "gpu"]
)
def test_the_compose_client_accepts_the_files(files: tuple[str, ...]) -> None:
    """`docker compose config` without a variable set, as the README's block has it, and with the GPUs' file."""
    words = client()
    if words is None:
        pytest.skip("no docker compose on this machine")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DAS_HPO_")}
    done = subprocess.run(
        [*words, *files, "config"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert ("nvidia" in done.stdout) == bool(files)


def test_the_containers_run_commands_that_exist(services: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands behind the image's entry point parses, health checks included."""
    assert set(services) == {"nameserver", "worker", "run"}
    for service in services.values():
        build_parser().parse_args([str(word) for word in service["command"]])
        check = service["healthcheck"]["test"]
        assert check[:2] == ["CMD", "das-hpo"]
        build_parser().parse_args(check[2:])
        assert service["restart"] in ("unless-stopped", "on-failure")
        assert service["environment"]["DAS_HPO_NAMESERVER"] == "nameserver:9090"


def test_nothing_is_asked_of_the_user(services: dict[str, Any]) -> None:
    """All share the key's volume, whose folder the image has for any user; no file of the host is needed."""
    text = (ROOT / "docker-compose.yml").read_text()
    folders = (ROOT / "Dockerfile").read_text().partition("install -d -m 1777 ")[2].split(" && ")[0].split()
    for service in services.values():
        assert service["environment"]["DAS_HPO_KEY_FILE"] == "/key/key"
        for volume in service["volumes"]:
            name, _, target = volume.partition(":")
            assert f"\n  {name}:" in text.partition("\nvolumes:")[2]
            assert target in folders
    assert "key:/key" in services["worker"]["volumes"]
    assert services["run"]["volumes"] == ["key:/key", "database:/data"]


@pytest.mark.parametrize("line", re.findall(r"^#   (.*)$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE))
def test_the_lines_at_the_top_are_valid(line: str) -> None:
    """Where one runs das-hpo in a container, its words are those of a verb."""
    before, _, command = line.partition(" -T run ")
    assert "docker compose" in before
    if command:
        build_parser().parse_args(shlex.split(command.partition(" > ")[0]))


def test_the_image_copies_what_the_distribution_needs() -> None:
    """Every package, and what pyproject.toml names."""
    text = (ROOT / "Dockerfile").read_text()
    for name in (
        "spaces",
        "storage",
        "workers",
        "das_hpo",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "constraints.txt",
    ):
        assert name in text
        assert f"!{name}" in (ROOT / ".dockerignore").read_text()
