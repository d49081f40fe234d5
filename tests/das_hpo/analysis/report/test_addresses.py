"""Where the links of a report lead."""

from __future__ import annotations

from das_hpo.analysis.report.addresses import ReportAddresses, linked
from das_hpo.analysis.report.blocks import Linked


def test_a_report_leads_to_its_own_parts() -> None:
    """To runs that it has, and nowhere else."""
    addresses = ReportAddresses({"a": "run-1"})
    assert linked("a", addresses.run("a")) == Linked("a", "#run-1")
    assert linked("b", addresses.run("b")) == "b"
    assert linked("x", addresses.evaluation("a", "0-0-0/9.0/0")) == "x"
