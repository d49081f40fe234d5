"""What changes the database: functions over a session of one write transaction.

None of them commits: the caller groups them into one transaction, which :meth:`storage.engine.Database.begin` commits
as a whole or not at all. All are safe while several processes write: SQLite lets only one write transaction run at a
time, and in PostgreSQL rows are locked before they are read for a decision.
"""

from storage.writes.evaluations import add_configuration, end_attempt, queue_evaluation, start_attempt
from storage.writes.outcomes import record_outcome, run_that_waits
from storage.writes.run_leases import hold_lease, release_lease, renew_lease, take_lease
from storage.writes.run_lives import (
    DeletedRun,
    change_run_tags,
    delete_run,
    rename_run,
    request_end,
    request_of,
    set_run_note,
)
from storage.writes.runs import (
    create_run,
    remove_run_not_begun,
    set_run_fingerprint,
    set_run_settings,
    set_run_status,
)

__all__ = [
    "DeletedRun",
    "add_configuration",
    "change_run_tags",
    "create_run",
    "delete_run",
    "end_attempt",
    "hold_lease",
    "queue_evaluation",
    "record_outcome",
    "release_lease",
    "remove_run_not_begun",
    "rename_run",
    "renew_lease",
    "request_end",
    "request_of",
    "run_that_waits",
    "set_run_fingerprint",
    "set_run_note",
    "set_run_settings",
    "set_run_status",
    "start_attempt",
    "take_lease",
]
