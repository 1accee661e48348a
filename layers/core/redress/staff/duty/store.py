"""The store of who is at work: beats of clients, the list that the sweep looks through, shifts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from pynamodb.expressions.update import Action as UpdateAction
from pynamodb.transactions import TransactWrite

from redress.base.people import Member
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.staff.rules.availability import Availability
from redress.staff.rules.presence import ONLINE
from redress.staff.rules.shifts import Month, Shift, Work, months_between, work_of
from redress.staff.store import StaffStore, Working, availability_of

BEAT_KEPT = timedelta(days=7)
AT_A_TIME = 100
"""The most items of one batch read."""


BEHIND, AHEAD = timedelta(hours=12), timedelta(hours=36)
"""The shifts that are copied to the availability lie within these times of the moment. They are
few, because each assignment writes the item."""
_MONTH = msgspec.json.Decoder(dict[str, tuple[Shift, ...]])


@dataclass(frozen=True, slots=True)
class Plan:
    """A planned month of a member, and how often it was changed."""

    days: Month
    revision: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The availability of a member, and when their client beat last, if ever."""

    availability: Availability
    beat: datetime | None


class DutyStore:
    def __init__(self, models: Models, staff: StaffStore) -> None:
        self._models, self._staff = models, staff

    def beat(self, agent: str, at: datetime) -> None:
        """Record that the client of a member is open. A later beat is never replaced."""
        model, moment = self._models.beat, _moment(at)
        row = model(keys.agent_pk(agent), keys.BEAT)
        actions: list[UpdateAction] = [
            model.at.set(moment),
            model.expires.set(math.ceil((at + BEAT_KEPT).timestamp())),
        ]
        newer = model.at.does_not_exist() | (model.at < moment)
        try:
            retry.call(lambda: row.update(actions=actions, condition=newer))
        except retry.ConditionFailed:
            return  # another tab of the same person was faster

    def watched(self) -> dict[str, datetime]:
        """The members who are online, or are offline and may still have tickets.

        Returns since when, by member. Those come first who came, went or were last looked at
        longest ago.
        """
        model = self._models.availability
        rows = retry.call(lambda: list(model.owner_index.query(keys.PRESENCE)))
        return {row.pk.partition("#")[2]: datetime.fromisoformat(row.owner_sk) for row in rows}

    def standings(self, agents: Iterable[str]) -> Iterator[Standing]:
        """The availability and last beat of members. One who cannot be read is left out."""
        wanted = list(agents)
        for start in range(0, len(wanted), AT_A_TIME):
            some = wanted[start : start + AT_A_TIME]
            found, beats = self._staff.availabilities(some), self._beats(some)
            for agent in some:
                if agent in found:
                    yield Standing(found[agent], beats.get(agent))

    def _beats(self, agents: Iterable[str]) -> dict[str, datetime]:
        items = [(keys.agent_pk(agent), keys.BEAT) for agent in agents]
        rows = retry.call(lambda: list(self._models.beat.batch_get(items)))
        return dict(
            encoding.readable(
                rows, lambda row: (row.pk.partition("#")[2], datetime.fromisoformat(row.at))
            )
        )

    def looked_at(self, seen: Availability, at: datetime) -> None:
        """Let the sweep look at a member who is gone again later, because they have tickets left.

        Nothing happens if their presence was changed meanwhile.
        """
        model = self._models.availability
        self._list(seen, [model.owner_sk.set(_moment(at))], model.load >= 0)

    def forget(self, seen: Availability) -> None:
        """Take a member who is gone and has no tickets off the list of the sweep."""
        model = self._models.availability
        self._list(seen, [model.owner_pk.remove(), model.owner_sk.remove()], model.load == 0)

    def catch_up(self, members: Iterable[Member], at: datetime) -> int:
        """Give the availabilities of members what a version before did not write. Return how many.

        There are at most AT_A_TIME members. They get what routing needs of a member, their place in
        the ring of their team, and an entry in the list of the sweep if they are online or have
        tickets. That version recorded no sign of life. So who is online counts as come at `at`:
        the sweep must not take the tickets of somebody who is at work with an earlier client, and
        makes others offline after the usual time. Repeats change nothing.
        """
        known = {keys.agent_pk(one.id): one for one in members}
        model = self._models.availability
        items = [(pk, keys.AVAILABILITY) for pk in known]
        rows = retry.call(lambda: list(model.batch_get(items, consistent_read=True)))
        mended = 0
        for row in rows:
            for seen in encoding.readable([row], availability_of):
                copied = row.skills is None and self._staff.copy_member(known[row.pk], seen)
                mended += (row.owner_pk is None and self._watch(seen, at)) or copied
        return mended

    def _watch(self, seen: Availability, at: datetime) -> bool:
        """Put a member of the version before into the list of the sweep, if it must watch them.

        Returns False if not, or if they changed their presence meanwhile, which does the same.
        """
        online = seen.presence in ONLINE
        if not online and not seen.load:
            return False
        model, since = self._models.availability, _moment(at) if online else seen.since
        actions: list[UpdateAction] = [
            model.owner_pk.set(keys.PRESENCE),
            model.owner_sk.set(since),
            model.since.set(since),
        ]
        return self._list(seen, actions, model.owner_pk.does_not_exist())

    def months(
        self, agents: Iterable[str], months: Iterable[str], *, consistent: bool = True
    ) -> dict[tuple[str, str], Plan]:
        """The planned months of members, by id and month. A month without a plan is left out."""
        listed = list(months)
        wanted = {
            (keys.agent_pk(one), keys.shifts_sk(month)): (one, month)
            for one in agents
            for month in listed
        }
        if not wanted:
            return {}
        model = self._models.doc
        rows = retry.call(lambda: list(model.batch_get(list(wanted), consistent_read=consistent)))
        found = {}
        for row in rows:
            for plan in encoding.readable([row], _plan_of):
                found[wanted[row.pk, row.sk]] = plan
        return found

    def write_months(
        self, before: Mapping[tuple[str, str], Plan], new: Mapping[tuple[str, str], Month]
    ) -> bool:
        """Replace planned months in one transaction. Return False if one was changed meanwhile.

        `before` are those that were read. There are at most MOST_MONTHS.
        """
        model, token = self._models.doc, retry.request_token()
        rows = []
        for (agent, month), days in new.items():
            old = before.get((agent, month))
            row = model(
                keys.agent_pk(agent),
                keys.shifts_sk(month),
                doc=encoding.encode(days),
                revision=old.revision + 1 if old is not None else 1,
            )
            same = model.revision == old.revision if old is not None else model.pk.does_not_exist()
            rows.append((row, same))

        def send() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                for row, same in rows:
                    transaction.save(row, condition=same)

        try:
            retry.call(send, [str(number) for number in range(len(rows))])
        except retry.ConditionFailed:
            return False
        return True

    def work(
        self,
        agents: Iterable[str],
        begin: datetime,
        end: datetime,
        zone: str,
        *,
        consistent: bool = True,
    ) -> dict[str, Work | None]:
        """When members work between two instants, by id; None for who may work always.

        They are read together, with one request for each 100 months of them. Months without a plan
        are in `zone` if no shift near them has one.
        """
        wanted, months = list(agents), months_between(begin, end)
        found = self.months(wanted, months, consistent=consistent)
        return {
            agent: work_of(
                {month: found[agent, month].days for month in months if (agent, month) in found},
                begin,
                end,
                zone,
            )
            for agent in wanted
        }

    def near(self, agents: Iterable[str], at: datetime, zone: str) -> dict[str, Working | None]:
        """The intervals around a time in which members may get work, as routing needs them.

        None for who may work always.
        """
        found = self.work(agents, at - BEHIND, at + AHEAD, zone)
        return {
            agent: None if one is None else [(_moment(b), _moment(e)) for b, e in one.allowed()]
            for agent, one in found.items()
        }

    def set_near(self, agent: str, working: Working | None) -> None:
        """Copy them to the availability of a member, if they ever set a presence."""
        model = self._models.availability
        row = model(keys.agent_pk(agent), keys.AVAILABILITY)
        actions = [self._staff.working_action(working)]
        try:
            retry.call(lambda: row.update(actions=actions, condition=model.pk.exists()))
        except retry.ConditionFailed:
            return  # the first presence copies them

    def _list(self, seen: Availability, actions: list[UpdateAction], condition: object) -> bool:
        """Change the list of the sweep. Returns False if the member was changed meanwhile."""
        model = self._models.availability
        same = (model.presence == seen.presence.value) & (model.since == seen.since) & condition
        row = model(keys.agent_pk(seen.agent), keys.AVAILABILITY)
        try:
            retry.call(lambda: row.update(actions=actions, condition=same))
        except retry.ConditionFailed:
            return False  # they came back, or got a ticket
        return True


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _plan_of(row: Any) -> Plan:
    return Plan(_MONTH.decode(row.doc), row.revision or 0)
