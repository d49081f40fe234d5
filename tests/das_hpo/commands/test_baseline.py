"""``das-hpo baseline``: how many architectures a random search draws."""

from __future__ import annotations

from pathlib import Path

from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import Run, store, trials


def test_draws_are_counted_by_trials_of_the_same_settings(tmp_path: Path) -> None:
    """The time of trials with other choices, hyperparameters or epochs says nothing."""
    url = f"sqlite:///{tmp_path}/x.db"
    few = {"choices": {"channels": 4}}
    store(
        url,
        Run("das", trials([20.0, 21.0], budget=50.0), settings={**few, "name": "das"}),
        Run("random", trials([20.0, 21.0], budget=50.0), method="random", settings={**few, "name": "random"}),
    )
    asked = ("baseline", "random-search", "--draws", "auto", "--trials", "1", "--workers", "0", "--db", url)
    environment = {"DAS_HPO_KEY_FILE": str(tmp_path / "key")}
    assert_one_line_error(das_hpo(*asked), 2, "trials of das", "das-hpo evaluate H1", "--data blur --epochs 50")
    other = das_hpo(*asked, "--set", "channels=4", "--preset", "H2")
    assert_one_line_error(other, 2, "das-hpo evaluate H2", "--epochs 50 --set channels=4")
    same = das_hpo(*asked, "--set", "channels=4", environment=environment)
    assert_one_line_error(same, 2, "without a nameserver")  # the number is found, and the workers are missing
