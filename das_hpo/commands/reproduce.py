"""``das-hpo reproduce``: the paper's tables and figures, from trials that are computed where they are missing."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from das_hpo.analysis.reproduction import paper
from das_hpo.commands.command import (
    Command,
    add_database,
    add_format,
    checked,
    database,
    natural,
    number,
    positive,
    say,
)
from das_hpo.commands.connecting import add_service, service
from das_hpo.commands.problem import add_task_settings, task_settings
from das_hpo.commands.watching import watching
from das_hpo.output import Table, as_json, as_text, render
from spaces.errors import InvalidValueError
from spaces.inverse_1d.choices import Choices

if TYPE_CHECKING:
    from das_hpo.analysis.reproduction.exported import Exported
    from das_hpo.analysis.reproduction.missing import Optimisation
    from das_hpo.analysis.reproduction.plan import Plan
    from das_hpo.campaigns.campaign import CampaignSettings
    from das_hpo.commands.watching import Watch
    from das_hpo.execution import RunOutcome, Service

TARGETS = (*paper.TARGETS, "all")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "targets",
        nargs="+",
        choices=TARGETS,
        metavar="TARGET",
        help=f"what to reproduce, one or several of {', '.join(TARGETS)}; variance trains found architectures again, "
        "findings holds what the paper says against the trials, all is everything but bohb",
    )
    _add_trials(parser.add_argument_group("the trials"))
    add_service(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("reproduction"),
        metavar="FOLDER",
        help="where tables (CSV and text) and figures (PNG and SVG) are written",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    add_database(parser)
    add_format(parser)


def _add_trials(group: argparse._ArgumentGroup) -> None:
    """Adds the options that say which trials are meant."""
    group.add_argument(
        "--trials", type=positive, metavar="N", help="trials of every cell (default: 75, as the paper; 5 with --quick)"
    )
    group.add_argument(
        "--quick",
        action="store_true",
        help="a first look: 5 epochs in the place of 50, and 5 trials; its numbers are not the paper's",
    )
    group.add_argument(
        "--epochs",
        type=number,
        metavar="EPOCHS",
        help="epochs of every search and retraining, and of the highest rung of bohb "
        "(default: 50, as the paper; 5 with --quick)",
    )
    group.add_argument(
        "--iterations",
        type=positive,
        metavar="N",
        help="brackets of each run of bohb; a run that has more is taken as it is, one that has fewer is extended "
        "(default: 128; 3 with --quick)",
    )
    group.add_argument("--seed", type=natural, default=0, metavar="N", help="every random number follows from it")
    group.add_argument(
        "--prefix",
        type=checked(_prefix),
        help="names of new runs begin with it (default: paper, or with other epochs than 50 e and their number)",
    )
    group.add_argument("--no-run", action="store_true", help="compute nothing: show what the database has")
    group.add_argument(
        "--from",
        dest="file",
        type=Path,
        metavar="FILE",
        help="compute nothing and use no database: show the trials in this CSV file, as das-hpo export writes it; "
        "docs/results/trials.csv.gz has those of the shipped tables (default: the database's)",
    )
    add_task_settings(group)


def _prefix(text: str) -> str:
    from das_hpo.settings import check_run_name

    check_run_name(text)
    if len(text) > 5:
        raise InvalidValueError(f"a prefix has at most 5 characters, so that the longest name fits, got {text!r}")
    return text


def execute(args: argparse.Namespace) -> int:
    """Computes what is missing, then shows every target; an interruption ends at once."""
    if args.output.exists() and not args.output.is_dir():
        raise InvalidValueError(f"-o takes a folder, got {str(args.output)!r}")
    if args.file is None and args.no_run:
        from das_hpo.analysis.comparison.lookup import run_records

        run_records(database(args))  # says so if there is none: a mistyped --db would show empty tables
    plan = _plan(args)
    asked = [
        target for target in paper.TARGETS if target in args.targets or ("all" in args.targets and target != "bohb")
    ]
    if args.file is not None:
        _show(args, plan, asked)
        return 0
    _require_settings(database(args), plan, asked)
    status = 0 if args.no_run else _compute(args, plan, asked)
    if status == 0:
        _show(args, plan, asked)
    return status


def _plan(args: argparse.Namespace) -> Plan:
    from das_hpo.analysis.reproduction.plan import EPOCHS, QUICK_EPOCHS, QUICK_ITERATIONS, QUICK_TRIALS, TRIALS, Plan

    epochs = args.epochs
    if epochs is None:
        epochs = QUICK_EPOCHS if args.quick else EPOCHS
    return Plan(
        trials=args.trials or (QUICK_TRIALS if args.quick else TRIALS),
        epochs=epochs,
        prefix=args.prefix or ("paper" if epochs == EPOCHS else _prefix(f"e{epochs:.9g}")),
        seed=args.seed,
        choices=Choices.from_mapping(task_settings(args)),
        iterations=args.iterations or (QUICK_ITERATIONS if args.quick else 128),
    )


def _require_settings(url: str, plan: Plan, asked: list[str]) -> None:
    """Refuses a plan whose names are taken by what has other settings: its trials would be shown as the plan's.

    Raises:
        RunExistsError: For the first of them; it says what differs.
    """
    from das_hpo.analysis.reproduction import missing
    from das_hpo.analysis.reproduction import plan as plans
    from das_hpo.campaigns.matching import continued

    records = plans.records_of(url)
    for campaign in plans.campaigns_for(plan, plans.cells_of(asked), plans.stored_campaigns(url)).values():
        if campaign.name in records:
            continued(records[campaign.name], campaign)
    missing.optimisations(url, plan, asked)


def _compute(args: argparse.Namespace, plan: Plan, asked: list[str]) -> int:
    """Executes what is missing; the exit status."""
    from das_hpo.analysis.reproduction import missing, tuning
    from das_hpo.analysis.reproduction import plan as plans

    url = database(args)
    campaigns = plans.campaigns_for(plan, plans.cells_of(asked), plans.stored_campaigns(url))
    cells = missing.cell_campaigns(url, campaigns)
    runs = [each for each in missing.optimisations(url, plan, asked) if not each.complete]

    def again() -> list[CampaignSettings]:
        return missing.retrainings(url, plan, campaigns) if "variance" in asked else []

    def fresh() -> list[CampaignSettings]:
        return tuning.missing_trials(url, plan) if "bohb" in asked else []

    if not (cells or runs or again() or fresh()):
        return 0
    where = service(args)
    with watching(verbose=args.verbose, quiet=args.quiet) as watch:
        if cells:
            say(
                f"{len(cells)} of {len(campaigns)} campaigns of {plan.trials} trials of {plan.epochs:g} epochs are "
                f"not complete yet"
            )
        watch.expected = 0
        return (
            _campaigns(cells, url, where, watch)
            or _campaigns(again(), url, where, watch)
            or _runs(runs, url, where, watch)
            or _campaigns(fresh(), url, where, watch)
        )


def _campaigns(campaigns: Sequence[CampaignSettings], url: str, where: Service, watch: Watch) -> int:
    """Executes campaigns; the exit status."""
    from das_hpo import execution

    if not campaigns:
        return 0
    watch.expected, watch.noun = watch.begun + len(campaigns), "campaign"
    ended = execution.execute_campaigns(campaigns, url, where, stop=watch.stop, progress=watch)
    if len(ended) < len(campaigns) or ended[-1].status != "completed":
        return _interrupted(ended[-1])
    return 0


def _runs(runs: Sequence[Optimisation], url: str, where: Service, watch: Watch) -> int:
    """Executes, continues or extends optimisations; the exit status."""
    from das_hpo import execution

    watch.expected, watch.noun = watch.begun + len(runs), "run"
    for run in runs:
        settings = run.settings
        if run.status is None:
            summary = execution.execute(settings, url, where, stop=watch.stop, progress=watch)
        else:
            changes = execution.Changes(iterations=max(settings.iterations, run.iterations))
            summary = execution.resume(settings.name, url, where, changes, stop=watch.stop, progress=watch)
        if summary.status != "completed":
            return _interrupted(summary)
    return 0


def _interrupted(summary: RunOutcome) -> int:
    say(
        f"{summary.run} ended early, as {summary.message}: what is done is kept, the same command goes on "
        "and --no-run shows what is there"
    )
    return 130 if summary.signalled else 1


def _show(args: argparse.Namespace, plan: Plan, asked: list[str]) -> None:
    """Prints the tables, and writes them and the figures into the folder."""
    from das_hpo.analysis.figures.style import save
    from das_hpo.analysis.reproduction import artefacts
    from das_hpo.analysis.reproduction import plan as plans
    from das_hpo.analysis.reproduction.mixed_trials import mixed_trials

    cells = plans.cells_of(asked)
    shown = _shown(args, plan, asked)
    frames = shown.frames
    printed: dict[str, Table] = {}
    for target in asked:
        for name, complete, text in _tables(target, shown):
            artefacts.write_tables(args.output, name, complete, text)
            printed[name] = complete
            if args.format == "table":
                sys.stdout.write(f"{TITLES[name]}\n\n{text}\n")
        if target in paper.TABLES or target.startswith("figure"):
            drawn = artefacts.distribution_figure if target in paper.TABLES else artefacts.figure
            paths = save(drawn(target, frames), args.output / target)
            say(f"{target}: {' and '.join(str(path) for path in paths)}")
    if args.format == "json":
        sys.stdout.write(
            as_json({name: [dict(zip(t.columns, row, strict=True)) for row in t.rows] for name, t in printed.items()})
        )
    elif args.format == "csv":
        sys.stdout.write("\n".join(render(table, "csv") for table in printed.values()))
    elif any(target in paper.TABLES for target in asked):
        from das_hpo.analysis.reproduction.tables import LEGEND

        say(LEGEND)
    for sentence in mixed_trials(frames):
        say(sentence)
    missing = [cell.name for cell in cells if cell not in frames]
    if missing:
        say(f"{len(missing)} of {len(cells)} campaigns have no trials yet: {', '.join(missing[:3])}, ...")
    if plan.epochs != plans.EPOCHS:
        say(f"trials of {plan.epochs:g} epochs are not to be compared with the paper's, which have 50")


def _shown(args: argparse.Namespace, plan: Plan, asked: Sequence[str]) -> Exported:
    """The trials that are shown: those of the file, else those of the database."""
    from das_hpo.analysis.reproduction import exported, tuning
    from das_hpo.analysis.reproduction import plan as plans

    cells = plans.cells_of(asked)
    if args.file is not None:
        return exported.read(args.file, plan, cells)
    url = database(args)
    campaigns = plans.campaigns_for(plan, cells, plans.stored_campaigns(url))
    frames = plans.load_cells(url, campaigns, plan.trials)
    return exported.Exported(
        frames,
        plans.retrained(url, plan, frames) if "variance" in asked else {},
        tuning.load(url, plan) if "bohb" in asked else {},
    )


def _tables(target: str, shown: Exported) -> Iterator[tuple[str, Table, str]]:
    """Names of a target's tables, each with all numbers and as text for people."""
    from das_hpo.analysis.reproduction import artefacts, tuning_tables

    frames = shown.frames
    if target in paper.TABLES:
        complete, reading = (artefacts.table(target, frames, reading=reading) for reading in (False, True))
        yield target, complete, as_text(reading)
    if target in ("table1", "table2"):
        draws = artefacts.draws_table(frames, "sequential" if target == "table1" else "cell")
        yield f"{target}-draws", draws, as_text(draws)
    if target in paper.FIGURES:
        found = artefacts.correlation_table(target, frames)
        yield f"{target}-correlations", found, as_text(found)
    if target == "variance":
        split = artefacts.variance_table(shown.retrained, frames)
        yield target, split, as_text(artefacts.turned(split, ("operations", "data")))
    if target == "findings":
        from das_hpo.analysis.reproduction.findings import findings_table

        held = findings_table(frames)
        yield target, held, _findings_text(held)
    if target == "bohb":
        found = tuning_tables.hyperparameter_table(shown.tuned)
        yield target, found, as_text(artefacts.turned(found, ("preset", "what")))
        trials = tuning_tables.trials_table(shown.tuned, frames)
        yield "bohb-trials", trials, as_text(tuning_tables.reading_table(trials))
        said = tuning_tables.tuned_findings(shown.tuned, frames)
        yield "bohb-findings", said, _findings_text(said)


