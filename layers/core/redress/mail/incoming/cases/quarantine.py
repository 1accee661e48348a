"""Use cases of staff: list the quarantine, release a mail, and open mails and attachments.

A release sends a message to the queue of the inbound function. That function then reads the raw
mail again. So if the reader could not read a mail and has been fixed since, a release reads the
mail with the fixed reader.
"""

from __future__ import annotations

from copy import replace
from dataclasses import dataclass
from typing import Any

from redress.base.errors import NotAllowedNow, NotFound
from redress.base.people import Member
from redress.mail.incoming import messages
from redress.mail.incoming.bucket import MailBucket
from redress.mail.incoming.cases.receiving import attachment_key, read_key
from redress.mail.incoming.messages import ReleaseMail
from redress.mail.incoming.rules.decision import RELEASABLE, Reason
from redress.mail.incoming.store import IncomingMailStore, IncomingRecord, MailState, QuarantinePage
from redress.tickets.cases.staff import StaffCases

_ORIGINAL = "message/rfc822"
_READ = "application/json"


@dataclass(frozen=True, slots=True)
class Opened:
    """Links to one mail, valid for bucket.LINK_S seconds.

    original    the raw mail
    read        the result of reading it: the complete text with quotes and signature, sanitised
                HTML and headers; None if the mail could not be read when it came
    attachments for each attachment its name, type and size, and either its link or the reason why
                it has no link
    """

    original: str
    read: str | None
    attachments: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class QuarantinedMail:
    """A mail that is, or was, in quarantine: its record and links to its content."""

    record: IncomingRecord
    opened: Opened


class QuarantineCases:
    """The use cases of staff for quarantined and received mails."""

    def __init__(
        self,
        incoming: IncomingMailStore,
        staff: StaffCases,
        bucket: MailBucket,
        sqs: Any,
        queue_url: str,
    ) -> None:
        self._incoming, self._staff, self._bucket = incoming, staff, bucket
        self._sqs, self._queue_url = sqs, queue_url

    def held(self, limit: int, cursor: str | None) -> QuarantinePage:
        """Return a page of the quarantine, newest first."""
        return self._incoming.held(limit, cursor)

    def read(self, identity: str) -> QuarantinedMail:
        """Return a mail that is, or was, in quarantine. Raises NotFound for any other mail."""
        record = self._incoming.get(identity)
        if record.reason is None:
            raise NotFound("there is no such mail in quarantine")
        opened = self._opened(record.identity, record.key, [])
        if record.reason == Reason.UNREADABLE:
            opened = replace(opened, read=None)
        return QuarantinedMail(record, opened)

    def release(self, member: Member, identity: str) -> IncomingRecord:
        """Request the release of a mail. The inbound function then makes a ticket or message of it.

        This happens a moment later, so the returned record still says that the mail is quarantined.
        Raises NotFound if the mail was never in quarantine, and NotAllowedNow if it contains a
        virus or was released before.
        """
        record = self._incoming.get(identity)
        if record.reason is None:
            raise NotFound("there is no such mail in quarantine")
        if record.state is not MailState.QUARANTINED:
            raise NotAllowedNow("release", record.state)
        if record.reason not in RELEASABLE:
            raise NotAllowedNow("release", record.reason)
        body = messages.encode(ReleaseMail(identity, member.id))
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=body)
        return record

    def mail_of(self, member: Member, number: str, event_number: int) -> Opened:
        """Return links to the mail that caused an event of a ticket.

        Raises NotFound if there is no such event, or if no mail caused it.
        """
        file = self._staff.read(member, number)
        event = next((one for one in file.history if one.number == event_number), None)
        mail = event.data.get("mail") if event is not None else None
        if not isinstance(mail, dict) or "key" not in mail:
            raise NotFound("this did not come by mail")
        return self._opened(mail["id"], mail["key"], mail.get("attachments", []))

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
