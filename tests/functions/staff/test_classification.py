"""Corrections of kind, urgency, impact and customer type."""

from __future__ import annotations

from datetime import timedelta

from redress.base.instants import written
from tests.builders import Clock
from tests.functions.staff.api import Api
from tests.world import Opener


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
