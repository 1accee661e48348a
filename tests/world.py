"""The functions, tickets and table that the tests of the product's functions share.

The functions run in the test process. They are loaded from their folders, as Lambda loads them, and
moto simulates AWS.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import replace
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import ModuleType
from typing import Any

import boto3
import pytest

from local.template import table_definition
from redress.base.people import Actor, Member, Role
from redress.customers.store import CustomerStore
from redress.db import keys
from redress.db.encoding import encode
from redress.db.rows import Models
from redress.plans.store.plan_store import PlanStore
from redress.plans.store.plans import Plans
from redress.staff.rules.availability import Availability, Presence
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change
from redress.tickets.rules.fold import fold
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.steps import by_call, by_system, merging, opening, splitting
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import EventType, Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.mail_records import MailRecordStore
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.timers import TimerStore
from redress.wiring.transaction import ALSO_WRITTEN
from tests.answers import DOCUMENT_OF, DOCUMENTS, checked
from tests.builders import MEI, ROOT, Clock, a_call, submission
from tests.wired import ACCOUNT, REGION, TABLE

MACHINE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/machine"


KEEP_SESSION: Any = {"core": {"reset_boto3_session": False}}
"""For `mock_aws`. Without it each test reads botocore's models again, which takes 0.3 s or more."""


@cache
def aws(service: str) -> Any:
    """A client of moto. It is created once, because that takes longer than most tests."""
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


@cache
def table_as_deployed() -> dict[str, Any]:
    """The parameters of CreateTable for the template's table, under the name TABLE."""
    return table_definition(TABLE)


def create_idle_machine(name: str) -> None:
    """Create a state machine in moto that can be started and does nothing."""
    aws("stepfunctions").create_state_machine(
        name=name,
        definition='{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}',
        roleArn=MACHINE_ROLE,
    )


# ------------------------------------------------------------------------------ the functions


@dataclass
class Context:
    """The part of Lambda's context that the logger and the metrics read."""

    function_name: str = "redress-function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:redress-function"
    aws_request_id: str = "5f0e3a52-8f3c-4c43-9d0f-0c8a3d1b7e11"
    seconds_left: int = 900

    def get_remaining_time_in_millis(self) -> int:
        return self.seconds_left * 1000


