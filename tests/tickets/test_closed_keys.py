"""The index keys of closed tickets: month of closing in the plan's time zone, team, agent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from redress.db import keys
from redress.plans.rules.document import parse
from redress.tickets.rules.ticket import EventType
from redress.tickets.store import items
from tests.builders import JUN, LIN, MEI, NUMBER, START, Life, plan_document


def closing(life: Life) -> dict[str, str]:
    """The index keys in the item of the event CLOSED."""
    event = life.events[-1]
    assert event.type is EventType.CLOSED
    item = items.event_item(life.ticket, event, life.plan)
    return {name: str(value) for name, value in item.items() if name.endswith(("_pk", "_sk"))}


def closed_at(moment: datetime, zone: str) -> Life:
    plan = parse({**plan_document(), "time_zone": zone})
    life = Life(plan=plan).open().acknowledge().assign().reply()
    life.clock.moment = moment
    return life.withdraw()


@pytest.mark.parametrize(
    ("zone", "moment", "month"),
    [
        ("Asia/Shanghai", datetime(2026, 11, 30, 15, 59, 59, 999_000, UTC), "2026-11"),
        ("Asia/Shanghai", datetime(2026, 11, 30, 16, 0, tzinfo=UTC), "2026-12"),
        ("Asia/Shanghai", datetime(2026, 12, 31, 16, 0, tzinfo=UTC), "2027-01"),
        ("America/New_York", datetime(2027, 1, 1, 4, 59, 59, tzinfo=UTC), "2026-12"),
        ("America/New_York", datetime(2027, 1, 1, 5, 0, tzinfo=UTC), "2027-01"),
        # Summer time ended on 25 October, so the month ends with the hours of winter.
        ("Europe/London", datetime(2027, 10, 31, 23, 59, 59, tzinfo=UTC), "2027-10"),
        ("Europe/London", datetime(2027, 11, 1, 0, 0, tzinfo=UTC), "2027-11"),
        # Summer time began on 28 March, so April begins one hour earlier in UTC.
        ("Europe/London", datetime(2027, 3, 31, 22, 59, 59, tzinfo=UTC), "2027-03"),
        ("Europe/London", datetime(2027, 3, 31, 23, 0, tzinfo=UTC), "2027-04"),
    ],
)
def test_closed_ticket_is_listed_in_the_local_month_of_its_closing(
    zone: str, moment: datetime, month: str
) -> None:
    found = closing(closed_at(moment, zone))
    assert found["open_pk"] == keys.closed_pk("complaints", month, keys.shard(NUMBER))
    assert found["open_sk"] == found["owner_sk"] == keys.opened_sk(moment, NUMBER)


def test_closed_ticket_is_listed_under_the_agent_who_resolved_it() -> None:
    life = Life().open().acknowledge().assign(MEI.id).resolve(by=LIN).confirm().answer_survey()
    assert closing(life)["owner_pk"] == keys.closed_by_pk(LIN.id)


def test_ticket_closed_after_a_dispute_is_listed_under_its_assignee() -> None:
    """The resolution was disputed, so nobody resolved this round."""
    life = Life().open().acknowledge().assign(MEI.id).resolve().dispute().reassign(JUN.id)
    assert closing(life.withdraw())["owner_pk"] == keys.closed_by_pk(JUN.id)


def test_ticket_closed_without_an_agent_is_listed_by_team_only() -> None:
    found = closing(Life().open().withdraw())
    assert sorted(found) == ["open_pk", "open_sk"]


def test_only_the_event_that_closes_lists_a_closed_ticket() -> None:
    life = Life().open().acknowledge().assign().resolve().confirm().answer_survey().note()
    with_keys = [
        event.type
        for event in life.events
        if "owner_pk" in items.event_item(life.ticket, event, life.plan)
    ]
    assert with_keys == [EventType.CLOSED]


def test_keys_of_a_ticket_that_an_earlier_version_closed_are_the_same_later() -> None:
    """The keys come from a later state of the ticket: a note was added after the closing."""
    life = Life().open().acknowledge().assign().resolve().confirm().answer_survey()
    closed, before = life.events[-1], life.ticket
    after = life.wait(days=40).note().ticket
    assert after.closed_at == closed.at
    found = items.closed_keys(after, closed.at, life.plan)
    assert found == items.closed_keys(before, closed.at, life.plan)


def test_ticket_is_listed_as_on_hold_only_while_it_is() -> None:
    life = Life().open().acknowledge().assign().reply().hold()
    held = items.index_attributes(life.ticket)
    assert held["duty_pk"] == keys.hold_pk("complaints")
    assert held["duty_sk"] == held["open_sk"]
    assert items.index_attributes(life.release().ticket)["duty_pk"] is None
    assert life.clock.now() == START
