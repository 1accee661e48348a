"""The step of a post-mortem: writing what is learnt from an urgent ticket, and correcting it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct, to_builtins

from redress.base.errors import Fault, InvalidInput, NotAllowedNow
from redress.base.people import Actor, Member
from redress.plans.rules.plan import Plan
from redress.tickets.rules import access
from redress.tickets.rules.change import Change
from redress.tickets.rules.post_mortem import Action, faults_of_actions
from redress.tickets.rules.steps.draft import Draft, require_possible
from redress.tickets.rules.steps.table import Step
from redress.tickets.rules.ticket import EventType, Ticket


class Learnt(Struct, frozen=True):
    """What a post-mortem says. `no_action` says why nothing is changed, if there is no action."""

    happened: str
    cause: str
    actions: tuple[Action, ...] = ()
    no_action: str | None = None


class NoPostMortem(NotAllowedNow):
    """Nobody asks for a post-mortem of this ticket."""

    def __init__(self) -> None:
        super(NotAllowedNow, self).__init__("no post-mortem is asked for on this ticket")


def write(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    learnt: Learnt,
    members: Mapping[str, Member],
    at: datetime,
) -> Change:
    """Write the post-mortem of a closed ticket. The ticket does not count as open any more.

    Whoever writes a second one corrects the first, which stays in the history. `members` are the
    owners of the actions who exist, by id. An owner from whom the ticket is kept is refused as one
    who does not exist: a fault must not say whom a complaint is about. Raises InvalidInput with
    every fault, and NoPostMortem if none was ever due on the ticket.
    """
    zone = ZoneInfo(plan.time_zone)
    known = {id_: one for id_, one in members.items() if not access.is_kept_from(ticket, one)}
    faults = faults_of_actions(learnt.actions, known, at.astimezone(zone).date())
    if not learnt.actions and not learnt.no_action:
        detail = "at least one action, or `no_action`, which says why nothing is changed"
        faults.append(Fault("/actions", "required", detail))
    if learnt.actions and learnt.no_action:
        detail = "it is for a post-mortem without actions"
        faults.append(Fault("/no_action", "contradicts", detail))
    if faults:
        raise InvalidInput(faults)
    require_possible(Step.WRITE_POST_MORTEM, ticket)
    owed = ticket.post_mortem
    if owed is None:
        raise NoPostMortem
    data: dict[str, Any] = {"happened": learnt.happened, "root_cause": learnt.cause}
    if learnt.actions:
        data["actions"] = [to_builtins(action) for action in learnt.actions]
    if learnt.no_action:
        data["no_action"] = learnt.no_action
    if owed.event is not None:
        data["corrects"] = owed.event
    return Draft(ticket, plan, by, at).add(EventType.POST_MORTEM_WRITTEN, data).change()
