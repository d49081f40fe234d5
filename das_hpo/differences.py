"""What differs between settings that are stored and settings that are asked for, in the words of the options."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from das_hpo.settings import RunSettings
from spaces.errors import RunExistsError, UsageError
from storage.records import RunRecord

#: The options of settings that are not named as they are; those of a group take NAME=VALUE.
_OPTIONS = {
    "budget": "--epochs",
    "given": "--init",
    "time_limit_s": "--time-limit",
    "evaluation_timeout_s": "--evaluation-timeout",
}
_GROUPS = {
    "settings": "--set",
    "decisions": "--decide",
    "fixed": "--fix",
    "ranges": "--range",
    "hyperparameters": "hyperparameter",
}

#: Settings of a task that have an option of their own.
_LABELS = ("space", "operations", "data", "method")

#: Limits of how long it is computed: they change no result, and a resume may have others.
LIMITS = ("time_limit_s",)


def differences(stored: Mapping[str, Any], asked: Mapping[str, Any], *, ignored: Collection[str] = ()) -> list[str]:
    """Each setting that differs: its option, the stored value, and the one that was asked for.

    Args:
        stored: As builtin types; tuples and lists are the same.
        asked: As builtin types.
        ignored: Names of settings that may differ.
    """
    before, after = (_flat(json.loads(json.dumps(settings))) for settings in (stored, asked))
    return [
        f"{option} is {_said(before.get(option))} there, {_said(after.get(option))} was asked for"
        for option in {**before, **after}
        if before.get(option) != after.get(option) and option not in {_option(name) for name in ignored}
    ]


def require_same_run(record: RunRecord, asked: RunSettings, *, ignored: Collection[str] = LIMITS) -> None:
    """Raises RunExistsError, which says what differs, unless the stored run is the one that is asked for."""
    if record.kind != "run":
        raise RunExistsError(f"the name {record.name!r} is taken by a {record.kind}: choose another --name")
    try:
        stored = RunSettings.from_mapping(record.settings).to_dict()
    except UsageError:  # of a part that no registry of this process holds
        stored = record.settings
    found = differences(stored, asked.to_dict(), ignored=ignored)
    if found:
        raise RunExistsError(
            f"the run {record.name!r} has other settings than were asked for: {'; '.join(found)}; nothing was done: "
            f"ask for the stored ones, continue it as it is with das-hpo resume {record.name}, or choose another --name"
        )


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Values by option."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if name in _GROUPS:
            for key, each in (value or {}).items():
                is_label = name == "settings" and key in _LABELS
                flat[_option(key) if is_label else f"{_GROUPS[name]} {key}"] = each
        else:
            flat[_option(name)] = value
    return flat


def _option(name: str) -> str:
    return _OPTIONS.get(name, f"--{name.replace('_', '-')}")


def _said(value: object) -> str:
    """A value as the command line takes it; configurations by their labels."""
    if isinstance(value, list):
        names = [str(each["label"]) if isinstance(each, dict) else str(each) for each in value]
        return f"{len(names)} ({', '.join(names[:4])}{', ...' if len(names) > 4 else ''})" if names else "none"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
