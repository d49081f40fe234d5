"""A study of Optuna, read back by Optuna itself, from a journal and from SQLite, and served by optuna-dashboard."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from das_hpo.analysis.exports.optuna import FORMAT
from das_hpo.analysis.exports.source import ExportedRun
from das_hpo.analysis.exports.writing import export_run
from spaces.hyperparameters import PRESETS

Exported = Callable[[str], ExportedRun]


class Quiet(WSGIRequestHandler):
    """Logs no requests."""

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def opened(target: Path) -> optuna.storages.BaseStorage:
    """The storage as users of Optuna open it."""
    if target.suffix == ".db":
        return optuna.storages.RDBStorage(f"sqlite:///{target}")
    return optuna.storages.JournalStorage(JournalFileBackend(str(target)))


@pytest.mark.parametrize("ending", [".db", ".journal"])
def test_optuna_reads_what_was_written(ending: str, exported: Exported, tmp_path: Path) -> None:
    """A trial a configuration, budgets as steps, both scores as attributes, and the run's own best one."""
    target = tmp_path / f"out{ending}"
    export_run(exported("lab"), FORMAT, target)
    study = optuna.load_study(study_name="lab", storage=opened(target))
    assert (study.direction.name, study.metric_names) == ("MAXIMIZE", ["architecture PSNR (dB)"])
    found = {trial.user_attrs["configuration"]: trial for trial in study.trials}
    assert {key: (trial.state, trial.value, trial.intermediate_values) for key, trial in found.items()} == {
        "0-0-0": (TrialState.COMPLETE, 20.0, {1: 14.0, 9: 20.0}),
        "0-0-1": (TrialState.COMPLETE, 21.0, {1: 16.0, 3: 18.0, 9: 21.0}),
        "0-0-2": (TrialState.FAIL, None, {}),
        "0-0-3": (TrialState.FAIL, None, {}),
    }
    best = study.best_trial
    assert best.params == PRESETS["H2"].to_dict()
    assert (best.user_attrs["one_shot_score"], best.user_attrs["architecture_score"]) == (20.25, 21.0)
    assert (best.user_attrs["budget"], best.user_attrs["seed"]) == (9.0, 8)
    assert best.user_attrs["scores_by_budget"] == {"1": 16.0, "3": 18.0, "9": 21.0}
    assert best.distributions["parameter_learning_rate"].log
    optuna.importance.get_param_importances(study)  # the study is whole enough for Optuna's own analysis


def test_a_trial_of_a_campaign_is_one_evaluation(exported: Exported, target: Path) -> None:
    """Its configuration is the same in all of them."""
    export_run(exported("trials"), FORMAT, target)
    study = optuna.load_study(study_name="trials", storage=opened(target))
    assert [(trial.state.name, trial.value) for trial in study.trials] == [
        ("COMPLETE", 20.0),
        ("COMPLETE", 21.0),
        ("FAIL", None),
        ("COMPLETE", 19.0),
    ]


@pytest.mark.filterwarnings("ignore")
def test_optuna_dashboard_serves_the_study(exported: Exported, target: Path) -> None:
    """Its own application answers with the study and its trials."""
    dashboard = pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed")
    export_run(exported("lab"), FORMAT, target)
    server = make_server("127.0.0.1", 0, dashboard.wsgi(opened(target)), handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def get(path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}", timeout=30) as answer:
            return dict(json.load(answer))

    try:
        (summary,) = get("/api/studies")["study_summaries"]
        detail = get(f"/api/studies/{summary['study_id']}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert summary["study_name"] == "lab"
    assert [(trial["state"], len(trial["intermediate_values"])) for trial in detail["trials"]] == [
        ("Complete", 2),
        ("Complete", 3),
        ("Fail", 0),
        ("Fail", 0),
    ]
