"""What else is written in the transaction of a ticket's change, with the ticket's own items."""

from __future__ import annotations

from redress.connectors.store import calls, taken
from redress.customers import store as customers
from redress.incidents import store as incidents
from redress.mail.incoming import store as incoming_mails
from redress.scores.store import facts
from redress.staff import store as staff
from redress.tickets.store import attached, opening_keys, remedies, tasks
from redress.tickets.store.transaction import AlsoWritten

ALSO_WRITTEN: tuple[AlsoWritten, ...] = (
    facts.also_written,
    staff.also_written,
    customers.also_written,
    incoming_mails.also_written,
    attached.also_written,
    taken.also_written,
    calls.also_written,
    opening_keys.also_written,
    tasks.also_written,
    incidents.also_written,
    remedies.also_written,
)
"""The complete list. A subject that writes in this transaction adds its function here.

For a submission these functions write nothing, because the intake stores it without PynamoDB
(`SubmissionStore`). A test checks that. If the field of a complaint names somebody, the intake
writes the items of `items.kept_out` itself.
"""
