"""The sections as one HTML page, which needs no other file and asks nothing of the network."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import das_hpo
from das_hpo.analysis.charts.style import Chart
from das_hpo.analysis.report.addresses import ReportAddresses
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
    plotly = plotly_js()
    scripts = [static("charts.js"), static("unpack.js")]
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            title=f"das-hpo: {len(runs_data)} {'run' if len(runs_data) == 1 else 'runs'}",
            found=sections_of(runs_data, margin),
            database=database,
            version=das_hpo.__version__,
            made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            css=Markup(static("page.css")),
            charts_js=Markup(scripts[0]),
            unpack_js=Markup(scripts[1]),
            # Every report of equal data is equal: no time stands in the compressed script.
            plotly=base64.b64encode(gzip.compress(plotly.encode(), mtime=0)).decode("ascii"),
            # No script but these three is run, whatever a name in the database contains.
            hashes=[f"'sha256-{_hash(script)}'" for script in (*scripts, plotly)],
        )
    )


def sections_of(runs_data: Sequence[RunData], margin: float | None = None) -> list[Section]:
    """All sections in the order of the page."""
    anchors = {data.name: f"run-{number}" for number, data in enumerate(runs_data, 1)}
    addresses = ReportAddresses(anchors)
    own = [run_section(data, anchors[data.name], addresses) for data in runs_data]
    return [*overview(runs_data, addresses, margin), *own]


@cache
def environment() -> Environment:
    """The templates of the report and the live page; all text is escaped."""
    found = Environment(
        loader=PackageLoader("das_hpo", "analysis/report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["chart"] = chart_json
    return found


def chart_json(chart: Chart) -> Markup:
    """A chart as JSON that can stand in HTML: nothing in it ends the element that it is in."""
    text = json.dumps(chart, allow_nan=False, separators=(",", ":"), ensure_ascii=False, default=_builtin)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _builtin(value: Any) -> Any:
    """numpy's numbers as Python's."""
    return value.item()


@cache
def static(name: str) -> str:
    """A script or style sheet of the pages."""
    return (files("das_hpo") / "analysis" / "report" / "static" / name).read_text(encoding="utf-8")


@cache
def plotly_js() -> str:
    """plotly.js, as the package plotly has it."""
    return (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
