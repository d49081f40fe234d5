"""The optimisations of Tables 7 and 8, and fresh trials of what they find.

    run ---> its incumbent ---> trials of the incumbent, on seeds that no search saw
                            +-> the same on the other data formation, where the paper says that it does not transfer

The score that made a configuration the incumbent is the largest of many noisy ones, so it is too good. What is
compared are the trials.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from das_hpo.analysis.reproduction import paper
from das_hpo.campaigns.campaign import SEARCH, CampaignSettings
from das_hpo.campaigns.matching import continued
from spaces.inverse_1d.trial import inverse_settings

if TYPE_CHECKING:
    import pandas

    from das_hpo.analysis.reproduction.plan import Plan


@dataclass(frozen=True, slots=True)
class Tuned:
    """What there is of one optimisation; None stands for nothing yet.

    Attributes:
        evaluations: Its evaluations at all budgets.
        trials: Finished trials of its incumbent, on its own problem.
        elsewhere: Finished trials of its incumbent on the other data formation.
    """

    evaluations: pandas.DataFrame | None = None
    trials: pandas.DataFrame | None = None
    elsewhere: pandas.DataFrame | None = None

    def best_seen(self, objective: str) -> float | None:
        """The score that made the incumbent the best: the largest at the largest budget."""
        if self.evaluations is None:
            return None
        scores = self.evaluations[f"{objective.replace('-', '_')}_score"]
        completed = self.evaluations.assign(score=scores).dropna(subset=["score"])
        if not len(completed):
            return None
        return float(completed.loc[completed["budget"] == completed["budget"].max(), "score"].max())


def names(plan: Plan, campaign: paper.Campaign) -> tuple[str, str, str]:
    """Of the run, of its incumbent's trials, and of those on the other data formation.

    The run's iterations are in the names of the trials: a longer run may have another incumbent.
    """
    trials = f"{plan.prefix}-tuned-{plan.iterations}-{campaign.preset}"
    return plan.optimisation(campaign).name, trials, f"{trials}-on-{_other(campaign.data)}"


def fresh_trials(
    plan: Plan, campaign: paper.Campaign, hyperparameters: Mapping[str, Any], *, elsewhere: bool = False
) -> CampaignSettings:
    """Trials of an incumbent on its own problem, or on the other data formation."""
    run, here, there = names(plan, campaign)
    data = _other(campaign.data) if elsewhere else campaign.data
    return CampaignSettings(
        name=there if elsewhere else here,
        kind=SEARCH,
        hyperparameters=dict(hyperparameters),
        label=run,
        trials=plan.trials,
        budget=plan.epochs,
        settings=inverse_settings(campaign.space, campaign.operations, data, campaign.method, plan.choices),
        seed=plan.seed,
    )


def missing_trials(url: str, plan: Plan) -> list[CampaignSettings]:
    """The trials of the incumbents of all completed runs that the database does not have.

    Raises:
        RunExistsError: If a name is taken by something else; says what differs.
    """
    from das_hpo.analysis.reproduction.plan import records_of
    from storage import queries
    from storage.engine import open_database

    there = records_of(url)
    found = []
    for campaign in paper.BOHB_CAMPAIGNS:
        run = names(plan, campaign)[0]
        if run not in there or there[run].status != "completed":
            continue
        with open_database(url) as database:
            best = next(iter(queries.incumbents(database, run)), None)
        if best is None:
            continue
        for elsewhere in (False, True) if campaign.transfers else (False,):
            asked = fresh_trials(plan, campaign, best.hyperparameters, elsewhere=elsewhere)
            stored = there.get(asked.name)
            if stored is not None:
                kept = replace(asked, trials=max(asked.trials, int(stored.settings.get("trials", 0))))
                asked = continued(stored, kept)
                if stored.status == "completed" and stored.settings.get("trials") == asked.trials:
                    continue
            found.append(asked)
    return found


def load(url: str, plan: Plan) -> dict[paper.Campaign, Tuned]:
    """What the database has of each optimisation, in the order of the tables."""
    from das_hpo.analysis.reproduction.plan import records_of
    from storage.frames import load_results

    there = records_of(url)
    return _tuned(plan, {name: load_results(url, name) for name in _all_names(plan) if name in there})


def read(rows: pandas.DataFrame, plan: Plan) -> dict[paper.Campaign, Tuned]:
    """The same of exported results."""
    by_run = dict(iter(rows.groupby("run")))
    return _tuned(plan, {name: by_run[name] for name in _all_names(plan) if name in by_run})


def _tuned(plan: Plan, frames: Mapping[str, pandas.DataFrame]) -> dict[paper.Campaign, Tuned]:
    from das_hpo.analysis.statistics.samples import finished

    def trials(name: str) -> pandas.DataFrame | None:
        rows = finished(frames[name]) if name in frames else None
        rows = None if rows is None else rows[rows["replicate"] < plan.trials]
        return rows if rows is not None and len(rows) else None

    found = {}
    for campaign in paper.BOHB_CAMPAIGNS:
        run, here, there = names(plan, campaign)
        found[campaign] = Tuned(frames.get(run), trials(here), trials(there))
    return found


def _all_names(plan: Plan) -> Iterator[str]:
    for campaign in paper.BOHB_CAMPAIGNS:
        yield from names(plan, campaign)


def _other(data: str) -> str:
    others: Sequence[str] = [name for name in paper.DATA if name != data]
    return others[0]
