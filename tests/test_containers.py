"""The compose file: accepted by the client where there is one, and made of commands that exist."""

from __future__ import annotations

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
    import re

    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed, with which the compose file is read")
    text = re.sub(r"\$\{[A-Za-z_]+:-([^}]*)\}", r"\1", (ROOT / "docker-compose.yml").read_text())
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


def test_the_compose_client_accepts_the_file() -> None:
    """`docker compose config`, with and without the workers for CPUs."""
    words = client()
    if words is None:
        pytest.skip("no docker compose on this machine")
    for options in ([], ["--profile", "cpu"]):
        done = subprocess.run([*words, *options, "config"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_containers_run_commands_that_exist(services: dict[str, Any]) -> None:
    """What stands behind the image's entry point parses, health checks included."""
    assert set(services) == {"nameserver", "worker", "cpu-worker", "run"}
    for service in services.values():
        build_parser().parse_args([str(word) for word in service["command"]])
        check = service["healthcheck"]["test"]
        assert check[:2] == ["CMD", "das-hpo"]
        build_parser().parse_args(check[2:])
        assert service["restart"] in ("unless-stopped", "on-failure")
        assert service["secrets"] == ["das_hpo_key"]


def test_workers_reserve_gpus_and_the_database_is_on_a_volume(services: dict[str, Any]) -> None:
    """GPUs for the workers, the volume for the run alone."""
    devices = services["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]
    assert services["run"]["volumes"] == ["database:/data"]
    assert all("/data" not in volume for volume in services["worker"]["volumes"])


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
