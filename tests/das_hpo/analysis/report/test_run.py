"""The sections of one run."""

from __future__ import annotations

from das_hpo.analysis.report.addresses import ReportAddresses
from das_hpo.analysis.report.page import sections_of
from das_hpo.analysis.report.run import run_section
from das_hpo.analysis.report.run_data import read
from storage import queries
from storage.engine import open_database


def test_lost_attempts_are_listed(url: str) -> None:
    """With who lost them and why."""
    (section,) = [s for s in sections_of(read(url, ["tuned"])) if s.title == "Run tuned"]
    (workers,) = [part for part in section.parts if part.title == "Workers and lost attempts"]
    (lost,) = [block for block in workers.blocks if block.kind == "grid"]
    assert lost.caption.startswith("3 of 42 attempts")
    assert lost.rows[0][2] == "lost"
    assert lost.rows[0][-1] == "its lease ran out"


def test_the_best_configurations_are_those_of_the_command(url: str) -> None:
    """By both objectives, five at most, as das-hpo incumbent ranks them."""
    (data,) = read(url, ["tuned"])
    section = run_section(data, "x", ReportAddresses({}))
    (best,) = [part for part in section.parts if part.title == "Best configurations"]
    grids = [block for block in best.blocks if block.kind == "grid"]
    assert [block.caption for block in grids] == ["By one-shot PSNR.", "By architecture PSNR, its own objective."]
    with open_database(url) as database:
        ranked = queries.incumbents(database, "tuned", top=5)
    assert grids[1].columns == ("rank", *(str(one.rank) for one in ranked))
    assert grids[1].rows[0] == ("configuration", *(str(one.configuration_id) for one in ranked))


def test_settings_are_listed_with_those_inside_others(url: str) -> None:
    """A mapping among the settings has a line for each of its entries."""
    (data,) = read(url, ["tuned"])
    (settings,) = run_section(data, "x", ReportAddresses({})).parts[-1].blocks
    assert settings.kind == "grid"
    assert ("choices: tau", "0.1") in settings.rows
