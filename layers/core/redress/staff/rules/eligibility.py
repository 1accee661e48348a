"""Who may get a ticket. Every path of assignment asks this one function: `reasons`.

The router and a claim waive nothing beyond the steps of the plan that have acted. Whoever hands a
ticket to somebody else may waive a little, because a person has looked at it (`WAIVED`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from redress.base.people import Role
from redress.plans.rules.plan import Plan
from redress.plans.rules.routing import before_end_s
from redress.staff.rules.availability import Availability, Presence
from redress.tickets.rules.ticket import Ticket, classification_of, default_team

ALL_ATTENTION = 100
"""The attention of one agent, in per cent."""
LONGEST_BREAK = timedelta(hours=4)
"""A longer pause between two working intervals is the time between two shifts."""


class WhyNot(StrEnum):
    """Why an agent does not get a ticket. The values are stored with decisions."""

    ABOUT = "about"
    NOT_AGENT = "not_agent"
    TEAM = "team"
    PRESENCE = "presence"
    FULL = "full"
    IN_A_CALL = "in_a_call"
    LANGUAGE = "language"
    SKILL = "skill"
    LEVEL = "level"
    RESERVE = "reserve"
    DECLINED = "declined"
    OFF_SHIFT = "off_shift"
    SHIFT_END = "shift_end"
    IN_A_BREAK = "in_a_break"
    TURN = "turn"
    """They may get it, but it was another agent's turn. `reasons` never returns this."""


IN_WORDS: Mapping[WhyNot, str] = {
    WhyNot.ABOUT: "the complaint is, or may be, about them",
    WhyNot.NOT_AGENT: "they are not an agent, or may not work",
    WhyNot.TEAM: "they are in another team",
    WhyNot.PRESENCE: "they are not available",
    WhyNot.FULL: "they have as many tickets as they may have",
    WhyNot.IN_A_CALL: "their conversations leave no room for this one",
    WhyNot.LANGUAGE: "they do not speak the language",
    WhyNot.SKILL: "they do not have the skill",
    WhyNot.LEVEL: "their level of the skill is too low",
    WhyNot.RESERVE: "they are reserve staff",
    WhyNot.DECLINED: "they have declined it",
    WhyNot.OFF_SHIFT: "they are not on shift",
    WhyNot.SHIFT_END: "their shift or the time before their break ends soon",
    WhyNot.IN_A_BREAK: "they are in a break",
    WhyNot.TURN: "it was another agent's turn",
}

_TIMES = frozenset({WhyNot.OFF_SHIFT, WhyNot.SHIFT_END, WhyNot.IN_A_BREAK})
HANDING_OVER = _TIMES | {WhyNot.SKILL, WhyNot.LEVEL}
"""The reasons that do not stop an agent from handing a ticket to a colleague: they talked first."""
DECIDING = HANDING_OVER | {WhyNot.LANGUAGE, WhyNot.RESERVE, WhyNot.DECLINED}
"""The reasons that do not stop a leader from assigning a ticket. All other reasons stop everybody:
conflict of interest, no right to reply, another team, absence, no room."""


def waived_by(role: Role) -> frozenset[WhyNot]:
    """The reasons that do not stop a member with this role from giving a ticket to an agent."""
    return HANDING_OVER if role is Role.AGENT else DECIDING


class Need(Struct, frozen=True):
    """The requirements of a ticket: an agent who gets it must meet them.

    If `language` or `skill` is empty, there is no such requirement. `weight` is the share of the
    agent's attention that the conversation takes, in per cent. `reserve` says whether reserve staff
    may get the ticket. `before_end` is how long the agent's shift must still last. `rule` is the
    name of the rule of routing that the ticket matches, and `step` the number of steps of the plan
    that have lowered the requirements.
    """

    team: str
    language: str
    skill: str = ""
    level: int = 1
    reserve: bool = False
    weight: int = 0
    before_end: timedelta = timedelta(0)
    step: int = 0
    rule: str = ""


PASSING = frozenset(
    {
        WhyNot.PRESENCE,
        WhyNot.FULL,
        WhyNot.IN_A_CALL,
        WhyNot.RESERVE,
        WhyNot.SHIFT_END,
        WhyNot.IN_A_BREAK,
    }
)
"""Reasons that end by themselves while the agent is at work."""


