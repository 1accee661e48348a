"""Service plans: reading, publishing, versions, and moving a ticket to another plan."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from redress.base.instants import written
from redress.plans.store.plans import Plans
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import EventType
from tests.builders import BY_PHONE, Clock, plan_document
from tests.functions.staff.api import CHANGES, Api
from tests.world import Opener, Stores


def test_current_plan_is_read_and_the_next_version_is_published(api: Api, stores: Stores) -> None:
    assert api("plan").body == plan_document()
    found = api("plan-publish")
    assert found.status == 201
    assert found.body["version"] == 2
    assert api("plan").body["note"] == found.body["note"]


def test_invalid_plan_is_refused_with_all_its_faults(api: Api) -> None:
    plan = plan_document() | {"version": 2, "surprise": 1}
    plan["levels"]["urgent"]["promises"]["first_response"]["within"] = "soon"
    plan["score"]["weights"]["satisfaction"] = 40
    plan["ladders"]["promise"][0]["action"] = "shout"
    plan["time_zone"] = "Mars/Olympus"
    found = api("plan-publish", body=plan)
    assert found.status == 422
    assert found.pointers == {
        "/surprise",
        "/levels/urgent/promises/first_response/within",
        "/score/weights",
        "/ladders/promise/0/action",
        "/time_zone",
    }
    assert api("plan").body == plan_document()


def test_served_schema_of_plans_fits_the_shipped_plan(api: Api) -> None:
    schema = api("plan-schema").body
    assert [
        error.message for error in Draft202012Validator(schema).iter_errors(plan_document())
    ] == []


def test_future_plan_applies_to_tickets_opened_after_its_effective_time(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    tomorrow = clock.now() + timedelta(days=1)
    plan = plan_document() | {"version": 2, "effective_from": tomorrow.isoformat()}
    assert api("plan-publish", body=plan).status == 201
    assert api("plan").body["version"] == 1
    assert open_ticket().plan_version == 1
    third = plan_document() | {"version": 3, "effective_from": clock.now().isoformat()}
    assert api("plan-publish", body=third).codes == {"/effective_from": "too_early"}
    at_once = plan_document() | {"version": 3}
    assert api("plan-publish", body=at_once).codes == {"/effective_from": "too_early"}
    clock.advance(days=1)
    assert api("plan").body["version"] == 2
    assert open_ticket().plan_version == 2


def test_faults_of_holidays_and_other_fields_are_reported_before_a_wrong_version(api: Api) -> None:
    plan = plan_document() | {"version": 9, "note": ""}
    plan["calendars"]["office"]["holidays"]["country"] = "XX"
    assert api("plan-publish", body=plan).pointers == {"/calendars/office/holidays", "/note"}
    plan = plan_document() | {"version": 9}
    assert api("plan-publish", body=plan).pointers == {"/version"}


def test_ticket_moved_to_a_published_plan_gets_its_deadlines(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    api("plan-publish")
    found = api("plan-move", "lin", number=ticket.number)
    assert (found.status, found.body["plan_version"]) == (200, 2)
    promise = next(one for one in found.body["promises"] if one["clock"] == "first_response")
    due = ticket.created_at + timedelta(hours=12)
    assert promise["target_s"] == 12 * 3600
    assert promise["due_at"] == written(due)
    moved = stores.tickets.history(ticket.number)[-1]
    assert (moved.type, moved.by.id, moved.data["from"]) == (EventType.PLAN_CHANGED, "s-lin", 1)
    unknown = CHANGES["plan-move"] | {"version": moved.number, "plan_version": 7}
    assert api("plan-move", "lin", number=ticket.number, body=unknown).codes == {
        "/plan_version": "unknown_plan"
    }
    same = CHANGES["plan-move"] | {"version": moved.number, "plan_version": 2}
    assert api("plan-move", "lin", number=ticket.number, body=same).codes == {
        "/plan_version": "same_plan"
    }


def test_answer_to_a_move_says_which_promises_are_later_and_who_tells_the_customer(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    """No promise is lengthened in silence after the customer was told."""
    plan = plan_document() | {"version": 2}
    plan["levels"]["complaint"]["promises"]["resolution"]["within"] = "72h"
    by_phone, by_mail = open_ticket(contact=BY_PHONE), open_ticket()
    by_mail = stores.changes.change(by_mail.number, by_system.acknowledge)
    assert api("plan-publish", body=plan).status == 201
    for ticket, told_by in ((by_mail, "mail"), (by_phone, "staff")):
        body = CHANGES["plan-move"] | {"version": ticket.version, "plan_version": 2}
        found = api("plan-move", "lin", number=ticket.number, body=body).body["lengthened"]
        assert found["told_by"] == told_by
        [one] = found["promises"]
        assert (one["clock"], one["before"], one["after"]) == (
            "resolution",
            written(ticket.created_at + timedelta(hours=48)),
            written(ticket.created_at + timedelta(hours=72)),
        )


def test_ticket_is_not_moved_to_a_plan_before_its_effective_time(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    later = clock.now() + timedelta(hours=1)
    plan = plan_document() | {"version": 2, "effective_from": later.isoformat()}
    assert api("plan-publish", body=plan).status == 201
    found = api("plan-move", "lin", number=ticket.number)
    assert (found.status, found.codes) == (422, {"/plan_version": "not_effective_yet"})
    assert stores.tickets.get(ticket.number) == ticket
    clock.moment = later
    assert api("plan-move", "lin", number=ticket.number).body["plan_version"] == 2


def test_versions_are_listed_with_publisher_and_state(
    api: Api, stores: Stores, clock: Clock
) -> None:
    tomorrow = clock.now() + timedelta(days=1)
    later = (clock.now() + timedelta(days=2)).isoformat()
    published = written(clock.advance(hours=1))
    for version, effective in ((2, None), (3, tomorrow.isoformat()), (4, later)):
        plan = plan_document() | {"version": version, "note": f"Number {version}"}
        plan |= {"effective_from": effective}
        found = api("plan-publish", body=plan)
        assert (found.status, found.headers["Location"]) == (201, f"plans/{version}")
    clock.moment = tomorrow
    listed = api("plans", "mei").body
    assert [(one["version"], one["state"]) for one in listed["items"]] == [
        (4, "pending"),
        (3, "current"),
        (2, "past"),
        (1, "past"),
    ]
    assert listed["items"][1] == {
        "version": 3,
        "note": "Number 3",
        "effective_from": written(tomorrow),
        "review_by": "2027-05-23",
        "published_at": published,
        "published_by": "m-wei",
        "state": "current",
    }
    assert (listed["items"][3]["published_at"], listed["items"][3]["published_by"]) == (None, None)
    assert listed["next"] is None


def test_versions_are_listed_in_pages(api: Api, stores: Stores) -> None:
    """Version 3 has no record of its publisher, so its facts come from its document."""
    for version in range(2, 6):
        if version == 3:
            plan = plan_document() | {"version": 3, "note": "Before"}
            stores.plan_store.publish(plan, 3, 2)
        else:
            assert api("plan-publish", body=plan_document() | {"version": version}).status == 201
    seen: list[int] = []
    query = {"limit": "2"}
    for _ in range(3):
        page = api("plans", query=query).body
        seen += [one["version"] for one in page["items"]]
        query = {"limit": "2", "cursor": page["next"]}
    assert (seen, page["next"]) == ([5, 4, 3, 2, 1], None)
    before = next(one for one in api("plans").body["items"] if one["version"] == 3)
    assert (before["note"], before["published_by"]) == ("Before", None)


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ({"limit": "0"}, {"/limit": "out_of_range"}),
        ({"limit": "26"}, {"/limit": "out_of_range"}),
        ({"cursor": "5"}, {"/cursor": "unknown_cursor"}),
        ({"cursor": "MA=="}, {"/cursor": "unknown_cursor"}),
        (
            {"limit": "many", "cursor": "OTk5OSNSLTdLM005LVFXMFgy"},
            {"/limit": "whole_number_expected", "/cursor": "unknown_cursor"},
        ),
    ],
    ids=["zero", "too many", "malformed cursor", "version 0", "cursor of another list"],
)
def test_invalid_limit_or_cursor_of_versions_is_refused(
    api: Api, query: dict[str, str], codes: dict[str, str]
) -> None:
    found = api("plans", query=query)
    assert (found.status, found.codes) == (422, codes)


def test_list_of_versions_reads_no_plan_documents_from_the_table(
    api: Api, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in range(2, 5):
        assert api("plan-publish", body=plan_document() | {"version": version}).status == 201
    read: list[int] = []
    read_stored = Plans.stored

    def stored(plans: Plans, version: int) -> str | bytes:
        read.append(version)
        return read_stored(plans, version)

    monkeypatch.setattr(Plans, "stored", stored)
    assert len(api("plans").body["items"]) == 4
    assert not read


def test_every_version_is_read_as_it_was_published(api: Api) -> None:
    plan = plan_document() | {"version": 2, "note": "Another"}
    api("plan-publish", body=plan)
    assert api("plan-version", "mei").body == plan_document()
    assert api("plan-version", "mei", version="2").body == plan


@pytest.mark.parametrize("version", ["2", "0", "01", "x", "100000", "٢"])
def test_unpublished_version_is_not_found(api: Api, version: str) -> None:
    assert api("plan-version", version=version).status == 404


def test_publication_notes_a_year_without_known_holidays(api: Api) -> None:
    plan = plan_document() | {"version": 2}
    plan["calendars"]["office"]["holidays"]["years"] = [2026, 2049]
    [note] = api("plan-publish", body=plan).body["notes"]
    assert "2049" in note
    plan = plan_document() | {"version": 3}
    plan["calendars"]["office"]["holidays"]["years"] = [2026]
    assert api("plan-publish", body=plan).body["notes"] == []


def test_published_plan_has_a_review_date_within_a_year(api: Api) -> None:
    plan = plan_document() | {"version": 2, "review_by": None}
    assert api("plan-publish", body=plan).status == 201
    assert api("plan").body["review_by"] == "2027-05-25"
    late = plan_document() | {"version": 3, "review_by": "2027-11-23"}
    assert api("plan-publish", body=late).codes == {"/review_by": "not_in_time"}


def test_plan_may_be_long_but_must_fit_into_an_item(api: Api, stores: Stores) -> None:
    plan = plan_document() | {"version": 2, "sources": {"text": "x" * 400_000}}
    found = api("plan-publish", body=plan)
    assert (found.status, found.codes) == (422, {"": "too_large"})
    assert stores.plans.latest().version == 1
    plan["sources"]["text"] = "x" * 200_000
    assert api("plan-publish", body=plan).status == 201
    assert api("plan").body == plan
    body = json.dumps(plan) + " " * 2_500_000
    assert api("plan-publish", raw=body).status == 413


@pytest.mark.parametrize("version", [1, 3])
def test_plan_must_have_the_next_version(api: Api, version: int) -> None:
    found = api("plan-publish", body=plan_document() | {"version": version})
    assert (found.status, found.codes) == (422, {"/version": "next_version"})
