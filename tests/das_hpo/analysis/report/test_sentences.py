"""What came out, in a sentence."""

from __future__ import annotations

import numpy as np

from das_hpo.analysis.report.run_data import read
from das_hpo.analysis.report.sentences import conclusion
from storage import queries
from storage.engine import open_database


def test_a_run_says_its_best_configuration(url: str) -> None:
    """That of das-hpo incumbent, with both scores, after what was lost."""
    (data,) = read(url, ["tuned"])
    with open_database(url) as database:
        (best, *_) = queries.incumbents(database, "tuned")
    said = conclusion(data)
    assert said.startswith("Completed, 39 evaluations finished, 1 diverged.")
    assert f"is {best.configuration_id} at 9 epochs: one-shot {best.one_shot_score:.2f} dB" in said


def test_a_campaign_says_its_typical_trial(url: str) -> None:
    """The median, a diverged trial being the worst."""
    (data,) = read(url, ["h2"])
    median = float(np.median(data.trials["architecture_score"].fillna(-np.inf)))
    assert f"The median architecture PSNR of 12 trials is {median:.2f} dB" in conclusion(data)


def test_nothing_is_said_of_nothing(url: str) -> None:
    """A run without results has no score yet."""
    (data,) = read(url, ["nothing-yet"])
    assert conclusion(data) == "Completed, 0 evaluations finished. There is no architecture score yet."
