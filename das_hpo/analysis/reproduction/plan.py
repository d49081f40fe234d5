"""From a table's or figure's name to the campaigns it needs, and to their trials in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from das_hpo.analysis.reproduction import paper
from das_hpo.campaigns.campaign import RETRAINING, SEARCH, CampaignSettings
from das_hpo.campaigns.matching import continued, find
from das_hpo.campaigns.matching import stored_campaigns as readable_campaigns
from das_hpo.differences import differences
from das_hpo.settings import RunSettings
from spaces.hyperparameters import PRESETS
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.registries import METHODS
from spaces.inverse_1d.trial import inverse_settings

if TYPE_CHECKING:
    import pandas

    from storage.records import RunRecord

#: Epochs and number of the paper's trials, and those of ``--quick``.
EPOCHS, TRIALS = 50.0, 75
QUICK_EPOCHS, QUICK_TRIALS = 5.0, 5
QUICK_ITERATIONS = 3

#: For ``variance``: how many architectures of a cell are trained again, and how often each.
RETRAINED = 15
RETRAININGS = 4

#: Of a retraining: what a shown one may have other than the plan.
_MAY_DIFFER = ("label", "trials", "architectures", "time_limit_s", "evaluation_timeout_s")


@dataclass(frozen=True, slots=True)
class Plan:
    """How the campaigns of all cells are made.

    Attributes:
        trials: Trials of each cell.
        epochs: Epochs of a search and of a retraining.
        prefix: The names of new campaigns begin with it.
        seed: Of all campaigns: trial r of every cell has the same seed.
        choices: Settings that the paper does not fix.
        iterations: Brackets of each optimisation of ``bohb``.
    """

    trials: int = TRIALS
    epochs: float = EPOCHS
    prefix: str = "paper"
    seed: int = 0
    choices: Choices = field(default_factory=Choices)
    iterations: int = 128

    def campaign(self, cell: paper.Cell) -> CampaignSettings:
        """The campaign of one cell, under the name that a new one gets."""
        searches = cell.method in METHODS
        method = cell.method if searches else next(iter(METHODS))
        return CampaignSettings(
            name=f"{self.prefix}-{cell.name}",
            kind=SEARCH if searches else cell.method,
            hyperparameters=PRESETS[cell.preset].to_dict(),
            label=cell.preset,
            trials=self.trials,
            budget=self.epochs,
            settings=inverse_settings(cell.space, cell.operations, cell.data, method, self.choices),
            seed=self.seed,
        )

    def retraining(self, cell: paper.Cell, frame: pandas.DataFrame) -> CampaignSettings | None:
        """Trainings of the architectures that the first trials of a DAS cell found; None if there are none."""
        rows = frame[frame["replicate"] < RETRAINED].sort_values("replicate")
        found = tuple(str(text) for text in rows["architecture"].dropna())
        if not found:
            return None
        return replace(
            self.campaign(cell),
            name=f"{self.prefix}-again-{cell.name}",
            kind=RETRAINING,
            trials=len(found),
            draws=RETRAININGS,
            architectures=found,
        )

    def optimisation(self, campaign: paper.Campaign) -> RunSettings:
        """One of the optimisations of Tables 7 and 8."""
        return RunSettings(
            name=f"{self.prefix}-tune-{campaign.preset}",
            objective=campaign.objective,
            settings=inverse_settings(
                campaign.space, campaign.operations, campaign.data, campaign.method, self.choices
            ),
            iterations=self.iterations,
            min_budget=self.epochs / 10,
            max_budget=self.epochs,
            seed=self.seed,
        )


def cells_of(targets: Sequence[str]) -> tuple[paper.Cell, ...]:
    """The cells of all targets, each once, in the order in which they are asked for."""
    return tuple(dict.fromkeys(cell for target in targets for cell in paper.cells_of(target)))


def campaigns_for(
    plan: Plan, cells: Sequence[paper.Cell], stored: Sequence[CampaignSettings]
) -> dict[paper.Cell, CampaignSettings]:
    """The campaign of each cell: a stored one with these settings, extended if it is short of trials, else a new one.

    Whatever its name, so that nothing is computed twice. Trials that were added until something was decided
    (``das-hpo evaluate --until-decided``) are not taken: tables and findings are of a number fixed before.
    """
    fixed = [one for one in stored if one.looked_from is None or one.looked_from >= plan.trials]
    asked = {}
    for cell in cells:
        wanted = plan.campaign(cell)
        asked[cell] = find(fixed, wanted) or wanted
    return asked


def records_of(url: str) -> dict[str, RunRecord]:
    """All runs of the database by name; none if there is no database yet."""
    from das_hpo.analysis.comparison.lookup import run_records
    from spaces.errors import DatabaseMissingError

    try:
        return run_records(url)
    except DatabaseMissingError:
        return {}


def stored_campaigns(url: str) -> list[CampaignSettings]:
    """All campaigns of the database whose trials can be used."""
    return readable_campaigns(records_of(url).values())


def load_cells(
    url: str, asked: Mapping[paper.Cell, CampaignSettings], trials: int
) -> dict[paper.Cell, pandas.DataFrame]:
    """The finished trials of each cell that the database has any of, the first ``trials`` of each."""
    from das_hpo.analysis.statistics.samples import finished
    from storage.frames import load_results

    there = records_of(url)
    frames = {}
    for cell, campaign in asked.items():
        if campaign.name in there:
            rows = finished(load_results(url, campaign.name))
            key = "iteration" if campaign.kind == "random" else "replicate"
            rows = rows[rows[key] < trials]
            if len(rows):
                frames[cell] = rows
    return frames


def retrained(
    url: str, plan: Plan, frames: Mapping[paper.Cell, pandas.DataFrame]
) -> dict[paper.Cell, pandas.DataFrame]:
    """The finished trainings of the architectures of each cell of ``variance``."""
    from das_hpo.analysis.statistics.samples import finished
    from storage.frames import load_results

    there = records_of(url)
    found = {}
    for cell in paper.VARIANCE_CELLS:
        asked = plan.retraining(cell, frames[cell]) if cell in frames else None
        if asked is not None and asked.name in there:
            if differences(CampaignSettings, there[asked.name].settings, asked.to_dict(), ignored=_MAY_DIFFER):
                continued(there[asked.name], asked)
            found[cell] = finished(load_results(url, asked.name))
    return found
