"""Send the supervisors of a team a digest of the mail in quarantine that nobody has looked at.

The digest says how much mail waits, since when, and why it was held. It contains nothing that a
sender wrote and no address of a sender. What it says is decided when it is sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import urlencode

from redress.base.people import Role
from redress.base.phrases import moment, phrases
from redress.mail.incoming.rules.held import due_at
from redress.mail.incoming.store import IncomingMailStore, IncomingRecord
from redress.mail.outgoing.cases.posting import (
    Letter,
    MailSettings,
    Posting,
    Recipient,
    Result,
    SendOutcome,
    leaders,
    to_staff,
)
from redress.mail.outgoing.messages import HELD_MAIL, HeldDigest, tags_of_digest
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore

MOST_COUNTED = 100
"""The most mails that a digest counts."""


class DigestCase:
    """Sends digests of held mail."""

    def __init__(
        self,
        incoming: IncomingMailStore,
        staff: StaffStore,
        plans: Plans,
        posting: Posting,
        settings: MailSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._incoming, self._staff, self._plans = incoming, staff, plans
        self._posting, self._settings, self._now = posting, settings, now

    def send(self, digest: HeldDigest) -> SendOutcome:
        """Send a digest, unless it was sent before or somebody has looked at the mails since.

        Raises NotSentYet if SES does not accept the mail now, or if another worker is sending it.
        """
        plan, now = self._plans.current(), self._now()
        unseen = self._incoming.unseen(digest.team, MOST_COUNTED)
        if not unseen or due_at(unseen[0].waits_since, plan) > now:
            return SendOutcome(Result.SKIPPED, "somebody has looked at the mails in time")
        operator = self._settings.operator_address
        to = leaders(self._staff.members(), Role.SUPERVISOR, digest.team, operator)
        raw = self._compose(digest, unseen, plan, to, now) if to else None
        tags = tags_of_digest(digest)
        return self._posting.send(Letter(digest.team, digest.key, now, tags, to, raw))

    def _compose(
        self,
        digest: HeldDigest,
        unseen: Sequence[IncomingRecord],
        plan: Plan,
        to: Sequence[Recipient],
        now: datetime,
    ) -> bytes:
        return to_staff(
            self._settings,
            HELD_MAIL,
            to,
            lambda lang: self._values(digest.team, unseen, plan, lang),
            now,
            f"{digest.team}.{digest.key}",
        )

    def _values(
        self, team: str, unseen: Sequence[IncomingRecord], plan: Plan, language: str
    ) -> dict[str, str]:
        own, oldest = phrases(language), unseen[0].waits_since
        counts = Counter(record.reason or "" for record in unseen).most_common()
        query = urlencode({"team": team, "unseen": "true"})
        count = len(unseen)
        return {
            "team": team,
            "count": f"{count}+" if count == MOST_COUNTED else str(count),
            "oldest": moment(oldest, plan.time_zone, language),
            "due": moment(due_at(oldest, plan), plan.time_zone, language),
            "reasons": "\n".join(
                own.held.format(reason=own.reasons.get(reason, reason), count=number)
                for reason, number in counts
            ),
            "quarantine_url": f"{self._settings.base_address}/staff/quarantine?{query}",
        }
