"""Comparing subjects: what is taken from the rows, and that the verdicts say no more than the data."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from das_hpo.analysis.comparison.compare import Report, compare_subjects
from das_hpo.analysis.comparison.rows import best_at_cost, best_under, cost_of
from das_hpo.analysis.comparison.subjects import (
    EVALUATIONS,
    INCUMBENT_TRIALS,
    TRIALS,
    Subject,
    preset_subject,
    run_subject,
)
from das_hpo.analysis.comparison.verdicts import correlation_verdict, smallest_p, verdicts
from das_hpo.analysis.statistics import correlation, holm, mann_whitney, paired_wilcoxon
from spaces.errors import InvalidValueError
from spaces.hyperparameters import PRESETS
from storage import queries
from storage.engine import open_database
from storage.frames import load_results
from tests.das_hpo import frames
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import Run, Trial, store, trials

RNG = np.random.default_rng(3)
LOW: list[float | None] = RNG.normal(20, 0.5, 12).tolist()
HIGH: list[float | None] = RNG.normal(22, 0.5, 12).tolist()


def _campaign(name: str, psnr: list[float | None], **rest: object) -> Subject:
    return run_subject(frames.campaign(name, psnr, **rest), name=name, kind="campaign")  # type: ignore[arg-type]


def _report(*subjects: Subject) -> tuple[Report, str]:
    report = compare_subjects(subjects)
    return report, "\n".join(verdicts(report))


def test_a_clear_difference_is_said_with_its_numbers() -> None:
    """Two campaigns with shared seeds: paired, corrected, and the better one is named."""
    report, said = _report(_campaign("high", HIGH), _campaign("low", LOW))
    (comparison,) = report.comparisons
    assert comparison.test == "wilcoxon"
    assert comparison.p_value == pytest.approx(paired_wilcoxon(HIGH, LOW)[1])
    assert "high against low: the trials of high are better" in said
    assert f"{np.median(HIGH) - np.median(LOW):+.2f} dB" in said


def test_other_seeds_are_not_paired_and_three_are_corrected() -> None:
    """Mann-Whitney between different seeds; Holm over the three pairs."""
    subjects = [_campaign(name, [v + shift for v in LOW], seeds=list(range(start, start + 12)))
                for name, shift, start in (("a", 0.0, 0), ("b", 0.2, 100), ("c", 2.0, 200))]  # fmt: skip
    report, _ = _report(*subjects)
    assert {comparison.test for comparison in report.comparisons} == {"mann-whitney"}
    first = report.comparisons[0]
    assert first.p_value == pytest.approx(mann_whitney(LOW, [v + 0.2 for v in LOW])[1])
    assert [c.p_holm for c in report.comparisons] == pytest.approx(holm([c.p_value for c in report.comparisons]))


def test_no_difference_is_not_called_equality() -> None:
    """The verdict names the differences that the data still allow."""
    shuffled = RNG.permutation(LOW).tolist()
    report, said = _report(_campaign("a", LOW), _campaign("b", shuffled, seeds=list(range(50, 62))))
    interval = report.comparisons[0].difference_interval
    assert "do not tell which is better; that is no proof that they are equal" in said
    assert f"{interval.low:+.2f} to {interval.high:+.2f} dB agrees" in said


def test_too_few_trials_are_said_to_be_too_few() -> None:
    """Three against three, fully separated: p is 0.1 at best, which the verdict says."""
    a, b = _campaign("a", [1.0, 2.0, 3.0]), _campaign("b", [4.0, 5.0, 6.0], seeds=[7, 8, 9])
    report, said = _report(a, b)
    assert smallest_p(report.comparisons[0], 3, 3) == pytest.approx(0.1)
    assert "too few trials to tell. With these 3 and 3 trials" in said
    assert "a: only 3 trials" in said
    paired = compare_subjects([a, _campaign("c", [4.0, 5.0, 6.0])]).comparisons[0]
    assert smallest_p(paired, 3, 3) == 0.25


def test_what_was_not_retrained_is_not_diverged() -> None:
    """A one-shot run has no architecture PSNRs: there is no test, and nobody diverged."""
    not_retrained = frames.campaign("one", LOW)
    not_retrained["one_shot_score"] = not_retrained["architecture_score"]
    not_retrained["architecture_score"] = math.nan
    report, said = _report(run_subject(not_retrained, name="one", kind="campaign"), _campaign("two", HIGH))
    assert math.isnan(report.comparisons[0].p_value)
    assert "one has no architecture PSNR (run with --retrain always)" in said
    assert "diverged" not in said


def test_trials_that_all_diverged_are_worse() -> None:
    """They are ranked last, and no medians are made up for them."""
    _, said = _report(_campaign("good", HIGH), _campaign("bad", [None] * len(HIGH)))
    assert "the trials of good are better. Every trial of bad diverged" in said
    assert "nan" not in said
    assert "--retrain" not in said


def test_diverged_trials_problems_and_budgets_are_warned_of() -> None:
    """What makes a comparison lame is said."""
    other = frames.campaign("b", [*LOW[:11], None])
    other["data"], other["budget"] = "downsampling", 5.0
    _, said = _report(_campaign("a", LOW), run_subject(other, name="b", kind="campaign"))
    assert "b: 1 of 12 trials diverged" in said
    assert "The problems differ (a: sequential, good, blur; b: sequential, good, downsampling)" in said
    assert "different lengths in epochs (a 50, b 5)" in said


@pytest.mark.parametrize(
    ("slope", "words"),
    [(1.0, "goes with a better architecture PSNR"), (-1.0, "goes with a worse"), (0.0, "do not show")],
    ids=["positive", "negative", "none"],
)
def test_correlations_keep_their_sign(slope: float, words: str) -> None:
    """A negative correlation is not a good one."""
    x = np.linspace(18, 22, 30)
    noise = 0.2 * np.cos(np.arange(30) * 2.0)
    subject = run_subject(frames.campaign("c", (slope * x + noise + 5).tolist(), x.tolist()), name="c", kind="campaign")
    assert words in correlation_verdict(subject)
    assert subject.correlation == correlation(x, slope * x + noise + 5)


def test_the_incumbent_follows_the_runs_aggregate() -> None:
    """Best mean, best maximum; a configuration with a diverged or an open replicate does not win the mean."""
    frame = frames.campaign("r", [20.0, 22.0, 21.5, 21.6, 30.0, None, 40.0, None])
    frame["number"] = [0, 0, 1, 1, 2, 2, 3, 3]
    frame.loc[7, "status"] = "running"
    mean, best = best_under(frame, "architecture"), best_under(frame, "architecture", "max")
    assert mean is not None
    assert best is not None
    assert (mean.configuration, mean.architecture_score, mean.rivals) == ((0, 0, 1), pytest.approx(21.55), 2)
    assert best.configuration == (0, 0, 2)
    assert best_under(frame[frame["one_shot_score"].isna()], "one-shot") is None


@pytest.mark.parametrize("how", ["mean", "median", "max"])
@pytest.mark.parametrize("objective", ["one-shot", "architecture"])
def test_compare_and_incumbent_agree(how: str, objective: str, memory_path: Path) -> None:
    """Both choose the same configuration and give it the same numbers, whatever the aggregate."""
    url = f"sqlite:///{memory_path}/runs.db"
    given: list[list[float | None]] = [[20.0, 22.0, 20.5], [21.5, 21.6, 19.0], [None, 30.0, 18.0], [21.0, 21.1, 21.2]]
    rows = [each for number, psnrs in enumerate(given) for each in trials(psnrs, number=number)]
    store(url, Run("run", rows, kind="run", settings={"aggregate": how}))
    found = best_under(load_results(url, "run"), objective, how)
    with open_database(url) as database:
        (best,) = queries.incumbents(database, "run", objective)
    assert found is not None
    assert (found.configuration, found.budget, found.replicates) == (best.configuration_id, 9.0, best.replicates)
    assert (found.one_shot_score, found.architecture_score) == (best.one_shot_score, best.architecture_score)


def test_no_incumbent_is_diverged_or_has_an_open_replicate() -> None:
    """A search that went well does not win where its retraining diverged; a smaller budget stands in, if it must."""
    frame = frames.campaign("r", [20.0, 22.0, 21.0])
    frame["number"] = [0, 1, 2]
    frame["one_shot_score"] = [15.0, 25.0, 14.0]
    frame.loc[1, "status"] = "diverged"
    frame.loc[2, "budget"] = 5.0
    found = best_under(frame, "one-shot")
    assert found is not None
    assert (found.configuration, found.budget) == ((0, 0, 0), 50.0)
    frame.loc[1, "number"] = 0
    frame.loc[1, "status"] = "queued"
    found = best_under(frame, "one-shot")
    assert found is not None
    assert (found.configuration, found.budget) == ((0, 0, 2), 5.0)


def test_cost_and_equal_cost_by_hand() -> None:
    """Seconds of workers, epochs, wall clock; the best by the time the cheaper run had ended."""
    frame = frames.campaign("r", [20.0, None, 22.0], duration_s=4.0)
    frame.loc[2, "status"] = "failed"
    cost = cost_of(frame)
    assert (cost.evaluations, cost.failed, cost.epochs, cost.worker_s, cost.wall_s) == (3, 1, 150.0, 12.0, 12.0)
    whole = frames.campaign("r", [20.0, 21.0, 22.0], duration_s=4.0)
    assert [best_at_cost(whole, "architecture_score", s) for s in (4.0, 8.0, 100.0)] == [20, 21, 22]
    assert math.isnan(best_at_cost(whole, "architecture_score", 1.0))


def test_a_run_takes_part_with_the_trials_of_its_incumbent() -> None:
    """Where a campaign has them; else with its evaluations, and the verdict says what that is worth."""
    run = frames.optimisation("r")
    alone = run_subject(run, name="r", optimizer="bohb")
    assert alone.source == EVALUATIONS
    assert alone.sample.seeds is None
    best = alone.own_best
    assert best is not None
    rows = run[
        (run["budget"] == 50) & run["number"].eq(best.configuration[2]) & run["iteration"].eq(best.configuration[0])
    ]
    campaign = frames.campaign("c", LOW)
    for name in PRESETS["H1"].to_dict():
        campaign[name] = rows[name].iloc[0]
    evaluated = run_subject(run, name="r", optimizer="bohb", campaigns=campaign)
    assert evaluated.source == INCUMBENT_TRIALS
    assert evaluated.summary.trials == 12
    other = campaign.assign(data="downsampling")
    assert run_subject(run, name="r", campaigns=other).source == EVALUATIONS
    _, said = _report(alone, _campaign("h", HIGH))
    assert "they tell where it looked, not how good its incumbent is" in said


def _with_trials(name: str, objective: str, psnr: list[float]) -> Subject:
    subject = run_subject(frames.optimisation(name, objective=objective, seed=5), name=name, optimizer="bohb")
    trial = _campaign(name, psnr)
    return dataclasses.replace(subject, sample=trial.sample, summary=trial.summary, source=INCUMBENT_TRIALS)


@pytest.mark.parametrize(
    ("one_shot", "architecture", "answer"),
    [(LOW, HIGH, "No, a worse one: -"), (HIGH, LOW, "Yes, a better one: +"), (LOW, LOW[::-1], "Not decided: ")],
    ids=["worse", "better", "undecided"],
)
@pytest.mark.parametrize("swapped", [False, True], ids=["one-shot first", "architecture first"])
def test_the_question_of_the_title(
    one_shot: list[float], architecture: list[float], answer: str, swapped: bool
) -> None:
    """Answered from trials of both incumbents, whichever was named first."""
    subjects = [_with_trials("o", "one-shot", one_shot), _with_trials("a", "architecture", architecture)]
    said = verdicts(compare_subjects(subjects[::-1] if swapped else subjects))
    assert said[0].startswith("Does optimising the one-shot objective (o) give as good an architecture as a?")
    assert answer in said[0]


def test_runs_alone_do_not_answer_the_title() -> None:
    """Two single incumbents are luck; the verdict says which commands would answer it."""
    runs = [
        run_subject(frames.optimisation(n, objective=o), name=n) for n, o in (("o", "one-shot"), ("a", "architecture"))
    ]
    report = compare_subjects(runs)
    assert "These runs alone cannot say" in verdicts(report)[0]
    assert "das-hpo evaluate o --trials 75, das-hpo evaluate a --trials 75" in verdicts(report)[0]
    assert report.equal_cost is None
    two = compare_subjects([run_subject(frames.optimisation(n, seed=s), name=n) for s, n in enumerate("xy")])
    assert two.equal_cost is not None
    assert "At equal cost" in "\n".join(verdicts(two))


def test_presets_are_found_by_their_hyperparameters() -> None:
    """In campaigns alone, of one problem and budget, each seed once."""
    campaign = frames.campaign("c", LOW)
    for name, value in PRESETS["H2"].to_dict().items():
        campaign[name] = value
    found = preset_subject("H2", pd.concat([campaign, campaign]), {"data": "blur"})
    assert (found.kind, found.source, found.summary.trials) == ("preset", TRIALS, 12)
    with pytest.raises(InvalidValueError, match=r"no trials of preset H1 .* das-hpo evaluate H1 --data blur"):
        preset_subject("H1", campaign, {"data": "blur"})
    with pytest.raises(InvalidValueError, match=r"do not agree, say which .*--data downsampling"):
        preset_subject("H2", pd.concat([campaign, campaign.assign(data="downsampling")]), {})
    with pytest.raises(InvalidValueError, match=r"do not agree, say which .*--epochs 50 or --epochs 5;"):
        preset_subject("H2", pd.concat([campaign, campaign.assign(budget=5.0)]), {})


def test_nothing_finished_is_an_error() -> None:
    """A run without results cannot be compared."""
    with pytest.raises(InvalidValueError, match="r has no finished evaluation"):
        run_subject(frames.optimisation("r").assign(status="queued"), name="r")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with a run, trials of its incumbent, and two presets."""
    path = tmp_path_factory.mktemp("compare") / "das.db"
    point = dataclasses.replace(PRESETS["H1"], alpha_learning_rate=0.02)
    store(
        f"sqlite:///{path}",
        Run("h1", trials(LOW)),
        Run("h2", trials(HIGH, hyperparameters=PRESETS["H2"])),
        Run(
            "tuned",
            [
                Trial(19.0, 18.0, number=0, origin="random"),
                Trial(23.0, 20.0, number=1, origin="model", hyperparameters=point),
            ],
            kind="run",
        ),
        Run("of-tuned", trials([v + 0.5 for v in HIGH], hyperparameters=point, origin="fixed")),
        Run("of-tuned-2", trials([v + 0.5 for v in HIGH], hyperparameters=point, origin="model")),
    )
    return f"sqlite:///{path}"


