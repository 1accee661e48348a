"""The store of members of staff: who they are, whether they are available, and their load."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import replace
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action as UpdateAction
from pynamodb.transactions import TransactWrite

from redress.base.addresses import canonical
from redress.base.errors import AgentNotFree, LimitReached, NotFound, RedressError, Unreadable
from redress.base.people import Member, Role, is_subject
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.staff.rules.availability import (
    CALLED_FOR,
    Availability,
    Call,
    Presence,
    agent_loaded_by,
)
from redress.staff.rules.eligibility import ALL_ATTENTION
from redress.staff.rules.members import Invitation, MemberChange
from redress.staff.rules.presence import ONLINE, Period, since, within
from redress.staff.rules.routing import MOST_READ, PAGE, Page, place_of
from redress.tickets.rules.change import Change
from redress.tickets.rules.interest import led_before
from redress.tickets.rules.ticket import EventType, is_word_to_all
from redress.tickets.store.items import kept_out
from redress.tickets.store.transaction import Cause, Dated, Raced, Write

ENDED_KEPT = timedelta(days=30)
"""How long it is known that a mention has ended. It is longer than anybody follows the feed of
changes from one position (`FeedCase`)."""


REMINDERS_KEPT = timedelta(days=400)
"""How long a reminder is in the list of its member: a year, and a month to look back on it. The
event stays with its ticket."""
DECLINES_KEPT = timedelta(days=2)
"""How long it is known how many tickets an agent declined on a day. A day of the plan's zone and
its end in any other zone lie within it."""


ONLINE_KEPT = timedelta(days=400)
"""How long it is known when a member was online."""
LONGEST_RECORDED = timedelta(days=2)
"""A longer period online is recorded in the items of its last days only. Nobody works for longer. A
member of the version before may have been available for months."""

Working = Sequence[tuple[str, str]]
"""ISO intervals, as in `Availability.working`."""

GoingOn = Callable[[Availability], Mapping[str, int]]
"""Returns the counted conversations of an agent that go on: the number of each ticket, and what it
takes of the agent's attention."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A note on the ticket `number` mentions a member: its event and its time."""

    number: str
    event: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Reminder:
    """A leader reminded a member of the ticket `number`, by this event of it. `key` sorts it."""

    key: str
    number: str
    event: int


_MEMBER = msgspec.json.Decoder(Member)
_INVITATION = msgspec.json.Decoder(Invitation)
_YES = True
_SKILLS = msgspec.json.Decoder(dict[str, int])
_CHANGE = msgspec.json.Decoder(MemberChange)


class MemberRaced(RedressError):
    """A member of staff or their presence was changed after it was read. Nothing was written."""


class LeaderRaced(RedressError):
    """The member of staff who makes a change was changed meanwhile. Nothing was written."""


class StaffStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def set_presence(
        self,
        member: Member,
        presence: Presence,
        now: datetime,
        working: Working | UnsetType | None = UNSET,
        going_on: GoingOn = lambda _: {},
    ) -> Availability:
        """Store the presence of a member, with their current team, languages and capacity.

        The load stays as it is: only tickets change it. The conversations of who becomes available
        are over, except for those that `going_on` returns. `working` are the intervals of their
        shifts; None if they have no shifts. If they were online, the period that ends is recorded
        in the same transaction. Raises MemberRaced if `member`, their presence, or the
        conversations that are over were changed after they were read.
        """
        try:
            seen = self.availability(member.id)
        except (NotFound, Unreadable):
            seen = None
        model = self._models.availability
        actions: list[UpdateAction] = [*self._as_member(member), *self._as_present(presence, now)]
        if presence is Presence.AVAILABLE and member.role is Role.AGENT:
            actions += self._offered(member.team, member.id)
        else:
            actions += self._not_offered()
        if working is not UNSET:
            actions.append(self.working_action(working))
        current = model.member_revision.does_not_exist() | (
            model.member_revision <= member.revision
        )
        if seen is not None:
            current &= self._is_as_seen(seen)
        if presence is Presence.AVAILABLE and seen is None:
            actions += self._only({})  # nobody knows what an unreadable item has counted
        elif presence is Presence.AVAILABLE and seen is not None and seen.is_in_conversation:
            kept = going_on(seen)
            if kept.keys() != seen.conversations or sum(kept.values()) != seen.live:
                actions += self._only(kept)
                current &= self._counts_as_seen(seen)
        if not self._change_presence(member.id, actions, current, self._ended(seen, now)):
            raise MemberRaced
        return self.availability(member.id)

    def copy_member(self, member: Member, seen: Availability) -> bool:
        """Copy to an availability of a version before what routing needs of a member now.

        Returns False if a presence or a change of the member did so meanwhile.
        """
        model, actions = self._models.availability, self._as_member(member)
        if seen.presence is Presence.AVAILABLE and member.is_active and member.role is Role.AGENT:
            actions += self._offered(member.team, member.id)
        else:
            actions += self._not_offered()
        missing = model.skills.does_not_exist() & self._is_as_seen(seen)
        return self._change_availability(member.id, actions, missing)

    def end_conversations(self, seen: Availability, going_on: Mapping[str, int]) -> bool:
        """Let only the conversations `going_on` take attention of an agent (`GoingOn`).

        Returns False if others were counted meanwhile.
        """
        actions, same = self._only(going_on), self._counts_as_seen(seen)
        return self._change_availability(seen.agent, actions, same)

    def _only(self, going_on: Mapping[str, int]) -> list[UpdateAction]:
        """The actions that let only these conversations take attention of an agent."""
        model, numbers = self._models.availability, set(going_on)
        return [
            model.live.set(sum(going_on.values())),
            model.conversations.set(numbers) if numbers else model.conversations.remove(),
        ]

    def _counts_as_seen(self, seen: Availability) -> Any:
        """The condition that no conversation began or ended after the availability was read."""
        model = self._models.availability
        live = model.live == seen.live
        if not seen.live:
            live |= model.live.does_not_exist()
        return live & (model.last_assigned == seen.last_assigned)

    def expire(self, seen: Availability, last_sign: datetime) -> bool:
        """Make a member offline who was online until `last_sign`, because nobody hears of them.

        Returns False if their presence was changed meanwhile.
        """
        actions = [*self._as_present(Presence.OFFLINE, last_sign), *self._not_offered()]
        ended = self._ended(seen, last_sign)
        return self._change_presence(seen.agent, actions, self._is_as_seen(seen), ended)

    def online(
        self, agents: Iterable[str], begin: datetime, end: datetime
    ) -> dict[str, list[Period]]:
        """When members of staff were online between two instants, by id, in one read for each 100.

        The last period of somebody who is online now has no end. Who was not online at all has an
        empty list. The periods of at most ONLINE_KEPT are known.
        """
        wanted = list(dict.fromkeys(agents))
        if not wanted:
            return {}
        first, last = begin.astimezone(UTC).date(), end.astimezone(UTC).date()
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        items = [(keys.agent_pk(one), keys.online_sk(day)) for one in wanted for day in days]
        rows = retry.call(lambda: list(self._models.online.batch_get(items)))
        found: dict[str, list[Period]] = {one: [] for one in wanted}
        for row in rows:
            agent = row.pk.partition("#")[2]
            for periods in encoding.readable([row], lambda row: [*map(_period_of, row.periods)]):
                found[agent] += periods
        for agent, seen in self.availabilities(wanted).items():
            if seen.presence in ONLINE:
                found[agent].append(Period(since(seen), None, seen.presence))
        return {agent: within(periods, begin, end) for agent, periods in found.items()}

    def _as_present(self, presence: Presence, at: datetime) -> list[UpdateAction]:
        """The actions that set a presence, and let the sweep find who is online or may be gone."""
        model = self._models.availability
        return [
            model.presence.set(presence.value),
            model.since.set(_moment(at)),
            model.owner_pk.set(keys.PRESENCE),
            model.owner_sk.set(_moment(at)),
        ]

    def working_action(self, working: Working | None) -> UpdateAction:
        """The action that copies the intervals of shifts to an availability."""
        model = self._models.availability
        if working is None:
            return model.working.remove()
        return model.working.set(list[Any](f"{begin}/{end}" for begin, end in working))

    def _is_as_seen(self, seen: Availability) -> Any:
        """The condition that the presence of a member is still the one that was read."""
        model = self._models.availability
        return (model.presence == seen.presence.value) & (model.since == seen.since)

    def _ended(self, seen: Availability | None, at: datetime) -> list[tuple[Any, list[Any]]]:
        """The updates that record a period online that ends, one for each day in UTC."""
        if seen is None or seen.presence not in ONLINE or since(seen) >= at:
            return []
        model, begin = self._models.online, since(seen)
        text = f"{_moment(begin)}/{_moment(at)}/{seen.presence.value}"
        first = max(begin, at - LONGEST_RECORDED).date()
        days = [first + timedelta(days=n) for n in range((at.date() - first).days + 1)]
        expires = math.ceil((at + ONLINE_KEPT).timestamp())
        return [
            (
                model(keys.agent_pk(seen.agent), keys.online_sk(day)),
                [
                    model.periods.set((model.periods | list[Any]()).append([text])),
                    model.expires.set(expires),
                ],
            )
            for day in days
        ]

    def _change_presence(
        self,
        agent: str,
        actions: list[UpdateAction],
        condition: Any,
        ended: list[tuple[Any, list[Any]]],
    ) -> bool:
        """Update an availability, and record the periods that ended, in one transaction.

        Returns False if the condition does not hold.
        """
        row = self._models.availability(keys.agent_pk(agent), keys.AVAILABILITY)
        token = retry.request_token()

        def send() -> None:
            if not ended:
                row.update(actions=actions, condition=condition)
                return
            with TransactWrite(token, connection=self._models.connection) as transaction:
                transaction.update(row, actions=actions, condition=condition)
                for day, added in ended:
                    transaction.update(day, actions=added)

        try:
            retry.call(send, ["availability", *("online" for _ in ended)])
        except retry.ConditionFailed:
            return False
        return True

    def write(
        self,
        before: Member | None,
        after: Member,
        entry: MemberChange,
        leader: Member | None = None,
        accepted: Invitation | None = None,
    ) -> None:
        """Store a member and an entry of their trail, in one transaction.

        `before` is the item that is replaced; None if there is none. With `leader`, who makes the
        change, the member's availability follows in the same transaction. `accepted` is the
        invitation by which the person becomes a member, which happens once. Raises LeaderRaced if
        the leader, and MemberRaced if the member, their presence or the invitation was changed
        after it was read.
        """
        model = self._models.member
        row = model(
            keys.STAFF,
            keys.agent_pk(after.id),
            doc=encoding.encode(after),
            revision=after.revision,
            owner_pk=keys.members_pk(after.team),
            owner_sk=after.id,
        )
        trail = self._models.doc(
            keys.agent_pk(after.id),
            keys.change_sk(entry.revision),
            doc=encoding.encode(entry),
        )
        follows = self._availability_after(after, entry.at) if leader is not None else None
        ended = follows[3] if follows is not None else []
        invitation = None
        if accepted is not None:
            invitation = self._invitation_row(msgspec.structs.replace(accepted, agent=after.id))
        token = retry.request_token()

        def send() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                # PynamoDB sends checks before puts, and puts before updates.
                if leader is not None:
                    transaction.condition_check(
                        model, keys.STAFF, keys.agent_pk(leader.id), self._is_unchanged(leader)
                    )
                transaction.save(row, condition=self._is_unchanged(before))
                transaction.save(trail, condition=self._models.doc.pk.does_not_exist())
                if invitation is not None and accepted is not None:
                    transaction.save(invitation, condition=self._is_still(accepted))
                if follows is not None:
                    availability, actions, condition, _ = follows
                    transaction.update(availability, actions=actions, condition=condition)
                for day, added in ended:
                    transaction.update(day, actions=added)

        names = [
            *(["leader"] if leader is not None else []),
            *("member", "trail"),
            *(["invitation"] if invitation is not None else []),
            *(["availability"] if follows is not None else []),
            *("online" for _ in ended),
        ]
        try:
            retry.call(send, names)
        except retry.ConditionFailed as failed:
            raise (LeaderRaced if "leader" in failed.names else MemberRaced) from failed

    def invitation(self, address: str) -> Invitation | None:
        """The newest invitation of an address, also if it is over; None if there is none."""
        return self.invitation_of(keys.invitation_digest(address))

    def invitation_of(self, digest: str) -> Invitation | None:
        """The same by the address's `keys.invitation_digest`."""
        model, pk = self._models.invitation, keys.invitation_pk(digest)
        try:
            row = retry.call(lambda: model.get(pk, keys.INVITATION, consistent_read=True))
        except DoesNotExist:
            return None
        return encoding.decoded(row, lambda one: _INVITATION.decode(one.doc))

    def invite(self, invitation: Invitation, before: Invitation | None) -> bool:
        """Store an invitation in place of `before`. Returns False if another one is there now."""
        row, model = self._invitation_row(invitation), self._models.invitation
        condition = model.pk.does_not_exist() if before is None else self._is_still(before)
        try:
            retry.call(lambda: row.save(condition=condition))
        except retry.ConditionFailed:
            return False
        return True

    def invitations(
        self, team: str | None, limit: int, after: str | None
    ) -> tuple[list[Invitation], str | None]:
        """Some invitations that made no member yet, and the key of the next page (`invited_sk`).

        They are sorted by team, and are those of one team, or all if `team` is None. Some of them
        may have expired. One that cannot be read is reported and left out.
        """
        model = self._models.invitation
        prefix = keys.invited_sk(team) if team is not None else ""
        first = f"{after}~" if after is not None else prefix
        # Every sort key is before "~", because the name of a team has only ASCII before it.
        condition = model.owner_sk.between(first or "!", f"{prefix}~")
        query = model.owner_index.query(keys.INVITATION, condition, limit=limit + 1)
        listed = retry.call(lambda: list(query))
        wanted = [(row.pk, row.sk) for row in listed[:limit]]
        rows = retry.call(lambda: list(model.batch_get(wanted))) if wanted else []
        found = {row.pk: row for row in rows}
        ordered = [found[pk] for pk, _ in wanted if pk in found]
        invitations = encoding.readable(ordered, lambda row: _INVITATION.decode(row.doc))
        return list(invitations), listed[limit - 1].owner_sk if len(listed) > limit else None

    def _invitation_row(self, invitation: Invitation) -> Any:
        digest, withdrawn = keys.invitation_digest(invitation.email), invitation.withdrawn_at
        waits = invitation.agent is None and withdrawn is None
        return self._models.invitation(
            keys.invitation_pk(digest),
            keys.INVITATION,
            doc=encoding.encode(invitation),
            invited_ms=encoding.milliseconds(invitation.at),
            agent=invitation.agent,
            withdrawn=encoding.milliseconds(withdrawn) if withdrawn is not None else None,
            expires=math.ceil(invitation.expires_at.timestamp()),
            owner_pk=keys.INVITATION if waits else None,
            owner_sk=keys.invited_sk(invitation.profile.team, digest) if waits else None,
        )

    def _is_still(self, invitation: Invitation) -> Any:
        """The condition that an invitation is still the one that was read."""
        model = self._models.invitation
        same = model.invited_ms == encoding.milliseconds(invitation.at)
        if invitation.withdrawn_at is None:
            same &= model.withdrawn.does_not_exist()
        else:
            same &= model.withdrawn == encoding.milliseconds(invitation.withdrawn_at)
        if invitation.agent is None:
            return same & model.agent.does_not_exist()
        return same & (model.agent == invitation.agent)

    def _is_unchanged(self, member: Member | None) -> Any:
        """The condition that the item of a member is still the one that was read."""
        model = self._models.member
        if member is None:
            return model.pk.does_not_exist()
        if member.revision == 0:
            return model.pk.exists() & model.revision.does_not_exist()
        return model.revision == member.revision

    def _availability_after(
        self, after: Member, now: datetime
    ) -> tuple[Any, list[Any], Any, list[tuple[Any, list[Any]]]]:
        """The update of a member's availability after a change: row, actions and condition.

        The last value are the updates that record a period online, if the change ends one. A member
        who is not active is away. Others stay as present as they were. The update also
        makes a missing item: otherwise a presence call that began before the change could make it
        with the old team.
        """
        model = self._models.availability
        try:
            seen = self.availability(after.id)
        except NotFound:
            seen = None
        actions, ended = self._as_member(after), list[tuple[Any, list[Any]]]()
        if after.is_active:
            actions.append(model.presence.set(model.presence | Presence.AWAY.value))
            actions.append(model.since.set(model.since | _moment(now)))
        else:
            actions += self._as_present(Presence.AWAY, now)
            ended = self._ended(seen, now)
        available = seen is not None and seen.presence is Presence.AVAILABLE
        if available and after.is_active and after.role is Role.AGENT:
            actions += self._offered(after.team, after.id)
        else:
            actions += self._not_offered()
        condition = model.pk.does_not_exist() if seen is None else self._is_as_seen(seen)
        return model(keys.agent_pk(after.id), keys.AVAILABILITY), actions, condition, ended

    def _as_member(self, member: Member) -> list[UpdateAction]:
        """The actions that copy to the availability what routing needs of a member."""
        model = self._models.availability
        return [
            model.team.set(member.team),
            model.languages.set(list[Any](member.languages)),
            model.capacity.set(member.capacity),
            model.skills.set(encoding.encode(member.skills)),
            model.reserve.set(member.reserve),
            model.is_agent.set(member.role is Role.AGENT and member.is_active),
            model.member_revision.set(member.revision),
            model.load.set(model.load | 0),
            model.last_assigned.set(model.last_assigned | keys.NEVER),
        ]

    def _offered(self, team: str, agent: str) -> list[UpdateAction]:
        """The actions that let routing find the agent."""
        model = self._models.availability
        return [
            model.duty_pk.set(keys.team_pk(team)),
            model.duty_sk.set(place_of(agent)),
            model.withdrawn.remove(),
        ]

    def _not_offered(self) -> list[UpdateAction]:
        model = self._models.availability
        return [model.duty_pk.remove(), model.duty_sk.remove(), model.withdrawn.remove()]

    def member(self, agent: str, *, consistent: bool = False) -> Member:
        """A member by their id. Raises NotFound if there is none, and Unreadable.

        `consistent` reads the newest item, for twice the price.
        """
        try:
            row = retry.call(
                lambda: self._models.member.get(
                    keys.STAFF, keys.agent_pk(agent), consistent_read=consistent
                )
            )
        except DoesNotExist as error:
            raise NotFound("there is no such member of staff") from error
        return encoding.decoded(row, _member_of)

    def named(self, agents: Iterable[str], *, consistent: bool = False) -> dict[str, Member]:
        """The members with these ids, by id, in one read for each 100. Unknown ids are left out.

        One who cannot be read is reported and left out. A consistent read has each change that was
        stored before it, and costs twice as much.
        """
        wanted = [(keys.STAFF, keys.agent_pk(agent)) for agent in dict.fromkeys(agents)]
        if not wanted:
            return {}
        model = self._models.member
        rows = retry.call(lambda: list(model.batch_get(wanted, consistent_read=consistent)))
        return {member.id: member for member in encoding.readable(rows, _member_of)}

    def known_as(self, text: str) -> Member | None:
        """The member with this id or this address, in any spelling; None if there is none.

        An address is looked up in the list of all members.
        """
        if is_subject(text) and (found := self.named([text])):
            return found[text]
        wanted = canonical(text)
        listed = self.members() if "@" in text else []
        return next((one for one in listed if canonical(one.email) == wanted), None)

    def availabilities(self, agents: Iterable[str]) -> dict[str, Availability]:
        """The presence and load of these members, by id. Who never set a presence is left out."""
        wanted = [(keys.agent_pk(agent), keys.AVAILABILITY) for agent in agents]
        if not wanted:
            return {}
        rows = retry.call(lambda: list(self._models.availability.batch_get(wanted)))
        return {found.agent: found for found in encoding.readable(rows, availability_of)}

    def page(self, team: str | None, limit: int, after: str | None) -> tuple[list[str], str | None]:
        """The ids of some members, sorted by id, and the id after which the next page begins.

        They are those of a team, or all members if `team` is None. `after` is the last id of the
        page before.
        """
        model = self._models.member
        if team is None:
            beyond = model.sk > keys.agent_pk(after) if after is not None else None
            rows = model.query(keys.STAFF, beyond, limit=limit + 1)
        else:
            beyond = model.owner_sk > after if after is not None else None
            rows = model.owner_index.query(keys.members_pk(team), beyond, limit=limit + 1)
        found = [row.sk.partition("#")[2] for row in retry.call(lambda: list(rows))]
        return found[:limit], found[limit - 1] if len(found) > limit else None

    def has_team(self, team: str) -> bool:
        """Whether anybody is in a team.

        An earlier version kept no lists of members. Until the first sweep after the update has made
        them, an available agent shows that there is the team.
        """
        if self.page(team, 1, None)[0]:
            return True
        model = self._models.availability
        present = model.present_index.query(keys.team_pk(team), limit=1)
        return bool(retry.call(lambda: list(present)))

    def changes(self, agent: str, limit: int) -> list[MemberChange]:
        """The last changes of a member, newest first. One that cannot be read is left out."""
        model = self._models.doc
        prefix = model.sk.startswith(keys.CHANGE_PREFIX)
        rows = retry.call(
            lambda: list(
                model.query(keys.agent_pk(agent), prefix, scan_index_forward=False, limit=limit)
            )
        )
        return list(encoding.readable(rows, lambda row: _CHANGE.decode(row.doc)))

    def listed(self) -> list[Member]:
        """Like `members`. A member whom an earlier version stored is put into the list of the team.

        The sweep calls it, so that `page` has all members of a team some minutes after an update.
        """
        model = self._models.member
        found = []
        for row in retry.call(lambda: list(model.query(keys.STAFF))):
            for member in encoding.readable([row], _member_of):
                found.append(member)
                if row.owner_pk is None:
                    self._list(member)
        return found

    def _list(self, member: Member) -> None:
        model = self._models.member
        row = model(keys.STAFF, keys.agent_pk(member.id))
        actions: list[UpdateAction] = [
            model.owner_pk.set(keys.members_pk(member.team)),
            model.owner_sk.set(member.id),
        ]
        try:
            retry.call(lambda: row.update(actions=actions, condition=self._is_unchanged(member)))
        except retry.ConditionFailed:
            return  # it was changed meanwhile, which lists it

    def members(self) -> list[Member]:
        """All members of staff. One who cannot be read is reported and left out."""
        rows = retry.call(lambda: list(self._models.member.query(keys.STAFF)))
        return list(encoding.readable(rows, _member_of))

    def kept_from(self, member: Member) -> list[str]:
        """The numbers of the tickets from which a conflict of interest keeps a member, open or not.

        The member may not see them (`access.is_kept_from`). So a count that reads no snapshots
        subtracts those of them that it has counted. There are few of them: most members have none.
        """
        kept = self._about_rows(keys.agent_pk(member.id))
        if member.role in (Role.AGENT, Role.SUPERVISOR):
            kept += self._about_rows(keys.kept_from_pk(member.role.value, member.team))
        for post in led_before(member):
            rows = self._about_rows(keys.kept_from_pk(post.role.value, post.team))
            kept += [row for row in rows if _was_opened_by(row, post.until)]
        return list(dict.fromkeys(keys.ticket_about(row.sk) for row in kept))

    def about(self, agent: str) -> list[str]:
        """The numbers of the tickets that are, or may be, about a member, open or not."""
        return [keys.ticket_about(row.sk) for row in self._about_rows(keys.agent_pk(agent))]

    def _about_rows(self, pk: str) -> list[Any]:
        model = self._models.about
        among = model.sk.startswith(keys.ABOUT_PREFIX)
        rows = retry.call(lambda: list(model.query(pk, among, consistent_read=True)))
        return [row for row in rows if row.expires is None]

    def mentions_of(self, member: str) -> list[Mention]:
        """The open tickets on which a note mentions a member, the last mention first."""
        found = [
            Mention(keys.mentioned_on(row.sk), int(row.event), datetime.fromisoformat(row.at))
            for row in self._mention_rows(member)
            if row.expires is None
        ]
        return sorted(found, key=lambda one: (one.at, one.number), reverse=True)

    def reminders_of(self, member: str, before: str | None, most: int) -> list[Reminder]:
        """At most `most` reminders that leaders gave a member, the last first.

        They are those before the reminder with the key `before`; None begins with the last one.
        """
        model = self._models.reminder
        high = keys.just_before(before) if before is not None else keys.AFTER_REMINDERS
        rows = retry.call(
            lambda: list(
                model.query(
                    keys.agent_pk(member),
                    model.sk.between(keys.REMINDER_PREFIX, high),
                    scan_index_forward=False,
                    limit=most,
                )
            )
        )
        return [Reminder(row.sk, *keys.reminder(row.sk)) for row in rows]

    def ended_mentions_of(self, member: str) -> frozenset[str]:
        """The tickets on which a mention of a member ended in the last 30 days, by number."""
        rows = self._mention_rows(member)
        return frozenset(keys.mentioned_on(row.sk) for row in rows if row.expires is not None)

    def _mention_rows(self, member: str) -> list[Any]:
        model = self._models.mention
        rows: list[Any] = retry.call(
            lambda: list(
                model.query(
                    keys.agent_pk(member),
                    model.sk.startswith(keys.MENTION_PREFIX),
                    consistent_read=True,
                )
            )
        )
        return rows

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
        return encoding.decoded(row, availability_of)

    def present(self, team: str, most: int) -> list[Availability]:
        """At most `most` available agents of a team who are in its ring, in its order.

        One who cannot be read is reported and left out.
        """
        model = self._models.availability
        query = model.present_index.query
        found = retry.call(lambda: list(query(keys.team_pk(team), limit=most)))
        return self._read([row.pk for row in found])

    def current(self, agents: Iterable[str]) -> list[Availability]:
        """The presence and load of these agents now, at most 100, in their order.

        Who never set a presence is left out, and one who cannot be read, who is reported.
        """
        return self._read(map(keys.agent_pk, agents))

    def ring(self, team: str, start: str) -> Iterator[Page]:
        """The available agents of a team in pages, from a place in its ring, at most MOST_READ.

        Pages are read as far as they are asked for, with consistent reads. If the first page has
        the whole team, the place does not matter. One who cannot be read is reported and left out.
        """
        found, more = self._places(team, None, None, PAGE)
        if more is None:
            yield Page(self._read(found))
            return
        model = self._models.availability
        read, unread = 0, list[str]()
        for part in (model.duty_sk >= start, model.duty_sk < start):
            after = None
            while read < MOST_READ:
                found, after = self._places(team, part, after, PAGE)
                unread += found
                while len(unread) > PAGE and read < MOST_READ:
                    yield Page(self._read(unread[:PAGE]), more=True)
                    read, unread = read + PAGE, unread[PAGE:]
                if after is None:
                    break
        if unread and read < MOST_READ:
            yield Page(self._read(unread))

    def _places(
        self, team: str, part: Any, after: dict[str, Any] | None, limit: int
    ) -> tuple[list[str], dict[str, Any] | None]:
        """The partition keys of some agents in a part of a ring, and the key to go on after."""

        def ask() -> tuple[list[str], dict[str, Any] | None]:
            rows = self._models.availability.present_index.query(
                keys.team_pk(team), part, limit=limit, last_evaluated_key=after
            )
            return [row.pk for row in rows], rows.last_evaluated_key

        found: tuple[list[str], dict[str, Any] | None] = retry.call(ask)
        return found

    def _read(self, pks: Iterable[str]) -> list[Availability]:
        model = self._models.availability
        wanted = [(pk, keys.AVAILABILITY) for pk in pks]
        if not wanted:
            return []
        rows = retry.call(lambda: list(model.batch_get(wanted, consistent_read=True)))
        found = {row.pk: row for row in rows}  # DynamoDB returns them in any order
        ordered = [found[pk] for pk, _ in wanted if pk in found]
        return list(encoding.readable(ordered, availability_of))

    def call(self, team: str, now: datetime) -> Call | None:
        """The call of the reserve staff of a team, if they are called now."""
        try:
            row = retry.call(
                lambda: self._models.call.get(keys.team_pk(team), keys.CALL, consistent_read=True)
            )
        except DoesNotExist:
            return None
        found = encoding.decoded(row, partial(_call_of, team))
        return found if not row.over and found.is_on(now) else None

    def end_call(self, call: Call) -> None:
        """Record that reserve staff are not needed any more."""
        model = self._models.call
        row = model(keys.team_pk(call.team), keys.CALL)
        condition = model.since == _moment(call.since)
        with suppress(retry.ConditionFailed):  # another call has begun
            retry.call(lambda: row.update(actions=[model.over.set(_YES)], condition=condition))

    def renew_call(self, call: Call, now: datetime) -> Call:
        """Let a call go on that would be over some time. Return it as it is now."""
        model = self._models.call
        row = model(keys.team_pk(call.team), keys.CALL)
        condition = model.since == _moment(call.since)
        with suppress(retry.ConditionFailed):  # another drain has renewed it
            retry.call(lambda: row.update([model.since.set(_moment(now))], condition=condition))
        return replace(call, since=now)

    def withdraw(self, full: Availability) -> bool:
        """Take an agent who is full out of the ring of their team. Return whether it was done.

        They come back when they have room (`put_back`), or set their presence.
        """
        model = self._models.availability
        actions: list[UpdateAction] = [
            model.duty_pk.remove(),
            model.duty_sk.remove(),
            model.withdrawn.set(full.team),
        ]
        condition = (model.load >= model.capacity) & (model.duty_pk == keys.team_pk(full.team))
        return self._change_availability(full.agent, actions, condition)

    def put_back(self, team: str, agent: str) -> bool:
        """Put an agent who was withdrawn back into the ring, if they have room.

        Return whether they were.
        """
        model = self._models.availability
        condition = (model.withdrawn == team) & (model.team == team)
        condition &= (model.load < model.capacity) & (model.presence == Presence.AVAILABLE.value)
        return self._change_availability(agent, self._offered(team, agent), condition)

    def _change_availability(self, agent: str, actions: list[UpdateAction], condition: Any) -> bool:
        row = self._models.availability(keys.agent_pk(agent), keys.AVAILABILITY)
        try:
            retry.call(lambda: row.update(actions=actions, condition=condition))
        except retry.ConditionFailed:
            return False
        return True


