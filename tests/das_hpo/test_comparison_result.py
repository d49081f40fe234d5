"""What comparing in Python gives, as text."""

from __future__ import annotations

import pandas as pd

from das_hpo.analysis.comparison.verdicts import verdicts
from das_hpo.commands.compare import sections
from das_hpo.comparison_result import ComparisonResult
from tests.das_hpo.analysis.comparison.samples import LOW, campaign_of, side_by_side


def test_its_text_is_the_commands() -> None:
    """Tables and sentences, as das-hpo compare prints them, with the verdict that it was given."""
    compared, _ = side_by_side(campaign_of("a", LOW), campaign_of("b", [value + 1.0 for value in LOW]))
    said = tuple(verdicts(compared))
    text = str(ComparisonResult(pd.DataFrame(), pd.DataFrame(), said, compared))
    assert text == "\n".join(sections(compared, list(said)))
    assert "a against b: the trials of a are worse" in " ".join(text.split())
