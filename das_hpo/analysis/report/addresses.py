"""Where links lead: inside the one page of a report, or to the views of the live page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from das_hpo.analysis.report.blocks import Linked


class Addresses(Protocol):
    """Gives the address of what a name stands for; an empty one where nothing leads there."""

    def run(self, name: str) -> str:
        """Of a run or campaign."""
        ...

    def evaluation(self, run: str, identity: str) -> str:
        """Of an evaluation of it, named as :func:`das_hpo.analysis.charts.scores.identities` names it."""
        ...


class ReportAddresses:
    """Those of a report: anchors of its runs; an evaluation has no part of its own.

    Args:
        anchors: By the run's name.
    """

    def __init__(self, anchors: Mapping[str, str]) -> None:
        self._anchors = anchors

    def run(self, name: str) -> str:
        """The run's part of the page."""
        return f"#{self._anchors[name]}" if name in self._anchors else ""

    def evaluation(self, run: str, identity: str) -> str:
        """None: a report shows the run's best evaluations alone."""
        return ""


def linked(text: str, address: str) -> Linked | str:
    """A link, or the text where there is nothing to lead to."""
    return Linked(text, address) if address else text
