"""Hand a ticket to another agent, or back to the queue of a team."""

from __future__ import annotations

from contextlib import suppress
from copy import replace
from datetime import datetime
from functools import partial

from redress.base.errors import AgentNotFree, Fault, InvalidInput, NotFound
from redress.base.people import Actor, Role
from redress.plans.rules.plan import Plan
from redress.staff.rules.availability import Availability
from redress.staff.rules.eligibility import (
    IN_WORDS,
    WhyNot,
    in_words,
    need_of,
    reasons,
    waived_by,
)
from redress.staff.store import StaffStore
from redress.tickets.cases.staff import StaffStep
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import Ticket


class ReassignmentCase:
    def __init__(self, staff: StaffStore) -> None:
        self._staff = staff

    def step(self, agent: str | None, team: str | None, reason: str) -> StaffStep:
        """The step that hands a ticket to an agent, or back to a team's queue if `agent` is None.

        Raises InvalidInput for an unknown agent or team, or if the agent is in another team. The
        step raises it for an agent whom the complaint is about, and AgentNotFree for one who may
        not get the ticket (`eligibility.waived_by`).
        """
        to_team, found = team, None
        if agent is not None:
            try:
                target = self._staff.member(agent)
            except NotFound as error:
                raise InvalidInput(
                    [Fault("/agent", "unknown_agent", "there is no such agent")]
                ) from error
            if target.role is not Role.AGENT:
                raise InvalidInput([Fault("/agent", "unknown_agent", "this is not an agent")])
            if not target.is_active:
                what = "has left" if target.left else "is suspended"
                raise InvalidInput([Fault("/agent", "unknown_agent", f"this agent {what}")])
            if team is not None and team != target.team:
                raise InvalidInput([Fault("/team", "other_team", "the agent is in another team")])
            to_team = target.team
            with suppress(NotFound):
                found = self._staff.availability(agent)
        elif team is not None and not self._staff.has_team(team):
            raise InvalidInput([Fault("/team", "unknown_team", "there is no such team")])
        return partial(_reassign, to=agent, team=to_team, why=reason, found=found)


def _reassign(
    ticket: Ticket,
    plan: Plan,
    /,
    *,
    by: Actor,
    at: datetime,
    to: str | None,
    team: str | None,
    why: str,
    found: Availability | None,
) -> Change:
    """Hand the ticket over. Raises AgentNotFree with every reason why the agent may not get it."""
    change = by_staff.reassign(ticket, plan, by, to, team, why, at)
    if to is None or to == ticket.assignee:
        return change
    if found is None:
        raise AgentNotFree(IN_WORDS[WhyNot.PRESENCE])
    need = replace(need_of(ticket, plan, at), team=change.after.team)
    if refused := reasons(ticket, need, found, at, waived_by(by.role)):
        raise AgentNotFree(in_words(refused))
    return change
