"""What staff do with the profiles of customers: find, list, read, change and merge them.

Every member of staff may find and read a profile, because anybody may answer a call. Lists of
customers are for leaders, except that of the doubtful profiles of the own team. The history of a
customer shows a ticket only to those who may see it, and so does every mention of a ticket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from copy import replace
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from redress.base.errors import (
    Fault,
    Forbidden,
    InvalidInput,
    NotAllowedNow,
    NotFound,
    RevisionConflict,
    Unavailable,
    Unchanged,
    saying_what_is_possible,
)
from redress.base.people import Actor, Member, Role
from redress.customers.rules import editing, matching, merging, relationship
from redress.customers.rules.profile import Card, Entry, Profile, Revised, new_id, revised
from redress.customers.rules.rights import RIGHTS, Part, changeable, require_verified
from redress.customers.store import CustomerMatched, CustomerPage, CustomerStore
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.tickets.cases.parting import PartingCases
from redress.tickets.cases.staff import StaffCases
from redress.tickets.rules import access
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.transaction import Cause, Raced

ATTEMPTS = 8
COUNTED = 100
"""The numbers of a customer are those of their newest tickets, at most this many."""

STAFF = "staff"
"""How a ticket was matched if staff did it."""

Edit = Callable[[Profile, Plan, datetime], Profile]
"""Returns a profile after an edit. Raises InvalidInput for faults that depend on its arguments."""


@dataclass(frozen=True, slots=True)
class Edition:
    """What a request wants to change in a profile.

    `revision` is the one that the caller has read; None if the change cannot conflict. `parts` are
    the parts of the profile that it changes, and `act` is its name in the trail. `needs` is the act
    for which the plan can ask a verified identity, if there is one. `type` is the customer type
    that it names, "" if it names none.
    """

    revision: int | None
    act: str
    edit: Edit
    parts: tuple[Part, ...]
    needs: str | None = None
    why: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class MergeOf:
    """The other profile of a merge or its undo, the revisions that the caller has read, and why."""

    revision: int
    other: str
    other_revision: int
    why: str


@dataclass(frozen=True, slots=True)
class SeenProfile:
    """A profile as a member of staff sees it.

    `tickets` are the numbers that the profile mentions and this member may see. No other number may
    be shown to them.
    """

    profile: Profile
    tickets: frozenset[str]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Counts over the newest tickets of a customer that a member of staff may see.

    `satisfaction` is the mean of the `answered` surveys. `complete` is false if older tickets are
    not counted.
    """

    tickets: int
    answered: int
    satisfaction: float | None
    complete: bool


@dataclass(frozen=True, slots=True)
class CustomerFile:
    """A profile, one page of its history, and its numbers (on the first page only)."""

    seen: SeenProfile
    tickets: list[Ticket]
    cursor: str | None
    numbers: Numbers | None


@dataclass(frozen=True, slots=True)
class Trail:
    """One page of a profile's trail. Tickets that the reader may not see are left out of it.

    `before` is the revision before which the next page begins, or None.
    """

    entries: list[Entry]
    before: int | None


