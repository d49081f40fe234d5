"""Tables 7 and 8 from our own optimisations: what was found, what it is worth, and what the paper says of it.

One run stands for each optimisation. So every sentence here is about these incumbents, not about what BOHB finds on
average.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from das_hpo.analysis.reproduction import paper
from das_hpo.analysis.reproduction.findings import FAILS, HOLDS, LEVEL, NO_DATA, OPEN, Finding
from das_hpo.analysis.reproduction.tuning import Tuned
from das_hpo.analysis.statistics import Comparison, Trials, compare, correlation, decide, holm, summarise
from das_hpo.analysis.statistics.decisions import AS_GOOD, BETTER, MARGIN, WORSE
from das_hpo.output import Table
from spaces.hyperparameters import HYPERPARAMETERS, PRESETS

if TYPE_CHECKING:
    import pandas

Found = Mapping[paper.Campaign, Tuned]
Frames = Mapping[paper.Cell, "pandas.DataFrame"]

HEAD = ("preset", "objective", "space", "operations", "data", "method")
#: Brackets of each of the paper's optimisations (section 5.1).
PAPER_ITERATIONS = 128

HYPERPARAMETER_COLUMNS = (*HEAD, "what", "iterations", *HYPERPARAMETERS)


def hyperparameter_table(found: Found) -> Table:
    """The hyperparameters that each optimisation found beside the published ones (Tables 7 and 8)."""
    records: list[dict[str, object]] = []
    for campaign, tuned in found.items():
        head = {name: getattr(campaign, name) for name in HEAD}
        if tuned.trials is not None:
            first = tuned.trials.iloc[0]
            numbers = {"what": "ours", "iterations": tuned.iterations}
            records.append({**head, **numbers, **{name: _plain(first[name]) for name in HYPERPARAMETERS}})
        records.append({**head, "what": "paper", "iterations": PAPER_ITERATIONS, **PRESETS[campaign.preset].to_dict()})
    return Table.of(records, HYPERPARAMETER_COLUMNS)


TRIAL_COLUMNS = (
    *HEAD, "hyperparameters", "trials", "diverged", "one_shot", "one_shot_low", "one_shot_high",
    "architecture", "architecture_low", "architecture_high", "pearson", "pearson_low", "pearson_high", "best_seen",
)  # fmt: skip


def trials_table(found: Found, frames: Frames) -> Table:
    """Medians of fresh trials in dB: of our incumbent, of the published hyperparameters, and of H1.

    ``best_seen`` is the score that made ours the incumbent, the largest of all that the run saw.
    """
    records: list[dict[str, object]] = []
    for campaign, tuned in found.items():
        published, by_hand = campaign.cells
        shown = {
            "ours": tuned.trials,
            "paper": frames.get(published),
            "H1": frames.get(by_hand),
            "ours, on the other data": tuned.elsewhere,
        }
        for what, rows in shown.items():
            if rows is None:
                continue
            record = {**{name: getattr(campaign, name) for name in HEAD}, "hyperparameters": what}
            record |= _numbers(rows)
            if what == "ours":
                record["best_seen"] = tuned.best_seen(campaign.objective)
            records.append({column: _known(value) for column, value in record.items()})
    return Table.of(records, TRIAL_COLUMNS)


def reading_table(table: Table) -> Table:
    """The same for people: an interval in brackets behind its number."""
    rows = []
    for row in table.rows:
        value = dict(zip(table.columns, row, strict=True))
        rows.append(
            (
                value["preset"],
                value["hyperparameters"],
                f"{value['trials']}" + (f" ({value['diverged']} diverged)" if value["diverged"] else ""),
                *(_with_interval(value, name, digits) for name, digits in _SHOWN),
                _digits(value["best_seen"], 2),
            )
        )
    heads = ("optimisation", "hyperparameters", "trials", "one-shot", "architecture", "correlation", "best seen")
    return Table(heads, tuple(rows))


_SHOWN = (("one_shot", 2), ("architecture", 2), ("pearson", 2))


def tuned_findings(found: Found, frames: Frames) -> Table:
    """What the paper says of tuned hyperparameters (sections 5.3 to 5.5), of our own incumbents."""
    rules = (
        _raises_its_score(found, frames),
        _one_shot_is_no_better(found, frames),
        _objectives(found),
        _correlates_more(found, frames),
        _does_not_transfer(found),
    )
    return Table.of(
        [{"claim": each.claim, "verdict": each.verdict, "evidence": each.evidence} for each in rules],
        ("claim", "verdict", "evidence"),
    )


def _raises_its_score(found: Found, frames: Frames) -> Finding:
    claim = "each incumbent is better than H1 under the score that it was tuned for"
    pairs = {
        campaign.preset: _against(tuned.trials, frames.get(campaign.cells[1]), campaign.objective)
        for campaign, tuned in found.items()
    }
    return _judged(claim, pairs, holds=BETTER, fails=(AS_GOOD, WORSE))


def _one_shot_is_no_better(found: Found, frames: Frames) -> Finding:
    claim = f"what was tuned on the one-shot PSNR gives no architectures that are more than {MARGIN} dB better than H1"
    pairs = {
        campaign.preset: _against(tuned.trials, frames.get(campaign.cells[1]), "architecture")
        for campaign, tuned in found.items()
        if campaign.objective == "one-shot"
    }
    known = _known_pairs(pairs)
    if not known:
        return Finding(claim, NO_DATA, "")
    verdicts = dict(zip(known, _verdicts(list(known.values())), strict=True))
    excluded = all(pair.difference_interval.high < MARGIN for pair in known.values())
    better = any(verdict == BETTER and known[name].difference > MARGIN for name, verdict in verdicts.items())
    verdict = FAILS if better else HOLDS if excluded and len(known) == len(pairs) else OPEN
    return Finding(claim, verdict, _evidence(known, verdicts))


def _objectives(found: Found) -> Finding:
    claim = "tuning on the architecture PSNR gives better architectures than tuning on the one-shot PSNR"
    by_problem: dict[tuple[str, ...], dict[str, Tuned]] = {}
    for campaign, tuned in found.items():
        problem = (campaign.space, campaign.operations, campaign.data, campaign.method)
        by_problem.setdefault(problem, {})[campaign.objective] = tuned
    pairs = {
        f"{space} {operations} {data}": _against(tuned["architecture"].trials, tuned["one-shot"].trials, "architecture")
        for (space, operations, data, _), tuned in by_problem.items()
        if len(tuned) == 2
    }
    return _judged(claim, pairs, holds=BETTER, fails=(AS_GOOD, WORSE))


def _correlates_more(found: Found, frames: Frames) -> Finding:
    claim = "one-shot and architecture PSNR correlate more with what was tuned on the one-shot PSNR than with H1"
    parts, verdicts, cases = [], [], 0
    for campaign, tuned in found.items():
        rows, hand = tuned.trials, frames.get(campaign.cells[1])
        if campaign.objective != "one-shot":
            continue
        cases += 1
        if rows is None or hand is None:
            continue
        ours, theirs = (
            correlation(each["one_shot_score"], each["architecture_score"], level=LEVEL) for each in (rows, hand)
        )
        if not (ours.interval.defined and theirs.interval.defined):
            continue
        # Two intervals that do not touch: rarer than 1 - level where the correlations are equal.
        above, below = ours.interval.low > theirs.interval.high, ours.interval.high < theirs.interval.low
        verdicts.append(HOLDS if above else FAILS if below else OPEN)
        parts.append(
            f"{campaign.preset} {ours.coefficient:+.2f} {ours.interval:+.2f}, "
            f"H1 {theirs.coefficient:+.2f} {theirs.interval:+.2f}"
        )
    return Finding(claim, _joint(verdicts, cases), "; ".join(parts))


def _does_not_transfer(found: Found) -> Finding:
    claim = "what was tuned on one data formation is worse on the other than what was tuned there"
    tuned_on = {campaign.data: tuned for campaign, tuned in found.items() if campaign.transfers}
    pairs = {
        f"tuned on {data}, on {other}": _against(tuned_on[other].trials, tuned_on[data].elsewhere, "architecture")
        for data, other in (("blur", "downsampling"), ("downsampling", "blur"))
        if {data, other} <= tuned_on.keys()
    }
    return _judged(claim, pairs, holds=BETTER, fails=(AS_GOOD, WORSE))


def _against(ours: pandas.DataFrame | None, theirs: pandas.DataFrame | None, objective: str) -> Comparison | None:
    """Trials of two hyperparameters compared under a score, at the level of the findings."""
    if ours is None or theirs is None:
        return None
    column = f"{objective.replace('-', '_')}_score"
    first, second = (
        Trials(name, rows[column].to_numpy(), [int(seed) for seed in rows["seed"]])
        for name, rows in (("ours", ours), ("theirs", theirs))
    )
    return compare(first, second, level=LEVEL)


def _judged(claim: str, pairs: Mapping[str, Comparison | None], *, holds: str, fails: Sequence[str]) -> Finding:
    known = _known_pairs(pairs)
    verdicts = dict(zip(known, _verdicts(list(known.values())), strict=True))
    said = [HOLDS if each == holds else FAILS if each in fails else OPEN for each in verdicts.values()]
    return Finding(claim, _joint(said, len(pairs)), _evidence(known, verdicts))


def _verdicts(compared: Sequence[Comparison]) -> list[str]:
    """At the usual margin, corrected over all pairs of a finding."""
    corrected = holm([pair.p_value for pair in compared])
    return [decide(replace(pair, p_holm=p), MARGIN).verdict for pair, p in zip(compared, corrected, strict=True)]


def _known_pairs(pairs: Mapping[str, Comparison | None]) -> dict[str, Comparison]:
    return {name: pair for name, pair in pairs.items() if pair is not None and not math.isnan(pair.p_value)}


def _evidence(known: Mapping[str, Comparison], verdicts: Mapping[str, str]) -> str:
    return "; ".join(
        f"{name} {pair.difference:+.2f} dB {pair.difference_interval:+.2f} ({verdicts[name]})"
        for name, pair in known.items()
    )


def _joint(verdicts: Sequence[str], cases: int) -> str:
    """Holds if it does in every case, fails if it does in one, undecided if a case is missing."""
    if not verdicts:
        return NO_DATA
    if FAILS in verdicts:
        return FAILS
    return HOLDS if list(verdicts) == [HOLDS] * cases else OPEN


def _numbers(rows: pandas.DataFrame) -> dict[str, object]:
    record: dict[str, object] = {}
    for name in ("one_shot", "architecture"):
        summary = summarise(rows[f"{name}_score"])
        interval = summary.median_interval
        record |= {name: summary.median, f"{name}_low": interval.low, f"{name}_high": interval.high}
        record |= {"trials": summary.trials, "diverged": summary.diverged}
    found = correlation(rows["one_shot_score"], rows["architecture_score"])
    interval = found.interval
    return record | {"pearson": found.coefficient, "pearson_low": interval.low, "pearson_high": interval.high}


def _with_interval(value: Mapping[str, object], name: str, digits: int) -> str:
    number, low, high = (_digits(value[key], digits) for key in (name, f"{name}_low", f"{name}_high"))
    return f"{number} [{low}, {high}]" if low and high else number


def _digits(value: object, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _plain(value: object) -> object:
    return value.item() if hasattr(value, "item") else value


def _known(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value
