"""The log of hpbandster, read back by hpbandster itself, and its space by ConfigSpace."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

from ConfigSpace import ConfigurationSpace
from hpbandster.core.result import logged_results_to_HBS_result

from das_hpo.analysis.exports.hpbandster import FORMAT
from das_hpo.analysis.exports.source import ExportedRun
from das_hpo.analysis.exports.writing import export_run
from spaces.trial import WORST_LOSS


def test_hpbandster_reads_what_was_written(exported: Callable[[str], ExportedRun], target: Path) -> None:
    """Configurations, losses, times and errors; a diverged evaluation has the worst loss, a failed one none."""
    run = exported("lab")
    export_run(run, FORMAT, target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = logged_results_to_HBS_result(str(target))
    assert (result.HB_config["min_budget"], result.HB_config["max_budget"], result.HB_config["eta"]) == (1.0, 9.0, 3.0)
    found = {(datum.config_id, datum.budget): datum for datum in result.get_all_runs()}
    assert {key: datum.loss for key, datum in found.items()} == {
        ((0, 0, 0), 1.0): -14.0,
        ((0, 0, 0), 9.0): -20.0,
        ((0, 0, 1), 1.0): -16.0,
        ((0, 0, 1), 3.0): -18.0,
        ((0, 0, 1), 9.0): -21.0,
        ((0, 0, 2), 1.0): WORST_LOSS,
        ((0, 0, 3), 1.0): None,
    }
    best = result.get_runs_by_id(result.get_incumbent_id())[-1]
    assert (best.config_id, best.info["one_shot_score"], best.info["seed"]) == ((0, 0, 1), 20.25, 8)
    assert best.time_stamps["submitted"] <= best.time_stamps["finished"]
    assert result.get_id2config_mapping()[0, 0, 1]["config"] == run.points[best.config_id]
    assert result.data[0, 0, 3].exceptions[1.0] == "its lease ran out"
    assert ConfigurationSpace.from_json(target / "configspace.json") == run.space
