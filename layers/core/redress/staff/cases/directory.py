"""Who is on the staff: oneself, colleagues, and the names of people in a ticket."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from redress.base.errors import Forbidden, NotFound
from redress.base.people import Member, Role
from redress.staff.rules.availability import Availability, without_load_of
from redress.staff.rules.leading import may_lead, possible
from redress.staff.rules.members import MemberChange
from redress.staff.store import StaffStore
from redress.tickets.store.tickets import TicketStore

PAGE_LIMIT = 25
CHANGES = 25
"""How many of a member's changes their file has."""


@dataclass(frozen=True, slots=True)
class Known:
    """What `reader` may know about a member.

    `email` is None for agents who read about others: they need no address of a colleague.
    `availability` is None if the member never set a presence. `can` says what the reader may do
    with the member (`leading.possible`). `changes` are the last ones, for those who lead them.
    """

    member: Member
    availability: Availability | None
    email: str | None
    can: list[str]
    changes: list[MemberChange]


@dataclass(frozen=True, slots=True)
class KnownPage:
    members: list[Known]
    next: str | None


class Directory:
    def __init__(self, staff: StaffStore, tickets: TicketStore) -> None:
        self._staff, self._tickets = staff, tickets

    def me(self, member: Member) -> Known:
        """The caller."""
        return self._known(member, member, self._staff.availabilities([member.id]))

    def member(self, reader: Member, agent: str) -> Known:
        """One member, with their last changes for those who lead them.

        Managers see everybody, others their own team. Raises NotFound.
        """
        found = self._staff.member(agent, consistent=True)
        if not _may_see(reader, found):
            raise NotFound("there is no such member of staff")
        return self.file(reader, found)

    def file(self, reader: Member, found: Member) -> Known:
        """A member whom the reader may see, with their last changes for those who lead them."""
        known = self._known(reader, found, self._present(reader, [found.id]))
        if not may_lead(reader, found):
            return known
        changes = self._staff.changes(found.id, CHANGES)
        return Known(known.member, known.availability, known.email, known.can, changes)

    def page(
        self, reader: Member, team: str | None, content: Callable[[], tuple[int, str | None]]
    ) -> KnownPage:
        """One page of the members of a team, or of all members if `team` is None, sorted by id.

        `content` reads from the request how many are wanted, and `next` of the page before. Raises
        Forbidden for another team than the reader's, unless the reader is a manager, and then the
        errors of `content`.
        """
        if reader.role is not Role.MANAGER and team != reader.team:
            raise Forbidden("this is another team")
        limit, after = content()
        ids, cursor = self._staff.page(team, limit, after)
        found = self._staff.named(ids)
        present = self._present(reader, ids)
        listed = [found[id_] for id_ in ids if id_ in found and team in (None, found[id_].team)]
        return KnownPage([self._known(reader, member, present) for member in listed], cursor)

    def people(self, agents: Iterable[str]) -> dict[str, Member]:
        """The members with these ids, by id, also those who have left."""
        return self._staff.named(agents)

    def _present(self, reader: Member, ids: list[str]) -> dict[str, Availability]:
        """The availabilities of members, by id. Tickets kept from the reader do not count."""
        found = self._staff.availabilities(ids)
        numbers = self._staff.kept_from(reader)
        if not numbers:
            return found
        hidden = self._tickets.get_readable(numbers)
        return {agent: without_load_of(hidden, one) for agent, one in found.items()}

    def _known(
        self, reader: Member, member: Member, availabilities: dict[str, Availability]
    ) -> Known:
        is_shown = reader.role is not Role.AGENT or reader.id == member.id
        email = member.email if is_shown else None
        availability = availabilities.get(member.id)
        return Known(member, availability, email, possible(reader, member), [])


def _may_see(reader: Member, member: Member) -> bool:
    return reader.role is Role.MANAGER or reader.team == member.team
