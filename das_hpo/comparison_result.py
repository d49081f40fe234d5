"""What :func:`das_hpo.compare` gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

    from das_hpo.analysis.comparison.compare import SideBySide


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """Runs, campaigns and presets side by side; its text is what ``das-hpo compare`` prints.

    Attributes:
        subjects: One row each: best configurations, cost, statistics of the scores.
        tests: One row for each pair: test, p values, probability of improvement, typical difference, decision.
        verdict: What the data support, in sentences.
        compared: The same as objects.
    """

    subjects: pandas.DataFrame
    tests: pandas.DataFrame
    verdict: tuple[str, ...]
    compared: SideBySide

    def __str__(self) -> str:
        from das_hpo.commands.compare import sections

        return "\n".join(sections(self.compared, list(self.verdict)))
