"""The sections as one HTML page, which needs no script, font or other file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

import das_hpo
from das_hpo.analysis.report.blocks import Section
from das_hpo.analysis.report.overview import overview
from das_hpo.analysis.report.run import run_section
from das_hpo.analysis.report.run_data import RunData, read
from das_hpo.files import write_file


def write_report(url: str, names: Sequence[str], path: Path, *, margin: float | None = None) -> int:
    """Writes the report of some runs, or of all, and returns how many they are.

    Args:
        url: SQLAlchemy URL of the database.
        names: Runs and campaigns; none for all.
        path: Where the page is written.
        margin: As for :func:`das_hpo.analysis.comparison.compare.compare_subjects`.

    Raises:
        StorageError: If there is no such database.
        RunMissingError: If one of the runs is not there.
        OSError: If the file cannot be written.
    """
    from storage.location import locate

    runs_data = read(url, names)
    text = render_page(locate(url).name, runs_data, margin)
    write_file(path, lambda draft: draft.write_text(text, encoding="utf-8"))
    return len(runs_data)


def render_page(database: str, runs_data: Sequence[RunData], margin: float | None = None) -> str:
    """The page as text.

    Args:
        database: What to call the database.
        runs_data: The runs.
        margin: As for :func:`write_report`.
    """
    sections = sections_of(runs_data, margin)
    environment = Environment(
        loader=PackageLoader("das_hpo", "analysis/report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        title=f"das-hpo: {len(runs_data)} {'run' if len(runs_data) == 1 else 'runs'}",
        sections=sections,
        database=database,
        version=das_hpo.__version__,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def sections_of(runs_data: Sequence[RunData], margin: float | None = None) -> list[Section]:
    """All sections in the order of the page."""
    own = [run_section(data, f"run-{number}") for number, data in enumerate(runs_data, 1)]
    return [*overview(runs_data, margin), *own]
