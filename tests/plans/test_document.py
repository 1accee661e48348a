"""Tests that a plan document is accepted, or refused with the JSON pointers of all its faults."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base.errors import InvalidInput
from redress.base.languages import LANGUAGES
from redress.clocks.rules.clocks import Action, ClockName, Rung
from redress.plans.rules import plan as plans
from redress.plans.rules.document import parse, scaled
from redress.plans.rules.plan import CHANNELS, KINDS, HeldPlan, Plan
from redress.plans.rules.publishing import REACH
from tests.builders import START, plan_document

Document = dict[str, Any]
Break = Callable[[Document], object]


def faults(document: Any, *, publishing: bool = False) -> set[tuple[str, str]]:
    """Pointer and code of each fault of a document; empty if it is valid."""
    try:
        parse(document, publishing_at=START if publishing else None)
    except InvalidInput as invalid:
        return {(fault.pointer, fault.code) for fault in invalid.faults}
    return set()


def put(*path: str | int, value: Any) -> Break:
    """Replace the value at a path."""

    def change(document: Document) -> None:
        inner: Any = document
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value

    return change


def drop(*path: str | int) -> Break:
    def change(document: Document) -> None:
        inner: Any = document
        for step in path[:-1]:
            inner = inner[step]
        del inner[path[-1]]

    return change


LABEL = {"zh-CN": "商品", "zh-TW": "商品", "en": "Product"}


def category(name: str, *subs: str) -> Document:
    """A category with these sub-categories."""
    return {
        "name": name,
        "label": LABEL,
        "sub": [{"name": sub, "label": LABEL} for sub in subs],
    }


def test_the_shipped_plan_is_valid_and_matches_its_document(plan: Plan) -> None:
    document = plan_document()
    assert faults(document, publishing=True) == set()
    assert plan.version == 1
    assert set(plan.levels) == set(KINDS)
    for kind in KINDS:
        promised = document["levels"][kind]["promises"]
        assert {name: promise.target_s for name, promise in plan.level(kind).promises.items()} == {
            name: plans.seconds_of(entry["within"]) for name, entry in promised.items()
        }
    assert sum(plan.score.weights.values()) == 100


def test_the_shipped_plan_names_the_source_of_every_number() -> None:
    document = plan_document()
    for pointer in document["sources"]:
        section = pointer.split("/")[1]
        assert section in document
    covered = {pointer.split("/")[1] for pointer in document["sources"]}
    assert covered >= {"levels", "ladders", "callback", "survey", "idempotency", "score"}


HUGE = 10**400
GIVEN = ("urgency", "impact")
RUNG = {"at": 1, "action": "breach", "notify": []}

FAULTY: dict[str, tuple[Break, set[tuple[str, str]]]] = {
    "an unknown section": (put("extra", value=1), {("/extra", "unknown")}),
    "a name that needs escaping": (put("a/b~c", value=1), {("/a~1b~0c", "unknown")}),
    "no version": (drop("version"), {("/version", "whole_number_expected")}),
    "version 0": (put("version", value=0), {("/version", "whole_number_expected")}),
    "version true": (put("version", value=True), {("/version", "whole_number_expected")}),
    "a version out of bounds": (
        put("version", value=HUGE),
        {("/version", "whole_number_expected")},
    ),
    "no note": (put("note", value=" "), {("/note", "text_expected")}),
    "a note that is too long": (put("note", value="x" * 501), {("/note", "too_long")}),
    "a section of files that is no object": (
        put("files", value=[]),
        {("/files", "object_expected")},
    ),
    "wrong values of files": (
        put(
            "files",
            value={
                "types": ["image", "music", "image"],
                "most_bytes": 0,
                "most_each_ticket": 101,
                "most_at_once": "5",
                "most": 1,
            },
        ),
        {
            ("/files/types/1", "unknown"),
            ("/files/types/2", "twice"),
            ("/files/most_bytes", "whole_number_expected"),
            ("/files/most_each_ticket", "whole_number_expected"),
            ("/files/most_at_once", "whole_number_expected"),
            ("/files/most", "unknown"),
        },
    ),
    "types of files that are no list": (
        put("files", "types", value="image"),
        {("/files/types", "list_expected")},
    ),
    "no levels": (
        drop("levels"),
        {("/levels", "object_expected")}
        | {(f"/levels/{kind}", "object_expected") for kind in KINDS}
        | {(f"/levels/{kind}/promises", "object_expected") for kind in KINDS}
        | {
            (f"/levels/{kind}/promises/{clock}", "missing")
            for kind in KINDS
            for clock in ("acknowledgement", "first_response", "resolution")
        }
        | {(f"/levels/{kind}/team", "text_expected") for kind in KINDS}
        | {(f"/levels/{kind}/{name}", "unknown") for kind in KINDS for name in GIVEN},
    ),
    "an unknown kind": (
        put("levels", "praise", value={}),
        {("/levels/praise", "unknown")},
    ),
    "a promise of 0 hours": (
        put("levels", "urgent", "promises", "resolution", "within", value="0h"),
        {("/levels/urgent/promises/resolution/within", "duration_expected")},
    ),
    "a promise in days": (
        put("levels", "urgent", "promises", "resolution", "within", value="2d"),
        {("/levels/urgent/promises/resolution/within", "duration_expected")},
    ),
    "a promise as a number": (
        put("levels", "urgent", "promises", "resolution", "within", value=86400),
        {("/levels/urgent/promises/resolution/within", "duration_expected")},
    ),
    "a promise longer than a year": (
        put("levels", "urgent", "promises", "resolution", "within", value="8785h"),
        {("/levels/urgent/promises/resolution/within", "duration_expected")},
    ),
    "a promise without a target": (
        drop("levels", "urgent", "promises", "resolution", "within"),
        {("/levels/urgent/promises/resolution/within", "duration_expected")},
    ),
    "an unknown promise": (
        put("levels", "urgent", "promises", "gift", value={"within": "5m"}),
        {("/levels/urgent/promises/gift", "unknown")},
    ),
    "a promise in an unknown calendar": (
        put("levels", "urgent", "promises", "resolution", "calendar", value="lunch"),
        {("/levels/urgent/promises/resolution/calendar", "unknown")},
    ),
    "a promise on an unknown ladder": (
        put("levels", "urgent", "promises", "resolution", "ladder", value="rope"),
        {("/levels/urgent/promises/resolution/ladder", "unknown")},
    ),
    "a promise that pauses for lunch": (
        put("levels", "urgent", "promises", "resolution", "pauses", value=["lunch"]),
        {("/levels/urgent/promises/resolution/pauses", "unknown")},
    ),
    "a kind without a first response": (
        drop("levels", "inquiry", "promises", "first_response"),
        {("/levels/inquiry/promises/first_response", "missing")},
    ),
    "a survey without a callback": (
        drop("levels", "inquiry", "promises", "callback"),
        {("/levels/inquiry/promises/survey", "needs_callback")},
    ),
    "a field of the form that is not known": (
        put("form", value={"fields": ["order", "shoe_size"], "colour": "red"}),
        {("/form/fields/1", "unknown"), ("/form/colour", "unknown")},
    ),
    "a field of the form that is named twice": (
        put("form", "fields", value=["order", "order"]),
        {("/form/fields/1", "twice")},
    ),
    "a form that is a list": (put("form", value=["order"]), {("/form", "object_expected")}),
    "a section on conflicts of interest with many faults": (
        put(
            "conflict",
            value={
                "without_their_supervisor": "yes",
                "earlier_days": 0,
                "colour": "red",
            },
        ),
        {
            ("/conflict/without_their_supervisor", "yes_or_no_expected"),
            ("/conflict/earlier_days", "whole_number_expected"),
            ("/conflict/colour", "unknown"),
        },
    ),
    "categories of conflicts of interest that are no list": (
        put("conflict", "categories", value="service"),
        {("/conflict/categories", "list_expected")},
    ),
    "a low survey score above the scale": (
        put("survey", "low", value=6),
        {("/survey/low", "whole_number_expected")},
    ),
    "a low survey score below the scale": (
        put("survey", "low", value=0),
        {("/survey/low", "whole_number_expected")},
    ),
    "an unknown urgency": (
        put("levels", "urgent", "urgency", value="extreme"),
        {("/levels/urgent/urgency", "unknown")},
    ),
    "office hours that overlap": (
        put("calendars", "office", "week", "monday", value=["09:00-12:00", "11:00-18:00"]),
        {("/calendars/office/week/monday", "wrong_intervals")},
    ),
    "office hours in the wrong order": (
        put("calendars", "office", "exceptions", value={"2026-12-31": ["12:00-09:00"]}),
        {("/calendars/office/exceptions/2026-12-31", "wrong_intervals")},
    ),
    "an exception with an invalid date": (
        put("calendars", "office", "exceptions", value={"2026-02-30": []}),
        {("/calendars/office/exceptions/2026-02-30", "date_expected")},
    ),
    "an office that never opens": (
        put("calendars", "night", value={"week": {"monday": []}}),
        {("/calendars/night/week", "never_open")},
    ),
    "an unknown weekday": (
        put("calendars", "office", "week", "someday", value=["09:00-12:00"]),
        {("/calendars/office/week/someday", "unknown")},
    ),
    "a calendar with the name of the built-in one": (
        put("calendars", "always", value={"week": {"monday": ["09:00-12:00"]}}),
        {("/calendars/always", "taken")},
    ),
    "make-up days without their hours": (
        drop("calendars", "office", "make_up"),
        {("/calendars/office/make_up", "missing")},
    ),
    "holidays without years": (
        put("calendars", "office", "holidays", value={"country": "CN", "years": [26]}),
        {("/calendars/office/holidays/years", "years_expected")},
    ),
    "quiet hours outside an unknown calendar": (
        put("quiet_hours", value={"outside": "dreams"}),
        {("/quiet_hours/outside", "unknown")},
    ),
    "a quiet breach": (
        put("ladders", "promise", 2, "quiet", value=True),
        {("/ladders/promise/2/quiet", "breach_at_due")},
    ),
    "a rung that raises to an unknown priority": (
        put("ladders", "promise", 3, "priority", value="sky"),
        {("/ladders/promise/3/priority", "unknown")},
    ),
    "a missing entry in the matrix of priorities": (
        drop("priorities", "matrix", "low", "high"),
        {("/priorities/matrix/low/high", "unknown")},
    ),
    "a repeated priority": (
        put("priorities", "order", value=["low", "normal", "high", "urgent", "low"]),
        {("/priorities/order", "twice")},
    ),
    "no standard customer type": (
        put("customer_types", value=["vip"]),
        {("/customer_types", "missing")},
    ),
    "an override that changes nothing": (
        put("overrides", 0, value={"when": {"channel": ["chat"]}}),
        {("/overrides/0", "empty")},
    ),
    "an override without conditions": (
        put("overrides", 0, value={"when": {}, "team": "vip"}),
        {("/overrides/0/when", "empty")},
    ),
    "an override for an unknown channel": (
        put("overrides", 0, value={"when": {"channel": ["dove"]}, "team": "birds"}),
        {("/overrides/0/when/channel", "unknown")},
    ),
    "an override that adds a promise without a target": (
        put(
            "overrides",
            0,
            value={"when": {"kind": ["inquiry"]}, "promises": {"reaction": {"calendar": "office"}}},
        ),
        {("/overrides/0/promises/reaction/within", "missing")},
    ),
    "an effective time without an offset": (
        put("effective_from", value="2027-01-01T00:00:00"),
        {("/effective_from", "instant_expected")},
    ),
    "a review with an invalid date": (
        put("review_by", value="soon"),
        {("/review_by", "date_expected")},
    ),
    "no team": (
        put("levels", "urgent", "team", value=7),
        {("/levels/urgent/team", "text_expected")},
    ),
    "an empty ladder": (
        put("ladders", "promise", value=[]),
        {("/ladders/promise", "list_expected")},
    ),
    "no promise ladder": (
        drop("ladders", "promise"),
        {("/ladders/promise", "missing"), ("/own_word/ladder", "unknown")},
    ),
    "a ladder that is no list": (
        put("ladders", "more", value=RUNG),
        {("/ladders/more", "list_expected")},
    ),
    "a rung that is no object": (
        put("ladders", "acknowledgement", value=[RUNG, "high"]),
        {("/ladders/acknowledgement/1", "object_expected")},
    ),
    "a ladder that goes backwards": (
        put("ladders", "promise", 1, "at", value=0.25),
        {("/ladders/promise/1/at", "backwards")},
    ),
    "a breach before the due time": (
        put("ladders", "promise", 2, "at", value=0.9),
        {("/ladders/promise/2/at", "breach_at_due")},
    ),
    "a breach before the due time on a ladder that goes backwards": (
        lambda document: (
            put("ladders", "promise", 2, "at", value=0.7)(document),
            put("calendars", "office", "exceptions", value={"2026-02-30": []})(document),
            drop("calendars", "office", "make_up")(document),
        ),
        {
            ("/ladders/promise/2/at", "backwards"),
            ("/ladders/promise/2/at", "breach_at_due"),
            ("/calendars/office/exceptions/2026-02-30", "date_expected"),
            ("/calendars/office/make_up", "missing"),
        },
    ),
    "a breach with an invalid time and an invalid audience": (
        put("ladders", "acknowledgement", value=[{"action": "breach", "notify": [[]]}]),
        {
            ("/ladders/acknowledgement/0/at", "share_expected"),
            ("/ladders/acknowledgement/0/notify", "unknown"),
        },
    ),
    "two breaches": (
        put("ladders", "acknowledgement", value=[RUNG, RUNG]),
        {("/ladders/acknowledgement", "one_breach")},
    ),
    "no breach": (
        put("ladders", "promise", 2, "action", value="escalate"),
        {("/ladders/promise", "one_breach")},
    ),
    "a rung with an unknown action": (
        put("ladders", "promise", 0, "action", value="close"),
        {("/ladders/promise/0/action", "unknown")},
    ),
    "an action that is a list": (
        put("ladders", "promise", 0, "action", value=["remind"]),
        {("/ladders/promise/0/action", "unknown")},
    ),
    "a rung for an unknown role": (
        put("ladders", "promise", 0, "notify", value=["customer"]),
        {("/ladders/promise/0/notify", "unknown")},
    ),
    "a rung that notifies a number": (
        put("ladders", "promise", 0, "notify", value=7),
        {("/ladders/promise/0/notify", "unknown")},
    ),
    "a rung at 0": (
        put("ladders", "promise", 0, "at", value=0),
        {("/ladders/promise/0/at", "share_expected")},
    ),
    "a rung at infinity": (
        put("ladders", "promise", 3, "at", value=float("inf")),
        {("/ladders/promise/3/at", "share_expected")},
    ),
    "a rung at a value that is no number": (
        put("ladders", "promise", 3, "at", value=float("nan")),
        {("/ladders/promise/3/at", "share_expected")},
    ),
    "a rung at a number too large for a float": (
        put("ladders", "promise", 3, "at", value=HUGE),
        {("/ladders/promise/3/at", "share_expected")},
    ),
    "no callback": (
        drop("callback"),
        {("/callback", "object_expected"), ("/callback/attempts", "whole_number_expected")},
    ),
    "too many attempts": (
        put("callback", "attempts", value=10**6),
        {("/callback/attempts", "whole_number_expected")},
    ),
    "idempotency keys kept too short": (
        put("idempotency", "kept_days", value=29),
        {("/idempotency/kept_days", "whole_number_expected")},
    ),
    "idempotency keys kept too long": (
        put("idempotency", "kept_days", value=10**9),
        {("/idempotency/kept_days", "whole_number_expected")},
    ),
    "weights that do not add up": (
        put("score", "weights", "satisfaction", value=31),
        {("/score/weights", "sum")},
    ),
    "a missing weight": (
        drop("score", "weights", "satisfaction"),
        {("/score/weights/satisfaction", "whole_number_expected"), ("/score/weights", "sum")},
    ),
    "an unknown component": (
        put("score", "weights", "looks", value=0),
        {("/score/weights/looks", "unknown")},
    ),
    "grades that overlap": (
        put("score", "grades", 1, "minimum", value=90),
        {("/score/grades/1/minimum", "overlap")},
    ),
    "grades that do not begin at 0": (
        put("score", "grades", 3, "minimum", value=1),
        {("/score/grades/3/minimum", "gap")},
    ),
    "no grades": (put("score", "grades", value={}), {("/score/grades", "list_expected")}),
    "a grade that is no object": (
        put("score", "grades", 0, value="A"),
        {("/score/grades/0", "object_expected")},
    ),
    "a minimum weight above 100": (
        put("score", "minimum_weight", value=101),
        {("/score/minimum_weight", "whole_number_expected")},
    ),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_plan_with_a_fault_is_refused(name: str, document: Document) -> None:
    change, expected = FAULTY[name]
    change(document)
    assert faults(document) == expected


INDEPENDENT = (
    "an unknown section",
    "version 0",
    "a promise of 0 hours",
    "an unknown promise",
    "no team",
    "a ladder that goes backwards",
    "two breaches",
    "too many attempts",
    "idempotency keys kept too short",
    "weights that do not add up",
    "grades that do not begin at 0",
)


@given(st.sets(st.sampled_from(INDEPENDENT), min_size=1))
def test_all_faults_are_reported_at_once(names: set[str]) -> None:
    document = plan_document()
    expected = set[tuple[str, str]]()
    for name in names:
        change, own = FAULTY[name]
        change(document)
        expected |= own
    assert faults(document) == expected


@pytest.mark.parametrize("document", [None, [], "plan", 1, True])
def test_a_document_that_is_no_object_is_refused(document: Any) -> None:
    assert faults(document) == {("", "object_expected")}


ZONES = ["Mars/Phobos", "Asia", "../zone", "/etc/localtime", "a\0b", "x" * 300, "\ud800", " UTC"]


@pytest.mark.parametrize("zone", ZONES)
def test_a_plan_in_an_unknown_time_zone_is_not_published(zone: str, document: Document) -> None:
    """Every change of a ticket computes months in it, so a wrong zone would stop all changes."""
    document["time_zone"] = zone
    assert faults(document, publishing=True) == {("/time_zone", "unknown_zone")}


@pytest.mark.parametrize("region", ["cn", "CHN", "XX", "", 86, None, ["CN"]])
def test_an_unknown_home_region_is_a_fault(region: Any, document: Document) -> None:
    document["home_region"] = region
    assert faults(document, publishing=True) == {("/home_region", "unknown_region")}


def test_a_plan_that_names_no_home_region_has_the_one_of_version_1(document: Document) -> None:
    document["home_region"] = "TW"
    assert parse(document).home_region == "TW"
    del document["home_region"]
    assert parse(document).home_region == "CN"


@pytest.mark.parametrize(
    ("note", "code"), [("a\x1bb", "control_characters"), ("\u200b\u202e", "text_expected")]
)
def test_a_note_that_nobody_can_read_is_not_published_but_stays_readable(
    note: str, code: str, document: Document
) -> None:
    document["note"] = note
    assert faults(document, publishing=True) == {("/note", code)}
    assert faults(document) == set()


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Asia/Taipei", "UTC", "Europe/Berlin"])
def test_every_zone_of_the_database_is_accepted(zone: str, document: Document) -> None:
    document["time_zone"] = zone
    assert faults(document, publishing=True) == set()


# -------------------------------------------------------------------------------- fuzz

NAMES = st.text(max_size=6) | st.sampled_from(["at", "action"])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([HUGE, -HUGE, "remind", "breach", "agent"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        entries: list[tuple[str | int, Any]] = list(value.items())
    elif isinstance(value, list):
        entries = list(enumerate(value))
    else:
        entries = []
    for key, inner in entries:
        found += _paths(inner, (*path, key))
    return found


def changed_anywhere(changes: list[tuple[tuple[str | int, ...], Any]]) -> dict[str, Any]:
    """Plan 1 with these values at these places."""
    document = plan_document()
    for path, value in changes:
        try:
            put(*path, value=copy.deepcopy(value))(document)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change removed this place
    return document


PATHS = [path for path in _paths(plan_document()) if path[0] != "sources"]


@given(JSON)
def test_any_value_is_parsed_or_refused(document: Any) -> None:
    for publishing in (False, True):
        faults(document, publishing=publishing)


@given(st.lists(st.tuples(st.sampled_from(PATHS), JSON), min_size=1, max_size=3))
def test_a_plan_with_random_changes_is_parsed_or_refused(
    changes: list[tuple[tuple[str | int, ...], Any]],
) -> None:
    document = changed_anywhere(changes)
    if not faults(document, publishing=True):
        _usable(parse(document))


def _usable(plan: Plan) -> None:
    """Check that every promise of a valid plan has a due time in reach and an ascending ladder."""
    for kind, channel, priority, customer_type in product(
        KINDS, CHANNELS, plan.priorities, plan.customer_types
    ):
        for name, promise in plan.promises(kind, channel, priority, customer_type).items():
            calendar = plan.calendar(promise.calendar)
            assert START < calendar.add(START, promise.target_s) <= START + REACH
            for by_mail in (True, False):
                rungs = plan.rungs(name, promise.ladder, promise.target_s, by_mail=by_mail)
                assert calendar.add(START, rungs[-1].at_s) <= START + REACH
                assert [rung.at_s for rung in rungs] == sorted(rung.at_s for rung in rungs)
                assert rungs[0].at_s >= 1


# ------------------------------------------------------------------ promises too far ahead

MINUTE_A_WEEK = {"week": {"monday": ["09:00-09:01"]}}
ALL_YEAR = {"within": "8784h"}
INQUIRY = ("levels", "inquiry", "promises")
TOO_FAR: dict[str, tuple[Break, set[str]]] = {
    "a year in a calendar that opens for one minute a week": (
        put(*INQUIRY, "resolution", value={"within": "8784h", "calendar": "rare"}),
        {"/levels/inquiry/promises/resolution"},
    ),
    "a year of office hours": (
        put(*INQUIRY, "resolution", value={"within": "8784h", "calendar": "office"}),
        {"/levels/inquiry/promises/resolution"},
    ),
    "a rung long after a due time in a year": (
        lambda document: (
            put("ladders", "patient", value=[RUNG, {"at": 3.1, "action": "escalate"}])(document),
            put(*INQUIRY, "resolution", value=ALL_YEAR | {"ladder": "patient"})(document),
        ),
        {"/levels/inquiry/promises/resolution"},
    ),
    "a year between two attempts": (
        lambda document: (
            put("callback", "attempts", value=4)(document),
            put(*INQUIRY, "callback", value=ALL_YEAR)(document),
        ),
        {"/levels/inquiry/promises/callback"},
    ),
    "an override to a calendar that rarely opens": (
        put("overrides", 1, "promises", "resolution", value={"calendar": "rare"}),
        {"/overrides/1/promises/resolution"},
    ),
    "overrides that are too far ahead only together": (
        put(
            "overrides",
            value=[
                {"when": {"channel": "chat"}, "promises": {"resolution": {"within": "1h"}}},
                {"when": {"channel": "chat"}, "promises": {"resolution": {"within": "800h"}}},
                {"when": {"priority": "urgent"}, "promises": {"resolution": {"calendar": "shop"}}},
                {"when": {"kind": "complaint"}, "promises": {"resolution": {"pauses": "part"}}},
            ],
        ),
        {"/overrides/2/promises/resolution"},
    ),
    "overrides that never apply to the same ticket": (
        put(
            "overrides",
            value=[
                {"when": {"channel": "chat"}, "promises": {"resolution": {"within": "800h"}}},
                {"when": {"channel": "web"}, "promises": {"resolution": {"calendar": "shop"}}},
            ],
        ),
        set(),
    ),
    "together with other faults": (
        lambda document: (
            put(*INQUIRY, "resolution", value=ALL_YEAR | {"calendar": "rare"})(document),
            put(*INQUIRY, "callback", value={"within": "soon"})(document),
            put("time_zone", value="Mars/Phobos")(document),
            put("score", "weights", "satisfaction", value=31)(document),
        ),
        {
            "/levels/inquiry/promises/resolution",
            "/levels/inquiry/promises/callback/within",
            "/time_zone",
            "/score/weights",
        },
    ),
}


@pytest.mark.parametrize("name", TOO_FAR)
def test_a_promise_that_is_due_too_far_ahead_is_not_published(
    name: str, document: Document
) -> None:
    change, expected = TOO_FAR[name]
    shop = {"week": {"monday": ["09:00-12:00"]}}
    document["calendars"] |= {"rare": MINUTE_A_WEEK, "shop": shop}
    change(document)
    found = faults(document, publishing=True)
    assert {pointer for pointer, _ in found} == expected
    assert not expected or "too_far" in {code for _, code in found}


def test_reading_a_stored_plan_does_not_check_how_far_ahead_promises_are_due(
    document: Document,
) -> None:
    document["calendars"]["rare"] = MINUTE_A_WEEK
    document["levels"]["inquiry"]["promises"]["resolution"]["calendar"] = "rare"
    assert faults(document) == set()


def test_a_promise_is_checked_from_start_dates_in_the_coming_years(document: Document) -> None:
    """The office is open this year and closed on nearly all days of the following years."""
    closed = [START.date() + timedelta(days=day) for day in range(300, 3000)]
    document["calendars"]["office"]["exceptions"] = {day.isoformat(): [] for day in closed}
    found = faults(document, publishing=True)
    assert ("/levels/inquiry/promises/first_response", "too_far") in found


def test_quiet_hours_that_never_end_are_not_published(document: Document) -> None:
    closed = [START.date() + timedelta(days=day) for day in range(-2, 2000)]
    document["calendars"]["waking"]["exceptions"] = {day.isoformat(): [] for day in closed}
    assert faults(document, publishing=True) == {("/quiet_hours/outside", "never_open")}


def test_a_plan_must_take_effect_within_a_year(document: Document) -> None:
    document["effective_from"] = (START + timedelta(days=366)).isoformat()
    del document["review_by"]
    assert faults(document, publishing=True) == set()
    document["effective_from"] = "9999-12-31T23:59:59+00:00"
    assert faults(document, publishing=True) == {("/effective_from", "too_late")}
    assert faults(document) == set()


@pytest.mark.parametrize(
    ("effective_from", "review_by", "given"),
    [
        (None, "2027-05-25", None),
        ("2026-01-01T00:00:00Z", "2027-05-25", None),
        ("2027-01-01T00:00:00+08:00", "2027-07-03", None),
        ("2026-12-31T20:00:00Z", "2027-07-03", None),
        (None, "2026-11-23", "2026-11-23"),
        (None, "2027-05-26", "2027-05-26"),
        ("2027-01-01T00:00:00+08:00", "2027-07-04", "2027-07-04"),
    ],
)
def test_the_review_is_within_half_a_year_of_taking_effect(
    effective_from: str | None, review_by: str, given: str | None, document: Document
) -> None:
    """By default 183 days after that day in Shanghai; a plan may name another day within 184."""
    document |= {"effective_from": effective_from, "review_by": given}
    plan = parse(document, publishing_at=START)
    assert str(plan.review_by) == review_by


@pytest.mark.parametrize(
    ("effective_from", "review_by"),
    [
        (None, "2026-11-22"),
        (None, "2027-05-27"),
        (None, "9999-12-31"),
        ("2027-01-01T00:00:00+08:00", "2026-12-31"),
        ("2027-01-01T00:00:00+08:00", "2027-07-05"),
        ("2025-01-01T00:00:00+08:00", "2025-05-05"),
    ],
)
def test_a_review_that_is_past_or_too_far_away_is_not_published(
    effective_from: str | None, review_by: str, document: Document
) -> None:
    document |= {"effective_from": effective_from, "review_by": review_by}
    assert faults(document, publishing=True) == {("/review_by", "not_in_time")}
    assert faults(document) == set(), "a stored plan stays valid after its day of review"


def test_an_invalid_effective_time_gives_no_second_fault_for_the_review(document: Document) -> None:
    document |= {"effective_from": "next year", "review_by": "2027-07-05"}
    assert faults(document, publishing=True) == {("/effective_from", "instant_expected")}


@pytest.mark.parametrize("key", ["customer_types", "priorities"])
def test_too_many_names_are_refused(key: str, document: Document) -> None:
    more = [f"name_{n}" for n in range(60)]
    if key == "priorities":
        document["priorities"]["order"] += more
    else:
        document["customer_types"] += more
    at = "/priorities/order" if key == "priorities" else "/customer_types"
    assert faults(document) == {(at, "too_many")}


SURVEY = {"survey": {"within": "24h"}}
CALLBACK = {"callback": {"within": "24h"}}
FEEDBACK, INQUIRIES = {"kind": "feedback"}, {"kind": "inquiry"}


@pytest.mark.parametrize(
    ("overrides", "at"),
    [
        ([{"when": FEEDBACK, "promises": SURVEY}], "/overrides/0/promises/survey"),
        ([{"when": {"channel": "web"}, "promises": SURVEY}], "/overrides/0/promises/survey"),
        ([{"when": INQUIRIES, "promises": SURVEY}], None),
        ([{"when": FEEDBACK, "promises": SURVEY | CALLBACK}], None),
        (
            [
                {"when": FEEDBACK, "promises": CALLBACK},
                {"when": FEEDBACK | {"channel": "web"}, "promises": SURVEY},
            ],
            None,
        ),
        (
            [
                {"when": FEEDBACK | {"channel": "web"}, "promises": CALLBACK},
                {"when": FEEDBACK, "promises": SURVEY},
            ],
            "/overrides/1/promises/survey",
        ),
    ],
    ids=[
        "without a callback",
        "to all kinds of the channel web",
        "where a callback exists",
        "with a callback",
        "to some of those with a callback",
        "to more than those with a callback",
    ],
)
def test_an_override_may_add_a_survey_only_with_a_callback(
    overrides: list[Document], at: str | None, document: Document
) -> None:
    document["overrides"] = overrides
    expected = {(at, "needs_callback")} if at else set()
    assert faults(document, publishing=True) == expected


@pytest.mark.parametrize(
    ("section", "value", "pointer"),
    [
        ("routing", [], "/routing"),
        ("routing", {"rules": {}}, "/routing/rules"),
        ("routing", {"steps": 1}, "/routing/steps"),
        ("classification", "none", "/classification"),
        ("classification", {"rules": {}}, "/classification/rules"),
    ],
)
def test_a_section_of_the_wrong_type_is_named_once(
    document: Document, section: str, value: Any, pointer: str
) -> None:
    document[section] = value
    with pytest.raises(InvalidInput) as refused:
        parse(document, publishing_at=START)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


def test_a_fault_in_a_callback_is_not_reported_twice(document: Document) -> None:
    document["overrides"] = [{"when": FEEDBACK, "promises": SURVEY | {"callback": {}}}]
    assert faults(document, publishing=True) == {
        ("/overrides/0/promises/callback/within", "missing")
    }


# ------------------------------------------------------------ sections that do not affect clocks

WRONG_FORMS: dict[str, tuple[Break, set[tuple[str, str]]]] = {
    "an unknown variable": (
        put("templates", "greeting", "en", value="Dear {custmer}, {agent}"),
        {("/templates/greeting/en", "unknown_variable")},
    ),
    **{
        f"a template that reaches for {{{field}}}": (
            put("templates", "greeting", "en", value=f"Dear {{{field}}}, {{agent}}"),
            {("/templates/greeting/en", "unknown_variable")},
        )
        for field in (
            "due:{secret}",
            "due:",
            "due:%H",
            "customer!r",
            "customer!x",
            "customer.name",
            "customer[0]",
            "",
            "0",
            " agent",
        )
    },
    "braces that do not match": (
        put("templates", "greeting", "en", value="Dear {customer"),
        {("/templates/greeting/en", "unknown_variable")},
    ),
    "a template in two languages": (
        drop("templates", "greeting", "zh-TW"),
        {("/templates/greeting/zh-TW", "text_expected")},
    ),
    "an unknown question": (
        put("questionnaire", "questions", 1, "name", value="looks"),
        {("/questionnaire/questions/1/name", "unknown")},
    ),
    "a repeated question": (
        put("questionnaire", "questions", 1, "name", value="solution"),
        {("/questionnaire/questions/2/name", "twice")},
    ),
    "no overall question": (
        drop("questionnaire", "questions", 0),
        {("/questionnaire/questions", "missing")},
    ),
    "categories that are no list": (
        put("categories", value={"product": {}}),
        {("/categories", "list_expected")},
    ),
    "a category that is a text": (
        put("categories", 0, value="product"),
        {("/categories/0", "object_expected")},
    ),
    "a category in capitals, for a kind that is not there, with a wrong field": (
        put("categories", 0, value={"name": "P", "label": LABEL, "kinds": "joke", "icon": 1}),
        {
            ("/categories/0/name", "name_expected"),
            ("/categories/0/kinds", "unknown"),
            ("/categories/0/icon", "unknown"),
        },
    ),
    "a category for no kind": (
        put("categories", 0, "kinds", value=[]),
        {("/categories/0/kinds", "list_expected")},
    ),
    "two categories and two sub-categories of one name": (
        put("categories", value=[category("a", "x", "x"), category("b", "x"), category("a")]),
        {("/categories/0/sub/1/name", "twice"), ("/categories/2/name", "twice")},
    ),
    "labels in too few languages, too long, of two lines, in another language": (
        put(
            "categories",
            value=[
                category("a") | {"label": {"en": "x" * 61, "zh-CN": "商\n品", "fr": "Produit"}},
                category("b") | {"sub": [{"name": "x", "label": {"en": "X", "zh-TW": " "}}]},
            ],
        ),
        {
            ("/categories/0/label/en", "too_long"),
            ("/categories/0/label/zh-CN", "one_line"),
            ("/categories/0/label/zh-TW", "text_expected"),
            ("/categories/0/label/fr", "unknown"),
            ("/categories/1/sub/0/label/zh-CN", "text_expected"),
            ("/categories/1/sub/0/label/zh-TW", "text_expected"),
        },
    ),
    "too many categories and sub-categories": (
        put(
            "categories",
            value=[category("a", *(f"x{n}" for n in range(51)))]
            + [category(f"b{n}") for n in range(50)],
        ),
        {("/categories", "too_many"), ("/categories/0/sub", "too_many")},
    ),
    "half a ticket in the sample": (
        put("sampling", "tickets_per_agent_and_week", value=0.5),
        {("/sampling/tickets_per_agent_and_week", "whole_number_expected")},
    ),
    "a retention of one day": (
        put("retention", "mails_days", value=1),
        {("/retention/mails_days", "whole_number_expected")},
    ),
    "an unknown threshold": (put("routing", "dice", value=6), {("/routing/dice", "unknown")}),
}


@pytest.mark.parametrize("name", WRONG_FORMS)
def test_a_section_of_a_wrong_form_is_not_published(name: str, document: Document) -> None:
    change, expected = WRONG_FORMS[name]
    change(document)
    assert faults(document, publishing=True) == expected


# -------------------------------------------------------------------------------- overrides


def test_overrides_apply_in_order_and_replace_only_what_they_name(
    document: Document,
) -> None:
    document["overrides"] = [
        {"when": {"channel": "chat"}, "promises": {"first_response": {"within": "30s"}}},
        {
            "when": {"customer_type": ["vip"]},
            "promises": {"first_response": {"ladder": "courtesy"}},
        },
        {"when": {"channel": ["chat"], "priority": ["urgent"]}, "team": "night"},
    ]
    plan = parse(document)
    ordinary = plan.promises("inquiry", "web", "normal", "standard")[ClockName.FIRST_RESPONSE]
    chat = plan.promises("inquiry", "chat", "normal", "vip")[ClockName.FIRST_RESPONSE]
    assert (ordinary.target_s, ordinary.calendar, ordinary.ladder) == (28_800, "office", "promise")
    assert (chat.target_s, chat.calendar, chat.ladder) == (30, "office", "courtesy")
    assert plan.team("inquiry", "chat", "urgent", "standard") == "night"
    assert plan.team("inquiry", "chat", "normal", "standard") == "service"


def test_a_single_name_may_replace_a_list(document: Document) -> None:
    listed = copy.deepcopy(document)
    for written, one in ((document, str), (listed, lambda name: [name])):
        written["levels"]["inquiry"]["promises"]["first_response"]["pauses"] = one("customer")
        written["ladders"]["promise"][3] |= {"notify": one("manager"), "watch": one("supervisor")}
        when = {
            "kind": one("complaint"),
            "channel": one("phone"),
            "priority": one("urgent"),
            "customer_type": one("vip"),
        }
        changed = {"resolution": {"pauses": one("third_party")}}
        written["overrides"] = [{"when": when, "promises": changed}]
    plan = parse(document)
    inquiry = plan.promises("inquiry", "web", "normal", "standard")
    assert inquiry[ClockName.FIRST_RESPONSE].pauses == ("customer",)
    by_phone = plan.promises("complaint", "phone", "urgent", "vip")
    assert by_phone[ClockName.RESOLUTION].pauses == ("third_party",)
    for case in product(KINDS, CHANNELS, plan.priorities, plan.customer_types):
        assert plan.promises(*case) == parse(listed).promises(*case)
    assert plan.ladders == parse(listed).ladders


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("8h", 28_800), ("30m", 1800), ("1h30m", 5400), ("45s", 45), ("90m", 5400), ("1h1m1s", 3661)],
)
def test_a_duration_is_parsed_to_seconds(text: str, seconds: int) -> None:
    assert plans.seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "h", "1d", "8 h", "-1h", "1.5h", "30m1h", "0s", "8785h", "٣h"]
)
def test_an_invalid_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        plans.seconds_of(text)


@given(st.integers(1, plans.LONGEST_S))
def test_a_formatted_duration_is_parsed_to_the_same_seconds(seconds: int) -> None:
    assert plans.seconds_of(plans.duration_of(seconds)) == seconds


# -------------------------------------------------------------------------------- ladders


def test_the_rungs_of_a_promise_are_due_at_their_shares_of_the_target(plan: Plan) -> None:
    assert plan.rungs(ClockName.RESOLUTION, "promise", 1000, by_mail=True) == (
        Rung(500, Action.REMIND, ("agent",), quiet=True, return_unaccepted=0.1),
        Rung(800, Action.REMIND, ("agent",), return_unaccepted=0.1),
        Rung(1000, Action.BREACH, ("agent", "supervisor")),
        Rung(1500, Action.ESCALATE, ("manager",), priority="high"),
    )


def test_a_rung_is_never_due_before_its_share_of_the_target(plan: Plan) -> None:
    rungs = plan.rungs(ClockName.REACTION, "promise", 5, by_mail=True)
    assert [rung.at_s for rung in rungs] == [3, 4, 5, 8]


@pytest.mark.parametrize(
    ("groups", "faults"),
    [
        ("help@shop.example", {"/mail/groups"}),
        (["Help@shop.example"], {"/mail/groups/0"}),
        (["help.shop.example", "help"], {"/mail/groups/1"}),
        ([7], {"/mail/groups/0"}),
    ],
)
def test_a_group_is_named_by_its_address_or_its_list_id(groups: Any, faults: set[str]) -> None:
    document = plan_document()
    document["mail"]["groups"] = groups
    with pytest.raises(InvalidInput) as refused:
        parse(document)
    assert {fault.pointer for fault in refused.value.faults} == faults


@pytest.mark.parametrize(
    ("languages", "faults"),
    [
        ("zh-TW", {"/mail/languages"}),
        ([], {"/mail/languages"}),
        (["zh-TW", "fr"], {"/mail/languages/1"}),
        (["zh-TW", "en", "zh-TW"], {"/mail/languages/2"}),
        ([7], {"/mail/languages/0"}),
    ],
)
def test_languages_of_mail_are_known_and_named_once(languages: Any, faults: set[str]) -> None:
    document = plan_document()
    document["mail"]["languages"] = languages
    with pytest.raises(InvalidInput) as refused:
        parse(document)
    assert {fault.pointer for fault in refused.value.faults} == faults


def test_a_plan_without_languages_of_mail_names_those_of_the_product() -> None:
    document = plan_document()
    assert document["mail"].pop("languages") == list(LANGUAGES)
    assert parse(document).mail.languages == LANGUAGES
    document["mail"]["languages"] = ["zh-TW", "ja", "en"]
    assert parse(document).mail.languages == ("zh-TW", "ja", "en")


def test_a_plan_without_groups_names_none() -> None:
    document = plan_document()
    assert document["mail"].pop("groups") == []
    assert parse(document).mail.groups == ()
    document["mail"]["groups"] = ["help@shop.example", "help.shop.example"]
    assert parse(document).mail.groups == ("help@shop.example", "help.shop.example")


NEVER_OPEN = {"week": {"monday": ["09:00-09:01"]}}


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({}, {("/mail/held/look_within", "duration_expected")}),
        ({"look_within": "soon"}, {("/mail/held/look_within", "duration_expected")}),
        ({"look_within": "4h", "calendar": "moon"}, {("/mail/held/calendar", "unknown")}),
        ({"look_within": "4h", "team": "x"}, {("/mail/held/team", "unknown")}),
        ({"look_within": "4h", "calendar": "rare"}, {("/mail/held/look_within", "too_far")}),
    ],
)
def test_a_wrong_promise_for_held_mail_is_refused(
    document: Document, held: Any, expected: set[tuple[str, str]]
) -> None:
    document["calendars"]["rare"] = NEVER_OPEN
    document["mail"]["held"] = held
    assert faults(document, publishing=True) == expected


def test_the_promise_for_held_mail_is_in_the_plan_and_a_day_without_it(document: Document) -> None:
    assert parse(document).mail.held == HeldPlan(4 * 3600, "office")
    assert parse(scaled(document, 60, 2)).mail.held == HeldPlan(240, "office")
    del document["mail"]["held"]
    assert parse(document).mail.held == HeldPlan(86_400, "always")
    assert parse(scaled(document, 60, 2)).mail.held == HeldPlan(86_400, "always")


def test_a_callback_by_mail_asks_three_times_and_then_closes_the_ticket(plan: Plan) -> None:
    assert plan.rungs(ClockName.CALLBACK, "promise", 100, by_mail=True) == (
        Rung(100, Action.ASK_AGAIN, ("customer",)),
        Rung(200, Action.ASK_AGAIN, ("customer",)),
        Rung(300, Action.CLOSE),
    )


def test_a_callback_with_one_attempt_closes_after_the_first_question() -> None:
    document = plan_document()
    document["callback"]["attempts"] = 1
    rungs = parse(document).rungs(ClockName.CALLBACK, "promise", 100, by_mail=True)
    assert rungs == (Rung(100, Action.CLOSE),)


def test_a_callback_by_phone_has_the_ladder_of_other_promises(plan: Plan) -> None:
    by_phone = plan.rungs(ClockName.CALLBACK, "promise", 100, by_mail=False)
    assert by_phone == plan.rungs(ClockName.RESOLUTION, "promise", 100, by_mail=False)


def test_a_stored_plan_without_a_low_survey_score_means_2() -> None:
    document = plan_document()
    assert document["survey"].pop("low") == 2
    assert parse(document).survey_low == 2
    assert parse(document | {"survey": {"invite_after": "1h", "low": 4}}).survey_low == 4


def test_a_survey_is_sent_before_it_ends_even_if_it_is_short(plan: Plan) -> None:
    assert plan.rungs(ClockName.SURVEY, "promise", 604_800, by_mail=True) == (
        Rung(3600, Action.INVITE, ("customer",)),
        Rung(604_800, Action.CLOSE),
    )
    assert plan.rungs(ClockName.SURVEY, "promise", 60, by_mail=True)[0].at_s == 60


# -------------------------------------------------------------------------------- pace


@given(st.integers(1, 10**6), st.integers(2, 99_999))
def test_a_paced_plan_is_valid_and_has_no_promise_under_five_seconds(
    pace: int, version: int
) -> None:
    original = plan_document()
    paced = parse(scaled(original, pace, version), publishing_at=START)
    assert paced.version == version
    for kind, level in paced.levels.items():
        for clock, promise in level.promises.items():
            entry = original["levels"][kind]["promises"][clock]
            exact = plans.seconds_of(entry["within"]) / pace
            assert promise.target_s >= 5
            assert promise.target_s == 5 or exact <= promise.target_s < exact + 1
            assert paced.calendar(promise.calendar).add(START, 86_400) == START + timedelta(days=1)
    assert paced.survey_invite_after_s >= 5
    assert original == plan_document(), "scaling does not change the original document"


def test_pacing_does_not_change_days(document: Document) -> None:
    paced = parse(scaled(document, 3600, 2))
    assert paced.idempotency_days == 35


def test_paced_plan_has_shorter_times_of_tasks_and_remedies() -> None:
    document = plan_document()
    document["tasks"]["teams"] = {"warehouse": {"within": "10h"}}
    paced = scaled(document, 3600, 2)
    assert (paced["tasks"]["within"], paced["tasks"]["urge_every"]) == ("8s", "24s")
    assert paced["tasks"]["teams"] == {"warehouse": {"within": "10s"}}
    remedies = paced["remedies"]
    assert (remedies["within"], remedies["approval"]["within"]) == ("2m48s", "8s")
    assert remedies["kinds"]["refund"]["within"] == "1m12s"
    assert remedies["most"] == document["remedies"]["most"]
    parse(paced)


@pytest.mark.parametrize("pace", [0, -1])
def test_a_pace_below_one_is_refused(pace: int, document: Document) -> None:
    with pytest.raises(InvalidInput) as refused:
        scaled(document, pace, 2)
    assert [fault.pointer for fault in refused.value.faults] == ["/pace"]


@pytest.mark.parametrize(
    ("section", "fields"),
    [
        (None, ("order", "company")),
        ({}, ("order", "company")),
        ({"fields": []}, ()),
        ({"fields": ["company"]}, ("company",)),
        ({"fields": ["about"]}, ("about",)),
    ],
)
def test_plan_decides_which_optional_fields_the_form_has(
    document: Document, section: Any, fields: tuple[str, ...]
) -> None:
    """A plan from before the section has the fields that there were then."""
    del document["form"]
    if section is not None:
        document["form"] = section
    assert parse(document).form_fields == parse(document, publishing_at=START).form_fields == fields


def test_categories_of_conflicts_of_interest_are_those_of_the_plan(document: Document) -> None:
    document["conflict"] = {"categories": ["service/attitude", "rudeness", 7]}
    assert faults(document, publishing=True) == {
        ("/conflict/categories/1", "unknown_category"),
        ("/conflict/categories/2", "unknown_category"),
    }


@pytest.mark.parametrize(
    ("section", "without", "categories", "days"),
    [
        (None, False, (), 30),
        ({}, False, (), 30),
        (
            {"without_their_supervisor": True, "categories": ["service"], "earlier_days": 7},
            True,
            ("service",),
            7,
        ),
    ],
)
def test_plan_says_from_whom_complaints_about_staff_are_kept(
    document: Document, section: Any, without: bool, categories: tuple[str, ...], days: int
) -> None:
    del document["conflict"]
    if section is not None:
        document["conflict"] = section
    found = parse(document).conflict
    assert found == parse(document, publishing_at=START).conflict
    assert found.without_their_supervisor is without
    assert (found.categories, found.earlier_days) == (categories, days)
