"""``das-hpo evaluate --until-decided``: its options, what is refused, what is said of each look, and the end."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.campaigns.matching import Match, match
from das_hpo.commands.command import checked, database, say
from das_hpo.commands.compare import add_level, add_margin, print_comparison
from das_hpo.commands.connecting import service
from das_hpo.commands.watching import Watch, watching
from das_hpo.declaration import Whole
from das_hpo.task_options import TASK_OPTIONS
from spaces.errors import InvalidValueError

if TYPE_CHECKING:
    from das_hpo.deciding import Ended, Look
    from das_hpo.progress import Snapshot

#: Trials of each at most, unless told otherwise.
MAX_TRIALS = 300

#: Options that mean something with ``--until-decided`` alone, with their defaults.
_OWN = {"max_trials": None, "margin": None, "level": 0.95}


def add_deciding(parser: argparse.ArgumentParser) -> None:
    """Adds ``--until-decided`` and what belongs to it."""
    group = parser.add_argument_group("until it is decided which is better (two names or more, on one problem)")
    group.add_argument(
        "--until-decided",
        action="store_true",
        help="add trials where it is undecided which of two is better, and stop when every two are decided: better, as "
        "good within --margin, or worse; may be interrupted, and goes on with the same command",
    )
    group.add_argument(
        "--max-trials",
        type=checked(Whole(1).read),
        metavar="N",
        help=f"trials of each at most (default: {MAX_TRIALS})",
    )
    add_margin(group)
    add_level(group)


def asked_to_decide(args: argparse.Namespace) -> bool:
    """Whether ``--until-decided`` is given.

    Raises:
        InvalidValueError: For options that do not go together.
    """
    if not args.until_decided:
        for name, default in _OWN.items():
            if getattr(args, name) != default:
                raise InvalidValueError(f"--{name.replace('_', '-')} belongs to --until-decided: give both or neither")
        return False
    if args.trials is not None:
        raise InvalidValueError("--until-decided adds trials by itself: give --max-trials instead of --trials")
    return True


def to_decide(wanted: Sequence[CampaignSettings]) -> list[CampaignSettings]:
    """The campaigns with the trials of the first look.

    Raises:
        InvalidValueError: If they cannot be decided between.
    """
    from das_hpo.deciding import FIRST_LOOK

    labels = [campaign.label for campaign in wanted]
    if len(set(labels)) < len(labels):
        raise InvalidValueError(
            "--until-decided compares what is named, on one problem: give one value each of --space, --operations and "
            "--data"
        )
    if len(labels) < 2:
        raise InvalidValueError(f"--until-decided compares two or more presets or runs, got {', '.join(labels)} alone")
    for one in wanted:
        if one.retrain != "always" and one.objective == "one-shot":
            raise InvalidValueError(
                f"it is decided by architecture scores, and {one.label} would not be retrained: leave out --retrain"
            )
    for one, other in combinations(wanted, 2):
        if _problem(one) != _problem(other):
            raise InvalidValueError(
                f"{one.label} and {other.label} are of different problems or epochs ({_shown(one)} and "
                f"{_shown(other)}), so that a difference may come from those: say which is meant by --epochs, --space, "
                "--operations, --data or --set"
            )
        if match(one, other) is Match.EXTEND:
            raise InvalidValueError(
                f"{one.label} and {other.label} mean the same trials, of one configuration: nothing is to be decided"
            )
    return [replace(campaign, trials=FIRST_LOOK, looked_from=0) for campaign in wanted]


def _problem(campaign: CampaignSettings) -> dict[str, Any]:
    """What trials have to agree in; methods may be compared."""
    return {**campaign.settings, "method": None, "task": campaign.task, "epochs": campaign.budget}


def _shown(campaign: CampaignSettings) -> str:
    settings = {name: value for name, value in campaign.settings.items() if name in TASK_OPTIONS}
    return ", ".join([f"--epochs {campaign.budget:g}", *(str(value) for value in settings.values())])


def execute(
    args: argparse.Namespace,
    url: str,
    campaigns: Sequence[CampaignSettings],
    stop: threading.Event,
    progress: Callable[[Snapshot], None] | None,
    looked: Callable[[Look, int | None], None] | None = None,
) -> Ended:
    """Computes until it is decided, as the options say."""
    from das_hpo.deciding import StoppingRule, Told, execute_until_decided

    rule = StoppingRule(args.level, args.margin, args.max_trials or MAX_TRIALS, args.time_limit_s)
    return execute_until_decided(campaigns, url, service(args), rule, stop=stop, told=Told(progress, looked))


def decide(args: argparse.Namespace, campaigns: Sequence[CampaignSettings]) -> int:
    """Computes until it is decided, and prints the comparison; the exit status."""
    with watching(verbose=args.verbose, quiet=args.quiet) as watch:
        watch.noun = None
        looked = None if args.quiet else looking(args.max_trials or MAX_TRIALS, watch)
        ended = execute(args, database(args), campaigns, watch.stop, watch, looked)
    if ended.look is not None:
        print_comparison(ended.look.compared, args)
    say(how_it_ended(ended))
    if ended.failed:
        return 1
    return 130 if ended.signalled else 0


def how_it_ended(ended: Ended) -> str:
    """In a sentence, whether it is decided, and why no more is computed."""
    if ended.failed:
        return f"nothing can be decided, as {ended.message}: `das-hpo results NAME --all` says why"
    if ended.message is None:
        return "every comparison is decided"
    left = "" if ended.look is None or not ended.look.undecided else f": undecided are {_open(ended.look)}"
    return f"not decided, as {ended.message}{left}; what is done is kept, and the same command goes on"


def looking(max_trials: int, watch: Watch) -> Callable[[Look, int | None], None]:
    """Says of each look what is undecided, and how much is left."""

    def looked(look: Look, following: int | None) -> None:
        watch.close()
        trials = " and ".join(str(count) for count in sorted({s.summary.trials for s in look.compared.subjects}))
        if not look.undecided:
            return
        coming = "" if following is None else f"; next look at {following} of each, {max_trials} at most"
        say(f"{trials} trials of each: undecided are {_open(look)}{coming}")

    return looked


def _open(look: Look) -> str:
    """The undecided comparisons, with what is known of each."""
    from das_hpo.analysis.comparison.orientation import decided
    from das_hpo.analysis.comparison.phrases import difference_cell

    metric, said = look.compared.subjects[0].metric, []
    for one in look.undecided:
        more = decided(one, metric, look.compared.margin).more_trials
        about = f", about {more} more trials of each" if more else ""
        said.append(f"{one.first} against {one.second} ({difference_cell(one, metric)}{metric.of_unit}{about})")
    return "; ".join(said)
