"""Compare the events of changed tickets with the records of their mails, once a day.

The event says which mails follow (`mails_after`). A mail that was sent, refused or tried has a
record. A mail that was outdated before it could be sent has none: the mailer skips it. So a missing
record is explained if the mailer would skip the mail now, or would have skipped it soon after its
event. A mail that was tried but not finished is explained if the mailer would skip it now.
Otherwise the message to the mailer was lost, and it is sent again. The mailer decides
whether the mail is still true. If the first message comes after all, the record prevents a second
mail.

A mail may be undecided: the mailer is still trying it, it was just asked for again, or its record
or ticket cannot be read. The report keeps its ticket, and the next run looks at it again.

Open tickets come from the reconciliation, which reads them anyway. Closed tickets come from a
partition of the index that lists them by the day of their last change.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from redress.base.errors import NotFound, Unreadable
from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.rules.relevance import (
    GRACE,
    NEED_HISTORY,
    Matter,
    other_named,
    reason_to_skip,
    skipped_in_time,
)
from redress.mail.outgoing.rules.table import mails_after
from redress.plans.store.plans import Plans
from redress.tickets.rules.ticket import Event, Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketFile, TicketStore
from redress.workflow.store import MailComparison, MailsToCompare, ReportStore

STALLED = timedelta(hours=1)
"""How long ago an unfinished mail was last tried, if no message asks for it any more. The mailer
tries a mail again after a quarter of an hour at the latest."""

FIRST = timedelta(days=1)
"""How far back the first comparison looks. It does not look further, because an earlier version may
not have sent all mails that this version sends."""

OLDEST = timedelta(days=14)
"""How far back a comparison looks at most. The mail queue keeps a message for as long."""

REPORTS = 20
"""How many reports are searched for one that says what to compare. The last one says so, unless an
earlier version made it."""

MOST_SENT = 1000
"""How many mails one run sends again at most. If more are missing, the next run compares the same
time again."""

MOST_LEFT = 4000
"""How many tickets with undecided mails a report can hold: some 50 bytes each, of the 400 KB of an
item. If there are more, the next run compares the same time again."""

ENTRY_BYTES = 256
"""The size of an index entry of a closed ticket, rounded up."""

DOLLARS_PER_READ_UNIT = 0.000_000_125
"""The list price in us-east-1 (23 November 2026), as in `data/prices.json`."""

UNREADABLE = (NotFound, LookupError, ValueError, TypeError, Unreadable)
"""Errors of a ticket that a person must repair."""

UNFINISHED = ("claimed", "failed")


@dataclass(slots=True)
class ChangedTickets:
    """The tickets whose events from `since` until `until` are compared with their mails.

    The events of a ticket in `left` are compared since the time given there. `next` is what the
    next run compares.
    """

    since: datetime
    until: datetime
    left: dict[str, datetime]
    next: MailsToCompare
    numbers: set[str]

    def see(self, number: str, ticket: Ticket | None) -> None:
        """Note an open ticket, if it was changed in this time or later, or if it is unreadable."""
        if ticket is None or ticket.changed_at >= self.since:
            self.numbers.add(number)


class CompareMails:
    """Finds mails without a record. `ask` enqueues the message for one mail again."""

    def __init__(
        self,
        tickets: TicketStore,
        lists: TicketLists,
        plans: Plans,
        reports: ReportStore,
        ask: Callable[[MailJob], None],
        now: Callable[[], datetime],
    ) -> None:
        self._tickets, self._lists, self._plans = tickets, lists, plans
        self._reports, self._ask, self._now = reports, ask, now

    def begin(self) -> ChangedTickets:
        """Return what to compare: all since the last complete comparison, and what it left."""
        now = self._now()
        found = (r.mails_next for r in self._reports.latest(REPORTS) if r.mails_next is not None)
        given = next(found, MailsToCompare(now - FIRST))
        since = max(given.since, now - OLDEST)
        left = {number: max(at, now - OLDEST) for number, at in given.left.items()}
        until = max(since, now - GRACE)  # younger events are left to the next run
        return ChangedTickets(since, until, left, MailsToCompare(since, left), set(left))

    def run(
        self,
        changed: ChangedTickets,
        sent: Callable[[str], None],
        explained: Callable[[str], None],
        unreadable: Callable[[str], None],
        enter: Callable[[str], None],
    ) -> MailComparison | None:
        """Compare all changed tickets. Return what was compared; None if it is not complete.

        If it is complete, `changed.next` moves on. Otherwise the next run repeats this comparison.

        `sent` and `explained` get the number of a ticket and the key of its mail, `unreadable` the
        number of a ticket. `enter` raises an error if too little time is left.
        """
        units, asked = 0.0, 0
        for numbers in self._lists.closed_since(changed.since, self._now()):
            changed.numbers.update(numbers)
            units += _units(len(numbers) * ENTRY_BYTES)
        left: dict[str, datetime] = {}
        for number in sorted(changed.numbers):
            enter("mails")
            since = changed.left.get(number, changed.since)
            try:
                file = self._tickets.file(number, behind=True)
                missing, undecided = self._missing(file, since, changed.until)
            except NotFound:
                unreadable(number)
                continue
            except UNREADABLE:
                unreadable(number)
                left[number] = since
                continue
            units += _units(file.size)
            if undecided is not None:
                left[number] = undecided
            for job, why in missing:
                if why is not None:
                    explained(f"{number}/{job.key}: {why}")
                    continue
                if asked == MOST_SENT:
                    return None
                self._ask(job)
                sent(f"{number}/{job.key}")
                asked += 1
        if len(left) > MOST_LEFT:
            return None
        changed.next = MailsToCompare(changed.until, left)
        return MailComparison(
            since=changed.since,
            until=changed.until,
            tickets=len(changed.numbers),
            read_units=units,
            dollars=units * DOLLARS_PER_READ_UNIT,
        )

    def _missing(
        self, file: TicketFile, since: datetime, until: datetime
    ) -> tuple[list[tuple[MailJob, str | None]], datetime | None]:
        """Return the mails that nobody finishes, each with the reason; None if there is no reason.

        Return also the time of the first event with an undecided mail; None if there is none.
        """
        now = self._now()
        records = {record.key: record for record in file.mails}
        found: list[tuple[MailJob, str | None]] = []
        undecided: list[datetime] = []
        for event in file.history:
            if not since <= event.at < until:
                continue
            for mail in mails_after(event):
                job = MailJob(file.ticket.number, event.number, mail.template, mail.audience)
                record = records.get(job.key)
                if record is not None and record.state not in UNFINISHED:
                    continue
                unknown = record is None and job.key in file.unreadable
                tried_now = record is not None and now - record.at <= STALLED
                if not unknown and not tried_now:
                    why = self._why_skipped(job, event, file, now, tried=record is not None)
                    found.append((job, why))
                    if why is not None:
                        continue
                undecided.append(event.at)
        return found, min(undecided, default=None)

    def _why_skipped(
        self, job: MailJob, event: Event, file: TicketFile, now: datetime, *, tried: bool
    ) -> str | None:
        """Return why the mailer skips the mail now, or skipped it within GRACE after its event.

        If the mail was tried, it was not outdated then, so only the present counts.
        """
        plan = self._plans.get(file.ticket.plan_version)
        seen = file.history if event.type in NEED_HISTORY else ()
        other = other_named(job, event)
        is_apart = other is not None and self._tickets.is_of_another(file.ticket, other)
        about = Matter(job, event, file.ticket, plan, now, seen, is_apart=is_apart)
        if (why := reason_to_skip(about)) or tried:
            return why
        return skipped_in_time(replace(about, history=file.history), self._plans.get)


def _units(size: int) -> float:
    """Read units of a query that reads `size` bytes and may be slightly old (`bench/units.py`)."""
    return max(1, math.ceil(size / 4096)) / 2
