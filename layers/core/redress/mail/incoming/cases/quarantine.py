"""Use cases of staff: list the quarantine, release a mail, and open mails and attachments.

A supervisor sees the mails of their team, a manager sees all. A mail that names a ticket about
somebody is hidden from them. A mail that somebody opens counts as
seen. A release sends a message to the queue of the inbound function. That function then reads the
raw mail again. So if the reader could not read a mail and has been fixed since, a release reads the
mail with the fixed reader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import replace
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from redress.base import instants
from redress.base.errors import Forbidden, NotFound, NotReleasable
from redress.base.people import Member, Role
from redress.db import retry
from redress.mail.incoming import messages
from redress.mail.incoming.bucket import MailBucket, attachment_key, read_key
from redress.mail.incoming.cases.checking import Checked, CheckedMails
from redress.mail.incoming.cases.receiving import with_team
from redress.mail.incoming.messages import ReleaseMail
from redress.mail.incoming.rules.decision import Reason
from redress.mail.incoming.rules.enclosed import ORIGINAL
from redress.mail.incoming.rules.held import (
    NOT_KEPT,
    RELEASED,
    REQUESTED,
    UNPROMISED,
    ReleaseRequest,
    is_pending,
    why_not_releasable,
)
from redress.mail.incoming.store import (
    IncomingMailStore,
    IncomingRecord,
    MailState,
    QuarantinePage,
    Standing,
)
from redress.plans.store.plans import Plans
from redress.tickets.cases.staff import StaffCases

MOST_READ = 100
"""How many mails one request for a page looks at, at most."""

_ORIGINAL = "message/rfc822"
_READ = "application/json"


@dataclass(frozen=True, slots=True)
class Opened:
    """Links to one mail, valid for bucket.LINK_S seconds.

    original    the raw mail. None if it was not checked yet, or if something was found in it
    read        the result of reading it: the complete text with quotes and signature, sanitised
                HTML and headers; None if the mail could not be read when it came
    attachments for each attachment its name, type and size, and either its link or the reason why
                it has no link. If files are checked, its `state` too
    """

    original: str | None
    read: str | None
    attachments: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class QuarantinedMail:
    """A mail that is, or was, in quarantine: its record and links to its content."""

    record: IncomingRecord
    opened: Opened


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of the quarantine somebody wants to see.

    A page has at most `limit` mails. `cursor` is that of the page before; None gives the first
    page. A `reason` or `unseen` of None matches all mails.
    """

    limit: int
    cursor: str | None = None
    reason: Reason | None = None
    unseen: bool | None = None

    @property
    def standings(self) -> tuple[Standing, ...]:
        """The standings that the wanted mails can have."""
        if self.reason in UNPROMISED:
            return (Standing.UNPROMISED,)
        return tuple(Standing) if self.reason is None else (Standing.UNSEEN, Standing.SEEN)

    def matches(self, record: IncomingRecord) -> bool:
        is_unseen = record.seen_at is None
        return self.reason in (None, record.reason) and self.unseen in (None, is_unseen)


@dataclass(frozen=True, slots=True)
class HeldPage:
    """One page of the quarantine. `cursor` leads to the next page; None on the last."""

    records: list[IncomingRecord]
    cursor: str | None


