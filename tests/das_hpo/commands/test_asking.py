"""Asking a live run of another process to end, through the database alone."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.das_hpo.command import assert_one_line_error
from tests.das_hpo.commands.live import live_lab


def test_a_cancelled_run_ends_soon_and_its_workers_are_free(tmp_path: Path) -> None:
    """Trials of an hour are given up; the workers are there for its resume; then it can be deleted."""
    with live_lab(tmp_path) as lab:
        workers = [lab.worker(3600.0) for _ in range(2)]
        first = lab.run("first")
        lab.wait_for("first", lambda run: run.counts["running"] == 2)
        assert_one_line_error(lab.das_hpo("delete", "first", "--yes"), 1, "is being run by process", "das-hpo cancel")
        cancelled = lab.das_hpo("cancel", "first")
        assert cancelled.returncode == 0, cancelled.stderr
        assert "asked the process that serves first to cancel it" in cancelled.stderr
        assert "run first is cancelled: 0 evaluations are kept; `das-hpo resume first`" in cancelled.stderr
        said = first.communicate(timeout=30)[1]
        assert first.returncode == 130
        assert "ended early, as it was cancelled" in said
        assert "did not hear in time" not in said
        found = lab.show("first")
        assert found is not None
        assert (found.run.state, found.counts["running"]) == ("cancelled", 0)
        assert lab.attempts("first") == ["handed-back"] * 2
        # A scheduler that repeats its command does not begin the cancelled run again; its user may.
        repeated = lab.run("first", "--resume")
        assert "the run first is cancelled: only `das-hpo resume first`" in repeated.communicate(timeout=60)[1]
        assert repeated.returncode == 0
        again = lab.start("das_hpo", "resume", "first", "--lease", "3s")
        lab.wait_for("first", lambda run: run.counts["running"] == 2 and run.run.request is None)
        assert all(worker.poll() is None for worker in workers)
        assert lab.das_hpo("cancel", "first").returncode == 0
        again.communicate(timeout=30)
        assert again.returncode == 130
        assert lab.das_hpo("delete", "first", "--yes").returncode == 0
        assert lab.show("first") is None


def test_a_paused_run_finishes_what_is_computed_and_nothing_else(tmp_path: Path) -> None:
    """Then it ends; resume completes it, and no evaluation was computed twice."""
    with live_lab(tmp_path) as lab:
        slow = lab.worker(3.0)
        first = lab.run("first")
        lab.wait_for("first", lambda run: run.counts["completed"] == 1 and run.counts["running"] == 1)
        paused = lab.das_hpo("pause", "first", "--wait", "60s")
        assert paused.returncode == 0, paused.stderr
        assert "run first is paused" in paused.stderr
        assert "ended early, as it was paused" in first.communicate(timeout=30)[1]
        assert first.returncode == 130
        found = lab.show("first")
        assert found is not None
        assert (found.run.state, found.counts["running"]) == ("paused", 0)
        assert set(lab.attempts("first")) == {"completed"}
        slow.terminate()
        lab.worker(0.0)
        assert lab.das_hpo("resume", "first", "--nameserver", lab.nameserver.address).returncode == 0
        found = lab.show("first")
        assert found is not None
        assert (found.run.state, found.run.request) == ("completed", None)
        assert set(lab.attempts("first")) == {"completed"}


def test_a_run_whose_process_was_killed_is_cancelled_at_once(tmp_path: Path) -> None:
    """Nobody is waited for; one whose process stands still is reported."""
    with live_lab(tmp_path) as lab:
        lab.worker(3600.0)
        first = lab.run("first")
        lab.wait_for("first", lambda run: run.counts["running"] == 1)
        os.kill(first.pid, signal.SIGSTOP)
        try:
            refused = lab.das_hpo("cancel", "first", "--wait", "1s")
        finally:
            os.kill(first.pid, signal.SIGKILL)
        assert refused.returncode == 1
        assert f"has not ended within 1.0s: process {first.pid} on" in refused.stderr.splitlines()[-1]
        first.communicate()
        found = lab.show("first")
        assert found is not None
        assert found.run.state == "cancelled"
        ended = lab.das_hpo("cancel", "first")
        assert ended.returncode == 0
        assert ended.stderr.startswith("das-hpo: run first is cancelled")
