"""Blocks of code in markdown pages, and a terminal that runs them as a user would."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

#: Put behind a page's commands, so that they take seconds (the last of two equal options counts).
TINY = {
    "run": ("--iterations", "1", "--min-budget", "0.1", "--max-budget", "0.3"),
    "evaluate": ("--epochs", "0.3", "--trials", "6"),
}


def blocks(page: Path) -> list[tuple[str, str]]:
    """The language and the text of each command of a page, without comments; a block of Python is one command."""
    found = []
    for language, block in re.findall(r"^ *```(sh|python)\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE):
        if language == "python":
            found.append((language, block))
        else:
            lines = (line.partition("  #")[0].strip() for line in block.splitlines())
            found += [("sh", line) for line in lines if line]
    return found


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Terminal:
    """Runs commands as a user would, those that serve in the background."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.serving: list[subprocess.Popen[str]] = []
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DAS_HPO_KEY_FILE": str(folder / "key"),
            "OMP_NUM_THREADS": "1",
        }
        self.environment.pop("DAS_HPO_DB", None)

    def type(self, language: str, text: str) -> str:
        """One command of a page, made short; what it printed on stdout."""
        if language == "python":
            return self.run(sys.executable, "-c", text)
        words = shlex.split(text)
        if words[0] == "sqlite3" and shutil.which("sqlite3") is None:
            connection = sqlite3.connect(self.folder / words[1])
            try:
                return str(connection.execute(words[2]).fetchall())
            finally:
                connection.close()
        return self.run(*words, *TINY.get(words[1], ()))

    def run(self, *words: str) -> str:
        """One command in the foreground; it must succeed. What it printed on stdout."""
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def serve(self, *words: str) -> None:
        """One command in the background; it must say that it is ready."""
        process = subprocess.Popen(words, cwd=self.folder, env=self.environment, stderr=subprocess.PIPE, text=True)
        self.serving.append(process)
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "nameserver at" in line or "serves the nameserver" in line, line

    def close(self) -> None:
        """Stops what serves, the last first."""
        for process in reversed(self.serving):
            process.terminate()
        for process in self.serving:
            process.communicate(timeout=30)