def test_the_command_reads_runs_campaigns_and_presets(url: str) -> None:
    """Through the real command: the preset takes the problem of the run named beside it."""
    process = das_hpo("compare", "H1", "h2", "tuned", "--db", url)
    assert process.returncode == 0, process.stderr
    assert "12 trials of the incumbent" in process.stdout
    assert "verdict" in process.stdout
    assert "H1 against h2: the trials of H1 are worse" in process.stdout
    records = json.loads(das_hpo("compare", "H1", "tuned", "--db", url, "-f", "json").stdout)
    assert [subject["kind"] for subject in records["subjects"]] == ["preset", "run"]
    assert records["subjects"][1]["best_by_architecture_architecture_psnr"] == 23.0
    assert records["comparisons"][0]["median_difference"] == pytest.approx(np.median(LOW) - np.median(HIGH) - 0.5)
    lines = das_hpo("compare", "h1", "h2", "--db", url, "-f", "csv").stdout.splitlines()
    assert len(lines) == 3


def test_wrong_names_are_one_line(url: str, tmp_path: Path) -> None:
    """Unknown and repeated names, presets without trials, no database."""
    assert_one_line_error(das_hpo("compare", "nobody", "--db", url), 2, "'nobody'", "of-tuned-2", "BOHB-Non-Seq-Blur")
    assert_one_line_error(das_hpo("compare", "h1", "h1", "--db", url), 2, "h1 came again")
    assert_one_line_error(das_hpo("compare", "BOHB-Blur", "--db", url), 2, "das-hpo evaluate BOHB-Blur")
    assert_one_line_error(das_hpo("compare", "h1", "--level", "95", "--db", url), 2, "'95'")
    assert_one_line_error(das_hpo("compare", "h1", "--db", f"sqlite:///{tmp_path}/none.db"), 1, "none.db")


