"""The evaluation queue of an optimisation: replicates, rows and transactions around an optimiser.

The optimiser proposes configurations and learns losses; everything else is done here. A proposal is as many
evaluations as the run has repeats, and the optimiser is told the aggregate of their losses when the last one has
ended. A proposal is made when a worker asks for work, and recorded in the transaction that gives it out.
"""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from das_hpo.optimisers.protocol import Observation, Optimizer, Problem, Proposal
from das_hpo.optimizer_registry import check_optimizer_settings, find_optimizer
from das_hpo.service.queue import Attempt, Evaluation
from das_hpo.service.recorded_queue import RecordedQueue
from das_hpo.service.recorder import Recorder
from das_hpo.settings import RunSettings
from spaces.errors import DasHpoError, InvalidValueError, StorageError
from spaces.identity import ConfigurationId
from spaces.seeds import evaluation_seed
from spaces.trial import SCORE_OF, WORST_LOSS, to_loss, to_score
from storage import ranking
from storage.entries import NewConfiguration, NewEvaluation
from storage.records import EvaluationRecord, Replay

log = logging.getLogger(__name__)


def aggregate(losses: Sequence[float], how: str) -> float:
    """The loss of several trials of one configuration; ``max`` is the best score, so the least loss."""
    if how == "max":
        return min(losses)
    return statistics.fmean(losses) if how == "mean" else statistics.median(losses)


@dataclass(slots=True)
class Pending:
    """A proposal that is being evaluated: as many evaluations as the run has repeats.

    Attributes:
        proposal: What is evaluated.
        hyperparameters: The configuration as trials take it.
        losses: The loss of each replicate that has ended; None for a failed one.
    """

    proposal: Proposal
    hyperparameters: Mapping[str, Any]
    losses: dict[int, float | None] = field(default_factory=dict)


