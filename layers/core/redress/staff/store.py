"""The store of members of staff: who they are, whether they are available, and their load."""

from __future__ import annotations

from collections.abc import Sequence
from copy import replace
from datetime import datetime
from typing import Any

import msgspec
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action as UpdateAction

from redress.base.errors import AgentNotFree, NotFound
from redress.base.people import Member, Role
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.staff.rules.availability import Availability, Presence, agent_loaded_by
from redress.tickets.rules.change import Change
from redress.tickets.store.transaction import Cause, Dated, Write

_MEMBER = msgspec.json.Decoder(Member)


class StaffStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def record(self, member: Member, presence: Presence, now: datetime) -> Availability:
        """Store a member and their presence. The load stays as it is: only tickets change it."""
        row = self._models.member(keys.STAFF, keys.agent_pk(member.id), doc=encoding.encode(member))
        retry.call(row.save)
        model = self._models.availability
        moment = now.isoformat(timespec="milliseconds")
        actions: list[UpdateAction] = [
            model.team.set(member.team),
            model.languages.set(list[Any](member.languages)),
            model.presence.set(presence.value),
            model.since.set(moment),
            model.capacity.set(member.capacity),
            model.load.set(model.load | 0),
            model.last_assigned.set(model.last_assigned | keys.NEVER),
        ]
        if presence is Presence.AVAILABLE and member.role is Role.AGENT:
            actions += [
                model.duty_pk.set(keys.team_pk(member.team)),
                model.duty_sk.set(model.last_assigned | keys.NEVER),
            ]
        else:
            actions += [model.duty_pk.remove(), model.duty_sk.remove()]
        availability = model(keys.agent_pk(member.id), keys.AVAILABILITY)
        retry.call(lambda: availability.update(actions=actions))
        return self.availability(member.id)

    def depart(self, member: Member, now: datetime) -> None:
        """Record that a member has left. From now on they get no work and no mail.

        If the member sets their presence again, `record` stores them as a current member.
        """
        gone = replace(member, left=True)
        row = self._models.member(keys.STAFF, keys.agent_pk(member.id), doc=encoding.encode(gone))
        retry.call(row.save)
        model = self._models.availability
        actions: list[UpdateAction] = [
            model.presence.set(Presence.AWAY.value),
            model.since.set(now.isoformat(timespec="milliseconds")),
            model.duty_pk.remove(),
            model.duty_sk.remove(),
        ]
        availability = model(keys.agent_pk(member.id), keys.AVAILABILITY)
        retry.call(lambda: availability.update(actions=actions))

    def member(self, agent: str) -> Member:
        """A member by their id. Raises NotFound if they have never set their presence.

        Raises Unreadable.
        """
        try:
            row = retry.call(lambda: self._models.member.get(keys.STAFF, keys.agent_pk(agent)))
        except DoesNotExist as error:
            raise NotFound("there is no such member of staff") from error
        return encoding.decoded(row, _member_of)

    def members(self) -> list[Member]:
        """All members of staff. One who cannot be read is reported and left out."""
        rows = retry.call(lambda: list(self._models.member.query(keys.STAFF)))
        return list(encoding.readable(rows, _member_of))

    def tickets_about(self, member: str) -> list[str]:
        """The numbers of the tickets that are about a member of staff, open or not.

        The member may not see them. So a count that reads no snapshots subtracts those of them that
        it has counted. There are few of them: most members have none.
        """
        model = self._models.about
        rows = retry.call(
            lambda: list(model.query(keys.agent_pk(member), model.sk.startswith(keys.ABOUT_PREFIX)))
        )
        return [keys.ticket_about(row.sk) for row in rows if row.expires is None]

    def availability(self, agent: str) -> Availability:
        """The current presence and load of an agent. Raises NotFound or Unreadable."""
        try:
            row = retry.call(
                lambda: self._models.availability.get(
                    keys.agent_pk(agent), keys.AVAILABILITY, consistent_read=True
                )
            )
        except DoesNotExist as error:
            raise NotFound("there is no such member of staff") from error
        return encoding.decoded(row, _availability_of)

    def present(self, team: str) -> list[Availability]:
        """The available agents of a team. The first is the one whose last new ticket is oldest.

        One who cannot be read is reported and left out.
        """
        model = self._models.availability
        found = retry.call(lambda: list(model.present_index.query(keys.team_pk(team))))
        wanted = [(row.pk, keys.AVAILABILITY) for row in found]
        rows = retry.call(lambda: list(model.batch_get(wanted, consistent_read=True)))
        return sorted(
            encoding.readable(rows, _availability_of),
            key=lambda availability: availability.last_assigned,
        )


def also_written(models: Models, changes: Sequence[Dated], cause: Cause | None) -> list[Write]:
    """Return the writes that update the loads of agents, and the tickets about members of staff.

    They are part of the ticket's transaction, so loads always match the tickets. The agent who gets
    the ticket must be available and have room; otherwise nothing is written. If the load of the
    agent who loses the ticket is 0 already, it stays 0, and the rest is written.

    Only a customer's message can change two tickets in one transaction. It changes no load, so the
    writes never concern one agent twice. Tickets about a member have an item each.
    """
    return [
        write
        for change, now in changes
        for write in (*_load_writes(models, change, now), *_about_writes(models, change, now))
    ]


def _load_writes(models: Models, change: Change, now: datetime) -> list[Write]:
    released, taken = agent_loaded_by(change.before), agent_loaded_by(change.after)
    if released == taken:
        return []
    model, writes = models.availability, []
    if released is not None:
        row = model(keys.agent_pk(released), keys.AVAILABILITY)
        writes.append(Write(row, [model.load.set(model.load - 1)], model.load > 0))
    if taken is not None:
        moment = now.isoformat(timespec="milliseconds")
        writes.append(
            Write(
                model(keys.agent_pk(taken), keys.AVAILABILITY),
                [
                    model.load.set(model.load + 1),
                    model.last_assigned.set(moment),
                    model.duty_sk.set(moment),
                ],
                (model.presence == Presence.AVAILABLE.value) & (model.load < model.capacity),
                AgentNotFree("the agent is away or has no room"),
            )
        )
    return writes


def _about_writes(models: Models, change: Change, now: datetime) -> list[Write]:
    """The items of members whom the complaint is about since the change, or is not about any more.

    A removal writes `expires`, because no function has the right to delete items.
    """
    before = set(change.before.about) if change.before is not None else set()
    after, sk = set(change.after.about), keys.ticket_about_sk(change.after.number)
    gone = int(now.timestamp())
    return [
        Write(models.about(keys.agent_pk(one), sk, expires=None if one in after else gone))
        for one in sorted(before ^ after)
    ]


def _member_of(row: Any) -> Member:
    return _MEMBER.decode(row.doc)


def _availability_of(row: Any) -> Availability:
    found = {
        "agent": row.pk.partition("#")[2],
        "team": row.team,
        "languages": list(row.languages),
        "presence": row.presence,
        "capacity": row.capacity,
        "load": row.load,
        "last_assigned": row.last_assigned,
        "since": row.since,
    }
    return msgspec.convert(found, Availability)