class QuarantineCases:
    """The use cases of staff for quarantined and received mails."""

    def __init__(
        self,
        incoming: IncomingMailStore,
        staff: StaffCases,
        kept_from: Callable[[Member], list[str]],
        plans: Plans,
        bucket: MailBucket,
        sqs: Any,
        queue_url: str,
        now: Callable[[], datetime],
        checked: CheckedMails | None = None,
    ) -> None:
        """`kept_from` returns the numbers of the tickets that a member of staff may not see because
        of a conflict of interest.

        `checked` is None if the stack does not check files.
        """
        self._checked = checked
        self._incoming, self._staff, self._plans = incoming, staff, plans
        self._kept_from = kept_from
        self._bucket, self._now = bucket, now
        self._sqs, self._queue_url = sqs, queue_url

    def held(self, member: Member, team: str | None, content: Callable[[], Wanted]) -> HeldPage:
        """Return a page of the quarantine, newest first.

        `team` None means the member's own team, or all teams for a manager. `content` reads the
        rest of the request. A page may have fewer mails than its limit although more follow,
        because a request looks at MOST_READ mails at most. Raises Forbidden if anybody but a
        manager asks for another team, then the errors of `content`.
        """
        if member.role is not Role.MANAGER:
            team = team or member.team
            if team != member.team:
                raise Forbidden("this is the quarantine of another team")
        wanted = content()
        limit, cursor = wanted.limit, wanted.cursor
        hidden = frozenset(self._kept_from(member))
        found, rounds = list[IncomingRecord](), max(1, MOST_READ // limit)
        for _ in range(rounds):
            page = self._page(team, wanted.standings, limit, cursor)
            for record, place in zip(page.records, page.places, strict=True):
                named = self._with_team(record)
                is_mine = team in (None, named.team) and named.number not in hidden
                if is_mine and wanted.matches(named):
                    found.append(named)
                    if len(found) == limit:
                        is_last = page.cursor is None and place == page.places[-1]
                        return HeldPage(found, None if is_last else place)
            cursor = page.cursor
            if cursor is None:
                break
        return HeldPage(found, cursor)

    def _page(
        self, team: str | None, standings: Sequence[Standing], limit: int, cursor: str | None
    ) -> QuarantinePage:
        if team is None:
            return self._incoming.held(limit, cursor)
        return self._incoming.held_by_team(team, standings, limit, cursor)

    def read(self, member: Member, identity: str) -> QuarantinedMail:
        """Return a mail that is, or was, in quarantine. From now on it counts as seen.

        While a requested release is being processed, reading it does not count: if the release
        fails, somebody must look at the mail again. Raises NotFound for any other mail, and for a
        mail of a team whose mails the member may not see.
        """

        def see(record: IncomingRecord) -> IncomingRecord | None:
            self._require(member, record)
            now = self._now()
            if record.state is not MailState.QUARANTINED or record.seen_at is not None:
                return None
            if record.requested is not None and is_pending(record.requested, now):
                return None
            return replace(record, seen_at=now, seen_by=member.id)

        record = self._incoming.change(identity, see)
        opened = self._opened(record.identity, record.key, [])
        if self._checked is not None:
            # A mail in quarantine has no ticket yet, so nothing of it was checked.
            opened = replace(opened, original=None)
        if record.reason == Reason.UNREADABLE:
            opened = replace(opened, read=None)
        return QuarantinedMail(self._with_team(record), opened)

    def release(self, member: Member, identity: str) -> IncomingRecord:
        """Request the release of a mail. The inbound function makes a ticket or message of it.

        This happens a moment later, so the returned record still says that the mail is quarantined.
        If the release fails, the record will say why. Raises NotFound if the mail was never in
        quarantine or the member may not see it, and NotReleasable if the record says that the
        release cannot succeed or was requested before. Raises Unavailable if the queue refuses the
        message. Then the request is withdrawn, whoever saw the mail counts as before, and the
        inbound function ignores its message if the queue has it nevertheless.
        """
        before: list[IncomingRecord] = []

        def requested(record: IncomingRecord) -> IncomingRecord | None:
            self._require(member, record)
            request = ReleaseRequest(self._now(), member.id)
            _require_releasable(record, request.at)
            before[:] = [record]
            return replace(record, requested=request, seen_at=None, seen_by=None)

        record = self._incoming.change(identity, requested)
        request = record.requested
        assert request is not None, "this call has just requested it"
        body = messages.encode(ReleaseMail(identity, member.id, request.at))
        try:
            retry.call(lambda: self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=body))
        except Exception:
            self._incoming.change(identity, partial(_without_request, request, before[0]))
            raise
        return self._with_team(record)

    def _require(self, member: Member, record: IncomingRecord) -> None:
        """Raise NotFound unless this mail is, or was, in quarantine and the member may see it."""
        mine = member.role is Role.MANAGER or self._with_team(record).team == member.team
        hidden = record.number is not None and record.number in self._kept_from(member)
        if record.reason is None or not mine or hidden:
            raise NotFound("there is no such mail")

    def _with_team(self, record: IncomingRecord) -> IncomingRecord:
        return record if record.team else with_team(record, self._plans.current())

    def mail_of(self, member: Member, number: str, event_number: int) -> Opened:
        """Return links to the mail that caused an event of a ticket.

        Raises NotFound if there is no such event, or if no mail caused it.
        """
        file = self._staff.read(member, number)
        event = next((one for one in file.history if one.number == event_number), None)
        mail = event.data.get("mail") if event is not None else None
        if not isinstance(mail, dict) or "key" not in mail:
            raise NotFound("this did not come by mail")
        opened = self._opened(mail["id"], mail["key"], mail.get("attachments", []))
        if self._checked is None:
            return opened
        return _as_checked(opened, self._checked.of(member, number, event_number, mail))

    def _opened(self, identity: str, key: str, attachments: list[dict[str, Any]]) -> Opened:
        return Opened(
            original=self._bucket.link(key, f"{identity[:12]}.eml", _ORIGINAL),
            read=self._bucket.link(read_key(identity), f"{identity[:12]}.json", _READ),
            attachments=[
                one
                | {
                    "url": None
                    if "refused" in one
                    else self._bucket.link(
                        attachment_key(identity, one["id"]), one["name"], one["type"]
                    )
                }
                for one in attachments
            ],
        )


def _as_checked(opened: Opened, checked: Mapping[int, Checked]) -> Opened:
    """Return the links to what is clean, in place of those to the objects of the mail."""
    attachments = []
    for one in opened.attachments:
        known = checked.get(one["id"])
        about = {"url": None} if known is None else {"url": known.link, "state": known.state.value}
        attachments.append(one | about)
    return replace(opened, original=checked[ORIGINAL].link, attachments=attachments)


_WHY = {
    Reason.VIRUS: "this mail contains a virus and is never released",
    Reason.NO_SENDER: "this mail has no sender who can be answered, so it can become no ticket",
    NOT_KEPT: "the original of this mail is not kept any more, so it cannot be read again",
}


def _require_releasable(record: IncomingRecord, now: datetime) -> None:
    """Raise NotReleasable if stored facts say that a release cannot succeed."""
    if record.state is not MailState.QUARANTINED:
        by, number = record.released_by, record.number
        detail = f"this mail was released before, by {by}; it is in ticket {number}"
        raise NotReleasable(RELEASED, detail)
    reason, asked = record.reason or "", record.requested
    why = why_not_releasable(reason, asked, record.refused, record.reader, now)
    if why is None:
        return
    if why == REQUESTED and asked is not None:
        at = instants.written(asked.at)
        detail = f"{asked.by} requested this release at {at}; it is being processed"
        raise NotReleasable(REQUESTED, detail)
    raise NotReleasable(why, _WHY[why])


def _without_request(
    request: ReleaseRequest, before: IncomingRecord, record: IncomingRecord
) -> IncomingRecord | None:
    """Return the record without this request, and seen as `before`; None if the request is gone."""
    if record.requested != request:
        return None
    return replace(record, requested=None, seen_at=before.seen_at, seen_by=before.seen_by)
