"""The documentation site: it builds without a warning, fetches nothing from outside, and is not out of date."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from das_hpo.cli import COMMANDS
from storage.models import Base

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

#: A row of a table of messages: its first cell, in backticks.
MESSAGE = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    return folder


class Resources(HTMLParser):
    """What a page loads: the addresses of scripts, styles, pictures and fonts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collects the address of a tag that loads something."""
        named = dict(attrs)
        if tag in ("script", "img", "iframe"):
            self.found.append(named.get("src") or "")
        elif tag == "link" and (named.get("rel") or "").split()[:1] in (["stylesheet"], ["preload"], ["icon"]):
            self.found.append(named.get("href") or "")


def test_the_site_loads_nothing_from_outside(site: Path) -> None:
    """It is read on machines without a network."""
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        resources = Resources()
        resources.feed(page.read_text())
        assert [address for address in resources.found if re.match(r"(https?:)?//", address)] == [], page


def test_the_references_are_made_from_the_code(site: Path) -> None:
    """Every verb, every table and every name of the API has its place."""
    commands = (site / "reference" / "commands.html").read_text()
    assert [verb for verb in COMMANDS if f"usage: das-hpo {verb}" not in commands] == []
    tables = (site / "reference" / "tables.html").read_text()
    assert [name for name in Base.metadata.tables if f'id="{name}"' not in tables] == []
    api = (site / "reference" / "api.html").read_text()
    assert "das_hpo.api.run" in api
    assert "das_hpo.comparison_result.ComparisonResult" in api


def test_the_first_page_has_a_picture_of_the_results(site: Path) -> None:
    """The headline figure, which is in the site."""
    (picture,) = re.findall(r'<img [^>]*src="([^"]+)"', (site / "index.html").read_text())
    assert (site / picture).exists()


def test_every_message_of_the_troubleshooting_page_is_in_the_code() -> None:
    """Word by word, so that whoever sees a message finds it."""
    sources = [
        path.read_text() for name in ("das_hpo", "workers", "storage", "spaces") for path in (ROOT / name).rglob("*.py")
    ]
    code = " ".join(re.sub(r'"\s*\n\s*f?r?"', "", source) for source in sources)
    messages = MESSAGE.findall((DOCS / "troubleshooting.md").read_text())
    assert len(messages) > 8
    assert [message for message in messages if message not in code] == []


def test_every_word_of_the_contract_is_in_the_glossary() -> None:
    """The words that options and tables use."""
    glossary = (DOCS / "explanation" / "glossary.md").read_text()
    for word in ("run", "campaign", "configuration", "budget", "evaluation", "attempt", "trial", "one-shot score"):
        assert f"| {word} |" in glossary
