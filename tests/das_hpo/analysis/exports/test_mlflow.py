"""MLflow's tracking stores, read back by MLflow where it is installed; the file store by its definition, too."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from das_hpo.analysis.exports.mlflow import FORMAT, runs
from das_hpo.analysis.exports.source import ExportedRun
from das_hpo.analysis.exports.writing import export_run
from spaces.errors import UsageError
from spaces.hyperparameters import PRESETS

Exported = Callable[[str], ExportedRun]


def test_the_file_store_is_as_mlflow_defines_it(exported: Exported, target: Path) -> None:
    """A folder an experiment, in it one a run; values of metrics are ``time value step`` a line."""
    export_run(exported("lab"), FORMAT, target)
    (experiment,) = [path for path in target.iterdir() if path.is_dir()]
    meta = {
        name: json.loads(value)
        for name, _, value in (line.partition(": ") for line in (experiment / "meta.yaml").read_text().splitlines())
    }
    assert (meta["name"], meta["experiment_id"], meta["lifecycle_stage"]) == ("lab", experiment.name, "active")
    found = [path for path in experiment.iterdir() if path.is_dir() and path.name != "tags"]
    assert len(found) == 7
    assert all(len(path.name) == 32 and (path / "meta.yaml").exists() for path in found)
    (best,) = [path for path in found if (path / "tags" / "mlflow.runName").read_text() == "0-0-1 at 9 epochs"]
    assert (best / "metrics" / "architecture_score").read_text().split()[1:] == ["21.0", "9"]
    assert [line.split()[1:] for line in (best / "metrics" / "search.training_loss").read_text().splitlines()] == [
        ["0.5", "1"],
        ["0.25", "2"],
    ]
    assert (best / "params" / "alpha_optimizer").read_text() == PRESETS["H2"].to_dict()["alpha_optimizer"]


@pytest.mark.parametrize("ending", ["", ".db"], ids=["file store", "sqlite"])
@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_what_was_written(
    ending: str, exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores, curves, parameters and ends of all evaluations."""
    tracking = pytest.importorskip("mlflow.tracking", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    target = tmp_path / f"out{ending}"
    run = exported("lab")
    export_run(run, FORMAT, target)
    client = tracking.MlflowClient(tracking_uri=f"sqlite:///{target}" if ending else str(target))
    experiment = client.get_experiment_by_name("lab")
    found = {one.info.run_name: one for one in client.search_runs([experiment.experiment_id])}
    assert set(found) == {one.name for one in runs(run)}
    assert len(found) == 7
    best = found["0-0-1 at 9 epochs"]
    assert (best.data.metrics["one_shot_score"], best.data.metrics["architecture_score"]) == (20.25, 21.0)
    assert best.data.params["parameter_learning_rate"] == str(PRESETS["H2"].parameter_learning_rate)
    assert (best.info.status, best.data.tags["das_hpo.configuration"]) == ("FINISHED", "0-0-1")
    assert found["0-0-2 at 1 epochs"].info.status == "FAILED"
    curve = client.get_metric_history(best.info.run_id, "search.training_loss")
    assert [(point.step, point.value) for point in curve] == [(1, 0.5), (2, 0.25)]
    assert best.info.start_time <= best.info.end_time


def test_without_mlflow_a_database_is_refused_with_what_to_do(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is left behind."""
    monkeypatch.setitem(sys.modules, "mlflow.entities", None)
    with pytest.raises(UsageError, match=r"pip install 'das-hpo\[mlflow\]', or give -o a name without .db"):
        export_run(exported("lab"), FORMAT, tmp_path / "out.db")
    assert list(tmp_path.iterdir()) == []