class OptimisationQueue(RecordedQueue):
    """The evaluation queue of an optimisation.

    Args:
        settings: The run.
        optimizer: Decides what is evaluated.
        recorder: Writes what happens; its transactions are this queue's.
        parallel: Evaluations that may be open at a time, where the settings do not say.
    """

    def __init__(
        self, settings: RunSettings, optimizer: Optimizer, recorder: Recorder, *, parallel: int | None = None
    ) -> None:
        metric = settings.configured_task().metric
        super().__init__(settings.name, settings.objective, recorder, settings.parallel or parallel, metric)
        self._hyperparameter_space = settings.hyperparameter_space()
        self.settings = settings
        self.optimizer = optimizer
        self._next: Proposal | None = None  # asked for, and not yet recorded
        self._pending: dict[tuple[ConfigurationId, float], Pending] = {}
        self._asked: set[tuple[ConfigurationId, float]] = set()
        self._stored: dict[ConfigurationId, Proposal] = {}
        self._best: dict[float, float] = {}
        self._iterations_begun = 0
        self._failure: DasHpoError | None = None
        plan = optimizer.plan
        self.expected = settings.repeats * plan.proposals
        self.epochs_expected = settings.repeats * plan.epochs

    @property
    def complete(self) -> bool:
        """Whether nothing is pending and the optimiser has no further proposal."""
        with self.condition:  # the monitor looks without holding it
            return not self._pending and self._ask() is None and self._failure is None

    def learn(self, evaluation: Evaluation, status: str, loss: float | None, message: str | None = None) -> None:
        """Tells the optimiser the result of a proposal once its last replicate has ended."""
        observation = self._ended(_key(evaluation), evaluation.replicate, loss)
        if observation is None:
            return
        try:
            self.optimizer.tell(observation)
        except Exception as error:  # noqa: BLE001 (an optimiser may be anybody's)
            # The outcome is recorded nonetheless: a resume with the optimiser mended goes on from it.
            self._fail("could not take in a result", error)

    def restore(self, replay: Replay) -> list[Attempt]:
        """Brings a fresh queue, and its optimiser, to where the stored run is.

        Returns:
            The open attempts: the dispatcher takes them over, or :meth:`give_up` ends them.

        Raises:
            StorageError: If what is stored cannot have come from a run of these settings.
        """
        with self.condition:
            self._restore_optimizer(replay)
            attempts = {attempt.evaluation_id: attempt for attempt in replay.attempts}
            adopted: list[Attempt] = []
            for record in replay.evaluations:
                if record.sequence is not None:
                    self._count(record.budget, record.status)
                    continue
                evaluation = self._evaluation(record)
                running = attempts.get(record.id)
                self.give_again(evaluation, waiting=running is None)
                if running is not None:
                    adopted.append(Attempt(evaluation, running.token, running.worker))
            if replay.evaluations:
                self.latest_budget = replay.evaluations[-1].budget
            return adopted

    def _refill(self) -> list[Evaluation]:
        """Records the next proposal: its configuration, if it is new, and its evaluations."""
        proposal = self._ask()
        if proposal is None:
            return []
        identifier = proposal.configuration_id
        hyperparameters = self._pending_of(proposal).hyperparameters
        configuration = None
        if identifier not in self._stored:
            configuration = NewConfiguration(identifier, proposal.origin, dict(proposal.info), hyperparameters)
        seeds = [
            evaluation_seed(self.settings.seed, identifier, proposal.budget, replicate)
            for replicate in range(self.settings.repeats)
        ]
        new = [
            NewEvaluation(identifier, replicate, self.settings.spec(hyperparameters, proposal.budget, seed))
            for replicate, seed in enumerate(seeds)
        ]
        evaluations = self.recorder.add_job(configuration, new)
        self._know_stored(proposal)
        self._next = None
        return evaluations

    def _position(self) -> tuple[int, int, float | None]:
        if self._failure is not None:
            raise self._failure
        largest = max(self._best, default=None)
        best = None if largest is None else to_score(self._best[largest], self.metric.larger_is_better)
        return self._iterations_begun, self.settings.iterations, best

    def _ask(self) -> Proposal | None:
        """The optimiser's next proposal, kept until it is recorded; None if there is none at present."""
        if self._next is None and self._failure is None:
            try:
                proposal = self.optimizer.ask()
                if proposal is not None:
                    self._check(proposal)
                    self._pending_of(proposal)
                self._next = proposal
            except Exception as error:  # noqa: BLE001 (an optimiser may be anybody's)
                self._fail("could not propose", error)
        return self._next

    def _check(self, proposal: Proposal) -> None:
        """Raises InvalidValueError for a proposal that an optimiser must not make."""
        identifier, budget = proposal.configuration_id, proposal.budget
        low, high = self.settings.min_budget, self.settings.max_budget
        if not low * (1 - 1e-9) <= budget <= high * (1 + 1e-9):
            raise InvalidValueError(f"the budget of {identifier} must be in [{low:g}, {high:g}], got {budget!r}")
        if (identifier, budget) in self._asked:
            raise InvalidValueError(f"{identifier} at budget {budget:g} was proposed before")
        known = self._stored.get(identifier)
        if known is not None and dict(known.configuration) != dict(proposal.configuration):
            raise InvalidValueError(f"{identifier} names another configuration already")

    def _pending_of(self, proposal: Proposal) -> Pending:
        """The entry of a proposal that is being evaluated from now on; the same one until it has ended."""
        key = (proposal.configuration_id, proposal.budget)
        if key not in self._pending:
            hyperparameters = self._hyperparameter_space.hyperparameters(proposal.configuration)
            self._pending[key] = Pending(proposal, hyperparameters)
            self._asked.add(key)
        return self._pending[key]

    def _know_stored(self, proposal: Proposal) -> None:
        """A proposal is in the database."""
        identifier = proposal.configuration_id
        self._stored.setdefault(identifier, proposal)
        self._iterations_begun = max(self._iterations_begun, identifier.iteration + 1)

    def _ended(self, key: tuple[ConfigurationId, float], replicate: int, loss: float | None) -> Observation | None:
        """A replicate has ended; the observation of its proposal, if it was the last one."""
        pending = self._pending[key]
        pending.losses[replicate] = loss
        if len(pending.losses) < self.settings.repeats:
            return None
        del self._pending[key]
        losses = [each for each in pending.losses.values() if each is not None]
        if not losses:
            return Observation(pending.proposal, None)
        how = self.settings.aggregate
        # As the incumbent is chosen: a mean with a diverged replicate is no score.
        larger = self.metric.larger_is_better
        scores = [None if each == WORST_LOSS else to_score(each, larger) for each in losses]
        best = to_loss(ranking.aggregate(scores, how, larger), larger)
        if best is not None:
            budget = pending.proposal.budget
            self._best[budget] = min(best, self._best.get(budget, math.inf))
        return Observation(pending.proposal, aggregate(losses, how))

    def _restore_optimizer(self, replay: Replay) -> None:
        """Tells the optimiser its history: proposals as they were asked for, each before what it gave."""
        name = replay.run.name
        try:
            proposals = self._stored_proposals(replay)
            asked = iter(proposals.values())
            history: list[Proposal | Observation] = []
            for record in replay.finished:
                while _key(record) not in self._pending:
                    proposal = next(asked, None)
                    if proposal is None:
                        raise InvalidValueError(f"{record.configuration_id} ended at {record.budget:g} more than once")
                    self._pending_of(proposal)
                    history.append(proposal)
                observation = self._ended(_key(record), record.replicate, self._told(record))
                if observation is not None:
                    history.append(observation)
            for proposal in asked:
                self._pending_of(proposal)
                history.append(proposal)
            self.optimizer.restore(history)
        except Exception as error:
            raise StorageError(
                f"{name!r} cannot be resumed, what is stored does not follow from its settings: {_said(error)}"
            ) from error

    def _stored_proposals(self, replay: Replay) -> dict[tuple[ConfigurationId, float], Proposal]:
        """The proposals of a stored run, in the order in which they were asked for."""
        configurations = {record.configuration_id: record for record in replay.configurations}
        points = {
            identifier: self._hyperparameter_space.configuration(record.hyperparameters)
            for identifier, record in configurations.items()
        }
        proposals: dict[tuple[ConfigurationId, float], Proposal] = {}
        for evaluation in replay.evaluations:
            key = _key(evaluation)
            if key in proposals:
                continue
            record = configurations[key[0]]
            proposals[key] = Proposal(*key, points[key[0]], record.origin, record.info)
            self._know_stored(proposals[key])
        return proposals

    def _told(self, record: EvaluationRecord) -> float | None:
        """What was learned of a finished evaluation."""
        if record.status == "failed":
            return None
        score: float | None = getattr(record, SCORE_OF[self.objective])
        loss = to_loss(score, self.metric.larger_is_better)
        return WORST_LOSS if loss is None or record.status == "diverged" else loss

    def _evaluation(self, record: EvaluationRecord) -> Evaluation:
        hyperparameters = self._pending[_key(record)].hyperparameters
        spec = self.settings.spec(hyperparameters, record.budget, record.seed)
        return Evaluation(record.configuration_id, record.replicate, spec, record.id, record.failures)

    def _fail(self, what: str, error: Exception) -> None:
        """Remembers why the optimiser cannot go on; the monitor of the run then ends the run with that error."""
        log.error("the optimizer %s %s", self.settings.optimizer, what, exc_info=error)
        self._failure = DasHpoError(
            f"the optimizer {self.settings.optimizer!r} {what}: {_said(error)}; what is done by now is kept"
        )


