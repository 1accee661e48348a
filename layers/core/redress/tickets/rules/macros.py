"""Several changes of one ticket that are made as one, whole or not at all.

Each act is decided on the ticket as the act before has left it, by the same step and with the same
checks as if it were made alone. So a macro cannot do what its acts cannot do (story 13).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import replace
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from redress.base.errors import (
    AlreadyDone,
    Fault,
    Forbidden,
    IdentityNeeded,
    InvalidInput,
    MacroRefused,
    NotAllowedNow,
    RedressError,
    Unchanged,
)
from redress.base.people import Actor, Member
from redress.plans.rules.plan import Plan
from redress.tickets.rules import access
from redress.tickets.rules.change import Change, joined
from redress.tickets.rules.steps.table import STEPS
from redress.tickets.rules.ticket import State, Ticket


class ActStep(Protocol):
    """A step of `by_staff` with all arguments bound, apart from the ticket, the actor and time."""

    def __call__(
        self, ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime
    ) -> Change | None: ...


class Act(Struct, frozen=True):
    """One act: its name in `access.ACTIONS`, and the step that makes it."""

    name: str
    step: ActStep


_REFUSALS: tuple[tuple[type[RedressError], str], ...] = (
    (NotAllowedNow, "not_allowed_now"),
    (Forbidden, "forbidden"),
    (AlreadyDone, "already_done"),
    (IdentityNeeded, "identity_needed"),
)
"""The errors of an act that has right content -> the code of its fault."""


def whole(
    ticket: Ticket,
    plan: Plan,
    member: Member,
    acts: Sequence[Act],
    at: datetime,
    require_identity: Callable[[Ticket, Plan, str, datetime], None],
) -> Change:
    """Make all acts of a macro, in their order. Return them as one change.

    An act whose result is there already (the tag is set, the category is chosen) changes nothing
    and is left out. Raises Unchanged if that is so for every act. Raises MacroRefused with a fault
    for every act that is refused. The acts after a refused one are tried on the ticket without it.
    An act is not reported if it may be possible after the refused one: a hold after a refused
    reply, for example, because a new ticket can be put on hold only after a reply.
    """
    made: Change | None = None
    faults: list[Fault] = []
    elsewhere: set[State] = set()
    for index, act in enumerate(acts):
        now = made.after if made else ticket
        try:
            change = _made(now, plan, member, act, at, require_identity)
        except Unchanged:
            continue
        except (InvalidInput, NotAllowedNow, Forbidden, AlreadyDone, IdentityNeeded) as error:
            if not (isinstance(error, NotAllowedNow) and _after(act, elsewhere)):
                faults += _faults_of(index, error)
            elsewhere |= _after(act, {now.state, *elsewhere})
            continue
        made = joined(made, change)
        elsewhere = _after(act, elsewhere)
    if faults:
        raise MacroRefused(faults)
    if made is None:
        raise Unchanged([Fault("", "same_ticket", "the ticket is as the macro would leave it")])
    return made


def _made(
    ticket: Ticket,
    plan: Plan,
    member: Member,
    act: Act,
    at: datetime,
    require_identity: Callable[[Ticket, Plan, str, datetime], None],
) -> Change | None:
    if not access.may_make(member, ticket, act.name):
        raise Forbidden("after the acts before it, this ticket is not yours")
    change = act.step(ticket, plan, by=member.actor, at=at)
    if change is not None:
        require_identity(ticket, plan, act.name, at)
    return change


def _after(act: Act, states: Iterable[State]) -> set[State]:
    """The states to which an act can lead from these states, by the table of steps."""
    steps = [STEPS[step] for step in access.ACTIONS[act.name]]
    return {step[state] for step in steps for state in states if state in step}


def _faults_of(index: int, error: RedressError) -> list[Fault]:
    here = f"/acts/{index}"
    if isinstance(error, InvalidInput):
        return [Fault(here + one.pointer, one.code, one.detail) for one in error.faults]
    [code] = [code for kind, code in _REFUSALS if isinstance(error, kind)]
    return [Fault(here, code, str(error))]


def marked(change: Change, origin: Mapping[str, str]) -> Change:
    """Return the change with its origin in the data of each event: the `macro`, or the `bulk`."""
    events = tuple(replace(event, data=event.data | dict(origin)) for event in change.events)
    return replace(change, events=events)