class CustomerCases:
    def __init__(
        self,
        customers: CustomerStore,
        tickets: TicketStore,
        staff: StaffCases,
        parting: PartingCases,
        plans: Plans,
        now: Callable[[], datetime],
    ) -> None:
        self._customers, self._tickets, self._staff = customers, tickets, staff
        self._parting, self._plans, self._now = parting, plans, now

    # ------------------------------------------------------------------------ finding

    def find(self, kind: str, text: str) -> Card | None:
        """The card of the customer with this contact point, as somebody typed it, or None.

        Raises InvalidInput with the pointer of the query's parameter, which is named like the kind.
        """
        try:
            value = editing.contact_value(kind, text, self._plans.current().home_region)
        except ValueError as error:
            raise InvalidInput([Fault(f"/{kind}", f"{kind}_expected", str(error))]) from error
        return self._customers.by_contact(kind, value)

    def listed(
        self,
        member: Member,
        what: str,
        value: str,
        content: Callable[[], tuple[int, str | None]],
    ) -> tuple[list[SeenProfile], str | None]:
        """One page of customers and the next cursor. `what` is type, need, company or doubtful.

        `value` is the type, need or company, or the team whose doubtful profiles are listed.
        `content` reads limit and cursor. The page can have fewer entries than the limit. Raises
        Forbidden, then the errors of `content`.
        """
        _require_list(member, what, value)
        limit, cursor = content()
        store = self._customers
        pages: dict[str, Callable[[str, int, str | None], CustomerPage]] = {
            "type": store.of_type,
            "need": store.with_need,
            "company": store.of_company,
            "doubtful": store.doubtful,
        }
        page = pages[what](value, limit, cursor)
        found = store.get_readable(page.ids)
        listed = [one for one in found if one.merged_into is None]
        visible = self._visible(member, {d.ticket for one in listed for d in one.doubts})
        return [SeenProfile(one, visible) for one in listed], page.cursor

    # ------------------------------------------------------------------------ reading

    def read(
        self, member: Member, customer: str, content: Callable[[], tuple[int, str | None]]
    ) -> CustomerFile:
        """A profile with one page of its history. A merged one leads to that of the whole customer.

        `content` reads limit and cursor from the request. Raises NotFound, then its errors.
        """
        profile = self._customers.current(customer)
        limit, cursor = content()
        ids = (profile.id, *profile.absorbed)
        page = self._customers.tickets_of(ids, limit, cursor)
        wanted, numbers = page.numbers, None
        newest = self._customers.tickets_of(ids, COUNTED, None) if cursor is None else None
        mentioned = _mentioned(profile)
        asked = [*wanted, *mentioned, *(newest.numbers if newest is not None else ())]
        seen = {
            ticket.number: ticket
            for ticket in self._tickets.get_readable(asked)
            if access.may_see(member, ticket)
        }
        own = {number for number, ticket in seen.items() if ticket.customer in ids}
        if newest is not None:
            counted = [seen[number] for number in newest.numbers if number in own]
            numbers = _numbers(counted, complete=newest.cursor is None)
        return CustomerFile(
            SeenProfile(profile, frozenset(mentioned) & seen.keys()),
            [seen[number] for number in wanted if number in own],
            page.cursor,
            numbers,
        )

    def trail(
        self, member: Member, customer: str, content: Callable[[], tuple[int, int | None]]
    ) -> Trail:
        """One page of the trail of a profile, newest first, also of one that was merged.

        `content` reads the limit and the revision before which the page begins. Raises NotFound.
        """
        profile = self._customers.get(customer)
        limit, before = content()
        entries, further = self._customers.trail(profile.id, limit, before)
        numbers = {entry.ticket for entry in entries if entry.ticket is not None}
        for entry in entries:
            numbers |= {one["ticket"] for one in _mentions(entry)}
        visible = self._visible(member, numbers)
        shown = [_without_others(entry, visible) for entry in entries]
        return Trail(shown, further)

    def of_ticket(self, ticket: Ticket) -> Profile | None:
        """The customer of a ticket that somebody may see; None if it has none that can be read."""
        if ticket.customer is None:
            return None
        found = self._customers.get_readable([ticket.customer])
        while found and (into := found[0].merged_into) is not None:
            found = self._customers.get_readable([into.id])
        return found[0] if found else None

    def _visible(self, member: Member, numbers: Iterable[str]) -> frozenset[str]:
        found = self._tickets.get_readable(list(numbers))
        return frozenset(one.number for one in found if access.may_see(member, one))

    def _seen(self, member: Member, profile: Profile) -> SeenProfile:
        return SeenProfile(profile, self._visible(member, _mentioned(profile)))

    # ------------------------------------------------------------------------ changing

    def change(
        self, member: Member, customer: str, content: Callable[[], Edition], source: str
    ) -> SeenProfile:
        """Change a profile, and return it after the change.

        `content` reads the request, which came from the address `source`. Checks are made in the
        order of decision 25: the profile exists (NotFound); the content has the right form; the
        member's role may change these parts (Forbidden); the content is valid for this profile
        (InvalidInput); nobody changed the profile meanwhile (RevisionConflict); its state allows it
        (ProfileMerged, CallNotPossible, IdentityNeeded). A change that changes nothing is not
        written.
        """
        asked = cache(content)

        def attempt() -> tuple[Profile, list[Revised]]:
            profile = self._customers.get(customer)
            wanted, at = asked(), self._now()
            plan = self._plans.current()
            for part in wanted.parts:
                touched = part is not Part.TYPE or wanted.type not in ("", profile.type)
                if touched and member.role not in RIGHTS[part].change:
                    raise Forbidden(f"the role {member.role} may not change this: {part}")
            refused: NotAllowedNow | None = None
            try:
                after = wanted.edit(profile, plan, at)
            except InvalidInput as invalid:
                faults = _revision_faults(profile, wanted.revision) + invalid.faults
                raise InvalidInput(faults) from None
            except NotAllowedNow as error:
                after, refused = profile, error
            _require_revision(profile, wanted.revision)
            merging.require_own(profile)
            if refused is not None:
                raise refused
            if after == profile:
                return profile, []
            _require_identity(profile, wanted.needs, plan, at)
            change = revised(profile, after, wanted.act, at, member.actor, wanted.why)
            return change.after, [change]

        return self._seen(member, self._write(member, attempt, source))

    def add_contact(
        self, profile: Profile, plan: Plan, at: datetime, *, kind: str, text: str, by: str
    ) -> Profile:
        """The edit that adds a contact point. Raises InvalidInput if it is somebody else's."""
        point = editing.point_of(kind, text, plan)
        card = self._customers.by_contacts([point]).get(point)
        if card is not None and card.customer not in (profile.id, *profile.absorbed):
            detail = f"it belongs to the profile {card.customer}"
            raise InvalidInput([Fault("/value", "belongs_to_another", detail)])
        return editing.with_contact(profile, point, by, at)

    def tell_apart(
        self,
        member: Member,
        customer: str,
        content: Callable[[], tuple[int, str, str]],
        source: str,
    ) -> SeenProfile:
        """Record that two profiles are of different people, and settle the doubt about them.

        `content` reads the revision of the profile, the id of the other one, and the reason.
        Raises as `change` does.
        """
        asked = cache(content)

        def attempt() -> tuple[Profile, list[Revised]]:
            profile = self._customers.get(customer)
            revision, other_id, why = asked()
            other = self._other(profile, revision, other_id)
            merging.require_own(profile)
            merging.require_own(other)
            at = self._now()
            changes = []
            for one, beside in ((profile, other), (other, profile)):
                after = editing.told_apart(one, beside)
                if after != one:
                    changes.append(revised(one, after, "told_apart", at, member.actor, why))
            return next((c.after for c in changes if c.after.id == profile.id), profile), changes

        return self._seen(member, self._write(member, attempt, source))

    def merge(
        self, member: Member, customer: str, content: Callable[[], MergeOf], source: str
    ) -> SeenProfile:
        """Merge another profile into this one. Raises as `change` does."""
        asked = cache(content)

        def attempt() -> tuple[Profile, list[Revised]]:
            profile = self._customers.get(customer)
            wanted = asked()
            other = self._other(
                profile, wanted.revision, wanted.other, wanted.other_revision, merging.merge_faults
            )
            at, plan = self._now(), self._plans.current()
            changes = merging.merged(
                profile,
                other,
                member.actor,
                wanted.why,
                at,
                aligned=lambda one: relationship.aligned(one, plan, at),
            )
            _require_identity(profile, "merge", plan, at)
            return changes[0].after, changes

        return self._seen(member, self._write(member, attempt, source))

    def undo_merge(
        self, member: Member, customer: str, content: Callable[[], MergeOf], source: str
    ) -> SeenProfile:
        """Undo the merge of another profile into this one. Raises as `change` does.

        Before that, `PartingCases.profiles_parted` changes the tickets that were merged between the
        two customers. So a request that ends in between can be repeated.
        """
        asked = cache(content)

        def attempt() -> tuple[Profile, list[Revised]]:
            profile = self._customers.get(customer)
            wanted = asked()
            other = self._other(profile, wanted.revision, wanted.other, wanted.other_revision)
            into = other.merged_into
            if into is None or into.id != profile.id:
                detail = "it is not merged into this profile"
                raise InvalidInput([Fault("/other", "not_merged", detail)])
            merging.require_own(profile)
            entry = self._customers.entry(profile.id, into.revision)
            changes = merging.unmerged(profile, other, entry, member.actor, wanted.why, self._now())
            mine = (other.id, *other.absorbed)
            self._parting.profiles_parted(self._pages(mine), frozenset(mine), member.actor)
            return changes[0].after, changes

        return self._seen(member, self._write(member, attempt, source))

    def correct_match(
        self, member: Member, number: str, content: Callable[[], tuple[int, str | None, str]]
    ) -> Ticket:
        """Say whose ticket it is. Without a customer it gets a new profile, made of its contact.

        `content` reads the version of the ticket, the id of the customer, and the reason. Contact
        points stay where they are; staff move them with the profiles. Raises as `StaffCases.act`.
        """
        made: list[Profile] = []
        beside: list[tuple[Change, datetime]] = []

        def step_of(
            customer: str | None,
            why: str,
            ticket: Ticket,
            plan: Plan,
            /,
            *,
            by: Actor,
            at: datetime,
        ) -> Change:
            made.clear()
            if customer is None:
                points = matching.points_of(ticket.contact)
                cards = self._customers.by_contacts(points) if points else {}
                free = [point for point in points if point not in cards]
                profile = matching.first_profile(new_id(), ticket, free, at)
                profile = relationship.aligned(profile, plan, at)
                made.append(profile)
            else:
                profile = self._named(customer, "/customer")
                if ticket.customer in (profile.id, *profile.absorbed):
                    detail = "this is the customer of the ticket already"
                    raise Unchanged([Fault("/customer", "same_customer", detail)])
            corrected = match(
                ticket, plan, profile.id, STAFF, at, by=by, customer_type=profile.type, why=why
            )
            change, also = self._parting.matched(corrected, by, at)
            beside[:] = also
            return change

        def wanted() -> tuple[int, partial[Change]]:
            version, customer, why = content()
            return version, partial(step_of, customer, why)

        def cause(change: Change, at: datetime) -> Cause | None:
            changes = [Revised(None, one) for one in made]
            return CustomerMatched(lambda _: changes) if changes else None

        return self._staff.act(
            member, number, "correct_match", wanted, cause=cause, also=lambda: tuple(beside)
        )

    def _pages(self, customers: Sequence[str]) -> Iterator[list[str]]:
        """The numbers of the tickets of these profiles, newest first, page by page."""
        cursor: str | None = None
        while True:
            page = self._customers.tickets_of(customers, COUNTED, cursor)
            yield page.numbers
            cursor = page.cursor
            if cursor is None:
                return

    def _other(
        self,
        profile: Profile,
        revision: int,
        other_id: str,
        other_revision: int | None = None,
        faults_of: Callable[[Profile, Profile], list[Fault]] = lambda profile, other: [],
    ) -> Profile:
        """The other profile that a request names.

        `revision` and `other_revision` are those that the caller has read. `faults_of` returns the
        faults of both together. Raises InvalidInput with all faults, then RevisionConflict.
        """
        faults, other = _revision_faults(profile, revision), None
        try:
            if other_id == profile.id:
                faults.append(Fault("/other", "same_profile", "this is the profile itself"))
            else:
                other = self._customers.get(other_id)
                faults += _revision_faults(other, other_revision, "/other_revision")
                faults += faults_of(profile, other)
        except NotFound:
            faults.append(Fault("/other", "unknown_customer", "there is no such customer"))
        if faults or other is None:
            raise InvalidInput(faults)
        _require_revision(profile, revision)
        _require_revision(other, other_revision)
        return other

    def _named(self, customer: str, pointer: str) -> Profile:
        try:
            return self._customers.current(customer)
        except NotFound as error:
            detail = "there is no such customer"
            raise InvalidInput([Fault(pointer, "unknown_customer", detail)]) from error

    def _write(
        self, member: Member, attempt: Callable[[], tuple[Profile, list[Revised]]], source: str
    ) -> Profile:
        """Write what `attempt` decides, and return its profile. A lost race is decided again.

        The trail says that the request came from `source`. Raises what `attempt` raises, with the
        parts of a profile that the member may change.
        """
        for _ in range(ATTEMPTS):
            with saying_what_is_possible(lambda: changeable(member.role)):
                profile, changes = attempt()
            try:
                if changes:
                    self._customers.write([_from_source(one, source) for one in changes])
            except Raced:
                continue
            return profile
        raise Unavailable("this profile is being changed all the time")


