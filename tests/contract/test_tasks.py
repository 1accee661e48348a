"""Tasks of departments on every engine: the lists, and races between a task and a resolution."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from redress.base.errors import NotAllowedNow, TasksOpen
from redress.db import keys
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_departments, by_staff
from redress.tickets.rules.steps.by_departments import NewTask
from redress.tickets.rules.ticket import EventType, State
from redress.tickets.store.tasks import TaskLists
from redress.tickets.store.transaction import Raced
from tests.builders import MEI, TAO, Life
from tests.contract.conftest import Shop


def opening(life: Life, *, required: bool = True) -> Change:
    new = NewTask("service", "A spare seal?", "Is there one?", required)
    return by_departments.open_task(life.ticket, life.plan, MEI, new, life.clock.now())


def numbers(found: list[object]) -> list[tuple[str, str]]:
    return [(one.number, one.task) for one in found]  # type: ignore[attr-defined]


def test_lists_of_tasks_follow_owner_due_time_and_end(shop: Shop) -> None:
    lists = TaskLists(shop.models)
    late, soon = (shop.open(contact={"name": "Li Na", "phone": "13800138000"}) for _ in range(2))
    now = shop.clock.moment
    shop.commit(late.open_task(due=now + timedelta(hours=5)))
    shop.commit(soon.open_task(due=now + timedelta(hours=2)))
    both = [(soon.ticket.number, "1"), (late.ticket.number, "1")]
    assert numbers([*lists.queued("service", None, 25)]) == both
    assert numbers([*lists.of_team("service", None, 25)]) == both
    [first] = lists.of_team("service", None, 1)
    assert numbers([*lists.of_team("service", first.key, 25)]) == both[1:]
    shop.commit(soon.assign_task())
    assert numbers([*lists.of_member(TAO.id, None, 25)]) == both[:1]
    assert numbers([*lists.queued("service", None, 25)]) == both[1:]
    shop.commit(soon.finish_task())
    shop.commit(late.cancel_task())
    for found in (
        lists.of_member(TAO.id, None, 25),
        lists.queued("service", None, 25),
        lists.of_team("service", None, 25),
    ):
        assert found == []
    ended = shop.item(keys.ticket_pk(soon.ticket.number), keys.task_sk("1"))
    assert set(ended) == {"pk", "sk", "expires"}


def test_item_of_a_task_is_no_part_of_the_file_of_its_ticket(shop: Shop) -> None:
    life = shop.open()
    shop.commit(life.open_task())
    file = shop.tickets.file(life.ticket.number, with_viewers=True)
    assert (file.ticket, file.mails, file.attached) == (life.ticket, [], [])
    assert [event.type for event in file.history][-1] is EventType.TASK_OPENED


def test_of_a_task_and_a_resolution_at_once_one_wins_and_nothing_is_half_done(shop: Shop) -> None:
    """Both were decided on the same version. Whoever loses decides again, and is refused."""
    life = shop.open()
    task = opening(life)
    resolved = by_staff.resolve(
        life.ticket, life.plan, MEI, "Solved", "upheld", "new", "seal", life.clock.now()
    )
    shop.tickets.commit(task, shop.clock.now())
    with pytest.raises(Raced):
        shop.tickets.commit(resolved, shop.clock.now())
    assert shop.tickets.get(life.ticket.number) == task.after

    other = shop.open()
    task = opening(other)
    resolved = by_staff.resolve(
        other.ticket, other.plan, MEI, "Solved", "upheld", "new", "seal", other.clock.now()
    )
    shop.tickets.commit(resolved, shop.clock.now())
    with pytest.raises(Raced):
        shop.tickets.commit(task, shop.clock.now())
    assert shop.tickets.get(other.ticket.number).tasks == ()
    assert (keys.ticket_pk(other.ticket.number), keys.task_sk("1")) not in shop.items()


def test_task_and_resolution_from_two_threads_leave_one_of_them(amazons: Shop) -> None:
    life = amazons.open()
    number, ready = life.ticket.number, threading.Barrier(2)
    refused: list[str] = []

    def ask() -> None:
        ready.wait()
        try:
            new = NewTask("service", "A spare seal?", "Is there one?")
            amazons.changes.change(
                number, lambda t, p, at: by_departments.open_task(t, p, MEI, new, at)
            )
        except NotAllowedNow:
            refused.append("task")

    def solve() -> None:
        ready.wait()
        try:
            amazons.changes.change(
                number,
                lambda t, p, at: by_staff.resolve(t, p, MEI, "Solved", "upheld", "new", "seal", at),
            )
        except TasksOpen:
            refused.append("resolution")

    threads = [threading.Thread(target=ask), threading.Thread(target=solve)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ticket = amazons.tickets.get(number)
    if ticket.state is State.RESOLVED:
        assert (ticket.tasks, refused) == ((), ["task"])
    else:
        assert ([task.id for task in ticket.tasks], refused) == (["1"], ["resolution"])


def test_of_two_who_take_a_task_at_once_one_gets_it(shop: Shop) -> None:
    life = shop.open()
    shop.commit(life.open_task())
    second = Life(life.clock, life.plan, list(life.events), list(life.changes))
    shop.commit(life.assign_task())
    with pytest.raises(Raced):
        shop.commit(second.assign_task())
    assert shop.tickets.get(life.ticket.number).tasks[0].owner == TAO.id


def test_task_wakes_the_workflow_at_its_first_rung(shop: Shop) -> None:
    life = shop.open()
    due = shop.clock.moment + timedelta(minutes=4)
    shop.commit(life.open_task(due=due))
    assert shop.timers.get(life.ticket.number).next_wake == due - timedelta(minutes=2)
