"""What is written in the transaction of every change of a ticket, beside the ticket's own items."""

from __future__ import annotations

from redress.mail.incoming import store as incoming_mails
from redress.scores.store import facts
from redress.staff import store as staff
from redress.tickets.store.transaction import AlsoWritten

ALSO_WRITTEN: tuple[AlsoWritten, ...] = (
    facts.also_written,
    staff.also_written,
    incoming_mails.also_written,
)
"""The one list: whoever writes with a ticket's change stands here.

None of them writes anything for a submission, which the intake stores without PynamoDB
(`SubmissionStore`); a test holds them to that.
"""
