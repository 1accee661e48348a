"""Records of a ticket's outgoing mails, so that each mail is sent once and its outcome is known."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from redress.db import encoding, keys, retry
from redress.db.rows import Models


class Claim(StrEnum):
    """The result of an attempt to claim a mail. `MailRecordStore.claim` explains the values."""

    WON = "won"
    SENT = "sent"
    REFUSED = "refused"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class MailRecord:
    """The outcome of one mail of a ticket. `state` is `claimed`, `sent`, `failed` or `refused`."""

    key: str
    state: str
    at: datetime
    attempts: int
    fault: str | None
    message_id: str = ""
    """The message id that SES gave the mail."""


class MailRecordStore:
    """Records of mails, by the ticket that they are about.

    With another `partition` the owner of the mails is another thing, such as a team. A mail is sent
    once. With a time `again_after`, the same mail may be sent again when this time has passed since
    the last one.
    """

    def __init__(
        self,
        models: Models,
        partition: Callable[[str], str] = keys.ticket_pk,
        again_after: timedelta | None = None,
    ) -> None:
        self._models, self._partition, self._again_after = models, partition, again_after

    def was_sent(self, number: str, key: str, now: datetime) -> bool:
        """Whether a mail was sent and may not be sent again yet. Costs half a read unit."""
        model = self._models.mail
        pk, sk = self._partition(number), keys.mail_sk(key)
        found = retry.call(lambda: list(model.query(pk, model.sk == sk)))
        return any(row.state == Claim.SENT and not self._is_over(row.at, now) for row in found)

    def _is_over(self, at: str, now: datetime) -> bool:
        again_after = self._again_after
        return again_after is not None and datetime.fromisoformat(at) <= now - again_after

    def claim(self, number: str, key: str, now: datetime, lease: timedelta) -> Claim:
        """Claim the right to send one mail.

        WON: the caller must send the mail and record the outcome. SENT, REFUSED: the mail was sent
        or refused before, so the caller has nothing to do. HELD: another worker may be sending it
        now, so the caller must try to claim it again later.

        A claim expires after `lease`. If a worker is killed while it sends the mail, another worker
        can therefore claim and send it.

        Each call writes an id of its own into the claim. If the answer of the write is lost, the
        retry finds the claim of its own call, and the result is WON.
        """
        model = self._models.mail
        attempt = retry.request_token()
        try:
            retry.call(
                lambda: model.update_or_see(
                    self._partition(number),
                    keys.mail_sk(key),
                    actions=[
                        model.state.set("claimed"),
                        model.claimed_until_ms.set(encoding.milliseconds(now + lease)),
                        model.attempts.set((model.attempts | 0) + 1),
                        model.attempt.set(attempt),
                        model.at.set(now.isoformat()),
                    ],
                    condition=self._may_be_claimed(now),
                ),
                ("claim",),
            )
        except retry.ConditionFailed as failed:
            row = model.from_raw_data(failed.items["claim"])
            if row.attempt == attempt:
                return Claim.WON
            return Claim(row.state) if row.state in (Claim.SENT, Claim.REFUSED) else Claim.HELD
        return Claim.WON

    def _may_be_claimed(self, now: datetime) -> Any:
        model = self._models.mail
        found = (
            model.pk.does_not_exist()
            | (model.state == "failed")
            | ((model.state == "claimed") & (model.claimed_until_ms < encoding.milliseconds(now)))
        )
        if self._again_after is None:
            return found
        # Times are in UTC and in one format, so their order is that of their texts.
        over = model.at <= (now - self._again_after).isoformat()
        return found | (model.state.is_in("sent", "refused") & over)

    def record(
        self,
        number: str,
        key: str,
        state: str,
        now: datetime,
        *,
        message_id: str | None = None,
        fault: str | None = None,
    ) -> None:
        """Record the outcome of a claimed mail: `sent`, `failed` or `refused`.

        A failed mail may be claimed again. A refused mail is not tried again.

        Once a mail is recorded as sent, no other outcome replaces it. This prevents a second mail
        in the following case: a worker hangs until its claim expires, another worker sends the
        mail, and then the first worker records a failure.

        One attempt is made however little time `retry.within` leaves, because an outcome that is
        not recorded costs another mail or a long wait.
        """
        model = self._models.mail
        with contextlib.suppress(retry.ConditionFailed):
            retry.call(
                lambda: model(self._partition(number), keys.mail_sk(key)).update(
                    actions=[
                        model.state.set(state),
                        model.at.set(now.isoformat()),
                        model.claimed_until_ms.remove(),
                        model.attempt.remove(),
                        model.message_id.set(message_id)
                        if message_id
                        else model.message_id.remove(),
                        model.fault.set(fault) if fault else model.fault.remove(),
                    ],
                    condition=None if state == Claim.SENT else model.state != Claim.SENT.value,
                ),
                ("sent",),
                always=True,
            )

    def confirm(self, number: str, key: str, message_id: str, at: datetime) -> bool:
        """Record a mail as sent because SES reports so. Return False if the record says so already.

        The usual case costs half a read unit. A mail without a record was claimed in a table that
        was restored to an earlier time; it gets a record.
        """
        model = self._models.mail
        pk, sk = self._partition(number), keys.mail_sk(key)
        found = retry.call(lambda: list(model.query(pk, model.sk == sk)))
        if any(row.state == Claim.SENT for row in found):
            return False
        self.record(number, key, "sent", at, message_id=message_id)
        return True

    def of_ticket(self, number: str) -> list[MailRecord]:
        """The records of all mails of a ticket. An unreadable one is reported and left out."""
        model = self._models.mail
        rows = retry.call(
            lambda: list(model.query(keys.ticket_pk(number), model.sk.startswith(keys.MAIL_PREFIX)))
        )
        return mail_records_in(rows)


def mail_records_in(rows: Iterable[Any]) -> list[MailRecord]:
    """The records in these rows. One that cannot be read is reported and left out."""
    return list(encoding.readable(rows, _mail_record_of))


def _mail_record_of(row: Any) -> MailRecord:
    found = {
        "key": keys.key_of_mail(row.sk),
        "state": row.state,
        "at": row.at,
        "attempts": row.attempts or 1,
        "fault": row.fault,
        "message_id": row.message_id or "",
    }
    return msgspec.convert(found, MailRecord)