def _from_source(change: Revised, source: str) -> Revised:
    entry = change.entry
    return change if entry is None else replace(change, entry=replace(entry, source=source))


def _require_list(member: Member, what: str, team: str) -> None:
    """Raise Forbidden if a member may not read a list.

    Agents and supervisors read the doubtful profiles of their own team. Other lists are for
    supervisors and managers, because a list of customers leaves the house more easily than one
    profile.
    """
    if what == "doubtful":
        if member.role is not Role.MANAGER and team != member.team:
            raise Forbidden("another team decides about these profiles")
    elif member.role is Role.AGENT:
        raise Forbidden("lists of customers are for supervisors and managers")


def _mentions(entry: Entry) -> list[dict[str, Any]]:
    """The contact points, doubts and calls in an entry that mention a ticket."""
    return [
        one
        for name in ("contacts", "doubts", "calls_made")
        for values in entry.fields.get(name, ())
        for one in values
        if one.get("ticket")
    ]


def _without_others(entry: Entry, visible: Set[str]) -> Entry:
    """The entry without the numbers of tickets that are not visible.

    The notes of a call say what its ticket is about, so they are left out with it.
    """
    for one in _mentions(entry):
        if one["ticket"] not in visible:
            one["ticket"] = None
            if "notes" in one:
                one["notes"] = None
    return entry if entry.ticket in visible else replace(entry, ticket=None)


