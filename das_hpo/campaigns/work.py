"""The evaluation queue of a campaign: fixed trials."""

from __future__ import annotations

from das_hpo.campaigns.campaign import DRAWN, RETRAINING, CampaignSettings
from das_hpo.service.queue import Attempt, Evaluation
from das_hpo.service.recorded_queue import RecordedQueue
from das_hpo.service.recorder import Recorder
from spaces.identity import ConfigurationId
from spaces.trial import SCORE_OF, WORST_LOSS, to_loss, to_score
from storage.entries import NewConfiguration, NewEvaluation
from storage.records import Replay


class CampaignQueue(RecordedQueue):
    """The evaluation queue of a campaign: fixed work, in the order of the trials.

    Args:
        settings: The campaign.
        recorder: Writes what happens.
    """

    def __init__(self, settings: CampaignSettings, recorder: Recorder) -> None:
        self._task = settings.configured_task()
        super().__init__(settings.name, settings.objective, recorder, None, self._task.metric)
        self.settings = settings
        self.expected = settings.trials * settings.evaluations_per_trial
        self.epochs_expected = self.expected * settings.budget
        self._next = 0
        self._ended = 0
        self._known: set[tuple[int, int]] = set()
        self._configured: set[ConfigurationId] = set()
        self._best_loss: float | None = None

    @property
    def complete(self) -> bool:
        """Whether all trials have ended."""
        return self._ended >= self.expected

    def learn(self, evaluation: Evaluation, status: str, loss: float | None, message: str | None = None) -> None:
        """Counts the ended evaluation, and keeps the best loss."""
        self._ended += 1
        if loss is not None and loss < WORST_LOSS and (self._best_loss is None or loss < self._best_loss):
            self._best_loss = loss

    def restore(self, replay: Replay) -> list[Attempt]:
        """Brings a new queue to where the stored campaign is; returns the open attempts."""
        self._configured = {record.configuration_id for record in replay.configurations}
        attempts = {attempt.evaluation_id: attempt for attempt in replay.attempts}
        adopted = []
        for record in replay.evaluations:
            trial, draw = self._place(record.configuration_id, record.replicate)
            self._known.add((trial, draw))
            evaluation = Evaluation.stored(self._asked(trial, draw), record.id, record.failures)
            running = attempts.get(record.id)
            if record.sequence is not None:
                score: float | None = getattr(record, SCORE_OF[self.objective])
                loss = to_loss(score, self.metric.larger_is_better)
                if record.status == "diverged":
                    loss = WORST_LOSS
                self.learn_again(evaluation, record.status, loss, record.message)
            else:
                self.give_again(evaluation, waiting=running is None)
            if running is not None:
                adopted.append(Attempt(evaluation, running.token, running.worker))
        return adopted

    def _refill(self) -> list[Evaluation]:
        per_trial = self.settings.evaluations_per_trial
        while self._next < self.expected and divmod(self._next, per_trial) in self._known:
            self._next += 1
        if self._next >= self.expected:
            return []
        trial, draw = divmod(self._next, per_trial)
        asked = self._asked(trial, draw)
        identifier = asked.configuration_id
        configuration = None
        of_preset = not self.settings.is_baseline and self.settings.label in self._task.presets
        if identifier not in self._configured:
            configuration = NewConfiguration(
                identifier,
                origin="preset" if of_preset else "fixed",
                info={"label": self.settings.label},
                hyperparameters=self.settings.hyperparameters,
                architecture=self.settings.architecture(self._task, trial, draw),
            )
        evaluations = self.recorder.add_job(configuration, [asked])
        self._configured.add(identifier)
        self._known.add((trial, draw))
        return evaluations

    def _position(self) -> tuple[int, int, float | None]:
        best = to_score(self._best_loss, self.metric.larger_is_better)
        begun = min(self._next // self.settings.evaluations_per_trial + 1, self.settings.trials)
        return begun, self.settings.trials, best

    def _asked(self, trial: int, draw: int) -> NewEvaluation:
        identifier, replicate = self._names(trial, draw)
        return NewEvaluation(identifier, replicate, self.settings.spec(self._task, trial, draw))

    def _names(self, trial: int, draw: int) -> tuple[ConfigurationId, int]:
        """The configuration's id and the replicate of one evaluation."""
        if self.settings.kind in DRAWN:
            return ConfigurationId(trial, 0, draw), 0
        if self.settings.kind == RETRAINING:
            return ConfigurationId(trial, 0, 0), draw
        return ConfigurationId(0, 0, 0), trial

    def _place(self, identifier: ConfigurationId, replicate: int) -> tuple[int, int]:
        """The trial and the draw of a stored evaluation."""
        if self.settings.kind in DRAWN:
            return identifier.iteration, identifier.number
        if self.settings.kind == RETRAINING:
            return identifier.iteration, replicate
        return replicate, 0


def make_campaign(replay: Replay, recorder: Recorder, parallel: int | None) -> tuple[RecordedQueue, list[Attempt]]:
    """The queue of a stored campaign, new or old; see :data:`das_hpo.running.Maker`."""
    campaign = CampaignQueue(CampaignSettings.from_mapping(replay.run.settings), recorder)
    with campaign.condition:
        return campaign, campaign.restore(replay)