def _key(evaluation: Evaluation | EvaluationRecord) -> tuple[ConfigurationId, float]:
    """Names the proposal of an evaluation."""
    return evaluation.configuration_id, evaluation.budget


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, DasHpoError) else f"{type(error).__name__}: {error}"


def make_optimizer(settings: RunSettings) -> Optimizer:
    """The optimiser of a run, of which nothing has been asked yet.

    Raises:
        UnknownNameError: If there is no such optimiser.
        InvalidValueError: If it cannot be imported or made, or does not propose the given configurations first.
    """
    make = find_optimizer(settings.optimizer)
    problem = Problem(
        space=settings.hyperparameter_space().space,
        seed=settings.seed,
        iterations=settings.iterations,
        min_budget=settings.min_budget,
        max_budget=settings.max_budget,
        eta=settings.eta,
        decisions=settings.decisions,
        given=settings.given,
    )
    try:
        made: Optimizer = make(problem)
    except DasHpoError:
        raise
    except Exception as error:
        raise InvalidValueError(f"the optimizer {settings.optimizer!r} cannot be made: {_said(error)}") from error
    missing = [name for name in ("ask", "tell", "restore", "plan") if not hasattr(made, name)]
    if missing:
        raise InvalidValueError(f"the optimizer {settings.optimizer!r} has no {', '.join(missing)}: see Optimizer")
    return made


def check_new_run(settings: RunSettings) -> None:
    """Makes sure, before anything is written, that a run's optimiser can do what it is asked.

    Raises:
        UsageError: If it cannot be made, does not have a setting that was changed, or does not propose the given
            configurations first.
    """
    check_optimizer_settings(settings.optimizer, settings.decisions)
    optimizer = make_optimizer(settings)
    for given in settings.given:
        proposal = optimizer.ask()
        if proposal is None:
            break  # it waits for results, and cannot be checked further
        if dict(proposal.configuration) != given.configuration:
            raise InvalidValueError(
                f"the optimizer {settings.optimizer!r} does not propose given configurations first: {given.label}"
            )


def make_queue(settings: RunSettings, recorder: Recorder, parallel: int | None = None) -> OptimisationQueue:
    """The queue of a run of which nothing has been asked yet; see :func:`make_optimizer` for what it raises."""
    return OptimisationQueue(settings, make_optimizer(settings), recorder, parallel=parallel)


def make_optimisation(
    replay: Replay, recorder: Recorder, parallel: int | None
) -> tuple[OptimisationQueue, list[Attempt]]:
    """The queue of a stored optimisation, new or old; see :data:`das_hpo.running.Maker`."""
    queue = make_queue(RunSettings.from_mapping(replay.run.settings), recorder, parallel)
    return queue, queue.restore(replay)
