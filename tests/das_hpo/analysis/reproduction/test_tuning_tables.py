"""What the paper says of tuned hyperparameters, on worlds with a known answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from das_hpo.analysis.reproduction import paper, tuning_tables
from das_hpo.analysis.reproduction.tuning import Tuned
from das_hpo.analysis.reproduction.tuning_tables import Found, Frames
from spaces.hyperparameters import PRESETS
from tests.das_hpo import frames


def _rows(seed: int, shift: float, *, spread: float = 0.3, correlated: bool = False, count: int = 75) -> pd.DataFrame:
    """Trials of one configuration, paired by seed with those of every other call."""
    rng = np.random.default_rng(seed)
    one_shot = 20 + shift + rng.normal(0, spread, count)
    architecture = (
        18
        + shift
        + (one_shot - 20 - shift if correlated else 0)
        + rng.normal(0, spread / (3 if correlated else 1), count)
    )
    made = frames.campaign("c", architecture.tolist(), one_shot.tolist())
    return made.assign(one_shot_score=made["one_shot_psnr"], architecture_score=made["architecture_psnr"])


def _world(shift: dict[str, float], *, elsewhere: float = 0.0, correlated: bool = False) -> tuple[Found, Frames]:
    """Incumbents that are so much better than H1 in both scores, by their objective."""
    found: dict[paper.Campaign, Tuned] = {}
    cells: dict[paper.Cell, pd.DataFrame] = {}
    for number, campaign in enumerate(paper.BOHB_CAMPAIGNS):
        trials = _rows(10 * number, shift[campaign.objective], correlated=correlated)
        moved = _rows(10 * number + 1, elsewhere) if campaign.transfers else None
        found[campaign] = Tuned(8, None, trials, moved)
        cells[campaign.cells[1]] = _rows(1000 + number, 0.0)
    return found, cells


def _verdicts(found: Found, cells: Frames) -> list[str]:
    return [str(row[1]) for row in tuning_tables.tuned_findings(found, cells).rows]


def test_a_world_as_the_paper_has_it() -> None:
    """Tuning raises its own score, on the architecture more than on the one-shot, and does not transfer."""
    found, cells = _world({"one-shot": 1.0, "architecture": 2.0}, elsewhere=0.0, correlated=True)
    assert _verdicts(found, cells) == ["holds", "does not hold", "holds", "holds", "holds"]


def test_a_world_where_tuning_gives_nothing() -> None:
    """Everything is as good as H1: no finding of a gain holds, and that nothing is gained does."""
    found, cells = _world({"one-shot": 0.0, "architecture": 0.0})
    first, second, third, fourth, fifth = _verdicts(found, cells)
    assert (first, second, third, fifth) == ("does not hold", "holds", "does not hold", "does not hold")
    assert fourth == "undecided"


@pytest.mark.parametrize("trials", [0, 1])
def test_too_few_trials_decide_nothing(trials: int) -> None:
    """Neither none nor one of each."""
    found, cells = _world({"one-shot": 1.0, "architecture": 1.0})
    found = {
        campaign: Tuned(8, None, tuned.trials.head(trials) if trials else None) for campaign, tuned in found.items()
    }
    assert set(_verdicts(found, cells)) <= {"undecided", "no trials"}
    assert _verdicts({}, {}) == ["no trials"] * 5


def test_what_is_printed_of_an_optimisation() -> None:
    """Medians as numpy has them, the best score of the largest budget, the trials' own hyperparameters."""
    campaign = paper.BOHB_CAMPAIGNS[0]
    trials = _rows(0, 0.0, count=11)
    run = frames.optimisation(objective="one-shot")
    run = run.assign(one_shot_score=run["one_shot_psnr"], architecture_score=run["architecture_psnr"])
    tuned = Tuned(8, run, trials)
    table = tuning_tables.trials_table({campaign: tuned}, {campaign.cells[0]: _rows(1, 0.0)})
    ours, published = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (ours["hyperparameters"], published["hyperparameters"]) == ("ours", "paper")
    assert ours["architecture"] == pytest.approx(np.median(trials["architecture_psnr"]))
    assert ours["best_seen"] == pytest.approx(run.loc[run["budget"] == 50.0, "one_shot_psnr"].max())
    assert published["best_seen"] is None
    hyperparameters = tuning_tables.hyperparameter_table({campaign: tuned})
    first, second = (dict(zip(hyperparameters.columns, row, strict=True)) for row in hyperparameters.rows)
    assert (first["iterations"], second["iterations"]) == (8, 128)
    assert first["alpha_learning_rate"] == trials["alpha_learning_rate"].iloc[0]
    assert second["alpha_learning_rate"] == PRESETS[campaign.preset].alpha_learning_rate
    assert tuning_tables.reading_table(table).rows[0][2] == "11"
