"""The sweep mends tickets and members of the version before, after everything else."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from redress.base.errors import Unavailable
from redress.base.people import Member
from redress.db import keys
from redress.wiring import stores as wired
from redress.workflow.cases.catching_up import SETTLED_AFTER
from redress.workflow.cases.repair import RepairCase
from redress.workflow.store import CatchUpStore, MembersCatchUpStore
from tests.builders import Clock
from tests.wired import set_environment
from tests.world import Context, Opener, Stores, aws, create_idle_machine


@pytest.fixture
def sweep(
    load_function: Callable[[str], ModuleType],
    context: Context,
    staff: dict[str, Member],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], Any]:
    mails = aws("sqs").create_queue(QueueName="mails")["QueueUrl"]
    set_environment(monkeypatch, MAIL_QUEUE_URL=mails, CHECKER_FUNCTION="")
    create_idle_machine("redress-ticket")
    repair = load_function("repair")
    return lambda: repair.handler({"task": "sweep"}, context)


def test_sweeps_match_a_ticket_that_the_version_before_opened(
    sweep: Callable[[], Any], open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    number = open_ticket(agent="a-mei").number
    sweep()
    assert stores.tickets.get(number).customer is None
    clock.advance(seconds=SETTLED_AFTER.total_seconds())
    sweep()
    assert stores.tickets.get(number).customer is not None
    progress = CatchUpStore(wired.models()).progress()
    assert progress is not None
    assert progress.ended_at == clock.now()


def test_sweep_repairs_workflows_although_the_catch_up_fails(
    sweep: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: CatchUpStore) -> None:
        raise Unavailable()

    def sweeps(self: RepairCase) -> dict[str, int]:
        swept.append("swept")
        return {}

    swept = list[str]()
    monkeypatch.setattr(CatchUpStore, "progress", fails)
    monkeypatch.setattr(RepairCase, "sweep", sweeps)
    with pytest.raises(Unavailable):
        sweep()
    assert swept == ["swept"]


def test_sweeps_put_a_member_of_the_version_before_into_the_list_of_the_sweep(
    sweep: Callable[[], Any], staff: dict[str, Member], clock: Clock
) -> None:
    [agent] = [one for one in staff.values() if one.id == "a-mei"]
    model = wired.models().availability
    row = model.get(keys.agent_pk(agent.id), keys.AVAILABILITY)
    row.update([model.owner_pk.remove(), model.owner_sk.remove(), model.skills.remove()])
    sweep()
    clock.advance(seconds=SETTLED_AFTER.total_seconds())
    sweep()
    mended = model.get(keys.agent_pk(agent.id), keys.AVAILABILITY)
    assert (mended.owner_pk, mended.skills is not None) == (keys.PRESENCE, True)
    progress = MembersCatchUpStore(wired.models()).progress()
    assert progress is not None
    assert (progress.mended, progress.ended_at) == (1, clock.now())


def test_tickets_are_caught_up_although_members_cannot_be(
    sweep: Callable[[], Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: MembersCatchUpStore) -> None:
        raise Unavailable()

    monkeypatch.setattr(MembersCatchUpStore, "progress", fails)
    with pytest.raises(Unavailable):
        sweep()
    assert CatchUpStore(wired.models()).progress() is not None
