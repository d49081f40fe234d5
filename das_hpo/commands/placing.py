"""Options of commands that have an engine place workers."""

from __future__ import annotations

import argparse
from pathlib import Path

from das_hpo.commands.command import add_duration, number, positive
from das_hpo.launching.engine import Placement
from das_hpo.launching.engines import ENGINES, LOCAL

#: Where logs go if nothing else is said.
FOLDER = "das-hpo-logs"


def add_placement(group: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Adds which engine places workers, and what each gets; :func:`placement` reads it."""
    group.add_argument(
        "--engine",
        choices=(LOCAL, *ENGINES),
        default=LOCAL,
        help="who places the workers: processes of this machine, Slurm (a job array), or a Ray cluster",
    )
    group.add_argument(
        "--gpus-per-worker",
        type=number,
        default=0.0,
        metavar="N",
        help="of slurm and ray: from 0 to 1; 0.25 has four workers share a GPU",
    )
    group.add_argument("--cpus-per-worker", type=positive, default=1, metavar="N", help="of slurm and ray: CPU cores")
    group.add_argument(
        "--job-name",
        default="das-hpo",
        metavar="NAME",
        help="of slurm and ray: names the workers that are started, shown and stopped together",
    )
    add_duration(
        group,
        "walltime",
        help="of slurm: the time limit of a job, as in 4h; a job that has reached it is queued again while runs have "
        "work (default: the partition's)",
    )
    group.add_argument(
        "--engine-option",
        action="append",
        metavar="OPTION",
        help="of slurm: an option for sbatch, as in --engine-option=--partition=gpu; may be repeated (default: none)",
    )
    group.add_argument("--ray-address", default="auto", metavar="ADDRESS", help="of ray: as ray.init takes it")
    group.add_argument(
        "--engine-folder",
        type=Path,
        default=Path(FOLDER),
        metavar="FOLDER",
        help="of slurm and ray: where the workers' logs and the job's script go, on a disk that all machines share",
    )


def placement(args: argparse.Namespace) -> Placement | None:
    """Where workers go, as the options say; None for processes of this machine.

    Raises:
        InvalidValueError: If a number is out of its range.
    """
    if args.engine == LOCAL:
        return None
    return Placement(
        engine=args.engine,
        group=args.job_name,
        gpus_per_worker=args.gpus_per_worker,
        cpus_per_worker=args.cpus_per_worker,
        folder=args.engine_folder,
        walltime_s=args.walltime,
        options=tuple(args.engine_option or ()),
        address=args.ray_address,
    )
