"""Corrections of kind, urgency, impact and customer type."""

from __future__ import annotations

from datetime import timedelta

from redress.base.instants import written
from redress.tickets.rules.steps import by_system
from tests.builders import BY_PHONE, Clock
from tests.functions.staff.api import Api
from tests.world import Opener, Stores


def test_correction_of_the_kind_recomputes_the_promises(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    body = {"version": ticket.version, "kind": "urgent", "reason": "somebody was scalded"}
    found = api("classification", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["kind"], found.body["assignee"]) == (200, "urgent", "a-mei")
    promises = {promise["clock"]: promise for promise in found.body["promises"]}
    assert promises["first_response"]["due_at"] == written(ticket.created_at + timedelta(minutes=5))
    assert promises["reaction"]["state"] == "cancelled"


def test_ticket_is_queued_for_the_team_of_its_corrected_kind(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    body = {"version": ticket.version, "kind": "inquiry", "reason": "only a question"}
    found = api("classification", "mei", body=body, number=ticket.number)
    assert (found.body["team"], found.body["assignee"]) == ("service", None)


def test_agent_tags_a_ticket_and_colleague_with_the_old_version_is_told(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    body = {"version": ticket.version, "tags": ["Kettle", "批次 ２"]}
    found = api("tags", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["tags"]) == (200, ["kettle", "批次 2"])
    late = api("tags", "lin", body=body | {"tags": ["other"]}, number=ticket.number)
    assert (late.status, late.body["current_version"]) == (409, ticket.version + 1)
    same = api("tags", "lin", body=body | {"version": ticket.version + 1}, number=ticket.number)
    assert same.codes == {"/tags": "same_tags"}
    file = api("ticket", "mei", number=ticket.number).body
    assert (file["tags"], file["timeline"][-1]["type"]) == (["kettle", "批次 2"], "tagged")


def test_agent_corrects_and_removes_the_category(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    body = {"version": ticket.version, "category": "product/defect", "reason": "it leaks"}
    found = api("classification", "mei", body=body, number=ticket.number).body
    assert (found["category"], found["kind"]) == ("product/defect", "complaint")
    [line] = api("work", "mei").body["items"]
    assert (line["category"], line["tags"]) == ("product/defect", [])
    body = {"version": found["version"], "category": "toys", "kind": "joke", "reason": "x"}
    wrong = api("classification", "mei", body=body, number=ticket.number)
    assert wrong.codes == {"/kind": "unknown_value"}
    body |= {"kind": "urgent", "customer_type": "king"}
    wrong = api("classification", "mei", body=body, number=ticket.number)
    assert wrong.codes == {
        "/customer_type": "unknown_customer_type",
        "/category": "unknown_category",
    }
    body = {"version": found["version"], "category": "", "reason": "a mistake"}
    removed = api("classification", "mei", body=body, number=ticket.number).body
    assert removed["category"] is None
    again = body | {"version": removed["version"]}
    same = api("classification", "mei", body=again, number=ticket.number)
    assert same.codes == {"/category": "same_kind"}


def test_urgency_and_impact_are_corrected_without_the_kind(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("inquiry", agent="a-tao")
    body = {"version": ticket.version, "urgency": "high", "impact": "high", "reason": "scalded"}
    found = api("classification", "tao", number=ticket.number, body=body).body
    assert (found["priority"], found["kind"]) == ("urgent", "inquiry")
    body = {"version": found["version"], "customer_type": "king", "reason": "important"}
    wrong = api("classification", "tao", number=ticket.number, body=body)
    assert wrong.codes == {"/customer_type": "unknown_customer_type"}
    nothing = {"version": found["version"], "reason": "none"}
    same = api("classification", "tao", number=ticket.number, body=nothing)
    assert same.codes == {"": "same_kind"}


def test_answer_says_which_promises_a_correction_made_later_and_who_tells_the_customer(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    """C1: a promise that the customer was told is not lengthened in silence."""
    number = open_ticket("complaint", agent="a-mei").number
    ticket = stores.changes.change(number, by_system.acknowledge)
    body = {"version": ticket.version, "kind": "feedback", "reason": "only praise"}
    found = api("classification", "mei", body=body, number=ticket.number).body["lengthened"]
    assert found["told_by"] == "mail"
    later = {one["clock"]: one for one in found["promises"]}
    assert later.keys() == {"reaction", "first_response", "resolution"}
    assert later["reaction"]["after"] is None
    assert later["resolution"]["before"] == written(ticket.created_at + timedelta(hours=48))
    assert later["resolution"]["after"] > later["resolution"]["before"]


def test_customer_without_address_is_told_by_staff(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("complaint", agent="a-mei", contact=BY_PHONE)
    body = {"version": ticket.version, "kind": "feedback", "reason": "only praise"}
    found = api("classification", "mei", body=body, number=ticket.number).body
    assert found["lengthened"]["told_by"] == "staff"
    sooner = {"version": found["version"], "kind": "urgent", "reason": "somebody was scalded"}
    assert "lengthened" not in api("classification", "lin", body=sooner, number=ticket.number).body


def test_ticket_shows_what_set_each_value_of_its_classification(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    """C1: the reason of each value is shown."""
    ticket = open_ticket("complaint", agent="a-mei")
    values = {"category": "delivery/late"}
    why = {"category": {"rule": "late_delivery", "words": ["late parcel"]}}
    stores.changes.change(ticket.number, lambda t, p, at: by_system.classify(t, p, values, why, at))
    file = api("ticket", "mei", number=ticket.number).body
    shown = {one["name"]: one for one in file["classification"]}
    assert list(shown) == ["kind", "category", "language", "urgency", "impact", "customer_type"]
    category = shown["category"]
    assert (category["value"], category["source"]) == ("delivery/late", "rule")
    assert (category["rule"], category["words"]) == ("late_delivery", ["late parcel"])
    assert category["why"]["en"] == "The customer writes about a late delivery"
    assert (shown["kind"]["source"], shown["urgency"]["source"]) == ("opening", "kind")
    body = {"version": file["version"], "impact": "high", "reason": "a whole street waits"}
    api("classification", "lin", body=body, number=ticket.number)
    impact = next(
        one
        for one in api("ticket", "lin", number=ticket.number).body["classification"]
        if one["name"] == "impact"
    )
    assert (impact["source"], impact["reason"]) == ("staff", "a whole street waits")
