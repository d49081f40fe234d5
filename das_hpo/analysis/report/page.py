"""Sections as one HTML page that needs nothing but itself: no script, no font, no other file."""

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


def write_report(url: str, names: Sequence[str], path: Path) -> int:
    """Writes the report of some runs, or of all, and returns how many they are.

    Raises:
        StorageError: If there is no such database.
        RunMissingError: If one of the runs is not there.
        OSError: If the file cannot be written.
    """
    from storage.location import locate

    materials = read(url, names)
    text = render_page(locate(url).name, materials)
    write_file(path, lambda draft: draft.write_text(text, encoding="utf-8"))
    return len(materials)


def render_page(database: str, materials: Sequence[RunData]) -> str:
    """The page as text.

    Args:
        database: What to call the database.
        materials: The runs.
    """
    sections = sections_of(materials)
    environment = Environment(
        loader=PackageLoader("das_hpo", "analysis/report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        title=f"das-hpo: {len(materials)} {'run' if len(materials) == 1 else 'runs'}",
        sections=sections,
        database=database,
        version=das_hpo.__version__,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def sections_of(materials: Sequence[RunData]) -> list[Section]:
    """All sections in the order of the page."""
    own = [run_section(material, f"run-{number}") for number, material in enumerate(materials, 1)]
    return [*overview(materials), *own]