def has_room(found: Availability) -> bool:
    """Whether an agent can get any ticket at all now."""
    room = found.load < found.capacity and found.live < ALL_ATTENTION
    return room and found.is_agent and found.presence is Presence.AVAILABLE


def may_yet(ticket: Ticket, plan: Plan, found: Availability, at: datetime) -> bool:
    """Whether an agent may get a ticket once all steps of the plan lower its requirements."""
    need = need_of(ticket, plan, at, in_the_end=True)
    return not reasons(ticket, need, found, at, PASSING)


def need_of(ticket: Ticket, plan: Plan, at: datetime, *, in_the_end: bool = False) -> Need:
    """The requirements of a ticket at `at`, lowered by the steps of the plan whose time has come.

    With `in_the_end`, all steps lower them.
    """
    rule = plan.routing_rule(classification_of(ticket))
    team, language, skill, level = ticket.team, ticket.language, rule.skill, rule.level
    if rule.team and not ticket.team_decided and team == default_team(ticket, plan):
        team = rule.team
    reserve, step = False, 0
    if ticket.placing is not None:
        acted = [one for one in ticket.placing.fired if one.startswith("relax.")]
        step = len(acted)
        steps = plan.placing_steps(ticket.placing.ladder)
        for relaxed in steps if in_the_end else steps[:step]:
            level = min(level, relaxed.get("level", level))
            skill = "" if "skill" in relaxed else skill
            language = "" if "language" in relaxed else language
            reserve = reserve or "reserve" in relaxed
    return Need(
        team,
        language,
        skill,
        level,
        reserve,
        plan.weight(ticket.channel) if ticket.is_live_at(at) else 0,
        timedelta(seconds=before_end_s(plan)),
        step,
        rule.name,
    )


def reasons(
    ticket: Ticket,
    need: Need,
    found: Availability,
    at: datetime,
    waived: Collection[WhyNot] = (),
) -> tuple[WhyNot, ...]:
    """Every reason why an agent may not get a ticket at `at`; () if they may."""
    level = found.skills.get(need.skill, 0) if need.skill else need.level
    given = {
        # While it is unclear whom it is about, it may be anybody.
        WhyNot.ABOUT: found.agent in ticket.about or ticket.about_unclear is not None,
        WhyNot.NOT_AGENT: not found.is_agent,
        WhyNot.TEAM: found.team != need.team,
        WhyNot.PRESENCE: found.presence is not Presence.AVAILABLE,
        WhyNot.FULL: found.load >= found.capacity,
        WhyNot.IN_A_CALL: found.live + max(need.weight, 1) > ALL_ATTENTION,
        WhyNot.LANGUAGE: bool(need.language) and need.language not in found.languages,
        WhyNot.SKILL: level == 0,
        WhyNot.LEVEL: 0 < level < need.level,
        WhyNot.RESERVE: found.reserve and not need.reserve,
        WhyNot.DECLINED: found.agent in ticket.declined_by,
    }
    said = [why for why, holds in given.items() if holds]
    if (when := _why_not_now(found, need, at)) is not None:
        said.append(when)
    return tuple(why for why in said if why not in waived)


def _why_not_now(found: Availability, need: Need, at: datetime) -> WhyNot | None:
    """Why an agent's shift leaves no time for new work; None if it does, or they have no shifts."""
    if found.working is None:
        return None
    spans = [
        (datetime.fromisoformat(one), datetime.fromisoformat(end)) for one, end in found.working
    ]
    for begin, end in spans:
        if begin <= at < end:
            return WhyNot.SHIFT_END if end - at <= need.before_end else None
    left = max((end for _, end in spans if end <= at), default=None)
    back = min((begin for begin, _ in spans if begin > at), default=None)
    if left is not None and back is not None and back - left <= LONGEST_BREAK:
        return WhyNot.IN_A_BREAK
    return WhyNot.OFF_SHIFT


def in_words(why: Collection[WhyNot]) -> str:
    """Reasons as one text for people."""
    return "; ".join(IN_WORDS[one] for one in why)
