"""Who may hear the recordings of a ticket's calls opens them, and that is recorded.

A recording has what nobody wrote down, also about people who are not the customer. So not everybody
who sees the ticket may hear it, and its place is shown to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from redress.base.errors import FileNotOpen, Forbidden, NotFound
from redress.base.people import Member, Role
from redress.files.rules.recordings import IN_WORDS, Elsewhere, is_address, object_in
from redress.files.store.recordings import LINK_S, Heard, HeardStore, RecordingsBucket
from redress.tickets.cases.staff import acts_on_matter, must_read
from redress.tickets.rules.ticket import Event, EventType, Ticket
from redress.tickets.store.tickets import TicketStore


@dataclass(frozen=True, slots=True)
class OpenedRecording:
    """The link to a recording. `expires_in_s` is None if another system protects the address."""

    event: int
    url: str
    expires_in_s: int | None


class RecordingCases:
    def __init__(
        self,
        tickets: TicketStore,
        heard: HeardStore,
        bucket: RecordingsBucket,
        now: Callable[[], datetime],
    ) -> None:
        self._tickets, self._heard = tickets, heard
        self._bucket, self._now = bucket, now

    def heard(self, member: Member, number: str) -> Sequence[Heard]:
        """Who opened recordings of a ticket, newest first.

        Raises NotFound, and Forbidden for whoever does not lead the ticket's team, or the team of
        the ticket into which it was merged.
        """
        ticket = self._tickets.get(number)
        must_read(self._tickets, member, ticket)
        if member.role is Role.AGENT or not acts_on_matter(self._tickets, member, ticket):
            raise Forbidden("leaders read who opened recordings")
        return self._heard.of_ticket(number)

    def open(self, member: Member, number: str, event: int) -> OpenedRecording:
        """Return the link to the recording of an event's call, and record that it was opened.

        Raises NotFound, also if the event has no recording, Forbidden for whoever may not act on
        the ticket, nor on the one into which it was merged, and FileNotOpen if the product can give
        no link.
        """
        found = self._tickets.file(number)
        must_read(self._tickets, member, found.ticket)
        if not acts_on_matter(self._tickets, member, found.ticket):
            raise Forbidden(_whose(found.ticket))
        opened = self._opened(event, _recording(found.history, event))
        self._heard.record(number, Heard(event, member.actor, self._now()))
        return opened

    def _opened(self, event: int, reference: str) -> OpenedRecording:
        if is_address(reference):
            return OpenedRecording(event, reference, None)
        key = object_in(self._bucket.name, self._bucket.prefix, reference)
        if isinstance(key, Elsewhere):
            raise FileNotOpen(key.value, IN_WORDS[key])
        return OpenedRecording(event, self._bucket.link(key), LINK_S)


def _whose(ticket: Ticket) -> str:
    whose = "its agent and " if ticket.assignee is not None else ""
    return f"{whose}the leaders of its team open recordings of this ticket"


def _recording(history: Sequence[Event], number: int) -> str:
    for event in history:
        if event.number == number and event.type is EventType.CALL_RECORDED:
            reference: str | None = event.data.get("recording")
            if reference is not None:
                return reference
    raise NotFound("there is no recording of this event")