@cache
def load(function: str) -> ModuleType:
    """Import `functions/{function}/app.py` with its folder on the path, as Lambda does.

    The other modules of the folder are removed from `sys.modules` afterwards, because two functions
    may use the same name. Each answer of a function that serves the API is checked against its
    OpenAPI document.
    """
    folder = ROOT / "functions" / function
    spec = importlib.util.spec_from_file_location(f"{function}_app", folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(f"{folder}{os.sep}"):
                del sys.modules[name]
    if names := DOCUMENT_OF.get(function):
        documents = [DOCUMENTS[name] for name in names]
        module.handler = checked(module.handler, *documents)  # type: ignore[attr-defined]
    return module


def read_sample(name: str) -> dict[str, Any]:
    """The sample event `events/{name}.json`, read anew each time so that a test may change it."""
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event


@contextmanager
def logged_by(function: ModuleType) -> Iterator[io.StringIO]:
    """The log of a function in this block. Otherwise it goes to the stream of import time."""
    handler = function.logger.registered_handler
    written = io.StringIO()
    # Not by `setStream`, which flushes the stream of before: a test that captured the output of the
    # import has closed it.
    before, handler.stream = handler.stream, written
    try:
        yield written
    finally:
        handler.stream = before


# ------------------------------------------------------------------------------ tickets


class Staff(StaffStore):
    """The store of the staff, with short ways to members that a test needs."""

    def record(self, member: Member, presence: Presence, now: datetime) -> Availability:
        """Store a member as an earlier version did, or over any item, and their presence."""
        row = self._models.member(keys.STAFF, keys.agent_pk(member.id), doc=encode(member))
        if member.managed:
            row.revision = member.revision
            row.owner_pk, row.owner_sk = keys.members_pk(member.team), member.id
        row.save()
        return self.set_presence(member, presence, now)

    def depart(self, member: Member, now: datetime) -> None:
        """Store that a member has left, and make them away."""
        self.record(replace(member, left=True), Presence.AWAY, now)


@dataclass
class Stores:
    """The stores over the test's table. Tests prepare and check items with them."""

    tickets: TicketStore
    lists: TicketLists
    timers: TimerStore
    mail_records: MailRecordStore
    changes: TicketChanges
    staff: Staff
    plan_store: PlanStore
    plans: Plans

    @staticmethod
    def parts(models: Models, now: Callable[[], datetime]) -> dict[str, Any]:
        """The stores over these models, by the names of the fields."""
        customers, plan_store = CustomerStore(models), PlanStore(models)
        tickets = TicketStore(models, ALSO_WRITTEN, customers.is_one)
        plans = Plans(plan_store, now)
        return {
            "tickets": tickets,
            "lists": TicketLists(models),
            "timers": TimerStore(models),
            "mail_records": MailRecordStore(models),
            "changes": TicketChanges(tickets, plans, now),
            "staff": Staff(models),
            "plan_store": plan_store,
            "plans": plans,
        }


@dataclass
class Opener:
    """Opens tickets as intake does, and assigns them as the assigner does."""

    stores: Stores
    clock: Clock
    opened: list[str] = field(default_factory=list)

    def __call__(
        self,
        kind: str = "complaint",
        agent: str | None = None,
        mail: dict[str, Any] | None = None,
        *,
        offered: bool = False,
        **fields: Any,
    ) -> Ticket:
        """Open a ticket of this kind. `fields` change the submission (contact, language, ...).

        `mail` describes the mail with which it came. With `offered`, the agent has not accepted it.
        """
        plan = self.stores.plans.current()
        change = opening.open_ticket(
            submission(kind, **fields), new_number(), plan, self.clock.now(), mail
        )
        self.stores.tickets.open(change, change.after.created_at)
        ticket = change.after
        if agent is not None:
            given = by_system.assign(
                ticket, plan, agent, "for a test", self.clock.now(), offered=offered
            )
            self.stores.tickets.commit(given, self.clock.now())
            ticket = given.after
        self.opened.append(ticket.number)
        return ticket


@dataclass(frozen=True)
class Act:
    """Takes one step with a ticket and stores it: `act(ticket, by_staff.reply, MEI, ...)`."""

    changes: TicketChanges

    def __call__(self, ticket: Ticket, step: Callable[..., Change | None], *given: Any) -> Ticket:
        """Call `step` with the ticket, its plan, `given` and the time. Returns the new ticket."""
        return self.changes.change(
            ticket.number, lambda found, plan, at: step(found, plan, *given, at)
        )


RECORDING = "s3://calls/2026/11/23/c-1.wav"


def called(stores: Stores, ticket: Ticket, recording: str | None = RECORDING) -> int:
    """Adds the record of a call to the ticket. Returns the number of its event."""
    by = Actor(Role.MACHINE, "hotline")
    changed = stores.changes.change(
        ticket.number,
        lambda t, p, at: by_call.record(t, p, a_call(at, recording=recording), by.id, by, at, []),
    )
    return changed.version


def merge(stores: Stores, source: str, target: str, customer: str = "li-na") -> None:
    """Match both tickets with one customer, and merge the first one into the second one."""
    for number in (source, target):
        stores.changes.change(number, lambda t, p, at: match(t, p, customer, "email", at))
    sides = [
        merging.Merger(ticket, stores.plans.get(ticket.plan_version), now, customer, {})
        for ticket in map(stores.tickets.get, (source, target))
        if (now := stores.changes.moment(ticket))
    ]
    ended, taken = merging.merge(sides[0], sides[1], MEI, "one kettle")
    stores.tickets.commit(ended, sides[0].at, None, [(taken, sides[1].at)])


def unmerge(stores: Stores, source: str, target: str) -> None:
    """Undo the merge of the first ticket into the second one."""
    sides = []
    for number in (source, target):
        ticket, history = stores.tickets.get(number), stores.tickets.history(number)
        plan = stores.plans.get(ticket.plan_version)
        [merged] = [event for event in history if event.type is EventType.MERGED]
        before = fold(history[: merged.number - 1], plan)
        at, since = stores.changes.moment(ticket), history[merged.number :]
        earlier = history[: merged.number - 1]
        sides.append(merging.Undone(ticket, plan, at, before, merged, since, earlier))
    goes_on, given_back = merging.unmerge(sides[0], sides[1], MEI, "another kettle")
    stores.tickets.commit(goes_on, sides[0].at, None, [(given_back, sides[1].at)])


def unmerge_at_a_read(patch: pytest.MonkeyPatch, stores: Stores, source: str, target: str) -> None:
    """Undo the merge just before the next read of the target."""
    read = TicketStore.get

    def get(self: TicketStore, number: str) -> Ticket:
        if number == target:
            patch.setattr(TicketStore, "get", read)
            unmerge(stores, source, target)
        return read(self, number)

    patch.setattr(TicketStore, "get", get)


def split(
    stores: Stores, number: str, *events: int, kind: str = "complaint", merged: str = ""
) -> str:
    """Split these messages off a ticket. Return the number of the new one.

    `merged` is the ticket in which they were written, if it was merged into this one.
    """
    ticket, history = stores.tickets.get(number), stores.tickets.history(number)
    plan, at = stores.plans.get(ticket.plan_version), stores.changes.moment(ticket)
    taken = None
    if merged:
        source, read = stores.tickets.get(merged), stores.tickets.history(merged)
        [into] = [event for event in read if event.type is EventType.MERGED]
        [took_in] = [event for event in history if event.type is EventType.MERGED]
        before = fold(read[: into.number - 1], plan)
        now = stores.changes.moment(source)
        goes_on = stores.tickets.goes_on(source, ticket)
        taken = splitting.Taken(source, plan, now, read, before, took_in, goes_on)
    origin = splitting.Origin(ticket, plan, at, history, taken)
    matter = splitting.NewMatter(events, "The invoice", kind, None, "another matter")
    messages = splitting.chosen(origin, matter, plan)
    lost, *others = splitting.split(origin, matter, messages, new_number(), plan, MEI, at)
    stores.tickets.commit(lost, at, None, [(one, at) for one in others])
    return others[0].after.number


def unsplit(stores: Stores, number: str, new: str) -> None:
    """Undo the split of messages into the ticket `new`."""
    sides = []
    for one, kind in ((number, EventType.SPLIT), (new, EventType.OPENED)):
        ticket, history = stores.tickets.get(one), stores.tickets.history(one)
        plan, at = stores.plans.get(ticket.plan_version), stores.changes.moment(ticket)
        [event] = [event for event in history if event.type is kind]
        before = fold(history[: event.number - 1], plan) if event.number > 1 else None
        since = history[event.number :]
        sides.append(splitting.Undone(ticket, plan, at, event, since, before, ticket.customer))
    back, ended, *_ = splitting.unsplit(sides[0], sides[1], MEI, "the same matter")
    stores.tickets.commit(back, sides[0].at, None, [(ended, sides[1].at)])
