"""Which list a query asks for, which tickets its filters accept, and what its cursors are."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from redress.base.errors import InvalidInput
from redress.db import keys
from redress.tickets.rules.listing import Facets, Filters, Place, View, Wanted, parse
from redress.tickets.rules.ticket import State, Ticket
from redress.tickets.store import items
from tests.builders import NUMBER, START, life_at

KEY = keys.opened_sk(START, NUMBER)
CUSTOMER = "9f86d081884c7d659a2feaa0"


def codes(**query: str) -> dict[str, str]:
    """The faults of a query: pointer -> code."""
    with pytest.raises(InvalidInput) as refused:
        parse(query, "complaints")
    return {fault.pointer: fault.code for fault in refused.value.faults}


def test_list_is_by_default_of_the_open_tickets_of_the_own_team() -> None:
    assert parse({}, "complaints") == Wanted(View.OPEN, team="complaints")
    assert parse({"team": ""}, "complaints") == Wanted(View.OPEN, team="complaints")


def test_list_of_a_customer_has_by_default_open_and_closed_tickets() -> None:
    assert parse({"customer": CUSTOMER}, "complaints") == Wanted(View.ALL, customer=CUSTOMER)


@pytest.mark.parametrize("written", ["vip guest", "VIP  Guest", " ＶＩＰ guest "])
def test_a_filter_by_tag_finds_it_however_it_is_written(written: str) -> None:
    assert parse({"tag": written}, "complaints").filters.tag == "vip guest"


def test_all_wrong_parameters_are_reported_together() -> None:
    assert codes(
        view="everything",
        team="no team",
        closed_in="2026-13",
        state="lost",
        due_from="yesterday",
        due_before="2026-11-23 09:00",
        kind="rumour",
        category="",
        priority="x" * 131,
        tag="",
        language="fr",
        sort="due",
    ) == {
        "/view": "unknown_value",
        "/team": "unknown_team",
        "/closed_in": "contradicts",
        "/state": "unknown_value",
        "/due_from": "instant_expected",
        "/due_before": "instant_expected",
        "/kind": "unknown_value",
        "/category": "wrong_length",
        "/priority": "wrong_length",
        "/tag": "wrong_length",
        "/language": "unknown_value",
        "/sort": "unknown_parameter",
    }


@pytest.mark.parametrize("name", ["category", "priority", "tag"])
def test_filter_with_a_control_character_is_refused(name: str) -> None:
    assert codes(**{name: "kett\x00le"}) == {f"/{name}": "control_characters"}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"agent": "a-mei", "customer": CUSTOMER}, "/customer"),
        ({"agent": "a-mei", "team": "complaints"}, "/team"),
        ({"customer": CUSTOMER, "team": "complaints"}, "/team"),
        ({"agent": "a-mei", "view": "queue"}, "/view"),
        ({"customer": CUSTOMER, "view": "on_hold"}, "/view"),
        ({"view": "all"}, "/view"),
        ({"view": "open", "closed_in": "2026-11"}, "/closed_in"),
        ({"view": "closed", "customer": CUSTOMER, "closed_in": "2026-11"}, "/closed_in"),
        ({"view": "closed", "due_before": "2026-11-23T09:00:00Z"}, "/due_before"),
        ({"customer": CUSTOMER, "due_from": "2026-11-23T09:00:00Z"}, "/due_from"),
        (
            {"due_from": "2026-11-23T09:00:00Z", "due_before": "2026-11-23T10:00:00+01:00"},
            "/due_before",
        ),
        ({"view": "closed", "state": "open"}, "/state"),
        ({"view": "queue", "state": "resolved"}, "/state"),
    ],
)
def test_parameter_that_contradicts_another_one_is_reported(
    query: dict[str, str], pointer: str
) -> None:
    assert codes(**query) == {pointer: "contradicts"}


def test_open_tickets_can_be_narrowed_to_closed_ones_on_which_something_is_owed() -> None:
    assert parse({"state": "closed"}, "complaints").filters == Filters(states=("closed",))


@pytest.mark.parametrize(
    ("filters", "accepted"),
    [
        (Filters(), True),
        (Filters(category="product"), True),
        (Filters(category="product/defect"), True),
        (Filters(category="product/def"), False),
        (Filters(category="prod"), False),
        (Filters(tag="kettle"), True),
        (Filters(tag="kett"), False),
        (Filters(states=("new", "open")), True),
        (Filters(states=("closed",)), False),
        (Filters(kind="complaint", language="en", priority="high"), True),
        (Filters(kind="complaint", language="zh-CN"), False),
        (Filters(priority="low"), False),
    ],
)
def test_filters_accept_tickets_that_match_all_of_them(filters: Filters, accepted: bool) -> None:
    ticket = Facets("open", "complaint", "en", "high", "product/defect", ("kettle", "seal"))
    assert filters.accept(ticket) is accepted


def test_ticket_without_a_category_is_in_none() -> None:
    assert not Filters(category="product").accept(Facets("open", "complaint", "en", "high"))


@pytest.mark.parametrize("state", State)
def test_filters_read_a_stored_snapshot_as_the_ticket_that_it_holds(state: State) -> None:
    """Snapshots omit defaults, so the filters must fill in the same ones."""
    ticket = life_at(state).ticket
    for one in (ticket, msgspec.structs.replace(ticket, category="product", tags=("kettle",))):
        facets = msgspec.json.decode(items.snapshot_doc(one), type=Facets)
        for name in Facets.__struct_fields__:
            assert getattr(facets, name) == getattr(one, name), name
    assert set(Facets.__struct_fields__) <= set(Ticket.__struct_fields__)


def test_cursor_is_refused_by_another_list_and_by_other_filters() -> None:
    wanted = parse({"view": "queue", "kind": "complaint"}, "complaints")
    cursor = wanted.cursor(Place(KEY))
    assert wanted.place(cursor) == Place(KEY)
    others = (
        {"view": "open", "kind": "complaint"},
        {"view": "queue"},
        {"view": "queue", "kind": "complaint", "team": "service"},
        {"view": "queue", "kind": "complaint", "due_from": "2026-11-23T09:00:00Z"},
    )
    for query in others:
        assert parse(query, "complaints").place(cursor) is None


def test_cursor_keeps_the_month_with_which_its_list_began() -> None:
    wanted = parse({"view": "closed"}, "complaints")
    assert wanted.place(wanted.cursor(Place(KEY, "2026-10"))) == Place(KEY, "2026-10")


@pytest.mark.parametrize("damage", ["", "x", KEY, f"..{KEY}", "000000000000..9999#R-1"])
def test_text_that_is_no_cursor_of_the_list_is_refused(damage: str) -> None:
    assert parse({}, "complaints").place(damage) is None


def test_keys_beside_a_sort_key_have_no_other_ticket_between() -> None:
    numbers = sorted(f"R-7K3M9-QW0X{last}" for last in "0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    for before, number in itertools.pairwise(numbers):
        sk = keys.opened_sk(START, number)
        assert keys.opened_sk(START, before) < keys.just_before(sk) < sk < keys.just_after(sk)
    for number, after in itertools.pairwise(numbers):
        assert keys.just_after(keys.opened_sk(START, number)) < keys.opened_sk(START, after)
