"""Groups of runs through the real command, in real databases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import das_hpo as das_hpo_api
from das_hpo.analysis.statistics import Trials
from das_hpo.analysis.statistics.replication import Runs, compare_runs, typical_score
from spaces.errors import InvalidValueError, RunMissingError
from tests.das_hpo.command import das_hpo
from tests.das_hpo.databases import Run, group, store, trials

RNG = np.random.default_rng(41)


def scores(n: int, mean: float, between: float = 0.2, count: int = 12) -> list[list[float | None]]:
    """Trials of the incumbents of n runs."""
    return [RNG.normal(RNG.normal(mean, between), 0.3, count).tolist() for _ in range(n)]


A, B = scores(5, 21.0), scores(4, 20.0)
C = [[value + 0.9 for value in row if value is not None] for row in B]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with groups of both objectives, one that is not evaluated, and a preset's campaign."""
    found = f"sqlite:///{tmp_path_factory.mktemp('groups')}/lab.db"
    store(
        found,
        *group("A", A, objective="one-shot"),
        *group("B", B, objective="architecture"),
        *group("C", C, objective="architecture", optimizer="tpe"),
        *group("short", [*scores(3, 20.0), []], objective="architecture", optimizer="random"),
        *group("two", scores(2, 20.0), objective="architecture", optimizer="cma-es"),
        *group("longer", scores(3, 20.0), objective="architecture", settings={"iterations": 9}),
        Run("h1", trials(RNG.normal(20, 0.3, 12).tolist())),
    )
    return found


def compared(url: str, *names: str) -> dict[str, Any]:
    """What the command says in JSON."""
    process = das_hpo("compare", *names, "--db", url, "-f", "json")
    assert process.returncode == 0, process.stderr
    found: dict[str, Any] = json.loads(process.stdout)
    return found


def runs(name: str, values: list[list[float | None]]) -> Runs:
    """The group as the statistics take it, trials of all runs sharing their seeds."""
    return Runs(name, [Trials(f"{name}{i}", row, range(len(row))) for i, row in enumerate(values)])


def test_a_groups_unit_is_the_run(url: str) -> None:
    """Numbers are over the runs' scores, and the test is that of the statistics."""
    found = compared(url, "A", "B")
    assert [(s["kind"], s["trials"], s["tests_use"]) for s in found["subjects"]] == [
        ("group", 5, "re-evaluated incumbents"),
        ("group", 4, "re-evaluated incumbents"),
    ]
    assert found["subjects"][0]["mean"] == pytest.approx(np.mean([typical_score(row) for row in A]))
    (test,) = found["comparisons"]
    expected = compare_runs(runs("A", A), runs("B", B))
    assert (test["test"], test["of"]) == ("t over runs", "runs")
    assert test["p_value"] == pytest.approx(expected.p_value)
    assert (test["difference_low"], test["difference_high"]) == pytest.approx(
        (expected.difference_interval.low, expected.difference_interval.high)
    )
    assert test["decision"] == "better"
    (row,) = das_hpo_api.compare(["A", "B"], url=url).tests.to_dict("records")
    assert row["p_value"] == test["p_value"]


def test_groups_answer_for_their_objectives(url: str) -> None:
    """Three runs or more a side speak of the objective; one run each speaks of its incumbent alone."""
    answer = compared(url, "A", "B")["verdict"][0]
    assert "(A) give as good an architecture as B? Yes, a better one: an incumbent of A typically differs" in answer
    assert "t test, 5 and 4 runs" in answer
    assert "This is said of the objectives with these settings" in answer
    alone = compared(url, "A-seed0", "B-seed0")["verdict"][0]
    assert "This is said of the incumbents of these two runs, not of the objectives" in alone
    few = compared(url, "A", "B-seed0", "B-seed1")["verdict"][0]
    assert "Not decided: an objective is judged by 3 runs or more of each, here are 5 and 2" in few


def test_single_runs_that_are_repetitions_answer_together(url: str) -> None:
    """Named one by one they give the one sentence that their group gives, and no sentence of a pair contradicts it."""
    names = [f"A-seed{i}" for i in range(5)], [f"B-seed{i}" for i in range(4)]
    said = compared(url, *names[1], *names[0])["verdict"]
    assert sum("Does optimising the one-shot objective" in sentence for sentence in said) == 1
    together = compared(url, "A", "B")["verdict"][0]
    assert (
        said[0].split("differs")[1].split("(")[0].split("by")[1]
        == together.split("differs")[1].split("by")[1].split("(")[0]
    )
    assert not any(f"{a} against {b}" in s or f"{b} against {a}" in s for s in said for a in names[0] for b in names[1])


