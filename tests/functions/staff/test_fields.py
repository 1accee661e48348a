"""Fields of the plan on tickets: staff set them, and read what customers wrote."""

from __future__ import annotations

from typing import Any

import pytest

from redress.db import encoding, keys
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.steps.by_staff import Classification
from redress.tickets.rules.ticket import EventType, Ticket
from redress.wiring import stores as wired_stores
from tests.builders import MEI, plan_document
from tests.functions.staff.api import Api, Reply
from tests.wired import TABLE
from tests.world import Act, Opener, Stores, aws

DAMAGE = {
    "name": "damage",
    "label": {"zh-CN": "损坏", "zh-TW": "損壞", "en": "Damage"},
    "type": "choice",
    "values": [
        {"name": "cracked", "label": {"zh-CN": "裂了", "zh-TW": "裂了", "en": "Cracked"}},
        {"name": "leaks", "label": {"zh-CN": "漏水", "zh-TW": "漏水", "en": "It leaks"}},
    ],
    "kinds": ["complaint"],
}


def labelled(name: str, type_: str, **more: Any) -> dict[str, Any]:
    label = {"zh-CN": name, "zh-TW": name, "en": name.capitalize()}
    return {"name": name, "type": type_, "label": label} | more


FIELDS = [
    labelled("serial", "text"),
    labelled("pieces", "number"),
    labelled("bought", "date"),
    DAMAGE,
    labelled("model", "text", categories=["product"]),
]


def store_plan(document: dict[str, Any] | str) -> None:
    """Store version 2 of the plan as the one in force."""
    text = document if isinstance(document, str) else encoding.encode(document)
    for sk in (keys.plan_sk(2), keys.CURRENT):
        key = {"pk": {"S": keys.PLAN}, "sk": {"S": sk}}
        aws("dynamodb").put_item(TableName=TABLE, Item=key | {"doc": {"S": text}})


@pytest.fixture(autouse=True)
def plan(api: Api) -> None:
    """The plan in force has a field of each type."""
    store_plan(plan_document() | {"version": 2, "fields": FIELDS})


def put(api: Api, by: str, ticket: Ticket | dict[str, Any], **given: str | None) -> Reply:
    if isinstance(ticket, Ticket):
        ticket = {"number": ticket.number, "version": ticket.version}
    body = {"version": ticket["version"], "fields": given}
    return api("fields", by, number=ticket["number"], body=body)


def values(found: Reply) -> dict[str, str | None]:
    return {field["name"]: field["value"] for field in found.body["fields"]}


def field(found: Reply, name: str) -> dict[str, Any]:
    [shown] = [one for one in found.body["fields"] if one["name"] == name]
    assert isinstance(shown, dict)
    return shown


