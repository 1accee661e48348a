"""Faults point at what was sent, or name what is missing."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redress.tickets.rules.ticket import Ticket
from tests.answers import DOCUMENTS, resolved
from tests.builders import plan_document
from tests.examples import TIMES
from tests.functions.staff.api import CHANGES, Api
from tests.world import Opener, Stores

WITH_BODY = (*CHANGES, "note", "presence", "rating", "plan-moves", "rehearsal-begin")
CONTROL, HIDDEN = "a\x1b[31mb", "\u200b\u2060"


def tokens(pointer: str) -> list[str]:
    """The names in a JSON pointer (RFC 6901)."""
    return [one.replace("~1", "/").replace("~0", "~") for one in pointer.split("/")[1:]]


def points_well(pointer: str, body: Any, fields: set[str] | None) -> bool:
    """Whether a pointer leads to something in the body, or to a missing field of an object in it.

    `fields` are the fields that the body can have; None if any name may be missing.
    """
    at = body
    for name in tokens(pointer):
        match at:
            case dict() if name in at:
                at = at[name]
            case dict():
                return fields is None or name in fields
            case list() if name.isdigit() and int(name) < len(at):
                at = at[int(name)]
            case _:
                return False
    return True


def fields_of(api: Api, name: str) -> set[str]:
    """The fields of the body of a sample event's route, from the document."""
    document = DOCUMENTS["staff"]
    method, path = api.event(name)["routeKey"].split(" ")
    content = document["paths"][path][method.lower()]["requestBody"]["content"]
    return set(resolved(document, content["application/json"]["schema"])["properties"])


JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, 0, -1, 7, 10**30, 1.5, True, "", " ", "x", "x" * 20_001, CONTROL, HIDDEN, [], [1], {}]
) | st.text(max_size=5)


@pytest.mark.usefixtures("scores_machine")
@settings(
    max_examples=120 * TIMES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), name=st.sampled_from(WITH_BODY))
def test_every_fault_of_a_body_points_at_a_field_that_was_sent_or_is_missing(
    api: Api,
    noted: Callable[..., Ticket],
    open_ticket: Opener,
    stores: Stores,
    data: st.DataObject,
    name: str,
) -> None:
    if not open_ticket.opened:
        noted(ticket=open_ticket())
    number = open_ticket.opened[0]
    event = next(e.number for e in stores.tickets.history(number) if e.type == "mail_noted")
    body: dict[str, Any] = json.loads(api.event(name)["body"])
    fields = fields_of(api, name)
    known = st.sampled_from(sorted(fields))
    for field in data.draw(st.lists(known | st.text(max_size=4), max_size=4)):
        body[field] = data.draw(JUNK)
    for field in data.draw(st.lists(known, max_size=2)):
        body.pop(field, None)
    path = {"event": str(event), "version": "1", "agent": "a-mei", "period": "2026-11"}
    found = api(name, "wei", number=number, body=body, **path)
    if found.status == 422:
        wrong = [one for one in found.pointers if not points_well(one, body, fields)]
        assert not wrong, (body, found.body["errors"])


