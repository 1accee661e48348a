"""A sweep of a quiet stack reads little, and leaves nothing out for longer than fifteen minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import ModuleType
from typing import Any

import botocore.client
import pytest
from botocore.exceptions import ClientError

from redress.base.observe import Failed
from redress.base.people import Member
from redress.files.cases.watching import HeldFilesWatch
from redress.files.messages import LookForUploads
from redress.staff.rules.availability import Presence
from redress.wiring import repair as wiring
from redress.wiring import stores as wired_stores
from redress.workflow.cases.follower import FollowerCase
from redress.workflow.cases.repair import RepairCase
from tests.builders import Clock
from tests.wired import set_environment
from tests.world import Context, Opener, Stores, aws, create_idle_machine

EVERY = timedelta(minutes=5)
SMALL = 0.5
"""Read units of a query that finds nothing (Amazon DynamoDB Developer Guide, read consistency)."""


@dataclass
class Sweeps:
    """Sweeps of a stack, every five minutes, and the reads of the last one."""

    repair: ModuleType
    clock: Clock
    queries: list[dict[str, Any]] = field(default_factory=list)

    def next(self, **event: Any) -> dict[str, Any]:
        self.clock.moment += EVERY
        self.queries.clear()
        done: dict[str, Any] = self.repair.handler({"task": "sweep"} | event, Context())
        return done

    @property
    def units(self) -> float:
        """The read units of the last sweep, if it found nothing."""
        return sum(2 * SMALL if one.get("ConsistentRead") else SMALL for one in self.queries)


@pytest.fixture
def sweeps(
    stores: Stores,
    staff: dict[str, Member],
    clock: Clock,
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> Sweeps:
    """Sweeps of a stack on which nobody is online, and the version before has left nothing."""
    for member in staff.values():
        stores.staff.set_presence(member, Presence.OFFLINE, clock.now())
        wired_stores.duty().forget(stores.staff.availability(member.id))
    mails = aws("sqs").create_queue(QueueName="mails")["QueueUrl"]
    set_environment(monkeypatch, MAIL_QUEUE_URL=mails, CHECKER_FUNCTION="checker")
    create_idle_machine("redress-ticket")
    monkeypatch.setattr(FollowerCase, "drain", lambda self, teams: None)
    monkeypatch.setattr(wiring, "held_files", lambda: None)
    monkeypatch.setattr(wiring, "watch", _Nothing)
    for job in (wiring.catch_up(), wiring.members_catch_up()):
        monkeypatch.setattr(job, "run", lambda seconds_left: None)
    found = Sweeps(load_function("repair"), clock)
    client: Any = botocore.client.BaseClient
    call = client._make_api_call

    def counted(self: Any, operation: str, given: dict[str, Any]) -> Any:
        if operation in ("Query", "GetItem", "BatchGetItem", "Scan"):
            found.queries.append(given)
        return call(self, operation, given)

    monkeypatch.setattr(client, "_make_api_call", counted)
    return found


class _Nothing:
    def readers_off(self) -> dict[str, str]:
        return {}

    def dead_letters(self) -> dict[str, int]:
        return {}


def test_quiet_stack_is_swept_completely_once_in_three_times(sweeps: Sweeps) -> None:
    assert [sweeps.next() for _ in range(7)] == [{"drained": 0}, {}, {}] * 2 + [{"drained": 0}]


def test_sweep_of_a_quiet_stack_reads_half_as_much_as_a_complete_one(sweeps: Sweeps) -> None:
    sweeps.next()
    complete = sweeps.units
    sweeps.next()
    assert sweeps.units == 10 * SMALL, "presence, awake tickets, open incidents, new tickets"
    assert sweeps.units <= complete / 2


def test_every_sweep_is_complete_while_somebody_is_online(sweeps: Sweeps, stores: Stores) -> None:
    stores.staff.set_presence(stores.staff.member("a-mei"), Presence.AVAILABLE, sweeps.clock.now())
    assert [sweeps.next() for _ in range(2)] == [{"watched": 1, "drained": 0}] * 2


def test_every_sweep_is_complete_for_a_day_after_a_ticket_was_opened(
    sweeps: Sweeps, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RepairCase, "sweep", lambda self: {})  # as if its workflow slept
    sweeps.next()
    open_ticket()
    assert [sweeps.next() for _ in range(4)] == [{"opened": 1, "drained": 1}] * 4
    sweeps.clock.advance(hours=24)
    assert [sweeps.next() for _ in range(3)] == [{"drained": 1}, {}, {}]


def test_sweep_that_had_to_repair_a_workflow_is_complete(
    sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps.next()
    monkeypatch.setattr(RepairCase, "sweep", lambda self: {"asleep": 1})
    assert sweeps.next() == {"asleep": 1, "drained": 0}


@pytest.mark.parametrize("phase", [0, 5, 10])
def test_quiet_stack_asks_for_files_and_uploads_as_often_as_any_other(
    sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch, phase: int
) -> None:
    """Complete sweeps may fall on any minutes of the hour."""
    sweeps.clock.advance(minutes=phase)
    since, asked = sweeps.clock.now(), list[Any]()
    held = [(since, "R-7K3M9-QW0X2", "9f86d081884c7d65")]
    files = HeldFilesWatch(lambda until, most: held, asked.append, sweeps.clock.now)
    monkeypatch.setattr(wiring, "held_files", lambda: files)
    found = [sweeps.next() for _ in range(36)]
    of_file = [n for n, one in enumerate(found, 1) if "files_asked" in one]
    assert [n * 5 // 10 for n in of_file][:5] == [1, 2, 4, 6, 12], "10, 20, 40 minutes, then hourly"
    assert sum(isinstance(one, LookForUploads) for one in asked) == 3
    assert sum("drained" in one for one in found) == 12


def test_sweep_after_one_that_found_something_to_do_goes_on_with_it(
    sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part of a sweep stops after some seconds or pages, and the rest must not wait."""
    sweeps.next()
    left = [{"calls_late": 2}, {"calls_late": 1}, {}]
    monkeypatch.setattr(sweeps.repair, "_watch_calls", lambda context: left.pop(0))
    found = [sweeps.next() for _ in range(6)]
    assert [one.get("calls_late") for one in found] == [None, None, 2, 1, None, None]
    assert ["drained" in one for one in found] == [False, False, True, True, True, False]


def test_person_can_call_for_a_complete_sweep_of_a_quiet_stack(sweeps: Sweeps) -> None:
    sweeps.next()
    assert sweeps.next() == {}
    assert sweeps.next(all=True) == {"drained": 0}


def test_new_process_sweeps_completely_because_it_does_not_know_when_that_was_done(
    sweeps: Sweeps,
) -> None:
    sweeps.next()
    wiring.complete_sweeps.cache_clear()
    assert sweeps.next() == {"drained": 0}


def test_sweep_after_one_that_failed_is_complete(
    sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Any:
        raise ClientError({"Error": {"Code": "ValidationException"}}, "Query")

    with monkeypatch.context() as fault:
        fault.setattr(wiring, "held_mail", broken)
        with pytest.raises(Failed):
            sweeps.next()
    assert sweeps.next() == {"drained": 0}
    assert sweeps.next() == {}
