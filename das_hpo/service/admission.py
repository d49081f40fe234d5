"""Which workers may compute for a run."""

from __future__ import annotations

from dataclasses import dataclass

from workers.transport.messages import Caller


@dataclass(frozen=True, slots=True)
class Admission:
    """What a run asks of a worker before it gives it work.

    Attributes:
        run_name: The run's name, for messages.
        version: The version of das-hpo that the worker must have.
        task: The name of the run's task and the fingerprint of its code; None for no check.
    """

    run_name: str
    version: str
    task: tuple[str, str] | None = None

    def refusal(self, caller: Caller) -> str | None:
        """Why a worker gets no work of this run, in one line that says what to do; None if it may have some."""
        if caller.version != self.version:
            return (
                f"run {self.run_name} is of das-hpo {self.version}, worker {caller.name} of "
                f"{caller.version}: install the same version on both"
            )
        if self.task is None:
            return None
        name, expected = self.task
        found = caller.tasks.get(name)
        if found is None:
            return (
                f"run {self.run_name} is of the task {name}, which worker {caller.name} was not told of: start it "
                f"with --task and where the task is, package.module:object"
            )
        if found != expected:
            return (
                f"run {self.run_name} is of the task {name} with the code {expected}, worker {caller.name} has the "
                f"code {found}: give both the same version of the task's files, and start the worker again"
            )
        return None
