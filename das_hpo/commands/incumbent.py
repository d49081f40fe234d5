"""``das-hpo incumbent``: the best configurations of a run."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from das_hpo.commands.command import Command, add_database, add_format, positive, say
from das_hpo.commands.completing import add_run
from das_hpo.commands.reading import reading
from das_hpo.output import Table, text_cell, write
from spaces.errors import InvalidValueError
from spaces.task import PSNR
from spaces.trial import OBJECTIVES

if TYPE_CHECKING:
    from storage.records import Incumbent, RunRecord


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_run(parser, group=True)
    parser.add_argument(
        "--objective",
        choices=OBJECTIVES,
        help="which score ranks the configurations (default: the run's own objective)",
    )
    parser.add_argument("--top", type=positive, default=1, metavar="N", help="how many configurations, the best first")
    add_database(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    """Prints the best configurations."""
    from storage import queries
    from storage.groups import groups, runs_named

    with reading(args) as database:
        names = runs_named(database, [args.run])
        together = args.run in groups(database)
        best = [
            (name, one)
            for name in names
            for one in queries.incumbents(database, name, objective=args.objective, top=args.top)
        ]
        if not best:
            require_computed(queries.run(database, names[0]), args.objective)
    if together:
        print_best_of_each(best, args.format)
    else:
        print_best([one for _, one in best], args.format)
    return 0


def require_computed(run: RunRecord, objective: str | None) -> None:
    """Refuses an objective whose score a run never computes, however long it goes on.

    Raises:
        InvalidValueError: If it is such an objective; says which one is valid.
    """
    # A campaign has its kind among its settings, or, before there were other tasks than inverse-1d, its method.
    from das_hpo.campaigns.campaign import SEARCH, kind_of

    searches = run.kind == "run" or kind_of(run.settings, run.method) == SEARCH
    retrains = run.objective == "architecture" or run.settings.get("retrain") == "always"
    if objective == "architecture" and not retrains:
        raise InvalidValueError(
            f"the run {run.name!r} retrains nothing and has no architecture {run.metric.name}: valid is "
            "--objective one-shot; a run with --retrain always has both"
        )
    if objective == "one-shot" and not searches:
        raise InvalidValueError(
            f"the campaign {run.name!r} searches nothing and has no one-shot {run.metric.name}: valid is "
            "--objective architecture"
        )


def print_best(best: list[Incumbent], output_format: str, *, architecture: bool = True) -> None:
    """Prints them on stdout, or says that there are none; see :func:`listed`."""
    if best or output_format != "table":
        table = listed(best, output_format, architecture=architecture)
        write(table, output_format, sys.stdout)
    else:
        say("no configuration has a score at the largest budget yet")


def print_best_of_each(best: list[tuple[str, Incumbent]], output_format: str) -> None:
    """Prints the best configurations of several runs: to read, one run a row; else each as :func:`record` has it."""
    if not best and output_format == "table":
        say("no configuration has a score at the largest budget yet")
        return
    as_read = output_format == "table"
    records = [{"run": run, **(reading_record(one) if as_read else record(one))} for run, one in best]
    columns = dict.fromkeys(name for values in records for name in values) or {"run": None}
    hyperparameters = {name for _, one in best for name in one.hyperparameters}
    short = [name for name in columns if name not in hyperparameters and name != "architecture"]
    write(Table.of(records, tuple(columns), short), output_format, sys.stdout)


def listed(best: list[Incumbent], output_format: str, *, architecture: bool = True) -> Table:
    """One row per configuration; to read, one column each, as hyperparameters have long names.

    ``architecture`` is whether to read that, too, which has a line of its own length, where there is only one.
    """
    if output_format == "table":
        return turned(best, architecture and len(best) == 1)
    records = [record(one) for one in best]
    return Table.of(records, tuple(dict.fromkeys(name for values in records for name in values)) or ("rank",))


def record(one: Incumbent) -> dict[str, Any]:
    """One configuration as a row; where the metric is PSNR, the scores have their old names, too."""
    scores = {
        "score": one.score,
        "one_shot_score": one.one_shot_score,
        "architecture_score": one.architecture_score,
    }
    return {
        "rank": one.rank,
        "configuration": str(one.configuration_id),
        "budget": one.budget,
        **({name.replace("score", "psnr"): value for name, value in scores.items()} if one.metric == PSNR else {}),
        "metric": one.metric.name,
        **scores,
        "replicates": one.replicates,
        "origin": one.origin,
        **one.hyperparameters,
        "architecture": one.architecture,
    }


def reading_record(one: Incumbent) -> dict[str, Any]:
    """One configuration for people: each score once, under the name of its metric."""
    values = record(one)
    hidden = ("metric", "score", "one_shot_score", "architecture_score") if one.metric == PSNR else ()
    return {name: value for name, value in values.items() if name not in hidden}


def turned(best: list[Incumbent], architecture: bool) -> Table:
    """One column per configuration, with the architectures or without."""
    records = [reading_record(one) for one in best]
    names = [name for name in dict.fromkeys(name for values in records for name in values) if name != "rank"]
    return Table(
        ("rank", *(str(one.rank) for one in best)),
        tuple(
            (name, *(text_cell(values.get(name), name) for values in records))
            for name in names
            if architecture or name != "architecture"
        ),
    )


COMMAND = Command(
    summary="the best configurations of a run, or of each run of a group, with their hyperparameters",
    description="Prints the best configurations of a run, or of each run of a group, by score, which for inverse-1d is "
    "the PSNR in dB. Only configurations that were evaluated at the run's largest budget compete. A run that stored "
    "both scores can be read under both objectives.",
    examples=("das-hpo incumbent my-run", "das-hpo incumbent my-run --objective architecture --top 5 -f json"),
    configure=configure,
    execute=execute,
)