def also_written(models: Models, changes: Sequence[Dated], cause: Cause | None) -> list[Write]:
    """Return the writes that update the loads of agents, the tickets about members of staff or on
    which notes mention them, and the reminders that leaders gave.

    They are part of the ticket's transaction, so loads always match the tickets. The agent who gets
    the ticket must be available, have room and be in its team; otherwise nothing is written. If the
    load of the agent who loses the ticket is 0 already, it stays 0, and the rest is written.

    Two tickets change in one transaction by a customer's message, a link or a merge. None but the
    merge changes a load, and only that of its source, so the writes never concern one agent twice.
    Tickets about a member have an item each, and so have those on which notes mention them.
    """
    writers = (
        _load_writes,
        _call_writes,
        _about_writes,
        _mention_writes,
        _reminder_writes,
        _declines_writes,
    )
    return [
        write
        for change, now in changes
        for writer in writers
        for write in writer(models, change, now)
    ]


def _load_writes(models: Models, change: Change, now: datetime) -> list[Write]:
    released, taken = agent_loaded_by(change.before), agent_loaded_by(change.after)
    model = models.availability
    before = change.before.live_now if change.before is not None else 0
    after = change.after.live_now
    number = change.after.number
    if released == taken:
        if taken is None:
            return []
        row = model(keys.agent_pk(taken), keys.AVAILABILITY)
        if before == after:
            if not _goes_on_again(change, now):
                return []
            # Without room it stays uncounted. The agent talks to the customer all the same.
            room = model.live.does_not_exist() | (model.live <= ALL_ATTENTION - after)
            return [Write(row, _more(model, number, after), ~_has(model, number) & room)]
        if not before:
            return [Write(row, _more(model, number, after), ~_has(model, number))]
        if not after:
            return [Write(row, _less(model, number, before), _counts(model, number, before))]
        return [Write(row, [model.live.add(after - before)], _has(model, number))]
    writes = []
    if released is not None:
        row = model(keys.agent_pk(released), keys.AVAILABILITY)
        less: list[UpdateAction] = [model.load.set(model.load - 1)]
        loaded = model.load > 0
        freed = Write(row, less, loaded)
        if before:
            # If the conversation was known to be over, the agent still has one ticket less.
            also = _less(model, number, before)
            is_counted = _counts(model, number, before)
            freed = Write(row, [*less, *also], loaded & is_counted, instead=freed)
        writes.append(freed)
    if taken is not None:
        actions: list[UpdateAction] = [
            model.load.set(model.load + 1),
            model.last_assigned.set(_moment(now)),
        ]
        if after:
            actions += _more(model, number, after)
        condition = (model.presence == Presence.AVAILABLE.value) & (model.load < model.capacity)
        condition &= model.team == change.after.team  # a leader may have moved the agent meanwhile
        condition &= model.is_agent.does_not_exist() | (model.is_agent == _YES)
        condition &= model.live.does_not_exist() | (model.live <= ALL_ATTENTION - max(after, 1))
        if last := _last_in_turn(change):
            condition &= model.last_assigned == last
        if key := _claim_key(change):
            actions += [model.claim_key.set(key), model.claimed.set(number)]
            condition &= model.claim_key.does_not_exist() | (model.claim_key != key)
        row = model(keys.agent_pk(taken), keys.AVAILABILITY)
        lost = AgentNotFree("the agent is away, has no room or is in another team")
        writes.append(Write(row, actions, condition, lost))
    return writes


