"""Staff open tickets for customers with whom they speak."""

from __future__ import annotations

from copy import replace
from typing import Any

import pytest

from redress.base import idempotency
from redress.mail.outgoing.rules.table import mails_after
from redress.staff.rules.availability import Presence
from redress.tickets.rules.ticket import EventType
from redress.tickets.store.opening_keys import OpenedWithKey, OpeningKeys
from redress.tickets.store.submission_store import NumberTaken
from redress.tickets.store.tickets import TicketStore
from redress.wiring import assigner as assigner_wiring
from tests.answers import DOCUMENTS, resolved
from tests.builders import Clock, plan_document
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import CHANGES, Api, Reply, states_of
from tests.wired import TABLE
from tests.world import Opener, Stores, aws

CALLER: dict[str, Any] = {
    "kind": "complaint",
    "channel": "phone",
    "assign": "me",
    "subject": "水壶漏水",
    "description": "客户来电：第二天把手处就漏水。",
    "contact": {"name": "李娜", "phone": "138 0013 8000"},
    "language": "zh-CN",
    "consent": True,
}


def calls(api: Api, by: str = "mei", key: str = "call-1", **fields: Any) -> Reply:
    """Open a ticket for the caller; a field that is `...` is left out."""
    body = {name: value for name, value in (CALLER | fields).items() if value is not ...}
    return api("opening", by, body=body, headers={"Idempotency-Key": key})


def tickets() -> list[str]:
    """The keys of all tickets and of all keys of requests in the table."""
    items = aws("dynamodb").scan(TableName=TABLE)["Items"]
    return [one["pk"]["S"] for one in items if one["sk"]["S"] in ("TICKET", "KEY")]


def load(stores: Stores, agent: str = "a-mei") -> int:
    return stores.staff.availability(agent).load


@pytest.fixture(autouse=True)
def _staff(staff: dict[str, Any]) -> None:
    """All members are available."""


def test_caller_is_told_the_number_and_the_times_in_their_language(
    api: Api, stores: Stores
) -> None:
    found = calls(api)
    number = found.body["number"]
    assert found.status == 201
    assert found.headers["Location"] == f"tickets/{number}"
    assert found.body["say"] == (
        f"您反映的事情已经登记好了，编号是{number}。我们向您承诺："
        "首次人工回复：2026年11月24日（星期二）09:00（UTC+8）前；"
        "解决问题：2026年11月25日（星期三）09:00（UTC+8）前。"
    )
    assert (found.body["acknowledged_by"], found.body["replayed"]) == ("agent", False)
    assert found.body["ticket"]["number"] == number
    assert stores.tickets.get(number).contact.phone_e164 == "+8613800138000"


def test_agent_who_takes_the_call_has_the_ticket_in_the_same_change(
    api: Api, stores: Stores
) -> None:
    found = calls(api)
    history = stores.tickets.history(found.body["number"])
    assert [(event.type, event.by.id) for event in history] == [
        (EventType.OPENED, "a-mei"),
        (EventType.ACKNOWLEDGED, "a-mei"),
        (EventType.ASSIGNED, "a-mei"),
        (EventType.CORRECTED, "a-mei"),
    ]
    assert len({event.at for event in history}) == 1
    assert found.body["ticket"]["assignee"] == "a-mei"
    assert "reply" in found.body["ticket"]["can"]
    assert load(stores) == 1
    states = states_of(replace(found, body=found.body["ticket"]))
    assert (states["reaction"], states["first_response"]) == ("kept", "running")


def test_agent_takes_no_second_call_until_the_first_one_is_over(api: Api, stores: Stores) -> None:
    """What the caller was told at once is part of the call, so it does not end it."""
    number = calls(api, answered=True).body["number"]
    found = stores.staff.availability("a-mei")
    assert (found.live, set(found.conversations)) == (100, {number})
    refused = calls(api, key="call-2")
    assert refused.status == 409
    assert "write down its outcome or set your presence to available" in refused.body["detail"]
    version = stores.tickets.get(number).version
    body = CHANGES["resolution"] | {"version": version}
    assert api("resolution", "mei", number=number, body=body).status == 200
    second = calls(api, key="call-2")
    assert second.status == 201
    api("presence", "mei", body={"presence": "available"})
    assert calls(api, key="call-3").status == 201


