"""Which tickets a member of staff may see and act on, and which changes they may make now.

`may_see` is the one check of this right. Every list, count, search, export, feed and mail asks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from redress.base.people import Machine, Member, Role
from redress.tickets.rules import checklist
from redress.tickets.rules.interest import led_before
from redress.tickets.rules.steps.table import MERGED, STEPS, Step
from redress.tickets.rules.ticket import LinkKind, Ticket


def may_see(member: Member, ticket: Ticket) -> bool:
    """Whether a member of staff may see a ticket.

    A manager sees any ticket, others those of their team and those on which a note mentions them. A
    member whom a conflict of interest keeps from it (`is_kept_from`) never sees it, whatever their
    role and whoever mentions them. A machine sees those of the team of its connector, or any if the
    connector has none.
    """
    if not (member.actor.is_staff or isinstance(member, Machine)) or is_kept_from(ticket, member):
        return False
    is_mentioned = member.id in ticket.mentioned and not isinstance(member, Machine)
    return _leads_or_shares(member, ticket) or is_mentioned


def may_see_source(member: Member, source: Ticket, target: Ticket) -> bool:
    """Whether a member of staff may read a ticket because it was merged into one that they see.

    What its customer said is part of the target's matter, whichever team had the source. A conflict
    of interest still keeps them from it.
    """
    is_source = source.merged is not None and source.merged.into == target.number
    return is_source and may_see(member, target) and not is_kept_from(source, member)


def readable_with(member: Member, ticket: Ticket, others: Iterable[Ticket]) -> dict[str, Ticket]:
    """Return which of the other tickets that a ticket names the member may read, by number.

    The member reads the ticket. They may read what they see, and what was merged into any of these
    (`may_see_source`), also by a further step.
    """
    left = [one for one in others if not is_kept_from(one, member)]
    found = {one.number: one for one in left if may_see(member, one)}
    into = {ticket.number, *found}
    while more := {
        one.number: one
        for one in left
        if one.number not in found and one.merged is not None and one.merged.into in into
    }:
        found |= more
        into |= more.keys()
    return found


def _leads_or_shares(member: Member, ticket: Ticket) -> bool:
    """Whether the ticket is in the sight of the member because of their role or their team."""
    return member.sees_every_team or member.team == ticket.team


def is_guest(member: Member, ticket: Ticket) -> bool:
    """Whether only a mention lets a member of staff see the ticket.

    A guest reads the ticket and adds notes. They cannot mention others, because a mention gives
    access.
    """
    return may_see(member, ticket) and not _leads_or_shares(member, ticket)


def is_kept_from(ticket: Ticket, member: Member) -> bool:
    """Whether a conflict of interest keeps this member of staff from the ticket.

    The complaint is about them, or about an agent of a supervisor's team if the plan keeps it from
    that supervisor. A supervisor who led the team when the complaint was opened, or later, is kept
    from it also in another team (`interest.led_before`). While it is unclear whom it is about,
    all agents and all members whom it may be about are kept from it
    (docs/decisions/059-conflict-of-interest.md).

    Mails ask this and not `may_see`: those of a ticket without a conflict tell the supervisors of
    other teams if nobody of its own team can be told (`mail.outgoing.cases.posting.leaders`).
    """
    if member.id in ticket.about:
        return True
    if member.role is Role.SUPERVISOR and member.team in ticket.kept_from:
        return True
    if any(
        post.team in ticket.kept_from and ticket.created_at <= post.until
        for post in led_before(member)
    ):
        return True
    unclear = ticket.about_unclear
    return unclear is not None and (member.role is Role.AGENT or member.id in unclear)


def has_conflict(ticket: Ticket) -> bool:
    """Whether a conflict of interest keeps, or may keep, anybody from the ticket."""
    return bool(ticket.about or ticket.kept_from) or ticket.about_unclear is not None


def may_act(member: Member, ticket: Ticket) -> bool:
    """Whether a member of staff may act on a ticket. They must be able to see it.

    An agent may act on their own tickets, a supervisor on those of the team, a manager on all. A
    resolved ticket keeps its assignee, so the same agent makes the callback. A mention gives no
    right to act, also not to the supervisor of another team. A machine has no such right: its
    scopes name the changes that it may make (`may_make`).
    """
    if isinstance(member, Machine):
        return False
    if member.role is Role.AGENT and ticket.assignee != member.id:
        return False
    return may_see(member, ticket) and _leads_or_shares(member, ticket)


def may_make(member: Member, ticket: Ticket, act: str) -> bool:
    """Whether a member of staff may make a change (of ACTIONS) on a ticket, whatever its state.

    Everybody who may see the ticket may add a note, except for a machine without this scope. Who
    has resolved it may also write its post-mortem, if another agent has it now.
    """
    if isinstance(member, Machine):
        return act in member.acts and may_see(member, ticket)
    if act == "note":
        return may_see(member, ticket)
    return may_act(member, ticket) or (
        act == "write_post_mortem"
        and ticket.resolution is not None
        and ticket.resolution.by == member.id
        and may_see(member, ticket)
        and _leads_or_shares(member, ticket)
    )


ACTIONS: Mapping[str, tuple[Step, ...]] = {
    "reply": (Step.REPLY, Step.REPLY_AND_WAIT),
    "note": (Step.NOTE,),
    "tell_progress": (Step.TELL_PROGRESS,),
    "resolve": (Step.RESOLVE,),
    "record_callback": (Step.CONFIRM, Step.DISPUTE, Step.RECORD_NO_ANSWER),
    "reassign": (Step.REASSIGN, Step.HAND_OVER),
    "accept": (Step.ACCEPT,),
    "decline": (Step.DECLINE,),
    "reclassify": (Step.RECLASSIFY,),
    "correct_match": (Step.MATCH,),
    "set_tags": (Step.TAG,),
    "promise": (Step.PROMISE,),
    "set_participants": (Step.SET_PARTICIPANTS,),
    "set_about": (Step.SET_ABOUT,),
    "set_mentions": (Step.SET_MENTIONS,),
    "set_fields": (Step.SET_FIELDS,),
    "remind": (Step.REMIND,),
    "open_task": (Step.OPEN_TASK,),
    "propose_remedy": (Step.PROPOSE_REMEDY,),
    "approve_remedy": (Step.APPROVE_REMEDY,),
    "refuse_remedy": (Step.REFUSE_REMEDY,),
    "withdraw_remedy": (Step.WITHDRAW_REMEDY,),
    "finish_remedy": (Step.FINISH_REMEDY,),
    "write_post_mortem": (Step.WRITE_POST_MORTEM,),
    "link": (Step.LINK,),
    "accept_item": (Step.ACCEPT_ITEM,),
    "reject_item": (Step.REJECT_ITEM,),
    "finish_step": (Step.FINISH_STEP,),
    "tell_obstacle": (Step.TELL_OBSTACLE,),
    "merge_ticket": (Step.MERGE,),
    "unmerge_ticket": (Step.UNMERGE, Step.UNMERGE_UNANSWERED, Step.UNMERGE_WAITING),
    "split_ticket": (Step.SPLIT,),
    "unsplit_ticket": (Step.UNSPLIT,),
    # These two are possible whether there is one or not: that says something of the other ticket,
    # which the member may not see.
    "unlink": (Step.UNLINK,),
    "dismiss_duplicate": (Step.DISMISS_DUPLICATE,),
    "join_incident": (Step.JOIN_INCIDENT,),
    "leave_incident": (Step.LEAVE_INCIDENT,),
    "accept_mail": (Step.WRITE,),
    "count_message": (Step.COUNT_MESSAGE,),
    "hold": (Step.HOLD,),
    "release": (Step.RELEASE,),
    "correct": (Step.CORRECT, Step.RECORD_EARLIER_ANSWER),
    "move_to_plan": (Step.CHANGE_PLAN,),
}
"""The changes of the staff API by the names of their operations, with the steps of each. Which of
the steps a change is depends on its content."""

LEADERS_ONLY = (
    "correct",
    "move_to_plan",
    "set_mentions",
    "remind",
    "approve_remedy",
    "refuse_remedy",
)
"""The changes that only supervisors and managers make."""

_DECIDING = ("approve_remedy", "refuse_remedy")

ITS_AGENT_ONLY = ("accept", "decline")
"""The changes that only the agent of the ticket makes."""


def can(member: Member, ticket: Ticket) -> list[str]:
    """The changes (of ACTIONS) that a member of staff may make on a ticket in its present state.

    A change in the list can still be refused for its content or its version. A change that is not
    in it is refused in any case.
    """
    if not may_see(member, ticket):
        return []
    return sorted(
        name
        for name, steps in ACTIONS.items()
        if any(ticket.state in STEPS[step] for step in steps)
        and may_make(member, ticket, name)
        and (member.role is not Role.AGENT or name not in LEADERS_ONLY)
        and (name not in ITS_AGENT_ONLY or ticket.assignee == member.id)
        and (name != "reassign" or ticket.needs_agent or ticket.owes_work)
        and (name != "accept" or ticket.unaccepted_since is not None)
        and (name != "resolve" or not any(task.blocks for task in ticket.tasks))
        and (name not in checklist.POSSIBLE or checklist.can(ticket.checklist, name))
        and (name != "resolve" or not any(one.is_undecided for one in ticket.remedies))
        and (name not in _DECIDING or any(one.is_undecided for one in ticket.remedies))
        and (name != "withdraw_remedy" or ticket.has_open_remedy)
        and (name != "finish_remedy" or any(one.is_owed for one in ticket.remedies))
        and (name != "write_post_mortem" or ticket.post_mortem is not None)
        and (name != "release" or ticket.on_hold is not None)
        and (name != "set_mentions" or ticket.mentioned)
        and (name != "unmerge_ticket" or ticket.closure == MERGED)
        and (
            name != "unsplit_ticket" or any(one.kind is LinkKind.SPLIT_INTO for one in ticket.links)
        )
        and (name != "join_incident" or ticket.incident is None)
        and (name != "leave_incident" or ticket.incident is not None)
        and (name != "remind" or ticket.assignee not in (None, member.id))
    )
