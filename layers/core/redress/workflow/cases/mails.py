"""Compare the events of changed tickets with the records of their mails, once a day.

The event says which mails follow (`mails_after`). A mail that was sent, refused or tried has a
record. A mail that was outdated before it could be sent has none: the mailer skips it. So a missing
record is explained if the mailer would skip the mail now, or would have skipped it soon after its
event. Otherwise the message to the mailer was lost, and it is sent again. The mailer decides
whether the mail is still true. If the first message comes after all, the record prevents a second
mail.

Open tickets come from the reconciliation, which reads them anyway. Closed tickets come from a
partition of the index that lists them by the day of their last change.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from redress.base.errors import NotFound, Unreadable
from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.rules.relevance import NEED_HISTORY, Matter, reason_to_skip
from redress.mail.outgoing.rules.table import mails_after
from redress.plans.store.plans import Plans
from redress.tickets.rules.fold import first_plan, walk
from redress.tickets.rules.ticket import Event, Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.mail_records import MailRecord
from redress.tickets.store.tickets import TicketFile, TicketStore
from redress.workflow.store import MailComparison, ReportStore

GRACE = timedelta(minutes=15)
"""How long after its event a mail may have no record. Younger events are left to the next run."""

STALLED = timedelta(hours=1)
"""How long ago an unfinished mail was last tried, if no message asks for it any more. The mailer
tries a mail again after a quarter of an hour at the latest."""

FIRST = timedelta(days=1)
"""How far back the first comparison looks."""

OLDEST = timedelta(days=14)
"""How far back a comparison looks at most. The mail queue keeps a message for as long."""

REPORTS = 20
"""How many reports are searched for the last complete comparison."""

MOST_SENT = 1000
"""How many mails one run sends again at most. If more are missing, the next run compares the same
time again."""

DOLLARS_PER_READ_UNIT = 0.000_000_125
"""The list price in us-east-1 (23 November 2026), as in `bench/prices.json`."""

UNREADABLE = (NotFound, LookupError, ValueError, TypeError, Unreadable)
"""Errors of a ticket that a person must repair."""

UNFINISHED = ("claimed", "failed")


@dataclass(slots=True)
class ChangedTickets:
    """The tickets whose events from `since` until `until` are compared with their mails."""

    since: datetime
    until: datetime
    numbers: set[str] = field(default_factory=set)

    def see(self, ticket: Ticket | None) -> None:
        """Note an open ticket, if it was changed in this time or later."""
        if ticket is not None and ticket.changed_at >= self.since:
            self.numbers.add(ticket.number)


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
        """Return the time to compare: since the end of the last complete comparison."""
        now = self._now()
        done = [report.mails.until for report in self._reports.latest(REPORTS) if report.mails]
        since = max(done, default=now - FIRST)
        return ChangedTickets(max(since, now - OLDEST), max(since, now - GRACE))

    def run(
        self,
        changed: ChangedTickets,
        sent: Callable[[str], None],
        explained: Callable[[str], None],
        unreadable: Callable[[str], None],
        enter: Callable[[str], None],
    ) -> MailComparison | None:
        """Compare all changed tickets. Return what was compared; None if it is not complete.

        `sent` and `explained` get the number of a ticket and the key of its mail, `unreadable` the
        number of a ticket. `enter` raises an error if too little time is left.
        """
        changed.numbers.update(self._lists.closed_since(changed.since, self._now()))
        units, asked = 0.0, 0
        for number in sorted(changed.numbers):
            enter("mails")
            try:
                file = self._tickets.file(number, behind=True)
                missing = self._missing(file, changed)
            except UNREADABLE:
                unreadable(number)
                continue
            units += math.ceil(file.size / 4096) / 2
            for job, why in missing:
                if why is not None:
                    explained(f"{number}/{job.key}: {why}")
                    continue
                if asked == MOST_SENT:
                    return None
                self._ask(job)
                sent(f"{number}/{job.key}")
                asked += 1
        return MailComparison(
            since=changed.since,
            until=changed.until,
            tickets=len(changed.numbers),
            read_units=units,
            dollars=units * DOLLARS_PER_READ_UNIT,
        )

    def _missing(
        self, file: TicketFile, changed: ChangedTickets
    ) -> list[tuple[MailJob, str | None]]:
        """Return the mails without a record, each with the reason; None if there is no reason."""
        now = self._now()
        records = {record.key: record for record in file.mails}
        found: list[tuple[MailJob, str | None]] = []
        for event in file.history:
            if not changed.since <= event.at < changed.until:
                continue
            for mail in mails_after(event):
                job = MailJob(file.ticket.number, event.number, mail.template, mail.audience)
                record = records.get(job.key)
                if job.key in file.unreadable:
                    continue
                if record is None:
                    found.append((job, self._why_skipped(job, event, file, now)))
                elif _stalled(record, now):
                    found.append((job, None))
        return found

    def _why_skipped(
        self, job: MailJob, event: Event, file: TicketFile, now: datetime
    ) -> str | None:
        """Return why the mailer skips the mail now, or skipped it within GRACE after its event."""

        def reason(ticket: Ticket, history: Sequence[Event], at: datetime) -> str | None:
            plan = self._plans.get(ticket.plan_version)
            seen = history if event.type in NEED_HISTORY else ()
            return reason_to_skip(Matter(job, event, ticket, plan, at, seen))

        history = file.history
        if why := reason(file.ticket, history, now):
            return why
        first = self._plans.get(first_plan(history, file.ticket))
        states = [ticket for ticket, _ in walk(history, first, self._plans.get)]
        soon = [
            (ticket, last)
            for ticket, last in zip(states, history, strict=True)
            if last.number >= event.number and last.at <= event.at + GRACE
        ]
        # The events of one change have one time. No mail is sent between them.
        for (ticket, last), following in itertools.zip_longest(soon, soon[1:]):
            if following is not None and following[1].at == last.at:
                continue
            if why := reason(ticket, history[: last.number], last.at):
                return why
        return None


def _stalled(record: MailRecord, now: datetime) -> bool:
    """Whether a mail is not finished and nobody tries to send it any more."""
    return record.state in UNFINISHED and now - record.at > STALLED
