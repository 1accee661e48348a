"""What staff do with mails: see what waits in quarantine, let it go on, open what came by mail.

Letting a mail go on is work for the function that reads mails: it is asked to by its own queue, and
reads the raw mail once more, so that what was unreadable is read with what has been mended since.
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
from redress.mail.incoming.rules import RELEASABLE, Reason
from redress.mail.incoming.store import IncomingMailStore, IncomingRecord, MailState, QuarantinePage
from redress.tickets.cases.staff import StaffCases

_ORIGINAL = "message/rfc822"
_READ = "application/json"


@dataclass(frozen=True, slots=True)
class Opened:
    """Links to one mail, good for bucket.LINK_S seconds.

    original    the mail as it came
    read        what was read of it: the whole text with quotes and signature, clean HTML, headers;
                None where it could not be read when it came
    attachments name, type, size, and the link or the reason why there is none
    """

    original: str
    read: str | None
    attachments: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class QuarantinedMail:
    record: IncomingRecord
    opened: Opened


class QuarantineCases:
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
        """What waits in quarantine, newest first."""
        return self._incoming.held(limit, cursor)

    def read(self, identity: str) -> QuarantinedMail:
        """One mail that is, or was, in quarantine; raises NotFound."""
        record = self._incoming.get(identity)
        if record.reason is None:
            raise NotFound("there is no such mail in quarantine")
        opened = self._opened(record.identity, record.key, [])
        if record.reason == Reason.UNREADABLE:
            opened = replace(opened, read=None)
        return QuarantinedMail(record, opened)

    def release(self, member: Member, identity: str) -> IncomingRecord:
        """Ask that a mail goes on to be a ticket or a message; it is in a moment, not yet.

        Raises NotFound, NotAllowedNow for a mail with a virus or one that has gone on already.
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
        """The mail by which an event of a ticket came; raises NotFound for any other event."""
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