def _mentioned(profile: Profile) -> list[str]:
    """The numbers of the tickets that a profile mentions."""
    found = [point.ticket for point in profile.contacts] + [one.ticket for one in profile.doubts]
    found += [one.ticket for one in profile.calls_made]
    return list(dict.fromkeys(number for number in found if number is not None))


def _numbers(tickets: Sequence[Ticket], *, complete: bool) -> Numbers:
    answers = [one.satisfaction for one in tickets if one.satisfaction is not None]
    mean = round(sum(answers) / len(answers), 2) if answers else None
    return Numbers(len(tickets), len(answers), mean, complete)


def _require_revision(profile: Profile, revision: int | None) -> None:
    """Raise RevisionConflict if the profile has another revision than the caller has read.

    Raises InvalidInput for a revision that the profile has not reached yet.
    """
    if faults := _revision_faults(profile, revision):
        raise InvalidInput(faults)
    if revision is not None and revision < profile.revision:
        raise RevisionConflict(profile.revision)


def _revision_faults(
    profile: Profile, revision: int | None, pointer: str = "/revision"
) -> list[Fault]:
    if revision is None or revision <= profile.revision:
        return []
    return [Fault(pointer, "unknown_version", "there is no such revision yet")]


def _require_identity(profile: Profile, act: str | None, plan: Plan, at: datetime) -> None:
    """Raise IdentityNeeded if the plan asks for a verified identity that the profile lacks."""
    if act is not None and act in plan.customers.verified_for:
        require_verified(profile, act, at)