@pytest.mark.parametrize(
    ("fields", "state", "first_response"),
    [
        ({"kind": "inquiry"}, "open", "kept"),
        ({"kind": "inquiry", "channel": "social"}, "open", "kept"),
        ({"kind": "inquiry", "answered": False}, "new", "running"),
        ({"kind": "urgent"}, "new", "running"),
        ({"answered": True}, "open", "kept"),
    ],
)
def test_conversation_keeps_the_promise_that_only_it_can_keep(
    api: Api, fields: dict[str, Any], state: str, first_response: str
) -> None:
    """Plan 1 promises live inquiries an answer within 30 seconds, and picks up within 5."""
    found = calls(api, "wei", assign="team", **fields)
    ticket = found.body["ticket"]
    states = states_of(replace(found, body=ticket))
    assert (ticket["state"], states["first_response"]) == (state, first_response)
    assert states.get("reaction", "kept") == "kept"


def test_caller_with_an_address_gets_the_usual_acknowledgement(api: Api, stores: Stores) -> None:
    contact = {"name": "李娜", "email": "li.na@example.com"}
    found = calls(api, contact=contact)
    assert found.body["acknowledged_by"] == "mail"
    opened, *others = stores.tickets.history(found.body["number"])
    assert [(mail.template, mail.audience) for mail in mails_after(opened)] == [
        ("acknowledgement", "customer")
    ]
    assert EventType.ACKNOWLEDGED not in {event.type for event in others}
    assert found.body["ticket"]["acknowledged_at"] is None


def test_repeated_request_opens_one_ticket_and_says_the_same(
    api: Api, stores: Stores, clock: Clock
) -> None:
    first = calls(api)
    stores.staff.set_presence(MEMBERS["mei"], Presence.AWAY, clock.now())
    clock.advance(minutes=3)
    again = calls(api)
    assert again.status == 201
    assert again.body == first.body | {"replayed": True, "ticket": again.body["ticket"]}
    assert again.body["ticket"]["version"] == first.body["ticket"]["version"]
    assert len(tickets()) == 2  # the ticket, and the key
    assert load(stores) == 1


def test_key_belongs_to_a_member_and_to_one_body(api: Api) -> None:
    first = calls(api)
    other = calls(api, subject="别的事")
    assert (other.status, other.body["type"]) == (409, "urn:redress:problem:key-reused")
    of_jun = calls(api, "jun")
    assert of_jun.status == 201
    assert of_jun.body["number"] != first.body["number"]


