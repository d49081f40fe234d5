"""What has to be said of trials that were added until something was decided."""

from __future__ import annotations

from das_hpo.analysis.comparison.compare import SideBySide


def stopping(compared: SideBySide) -> list[str]:
    """Which subjects have such trials, and which numbers allow for it; empty if none has."""
    names = [
        subject.name
        for subject in compared.subjects
        if any(each.sample.sequential for each in (subject, *subject.members))
    ]
    if not names:
        return []
    groups = [subject.name for subject in compared.subjects if subject.name in names and subject.members]
    said = []
    if any(comparison.sequential for comparison in compared.comparisons):
        said.append(
            "the p values of these trials, and the intervals of probabilities and differences, hold whenever one "
            "stops, and are wider than those of a number of trials fixed before (docs/statistics.md, Deciding)"
        )
    if groups:
        said.append(f"tests over the runs of {', '.join(groups)} do not allow for it")
    said.append("the summaries of one sample (mean, median, correlation and their intervals) do not allow for it")
    return [
        f"{', '.join(names)}: trials were added until a comparison was decided (das-hpo evaluate --until-decided): "
        f"{'; '.join(said)}."
    ]
