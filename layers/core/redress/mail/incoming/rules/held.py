"""Held mail as work: who must look at it, until when, and when a release can still succeed.

A mail in quarantine belongs to the team of the address that it was sent to. The plan promises how
soon somebody of that team opens it. Spam and mails with a virus are listed without a promise, so a
flood of them causes no reminders.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from redress.mail.incoming.rules.decision import Reason
from redress.plans.rules.plan import Plan

UNPROMISED = (Reason.SPAM, Reason.VIRUS)
"""Mail that is held for one of these reasons has no promise."""

NOT_KEPT = "not_kept"
"""The release was refused because the raw mail is not in the bucket any more."""
RELEASED = "released"
"""A release is not possible because the mail was released before."""
REQUESTED = "requested"
"""A release is not possible because an earlier request for it is being processed."""

REQUEST_PATIENCE = timedelta(minutes=5)
"""How long a requested release counts as being processed. Usually its outcome is known in seconds.
After this time the message is considered lost, and the release can be requested again."""

READER = 2
"""The version of the reader. It is increased when the reader learns to find senders in more mails.
Then a mail that an earlier version held for `no_sender` can be released, which reads it again.
Records that were written before this field existed have version 0."""


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """A member of staff requested the release of a mail, and the outcome is not known yet."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The last requested release found that the mail cannot be released.

    reason   a `Reason` or NOT_KEPT
    at       when the mail was read again
    by       the member of staff who requested the release
    because  the name of the error, if the reader failed
    """

    reason: str
    at: datetime
    by: str
    because: str | None = None


def team_of_kind(kind: str, plan: Plan) -> str:
    """Return the team of mails that would open a ticket of this kind."""
    level = plan.level(kind)
    priority = plan.priority(level.urgency, level.impact)
    return plan.team(kind, "email", priority, "standard")


def why_not_releasable(
    reason: str, request: ReleaseRequest | None, refused: Refused | None, reader: int, now: datetime
) -> str | None:
    """Return why the release of a mail in quarantine cannot succeed; None if it can.

    All arguments are stored facts: why the mail is held, the pending request, the outcome of the
    last one, and the version of the reader that read the mail. The result is a `Reason`, NOT_KEPT
    or REQUESTED.
    """
    if reason == Reason.VIRUS:
        return reason
    if refused is not None and refused.reason == NOT_KEPT:
        return NOT_KEPT
    if reason == Reason.NO_SENDER and reader >= READER:
        return reason
    if request is not None and is_pending(request, now):
        return REQUESTED
    return None


def is_pending(request: ReleaseRequest, now: datetime) -> bool:
    """Whether a requested release may still be in the queue."""
    return now < request.at + REQUEST_PATIENCE


def due_at(since: datetime, plan: Plan) -> datetime:
    """Return the deadline for looking at a mail that has been waiting since this time."""
    held = plan.mail.held
    return plan.calendar(held.calendar).add(since, held.target_s)


def is_digest_due(oldest: datetime, told_at: datetime | None, now: datetime, plan: Plan) -> bool:
    """Whether the supervisors must be told about the held mail of their team.

    `oldest` is the time since which the oldest unseen mail has been waiting, and `told_at` the time
    of the last digest. A digest covers all mails of the team. So at most one is due in each period
    that the plan gives for looking at a mail, however many mails come.
    """
    return due_at(max(oldest, told_at or oldest), plan) <= now
