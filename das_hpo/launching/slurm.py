"""Workers as tasks of a Slurm job array.

Slurm places them, supervises them and queues them again: after a preemption, or when a node is lost (``--requeue``),
and at the time limit, while runs have work (the job's script does that itself). A worker is warned before its time
limit (SIGUSR1: it finishes what it computes) and stopped by SIGTERM (it hands back), so no attempt is lost by this.
"""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
import time
from collections.abc import Sequence

from das_hpo.launching.engine import Placement
from spaces.errors import ClusterError
from workers.transport.keys import ENVIRONMENT as KEY_FILE
from workers.transport.keys import KeyFile

#: How many seconds one of Slurm's commands may take; how many seconds the jobs may take to end after scancel.
CALL_S = 60.0
STOP_S = 120.0

#: Seconds before the time limit at which a worker takes nothing new, and at which it hands back; less of short limits.
WARN_S, WARN_SHARE = 60.0, 0.25
END_S, END_SHARE = 30.0, 0.125

#: On SIGTERM a worker finishes what ends within so many seconds: Slurm kills after 30 s (KillWait) where it is not set
#: otherwise.
GRACE_S = 15

log = logging.getLogger(__name__)

SCRIPT = """\
#!/bin/bash
# Made by das-hpo workers --engine slurm: {count} workers, {each} in each task of the array.
{directives}

export OMP_NUM_THREADS={cpus} MKL_NUM_THREADS={cpus} OPENBLAS_NUM_THREADS={cpus} NUMBA_NUM_THREADS={cpus}
mine=$(( {count} - SLURM_ARRAY_TASK_ID * {each} ))
(( mine > {each} )) && mine={each}
told=0 failed=0 pids=()
pass_on() {{ kill -s "$1" "${{pids[@]}}" 2>/dev/null; }}
trap 'pass_on USR1' USR1
trap 'told=1; pass_on TERM' TERM INT
for (( number = 0; number < mine; number++ )); do
  {worker} &
  pids+=("$!")
done
for pid in "${{pids[@]}}"; do
  wait "$pid"; status=$?
  while (( status > 128 )) && kill -0 "$pid" 2>/dev/null; do wait "$pid"; status=$?; done  # a signal ended the wait
  if (( status > 128 )); then wait "$pid" 2>/dev/null; again=$?; (( again != 127 )) && status=$again; fi
  (( status )) && failed=1
done
# Neither stopped nor failed: the time is over. Where runs have work, this task is queued again.
if (( ! told && ! failed )) && {demand} >/dev/null; then
  exec scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"  # the job id alone may be that of the array
fi
exit "$failed"
"""


