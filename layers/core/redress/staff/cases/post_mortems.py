"""Post-mortems of urgent tickets: the step that writes one."""

from __future__ import annotations

from datetime import datetime

from redress.base.people import Actor
from redress.plans.rules.plan import Plan
from redress.staff.store import StaffStore
from redress.tickets.cases.staff import StaffStep
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import post_mortems
from redress.tickets.rules.steps.post_mortems import Learnt
from redress.tickets.rules.ticket import Ticket


class PostMortemCases:
    def __init__(self, staff: StaffStore) -> None:
        self._staff = staff

    def writing(self, learnt: Learnt) -> StaffStep:
        """The step that writes this post-mortem. It reads the owners of its actions."""

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            members = self._staff.named(one.owner for one in learnt.actions)
            return post_mortems.write(ticket, plan, by, learnt, members, at)

        return decide
