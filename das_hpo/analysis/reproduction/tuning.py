"""The optimisations of Tables 7 and 8, and fresh trials of what they find.

    run ---> its incumbent ---> trials of the incumbent, on seeds that no search saw
                            +-> the same on the other data formation, where the paper says that it does not transfer

The score that made a configuration the incumbent is the largest of many noisy ones, so it is too good. What is
compared are the trials.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
        iterations: Brackets of the run; None if there is no run.
        evaluations: Its evaluations at all budgets.
        trials: Finished trials of its incumbent, on its own problem.
        elsewhere: Finished trials of its incumbent on the other data formation.
    """

    iterations: int | None = None
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


def trials_name(plan: Plan, campaign: paper.Campaign, iterations: int, *, elsewhere: bool = False) -> str:
    """The name of the trials of an incumbent, with the run's iterations: a longer run may have another incumbent."""
    name = f"{plan.prefix}-tuned-{iterations}-{campaign.preset}"
    return f"{name}-on-{_other(campaign.data)}" if elsewhere else name


def fresh_trials(
    plan: Plan,
    campaign: paper.Campaign,
    hyperparameters: Mapping[str, Any],
    iterations: int,
    *,
    elsewhere: bool = False,
) -> CampaignSettings:
    """Trials of the incumbent of a run of so many iterations, on its own problem or on the other data formation."""
    data = _other(campaign.data) if elsewhere else campaign.data
    return CampaignSettings(
        name=trials_name(plan, campaign, iterations, elsewhere=elsewhere),
        kind=SEARCH,
        hyperparameters=dict(hyperparameters),
        label=plan.optimisation(campaign).name,
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
        run = plan.optimisation(campaign).name
        if run not in there or there[run].status != "completed":
            continue
        iterations = int(there[run].settings["iterations"])
        with open_database(url) as database:
            best = next(iter(queries.incumbents(database, run)), None)
        if best is None:
            continue
        for elsewhere in (False, True) if campaign.transfers else (False,):
            asked = fresh_trials(plan, campaign, best.hyperparameters, iterations, elsewhere=elsewhere)
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
    found = {}
    for campaign in paper.BOHB_CAMPAIGNS:
        run = plan.optimisation(campaign).name
        if run not in there:
            found[campaign] = Tuned()
            continue
        iterations = int(there[run].settings["iterations"])
        names = (run, *(trials_name(plan, campaign, iterations, elsewhere=elsewhere) for elsewhere in (False, True)))
        frames = [load_results(url, name) if name in there else None for name in names]
        found[campaign] = _tuned(plan, iterations, *frames)
    return found


def read(rows: pandas.DataFrame, plan: Plan) -> dict[paper.Campaign, Tuned]:
    """The same of exported results; of several lengths of a run, the trials of the longest."""
    by_run = dict(iter(rows.groupby("run")))
    found = {}
    for campaign in paper.BOHB_CAMPAIGNS:
        pattern = re.compile(re.escape(trials_name(plan, campaign, 0)).replace("tuned\\-0", r"tuned\-(\d+)"))
        lengths = [int(match[1]) for name in by_run if (match := pattern.fullmatch(str(name)))]
        iterations = max(lengths, default=0)
        names = [trials_name(plan, campaign, iterations, elsewhere=elsewhere) for elsewhere in (False, True)]
        frames = [by_run.get(name) for name in (plan.optimisation(campaign).name, *names)]
        found[campaign] = _tuned(plan, iterations or None, *frames)
    return found


def _tuned(
    plan: Plan,
    iterations: int | None,
    evaluations: pandas.DataFrame | None,
    here: pandas.DataFrame | None,
    there: pandas.DataFrame | None,
) -> Tuned:
    from das_hpo.analysis.statistics.samples import finished

    def trials(frame: pandas.DataFrame | None) -> pandas.DataFrame | None:
        rows = None if frame is None else finished(frame)
        rows = None if rows is None else rows[rows["replicate"] < plan.trials]
        return rows if rows is not None and len(rows) else None

    return Tuned(iterations, evaluations, trials(here), trials(there))


def _other(data: str) -> str:
    others: Sequence[str] = [name for name in paper.DATA if name != data]
    return others[0]