class SlurmWorkers:
    """The workers of one group: the jobs of this user with the group's name.

    Args:
        placement: What each worker gets.
        command: What starts das-hpo on the nodes, the same path on all of them.
        options: Of ``das-hpo worker``, with ``--nameserver``.
        keys: The key file, on a disk that the nodes share; None for no keys.
    """

    def __init__(
        self, placement: Placement, command: Sequence[str], options: Sequence[str], keys: KeyFile | None
    ) -> None:
        self._placement = placement
        self._command = list(command)
        self._options = list(options)
        self._keys = keys
        self.name = f"das-hpo-{placement.group}"

    def start(self, count: int) -> None:
        """Submits a job array for so many workers."""
        folder = self._placement.folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.sbatch"
        path.write_text(self.script(count))
        job = self._call("sbatch", "--parsable", *self._placement.options, str(path)).strip().partition(";")[0]
        log.info("Slurm job %s: %d workers of the group %s, logs in %s", job, count, self._placement.group, folder)

    def alive(self) -> int:
        """How many workers run now."""
        return sum(workers for state, workers in self._jobs() if state == "RUNNING")

    def pending(self) -> int:
        """How many workers wait for a place, or end."""
        return sum(workers for state, workers in self._jobs() if state != "RUNNING")

    def stop(self) -> None:
        """Cancels the jobs, and waits until they have ended."""
        self._call("scancel", "--user", str(os.getuid()), "--name", self.name)
        until = time.monotonic() + STOP_S
        told = False
        while self._tasks():
            if time.monotonic() > until:
                raise ClusterError(
                    f"Slurm's jobs named {self.name} have not ended within {STOP_S:.0f} s of scancel: see squeue "
                    f"--name {self.name}"
                )
            if not told:
                log.info("waiting for the workers of %s to hand back and end, for %.0f s at most", self.name, STOP_S)
                told = True
            time.sleep(1.0)

    def script(self, count: int) -> str:
        """The job's script for so many workers."""
        place = self._placement
        each = min(place.per_gpu, count)
        cpus = place.cpus_per_worker
        demand = [*self._command, "demand", "--check", *_of_demand(self._options)]
        return SCRIPT.format(
            count=count,
            each=each,
            cpus=cpus,
            directives="\n".join(f"#SBATCH {word}" for word in self._directives(count, each)),
            worker=shlex.join([*self._command, "worker", *self._options, *self._limits()]),
            demand=shlex.join(demand),
        )

    def _directives(self, count: int, each: int) -> list[str]:
        place = self._placement
        tasks = -(-count // each)
        words = [
            f"--job-name={self.name}",
            f"--comment=das-hpo:{count}:{each}",
            f"--array=0-{tasks - 1}",
            "--requeue",
            "--open-mode=append",
            f"--output={place.folder.absolute()}/{self.name}-%A_%a.out",
            f"--cpus-per-task={place.cpus_per_worker * each}",
            f"--signal=B:USR1@{self._before_end(WARN_S, WARN_SHARE):.0f}",
        ]
        if place.gpus_per_worker:
            words.append("--gres=gpu:1")
        if place.walltime_s is not None:
            words.append(f"--time={-(-int(place.walltime_s) // 60)}")
        return words

    def _limits(self) -> list[str]:
        words = ["--grace", f"{GRACE_S}s"] if "--grace" not in self._options else []
        if self._placement.walltime_s is not None and "--max-time" not in self._options:
            words += ["--max-time", f"{self._placement.walltime_s - self._before_end(END_S, END_SHARE):.0f}s"]
        return words

    def _before_end(self, seconds: float, share: float) -> float:
        limit = self._placement.walltime_s
        return seconds if limit is None else min(seconds, share * limit)

    def _jobs(self) -> list[tuple[str, int]]:
        """The state of each task of the group's jobs, and how many workers it has."""
        found = []
        for state, index, comment in self._tasks():
            _, count, each = comment.split(":")
            found.append((state, min(int(each), int(count) - int(index) * int(each))))
        return found

    def _tasks(self) -> list[tuple[str, str, str]]:
        text = self._call(
            "squeue",
            *("--noheader", "--array", "--user", str(os.getuid()), "--name", self.name, "--format", "%T|%K|%k"),
        )
        tasks = []
        for line in text.splitlines():
            state, index, comment = (*line.strip().split("|"), "", "")[:3]
            if comment.startswith("das-hpo:") and index.isdecimal():
                tasks.append((state, index, comment))
        return tasks

    def _call(self, *words: str) -> str:
        """The output of one of Slurm's commands.

        Raises:
            ClusterError: If it is not there, fails, or does not end.
        """
        environment = dict(os.environ)
        if self._keys is not None:
            environment[KEY_FILE] = str(self._keys.path.absolute())
        try:
            done = subprocess.run(
                words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CALL_S
            )
        except FileNotFoundError:
            raise ClusterError(
                f"there is no {words[0]} on this machine: --engine slurm is for a login node of a Slurm cluster"
            ) from None
        except subprocess.TimeoutExpired:
            raise ClusterError(f"{words[0]} has not answered for {CALL_S:.0f} s") from None
        if done.returncode:
            said = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
            raise ClusterError(f"{words[0]} failed: {said}")
        return done.stdout


def _of_demand(options: Sequence[str]) -> list[str]:
    """Those of a worker's options that say where the nameserver is, and how to speak to it."""
    words: list[str] = []
    for number, word in enumerate(options):
        if word in ("--nameserver", "--tls-cert", "--tls-key", "--tls-ca"):
            words += [word, options[number + 1]]
        elif word == "--insecure":
            words.append(word)
    return words