def places(value: Any, *at: str) -> Iterator[tuple[str, ...]]:
    """The place of every value in a document, but not of the document itself."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in members:
        yield (*at, str(name))
        if isinstance(part, dict | list):
            yield from places(part, *at, str(name))


PLAN = plan_document() | {"version": 2}
PLACES = sorted(places(PLAN))


def changed(place: tuple[str, ...], junk: Any) -> dict[str, Any]:
    """The plan with another value at this place; without the place if `junk` is `...`."""
    plan = copy.deepcopy(PLAN)
    *above, last = place
    holder: Any = plan
    for name in above:
        holder = holder[int(name)] if isinstance(holder, list) else holder[name]
    key: Any = int(last) if isinstance(holder, list) else last
    if junk is ...:
        del holder[key]
    else:
        holder[key] = junk
    return plan


@settings(
    max_examples=150 * TIMES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.sampled_from(["plan-publish", "rehearsal-begin"]),
    place=st.sampled_from(PLACES),
    junk=st.just(...) | JUNK,
)
def test_every_fault_of_a_plan_points_at_a_place_that_was_sent_or_is_missing(
    api: Api, name: str, place: tuple[str, ...], junk: Any
) -> None:
    plan = changed(place, junk)
    rehearsed = name == "rehearsal-begin"
    # A rehearsal of a valid plan would be started: this one has no month.
    body = {"plan": plan} if rehearsed else plan | {"version": 3}
    found = api(name, "wei", body=body, headers={"Idempotency-Key": ""})
    assert found.status == 422
    # The fields of a section that is no object are missing, too.
    sections = [at for at, code in found.codes.items() if code == "object_expected"]
    wrong = [
        one
        for one in found.pointers
        if not points_well(one, body, None)
        and not any(one.startswith(f"{section}/") for section in sections)
    ]
    assert not wrong, (place, junk, found.body["errors"])


TEXTS = {
    "reply": ["text", "template"],
    "note": ["text"],
    "progress": ["text", "template"],
    "resolution": ["text", "template", "remedy", "root_cause", "cause"],
    "callback": ["text"],
    "assignment": ["reason", "agent", "team"],
    "declining": ["reason"],
    "linking": ["ticket", "reason"],
    "unlinking": ["ticket", "reason"],
    "merging": ["into", "reason"],
    "unmerging": ["reason"],
    "splitting": ["subject", "category", "merged", "reason"],
    "unsplitting": ["ticket", "reason"],
    "duplicate-dismissal": ["ticket", "reason"],
    "classification": ["reason", "customer_type", "category"],
    "promise": ["text", "template"],
    "hold": ["text", "template"],
    "correction": ["reason"],
    "plan-move": ["reason"],
    "mentions-end": ["reason"],
    "reminder": ["agent", "text"],
    "rating": ["comment"],
    "plan-moves": ["reason", "dry_run"],
}
"""Sample event -> the fields of its body that are free texts."""
ELSEWHERE = {
    "task-opening": ["team", "title", "text", "owner"],
    "incident-joining": ["reason"],
    "incident-leaving": ["reason"],
    "item-acceptance": ["text"],
    "item-rejection": ["text", "template"],
    "step-result": ["text", "template"],
    "obstacle": ["text", "template"],
    "remedy-proposal": ["text", "template", "kind", "reason"],
    "remedy-refusal": ["reason"],
    "remedy-withdrawal": ["reason", "text"],
    "remedy-completion": ["proof", "text", "file"],
    "post-mortem": ["happened", "cause", "no_action"],
    "about": ["reason"],
    "ticket-customer": ["customer", "reason"],
    "invitation": ["name"],
    "shift-plan": ["csv"],
    "member-change": ["name", "reason"],
    "suspension": ["reason"],
    "reinstatement": ["reason"],
    "customer-edit": ["name", "salutation", "channel", "hours", "type", "company"],
    "customer-contact": ["value"],
    "customer-contact-removal": ["value"],
    "customer-note": ["text"],
    "customer-consent": ["what", "where"],
    "customer-identity": ["how"],
    "customer-identity-withdrawal": ["reason"],
    "customer-distinct": ["other", "reason"],
    "customer-merge": ["other", "reason"],
    "customer-unmerge": ["other", "reason"],
    "relationship-call": ["notes", "ticket"],
    "relationship-call-resumption": ["reason"],
    "relationship-call-owner": ["owner", "reason"],
}
"""The same for bodies that need a customer or a member. The same fields read their texts."""


@pytest.mark.parametrize(("name", "field"), [(n, f) for n, fields in TEXTS.items() for f in fields])
def test_control_characters_are_refused_in_every_text_and_invisible_ones_in_required_texts(
    api: Api, noted: Callable[..., Ticket], name: str, field: str
) -> None:
    ticket = noted()
    body: dict[str, Any] = json.loads(api.event(name)["body"])
    path = {"event": str(ticket.version), "version": "1", "agent": "a-mei", "period": "2026-11"}

    def codes(text: str) -> dict[str, str]:
        found = api(name, "wei", number=ticket.number, body=body | {field: text}, **path)
        return found.codes if found.status == 422 else {}

    for text in (CONTROL, "a\x00", "a\x9bb", "a\x7f"):
        assert codes(text).get(f"/{field}") == "control_characters"
    method, route = api.event(name)["routeKey"].split(" ")
    content = DOCUMENTS["staff"]["paths"][route][method.lower()]["requestBody"]["content"]
    schema = resolved(DOCUMENTS["staff"], content["application/json"]["schema"])
    is_message = field == "text" and "template" in schema["properties"]
    if field in schema.get("required", ()) or is_message:
        assert codes(HIDDEN).get(f"/{field}") == "required"


def test_list_of_texts_is_complete(api: Api) -> None:
    for name in WITH_BODY:
        method, path = api.event(name)["routeKey"].split(" ")
        route = api.module.ROUTES[method, path]
        declared = getattr(route.body, "fields", ())
        texts = [
            one.name
            for one in declared
            if type(one).__name__ in ("Text", "TextOr", "OptionalText", "TextOrNull")
            and not getattr(one, "pattern", None)
        ]
        listed = (TEXTS | ELSEWHERE).get(name, [])
        assert sorted(texts) == sorted(listed) or name == "rating"


LISTS: dict[str, dict[str, str]] = {
    "members": {},
    "invitations": {},
    "work": {},
    "mentions": {},
    "tasks": {},
    "remedies": {},
    "incidents": {},
    "tickets": {},
    "changes": {},
    "search": {"q": "退款"},
    "customers": {"type": "vip"},
    "relationship-calls": {},
    "plans": {},
    "quarantine": {},
    "reconciliations": {},
}
"""The sample of each list, and what its query needs besides the limit."""


@pytest.mark.parametrize("limit", ["-1", "0", "501", "999999", "1.5", "x", "", "１", "+1"])
def test_every_list_has_bounds_of_its_limit(api: Api, limit: str) -> None:
    # Lists below an object are left out: whether the object exists is checked first.
    limited = {path for _, path in api.module.ROUTES if "{" not in path} & {
        path for (_, path), route in api.module.ROUTES.items() if "limit" in route.query
    }
    assert limited == {f"/staff/{name}" for name in LISTS}
    for name, query in LISTS.items():
        found = api(name, "wei", query=query | {"limit": limit})
        assert (found.status, set(found.codes)) == (422, {"/limit"}), name
