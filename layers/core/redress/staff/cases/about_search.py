"""Find out whom a complaint is about, from what the customer wrote, before it is offered to agents.

Four things say it, from the surest to the least sure: the field of the form, full names in the
text, the number of an earlier ticket of the customer, and whoever served the customer last. If they
leave it unclear, a person decides (docs/decisions/059-conflict-of-interest.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from redress.base.errors import Unreadable
from redress.base.people import Member
from redress.plans.rules.plan import Plan
from redress.staff.cases.names import StaffNames
from redress.staff.store import StaffStore
from redress.tickets.rules import numbers
from redress.tickets.rules.change import Change, joined
from redress.tickets.rules.interest import Doubt
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.steps.opening import EARLIER, NAMED
from redress.tickets.rules.steps.table import MOST_ABOUT
from redress.tickets.rules.ticket import Event, EventType, Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore

MOST_NUMBERS = 5
"""The most numbers of earlier tickets in a text that are looked up."""
MOST_EARLIER = 10
"""The most earlier tickets of a customer that are read to find out who served them last."""


class AboutSearch:
    def __init__(
        self,
        names: StaffNames,
        staff: StaffStore,
        tickets: TicketStore,
        lists: TicketLists,
        profiles_of: Callable[[str], Sequence[str]],
    ) -> None:
        """`profiles_of` returns the ids of all profiles of a customer, given one of them."""
        self._names, self._staff = names, staff
        self._tickets, self._lists, self._profiles_of = tickets, lists, profiles_of

    def found(
        self, ticket: Ticket, opened: Event | None, plan: Plan, at: datetime
    ) -> Change | None:
        """What is found about a complaint, as a change; None if nothing is.

        `opened` is its first event, None if it cannot be read. Nothing is searched again after
        somebody has decided. Only a ticket that waits for an agent, and that no agent has had, is
        doubted: an agent who has it, or had it, has read it.
        """
        unclear = ticket.about_unclear is not None and not ticket.about_unsearched
        if ticket.kind != "complaint" or ticket.about_decided or unclear:
            return None
        if opened is None:
            if not ticket.about_unsearched:
                return None
            return by_system.doubt_about(ticket, plan, (), Doubt.NOT_READ, at)
        field = opened.data.get("about") or ""
        text = (ticket.subject, opened.data["description"], field)
        named = self._names.named_in(*text[:2])
        said = self._names.named_in(field) if field else ()
        earlier = self._agents_of(numbers.found_in(*text), ticket)
        is_sure = len(said) == 1 or bool(field and earlier and not said)
        sure = _each_once((*named, *(said if is_sure else ()), *earlier))
        change = None
        if sure:
            why = NAMED if named or said else EARLIER
            change = by_system.set_about(ticket, plan, sure, why, at)
        if ticket.assignee is not None or not ticket.needs_agent:
            return change
        doubt, candidates = None, said
        if field and not is_sure:
            doubt = Doubt.SEVERAL_NAMED_SO if said else Doubt.NOBODY_NAMED_SO
        elif not sure and _is_about_service(ticket, plan):
            candidates = self._served_last(ticket, plan)
            doubt = Doubt.SERVED_LAST if candidates else None
        if doubt is None or (not ticket.about_unsearched and self._is_late(ticket, doubt)):
            return change
        after = change.after if change else ticket
        return joined(change, by_system.doubt_about(after, plan, candidates, doubt, at))

    def _agents_of(self, named: Sequence[str], ticket: Ticket) -> tuple[Member, ...]:
        """The agents of those of these earlier tickets that the same customer opened.

        Tickets of other customers do not count. Otherwise anybody who knows a number could keep a
        ticket from an agent.
        """
        wanted = [one for one in named if one != ticket.number][:MOST_NUMBERS]
        if not wanted:
            return ()
        own = [
            one for one in self._tickets.get_readable(wanted) if _is_of_same_customer(one, ticket)
        ]
        return self._members(_agents(own))

    def _served_last(self, ticket: Ticket, plan: Plan) -> tuple[Member, ...]:
        """The agent who served the customer last, within the days that the plan looks back."""
        if ticket.customer is None:
            return ()
        profiles = self._profiles_of(ticket.customer)
        earlier = self._tickets.get_readable(self._lists.of_customer(profiles, MOST_EARLIER))
        since = ticket.created_at - timedelta(days=plan.conflict.earlier_days)
        served = sorted(
            (
                one
                for one in earlier
                if one.number != ticket.number
                and since <= one.changed_at
                and one.created_at <= ticket.created_at
                and _agents([one])
            ),
            key=lambda one: one.changed_at,
        )
        return self._members(_agents(served[-1:]))

    def _is_late(self, ticket: Ticket, doubt: Doubt) -> bool:
        """Whether it is too late for a doubt: people have worked on the ticket.

        A doubt that follows only from an earlier ticket is recorded at the first offer or never.
        Otherwise a ticket would disappear from the queue of agents who have seen it there. The
        history is read only if there is a doubt.
        """
        if ticket.replies:
            return True
        try:
            types = {event.type for event in self._tickets.history(ticket.number)}
        except Unreadable:
            return True
        offered = doubt is Doubt.SERVED_LAST and EventType.UNPLACED in types
        return offered or EventType.ASSIGNED in types

    def _members(self, ids: Iterable[str]) -> tuple[Member, ...]:
        """The members of staff among these ids, whatever their role is now.

        Somebody who handled a ticket as an agent may lead the team by now.
        """
        found = self._staff.named(ids, consistent=True)
        return tuple(found[one] for one in sorted(found))


def _agents(tickets: Iterable[Ticket]) -> list[str]:
    """Who handled these tickets: their agents, and those who resolved them."""
    found = (
        one
        for ticket in tickets
        for one in (ticket.assignee, ticket.resolution.by if ticket.resolution else None)
    )
    return [one for one in dict.fromkeys(found) if one is not None]


def _is_of_same_customer(one: Ticket, other: Ticket) -> bool:
    known = one.customer is not None and one.customer == other.customer
    return known or (one.contact.email is not None and one.contact.email == other.contact.email)


def _is_about_service(ticket: Ticket, plan: Plan) -> bool:
    """Whether the plan lists the ticket's category under `conflict.categories`."""
    first = (ticket.category or "").partition("/")[0]
    return bool(first) and not {ticket.category, first}.isdisjoint(plan.conflict.categories)


def _each_once(members: Iterable[Member]) -> list[Member]:
    """These members by id, each once, at most MOST_ABOUT: each is an item of the transaction."""
    found = {member.id: member for member in members}
    return [found[one] for one in sorted(found)][:MOST_ABOUT]