def test_staff_set_fields_and_read_them_with_their_labels(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    assert ticket.plan_version == 2
    found = put(api, "mei", ticket, pieces="２", bought="2026/11/3", damage="It leaks")
    assert found.status == 200, found
    expected = {"serial": None, "pieces": "2", "bought": "2026-11-03", "damage": "leaks"}
    assert values(found) == expected
    damage = field(found, "damage")
    assert (damage["label"]["en"], damage["value_label"]["zh-CN"]) == ("Damage", "漏水")
    assert api("ticket", "lin", number=ticket.number).body["fields"] == found.body["fields"]
    last = stores.tickets.history(ticket.number)[-1]
    assert (last.type, last.data["fields"]) == (
        EventType.FIELDS_SET,
        {"pieces": "2", "bought": "2026-11-03", "damage": "leaks"},
    )


def test_fields_that_are_not_named_stay_and_null_empties_one(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    first = put(api, "mei", ticket, serial="KX-1", pieces="2").body
    put(api, "mei", first, pieces=None, bought="2026-11-03")
    kept = stores.tickets.get(ticket.number).fields
    assert kept == (("bought", "2026-11-03"), ("serial", "KX-1"))
    data = stores.tickets.history(ticket.number)[-1].data
    assert data["from"] == {"pieces": "2", "bought": None}


def test_every_wrong_field_is_named(api: Api, open_ticket: Opener, stores: Stores) -> None:
    ticket = open_ticket("inquiry", agent="a-tao")
    given = {"colour": "red", "pieces": "many", "bought": "soon", "damage": "leaks", "model": "K2"}
    found = put(api, "tao", ticket, **given, serial="KX-1")
    assert (found.status, found.codes) == (
        422,
        {
            "/fields/colour": "unknown_field",
            "/fields/pieces": "number_expected",
            "/fields/bought": "date_expected",
            "/fields/damage": "field_not_offered",
            "/fields/model": "field_not_offered",
        },
    )
    assert stores.tickets.get(ticket.number) == ticket


def test_unknown_choice_is_refused_with_the_known_ones(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    [fault] = put(api, "mei", ticket, damage="burnt").body["errors"]
    assert fault["code"] == "unknown_value"
    assert "cracked, leaks" in fault["detail"]


def test_wrong_names_and_types_of_the_body_are_named_together(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    body = {"version": ticket.version, "fields": {"Serial": "x", "pieces": 2, "serial": "x" * 501}}
    found = api("fields", "mei", number=ticket.number, body=body)
    assert (found.status, found.codes) == (
        422,
        {
            "/fields/Serial": "unknown_value",
            "/fields/pieces": "text_expected",
            "/fields/serial": "too_long",
        },
    )


def test_same_values_change_nothing(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    first = put(api, "mei", ticket, serial="KX-1").body
    assert put(api, "mei", first, serial=" KX-1 ").codes == {"/fields": "same_fields"}


def test_field_of_a_category_is_offered_when_the_ticket_has_the_category(
    api: Api, open_ticket: Opener, act: Act
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    assert put(api, "mei", ticket, model="K2").codes == {"/fields/model": "field_not_offered"}
    given = Classification(category="product/defect")
    ticket = act(ticket, by_staff.reclassify, MEI, given, "it is")
    assert values(put(api, "mei", ticket, model="K2"))["model"] == "K2"


def test_ticket_keeps_a_field_that_its_new_kind_does_not_have(
    api: Api, open_ticket: Opener, act: Act
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    put(api, "mei", ticket, damage="leaks")
    moved = act(ticket, by_staff.reclassify, MEI, Classification(kind="urgent"), "scalded")
    damage = field(api("ticket", "wei", number=ticket.number), "damage")
    assert (damage["value"], damage["offered"]) == ("leaks", False)
    assert "damage" not in values(put(api, "wei", moved, damage=None))


def test_what_a_customer_wrote_is_shown_as_a_value_or_as_it_was_written(
    api: Api, open_ticket: Opener
) -> None:
    written = {"pieces": "two", "bought": "2026年11月3日", "colour": "red"}
    ticket = open_ticket("complaint", agent="a-mei", fields=written)
    found = api("ticket", "mei", number=ticket.number)
    pieces, bought, colour = (field(found, name) for name in written)
    assert (pieces["value"], pieces["written"]) == (None, "two")
    assert (bought["value"], bought["written"]) == ("2026-11-03", None)
    assert (colour["written"], colour["offered"]) == ("red", False)
    corrected = put(api, "mei", ticket, pieces="2", colour=None)
    assert values(corrected)["pieces"] == "2"
    assert "colour" not in values(corrected)


def test_long_text_of_a_customer_is_whole_in_the_timeline(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket("complaint", agent="a-mei", fields={"serial": "x" * 2_000})
    found = api("ticket", "mei", number=ticket.number)
    assert found.body["timeline"][0]["data"]["fields"] == {"serial": "x" * 2_000}
    assert len(dict(stores.tickets.get(ticket.number).fields)["serial"]) == 500


def test_ticket_is_read_although_its_plan_cannot_be_read(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("complaint", agent="a-mei", fields={"serial": "KX-1"})
    wired_stores.plans.cache_clear()
    store_plan("{")
    found = api("ticket", "mei", number=ticket.number)
    assert found.status == 200
    assert [(one["name"], one["written"]) for one in found.body["fields"]] == [("serial", "KX-1")]