_AGENTS_WORDS = frozenset({EventType.REPLIED, EventType.PROGRESS_TOLD})


def _goes_on_again(change: Change, now: datetime) -> bool:
    """Whether staff say something in a live conversation that was quiet for long.

    The sweep may have ended it. It is asked only then, so a conversation without a long pause costs
    no write. A message of the customer writes no availability: it may change two tickets.
    """
    if change.before is None or not change.after.live_now or change.before.is_live_at(now):
        return False
    said = [event for event in change.events if event.type in _AGENTS_WORDS]
    return not all(is_word_to_all(event) for event in said)


def _more(model: Any, number: str, weight: int) -> list[UpdateAction]:
    """The actions that count a live conversation."""
    return [model.live.add(weight), model.conversations.add({number})]


def _less(model: Any, number: str, weight: int) -> list[UpdateAction]:
    """The actions that count a live conversation no longer, on the condition `_counts`."""
    return [model.live.add(-weight), model.conversations.delete({number})]


def _has(model: Any, number: str) -> Any:
    """The condition that a live conversation is counted by its number."""
    return model.conversations.contains(number)


def _counts(model: Any, number: str, weight: int) -> Any:
    """The condition that a live conversation is counted: by its number, or by a version before.

    It is not if the agent, or the sweep, has said that it is over. The version before counted
    without numbers, so a number without others is one of its conversations.
    """
    is_before = model.conversations.does_not_exist()
    return (_has(model, number) | is_before) & (model.live >= weight)


