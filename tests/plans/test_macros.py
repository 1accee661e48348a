"""Tests of a plan's macros: which can be published, and that one that can never work cannot."""

from __future__ import annotations

from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.base.languages import LANGUAGES
from redress.plans.rules import acts, macros
from redress.plans.rules.document import parse, scaled
from redress.plans.rules.plan import Plan
from redress.tickets.rules import access
from redress.tickets.rules.steps.table import REMEDY_LIMIT, STEPS, TEXT_LIMIT
from redress.tickets.rules.ticket import State
from tests.builders import START, plan_document

TEXT = dict.fromkeys(LANGUAGES, "We are on it.")
LABEL = dict.fromkeys(LANGUAGES, "Wait")


def with_macro(*done: Any, **fields: Any) -> dict[str, Any]:
    """Plan 1 with one macro that does these acts; `fields` replace its other fields."""
    macro = {"name": "wait", "label": LABEL, "acts": list(done), **fields}
    return plan_document() | {"macros": [macro]}


def codes(document: dict[str, Any]) -> dict[str, str]:
    """The faults of a document that is published, by their pointers below the macro."""
    try:
        parse(document, publishing_at=START)
    except InvalidInput as invalid:
        return {one.pointer.removeprefix("/macros/0"): one.code for one in invalid.faults}
    return {}


EVERY = (
    {"act": "reply", "text": TEXT, "wait_for_customer": True},
    {"act": "tell_progress", "text": TEXT},
    {"act": "note", "text": TEXT},
    {"act": "promise", "text": TEXT, "within": "24h"},
    {"act": "hold", "text": TEXT, "reason": "part"},
    {"act": "release"},
    {"act": "reclassify", "kind": "complaint", "category": "product/defect"},
    {"act": "set_tags", "add": ["kettle"], "remove": ["photo"]},
    {"act": "resolve", "text": TEXT, "outcome": "upheld", "remedy": "new", "root_cause": "seal"},
    {"act": "reassign", "team": "service", "reason": "an order matter"},
)


def test_every_act_that_a_macro_can_have_is_published() -> None:
    assert {one["act"] for one in EVERY} == set(acts.IN_MACROS)
    for act in EVERY:
        assert codes(with_macro(act)) == {}


@pytest.mark.parametrize("name", sorted(acts.MESSAGES))
def test_every_message_can_name_a_template_that_needs_nothing_of_its_writer(name: str) -> None:
    [usual] = [one for one in EVERY if one["act"] == name]
    act = {field: value for field, value in usual.items() if field != "text"}
    assert codes(with_macro(act | {"template": "acknowledge"})) == {}
    assert codes(with_macro(act)) == {"/acts/0/text": "object_expected"}
    both = {"/acts/0/template": "not_both"}
    assert codes(with_macro(act | {"template": "acknowledge", "text": TEXT})) == both
    unknown = {"/acts/0/template": "unknown_template"}
    assert codes(with_macro(act | {"template": "nothing"})) == unknown
    document = with_macro(act | {"template": "mine"})
    document["templates"]["mine"] = dict.fromkeys(LANGUAGES, "{details}")
    assert codes(document) == {"/acts/0/template": "unresolved_variable"}
    given = act | {"template": "acknowledge", "values": {"details": "x"}}
    assert codes(with_macro(given)) == {"/acts/0/values": "unknown"}


def test_acts_are_changes_of_the_staff_api() -> None:
    assert set(acts.FIELDS) <= set(access.ACTIONS)
    assert set(acts.FIELDS) >= acts.MESSAGES


def test_limits_of_texts_are_those_of_the_single_changes() -> None:
    assert (acts.TEXT_LIMIT, acts.SHORT_LIMIT) == (TEXT_LIMIT, REMEDY_LIMIT)


def test_acts_after_a_resolution_are_those_that_the_table_allows() -> None:
    possible = {
        name
        for name in acts.IN_MACROS
        if any(State.RESOLVED in STEPS[step] for step in access.ACTIONS[name])
    }
    # A macro hands a ticket to a team, and no queue has a resolved one.
    assert possible - {"reassign"} == macros.AFTER_RESOLVE


