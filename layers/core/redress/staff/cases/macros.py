"""Macros: the plan's lists of acts that staff do with one call, whole or not at all.

The macros are those of the plan for new tickets, because they are tools of staff and no promises to
a customer. Each act is decided by the ticket's own plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from redress.base.errors import Forbidden, NotFound
from redress.base.people import Actor, Member
from redress.plans.rules import macros
from redress.plans.rules.acts import Fields
from redress.plans.rules.macros import Macro
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.staff.cases.acting import ActingCase
from redress.tickets.cases.staff import StaffCases, StaffStep
from redress.tickets.rules.change import Change
from redress.tickets.rules.macros import Act
from redress.tickets.rules.ticket import Event, Ticket

MACRO = "macro"
"""The name under which the data of an event says which macro it came from."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a macro did, or would do: the ticket after it, and the events that it added."""

    ticket: Ticket
    events: tuple[Event, ...]


class MacroCases:
    def __init__(self, staff: StaffCases, acting: ActingCase, plans: Plans) -> None:
        self._staff, self._acting, self._plans = staff, acting, plans

    def of(self, member: Member) -> list[Macro]:
        """Return the macros that a member of staff may apply, in the plan's order."""
        return macros.of_role(self._plans.current(), member.role)

    def acts(self, member: Member, name: str) -> list[Act]:
        """The acts of a macro.

        Raises NotFound if the plan has no such macro, and Forbidden if it is not for the member's
        role.
        """
        macro = self._named(name)
        if member.role not in macros.roles(macro):
            raise Forbidden(f"this macro is not for the role {member.role}")
        return [
            Act(act, self._step(act, fields, f"macro {name}", member.name))
            for act, fields in macros.acts_of(macro)
        ]

    def apply(
        self, member: Member, number: str, name: str, content: Callable[[], tuple[int, bool]]
    ) -> Applied:
        """Do all acts of a macro on a ticket, or none of them.

        `content` reads the version that the member has read, and whether nothing is to be written
        (`dry_run`). Raises the errors of `StaffCases.act_whole` and of `acts`.
        """

        def there(ticket: Ticket) -> None:
            self._named(name)

        ticket, events = self._staff.act_whole(
            member, number, lambda: self.acts(member, name), content, there, origin={MACRO: name}
        )
        return Applied(ticket, events)

    def _step(self, act: str, fields: Fields, why: str, agent: str) -> StaffStep:
        """The step of an act. Its own faults, such as a team that has nobody, are found when it is
        decided, so that they are reported with those of the other acts.
        """
        step = cache(lambda: self._acting.step(act, fields, why, agent))

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change | None:
            return step()(ticket, plan, by=by, at=at)

        return decide

    def _named(self, name: str) -> Macro:
        found = macros.named(self._plans.current(), name)
        if found is None:
            raise NotFound("there is no such macro")
        return found
