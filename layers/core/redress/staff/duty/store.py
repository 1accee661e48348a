"""The store of who is at work: beats of clients, and the list that the sweep looks through."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pynamodb.expressions.update import Action as UpdateAction

from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.staff.rules.availability import Availability
from redress.staff.store import StaffStore

BEAT_KEPT = timedelta(days=7)
AT_A_TIME = 100
"""The most items of one batch read."""


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

    def watched(self, until: datetime) -> list[str]:
        """The members who are online, or went and may have tickets, since `until` or before.

        Those come first who came, went or were last looked at longest ago.
        """
        model = self._models.availability
        earlier = model.owner_sk <= _moment(until)
        rows = retry.call(lambda: list(model.owner_index.query(keys.PRESENCE, earlier)))
        return [row.pk.partition("#")[2] for row in rows]

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

    def _list(self, seen: Availability, actions: list[UpdateAction], condition: object) -> None:
        model = self._models.availability
        same = (model.presence == seen.presence.value) & (model.since == seen.since) & condition
        row = model(keys.agent_pk(seen.agent), keys.AVAILABILITY)
        try:
            retry.call(lambda: row.update(actions=actions, condition=same))
        except retry.ConditionFailed:
            return  # they came back, or got a ticket


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
