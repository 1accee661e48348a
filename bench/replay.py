"""`python -m bench.replay`: decides assignments again, from the states in which they were decided.

Standard input is a `Given`. It prints a JSON list with a `Decided` for each state. Another process
with another seed of hashes must print the same.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from bench.daybook import Assignment
from local.process import ROOT
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.staff.rules import routing
from redress.staff.rules.availability import Availability, Presence
from redress.staff.rules.eligibility import need_of
from redress.staff.rules.routing import Page, place_of, start_of
from redress.tickets.store import items


class State(msgspec.Struct, frozen=True):
    """A ticket, as the document of its snapshot, the time, and the availability of all agents."""

    ticket: str
    at: datetime
    availabilities: tuple[Availability, ...]


class Given(msgspec.Struct, frozen=True):
    """The document of the plan, and the states."""

    plan: dict[str, Any]
    states: Sequence[State]


class Decided(msgspec.Struct, frozen=True):
    """The agent who gets a ticket, None if nobody can, and what the event says about it."""

    agent: str | None
    decision: dict[str, Any]


def decide(state: State, plan: Plan) -> Decided:
    """Decide as the router does, which reads the present agents of a team in pages."""
    ticket = items.ticket_of(state.ticket)
    need, start = need_of(ticket, plan, state.at), start_of(ticket, state.at)
    known = {one.agent: one for one in state.availabilities}
    ring = sorted(
        (
            one
            for one in known.values()
            if one.team == need.team and one.presence is Presence.AVAILABLE
        ),
        key=lambda one: place_of(one.agent),
    )
    if len(ring) > routing.PAGE:  # otherwise the place where the router begins does not matter
        ring.sort(key=lambda one: (place_of(one.agent) < start, place_of(one.agent)))
    parts = list(itertools.batched(ring[: routing.MOST_READ], routing.PAGE, strict=False))
    pages = [Page(part, more=number + 1 < len(parts)) for number, part in enumerate(parts)]
    preferred = known.get(ticket.preferred) if ticket.preferred is not None else None
    found = routing.decide(ticket, need, preferred, pages, state.at)
    return Decided(found.agent, found.data())


def states_of(found: Sequence[Assignment]) -> list[State]:
    return [State(items.snapshot_doc(one.ticket), one.at, one.availabilities) for one in found]


def replayed(plan: Mapping[str, Any], states: Sequence[State], seed: int) -> list[Decided]:
    """The decisions of another process, whose hashes have this seed (PYTHONHASHSEED)."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.replay"],
        input=msgspec.json.encode(Given(dict(plan), states)),
        capture_output=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": str(seed)},
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=list[Decided])


def main() -> None:
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=Given)
    plan = parse(given.plan)
    sys.stdout.buffer.write(msgspec.json.encode([decide(one, plan) for one in given.states]))


if __name__ == "__main__":
    main()
