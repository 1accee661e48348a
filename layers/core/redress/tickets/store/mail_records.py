"""The records of mails that a ticket sent: each mail goes out once, and shows what became of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from redress.db import encoding, keys, retry
from redress.db.rows import Models


class Claim(StrEnum):
    """The answer to a claim on one mail: who sends it, if anybody still must."""

    WON = "won"
    SENT = "sent"
    REFUSED = "refused"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class MailRecord:
    """What became of one mail of a ticket: `claimed`, `sent`, `failed` or `refused`."""

    key: str
    state: str
    at: datetime
    attempts: int
    fault: str | None
    message_id: str = ""
    """SES's name of what was sent."""


class MailRecordStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def claim(self, number: str, key: str, now: datetime, lease: timedelta) -> Claim:
        """Claim the right to send one mail.

        WON: the caller sends it and records what became of it. SENT and REFUSED: it is over. HELD:
        another worker may be sending it now, so it must be asked for again. A claim ends by itself
        after `lease`: a worker killed while sending does not silence the mail.
        """
        model = self._models.mail
        moment = encoding.milliseconds(now)
        try:
            retry.call(
                lambda: model(keys.ticket_pk(number), keys.mail_sk(key)).update(
                    actions=[
                        model.state.set("claimed"),
                        model.claimed_until_ms.set(encoding.milliseconds(now + lease)),
                        model.attempts.set((model.attempts | 0) + 1),
                        model.at.set(now.isoformat()),
                    ],
                    condition=model.pk.does_not_exist()
                    | (model.state == "failed")
                    | ((model.state == "claimed") & (model.claimed_until_ms < moment)),
                ),
                ("claim",),
            )
        except retry.ConditionFailed:
            row = retry.call(
                lambda: model.get(keys.ticket_pk(number), keys.mail_sk(key), consistent_read=True)
            )
            return Claim(row.state) if row.state in (Claim.SENT, Claim.REFUSED) else Claim.HELD
        return Claim.WON

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
        """What became of a claimed mail: `sent`, `failed` (tried again) or `refused` (for good).

        What was sent stays sent: a worker whose claim ran out while it hung may fail after another
        one sent the mail, and must not have it sent again.
        """
        model = self._models.mail
        with contextlib.suppress(retry.ConditionFailed):
            retry.call(
                lambda: model(keys.ticket_pk(number), keys.mail_sk(key)).update(
                    actions=[
                        model.state.set(state),
                        model.at.set(now.isoformat()),
                        model.claimed_until_ms.remove(),
                        model.message_id.set(message_id)
                        if message_id
                        else model.message_id.remove(),
                        model.fault.set(fault) if fault else model.fault.remove(),
                    ],
                    condition=None if state == Claim.SENT else model.state != Claim.SENT.value,
                ),
                ("sent",),
            )

    def of_ticket(self, number: str) -> list[MailRecord]:
        """What became of every mail of a ticket."""
        model = self._models.mail
        rows = retry.call(
            lambda: list(model.query(keys.ticket_pk(number), model.sk.startswith(keys.MAIL_PREFIX)))
        )
        return [mail_record_of(row) for row in rows]


def mail_record_of(row: Any) -> MailRecord:
    return MailRecord(
        key=row.sk.removeprefix(keys.MAIL_PREFIX),
        state=row.state,
        at=datetime.fromisoformat(row.at),
        attempts=int(row.attempts or 1),
        fault=row.fault,
        message_id=row.message_id or "",
    )
