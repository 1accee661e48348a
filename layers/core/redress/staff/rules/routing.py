"""Routing: which of the agents who were read gets a ticket.

The present agents of a team form a ring, and are read in pages. The ticket decides at which place
of the ring the first page begins (`start_of`). The first page that has an agent who may get the
ticket (`eligibility.reasons`) decides. Of these agents, the one whose last new ticket is longest
ago gets it. There are two exceptions. The agent who resolved a reopened ticket is asked first. The
agent from whom the ticket was taken is asked last.
The same ticket, the same agents and the same time always give the same decision.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redress.staff.rules.availability import Availability
from redress.staff.rules.eligibility import Need, WhyNot, reasons
from redress.tickets.rules.ticket import Ticket

PAGE = 20
"""How many agents are read at a time, and of how many a decision says why not they."""
MOST_READ = 100
"""The most agents that one attempt reads. A team with no more is always read whole."""
ATTEMPT_S = 300
"""An attempt that finds nobody begins elsewhere in the ring after this time."""

KNEW = "knew the ticket"
LONGEST = "longest without"


@dataclass(frozen=True, slots=True)
class Page:
    """Some present agents, and whether there are more than those that were read so far."""

    agents: Sequence[Availability]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Who gets a ticket and why, and why not others. `agent` is None if nobody can have it.

    `read` is the number of agents that were read, and `others` says that there are more. `why_not`
    has a reason for each of the first PAGE of them. `last` is when the chosen agent got their last
    new ticket. `reserves` says that reserve staff could have got it. `full` are those who can get
    no ticket at all.
    """

    need: Need
    agent: str | None
    why: str = ""
    read: int = 0
    others: bool = False
    why_not: tuple[tuple[str, WhyNot], ...] = ()
    last: str = ""
    reserves: bool = False
    full: tuple[Availability, ...] = ()

    def data(self, *, in_turn: bool = False) -> dict[str, Any]:
        """The decision as the event has it. Agents are listed by the reason why not.

        With `in_turn` it has `last`, on which the assignment then depends: if the agent has got
        another ticket meanwhile, it was not their turn.
        """
        given: dict[str, Any] = {"step": self.need.step, "read": self.read}
        if self.need.rule:
            given["rule"] = self.need.rule
        if self.others:
            given["others"] = True
        listed: dict[str, list[str]] = {}
        for agent, why in self.why_not:
            listed.setdefault(why.value, []).append(agent)
        if listed:
            given["not"] = listed
        if in_turn and self.last:
            given["last"] = self.last
        return given


def start_of(ticket: Ticket, at: datetime) -> str:
    """The place in the ring at which agents are read for a ticket, as 16 hexadecimal digits."""
    attempt = int(at.timestamp()) // ATTEMPT_S if ticket.placing is not None else 0
    named = f"{ticket.number}#{ticket.version}#{attempt}"
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def place_of(agent: str) -> str:
    """The place of an agent in the ring of their team, as 16 hexadecimal digits."""
    return hashlib.sha256(agent.encode()).hexdigest()[:16]


def decide(
    ticket: Ticket,
    need: Need,
    preferred: Availability | None,
    pages: Iterable[Page],
    at: datetime,
    but: Iterable[str] = (),
) -> Decision:
    """Decide which agent gets a ticket.

    `pages` is an iterator that reads agents from the table. No page is read after the one that
    decides. `preferred` is the agent who resolved the ticket before it was reopened. `but` has the
    ids of agents who were chosen before, and whose transaction failed.
    """
    refused, seen = frozenset(but), dict[str, WhyNot | None]()
    reserves, full, others = False, list[Availability](), False
    avoided: Availability | None = None

    def may(found: Availability) -> bool:
        nonlocal reserves
        why = reasons(ticket, need, found, at)
        if not why and found.agent in refused:
            why = (WhyNot.FULL,)
        seen[found.agent] = why[0] if why else None
        reserves = reserves or why == (WhyNot.RESERVE,)
        if found.load >= found.capacity:
            full.append(found)
        return not why

    def decided(chosen: Availability | None, why: str) -> Decision:
        listed = [
            (agent, reason or WhyNot.TURN)
            for agent, reason in seen.items()
            if chosen is None or agent != chosen.agent
        ]
        return Decision(
            need,
            chosen.agent if chosen is not None else None,
            why,
            len(seen),
            others,
            tuple(listed[:PAGE]),
            chosen.last_assigned if chosen is not None else "",
            reserves,
            tuple(full),
        )

    if preferred is not None and may(preferred):
        return decided(preferred, KNEW)
    for page in pages:
        others = page.more
        fitting = [one for one in page.agents if one.agent not in seen and may(one)]
        if turn := [one for one in fitting if one.agent != ticket.avoid]:
            return decided(min(turn, key=_turn), LONGEST)
        avoided = avoided or next(iter(fitting), None)
    return decided(avoided, LONGEST if avoided is not None else "")


def _turn(found: Availability) -> tuple[str, str]:
    """The order of agents: the last new ticket longest ago, then the id."""
    return found.last_assigned, found.agent
