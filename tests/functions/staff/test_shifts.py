"""Import and read shift plans."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redress.db import keys
from redress.staff.cases.absence import AbsenceWatch
from redress.staff.duty.store import DutyStore
from redress.wiring import assigner as assigner_wiring
from redress.wiring import repair as repair_wiring
from redress.wiring import stores as wired_stores
from tests.builders import START, Clock
from tests.functions.staff.api import Api
from tests.world import Opener, Stores

HEAD = "agent,date,begin,end,zone,breaks,position"
DAY = "2026-11-23"
MEI = f"a-mei,{DAY},09:00,18:00,Asia/Shanghai,12:00-13:00,complaints"


@pytest.fixture(autouse=True)
def _listed(api: Api, stores: Stores) -> None:
    """Lists the members by team, as the sweep does once after an update."""
    stores.staff.listed()


def table(*lines: str) -> dict[str, str]:
    return {"csv": "\n".join((HEAD, *lines))}


def test_imported_shifts_are_listed_and_copied_for_routing(api: Api, stores: Stores) -> None:
    assert stores.staff.availability("a-mei").working is None
    found = api("shift-plan", "lin", body=table(MEI, "a-mei,2026-11-24,,,,,"))
    assert (found.status, found.body) == (200, {"agents": ["a-mei"], "days": 2})
    assert stores.staff.availability("a-mei").working == (
        ("2026-11-23T01:00:00.000+00:00", "2026-11-23T04:00:00.000+00:00"),
        ("2026-11-23T05:00:00.000+00:00", "2026-11-23T10:00:00.000+00:00"),
    )
    assert stores.staff.availability("a-jun").working is None
    [line] = api("shifts", "lin", date=DAY, query={}).body["items"]
    assert line == {
        "agent": "a-mei",
        "date": DAY,
        "begin": "09:00",
        "end": "18:00",
        "zone": "Asia/Shanghai",
        "breaks": [{"begin": "12:00", "end": "13:00"}],
        "position": "complaints",
    }
    assert api("shifts", "mei", date=DAY, query={}).body["items"] == [line]
    assert api("shifts", "jun", date=DAY, query={}).body["items"] == []
    assert api("shifts", "jun", date=DAY, query={"team": "service"}).status == 403


def test_presence_takes_over_the_shifts(api: Api, stores: Stores) -> None:
    api("shift-plan", "lin", body=table(MEI))
    row = stores.staff._models.availability(keys.agent_pk("a-mei"), keys.AVAILABILITY)
    row.update(actions=[stores.staff.working_action(None)])
    api("presence", "mei", body={"presence": "available"})
    assert len(stores.staff.availability("a-mei").working or ()) == 2


def test_table_with_a_fault_changes_nothing(api: Api, stores: Stores) -> None:
    found = api("shift-plan", "lin", body=table(MEI, f"a-nobody,{DAY},09:00,18:00,Moon,,"))
    assert (found.status, found.pointers) == (422, {"/csv"})
    details = [fault["detail"] for fault in found.body["errors"]]
    assert [detail.partition(":")[0] for detail in details] == ["line 3", "line 3"]
    assert stores.staff.availability("a-mei").working is None
    assert api("shifts", "lin", date=DAY, query={}).body["items"] == []


def test_import_replaces_only_the_days_that_it_names(api: Api) -> None:
    api("shift-plan", "lin", body=table(MEI, MEI.replace(DAY, "2026-11-24")))
    late = f"a-mei,{DAY},12:00,20:00,Asia/Shanghai,,"
    for _ in range(2):  # a repeated import changes nothing
        assert api("shift-plan", "lin", body=table(late)).status == 200
    items = api("shifts", "lin", date=DAY, query={}).body["items"]
    assert [(one["date"], one["begin"]) for one in items] == [
        (DAY, "12:00"),
        ("2026-11-24", "09:00"),
    ]


def test_import_that_overlaps_a_stored_shift_changes_nothing(api: Api) -> None:
    night = f"a-mei,{DAY},22:00,08:00,Asia/Shanghai,,"
    morning = "a-mei,2026-11-24,06:00,14:00,Asia/Shanghai,,"
    assert api("shift-plan", "lin", body=table(night)).status == 200
    found = api("shift-plan", "lin", body=table("a-jun,2026-11-24,,,,,", morning))
    assert found.status == 422
    [fault] = found.body["errors"]
    assert fault["code"] == "overlap"
    assert fault["detail"] == f"line 3: it overlaps the shift of this member that begins on {DAY}"
    items = api("shifts", "lin", date=DAY, query={}).body["items"]
    assert [one["date"] for one in items] == [DAY]
    shorter = night.replace("08:00", "06:00")
    assert api("shift-plan", "lin", body=table(shorter, morning)).status == 200


def test_import_sees_a_stored_night_shift_of_the_month_before(api: Api, clock: Clock) -> None:
    night = "a-mei,2026-11-30,22:00,08:00,Asia/Shanghai,,"
    assert api("shift-plan", "lin", body=table(night)).status == 200
    found = api("shift-plan", "lin", body=table("a-mei,2026-12-01,06:00,14:00,Asia/Shanghai,,"))
    assert [one["code"] for one in found.body["errors"]] == ["overlap"]


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2028-01-01"])
def test_weeks_for_which_nobody_plans_are_not_found(api: Api, day: str) -> None:
    assert api("shifts", "lin", date=day, query={}).status == 404


def test_import_of_the_next_month_leaves_the_last_days_of_this_one_to_work(
    api: Api, stores: Stores, open_ticket: Opener, clock: Clock
) -> None:
    """Story 5: nobody got work for three days, because the next month was planned."""
    clock.moment = datetime(2026, 11, 29, 1, 0, tzinfo=UTC)
    for name in ("mei", "jun"):
        api("presence", name, body={"presence": "available"})
    lines = (f"a-{name},2026-12-01,09:00,18:00,Asia/Shanghai,," for name in ("mei", "jun"))
    assert api("shift-plan", "lin", body=table(*lines)).status == 200
    number = open_ticket("complaint").number
    assigner_wiring.assignment().assign(number)
    assert stores.tickets.get(number).assignee in {"a-mei", "a-jun"}


def test_first_days_of_a_month_that_nobody_planned_are_left_to_work(
    api: Api, stores: Stores, open_ticket: Opener, clock: Clock
) -> None:
    clock.moment = datetime(2026, 11, 30, 1, 0, tzinfo=UTC)
    lines = (f"a-{name},2026-11-30,09:00,18:00,Asia/Shanghai,," for name in ("mei", "jun"))
    assert api("shift-plan", "lin", body=table(*lines)).status == 200
    clock.advance(days=1)
    for name in ("mei", "jun"):
        api("presence", name, body={"presence": "available"})
    number = open_ticket("complaint").number
    assigner_wiring.assignment().assign(number)
    assert stores.tickets.get(number).assignee in {"a-mei", "a-jun"}


@pytest.mark.parametrize("planned", [False, True])
def test_copy_of_shifts_that_lost_a_race_with_an_import_is_mended_by_the_sweep(
    api: Api, stores: Stores, clock: Clock, monkeypatch: pytest.MonkeyPatch, planned: bool
) -> None:
    """An import commits between the read and the write of a presence."""
    if planned:
        api("shift-plan", "lin", body=table(MEI.replace("09:00", "08:00")))
    read = DutyStore.near

    def late(self: DutyStore, agents: Iterable[str], at: datetime, zone: str) -> Any:
        found = read(self, agents, at, zone)
        monkeypatch.setattr(DutyStore, "near", read)
        assert api("shift-plan", "lin", body=table(MEI)).status == 200
        return found

    monkeypatch.setattr(DutyStore, "near", late)
    api("presence", "mei", body={"presence": "available"})
    before = stores.staff.availability("a-mei").working
    clock.advance(minutes=6)
    watch = repair_wiring.absences()
    watch.watch(watch.watched())
    after = stores.staff.availability("a-mei").working
    assert before != after
    assert after == tuple((b, e) for b, e in read_near(clock))
    clock.advance(hours=2)
    monkeypatch.setattr(DutyStore, "set_near", None)
    assert watch.watch(watch.watched()) == {}, "what is right is not written again"


def read_near(clock: Clock) -> Any:
    return wired_stores.duty().near(["a-mei"], clock.now(), "Asia/Shanghai")["a-mei"]


def test_work_that_can_wait_for_the_next_shift_stays_with_its_agent(
    api: Api, stores: Stores, open_ticket: Opener, clock: Clock
) -> None:
    """Her next shift begins in twelve minutes, before the reaction is due. Then it moves."""
    begin = START + timedelta(minutes=12)
    assert begin.isoformat() == "2026-11-23T01:12:00+00:00"
    ticket = open_ticket(agent="a-mei")
    api("shift-plan", "lin", body=table(MEI.replace("09:00", "09:20")))
    api("presence", "mei", body={"presence": "offline"})
    clock.advance(minutes=16)
    watch = AbsenceWatch(
        stores.staff,
        wired_stores.duty(),
        stores.lists,
        stores.changes,
        stores.plans,
        stores.tickets,
        clock.now,
    )
    assert watch.watch(watch.watched()) == {}
    assert stores.tickets.get(ticket.number).assignee == "a-mei"
    api("shift-plan", "lin", body=table(MEI.replace("09:00", "11:00")))
    clock.advance(minutes=6)
    assert watch.watch(watch.watched()) == {"released": 1}


def test_sample_event_is_a_table(api: Api) -> None:
    assert json.loads(api.event("shift-plan")["body"])["csv"].startswith(HEAD)
