"""What the database lacks of a plan: campaigns of cells, retrainings, and optimisations, to be computed or extended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from das_hpo.analysis.reproduction import paper
from das_hpo.analysis.reproduction.plan import Plan, load_cells, records_of, stored_campaigns
from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.campaigns.matching import Match, extended, match
from das_hpo.differences import require_same_run
from das_hpo.settings import RunSettings


@dataclass(frozen=True, slots=True)
class Optimisation:
    """One run of ``bohb``.

    Attributes:
        settings: What is asked for.
        status: Of the run in the database; None if it is not there.
        iterations: Brackets of the run in the database, which a longer plan extends; 0 if it is not there.
    """

    settings: RunSettings
    status: str | None
    iterations: int

    @property
    def complete(self) -> bool:
        """Whether the database has all of it."""
        return self.status == "completed" and self.iterations >= self.settings.iterations


def cell_campaigns(url: str, campaigns: Mapping[paper.Cell, CampaignSettings]) -> list[CampaignSettings]:
    """The campaigns of cells that are not there, or not complete."""
    stored = {found.name: found for found in stored_campaigns(url)}
    records = records_of(url)
    return [
        campaign
        for campaign in campaigns.values()
        if stored.get(campaign.name) != campaign or records[campaign.name].status != "completed"
    ]


def retrainings(url: str, plan: Plan, campaigns: Mapping[paper.Cell, CampaignSettings]) -> list[CampaignSettings]:
    """The retrainings of the architectures found so far that are not complete yet."""
    frames = load_cells(url, campaigns, plan.trials)
    records = records_of(url)
    stored = {campaign.name: campaign for campaign in stored_campaigns(url)}
    found = []
    for cell in paper.VARIANCE_CELLS:
        asked = plan.retraining(cell, frames[cell]) if cell in frames else None
        if asked is None:
            continue
        known = stored.get(asked.name)
        if known is not None and match(known, asked) is Match.EXTEND:
            asked = extended(known, asked)
        if known != asked or records[asked.name].status != "completed":
            found.append(asked)
    return found


def optimisations(url: str, plan: Plan, asked: Sequence[str]) -> list[Optimisation]:
    """The runs that ``bohb`` needs, complete or not; none if it is not asked for.

    Raises:
        RunExistsError: If a name is taken by a run of other settings; says what differs. One of more iterations than
            are asked for is taken as it is.
    """
    if "bohb" not in asked:
        return []
    there = records_of(url)
    found = []
    for campaign in paper.BOHB_CAMPAIGNS:
        settings = plan.optimisation(campaign)
        record = there.get(settings.name)
        iterations = 0
        if record is not None:
            iterations = int(record.settings.get("iterations", 0))
            require_same_run(record, settings, ignored=("time_limit_s", "evaluation_timeout_s", "iterations"))
        found.append(Optimisation(settings, None if record is None else record.status, iterations))
    return found
