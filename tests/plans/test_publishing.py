"""Tests of publishing a plan (expanded holidays, faults, warnings) and of review reminders."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
import pytest

from redress.base.errors import InvalidInput
from redress.base.people import Member, Role
from redress.db import keys
from redress.plans import cases
from redress.plans.cases import PlanCases, expanded, notes, prepared
from redress.plans.rules.document import parse
from redress.plans.store.plan_store import PlanStore
from redress.plans.store.plans import LARGEST_DOCUMENT, Plans, Published
from tests.builders import START, Clock, plan_document

WEI = Member("m-wei", "Wei", "wei@example.com", Role.MANAGER, "complaints", ("zh-CN",), 1)


class NoPlans:
    """A store without published plans, so that plan 1 applies."""

    def plan_document(self, sort: str) -> str | None:
        return None


def overdue_days_of_reminder(year: int, month: int, day: int) -> int | None:
    """The overdue days in the reminder at noon UTC of a day; None if there is no reminder."""
    clock = Clock(datetime(year, month, day, 12, tzinfo=UTC))
    cases = PlanCases(cast(PlanStore, None), Plans(NoPlans(), clock.now), clock.now)
    review = cases.review_to_ask_for()
    return review.overdue_days if review else None


def test_a_review_reminder_is_due_on_its_day_and_every_thirty_days_after_it() -> None:
    assert plan_document()["review_by"] == "2027-05-23"
    days = [(5, 22), (5, 23), (5, 24), (6, 21), (6, 22), (7, 22)]
    assert [overdue_days_of_reminder(2027, *day) for day in days] == [None, 0, None, None, 30, 60]


class FakeStore:
    """Keeps published plans in memory."""

    def __init__(self) -> None:
        self.documents: dict[str, str] = {}

    def plan_document(self, sort: str) -> str | None:
        return self.documents.get(sort)

    def publish(
        self, document: dict[str, Any], version: int, current: int, about: Published
    ) -> None:
        stored = json.dumps(document)
        self.documents |= {keys.plan_sk(version): stored, keys.CURRENT: stored}


def test_a_plan_without_a_day_of_review_is_reviewed_half_a_year_after_it_took_effect() -> None:
    clock, shelf = Clock(), FakeStore()
    plans = Plans(shelf, clock.now)
    cases = PlanCases(cast(PlanStore, shelf), plans, clock.now)
    begins = START + timedelta(days=30)
    document = plan_document() | {"version": 2, "effective_from": begins.isoformat()}
    del document["review_by"]
    cases.publish(WEI, document)
    plans.refresh()
    assert plans.document(2)["review_by"] == str((begins + timedelta(days=183)).date())
    reminders: list[str] = []

    def remind(subject: str, text: str) -> None:
        reminders.append(f"{(clock.now() - START).days}: {subject}")

    for day in range(240):
        clock.moment = START + timedelta(days=day)
        cases.ask_for_review(remind)
    assert reminders == ["213: Service plan 2: review it"]


def test_the_shipped_plan_has_a_review_within_half_a_year() -> None:
    review_by = parse(plan_document()).review_by
    assert review_by is not None
    assert (review_by - datetime(2026, 11, 23, tzinfo=UTC).date()).days <= 184


def test_publishing_writes_public_holidays_as_dates() -> None:
    document = plan_document()
    document["calendars"]["office"]["days"] = {"2026-05-06": False}
    [found, faults] = expanded(document)
    days = found["calendars"]["office"]["days"]
    assert faults == []
    assert days["2026-10-01"] is False
    assert days["2026-10-10"] is True, "a Saturday that is a make-up working day"
    assert "2026-05-06" not in days, "dates of an earlier expansion are replaced"
    assert document["calendars"]["office"]["days"] == {"2026-05-06": False}


def test_the_days_of_the_shipped_plan_equal_those_of_the_library() -> None:
    document = plan_document()
    assert expanded(document) == (document, [])


@pytest.mark.parametrize("holidays", [{"country": "XX"}, {"country": "DE", "subdivision": "ZZ"}])
def test_an_unknown_country_or_subdivision_is_refused_with_its_pointer(holidays: Any) -> None:
    document = plan_document()
    document["calendars"]["office"]["holidays"] = {"years": [2026]} | holidays
    _, faults = expanded(document)
    assert [(f.pointer, f.code) for f in faults] == [
        ("/calendars/office/holidays", "unknown_holidays")
    ]


def test_all_faults_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Including faults that exist only because of the expanded holidays of another calendar."""
    document = plan_document() | {"note": " "}
    calendars = document["calendars"]
    calendars["abroad"] = copy.deepcopy(calendars["office"])
    calendars["abroad"]["holidays"]["country"] = "XX"
    del calendars["office"]["days"], calendars["office"]["make_up"]
    document["score"]["weights"]["satisfaction"] = 31
    monkeypatch.setattr(cases, "LARGEST_DOCUMENT", 1000)
    with pytest.raises(InvalidInput) as refused:
        prepared(document, START)
    assert {(f.pointer, f.code) for f in refused.value.faults} == {
        ("/calendars/abroad/holidays", "unknown_holidays"),
        ("/calendars/office/make_up", "missing"),
        ("/note", "text_expected"),
        ("/score/weights", "sum"),
        ("", "too_large"),
    }


def test_a_document_may_be_as_large_as_an_item_allows() -> None:
    document = plan_document()
    document["sources"] = {"text": ""}
    room = LARGEST_DOCUMENT - len(msgspec.json.encode(document))
    document["sources"]["text"] = "回" * (room // 3) + "." * (room % 3)
    assert prepared(document, START)[0] == document
    document["sources"]["text"] += "."
    with pytest.raises(InvalidInput) as refused:
        prepared(document, START)
    [fault] = refused.value.faults
    assert (fault.pointer, fault.code) == ("", "too_large")
    assert str(LARGEST_DOCUMENT) in fault.detail
    assert str(LARGEST_DOCUMENT + 1) in fault.detail


def test_a_year_without_a_notice_gives_a_warning() -> None:
    document = plan_document()
    document["calendars"]["office"]["holidays"]["years"] = [2026, 2049]
    [note] = notes(document)
    assert "office" in note
    assert "2049" in note
    assert notes({"calendars": {"night": {"week": {}}}}) == []


@pytest.mark.parametrize(
    "calendars",
    [None, [], "office", {"office": None}, {"office": {"holidays": []}}]
    + [{"office": {"holidays": {"country": c, "years": y}}} for c, y in ((7, [2026]), ("CN", 7))],
)
def test_expanding_holidays_ignores_calendars_of_a_wrong_form(calendars: Any) -> None:
    document = plan_document() | {"calendars": calendars}
    assert expanded(document) == (document, [])
    with pytest.raises(InvalidInput):
        parse(document, publishing_at=START)