def _declines_writes(models: Models, change: Change, now: datetime) -> list[Write]:
    """The count of the tickets that an agent declined today. It fails at the limit of the plan."""
    declined = [e for e in change.events if e.type is EventType.QUEUED and e.data.get("declined")]
    if not declined:
        return []
    # Imported late: most changes of tickets need no calendar day.
    from zoneinfo import ZoneInfo

    model, most = models.count, change.plan.handing_over.declines_a_day
    day = now.astimezone(ZoneInfo(change.plan.time_zone)).date()
    row = model(keys.agent_pk(declined[0].data["from"]), keys.declines_sk(day))
    actions: list[UpdateAction] = [
        model.n.add(1),
        model.expires.set(math.ceil((now + DECLINES_KEPT).timestamp())),
    ]
    room = model.n < most
    condition = model.n.does_not_exist() | room if most else room
    lost = LimitReached(
        f"an agent declines at most {most} tickets a day; a leader decides about this one"
    )
    return [Write(row, actions, condition, lost)]


def _call_writes(models: Models, change: Change, now: datetime) -> list[Write]:
    """The call of reserve staff that the change begins. There is one at a time for each team."""
    called = [e for e in change.events if e.type is EventType.UNPLACED and "called" in e.data]
    if not called:
        return []
    model, team = models.call, called[0].data["team"]
    row = model(keys.team_pk(team), keys.CALL)
    actions: list[UpdateAction] = [
        model.since.set(_moment(now)),
        model.until.set(change.plan.reserve_over // 2),
        model.over.remove(),
    ]
    condition = model.since.does_not_exist() | (model.over == _YES)
    condition |= model.since <= _moment(now - CALLED_FOR)
    return [Write(row, actions, condition, Raced(f"reserve staff of {team} are called already"))]


def _last_in_turn(change: Change) -> str | None:
    """When the agent got their last ticket, if the ticket was given to them because of that."""
    decided = (e.data.get("decision", {}) for e in change.events if e.type is EventType.ASSIGNED)
    return next((one["last"] for one in decided if "last" in one), None)


def _claim_key(change: Change) -> str | None:
    """The digest of the Idempotency-Key with which the agent claimed the ticket, if any."""
    given = (e.data.get("key") for e in change.events if e.type is EventType.ASSIGNED)
    return next((key for key in given if key), None)


def _about_writes(models: Models, change: Change, now: datetime) -> list[Write]:
    """The items of those from whom the ticket is kept since the change, or is kept no more.

    A removal writes `expires`, because no function has the right to delete items.
    """
    before = kept_out(change.before) if change.before is not None else set[str]()
    after, sk = kept_out(change.after), keys.ticket_about_sk(change.after.number)
    gone, opened = int(now.timestamp()), change.after.created_at.isoformat()
    return [
        Write(models.about(pk, sk, expires=None if pk in after else gone, opened=opened))
        for pk in sorted(before ^ after)
    ]


def _mention_writes(models: Models, change: Change, now: datetime) -> list[Write]:
    """The items of members whom a note of the change mentions, or whose mention it ends.

    The end of a merge gives back the mentions that the merge has ended.

    An end writes `expires`, because no function has the right to delete items. A ticket that a move
    to another plan closes keeps its items: the function that moves tickets may not write items of
    members. Readers of these items ask `access.may_see`.
    """
    if change.plan_before is not None:
        return []
    before = set(change.before.mentioned) if change.before is not None else set()
    after, sk = set(change.after.mentioned), keys.mention_sk(change.after.number)
    gone = int((now + ENDED_KEPT).timestamp())
    named = {
        one: event
        for event in change.events
        if event.type is EventType.NOTED
        for one in event.data.get("mentions", ())
    }
    new = [
        models.mention(keys.agent_pk(one), sk, event=event.number, at=event.at.isoformat())
        for one, event in named.items()
        if one in after
    ]
    again = [
        models.mention(keys.agent_pk(one), sk, event=note["event"], at=note["at"])
        for event in change.events
        if event.type is EventType.UNMERGED
        for one, note in event.data.get("mentioned", {}).items()
        if one in after
    ]
    ended = [models.mention(keys.agent_pk(one), sk, expires=gone) for one in sorted(before - after)]
    return [Write(row) for row in (*new, *again, *ended)]


def _was_opened_by(row: Any, at: datetime) -> bool:
    """Whether the ticket of an item ABOUT# was opened by a time. Also true if nobody knows."""
    return row.opened is None or datetime.fromisoformat(row.opened) <= at


def _period_of(text: str) -> Period:
    begin, end, presence = text.split("/")
    return Period(datetime.fromisoformat(begin), datetime.fromisoformat(end), Presence(presence))


def _call_of(team: str, row: Any) -> Call:
    return Call(team, datetime.fromisoformat(row.since), int(row.until))


def _is_agent(row: Any) -> bool:
    """Whether the member works on tickets. A version before did not store it.

    It put into the index only agents, and only while they were available.
    """
    if row.is_agent is None:
        return row.duty_pk is not None or row.presence != Presence.AVAILABLE
    return bool(row.is_agent)


def _intervals(texts: list[str] | None) -> list[list[str]] | None:
    return [text.split("/") for text in texts] if texts is not None else None


def _reminder_writes(models: Models, change: Change, now: datetime) -> list[Write]:
    """The items of members whom a leader reminds with the change."""
    expires, number = int((now + REMINDERS_KEPT).timestamp()), change.after.number
    return [
        Write(
            models.reminder(
                keys.agent_pk(event.data["agent"]),
                keys.reminder_sk(event.at, number, event.number),
                expires=expires,
            )
        )
        for event in change.events
        if event.type is EventType.REMINDED
    ]


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _member_of(row: Any) -> Member:
    return _MEMBER.decode(row.doc)


def availability_of(row: Any) -> Availability:
    """The availability in a row of the table. Raises msgspec.MsgspecError if it is not one."""
    found = {
        "agent": row.pk.partition("#")[2],
        "team": row.team,
        "languages": list(row.languages),
        "presence": row.presence,
        "capacity": row.capacity,
        "load": row.load,
        "last_assigned": row.last_assigned,
        "since": row.since,
        "claim_key": row.claim_key,
        "claimed": row.claimed,
        "live": row.live or 0,
        "conversations": row.conversations or (),
        "reserve": bool(row.reserve),
        "skills": _SKILLS.decode(row.skills) if row.skills is not None else {},
        "working": _intervals(row.working),
        "is_agent": _is_agent(row),
        "withdrawn": row.withdrawn is not None,
    }
    return msgspec.convert(found, Availability)