def test_a_further_subject_changes_no_answer_between_two_others(url: str) -> None:
    """The title question of two groups, and the uncorrected numbers of every pair."""
    two, more = compared(url, "A", "B"), compared(url, "A", "B", "h1", "two", "A-seed0")
    assert more["verdict"][0] == two["verdict"][0]
    (expected,) = two["comparisons"]
    found = next(c for c in more["comparisons"] if (c["first"], c["second"]) == ("A", "B"))
    corrected = ("p_holm", "decision", "more_runs", "more_trials")
    assert {**found, **dict.fromkeys(corrected)} == {**expected, **dict.fromkeys(corrected)}
    assert found["p_holm"] >= expected["p_holm"]


def test_any_runs_make_a_group(url: str) -> None:
    """Of runs, of a group and runs; the numbers are those of the stored group."""
    stored = compared(url, "A", "B")
    made = compared(url, "mine=A-seed0,A-seed1,A-seed2,A-seed3,A-seed4", "other=B")
    assert [subject["name"] for subject in made["subjects"]] == ["mine", "other"]
    assert made["comparisons"][0]["p_value"] == stored["comparisons"][0]["p_value"]


def test_a_group_is_compared_with_one_configuration(url: str) -> None:
    """A preset or a run has no spread between runs, and stands for itself."""
    found = compared(url, "A", "h1")
    assert found["comparisons"][0]["decision"] == "better"
    assert "h1 is one configuration and stands for itself" in " ".join(found["verdict"])
    said = " ".join(compared(url, "B", "C-seed0")["verdict"])
    assert "C-seed0 is one run: this speaks of its incumbent" in said or "do not tell" in said


def test_what_is_not_evaluated_is_not_decided(url: str) -> None:
    """The command that decides is named, for what is missing alone."""
    found = compared(url, "B", "short", "two")
    said = "\n".join(found["verdict"])
    assert "B against short: not decided" in said
    assert "das-hpo evaluate short-seed3 --trials 20" in said
    assert "B against two: not decided. A group is judged by 3 runs or more, and two has 2" in said
    assert {test["decision"] for test in found["comparisons"]} == {"undecided"}
    assert all(test["p_value"] is None for test in found["comparisons"])


def test_an_objective_with_other_settings_is_no_answer(url: str) -> None:
    """More than the objective differs."""
    said = compared(url, "A", "longer")["verdict"][0]
    assert (
        "These runs cannot say, because more than their objective differs: --iterations None (A) or 9 (longer)" in said
    )


@pytest.mark.parametrize(
    ("names", "error", "said"),
    [
        (["m=A-seed0,C-seed0,B-seed1"], InvalidValueError, "runs of m are no repetitions of each other"),
        (["m=h1"], InvalidValueError, "a group has runs alone, and h1 is none"),
        (["m="], InvalidValueError, "written NAME=RUN,RUN,RUN, got 'm='"),
        (["=A"], InvalidValueError, "written NAME=RUN,RUN,RUN, got '=A'"),
        (["A=B-seed0"], InvalidValueError, "'A' names a run or a group already"),
        (["m=nobody"], RunMissingError, "no run is named 'nobody'.*groups of runs are"),
        (["nobody"], RunMissingError, "no run, no group and no preset is named 'nobody'"),
        (["m=A", "m=B"], InvalidValueError, "got m again"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_is_no_group_is_refused(names: list[str], error: type[Exception], said: str, url: str) -> None:
    """In words that say what is valid."""
    with pytest.raises(error, match=said):
        das_hpo_api.compare(names, url=url)


def test_equal_groups_are_rarely_told_apart(tmp_path: Path) -> None:
    """All configurations are equal: maxima of 30 and of 100 evaluations were decided in 46 %, trials rarely."""
    rng, decided = np.random.default_rng(42), 0
    for world in range(12):
        found = f"sqlite:///{tmp_path}/{world}.db"
        few, many = ([rng.normal(20, 0.7, 8).tolist() for _ in range(5)] for _ in range(2))
        store(found, *group("few", few, optimizer="random"), *group("many", many, optimizer="bohb"))
        (test,) = das_hpo_api.compare(["few", "many"], url=found).tests.to_dict("records")
        decided += test["decision"] != "undecided"
    assert decided <= 2
