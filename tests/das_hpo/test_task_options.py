"""Settings of ``inverse-1d`` that have options of their own."""

from __future__ import annotations

from das_hpo.task_options import TASK_OPTIONS
from spaces.inverse_1d.trial import PROBLEM
from spaces.task_registry import DEFAULT_TASK, load_task


def test_they_are_the_settings_that_are_no_choices() -> None:
    """Each with the task's own default first, and words that the help lists."""
    assert tuple(TASK_OPTIONS) == PROBLEM
    settings = load_task(DEFAULT_TASK).configured({}).settings
    for name, option in TASK_OPTIONS.items():
        assert option.default == settings[name]
        assert all(word in option.words for word in option.registry)
