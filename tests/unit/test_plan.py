"""A plan document is taken whole or refused whole, with every fault named by its pointer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.rules import plan as plans
from redress.rules.clocks import Action, ClockName, Rung
from redress.rules.errors import InvalidInput
from redress.rules.plan import KINDS, Plan
from tests.builders import plan_document

Document = dict[str, Any]
Break = Callable[[Document], object]


def faults(document: Any, *, publishing: bool = False) -> set[tuple[str, str]]:
    """Pointer and code of everything that is wrong with a document; empty when nothing is."""
    try:
        plans.parse(document, publishing=publishing)
    except InvalidInput as invalid:
        return {(fault.pointer, fault.code) for fault in invalid.faults}
    return set()


def put(*path: str | int, value: Any) -> Break:
    """Replace what stands at a path."""

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


def test_the_shipped_plan_is_valid_and_says_what_the_document_says(plan: Plan) -> None:
    document = plan_document()
    assert faults(document, publishing=True) == set()
    assert plan.version == 1
    assert set(plan.levels) == set(KINDS)
    for kind in KINDS:
        assert plan.level(kind).targets == document["levels"][kind]["targets_s"]
    assert sum(plan.score.weights.values()) == 100


def test_the_shipped_plan_says_of_every_number_where_it_comes_from() -> None:
    document = plan_document()
    for pointer in document["sources"]:
        section = pointer.split("/")[1]
        assert section in document
    covered = {pointer.split("/")[1] for pointer in document["sources"]}
    assert covered >= {"levels", "ladders", "callback", "survey", "idempotency", "score"}


HUGE = 10**400
RUNG = {"at": 1, "action": "breach", "notify": []}

BROKEN: dict[str, tuple[Break, set[tuple[str, str]]]] = {
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
    "a note beyond all measure": (put("note", value="x" * 501), {("/note", "too_long")}),
    "no levels": (
        drop("levels"),
        {("/levels", "object_expected")}
        | {(f"/levels/{kind}", "object_expected") for kind in KINDS}
        | {(f"/levels/{kind}/targets_s", "object_expected") for kind in KINDS}
        | {
            (f"/levels/{kind}/targets_s/{clock}", "missing")
            for kind in KINDS
            for clock in ("acknowledgement", "first_response", "resolution")
        }
        | {
            (f"/levels/{kind}/{name}", "text_expected")
            for kind in KINDS
            for name in ("team", "priority")
        },
    ),
    "an unknown kind": (
        put("levels", "praise", value={}),
        {("/levels/praise", "unknown")},
    ),
    "a promise of no time": (
        put("levels", "urgent", "targets_s", "resolution", value=0),
        {("/levels/urgent/targets_s/resolution", "whole_number_expected")},
    ),
    "a promise in fractions": (
        put("levels", "urgent", "targets_s", "resolution", value=1.5),
        {("/levels/urgent/targets_s/resolution", "whole_number_expected")},
    ),
    "a promise longer than a year": (
        put("levels", "urgent", "targets_s", "resolution", value=10**12),
        {("/levels/urgent/targets_s/resolution", "whole_number_expected")},
    ),
    "an unknown promise": (
        put("levels", "urgent", "targets_s", "gift", value=5),
        {("/levels/urgent/targets_s/gift", "unknown")},
    ),
    "a kind that never promises an answer": (
        drop("levels", "inquiry", "targets_s", "first_response"),
        {("/levels/inquiry/targets_s/first_response", "missing")},
    ),
    "a survey without a callback": (
        drop("levels", "inquiry", "targets_s", "callback"),
        {("/levels/inquiry/targets_s/survey", "needs_callback")},
    ),
    "no team": (
        put("levels", "urgent", "team", value=7),
        {("/levels/urgent/team", "text_expected")},
    ),
    "no ladder": (put("ladders", "promise", value=[]), {("/ladders/promise", "list_expected")}),
    "an unknown ladder": (put("ladders", "more", value=[RUNG]), {("/ladders/more", "unknown")}),
    "a rung that is none": (
        put("ladders", "acknowledgement", value=[RUNG, "high"]),
        {("/ladders/acknowledgement/1", "object_expected")},
    ),
    "a ladder that goes backwards": (
        put("ladders", "promise", 1, "at", value=0.25),
        {("/ladders/promise/1/at", "backwards")},
    ),
    "a breach before it is due": (
        put("ladders", "promise", 2, "at", value=0.9),
        {("/ladders/promise/2/at", "breach_at_due")},
    ),
    "a breach at no time, for nobody": (
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
    "a rung of an unknown action": (
        put("ladders", "promise", 0, "action", value="close"),
        {("/ladders/promise/0/action", "unknown")},
    ),
    "an action that is a list": (
        put("ladders", "promise", 0, "action", value=["remind"]),
        {("/ladders/promise/0/action", "unknown")},
    ),
    "a rung for nobody known": (
        put("ladders", "promise", 0, "notify", value=["customer"]),
        {("/ladders/promise/0/notify", "unknown")},
    ),
    "a rung that notifies no list": (
        put("ladders", "promise", 0, "notify", value="agent"),
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
    "a rung at no number": (
        put("ladders", "promise", 3, "at", value=float("nan")),
        {("/ladders/promise/3/at", "share_expected")},
    ),
    "a rung at a number that is no float": (
        put("ladders", "promise", 3, "at", value=HUGE),
        {("/ladders/promise/3/at", "share_expected")},
    ),
    "no callback": (
        drop("callback"),
        {("/callback", "object_expected"), ("/callback/attempts", "whole_number_expected")},
    ),
    "attempts without end": (
        put("callback", "attempts", value=10**6),
        {("/callback/attempts", "whole_number_expected")},
    ),
    "keys forgotten too early": (
        put("idempotency", "kept_days", value=29),
        {("/idempotency/kept_days", "whole_number_expected")},
    ),
    "keys kept for ever": (
        put("idempotency", "kept_days", value=10**9),
        {("/idempotency/kept_days", "whole_number_expected")},
    ),
    "weights that do not add up": (
        put("score", "weights", "satisfaction", value=31),
        {("/score/weights", "sum")},
    ),
    "a weight that is missing": (
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
    "grades with a gap below": (
        put("score", "grades", 3, "minimum", value=1),
        {("/score/grades/3/minimum", "gap")},
    ),
    "no grades": (put("score", "grades", value={}), {("/score/grades", "list_expected")}),
    "a grade that is none": (
        put("score", "grades", 0, value="A"),
        {("/score/grades/0", "object_expected")},
    ),
    "a minimum that no total reaches": (
        put("score", "minimum_weight", value=101),
        {("/score/minimum_weight", "whole_number_expected")},
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plan_is_refused_with_its_fault(name: str, document: Document) -> None:
    change, expected = BROKEN[name]
    change(document)
    assert faults(document) == expected


INDEPENDENT = (
    "an unknown section",
    "version 0",
    "a promise of no time",
    "an unknown promise",
    "no team",
    "a ladder that goes backwards",
    "two breaches",
    "attempts without end",
    "keys forgotten too early",
    "weights that do not add up",
    "grades with a gap below",
)


@given(st.sets(st.sampled_from(INDEPENDENT), min_size=1))
def test_all_faults_are_named_at_once(names: set[str]) -> None:
    document = plan_document()
    expected = set[tuple[str, str]]()
    for name in names:
        change, own = BROKEN[name]
        change(document)
        expected |= own
    assert faults(document) == expected


@pytest.mark.parametrize("document", [None, [], "plan", 1, True])
def test_what_is_no_object_is_no_plan(document: Any) -> None:
    assert faults(document) == {("", "object_expected")}


ZONES = ["Mars/Phobos", "Asia", "../zone", "/etc/localtime", "a\0b", "x" * 300, "\ud800", " UTC"]


@pytest.mark.parametrize("zone", ZONES)
def test_a_plan_in_an_unknown_time_zone_is_not_published(zone: str, document: Document) -> None:
    """Months are cut by it: a slip here would stop every change of every ticket."""
    document["time_zone"] = zone
    assert faults(document, publishing=True) == {("/time_zone", "unknown_zone")}


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Asia/Taipei", "UTC", "Europe/Berlin"])
def test_any_zone_of_the_database_may_be_used(zone: str, document: Document) -> None:
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


PATHS = [path for path in _paths(plan_document()) if path[0] != "sources"]


@given(JSON)
def test_whatever_comes_a_plan_is_parsed_or_refused(document: Any) -> None:
    for publishing in (False, True):
        faults(document, publishing=publishing)


@given(st.lists(st.tuples(st.sampled_from(PATHS), JSON), min_size=1, max_size=3))
def test_a_plan_with_anything_anywhere_is_parsed_or_refused(
    changes: list[tuple[tuple[str | int, ...], Any]],
) -> None:
    document = plan_document()
    for path, value in changes:
        try:
            put(*path, value=copy.deepcopy(value))(document)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took this place away
    if not faults(document, publishing=True):
        _usable(plans.parse(document))


def _usable(plan: Plan) -> None:
    """What a valid plan promises can be reckoned with: every ladder is a ladder."""
    for level in plan.levels.values():
        for clock, target in level.targets.items():
            for by_mail in (True, False):
                rungs = plan.ladder(clock, target, by_mail=by_mail)
                assert [rung.at_s for rung in rungs] == sorted(rung.at_s for rung in rungs)
                assert rungs[0].at_s >= 1


# -------------------------------------------------------------------------------- ladders


def test_a_promise_is_reminded_of_broken_and_escalated_at_its_shares(plan: Plan) -> None:
    assert plan.ladder(ClockName.RESOLUTION, 1000, by_mail=True) == (
        Rung(500, Action.REMIND, ("agent",)),
        Rung(800, Action.REMIND, ("agent",)),
        Rung(1000, Action.BREACH, ("agent", "supervisor")),
        Rung(1500, Action.ESCALATE, ("manager",)),
    )


def test_a_rung_never_falls_before_its_share_of_the_target(plan: Plan) -> None:
    assert [rung.at_s for rung in plan.ladder(ClockName.REACTION, 5, by_mail=True)] == [3, 4, 5, 8]


def test_a_callback_by_mail_asks_three_times_and_then_closes(plan: Plan) -> None:
    assert plan.ladder(ClockName.CALLBACK, 100, by_mail=True) == (
        Rung(100, Action.ASK_AGAIN, ("customer",)),
        Rung(200, Action.ASK_AGAIN, ("customer",)),
        Rung(300, Action.CLOSE),
    )


def test_a_plan_of_one_attempt_closes_after_the_first_question() -> None:
    document = plan_document()
    document["callback"]["attempts"] = 1
    ladder = plans.parse(document).ladder(ClockName.CALLBACK, 100, by_mail=True)
    assert ladder == (Rung(100, Action.CLOSE),)


def test_a_callback_by_phone_is_a_promise_like_any_other(plan: Plan) -> None:
    by_phone = plan.ladder(ClockName.CALLBACK, 100, by_mail=False)
    assert by_phone == plan.ladder(ClockName.RESOLUTION, 100, by_mail=False)


def test_a_survey_is_sent_before_it_ends_however_short_it_is(plan: Plan) -> None:
    assert plan.ladder(ClockName.SURVEY, 604_800, by_mail=True) == (
        Rung(3600, Action.INVITE, ("customer",)),
        Rung(604_800, Action.CLOSE),
    )
    assert plan.ladder(ClockName.SURVEY, 60, by_mail=True)[0].at_s == 60


# -------------------------------------------------------------------------------- pace


@given(st.integers(1, 10**6), st.integers(2, 99_999))
def test_a_paced_plan_is_valid_and_promises_nothing_under_five_seconds(
    pace: int, version: int
) -> None:
    original = plan_document()
    paced = plans.parse(plans.scaled(original, pace, version), publishing=True)
    assert paced.version == version
    for kind, level in paced.levels.items():
        for clock, target in level.targets.items():
            exact = original["levels"][kind]["targets_s"][clock] / pace
            assert target >= 5
            assert target == 5 or exact <= target < exact + 1
    assert paced.survey_invite_after_s >= 5
    assert original == plan_document(), "the plan that was scaled is left as it was"


def test_days_are_not_paced(document: Document) -> None:
    paced = plans.parse(plans.scaled(document, 3600, 2))
    assert paced.idempotency_days == 35


@pytest.mark.parametrize("pace", [0, -1])
def test_a_pace_below_one_is_refused(pace: int, document: Document) -> None:
    with pytest.raises(InvalidInput) as refused:
        plans.scaled(document, pace, 2)
    assert [fault.pointer for fault in refused.value.faults] == ["/pace"]
