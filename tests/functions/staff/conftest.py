"""Fixtures for tests of the staff API: its caller, its log, and the machines that it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from io import StringIO
from types import ModuleType
from typing import Any

import pytest

from redress.base.people import Member
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.tickets import TicketStore
from tests.builders import Clock
from tests.functions.staff.api import HELD_MAIL, STRANGER, Api
from tests.world import Context, Opener, Stores, create_idle_machine, logged_by


@pytest.fixture
def api(
    staff: dict[str, Member],
    load_function: Callable[[str], ModuleType],
    sample: Callable[[str], dict[str, Any]],
    context: Context,
) -> Api:
    return Api(load_function("staff"), sample, context)


@pytest.fixture
def logs(api: Api) -> Iterator[StringIO]:
    """The stream to which the function logs."""
    with logged_by(api.module) as written:
        yield written


@pytest.fixture
def scores_machine(table: str) -> None:
    """Creates idle state machines in moto for the requests that start one."""
    for name in ("redress-scores", "redress-rehearsal"):
        create_idle_machine(name)


@pytest.fixture
def noted(stores: Stores, open_ticket: Opener, clock: Clock) -> Callable[..., Ticket]:
    """Logs a mail on a ticket, by default that of a stranger, and returns the ticket after it."""

    def note(why: str = "stranger", sender: str = STRANGER, ticket: Ticket | None = None) -> Ticket:
        mail = {"id": HELD_MAIL, "key": "inbound/b", "ticket": "R-00000-00001"}

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change:
            return by_system.note_mail(ticket, plan, why, sender, "还是没有", at, mail)

        number = (ticket or open_ticket(agent="a-mei", offered=True)).number
        return stores.changes.change(number, decide)

    return note


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Runs a function once, between the next read of tickets and their write."""
    commit = TicketStore.commit

    def arrange(happens: Callable[[], Any]) -> None:
        def commit_afterwards(store: TicketStore, *given: Any) -> None:
            monkeypatch.setattr(TicketStore, "commit", commit)
            happens()
            commit(store, *given)

        monkeypatch.setattr(TicketStore, "commit", commit_afterwards)

    return arrange
