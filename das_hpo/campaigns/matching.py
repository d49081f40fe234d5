"""Whether a campaign that is wanted is in the database already: the one place that decides it.

match(stored, wanted)         how two campaigns relate: extend, new or conflict
find(stored, wanted)          the stored campaign that has the wanted trials, whatever its name
continued(record, wanted)     the stored campaign of that name, or a refusal that says what differs
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

from das_hpo.campaigns.campaign import REPEATED, CampaignSettings
from das_hpo.differences import differences, require_same_code
from spaces.errors import RunExistsError, UsageError
from spaces.task_registry import fingerprint, load_task
from storage.records import RunRecord

log = logging.getLogger(__name__)

#: How long it is computed: this changes no trial.
LIMITS = ("time_limit_s", "evaluation_timeout_s")


class Match(Enum):
    """How a stored campaign relates to a wanted one.

    EXTEND: It has the wanted trials, all or the first of them: what is missing is added to it.
    NEW: It has other trials and another name: the wanted one is made beside it.
    CONFLICT: It has other trials and the wanted name.
    """

    EXTEND = "extend"
    NEW = "new"
    CONFLICT = "conflict"


def match(stored: CampaignSettings, wanted: CampaignSettings) -> Match:
    """How a stored campaign relates to a wanted one. Their names, labels, numbers of trials and limits may differ.

    A setting that the task did not have when the campaign was stored has its default there.

    Raises:
        UsageError: If the task cannot be loaded.
    """
    if stored.task == wanted.task:
        defaults = load_task(wanted.task).settings
        if _trials_of(stored, defaults) == _trials_of(wanted, defaults) and _begin_alike(stored, wanted):
            return Match.EXTEND
    return Match.CONFLICT if stored.name == wanted.name else Match.NEW


def find(stored: Iterable[CampaignSettings], wanted: CampaignSettings) -> CampaignSettings | None:
    """The stored campaign that has the wanted trials, extended if it is short of some; None if there is none.

    Of several, it is the one with the most trials, which has the least missing.
    """
    same = [found for found in stored if match(found, wanted) is Match.EXTEND]
    most = max(same, key=lambda found: found.trials, default=None)
    return None if most is None else extended(most, wanted)


def extended(stored: CampaignSettings, wanted: CampaignSettings) -> CampaignSettings:
    """The stored campaign with as many trials as either has; once results were looked at, that stays so."""
    longer = max(stored, wanted, key=lambda campaign: campaign.trials)
    looked_from = stored.looked_from
    if looked_from is None and wanted.looked_from is not None:
        looked_from = stored.trials
    return replace(stored, trials=longer.trials, architectures=longer.architectures, looked_from=looked_from)


def with_limits_of(campaign: CampaignSettings, wanted: CampaignSettings) -> CampaignSettings:
    """The campaign under the limits of the wanted one."""
    return replace(campaign, **{name: getattr(wanted, name) for name in LIMITS})


def continued(record: RunRecord, wanted: CampaignSettings) -> CampaignSettings:
    """The stored campaign of the wanted name with the trials and limits that are wanted.

    Raises:
        RunExistsError: If the name is taken by a run, or by a campaign with other settings or more trials; says what
            differs.
        UsageError: If it was begun with other code of its task.
    """
    if record.kind != "campaign":
        raise RunExistsError(f"the name {record.name!r} is taken by a {record.kind}: choose another --name or --prefix")
    require_same_code(record, fingerprint(wanted.configured_task()))
    settings = record.settings
    try:
        stored = CampaignSettings.from_mapping(record.settings)
        settings = stored.to_dict()
        if match(stored, wanted) is Match.EXTEND and (wanted.trials >= stored.trials or wanted.looked_from is not None):
            return with_limits_of(extended(stored, wanted), wanted)
    except UsageError as error:  # what cannot be read differs anyway
        log.debug("the settings of %s cannot be read: %s", record.name, error)
    ignored = {*LIMITS, "label", "looked_from"}
    if wanted.trials >= int(settings.get("trials", 0)):
        ignored.add("trials")
    if wanted.kind not in REPEATED:
        ignored.add("draws")
    found = differences(CampaignSettings, settings, wanted.to_dict(), ignored=ignored)
    raise RunExistsError(
        f"the name {record.name!r} is taken by a campaign with other settings: {'; '.join(found)}; nothing was done: "
        "choose another --name or --prefix"
    )


def stored_campaigns(records: Iterable[RunRecord]) -> list[CampaignSettings]:
    """The campaigns among runs whose trials may be used: those of the present code of a task that can be loaded.

    One that cannot be read, or whose task cannot be loaded, is passed over: the others can still be used.
    """
    found = []
    for record in records:
        if record.kind != "campaign":
            continue
        try:
            campaign = CampaignSettings.from_mapping(record.settings)
            if record.fingerprint in (None, fingerprint(campaign.configured_task())):
                found.append(campaign)
        except UsageError as error:
            log.warning("the campaign %s is passed over: %s", record.name, error)
    return found


def _trials_of(campaign: CampaignSettings, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What the trials of a campaign follow from, given the defaults of the settings that its task has now."""
    ignored = {"name", "label", "trials", "architectures", "looked_from", *LIMITS}
    if campaign.kind not in REPEATED:
        ignored.add("draws")
    values = {name: value for name, value in campaign.to_dict().items() if name not in ignored}
    return {**values, "settings": {**defaults, **campaign.settings}}


def _begin_alike(stored: CampaignSettings, wanted: CampaignSettings) -> bool:
    """Whether the given architectures of one are the first of the other's."""
    return all(one == other for one, other in zip(stored.architectures, wanted.architectures, strict=False))
