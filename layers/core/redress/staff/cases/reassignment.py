"""Hand a ticket to another agent, or back to the queue of a team."""

from __future__ import annotations

from functools import partial

from redress.base.errors import Fault, InvalidInput, NotFound
from redress.base.people import Role
from redress.staff.store import StaffStore
from redress.tickets.cases.staff import StaffStep
from redress.tickets.rules.steps import by_staff


class ReassignmentCase:
    def __init__(self, staff: StaffStore) -> None:
        self._staff = staff

    def step(self, agent: str | None, team: str | None, reason: str) -> StaffStep:
        """The step that hands a ticket to an agent, or back to a team's queue if `agent` is None.

        Raises InvalidInput for an unknown agent or team, or if the agent is in another team. The
        step raises it for an agent whom the complaint is about.
        """
        to_team = team
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
        elif team is not None and not self._staff.has_team(team):
            raise InvalidInput([Fault("/team", "unknown_team", "there is no such team")])
        return partial(by_staff.reassign, to=agent, team=to_team, why=reason)
