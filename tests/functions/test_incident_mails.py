"""Mails about incidents: one that is open for long reminds its leaders, and the owners of the
actions of one that was closed are told of theirs."""

from __future__ import annotations

import json
from copy import replace
from datetime import date
from typing import Any

import pytest

from redress.incidents.rules import Done, Incident, IncidentChange, PostMortem
from redress.incidents.store import IncidentStore
from redress.mail.outgoing.cases.feedback import NoticeMissed, feedback_of
from redress.mail.outgoing.messages import (
    IncidentMail,
    NotAJob,
    encode,
    job_of,
    tagged,
    tags_of_incident,
)
from redress.staff.rules.availability import Presence
from redress.tickets.rules.post_mortem import Action
from redress.wiring import stores as wired_stores
from tests.builders import INCIDENT, Clock, plan_document
from tests.functions.conftest import BASE_ADDRESS, MEMBERS
from tests.functions.test_held_mail import House, house, text_of
from tests.functions.test_mail_feedback import event
from tests.world import Stores

__all__ = ["house"]

WEEK = {"hours": 168}
LINK = f"{BASE_ADDRESS}/staff/incidents/{INCIDENT}"
OTHER = "0123456789abcdef"


def declare(clock: Clock, id_: str = INCIDENT) -> IncidentStore:
    store, at = IncidentStore(wired_stores.models()), clock.now()
    new = Incident(id_, "complaints", "Seals leak", "The rubber was changed", at, "s-lin", "f")
    assert store.declare(new, IncidentChange(1, Done.DECLARED, at, "s-lin"))
    return store


def close(store: IncidentStore, clock: Clock, *owners: str, id_: str = INCIDENT) -> None:
    """Close an incident with an action for each of these members, one a day."""
    at, before = clock.now(), store.get(id_).incident
    actions = tuple(
        Action(f"Test {owner}", owner, date(2026, 12, day)) for day, owner in enumerate(owners, 1)
    )
    learnt = PostMortem(at, "s-lin", "They leaked", "The rubber", actions)
    after = replace(before, revision=before.revision + 1, post_mortem=learnt)
    store.write(after, IncidentChange(after.revision, Done.CLOSED, at, "s-lin"))


def receivers(mails: list[Any]) -> list[list[str]]:
    return [[one.addr_spec for one in mail["To"].addresses] for mail in mails]


def test_incident_that_is_open_for_a_week_reminds_its_leaders_once(
    house: House, clock: Clock
) -> None:
    declare(clock)
    assert house.sweep(hours=167) == []
    jobs = house.sweep(hours=1)
    assert [job_of(one) for one in jobs] == [IncidentMail(INCIDENT, 0)]
    mails = house.send(*jobs, *jobs)
    assert receivers(mails) == [["lin@example.com"]]
    text = text_of(mails[0])
    assert all(part in text for part in ("Seals leak", LINK))
    assert house.sweep(minutes=5) == house.sweep(**WEEK) == []


def test_closed_incident_reminds_nobody_of_itself(house: House, clock: Clock) -> None:
    store = declare(clock)
    jobs = house.sweep(**WEEK)
    close(store, clock)
    assert house.send(*jobs) == [], "it was closed before the mail was sent"
    assert house.sweep(**WEEK) == []


def test_plan_without_a_time_reminds_nobody(house: House, stores: Stores, clock: Clock) -> None:
    document = plan_document() | {"version": 2, "incidents": {}}
    stores.plan_store.publish(document, 2, 1)
    wired_stores.plans().refresh()
    declare(clock)
    assert house.sweep(**WEEK) == []


def test_each_owner_is_told_once_of_all_of_their_actions(house: House, clock: Clock) -> None:
    close(declare(clock), clock, "a-mei", "a-tao", "a-mei")
    jobs = house.sweep()
    assert [job_of(one) for one in jobs] == [IncidentMail(INCIDENT, 1), IncidentMail(INCIDENT, 2)]
    mails = house.send(*jobs, *jobs)
    assert receivers(mails) == [["mei@example.com"], ["tao@example.com"]]
    first, second = (text_of(mail) for mail in mails)
    assert ["2026-12-01: Test a-mei" in one for one in (first, second)] == [True, False]
    assert "2026-12-03: Test a-mei" in first
    assert "2026-12-02: Test a-tao" in second
    assert all(LINK in one for one in (first, second))
    assert house.sweep(minutes=5) == []


@pytest.mark.parametrize(
    ("language", "words"), [("en", "names mei as"), ("zh-CN", "由mei负责"), ("zh-TW", "由mei負責")]
)
def test_owner_reads_the_mail_in_their_language(
    house: House, stores: Stores, clock: Clock, language: str, words: str
) -> None:
    member = replace(MEMBERS["mei"], id="a-new", email="new@example.com", languages=(language,))
    stores.staff.record(member, Presence.AWAY, clock.now())
    close(declare(clock), clock, "a-new")
    [mail] = house.send(*house.sweep())
    assert words in text_of(mail)


def test_actions_of_an_owner_who_has_left_go_to_the_leaders(
    house: House, stores: Stores, clock: Clock
) -> None:
    close(declare(clock), clock, "a-mei")
    stores.staff.depart(MEMBERS["mei"], clock.now())
    mails = house.send(*house.sweep())
    assert receivers(mails) == [["lin@example.com"]]
    assert "由mei负责" in text_of(mails[0]), "the leaders read whose actions they are"


def test_incident_that_cannot_be_read_keeps_no_owner_of_another_one_from_their_mail(
    house: House, clock: Clock
) -> None:
    store = declare(clock, OTHER)
    close(store, clock, "a-mei", id_=OTHER)
    close(declare(clock), clock, "a-tao")
    row = wired_stores.models().incident
    row(f"INCIDENT#{OTHER}", "INCIDENT").update([row.doc.set("{")])
    assert [job_of(one) for one in house.sweep()] == [IncidentMail(INCIDENT, 1)]


@pytest.mark.parametrize(
    "body",
    [
        '{"incident": "9f86d081884c7d65"}',
        '{"incident": "R-7K3M9-QW0X2", "action": 0}',
        '{"incident": "9f86d081884c7d65", "action": -1}',
    ],
)
def test_message_that_names_no_incident_is_not_a_job(body: str) -> None:
    with pytest.raises(NotAJob):
        job_of(body)


def test_report_about_such_a_mail_is_about_its_record_and_no_ticket() -> None:
    job = IncidentMail(INCIDENT, 2)
    assert job_of(encode(job)) == job
    tags = tags_of_incident(job)
    assert tagged({one["Name"]: one["Value"] for one in tags}) == job
    told = json.loads(event("Bounce", "R-7K3M9-QW0X2"))
    told["mail"]["tags"] = {one["Name"]: [one["Value"]] for one in tags}
    found = feedback_of(json.dumps(told))
    assert isinstance(found, NoticeMissed)
    assert found.job == job
    assert (job.owner, job.key) == (INCIDENT, "000002.incident_action.owner")
