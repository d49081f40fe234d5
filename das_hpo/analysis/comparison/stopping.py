"""What has to be said of trials that were added until something was decided."""

from __future__ import annotations

from das_hpo.analysis.comparison.compare import SideBySide


def stopping(compared: SideBySide) -> list[str]:
    """Which subjects have such trials, and which numbers allow for it; empty if none has."""
    names = [subject.name for subject in compared.subjects if subject.sample.sequential]
    if not names:
        return []
    tests = (
        "the p values, and the intervals of probabilities and differences, hold whenever one stops, all together, and "
        "are wider than those of a number of trials fixed before (docs/statistics.md, Deciding)"
        if any(comparison.sequential for comparison in compared.comparisons)
        else "no test was made"
    )
    return [
        f"{', '.join(names)}: trials were added until a comparison was decided (das-hpo evaluate --until-decided): "
        f"{tests}. The summaries of one sample (mean, median, correlation and their intervals) do not allow for it."
    ]
