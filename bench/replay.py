"""`python -m bench.replay`: decides assignments again, from the states in which they were decided.

Standard input is a JSON list of `State`. It prints a JSON list with the agent of each, or null.
Another process with another seed of hashes must print the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import msgspec

from bench.daybook import Assignment, candidates
from local.process import ROOT
from redress.staff.rules.availability import Availability
from redress.tickets.store import items


class State(msgspec.Struct, frozen=True):
    """A ticket, as the document of its snapshot, and the availability of all agents."""

    ticket: str
    availabilities: tuple[Availability, ...]


def decide(state: State) -> str | None:
    """The agent who gets the ticket; None if nobody can take it."""
    fitting = candidates(items.ticket_of(state.ticket), state.availabilities)
    return fitting[0].agent if fitting else None


def states_of(found: Sequence[Assignment]) -> list[State]:
    return [State(items.snapshot_doc(one.ticket), one.availabilities) for one in found]


def replayed(states: Sequence[State], seed: int) -> list[str | None]:
    """The decisions of another process, whose hashes have this seed (PYTHONHASHSEED)."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.replay"],
        input=msgspec.json.encode(states),
        capture_output=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": str(seed)},
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=list[str | None])


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=list[State])
    sys.stdout.buffer.write(msgspec.json.encode([decide(state) for state in given]))
