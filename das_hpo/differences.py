"""What differs between settings that are stored and settings that are asked for, in the words of the options."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from das_hpo.declaration import Pairs, declarations, shown
from das_hpo.settings import RunSettings
from das_hpo.task_options import TASK_OPTIONS
from spaces.errors import RunExistsError, UsageError
from storage.records import RunRecord

#: Limits of how long it is computed: they change no result, and a resume may have others.
LIMITS = ("time_limit_s",)


def differences(
    cls: type, stored: Mapping[str, Any], asked: Mapping[str, Any], *, ignored: Collection[str] = ()
) -> list[str]:
    """Each setting that differs: its option, the stored value, and the one that was asked for.

    Args:
        cls: The dataclass that declares the settings.
        stored: As builtin types; tuples and lists are the same.
        asked: As builtin types.
        ignored: Names of settings that may differ.
    """
    before, after = (
        _by_option(cls, {name: value for name, value in settings.items() if name not in ignored})
        for settings in (stored, asked)
    )
    return [
        f"{option} is {_said(before.get(option))} there, {_said(after.get(option))} was asked for"
        for option in {**before, **after}
        if before.get(option) != after.get(option)
    ]


def require_same_run(record: RunRecord, asked: RunSettings, *, ignored: Collection[str] = LIMITS) -> None:
    """Raises RunExistsError, which says what differs, unless the stored run is the one that is asked for."""
    if record.kind != "run":
        raise RunExistsError(f"the name {record.name!r} is taken by a {record.kind}: choose another --name")
    try:
        stored = RunSettings.from_mapping(record.settings).to_dict()
    except UsageError:  # of a task or plug-in that this process does not have
        stored = record.settings
    found = differences(RunSettings, stored, asked.to_dict(), ignored=ignored)
    if found:
        raise RunExistsError(
            f"the run {record.name!r} has other settings than were asked for: {'; '.join(found)}; nothing was done: "
            f"ask for the stored ones, continue it as it is with das-hpo resume {record.name}, or choose another --name"
        )


def require_same_code(stored: RunRecord, now: str) -> None:
    """Refuses to go on with a run whose task has other code by now.

    Raises:
        UsageError: Says what can be done.
    """
    if stored.fingerprint not in (None, now):
        raise UsageError(
            f"{stored.name!r} was begun with other code of the task {stored.task} ({stored.fingerprint}, now {now}): "
            "numbers of both must not be mixed in silence: put that code back, begin anew under another --name, or go "
            f"on with das-hpo resume {stored.name} --accept-code-change"
        )


def _by_option(cls: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Values by option, each entry of a mapping by itself; what has no option is named as it is stored."""
    declared = declarations(cls)
    values: dict[str, Any] = {}
    for name, value in json.loads(json.dumps(dict(settings))).items():
        option = declared[name].option if name in declared else None
        if name in declared and isinstance(declared[name].kind, Pairs):
            for key, each in (value or {}).items():
                has_option = name == "settings" and key in TASK_OPTIONS
                values[f"--{key}" if has_option else f"{option or name.removesuffix('s')} {key}"] = each
        else:
            values[option or name] = value
    return values


def _said(value: object) -> str:
    """A value as the command line takes it; configurations by their labels."""
    if isinstance(value, list):
        names = [str(each["label"]) if isinstance(each, dict) else str(each) for each in value]
        return f"{len(names)} ({', '.join(names[:4])}{', ...' if len(names) > 4 else ''})" if names else "none"
    return shown(value)
