"""Daily inspection: what is drawn, who looks into it, and what a signature needs."""

from __future__ import annotations

from copy import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from redress.inspections.rules import order
from redress.inspections.store import InspectionStore
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import Ticket
from redress.wiring import stores as wired_stores
from tests.builders import Clock
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api, Reply
from tests.world import Act, Opener, Stores

DAY = "2026-11-23"
LIN, WEI = MEMBERS["lin"].actor, MEMBERS["wei"].actor


@pytest.fixture
def after_the_day(clock: Clock) -> Any:
    """Goes to the morning after DAY."""

    def go() -> None:
        clock.moment = datetime(2026, 11, 24, 1, tzinfo=UTC)

    return go


def shown(api: Api, by: str = "lin", team: str = "complaints", day: str = DAY) -> Reply:
    return api("inspection", by, date=day, query={"team": team})


def listed(found: Reply) -> dict[str, list[str]]:
    assert found.status == 200, found.body
    return {
        one["channel"]: [ticket["number"] for ticket in one["tickets"]]
        for one in found.body["channels"]
    }


def check(
    api: Api,
    ticket: str,
    by: str = "lin",
    channel: str = "api",
    revision: int = 0,
    verdict: str = "in_order",
    note: str | None = None,
) -> Reply:
    body = {"verdict": verdict, "revision": revision, "note": note}
    return api(
        "inspection-check",
        by,
        date=DAY,
        channel=channel,
        entry=ticket,
        query={"team": "complaints"},
        body=body,
    )


def sign(api: Api, by: str = "lin", channel: str = "api") -> Reply:
    path = {"date": DAY, "channel": channel}
    return api("inspection-sign-off", by, query={"team": "complaints"}, **path)


def open_some(open_ticket: Opener, count: int, **fields: Any) -> list[str]:
    return [open_ticket(**fields).number for _ in range(count)]


def test_list_has_as_many_tickets_of_each_channel_as_the_plan_says_and_stays_the_same(
    api: Api, open_ticket: Opener, after_the_day: Any
) -> None:
    web = open_some(open_ticket, 8)
    phone = open_some(open_ticket, 3, channel="phone")
    open_some(open_ticket, 2, kind="inquiry")  # tickets of the team service
    after_the_day()
    found = shown(api)
    assert listed(found) == {
        "phone": [
            one for one in order("complaints", date(2026, 11, 23), web + phone) if one in phone
        ],
        "api": [one for one in order("complaints", date(2026, 11, 23), web + phone) if one in web][
            :5
        ],
    }
    assert (found.body["drawn_by"], found.body["each_channel"], found.body["complete"]) == (
        "s-lin",
        5,
        True,
    )
    assert shown(api, "wei").body == found.body, "whoever reads it later gets the same list"


