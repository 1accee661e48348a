"""Incidents on every engine: cases and their number, lists, and races with a closing."""

from __future__ import annotations

import threading
from copy import replace
from datetime import datetime, timedelta

import pytest

from redress.base.errors import IncidentIsClosed
from redress.db import keys
from redress.incidents.rules import Done, Incident, IncidentChange, PostMortem, Word
from redress.incidents.store import CLOSED, OPEN, IncidentRaced, IncidentStore, Notices
from tests.builders import INCIDENT, LIN
from tests.contract.conftest import Shop


def declare(shop: Shop, id_: str = INCIDENT) -> IncidentStore:
    store, at = IncidentStore(shop.models), shop.clock.now()
    new = Incident(id_, "complaints", "Seals leak", "The rubber was changed", at, LIN.id, "f")
    assert store.declare(new, IncidentChange(1, Done.DECLARED, at, LIN.id))
    assert not store.declare(new, IncidentChange(1, Done.DECLARED, at, LIN.id))
    return store


def closed(incident: Incident, at: datetime) -> tuple[Incident, IncidentChange]:
    learnt = PostMortem(at, LIN.id, "They leaked", "The rubber", ())
    after = replace(incident, revision=incident.revision + 1, post_mortem=learnt)
    return after, IncidentChange(after.revision, Done.CLOSED, at, LIN.id)


def test_cases_and_their_number_follow_the_tickets(shop: Shop) -> None:
    store = declare(shop)
    lives = sorted(
        (shop.open(language=one) for one in ("en", "zh-CN", "en")),
        key=lambda life: life.ticket.number,
    )
    for life in lives:
        shop.commit(life.join_incident())
    numbers = [life.ticket.number for life in lives]
    assert store.cases(INCIDENT, None, 2) == (numbers[:2], numbers[1])
    assert store.cases(INCIDENT, numbers[1], 2) == (numbers[2:], None)
    found = store.get(INCIDENT)
    assert (found.cases, set(found.languages)) == (3, {"en", "zh-CN"})
    shop.commit(lives[0].leave_incident())
    assert store.cases(INCIDENT, None, 5) == (numbers[1:], None)
    assert store.those_of(INCIDENT, numbers) == set(numbers[1:])
    assert store.get(INCIDENT).cases == 2
    shop.commit(lives[0].join_incident())
    assert store.get(INCIDENT).cases == 3
    assert set(shop.item(keys.incident_pk(INCIDENT), keys.case_sk(numbers[0]))) == {"pk", "sk"}


def test_change_of_an_incident_keeps_the_number_of_its_cases(shop: Shop) -> None:
    store = declare(shop)
    life = shop.open()
    shop.commit(life.join_incident())
    at = shop.clock.now()
    before = store.get(INCIDENT).incident
    after = replace(before, revision=2, words=1)
    word = Word(1, at, LIN.id, "supervisor", {life.ticket.language: "We replace them."})
    entry = IncidentChange(2, Done.TOLD, at, LIN.id, word=1)
    store.write(after, entry, word, Notices({INCIDENT: {"en": "x"}}, 0))
    found = store.get(INCIDENT)
    assert (found.incident, found.cases) == (after, 1)
    assert store.words(INCIDENT, 5) == [word]
    assert [one.what for one in store.changes(INCIDENT)] == [Done.TOLD, Done.DECLARED]
    assert store.notices() == Notices({INCIDENT: {"en": "x"}}, 1)
    for stale in (
        (after, entry, word, None),
        (replace(after, revision=3), replace(entry, revision=3), None, Notices({}, 0)),
    ):
        with pytest.raises(IncidentRaced):
            store.write(*stale)
    assert store.get(INCIDENT).incident == after


def test_word_without_a_text_for_a_ticket_that_has_joined_is_not_written(shop: Shop) -> None:
    store, at = declare(shop), shop.clock.now()
    before = store.get(INCIDENT).incident
    shop.commit(shop.open(language="zh-CN").join_incident())
    after, entry = replace(before, revision=2, words=1), IncidentChange(2, Done.TOLD, at, LIN.id)
    with pytest.raises(IncidentRaced):
        store.write(after, entry, Word(1, at, LIN.id, "supervisor", {"en": "x", "zh-TW": "x"}))
    assert store.words(INCIDENT, 5) == []
    store.write(after, entry, Word(1, at, LIN.id, "supervisor", {"zh-CN": "x"}))
    assert store.get(INCIDENT).incident == after


def test_of_two_deliveries_one_stores_its_progress(shop: Shop) -> None:
    store, at = declare(shop), shop.clock.now()
    word = Word(1, at, LIN.id, "supervisor", {"en": "We replace them."})
    after = replace(store.get(INCIDENT).incident, revision=2, words=1)
    store.write(after, IncidentChange(2, Done.TOLD, at, LIN.id), word)
    assert store.progress(INCIDENT, replace(word, after="R-1", revision=2))
    assert not store.progress(INCIDENT, replace(word, after="R-0", revision=2))
    assert store.word(INCIDENT, 1).after == "R-1"


def test_lists_have_the_newest_incident_first_and_a_closed_one_moves(shop: Shop) -> None:
    ids = [f"{index:016x}" for index in range(3)]
    for id_ in ids:
        store = declare(shop, id_)
        shop.clock.advance(minutes=1)
    first, after = store.listed(OPEN, None, 2)
    assert [one.incident.id for one in first] == [ids[2], ids[1]]
    second, end = store.listed(OPEN, after, 2)
    assert ([one.incident.id for one in second], end) == ([ids[0]], None)
    store.write(*closed(store.get(ids[1]).incident, shop.clock.now()))
    assert [one.incident.id for one in store.listed(OPEN, None, 5)[0]] == [ids[2], ids[0]]
    assert [one.incident.id for one in store.listed(CLOSED, None, 5)[0]] == [ids[1]]


def test_of_a_ticket_that_joins_and_a_closing_at_once_nothing_is_half_done(amazons: Shop) -> None:
    store = declare(amazons)
    lives = [amazons.open() for _ in range(4)]
    at = amazons.clock.now() + timedelta(seconds=1)
    refused = []

    def join(index: int) -> None:
        try:
            amazons.commit(lives[index].join_incident())
        except IncidentIsClosed:
            refused.append(index)

    joining = [threading.Thread(target=join, args=(index,)) for index in range(len(lives))]
    for one in joining[:2]:
        one.start()
    store.write(*closed(store.get(INCIDENT).incident, at))
    for one in joining[2:]:
        one.start()
    for one in joining:
        one.join()
    assert {2, 3} <= set(refused)
    cases = store.cases(INCIDENT, None, 10)[0]
    assert store.get(INCIDENT).cases == len(cases) == len(lives) - len(refused)
    for index, life in enumerate(lives):
        stored = amazons.tickets.get(life.ticket.number)
        assert (stored.incident is None) == (index in refused)