def test_a_trial_of_a_random_search_is_the_best_of_its_draws() -> None:
    """Paired by the first draw's seed; unfinished trials are left out; time is that of all draws."""
    frame = frames.campaign("s", [10.0, 12.0, None, 11.0, None, None, 5.0, 6.0], duration_s=2.0)
    frame["method"] = "random-search"
    frame["iteration"], frame["number"] = [0, 0, 1, 1, 2, 2, 3, 3], [0, 1] * 4
    frame.loc[7, "status"] = "running"
    subject = run_subject(frame, name="s", kind="campaign")
    assert subject.sample.seeds == [0, 2, 4]
    assert subject.summary.trials == 3
    assert subject.summary.diverged == 1
    assert (subject.summary.maximum, subject.summary.mean) == (12.0, 11.5)
    assert subject.cost.worker_s == 14.0


def _optimiser(name: str, optimizer: str, shift: float) -> Subject:
    frame = frames.optimisation(name, seed=len(name))
    frame["architecture_score"] += shift
    return run_subject(frame, name=name, optimizer=optimizer)


def test_optimisers_are_ranked_over_several_runs_at_equal_cost() -> None:
    """Five runs of each: each run's best by the cheapest one's cost is one draw; one run of each ranks nothing."""
    subjects = [_optimiser("b" * (i + 1), "bohb", 3.0 + 0.1 * i) for i in range(5)]
    subjects += [_optimiser("r" * (i + 1), "random", 0.1 * i) for i in range(5)]
    report = compare_subjects(subjects)
    assert report.equal_cost is not None
    (comparison,) = report.equal_cost.optimizers
    assert (comparison.first, comparison.second) == ("bohb", "random")
    values = list(report.equal_cost.score.values())
    assert comparison.p_value == pytest.approx(mann_whitney(values[:5], values[5:])[1])
    said = "\n".join(verdicts(report))
    assert "bohb against random, 5 and 5 runs: bohb is better at equal cost" in said
    one_each = "\n".join(verdicts(compare_subjects([subjects[0], subjects[5]])))
    assert "Only several runs of each, with other seeds, can rank the optimisers" in one_each


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database whose trials of presets are of several settings and budgets."""
    path = tmp_path_factory.mktemp("several") / "das.db"
    point = dataclasses.replace(PRESETS["H1"], alpha_learning_rate=0.02)
    few = {"choices": {"channels": 4}}
    store(
        f"sqlite:///{path}",
        Run("h1", trials(LOW, budget=50.0)),
        Run("h1-few", trials(HIGH, first_seed=100, budget=50.0), settings={**few, "budget": 50}),
        Run("h1-short", trials([v + 9 for v in HIGH], first_seed=200, budget=5.0), settings={"budget": 5}),
        Run("h2-few", trials(HIGH, budget=50.0, hyperparameters=PRESETS["H2"]), settings=few),
        Run("tuned", [Trial(23.0, 20.0, hyperparameters=point, origin="model")], kind="run"),
        Run("tuned-few", [Trial(23.0, 20.0, hyperparameters=point, origin="model")], kind="run", settings=few),
        Run("of-tuned-few", trials(HIGH, hyperparameters=point, origin="fixed"), settings=few),
    )
    return f"sqlite:///{path}"


def test_trials_of_other_settings_are_not_pooled(several: str) -> None:
    """Of one preset: the options that narrow them down are said, and do; a named campaign narrows them, too."""
    process = das_hpo("compare", "H1", "--db", several)
    assert_one_line_error(process, 2, "--epochs 50 or --epochs 5", "--set channels=8 or --set channels=4")
    assert_one_line_error(das_hpo("compare", "H1", "--epochs", "50", "--db", several), 2, "--set channels=8 or")

    def mean(*arguments: str) -> float:
        process = das_hpo("compare", *arguments, "--db", several, "-f", "json")
        assert process.returncode == 0, process.stderr
        return float(json.loads(process.stdout)["subjects"][0]["mean"])

    eight = ("--epochs", "50", "--set", "channels=8")
    assert mean("H1", *eight) == pytest.approx(np.mean(LOW))
    assert mean("H1", "--epochs", "50", "--set", "channels=4") == pytest.approx(np.mean(HIGH))
    assert mean("H1", "--epochs", "5") == pytest.approx(np.mean(HIGH) + 9)
    assert mean("H1", "h1-few") == pytest.approx(np.mean(HIGH))
    assert mean("H1", "h1-few", *eight) == pytest.approx(np.mean(LOW))


def test_presets_of_other_settings_are_not_compared(several: str) -> None:
    """What differs between them is said; campaigns that are named are compared, and the verdict says it."""
    process = das_hpo("compare", "H1", "H2", "--epochs", "5", "--db", several)
    assert_one_line_error(process, 2, "no trials of preset H2", "das-hpo evaluate H2 --epochs 5")
    process = das_hpo("compare", "H1", "H2", "--epochs", "50", "--set", "channels=4", "--db", several)
    assert process.returncode == 0, process.stderr
    named = das_hpo("compare", "h1", "h2-few", "--db", several)
    assert named.returncode == 0, named.stderr
    assert "The settings differ: --set channels=8 (h1) or --set channels=4 (h2-few)" in named.stdout
    assert "The settings differ" not in process.stdout


def test_presets_that_have_other_trials_each_are_not_compared(tmp_path: Path) -> None:
    """Each agrees with itself: what differs between the two is said with who has which."""
    url = f"sqlite:///{tmp_path}/das.db"
    short = trials(HIGH, budget=5.0, hyperparameters=PRESETS["H2"])
    store(url, Run("h1", trials(LOW, budget=50.0)), Run("h2", short, data="downsampling"))
    process = das_hpo("compare", "H1", "H2", "--db", url)
    assert_one_line_error(process, 2, "--data blur (H1) or --data downsampling (H2)", "--epochs 50 (H1) or --epochs 5")


def test_an_incumbents_trials_have_the_settings_of_its_run(several: str) -> None:
    """Trials of the same hyperparameters with other choices are none of its incumbent."""
    records = json.loads(das_hpo("compare", "tuned", "tuned-few", "--db", several, "-f", "json").stdout)
    assert [subject["tests_use"] for subject in records["subjects"]] == [EVALUATIONS, INCUMBENT_TRIALS]
    assert records["equal_cost"] is None