def test_nobody_chooses_what_is_drawn(
    api: Api, open_ticket: Opener, after_the_day: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same tickets are drawn again from the same day, whoever reads the list first."""
    open_some(open_ticket, 9)
    after_the_day()
    kept = []
    monkeypatch.setattr(InspectionStore, "put", lambda store, drawn: kept.append(drawn))
    assert listed(shown(api, "lin")) == listed(shown(api, "wei"))
    assert [drawn.by for drawn in kept] == ["s-lin", "m-wei"]
    assert len(set(map(str, (drawn.entries for drawn in kept)))) == 1


def test_list_has_the_tickets_of_the_local_day(api: Api, open_ticket: Opener, clock: Clock) -> None:
    """A day of Shanghai begins at 16:00 UTC of the day before, which can be another month."""
    wanted = []
    for month, day, hour, minute, inside in (
        (11, 30, 15, 59, False),
        (11, 30, 16, 0, True),
        (12, 1, 15, 59, True),
        (12, 1, 16, 0, False),
    ):
        clock.moment = datetime(2026, month, day, hour, minute, tzinfo=UTC)
        number = open_ticket().number
        wanted += [number] if inside else []
    clock.moment = datetime(2026, 12, 2, 3, tzinfo=UTC)
    found = listed(shown(api, day="2026-12-01"))
    assert set(found["api"]) == set(wanted)


def test_list_is_drawn_when_the_day_is_over_and_not_years_later(
    api: Api, open_ticket: Opener, clock: Clock, after_the_day: Any
) -> None:
    open_ticket()
    assert shown(api).codes == {"/date": "not_over"}
    assert shown(api, day="9999-12-31").codes == {"/date": "not_over"}
    assert shown(api, day="0001-01-01").status == 404
    assert sign(api).status == 404, "nobody has read the list yet"
    after_the_day()
    assert len(listed(shown(api))["api"]) == 1
    clock.advance(days=200)
    assert len(listed(shown(api))["api"]) == 1, "a list that was drawn stays"
    assert shown(api, day="2026-11-24").status == 404


def test_work_of_a_supervisor_is_not_drawn_for_their_own_list(
    api: Api, open_ticket: Opener, act: Act, after_the_day: Any
) -> None:
    """Story 24: own work is excluded from review."""
    theirs = act(open_ticket(agent="a-mei"), by_staff.reply, LIN, "We are on it.", False)
    other = act(open_ticket(agent="a-jun"), by_staff.reply, MEMBERS["jun"].actor, "Yes.", False)
    after_the_day()
    assert listed(shown(api)) == {"api": [other.number]}
    assert theirs.number not in str(shown(api, "wei").body)


def test_nobody_inspects_work_of_their_own(
    api: Api, open_ticket: Opener, act: Act, after_the_day: Any
) -> None:
    """Story 24: who worked on a ticket after it was drawn, or as a manager, does not judge it."""
    ticket = act(open_ticket(agent="a-mei"), by_staff.reply, WEI, "I look into it.", False)
    after_the_day()
    assert listed(shown(api)) == {"api": [ticket.number]}
    assert check(api, ticket.number, "wei").status == 403
    act(ticket, by_staff.tell_progress, LIN, "Soon.")
    assert check(api, ticket.number, "lin").status == 403
    assert [one["verdict"] for one in shown(api).body["channels"][0]["tickets"]] == [None]


def test_ticket_that_is_kept_from_a_supervisor_is_inspected_without_them(
    api: Api, open_ticket: Opener, act: Act, after_the_day: Any
) -> None:
    """Story 8: a list obeys the same right as the ticket, and a manager looks into it."""
    hidden = act(open_ticket(), by_staff.set_about, WEI, ["s-lin"], "named")
    others = [open_ticket().number for _ in range(6)]
    after_the_day()
    seen = listed(shown(api))["api"]
    assert len(seen) == 5, "no missing ticket tells her that there is another one"
    assert set(seen) <= set(others)
    assert set(listed(shown(api, "wei"))["api"]) == {*seen, hidden.number}
    assert check(api, hidden.number).status == 404
    assert check(api, hidden.number, "wei").status == 200
    assert hidden.number not in str(shown(api).body)


def test_signature_covers_what_its_leader_could_see_and_another_leader_signs_the_rest(
    api: Api, open_ticket: Opener, act: Act, after_the_day: Any, stores: Stores, clock: Clock
) -> None:
    """Story 8: a ticket that is kept from the supervisor is still looked into and signed."""
    first, second = open_ticket(), open_ticket()
    after_the_day()
    shown(api)
    act(stores.tickets.get(second.number), by_staff.set_about, WEI, ["s-lin"], "named")
    assert check(api, first.number).status == 200
    assert sign(api).status == 200
    [channel] = shown(api, "wei").body["channels"]
    assert channel["signed_by"] is None, "a ticket is left"
    assert [e["pointer"] for e in sign(api, "wei").body["errors"]] == [f"/{second.number}"]
    assert check(api, first.number, "wei", revision=1, note="again").status == 409
    assert check(api, second.number, "wei", verdict="deficient", note="late").status == 200
    before = shown(api).body
    clock.advance(minutes=5)
    [signed] = sign(api, "wei").body["channels"]
    assert signed["signed_by"] == "m-wei"
    assert sign(api, "wei").status == 200
    assert check(api, second.number, "wei", revision=1, note="more").status == 409
    assert shown(api).body == before, "the supervisor sees nothing of it"
    assert before["channels"][0]["signed_by"] == "s-lin"
    trail = [(one["by"], one["number"]) for one in shown(api, "wei").body["changes"]]
    assert trail[0] == ("m-wei", None)
    assert len(trail) == 4


def test_ticket_that_becomes_about_a_leader_leaves_their_list_and_their_signature(
    api: Api, open_ticket: Opener, act: Act, after_the_day: Any, stores: Stores
) -> None:
    """Story 8: the accused sees nothing of it, and is not told that something is left."""
    first, second = open_ticket(), open_ticket()
    after_the_day()
    assert set(listed(shown(api))["api"]) == {first.number, second.number}
    assert check(api, second.number, "wei", note="secret", verdict="deficient").status == 200
    act(stores.tickets.get(second.number), by_staff.set_about, WEI, ["s-lin"], "named")
    found = shown(api)
    assert listed(found) == {"api": [first.number]}
    assert second.number not in str(found.body)
    assert "secret" not in str(found.body)
    assert check(api, second.number).status == 404
    assert check(api, first.number).status == 200
    signed = sign(api)
    assert signed.status == 200
    assert second.number not in str(signed.body)


def test_each_word_about_a_ticket_stays_in_the_trail(
    api: Api, open_ticket: Opener, after_the_day: Any, clock: Clock
) -> None:
    ticket = open_ticket().number
    after_the_day()
    shown(api)
    check(api, ticket, verdict="deficient", note="Nobody has answered.")
    clock.advance(minutes=5)
    found = check(
        api, ticket, "wei", revision=1, verdict="to_improve", note="It was answered late."
    )
    [line] = found.body["channels"][0]["tickets"]
    assert (line["verdict"], line["checked_by"], line["revision"]) == ("to_improve", "m-wei", 2)
    assert [(one["by"], one["verdict"], one["note"]) for one in found.body["changes"]] == [
        ("m-wei", "to_improve", "It was answered late."),
        ("s-lin", "deficient", "Nobody has answered."),
    ]
    assert found.body["changes"][0]["source"] == "203.0.113.7"


def test_word_of_another_leader_is_never_overwritten_unread(
    api: Api, open_ticket: Opener, after_the_day: Any
) -> None:
    ticket = open_ticket().number
    after_the_day()
    shown(api)
    assert check(api, ticket, "wei", verdict="deficient", note="late").status == 200
    lost = check(api, ticket, "lin")
    assert (lost.status, lost.body["current_version"]) == (409, 1)
    assert check(api, ticket, "lin", revision=7).codes == {"/revision": "unknown_revision"}
    assert check(api, ticket, "lin", revision=1).status == 200


def test_repeated_word_is_recorded_once(api: Api, open_ticket: Opener, after_the_day: Any) -> None:
    ticket = open_ticket().number
    after_the_day()
    shown(api)
    first = check(api, ticket)
    assert check(api, ticket).body == first.body
    assert len(first.body["changes"]) == 1


def test_channel_is_not_signed_before_every_ticket_was_looked_into(
    api: Api, open_ticket: Opener, after_the_day: Any
) -> None:
    open_some(open_ticket, 3)
    open_some(open_ticket, 1, channel="phone")
    after_the_day()
    web = listed(shown(api))["api"]
    check(api, web[0])
    refused = sign(api)
    assert (refused.status, refused.body["type"]) == (409, "urn:redress:problem:not-complete")
    assert [(one["pointer"], one["code"]) for one in refused.body["errors"]] == [
        (f"/{number}", "unchecked") for number in web[1:]
    ]
    for number in web[1:]:
        check(api, number)
    signed = sign(api)
    assert signed.status == 200
    found = {one["channel"]: one["signed_by"] for one in signed.body["channels"]}
    assert found == {"api": "s-lin", "phone": None}
    assert signed.body["changes"][0]["verdict"] is None


def test_signed_channel_stays_as_it_is(api: Api, open_ticket: Opener, after_the_day: Any) -> None:
    ticket = open_ticket().number
    after_the_day()
    shown(api)
    check(api, ticket)
    signed = sign(api)
    assert sign(api).body == signed.body, "a repeated request"
    assert sign(api, "wei").status == 409
    assert check(api, ticket, "wei", revision=1, verdict="deficient").status == 409
    assert shown(api).body == signed.body


def test_word_that_comes_while_a_channel_is_signed_is_not_signed_unread(
    api: Api, open_ticket: Opener, after_the_day: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signature is a condition on the state that the leader read, so it decides again."""
    ticket = open_ticket().number
    after_the_day()
    shown(api)
    check(api, ticket)
    write, seen = InspectionStore.write, list[bool]()

    def late(store: InspectionStore, *given: Any) -> None:
        if not seen:
            seen.append(True)
            check(api, ticket, "wei", revision=1, verdict="deficient", note="look again")
        write(store, *given)

    monkeypatch.setattr(InspectionStore, "write", late)
    signed = sign(api)
    [line] = signed.body["channels"][0]["tickets"]
    assert (signed.status, line["verdict"]) == (200, "deficient")
    drawn, states = InspectionStore(wired_stores.models()).get("complaints", date(2026, 11, 23))
    assert drawn is not None
    assert states["api"].revision == 3, "two words and one signature"


def test_supervisors_inspect_their_own_team_and_managers_every_team(
    api: Api, open_ticket: Opener, after_the_day: Any
) -> None:
    ticket = open_ticket().number
    after_the_day()
    assert shown(api, "hua").status == 403
    assert shown(api, "wei", "service").body["channels"] == []
    assert shown(api, "wei", "nobody").codes == {"/team": "unknown_team"}
    assert shown(api, "wei", "No team").codes == {"/team": "unknown_team"}
    shown(api)
    assert check(api, ticket, "hua").status == 403
    assert sign(api, "hua").status == 403
    assert check(api, "R-00000-00001").status == 404
    assert check(api, ticket, channel="phone").status == 404
    assert sign(api, channel="phone").status == 404


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({}, {"/verdict": "required", "/revision": "required"}),
        (
            {"verdict": "fine", "revision": -1, "note": 5},
            {"/verdict": "unknown_value", "/revision": "out_of_range", "/note": "text_expected"},
        ),
    ],
)
def test_every_wrong_field_of_a_word_is_named(
    api: Api, open_ticket: Opener, after_the_day: Any, body: Any, codes: dict[str, str]
) -> None:
    ticket = open_ticket().number
    after_the_day()
    shown(api)
    path = {"date": DAY, "channel": "api", "entry": ticket}
    found = api("inspection-check", "lin", query={"team": "complaints"}, body=body, **path)
    assert (found.status, found.codes) == (422, codes)


def test_ticket_of_another_team_by_now_is_seen_by_those_who_may_see_it(
    api: Api, open_ticket: Opener, act: Act, after_the_day: Any, stores: Stores
) -> None:
    ticket = open_ticket()
    after_the_day()
    shown(api)
    moved: Ticket = act(ticket, by_staff.reassign, WEI, None, "service", "theirs")
    assert moved.team == "service"
    assert listed(shown(api)) == {}
    assert listed(shown(api, "wei")) == {"api": [ticket.number]}


def test_plan_says_how_many_tickets_of_each_channel_are_drawn(
    api: Api, open_ticket: Opener, after_the_day: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_some(open_ticket, 4)
    after_the_day()
    plans = wired_stores.plans()
    plan = plans.current()
    fewer = replace(plan, inspection=replace(plan.inspection, each_channel=2))
    monkeypatch.setattr(type(plans), "current", lambda self: fewer)
    assert len(listed(shown(api))["api"]) == 2