def test_no_customer_can_take_the_key_of_a_member(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are in one partition. Everybody can send the intake any key that it accepts."""
    used: list[str] = []
    earlier = OpeningKeys.earlier

    def recorded(store: OpeningKeys, key: str) -> OpenedWithKey | None:
        used.append(key)
        return earlier(store, key)

    monkeypatch.setattr(OpeningKeys, "earlier", recorded)
    assert calls(api).status == 201
    assert used
    for key in used:
        assert idempotency.fault_of(key) is not None


def test_two_requests_with_one_key_at_once_open_one_ticket(
    api: Api, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = TicketStore.open
    others: list[Reply] = []

    def meanwhile(store: TicketStore, *given: Any) -> None:
        monkeypatch.setattr(TicketStore, "open", written)
        others.append(calls(api))
        written(store, *given)

    monkeypatch.setattr(TicketStore, "open", meanwhile)
    found = calls(api)
    [other] = others
    assert (found.status, found.body["number"]) == (201, other.body["number"])
    assert (found.body["replayed"], other.body["replayed"]) == (True, False)
    assert load(stores) == 1


def test_all_wrong_fields_and_the_missing_key_are_named_together(api: Api) -> None:
    wrong: dict[str, Any] = {
        "channel": "fax",
        "assign": "boss",
        "answered": "yes",
        "kind": "praise",
        "subject": "",
        "contact": {"name": "李娜", "phone": "12"},
        "consent": False,
        "colour": "red",
    }
    found = calls(api, key="", **wrong)
    assert found.status == 422
    assert found.codes == {
        "#Idempotency-Key": "key_expected",
        "/channel": "unknown_value",
        "/assign": "unknown_value",
        "/answered": "boolean_expected",
        "/kind": "unknown_kind",
        "/subject": "required",
        "/contact/phone": "phone_expected",
        "/consent": "required",
        "/colour": "unknown",
    }
    assert calls(api, channel=...).codes == {"/channel": "required"}
    assert calls(api, channel="web").codes == {"/channel": "unknown_value"}
    assert calls(api, "lin").codes == {"/assign": "not_an_agent"}
    found = api("opening", "mei", body=[1], headers={"Idempotency-Key": ""})
    assert found.codes == {"#Idempotency-Key": "key_expected", "": "object_expected"}
    assert tickets() == []


@pytest.mark.parametrize(
    ("why", "fields"),
    [
        ("you are away", {}),
        ("you have as many tickets", {}),
        ("the team service handles", {"kind": "inquiry"}),
        ("not in one of your languages", {"language": "zh-TW"}),
    ],
)
def test_agent_whom_routing_would_not_choose_opens_nothing_and_may_repeat_it_for_the_team(
    api: Api, stores: Stores, clock: Clock, open_ticket: Opener, why: str, fields: dict[str, Any]
) -> None:
    """Story 3: one eligibility function for every path."""
    if why == "you are away":
        stores.staff.set_presence(MEMBERS["mei"], Presence.AWAY, clock.now())
    if why == "you have as many tickets":
        for _ in range(2):
            open_ticket(agent="a-mei")
    before = tickets()
    found = calls(api, **fields)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:agent-not-free")
    assert why in found.body["detail"]
    assert tickets() == before
    again = calls(api, **fields, assign="team")
    assert again.status == 201
    assert stores.tickets.get(again.body["number"]).assignee is None


def test_agent_who_gets_full_before_the_write_opens_nothing(
    api: Api, stores: Stores, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = TicketStore.open

    def meanwhile(store: TicketStore, *given: Any) -> None:
        monkeypatch.setattr(TicketStore, "open", written)
        for _ in range(2):
            open_ticket(agent="a-mei")
        written(store, *given)

    monkeypatch.setattr(TicketStore, "open", meanwhile)
    found = calls(api)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:agent-not-free")
    assert len(tickets()) == 2
    assert load(stores) == 2


def test_complaint_that_names_the_agent_is_never_theirs(api: Api, stores: Stores) -> None:
    """C3: complaints about an agent never go to that agent."""
    mei = replace(MEMBERS["mei"], name="王小梅")
    stores.staff.record(mei, Presence.AVAILABLE, Clock().now())
    claims = {"name": "王小梅"}
    body = CALLER | {"description": "王小梅 was rude to me."}
    key = {"Idempotency-Key": "call-1"}
    found = api("opening", "mei", body=body, headers=key, claims=claims)
    assert (found.status, found.body["detail"]) == (409, "the complaint is about you")
    found = api("opening", "mei", body=body | {"assign": "team"}, headers=key, claims=claims)
    assert (found.status, found.body["ticket"]) == (201, None)
    assert found.body["number"] in found.body["say"]
    assert stores.tickets.get(found.body["number"]).about == ("a-mei",)


@pytest.mark.parametrize("namesake", [False, True])
def test_complaint_whose_field_names_the_agent_is_never_theirs(
    api: Api, stores: Stores, clock: Clock, namesake: bool
) -> None:
    """Story 8: what the caller says in the field counts as what the agent writes down.

    If several have the name, it may be any of them.
    """
    mei = replace(MEMBERS["mei"], name="Mei Lin")
    stores.staff.record(mei, Presence.AVAILABLE, clock.now())
    if namesake:
        other = replace(mei, id="a-mei-2", email="mei2@example.com")
        stores.staff.record(other, Presence.AVAILABLE, clock.now())
    body, claims = CALLER | {"about": "Mei Lin"}, {"name": "Mei Lin"}
    key = {"Idempotency-Key": "call-1"}
    found = api("opening", "mei", body=body, headers=key, claims=claims)
    assert (found.status, found.body["detail"]) == (409, "the complaint is about you")
    assert tickets() == []
    found = api("opening", "mei", body=body | {"assign": "team"}, headers=key, claims=claims)
    about = stores.tickets.get(found.body["number"]).about
    assert about == (("a-mei", "a-mei-2") if namesake else ("a-mei",))


def test_ticket_of_another_team_is_opened_and_not_shown(api: Api, stores: Stores) -> None:
    found = calls(api, kind="inquiry", assign=...)
    assert (found.status, found.body["ticket"]) == (201, None)
    assert stores.tickets.get(found.body["number"]).team == "service"
    assert api("ticket", "mei", number=found.body["number"]).status == 404


def test_caller_is_found_by_number_as_every_customer(api: Api, stores: Stores) -> None:
    assignment = assigner_wiring.assignment()
    customers = []
    for key, phone in (("call-1", "138 0013 8000"), ("call-2", "+86-138-0013-8000")):
        api("presence", "mei", body={"presence": "available"})
        number = calls(api, key=key, contact={"name": "李娜", "phone": phone}).body["number"]
        assignment.assign(number)
        ticket = stores.tickets.get(number)
        assert ticket.assignee == "a-mei"
        customers.append(ticket.customer)
    assert customers[0] is not None
    assert len(set(customers)) == 1


def test_caller_is_told_the_number_under_a_plan_without_scripts(
    api: Api, stores: Stores, clock: Clock
) -> None:
    stores.plan_store.publish(plan_document() | {"version": 2, "scripts": {}}, 2, 1)
    found = calls(api)
    number = found.body["number"]
    assert found.body["say"] == f"您反映的事情已经登记好了，编号是{number}。"


def test_promise_that_the_conversation_kept_counts_for_the_agent(api: Api, stores: Stores) -> None:
    number = calls(api, "tao", kind="inquiry", language="en").body["number"]
    items = aws("dynamodb").scan(TableName=TABLE)["Items"]
    facts = [one for one in items if number in one["sk"]["S"] and "FACT" in one["pk"]["S"]]
    assert facts
    assert all("a-tao" in one["pk"]["S"] for one in facts)


def test_clocks_of_a_ticket_for_a_caller_are_explained(api: Api) -> None:
    number = calls(api, "tao", kind="inquiry", language="en").body["number"]
    found = api("clocks", "tao", number=number)
    assert found.status == 200
    states = {story["clock"]: story["state"] for story in found.body["clocks"]}
    assert (states["reaction"], states["first_response"]) == ("kept", "kept")


def test_repeat_after_the_plan_lost_the_category_says_the_same(
    api: Api, stores: Stores, clock: Clock
) -> None:
    first = calls(api, category="product/defect")
    stores.plan_store.publish(plan_document() | {"version": 2, "categories": []}, 2, 1)
    clock.advance(seconds=10)
    api.module.wiring.opening()._plans.refresh()
    assert calls(api, key="call-2", category="product/defect").status == 422
    assert calls(api, category="product/defect").body["number"] == first.body["number"]


def test_ticket_that_could_not_be_written_is_a_503_and_not_half_there(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:

    def taken(*given: Any) -> None:
        raise NumberTaken("this number exists already")

    monkeypatch.setattr(TicketStore, "open", taken)
    assert calls(api).status == 503
    assert tickets() == []


def test_answer_that_cannot_be_read_is_reported_and_opens_nothing_again(api: Api) -> None:
    calls(api)
    items = aws("dynamodb").scan(TableName=TABLE)["Items"]
    [key] = [one for one in items if one["sk"]["S"] == "KEY"]
    aws("dynamodb").put_item(TableName=TABLE, Item=key | {"answer": {"S": "{"}})
    found = calls(api)
    assert (found.status, found.body["type"]) == (500, "urn:redress:problem:unreadable")
    assert len(tickets()) == 2


def test_key_is_required_only_where_a_repeat_would_do_something_twice() -> None:
    document = DOCUMENTS["staff"]
    required = {
        path
        for path, operations in document["paths"].items()
        for operation in operations.values()
        for one in operation.get("parameters", ())
        if (found := resolved(document, one))["name"] == "Idempotency-Key" and found.get("required")
    }
    splits = "/staff/tickets/{number}/split"  # it opens a ticket
    assert required == {"/staff/tickets", "/staff/bulk", "/staff/incidents", splits}
