"""Watch the held mail of each team: count it for the board, and tell the supervisors in time.

Only the oldest unseen mail of each team is watched, so a flood of mails makes no flood of
reminders. The sweep calls `HeldMailWatch.watch` every few minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from redress.base.errors import Unreadable
from redress.mail.incoming.cases.receiving import with_team
from redress.mail.incoming.rules.held import due_at, is_digest_due
from redress.mail.incoming.store import (
    DigestStore,
    IncomingMailStore,
    IncomingRecord,
    MailState,
    Standing,
    Told,
)
from redress.mail.outgoing.messages import HeldDigest
from redress.plans.store.plans import Plans

MOST_COUNTED = 100
"""The most held mails of a team that are counted."""
MOST_ADOPTED = 25
"""How many of the mails that an earlier version held without a team get one in a sweep."""
CHECKED = 5
"""How many of the oldest unseen mails are read. The index may be a moment behind the table, so the
first ones may have been opened or released just now."""


@dataclass(frozen=True, slots=True)
class HeldWork:
    """The held mail of a team that the plan makes a promise about.

    `promised` counts all these mails, and `unseen` counts those that nobody has opened. Both count
    up to MOST_COUNTED. The oldest unseen mail waits since `oldest_at`, and somebody must open it
    before `due_at`. Both are None if no mail is unseen.
    """

    unseen: int
    promised: int
    oldest_at: datetime | None
    due_at: datetime | None
    overdue: bool


class HeldWorkCase:
    """Counts the held mail of a team."""

    def __init__(
        self, incoming: IncomingMailStore, plans: Plans, now: Callable[[], datetime]
    ) -> None:
        self._incoming, self._plans, self._now = incoming, plans, now

    def of_team(self, team: str, hidden: Collection[str] = ()) -> HeldWork:
        """Return the held mail of a team. The caller has checked who may see it.

        Mails about a ticket of `hidden` do not count. The index does not say which ticket a mail
        is about, so the records of up to MOST_COUNTED mails are read if there is such a ticket.
        """
        if hidden:
            waiting = [one for one in self._unseen(team) if one.number not in hidden]
            opened = [one for one in self._seen(team) if one.number not in hidden]
            unseen, seen, oldest = len(waiting), len(opened), waiting[:1]
        else:
            unseen = self._incoming.count_held(team, Standing.UNSEEN, MOST_COUNTED)
            seen = self._incoming.count_held(team, Standing.SEEN, MOST_COUNTED)
            oldest = self._incoming.unseen(team, CHECKED) if unseen else []
        at = oldest[0].waits_since if oldest else None
        due = due_at(at, self._plans.current()) if at is not None else None
        return HeldWork(
            unseen=unseen,
            promised=min(unseen + seen, MOST_COUNTED),
            oldest_at=at,
            due_at=due,
            overdue=due is not None and due <= self._now(),
        )

    def _unseen(self, team: str) -> list[IncomingRecord]:
        return self._incoming.unseen(team, MOST_COUNTED)

    def _seen(self, team: str) -> list[IncomingRecord]:
        page = self._incoming.held_by_team(team, (Standing.SEEN,), MOST_COUNTED, None)
        return [record for record in page.records if record.team == team]


class HeldMailWatch:
    """Asks for a digest to supervisors when the oldest unseen mail of their team is due."""

    def __init__(
        self,
        incoming: IncomingMailStore,
        digests: DigestStore,
        plans: Plans,
        ask: Callable[[HeldDigest], None],
        now: Callable[[], datetime],
    ) -> None:
        """`ask` asks the mailer for a digest; it raises an error if the request is not accepted."""
        self._incoming, self._digests, self._plans = incoming, digests, plans
        self._ask, self._now = ask, now

    def watch(self) -> dict[str, int]:
        """Ask for a digest for each team whose oldest unseen mail has waited too long.

        Also gives a team to mails that an earlier version of the product held. Returns how many
        mails were `adopted` and how many teams were `told`, without zeros.
        """
        teams = self._incoming.teams_with_held_mail()
        done = {"adopted": self._adopt(), "told": sum(map(self._tell, teams))}
        return {name: count for name, count in done.items() if count}

    def _adopt(self) -> int:
        def adopted(record: IncomingRecord) -> IncomingRecord | None:
            if record.team or record.state is not MailState.QUARANTINED:
                return None
            return with_team(record, self._plans.current())

        found = self._incoming.without_team(MOST_ADOPTED)
        for record in found:
            self._incoming.change(record.identity, adopted)
        return len(found)

    def _tell(self, team: str) -> bool:
        """Like `_tell_if_due`. False if the record of the team's last digest cannot be read."""
        try:
            return self._tell_if_due(team)
        except Unreadable:
            return False

    def _tell_if_due(self, team: str) -> bool:
        """Ask for a digest for one team if it is due. Returns whether it was.

        The mailer is asked before the digest is recorded. If the worker dies in between, the next
        sweep asks for the digest with the same number, which the mailer sends only once.
        """
        oldest = self._incoming.unseen(team, CHECKED)
        if not oldest:
            return False
        now, told = self._now(), self._digests.told(team)
        told_at = told.at if told is not None else None
        if not is_digest_due(oldest[0].waits_since, told_at, now, self._plans.current()):
            return False
        number = told.number + 1 if told is not None else 1
        self._ask(HeldDigest(team, number))
        return self._digests.tell(team, Told(number, now))