def _findings_text(table: Table) -> str:
    """Findings for people: long sentences make no columns."""
    lines = []
    for claim, verdict, evidence in table.rows:
        lines.append(textwrap.fill(f"- {claim}: {verdict.upper()}", 110, subsequent_indent="  "))
        if evidence:
            lines.append(textwrap.fill(evidence, 110, initial_indent="  ", subsequent_indent="  "))
    return "\n".join(lines) + "\n"


TITLES = {
    "table1": "Table 1: sequential space",
    "table1-draws": "Random architectures needed to beat a DAS median, sequential space",
    "table2": "Table 2: cell space",
    "table2-draws": "Random architectures needed to beat a DAS median, cell space",
    "table3": "Table 3: hyperparameters, sequential space",
    "table4": "Table 4: hyperparameters, cell space",
    "variance": "Search against retraining: how well could the one-shot PSNR predict?",
    "findings": "The paper's findings in these trials",
    "bohb": "Tables 7 and 8: the hyperparameters that BOHB finds",
    "bohb-trials": "Fresh trials of what BOHB found: medians of the PSNR in dB",
    "bohb-findings": "What the paper says of tuned hyperparameters, in our own optimisations",
    **{
        f"{name}-correlations": f"Figure {name.removeprefix('figure')}: one-shot against architecture PSNR"
        for name in paper.FIGURES
    },
}


COMMAND = Command(
    summary="the paper's tables and figures beside its published numbers",
    description="Computes the trials that a table or figure of the paper needs and the database does not have, in "
    "campaigns that any interruption leaves continuable and that nothing repeats, prints the table beside the "
    "published one with differences and intervals in dB, and writes tables and figures into a folder. bohb runs the "
    "six optimisations behind Tables 7 and 8, and fresh trials of what they find.",
    examples=(
        "das-hpo reproduce table1 --trials 10",
        "das-hpo reproduce table3 figure3 figure4 --nameserver host:9090 --db sqlite:///lab.db",
        "das-hpo reproduce all --no-run -o docs/results",
        "das-hpo reproduce all --from docs/results/trials.csv.gz -o docs/results",
        "das-hpo reproduce bohb --iterations 8",
    ),
    configure=configure,
    execute=execute,
)
