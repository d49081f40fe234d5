"""A real Slurm of one node, in a folder: for root, where Debian's slurm-wlm is installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "scancel", "scontrol")

CONFIGURATION = """\
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={node_port}
MpiDefault=none
ProctrackType=proctrack/linuxproc
ReturnToService=2
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/d.pid
SlurmdSpoolDir={folder}/spool
SlurmUser=root
StateSaveLocation={folder}/state
SwitchType=switch/none
TaskPlugin=task/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/d.log
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=low Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=high Nodes={host} MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""


def missing() -> str | None:
    """Why no Slurm can be started here; None if it can."""
    if os.geteuid() != 0:
        return "slurmctld and slurmd are started as root"
    without = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if without:
        return f"{', '.join(without)} not installed (apt-get install slurm-wlm munge)"
    if (os.cpu_count() or 1) < 2:
        return "the node has two cores"
    return None


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def slurm_node(folder: Path) -> Iterator[dict[str, str]]:
    """Slurm runs while the block lasts; gives the environment in which its commands find it."""
    for name in ("spool", "state"):
        (folder / name).mkdir(parents=True)
    host = socket.gethostname().partition(".")[0]
    settings = {"host": host, "folder": folder, "port": _free_port(), "node_port": _free_port()}
    (folder / "slurm.conf").write_text(CONFIGURATION.format(**settings))
    environment = {**os.environ, "PATH": _path(), "SLURM_CONF": str(folder / "slurm.conf")}
    pids = [_munge()]
    try:
        subprocess.run(["slurmctld"], env=environment, check=True, timeout=30)
        subprocess.run(["slurmd", "-N", host], env=environment, check=True, timeout=30)
        _wait_until_idle(environment, folder)
        yield environment
    finally:
        for name in ("d.pid", "ctld.pid"):
            if (folder / name).exists():
                pids.insert(0, int((folder / name).read_text()))
        for pid in pids:
            _end(pid)


def _munge() -> int:
    """Starts the daemon that signs Slurm's messages, if none runs; its process id, or 0."""
    if Path("/run/munge/munge.socket.2").exists() and _answers():
        return 0
    for path in ("/run/munge", "/var/log/munge", "/var/lib/munge"):
        Path(path).mkdir(mode=0o755, exist_ok=True)
        shutil.chown(path, "munge", "munge")
    subprocess.run(["su", "munge", "-s", "/bin/sh", "-c", "/usr/sbin/munged --force"], check=True, timeout=30)
    return int(Path("/run/munge/munged.pid").read_text())


def _answers() -> bool:
    return subprocess.run(["munge", "-n"], capture_output=True, check=False, timeout=10).returncode == 0


def _wait_until_idle(environment: dict[str, str], folder: Path) -> None:
    until = time.monotonic() + 60
    while True:
        done = subprocess.run(
            ["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True, check=False, timeout=30
        )
        if "idle" in done.stdout:
            return
        logs = "".join(path.read_text()[-500:] for path in folder.glob("*.log"))
        assert time.monotonic() < until, f"Slurm does not come: {done.stdout} {done.stderr} {logs}"
        time.sleep(0.2)


def _end(pid: int) -> None:
    if not pid:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        for _ in range(50):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return
            time.sleep(0.1)
            if not Path(f"/proc/{pid}").exists():
                return