@pytest.mark.parametrize(
    ("act", "wrong"),
    [
        ("reply", {"/acts/0": "object_expected"}),
        ({}, {"/acts/0/act": "unknown_act"}),
        ({"act": "close"}, {"/acts/0/act": "unknown_act"}),
        ({"act": ["reply"]}, {"/acts/0/act": "unknown_act"}),
        ({"act": "record_callback"}, {"/acts/0/act": "unknown_act"}),
        ({"act": "join_incident", "incident": "0" * 16}, {"/acts/0/act": "unknown_act"}),
        ({"act": "reply"}, {"/acts/0/text": "object_expected"}),
        (
            {"act": "reply", "text": {"en": "On it."}},
            {"/acts/0/text/zh-CN": "text_expected", "/acts/0/text/zh-TW": "text_expected"},
        ),
        ({"act": "note", "text": TEXT | {"fr": "x"}}, {"/acts/0/text/fr": "unknown_language"}),
        ({"act": "note", "text": TEXT | {"en": "x" * 20_001}}, {"/acts/0/text/en": "too_long"}),
        ({"act": "note", "text": TEXT | {"en": "\u200b"}}, {"/acts/0/text/en": "text_expected"}),
        ({"act": "note", "text": TEXT, "version": 1}, {"/acts/0/version": "unknown"}),
        (
            {"act": "reply", "text": TEXT, "wait_for_customer": "no"},
            {"/acts/0/wait_for_customer": "yes_or_no_expected"},
        ),
        ({"act": "promise", "text": TEXT}, {"/acts/0/within": "duration_expected"}),
        ({"act": "hold", "text": TEXT}, {"/acts/0/reason": "unknown"}),
        ({"act": "set_tags"}, {"/acts/0": "empty"}),
        ({"act": "set_tags", "add": ["x" * 41]}, {"/acts/0/add/0": "too_long"}),
        ({"act": "set_tags", "add": ["㍿" * 11]}, {"/acts/0/add/0": "too_long"}),
        (
            {"act": "set_tags", "add": [" ", 3]},
            {"/acts/0/add/0": "required", "/acts/0/add/1": "text_expected"},
        ),
        ({"act": "set_tags", "add": ["a"] * 21}, {"/acts/0/add": "too_many"}),
        (
            {"act": "set_tags", "add": ["VIP"], "remove": ["vip"]},
            {"/acts/0/remove/0": "twice"},
        ),
        ({"act": "reclassify"}, {"/acts/0": "empty"}),
        ({"act": "reclassify", "kind": "riot"}, {"/acts/0/kind": "unknown"}),
        ({"act": "reclassify", "customer_type": "king"}, {"/acts/0/customer_type": "unknown"}),
        ({"act": "reclassify", "category": "toy"}, {"/acts/0/category": "unknown_category"}),
        ({"act": "resolve", "text": TEXT, "outcome": "fine"}, {"/acts/0/outcome": "unknown"}),
        ({"act": "reassign"}, {"/acts/0/team": "unknown"}),
        ({"act": "reassign", "team": "moon"}, {"/acts/0/team": "unknown"}),
        ({"act": "reassign", "team": "service", "agent": "a-mei"}, {"/acts/0/agent": "unknown"}),
    ],
)
def test_act_that_can_never_be_done_is_not_published(act: Any, wrong: dict[str, str]) -> None:
    assert codes(with_macro(act)) == wrong


def test_text_with_a_word_that_the_plan_refuses_is_not_published() -> None:
    document = with_macro({"act": "reply", "text": TEXT | {"en": "You fool."}})
    document["wording"] = {
        "rude": {
            "severity": "refuse",
            "words": {"zh-CN": [], "zh-TW": [], "en": ["fool"]},
            "instead": TEXT,
        }
    }
    assert codes(document) == {"/acts/0/text/en": "refused_word"}
    document["macros"][0]["acts"][0]["act"] = "note"  # no customer reads it
    assert codes(document) == {}


REPLY, NOTE, TAG = EVERY[0], EVERY[2], EVERY[7]
RESOLVE, REASSIGN = EVERY[8], EVERY[9]


@pytest.mark.parametrize(
    ("done", "wrong"),
    [
        ((REPLY, RESOLVE, NOTE, TAG), {}),
        ((NOTE, REASSIGN), {}),
        ((RESOLVE, REPLY), {"/acts/1/act": "never_possible"}),
        ((RESOLVE, RESOLVE), {"/acts/1/act": "never_possible"}),
        ((REASSIGN, NOTE), {"/acts/1/act": "never_possible"}),
    ],
)
def test_order_of_acts_that_no_ticket_allows_is_not_published(
    done: tuple[Any, ...], wrong: dict[str, str]
) -> None:
    assert codes(with_macro(*done)) == wrong


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"acts": []}, {"/acts": "list_expected"}),
        ({"acts": [NOTE] * 11}, {"/acts": "too_many"}),
        ({"acts": "reply"}, {"/acts": "list_expected"}),
        ({"roles": "agent"}, {}),
        ({"roles": []}, {"/roles": "list_expected"}),
        ({"roles": ["customer"]}, {"/roles": "unknown"}),
        ({"roles": ["agent", "agent"]}, {"/roles": "twice"}),
        ({"name": "Wait"}, {"/name": "name_expected"}),
        (
            {"label": {"en": "Wait"}},
            {"/label/zh-CN": "text_expected", "/label/zh-TW": "text_expected"},
        ),
        ({"colour": "red"}, {"/colour": "unknown"}),
    ],
)
def test_wrong_fields_of_a_macro_are_not_published(
    fields: dict[str, Any], wrong: dict[str, str]
) -> None:
    assert codes(with_macro(NOTE, **fields)) == wrong


def test_two_macros_have_two_names() -> None:
    document = with_macro(NOTE)
    document["macros"] *= 2
    assert codes(document) == {"/macros/1/name": "twice"}


def test_a_plan_without_macros_is_valid_and_has_none() -> None:
    document = plan_document()
    del document["macros"]
    assert codes(document) == {}
    assert macros.of_role(parse(document), "agent") == []


def test_macros_of_a_role_are_those_that_name_it_or_no_role() -> None:
    document = with_macro(NOTE, roles=["supervisor", "manager"])
    document["macros"].append({"name": "note", "label": LABEL, "acts": [NOTE]})
    plan = parse(document)
    found = {
        role: [one["name"] for one in macros.of_role(plan, role)] for role in ("agent", "manager")
    }
    assert found == {"agent": ["note"], "manager": ["wait", "note"]}


def test_macros_of_plan_1_have_a_text_in_every_language(plan: Plan) -> None:
    assert {"ask_for_photo", "wait_for_part"} <= {one["name"] for one in plan.macros}
    texts = [
        fields["text"]
        for one in plan.macros
        for _, fields in macros.acts_of(one)
        if "text" in fields
    ]
    assert texts
    assert all(set(text) == set(LANGUAGES) and len(set(text.values())) == 3 for text in texts)


def test_a_paced_plan_has_shorter_promises_in_its_macros() -> None:
    document = scaled(with_macro(EVERY[3]), 3600, 2)
    assert document["macros"][0]["acts"][0]["within"] == "24s"
