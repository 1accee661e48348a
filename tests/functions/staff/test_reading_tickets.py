"""Reading a ticket as staff, and the explanation of its clocks."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from redress.base.languages import LANGUAGES
from redress.base.people import Actor, Role
from redress.mail.incoming.rules.answers import NoAnswer
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.workflow.cases.timers import TimerCase
from tests.builders import Clock, plan_document
from tests.functions.staff.api import Api
from tests.world import Opener, Stores


def test_a_phone_number_is_shown_as_written_and_in_its_normal_form(
    api: Api, open_ticket: Opener
) -> None:
    for written, normal in (("(021) 6234-5678 ext. 15", "+862162345678"), ("95588", None)):
        ticket = open_ticket(contact={"name": "Li Na", "phone": written})
        found = api("ticket", "wei", number=ticket.number)
        contact = found.body["contact"]
        assert contact == {
            "name": "Li Na",
            "email": None,
            "phone": written,
            "phone_e164": normal,
            "company": None,
        }


def test_ticket_has_promises_timeline_mails_and_escalation(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    stores.mail_records.claim(
        ticket.number, "000001.acknowledgement.customer", clock.now(), timedelta(minutes=1)
    )
    stores.mail_records.record(
        ticket.number, "000001.acknowledgement.customer", "failed", clock.now(), fault="throttled"
    )
    clock.advance(minutes=31)
    TimerCase(stores.timers, stores.changes, clock.now).act_on_due_clocks(ticket.number, 1)
    found = api("ticket", "mei", number=ticket.number)
    assert found.status == 200
    promises = {promise["clock"]: promise for promise in found.body["promises"]}
    assert promises["reaction"]["state"] == "overdue"
    assert promises["reaction"]["due_at"] == "2026-11-23T01:30:00.000Z"
    assert promises["resolution"]["state"] == "running"
    assert found.body["escalation"] == "supervisor"
    assert [event["type"] for event in found.body["timeline"]][:2] == ["opened", "assigned"]
    fired = [event for event in found.body["timeline"] if event["type"] == "rung_fired"]
    assert {event["by"]["role"] for event in fired} == {"system"}
    assert ("reaction", "breach") in [
        (event["data"]["clock"], event["data"]["action"]) for event in fired
    ]
    assert found.body["version"] == found.body["timeline"][-1]["number"]
    assert found.body["mails"] == [
        {
            "key": "000001.acknowledgement.customer",
            "state": "failed",
            "at": "2026-11-23T01:00:00.000Z",
            "attempts": 1,
            "fault": "throttled",
        }
    ]


def test_ticket_number_may_be_in_lower_case_with_ambiguous_letters(
    api: Api, open_ticket: Opener
) -> None:
    number = open_ticket(agent="a-mei").number
    found = api("ticket", "mei", number=number.lower().replace("0", "o").replace("1", "l"))
    assert found.body["number"] == number


@pytest.mark.parametrize("number", ["R-00000-00000", "nonsense", "R-7K3M9", "%2e%2e"])
def test_unknown_ticket_is_not_found(api: Api, number: str) -> None:
    assert api("ticket", "wei", number=number).status == 404


def test_message_after_the_resolution_is_counted_and_shown(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    number = open_ticket("inquiry", agent="a-tao").number
    solved = {"version": 2, "text": "It was the seal."}
    resolution = api("resolution", "tao", number=number, body=solved).body["resolution"]
    assert resolution["contacts_after"] == 0
    ticket, plan = stores.tickets.get(number), stores.plans.current()
    stores.tickets.commit(
        by_customer.write(ticket, plan, "One more thing", clock.now()), clock.now()
    )
    found = api("ticket", "tao", number=number).body
    assert (found["state"], found["resolution"]["contacts_after"]) == ("resolved", 1)
    said = found["timeline"][-1]
    assert (said["type"], said["data"]["text"]) == ("customer_wrote", "One more thing")


def test_explanation_of_clocks_shows_why_they_are_due_and_what_changed_them(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(hours=2)
    asked = {"version": ticket.version, "text": "Which model?", "wait_for_customer": True}
    api("reply", "mei", body=asked, number=ticket.number)
    clock.advance(hours=3)
    found = api("clocks", "jun", query={"language": "en"}, number=ticket.number)

    assert found.status == 200
    assert (found.body["language"], found.body["at"]) == ("en", "2026-11-23T06:00:00.000Z")
    stories = {(one["clock"], one["round"]): one for one in found.body["clocks"]}
    resolution, reaction = stories["resolution", 1], stories["reaction", 1]
    assert resolution["sentence"].startswith(
        "Paused since Mon 23 Nov 2026 11:00 (Asia/Shanghai) while waiting for the customer; 2 h are"
    )
    assert (resolution["elapsed_s"], resolution["paused_s"]) == (7_200, 10_800)
    assert [
        (entry["what"], entry["event"]["type"], entry["event"]["by"])
        for entry in resolution["entries"]
    ] == [
        ("begun", "opened", {"role": "customer", "id": None}),
        ("paused", "replied", {"role": "agent", "id": "a-mei"}),
    ]
    assert {rung["due_at"] for rung in resolution["rungs_to_come"]} == {None}
    assert (reaction["state"], reaction["calendar"]["hours"]) == ("missed", "around the clock")
    assert not {"text", "data"} & set(json.dumps(found.body).split('"')), (
        "the explanation contains no texts of the ticket"
    )


@pytest.mark.parametrize("why", NoAnswer)
@pytest.mark.parametrize("language", LANGUAGES)
def test_explanation_says_why_no_acknowledgement_was_promised(
    api: Api, open_ticket: Opener, why: NoAnswer, language: str
) -> None:
    mail = {"id": "1", "key": "inbound/1", "unacknowledged": why.value}
    number = open_ticket(agent="a-mei", mail=mail).number
    found = api("clocks", "jun", query={"language": language}, number=number).body
    assert "acknowledgement" not in [one["clock"] for one in found["clocks"]]
    assert found["unacknowledged"]["reason"] == why
    assert found["unacknowledged"]["sentence"].endswith("." if language == "en" else "。")
    usual = open_ticket(agent="a-mei").number
    assert api("clocks", "jun", number=usual).body["unacknowledged"] is None


def test_explanation_of_a_clock_shows_fired_and_coming_rungs(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    number = open_ticket(agent="a-mei").number
    clock.advance(minutes=31)
    TimerCase(stores.timers, stores.changes, clock.now).act_on_due_clocks(number, 1)
    (reaction,) = [
        one
        for one in api("clocks", "wei", number=number).body["clocks"]
        if one["clock"] == "reaction"
    ]
    assert [rung["action"] for rung in reaction["rungs_fired"]] == ["remind", "remind", "breach"]
    assert reaction["rungs_fired"][-1]["notify"] == ["agent", "supervisor"]
    assert reaction["rungs_fired"][-1]["fired_at"] == "2026-11-23T01:31:00.000Z"
    assert [rung["action"] for rung in reaction["rungs_to_come"]] == ["escalate"]
    assert reaction["rungs_to_come"][0]["due_at"] == "2026-11-23T01:45:00.000Z"
    assert (reaction["state"], reaction["breached"], reaction["held_by"]) == (
        "overdue",
        True,
        "a-mei",
    )


def test_explanation_is_in_the_first_language_of_the_caller_by_default(
    api: Api, open_ticket: Opener
) -> None:
    number = open_ticket("inquiry", agent="a-tao").number
    own = api("clocks", "tao", query={}, number=number)
    assert own.body["language"] == "zh-TW"
    calendars = {one["clock"]: one["calendar"] for one in own.body["clocks"]}
    assert calendars["first_response"]["hours"] == "週一至週五09:00-12:00、13:00-18:00"
    assert calendars["first_response"]["week"][0]["open"] == ["09:00-12:00", "13:00-18:00"]
    other = api("clocks", "tao", query={"language": "zh-CN"}, number=number)
    assert other.body["clocks"][0]["sentence"].startswith("应于2026年11月23日（周一）09:05")


@pytest.mark.parametrize("language", ["de", "", "zh"])
def test_explanation_in_an_unknown_language_is_refused(
    api: Api, open_ticket: Opener, language: str
) -> None:
    found = api("clocks", query={"language": language}, number=open_ticket().number)
    assert (found.status, found.codes) == (422, {"/language": "unknown_language"})


def test_explanation_of_a_moved_ticket_shows_both_plans(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket("inquiry", agent="a-tao")
    document = plan_document() | {"version": 2}
    document["levels"]["inquiry"]["promises"]["first_response"] = {"within": "2h"}
    stores.plan_store.publish(document, 2, 1)
    old, new = stores.plans.get(1), stores.plans.get(2)
    moved = by_staff.move_to_plan(
        ticket, old, new, Actor(Role.MANAGER, "m-wei"), "a new contract", clock.advance(hours=1)
    )
    stores.tickets.commit(moved, clock.now())
    (first,) = [
        one
        for one in api("clocks", "tao", number=ticket.number).body["clocks"]
        if one["clock"] == "first_response"
    ]
    assert [(e["what"], e["calendar"], e["target_s"], e["why"]) for e in first["entries"]] == [
        ("begun", "office", 28_800, None),
        ("replanned", "always", 7_200, "a new contract"),
    ]


def test_decision_of_the_router_tells_agents_no_names_and_nobody_of_another_ticket(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    """When the chosen agent got their last ticket tells of one that the reader may not see."""
    number = open_ticket().number
    last = stores.staff.availability("a-mei").last_assigned
    decision = {"step": 0, "read": 2, "not": {"full": ["a-jun"]}, "last": last}
    stores.changes.change(
        number,
        lambda t, p, at: by_system.assign(t, p, "a-mei", "longest", at, decision=decision),
    )

    def shown(reader: str) -> dict[str, Any]:
        timeline = api("ticket", reader, number=number).body["timeline"]
        [event] = [one for one in timeline if one["type"] == "assigned"]
        found: dict[str, Any] = event["data"]["decision"]
        return found

    assert shown("mei") == {"step": 0, "read": 2, "not": {"full": 1}}
    for leader in ("lin", "wei"):
        assert shown(leader) == {"step": 0, "read": 2, "not": {"full": ["a-jun"]}}
    stored = stores.tickets.history(number)[-1].data["decision"]
    assert stored == decision, "the record has all of it"
