"""The views of the live page: each gives a title and sections, of the blocks that the report is made of too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from das_hpo.analysis.dashboard.live import LiveRuns
from das_hpo.analysis.report import overview
from das_hpo.analysis.report.blocks import Block, Section, Text
from das_hpo.analysis.report.run import PARTS, part
from das_hpo.analysis.report.run_data import RunData
from das_hpo.analysis.report.sentences import conclusion, remark
from das_hpo.analysis.report.status import standing
from spaces.errors import DasHpoError, UsageError
from storage.records import RunSummary

#: The views of a run, and the parts of the report that each shows. The evaluations have a module of their own.
RUN_VIEWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "": ("Overview", ("progress", "best")),
    "scores": ("Scores", ("scatter", "distribution")),
    "budgets": ("Budgets", ("budgets",)),
    "hyperparameters": ("Hyperparameters", ("hyperparameters",)),
    "trials": ("Curves and architectures", ("curves", "architectures")),
    "evaluations": ("Evaluations", ()),
    "workers": ("Workers", ("workers",)),
    "settings": ("Settings", ("settings",)),
}

#: So many runs of each kind and objective, the latest, are read for the charts of the first view.
MOST_DRAWN = 6


class LiveAddresses:
    """The addresses of the live page."""

    def run(self, name: str) -> str:
        """The run's first view."""
        return f"/run/{quote(name, safe='')}"

    def view(self, name: str, view: str) -> str:
        """One of :data:`RUN_VIEWS`."""
        return f"{self.run(name)}/{view}" if view else self.run(name)

    def evaluation(self, run: str, identity: str) -> str:
        """The view of an evaluation."""
        return f"{self.run(run)}/evaluation/{identity}"

    def compare(self, names: Sequence[str] = ()) -> str:
        """The view that compares those runs."""
        return "/compare" + ("?" + "&".join(f"run={quote(name, safe='')}" for name in names) if names else "")


ADDRESSES = LiveAddresses()


@dataclass(frozen=True, slots=True)
class LiveView:
    """What a page shows.

    Attributes:
        title: Its title.
        sections: What it holds.
        run: The run whose tabs it has; empty for none.
        tab: Which of them it is.
        form: The template of the form above the sections; empty for none.
        values: What the form is filled with.
    """

    title: str
    sections: tuple[Section, ...]
    run: str = ""
    tab: str = ""
    form: str = ""
    values: Mapping[str, object] | None = None


def first(live: LiveRuns, summaries: Sequence[RunSummary]) -> LiveView:
    """All runs: how far each is, and the best so far."""
    if not summaries:
        said = Text("There is no run in this database yet: das-hpo run makes one, and it appears here.")
        return LiveView("Runs", (Section("runs", "Runs", (said,)),))
    drawn: dict[str, RunData] = {}
    groups: dict[tuple[str, str], int] = {}
    for summary in reversed(summaries):
        key = (summary.run.task, summary.run.objective)
        wanted = summary.run.kind == "run" and groups.get(key, 0) < MOST_DRAWN
        if wanted or summary.run.active:
            groups[key] = groups.get(key, 0) + wanted
            drawn[summary.run.name] = live.data(summary)
    rows = [
        (summary, standing(summary, drawn[summary.run.name].frame if summary.run.name in drawn else None))
        for summary in reversed(summaries)
    ]
    rows.sort(key=lambda row: not row[0].run.active)
    charts = overview.progress(list(reversed(drawn.values())))
    return LiveView("Runs", (Section("runs", "Runs", (overview.runs_grid(rows, ADDRESSES),)), *charts))


def of_run(live: LiveRuns, summary: RunSummary, tab: str) -> LiveView:
    """One of the views of a run but its evaluations."""
    data = live.data(summary)
    title, names = RUN_VIEWS[tab]
    sections = [
        Section(name, PARTS[name].title, tuple(blocks)) for name in names if (blocks := part(name, data, ADDRESSES))
    ]
    if tab == "":
        now = standing(summary, data.frame)
        words = [text for text in (conclusion(data), remark(summary.run)) if text]
        said: list[Block] = [*map(Text, words), overview.runs_grid([(summary, now)], ADDRESSES)]
        sections.insert(0, Section("conclusion", "So far" if summary.run.active else "What came out", tuple(said)))
    elif not sections:
        sections.append(Section("nothing", title, (Text("Nothing is there to show yet."),)))
    return LiveView(summary.run.name, tuple(sections), summary.run.name, tab)


def compared(live: LiveRuns, summaries: Sequence[RunSummary], names: Sequence[str], margin: float | None) -> LiveView:
    """Runs side by side, with the verdict; the form chooses them."""
    known = {summary.run.name: summary for summary in summaries}
    chosen = [known[name] for name in dict.fromkeys(names) if name in known]
    values = {"names": list(reversed(known)), "chosen": [one.run.name for one in chosen], "margin": margin}
    missing = [name for name in names if name not in known]
    sections: list[Section] = []
    if missing:
        sections.append(Section("missing", "Not there", (Text(f"No run is named {', '.join(missing)}.", True),)))
    if len(chosen) < 2:
        said = Text("Choose two or more runs or campaigns of one task.")
        return LiveView(
            "Compare", (*sections, Section("choose", "Nothing is compared yet", (said,))), "", "", "compare", values
        )
    found = [live.data(summary) for summary in chosen]
    try:
        sections += _verdict(found, margin)
    except DasHpoError as error:
        sections.append(Section("refused", "These cannot be compared", (Text(f"{error}.", True),)))
    return LiveView("Compare", tuple(sections), "", "", "compare", values)


def _verdict(found: Sequence[RunData], margin: float | None) -> list[Section]:
    tasks = dict.fromkeys(data.summary.run.task for data in found)
    if len(tasks) > 1:
        raise UsageError(f"scores of different tasks are not compared ({', '.join(tasks)}): choose runs of one task")
    side_by_side = overview.side_by_side(found, margin)
    if side_by_side is None:
        raise UsageError("fewer than two of these have an architecture score: das-hpo run --retrain always makes one")
    blocks = overview.comparison(found, side_by_side)
    samples = {s.name: s.sample.values for s in side_by_side.subjects}
    rows = [(data.summary, standing(data.summary)) for data in found]
    return [
        Section("verdict", "Verdict", tuple(blocks[:1])),
        Section("runs", "Runs", (overview.runs_grid(rows, ADDRESSES),)),
        Section("tests", "Tests and correlations", tuple(blocks[1:])),
        Section(
            "distributions",
            "Distributions of what is compared",
            tuple(overview.distribution_blocks(samples, side_by_side.subjects[0].metric)[1:]),
        ),
    ]
