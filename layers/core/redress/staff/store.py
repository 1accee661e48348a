"""Members of staff: who they are, whether they are here, how much they carry. And plans."""

from __future__ import annotations

from copy import replace
from datetime import datetime
from typing import Any

import msgspec
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action as UpdateAction
from pynamodb.transactions import TransactWrite

from redress.base.errors import Fault, InvalidInput, NotFound
from redress.base.people import Member, Role
from redress.db import keys, retry
from redress.db.rows import Models
from redress.plans.store import Published
from redress.staff.rules import Availability, Presence
from redress.tickets.store import codec

_MEMBER = msgspec.json.Decoder(Member)
_PUBLISHED = msgspec.json.Decoder(Published)


class StaffStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def record(self, member: Member, presence: Presence, now: datetime) -> Availability:
        """Keep who this is and whether they are here; the load is left as the tickets made it."""
        row = self._models.member(keys.STAFF, keys.agent_pk(member.id), doc=codec.encode(member))
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
        """Somebody left: no work and no mail any more. A presence call of theirs undoes it."""
        gone = replace(member, left=True)
        row = self._models.member(keys.STAFF, keys.agent_pk(member.id), doc=codec.encode(gone))
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
        """Raises NotFound for somebody who never signed in."""
        try:
            row = retry.call(lambda: self._models.member.get(keys.STAFF, keys.agent_pk(agent)))
        except DoesNotExist as error:
            raise NotFound("there is no such member of staff") from error
        return _MEMBER.decode(row.doc)

    def members(self) -> list[Member]:
        rows = retry.call(lambda: list(self._models.member.query(keys.STAFF)))
        return [_MEMBER.decode(row.doc) for row in rows]

    def availability(self, agent: str) -> Availability:
        """Presence and load now; raises NotFound."""
        try:
            row = retry.call(
                lambda: self._models.availability.get(
                    keys.agent_pk(agent), keys.AVAILABILITY, consistent_read=True
                )
            )
        except DoesNotExist as error:
            raise NotFound("there is no such member of staff") from error
        return _availability_of(row)

    def present(self, team: str) -> list[Availability]:
        """Who of the team is available, longest without a new ticket first."""
        model = self._models.availability
        found = retry.call(lambda: list(model.present_index.query(keys.team_pk(team))))
        wanted = [(row.pk, keys.AVAILABILITY) for row in found]
        rows = retry.call(lambda: list(model.batch_get(wanted, consistent_read=True)))
        return sorted(
            (_availability_of(row) for row in rows),
            key=lambda availability: availability.last_assigned,
        )

    # ---------------------------------------------------------------- plans

    def plan_document(self, sort: str) -> str | None:
        """See `plans.PlanSource`."""
        try:
            row = retry.call(lambda: self._models.doc.get(keys.PLAN, sort, consistent_read=True))
        except DoesNotExist:
            return None
        doc: str = row.doc
        return doc

    def publish_plan(
        self,
        document: dict[str, Any],
        version: int,
        current: int,
        about: Published | None = None,
    ) -> None:
        """Store a new version and make it the current one, in one transaction.

        `about` is what the list of versions will say of it. Raises InvalidInput when another
        version was published meanwhile.
        """
        model = self._models.doc
        doc = msgspec.json.encode(document).decode()
        version_row = model(keys.PLAN, keys.plan_sk(version), doc=doc, revision=version)
        current_row = model(keys.PLAN, keys.CURRENT, doc=doc, revision=version)
        condition = model.pk.does_not_exist() if current == 1 else model.revision == current

        token = retry.request_token()

        def write() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                transaction.save(version_row, condition=model.pk.does_not_exist())
                transaction.save(current_row, condition=condition)
                if about is not None:
                    doc = codec.encode(about)
                    transaction.save(model(keys.PLAN, keys.about_sk(version), doc=doc))

        try:
            retry.call(write, ("version", "current", "about"))
        except retry.ConditionFailed as lost:
            fault = Fault("/version", "published_meanwhile", f"the next version is not {version}")
            raise InvalidInput([fault]) from lost

    def plans_from_to(self, first: int, last: int) -> dict[int, Published]:
        """What is kept of these versions, by number; one that nothing was kept of is left out."""
        model = self._models.doc
        between = model.sk.between(keys.about_sk(first), keys.about_sk(last))
        rows = retry.call(lambda: list(model.query(keys.PLAN, between, consistent_read=True)))
        found = [_PUBLISHED.decode(row.doc) for row in rows]
        return {about.version: about for about in found}


def _availability_of(row: Any) -> Availability:
    return Availability(
        agent=row.pk.partition("#")[2],
        team=row.team,
        languages=tuple(row.languages),
        presence=Presence(row.presence),
        capacity=int(row.capacity),
        load=int(row.load),
        last_assigned=row.last_assigned,
        since=row.since,
    )
