"""The checker of `make chaos` finds each kind of violation, and nothing in a sound table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from redress.base.people import CUSTOMER
from redress.clocks.rules.clocks import ClockName
from redress.db import encoding, keys
from redress.mail.outgoing.cases.sending import hidden_id
from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.rules.table import mails_after
from redress.scores.rules import scorecard
from redress.scores.rules.facts import facts_of
from redress.scores.store.facts import pack
from redress.scores.store.scores import Card
from redress.tickets.rules import ticket as tickets
from redress.tickets.rules.change import Change
from redress.tickets.rules.fold import apply
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import Event, EventType, State
from redress.tickets.store import items
from tests.builders import MEI, NUMBER, START, Life, life_at
from tests.chaos import checker
from tests.chaos.checker import violations
from tests.chaos.evidence import Evidence, Lost, Mailed, Said, Submission, tables

PERIOD = "2026-11"
CHECK = ["evidence", "known", "return"]
"""The names in the annotations of a check."""


def rows(life: Life) -> list[dict[str, Any]]:
    """The items that the product would have stored for this life, with its workflow asleep."""
    ticket, wake = life.ticket, tickets.next_wake(life.ticket, life.plan)
    timer: dict[str, Any] = {
        "pk": keys.ticket_pk(ticket.number),
        "sk": keys.TIMER,
        "gen": Decimal(1),
        "seq": Decimal(3),
        "phase": ticket.phase.value,
    }
    if wake is not None:
        timer["next_wake_ms"] = Decimal(encoding.milliseconds(wake))
    if ticket.state is not State.CLOSED:
        timer["armed"] = {"token": "t", "seq": Decimal(3), "phase": ticket.phase.value}
    mails = [
        {
            "pk": keys.ticket_pk(ticket.number),
            "sk": keys.mail_sk(f"{event.number:06d}.{mail.template}.{mail.audience}"),
            "state": "sent",
        }
        for event in life.events
        for mail in mails_after(event)
    ]
    events = [items.event_item(ticket, event, life.plan) for event in life.events]
    key = {
        "pk": "KEY#1",
        "sk": "KEY",
        "number": ticket.number,
        "fingerprint": "f",
        "answer": "{}",
    }
    return [items.snapshot_item(ticket), timer, *events, *mails, key, *scores(life), duty(life)]


def duty(life: Life) -> dict[str, Any]:
    return {
        "pk": keys.agent_pk(MEI.id),
        "sk": keys.AVAILABILITY,
        "load": Decimal(life.ticket.needs_agent),
        "capacity": Decimal(5),
    }


def scores(life: Life) -> list[dict[str, Any]]:
    """The items of the facts of this life, and MEI's scorecard."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    facts = [fact for change in life.changes for fact in facts_of(change) if fact.agent == MEI.id]
    for fact in facts:
        word, _, round_ = fact.name.partition(".")
        place = keys.facts_pk(fact.agent, fact.period), keys.fact_sk(fact.number, int(round_ or 1))
        row = found.setdefault(place, {"pk": place[0], "sk": place[1]})
        row[checker.FACT_NAMES[word]] = pack(fact.name, fact.value)
    if not facts:
        return []
    latest = {(fact.number, fact.name): fact for fact in facts}.values()
    made = scorecard.score(MEI.id, latest, None, life.plan.score, PERIOD, True)
    card = Card(made, 1, life.plan.version, life.clock.now())
    stored = {
        "pk": keys.card_pk(PERIOD),
        "sk": keys.agent_pk(MEI.id),
        "doc": encoding.encode(card),
    }
    return [*found.values(), stored]


def evidence(life: Life, stored: list[dict[str, Any]] | None = None, **more: Any) -> Evidence:
    found = rows(life) if stored is None else stored
    ticket = life.ticket
    known: dict[str, Any] = {
        **tables(found),
        "plans": {life.plan.version: life.plan},
        "began": life.events[0].at,
        "ended": life.clock.now(),
        "running": [] if ticket.state is State.CLOSED else [f"{ticket.number}-1"],
        "outbox": Counter(
            f"{ticket.number}/{row['sk'].removeprefix('MAIL#')}"
            for row in found
            if row["sk"].startswith("MAIL#")
        ),
    }
    return Evidence(**(known | more))


def said_of(found: Evidence) -> list[str]:
    return [str(violation) for violation in violations(found)]


def without(stored: list[dict[str, Any]], sk: str) -> list[dict[str, Any]]:
    left = [row for row in stored if row["sk"] != sk]
    assert len(left) < len(stored), f"there is no {sk}"
    return left


def changed(stored: list[dict[str, Any]], sk: str, **fields: Any) -> list[dict[str, Any]]:
    assert any(row["sk"] == sk for row in stored), f"there is no {sk}"
    return [{**row, **fields} if row["sk"] == sk else row for row in stored]


@pytest.mark.parametrize("state", list(State))
def test_finds_nothing_in_a_sound_table(state: State) -> None:
    assert said_of(evidence(life_at(state))) == []


def test_finds_nothing_after_a_dispute_and_a_ladder() -> None:
    life = life_at(State.RESOLVED).wait(hours=1).dispute().assign().write().reply()
    life.sleep_through(life.clock.now() + timedelta(hours=30))
    stored = rows(life)
    holder = life.ticket.assignee
    assert said_of(evidence(life, stored)) == []
    assert holder == MEI.id


# ------------------------------------------------------------------------------ histories


def test_finds_a_gap_in_the_numbers_of_events() -> None:
    life = life_at(State.OPEN)
    found = said_of(evidence(life, without(rows(life), "EVENT#000002")))
    assert f"{NUMBER}: its events are numbered [1, 3, 4]" in found


@pytest.mark.parametrize(("sk", "name"), [("TICKET", "snapshot"), ("TIMER", "TIMER")])
def test_finds_a_missing_item(sk: str, name: str) -> None:
    life = life_at(State.OPEN)
    assert f"{NUMBER}: it has no {name}" in said_of(evidence(life, without(rows(life), sk)))


def test_finds_a_step_that_the_state_does_not_allow() -> None:
    life = life_at(State.CLOSED)
    number = life.ticket.version + 1
    life.events.append(Event(number, EventType.CONFIRMED, life.clock.now(), MEI))
    found = said_of(evidence(life))
    assert f"{NUMBER}: event {number} (confirmed) in the state closed is not allowed" in found


def test_finds_a_rung_after_the_end() -> None:
    life = life_at(State.CLOSED)
    number = life.ticket.version + 1
    data = {"clock": "survey", "step": "close.1", "action": "close", "notify": [], "rung": 1}
    due = {"due_at": life.clock.now().isoformat(), "held_by": None}
    life.events.append(Event(number, EventType.RUNG_FIRED, life.clock.now(), MEI, data | due))
    found = said_of(evidence(life))
    assert f"{NUMBER}: event {number} (rung_fired) in the state closed comes after the end" in found


def test_finds_a_history_that_runs_backwards() -> None:
    life = life_at(State.NEW).wait(minutes=1).reply()
    last = life.events[-1]
    early = replace(last, at=last.at - timedelta(seconds=90))
    stored = [
        *without(rows(life), f"EVENT#{last.number:06d}"),
        items.event_item(life.ticket, early, life.plan),
    ]
    found = said_of(evidence(life, stored))
    assert f"{NUMBER}: event {last.number} is 30.000 s too early" in found


def test_finds_a_time_that_is_more_than_a_minute_off() -> None:
    life = life_at(State.NEW).wait(hours=2).reply()
    found = said_of(evidence(life, ended=life.clock.now() - timedelta(hours=2)))
    assert any("is dated" in words and "outside the run" in words for words in found)


def test_finds_a_snapshot_that_differs_from_its_history() -> None:
    life = life_at(State.OPEN)
    other = items.snapshot_item(replace(life.ticket, replies=7))
    found = said_of(evidence(life, changed(rows(life), "TICKET", doc=other["doc"])))
    assert found == [f"{NUMBER}: its snapshot has replies = 7, its history gives 1"]


def test_finds_a_clock_that_differs_from_its_history() -> None:
    life = life_at(State.OPEN)
    clock = replace(life.ticket.clocks[ClockName.RESOLUTION], target_s=1)
    wrong = replace(life.ticket, clocks=life.ticket.clocks | {ClockName.RESOLUTION: clock})
    doc = items.snapshot_item(wrong)["doc"]
    found = said_of(evidence(life, changed(rows(life), "TICKET", doc=doc)))
    assert found == [
        f"{NUMBER}: its snapshot has clocks.resolution.target_s = 1, its history gives "
        f"{life.ticket.clocks[ClockName.RESOLUTION].target_s}"
    ]


@pytest.mark.parametrize(("name", "value"), [("version", Decimal(3)), ("owner_pk", "QUEUE#x#1")])
def test_finds_a_snapshot_with_a_wrong_index_entry(name: str, value: Any) -> None:
    life = life_at(State.OPEN)
    found = said_of(evidence(life, changed(rows(life), "TICKET", **{name: value})))
    assert len(found) == 1
    assert f"its snapshot is listed with {name} = {value!r}" in found[0]


def test_finds_a_rung_that_fired_twice() -> None:
    life = life_at(State.NEW)
    life.sleep_through(life.clock.now() + timedelta(minutes=20))
    again = next(e for e in life.events if e.type is EventType.RUNG_FIRED)
    number = life.ticket.version + 1
    life.events.append(replace(again, number=number, at=life.clock.now()))
    step = f"{again.data['clock']}: {again.data['step']}"
    assert f"{NUMBER}: {step} fired again (event {number})" in said_of(evidence(life))


def test_finds_a_rung_that_fired_too_early() -> None:
    life = life_at(State.NEW)
    life.sleep_through(life.clock.now() + timedelta(minutes=20))
    place = next(i for i, e in enumerate(life.events) if e.type is EventType.RUNG_FIRED)
    rung = life.events[place]
    late = (rung.at + timedelta(minutes=5)).isoformat()
    life.events[place] = replace(rung, data=rung.data | {"due_at": late})
    assert any("fired too early" in words for words in said_of(evidence(life)))


# ------------------------------------------------------------------------------ workflows


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"phase": "callback"}, "its TIMER has phase = 'callback'"),
        ({"next_wake_ms": Decimal(1)}, "its TIMER has next_wake_ms"),
        ({"awake": "AWAKE#1", "awake_since": "2026-11-23"}, "its workflow is awake since"),
        ({"seq": Decimal(4)}, "its workflow does not sleep for what the ticket waits for"),
        ({"armed": None}, "its workflow does not sleep for what the ticket waits for"),
    ],
)
def test_finds_a_timer_that_does_not_fit_its_ticket(fields: dict[str, Any], words: str) -> None:
    life = life_at(State.OPEN)
    found = said_of(evidence(life, changed(rows(life), "TIMER", **fields)))
    assert any(words in one for one in found), found


def test_finds_a_rung_that_has_not_fired() -> None:
    life = life_at(State.NEW)
    wake = tickets.next_wake(life.ticket, life.plan)
    assert wake is not None
    found = said_of(evidence(life, ended=wake + timedelta(minutes=2)))
    assert any("fell due 120 s ago and has not fired" in words for words in found)
    assert said_of(evidence(life, ended=wake + timedelta(seconds=30))) == []


@pytest.mark.parametrize("running", [[], [f"{NUMBER}-1", f"{NUMBER}-2"], [f"{NUMBER}-2"]])
def test_finds_an_open_ticket_without_exactly_one_execution(running: list[str]) -> None:
    found = said_of(evidence(life_at(State.OPEN), running=running))
    assert found == [f"{NUMBER}: the executions {running} run instead of ['{NUMBER}-1']"]


def test_finds_an_execution_of_a_closed_ticket_and_of_no_ticket() -> None:
    other = "R-AAAAA-AAAAA"
    found = said_of(evidence(life_at(State.CLOSED), running=[f"{NUMBER}-1", f"{other}-1"]))
    assert found == [
        f"{NUMBER}: the executions ['{NUMBER}-1'] run instead of []",
        f"{other}: the executions ['{other}-1'] belong to no ticket",
    ]


# ------------------------------------------------------------------------------ mails

REPLY = "000004.reply.customer"


def test_finds_a_mail_without_a_record() -> None:
    life = life_at(State.OPEN)
    found = said_of(evidence(life, without(rows(life), f"MAIL#{REPLY}")))
    assert found == [f"{NUMBER}: the mail {REPLY} has no record"]


def test_accepts_a_mail_without_a_record_that_was_outdated_for_a_time() -> None:
    life = Life().open().acknowledge().write()  # nobody has the ticket when the customer writes
    key = f"{life.events[-1].number:06d}.customer_wrote.agent"
    life.assign().reply()
    assert said_of(evidence(life, without(rows(life), f"MAIL#{key}"))) == []


def test_accepts_an_unfinished_record_of_a_mail_that_was_outdated_for_a_time() -> None:
    life = Life().open().acknowledge().write()
    key = f"{life.events[-1].number:06d}.customer_wrote.agent"
    life.assign().reply()
    stored = changed(rows(life), f"MAIL#{key}", state="claimed")
    sent = evidence(life).outbox - Counter([f"{NUMBER}/{key}"])
    assert said_of(evidence(life, stored, outbox=sent)) == []


def test_finds_the_mail_that_names_no_ticket_by_its_own_id() -> None:
    """A call of reserve staff has no reference to the ticket that made the queue too long."""
    life = Life().open().acknowledge()
    at = life.clock.now()
    life.take(by_system.leave_unplaced(life.ticket, life.plan, {}, "", at, called=21))
    jobs = [MailJob(NUMBER, 3, "reserve_called", one) for one in ("supervisor", "reserve")]
    sent = evidence(life).outbox - Counter(f"{NUMBER}/{job.key}" for job in jobs)
    hidden = Counter(f"/{hidden_id(job)}" for job in jobs)
    assert not [one for one in said_of(evidence(life, outbox=sent + hidden)) if "mail" in one]
    found = said_of(evidence(life, outbox=sent + Counter([f"/{hidden_id(jobs[0])}"])))
    assert f"{NUMBER}: the mail {jobs[1].key} is recorded as sent and was not" in found
    stray = "0123456789abcdef.reserve_called.reserve"
    found = said_of(evidence(life, outbox=sent + hidden + Counter([f"/{stray}"])))
    assert f"no ticket: the mail {stray} was sent without a record" in found


@pytest.mark.parametrize("state", ["claimed", "failed"])
def test_finds_a_mail_that_is_not_finished(state: str) -> None:
    life = life_at(State.OPEN)
    found = said_of(evidence(life, changed(rows(life), f"MAIL#{REPLY}", state=state)))
    assert f"{NUMBER}: the mail {REPLY} is still {state} (None)" in found


def test_finds_a_mail_that_follows_from_no_event() -> None:
    life = life_at(State.OPEN)
    extra = {"pk": keys.ticket_pk(NUMBER), "sk": "MAIL#000004.breach.agent", "state": "sent"}
    found = said_of(evidence(life, [*rows(life), extra]))
    assert found == [f"{NUMBER}: the mail 000004.breach.agent follows from no event"]


def test_finds_a_mail_that_is_recorded_as_sent_and_was_not() -> None:
    life = life_at(State.OPEN)
    sent = evidence(life).outbox - Counter([f"{NUMBER}/{REPLY}"])
    found = said_of(evidence(life, outbox=sent))
    assert found == [f"{NUMBER}: the mail {REPLY} is recorded as sent and was not"]


def test_finds_a_mail_that_was_sent_without_a_record_or_although_refused() -> None:
    life = life_at(State.OPEN)
    stray = f"{NUMBER}/000009.reply.customer"
    found = said_of(evidence(life, outbox=evidence(life).outbox + Counter([stray])))
    assert found == [f"{NUMBER}: the mail 000009.reply.customer was sent without a record"]
    refused = changed(rows(life), f"MAIL#{REPLY}", state="refused")
    words = f"{NUMBER}: the mail {REPLY} is recorded as refused and was sent"
    assert said_of(evidence(life, refused)) == [words]


def test_finds_more_copies_of_a_mail_than_lost_answers_explain() -> None:
    life = life_at(State.OPEN)
    name = f"{NUMBER}/{REPLY}"
    thrice = evidence(life).outbox + Counter([name, name])
    lost, other = Lost("lose", "SendEmail", name), Lost("kill_after", "UpdateItem", None)
    words = [f"{NUMBER}: the mail {REPLY} was sent 3 times"]
    assert said_of(evidence(life, outbox=thrice)) == words
    assert said_of(evidence(life, outbox=thrice, lost=[lost])) == words
    assert said_of(evidence(life, outbox=thrice, lost=[lost, other])) == []
    assert said_of(evidence(life, outbox=thrice, lost=[lost], ended_workers=1)) == []


def test_finds_an_acknowledgement_that_was_sent_and_not_recorded() -> None:
    life = Life().open().assign()
    found = said_of(evidence(life))
    assert found == [f"{NUMBER}: its acknowledgement was sent and is not recorded"]


def arrived(mark: str, **fields: Any) -> dict[str, Any]:
    record = {"state": "joined", "number": NUMBER, "event": 5, "subject": mark}
    doc = encoding.encode(record | fields)
    return {"pk": f"ARRIVAL#{mark}", "sk": "ARRIVAL", "doc": doc}


def with_mail(mark: str) -> Life:
    life = life_at(State.OPEN)
    data = {"text": mark}
    event = Event(5, EventType.CUSTOMER_WROTE, life.clock.now(), CUSTOMER, data)
    after = apply(life.ticket, event, life.plan)
    return life.take(Change(life.ticket, (event,), after, life.plan))


def test_finds_an_incoming_mail_that_is_lost_or_doubled() -> None:
    life = with_mail("mark-1")
    place = {"pk": "OBJECT#1", "sk": "OBJECT"}
    stored = [*rows(life), arrived("mark-1"), place]
    sound: dict[str, Any] = {"mailed": [Mailed("mark-1", 1)]}
    assert said_of(evidence(life, stored, **sound)) == []
    lost = said_of(evidence(life, [*rows(life), place], **sound))
    assert lost == ["mark-1: the mail was accepted and has no record"]
    fewer = said_of(evidence(life, [*rows(life), arrived("mark-1")], **sound))
    assert fewer == ["incoming mail: 1 mails were accepted, 0 objects have a record"]
    twice = [*stored, arrived("mark-1") | {"pk": "ARRIVAL#other"}]
    assert said_of(evidence(life, twice, **sound)) == ["mark-1: the mail has 2 records"]
    nowhere = [*rows(life), arrived("mark-1", event=9), place]
    found = said_of(evidence(life, nowhere, **sound))
    assert found == [f"mark-1: the mail is joined at ('{NUMBER}', 9), nothing is"]


def test_a_message_to_the_sender_of_a_mail_is_no_second_copy_of_the_mail() -> None:
    life = with_mail("mark-1")
    sound: dict[str, Any] = {"mailed": [Mailed("mark-1", 1)]}
    place = {"pk": "OBJECT#1", "sk": "OBJECT"}

    def said_after(event: Event) -> list[str]:
        ticket = life.ticket
        change = Change(ticket, (event,), apply(ticket, event, life.plan), life.plan)
        stored = [*rows(life.take(change)), arrived("mark-1"), place]
        return [s for s in said_of(evidence(life, stored, **sound)) if s.startswith("mark-1")]

    data: dict[str, Any] = {"text": "It is on its way.", "to": "mark-1@customer.example"}
    assert said_after(Event(6, EventType.PROGRESS_TOLD, life.clock.now(), MEI, data)) == []
    again = Event(7, EventType.CUSTOMER_WROTE, life.clock.now(), CUSTOMER, {"text": "mark-1"})
    assert said_after(again) == [f"mark-1: the mail is there 2 times: {NUMBER}, {NUMBER}"]


# ------------------------------------------------------------------------------ scores and load


def test_finds_a_fact_that_differs_from_the_history() -> None:
    life = life_at(State.RESOLVED)
    stored = changed(rows(life), f"{NUMBER}#1", fr="0")
    found = said_of(evidence(life, stored))
    assert len(found) == 1
    assert f"the fact first_response of {MEI.id} in {PERIOD} is 0" in found[0]


def test_finds_a_missing_fact_and_one_too_many() -> None:
    life = life_at(State.RESOLVED)
    assert len(said_of(evidence(life, without(rows(life), f"{NUMBER}#1")))) == 4
    extra = {"pk": keys.facts_pk("a-jun", PERIOD), "sk": f"{NUMBER}#1", "re": "0"}
    found = said_of(evidence(life, [*rows(life), extra]))
    words = f"the fact reaction of a-jun in {PERIOD} is 0, its history gives None"
    assert found == [f"{NUMBER}: {words}"]


def test_finds_a_card_that_differs_from_the_facts() -> None:
    life, other = life_at(State.CLOSED), life_at(State.RESOLVED)
    card = next(row for row in rows(other) if row["pk"].startswith("CARD#"))
    stored = [row for row in rows(life) if not row["pk"].startswith("CARD#")]
    missing = said_of(evidence(life, stored))
    assert missing == [f"{MEI.id}: there are facts of {PERIOD} and no scorecard"]
    found = said_of(evidence(life, [*stored, card]))
    assert len(found) == 1
    assert f"{MEI.id}: the scorecard of {PERIOD} has" in found[0]


def test_accepts_a_card_that_is_older_than_the_last_facts() -> None:
    life = life_at(State.RESOLVED)
    card = next(row for row in rows(life) if row["pk"].startswith("CARD#"))
    life.wait(minutes=5).confirm().answer_survey()
    stored = [row for row in rows(life) if not row["pk"].startswith("CARD#")]
    assert said_of(evidence(life, [*stored, card])) == []


@pytest.mark.parametrize(
    ("state", "load", "capacity", "words"),
    [
        (State.OPEN, 0, 5, "the load is 0, and 1 tickets are assigned"),
        (State.CLOSED, 1, 5, "the load is 1, and 0 tickets are assigned"),
        (State.OPEN, 1, 0, "1 tickets are more than the capacity 0"),
    ],
)
def test_finds_a_load_that_differs_from_the_tickets(
    state: State, load: int, capacity: int, words: str
) -> None:
    life = life_at(state)
    stored = changed(rows(life), "DUTY", load=Decimal(load), capacity=Decimal(capacity))
    assert said_of(evidence(life, stored)) == [f"{MEI.id}: {words}"]


@pytest.mark.parametrize(("live", "found"), [(100, []), (0, ["0 %"]), (34, ["34 %"])])
def test_finds_conversations_that_take_something_else_than_those_of_the_tickets(
    live: int, found: list[str]
) -> None:
    life = Life().open(channel="phone").assign()
    stored = changed(rows(life), "DUTY", live=Decimal(live), conversations={NUMBER})
    told = [one for one in said_of(evidence(life, stored)) if "conversations" in one]
    assert told == [
        f"{MEI.id}: conversations take {one}, those of the tickets 100 %" for one in found
    ]


@pytest.mark.parametrize(
    ("since", "told"),
    [
        (START - timedelta(minutes=1), [f"the conversation of {NUMBER} is not counted"]),
        (START + timedelta(minutes=1), [f"the conversation of {NUMBER} is not counted"]),
        (START + timedelta(minutes=2), []),
    ],
)
def test_finds_a_conversation_that_is_not_counted_though_its_agent_never_ended_it(
    since: datetime, told: list[str]
) -> None:
    life = Life().open(channel="phone").assign()
    stored = changed(rows(life), "DUTY", since=since.isoformat(timespec="milliseconds"))
    found = [one for one in said_of(evidence(life, stored)) if "conversation" in one]
    assert found == [f"{MEI.id}: {one}" for one in told]


@pytest.mark.parametrize(("minutes", "found"), [(9, True), (10, False)])
def test_chat_that_was_quiet_for_long_need_not_be_counted(minutes: int, *, found: bool) -> None:
    life = Life().open(channel="chat").assign().reply().wait(minutes=minutes).write()
    stored = changed(rows(life), "DUTY", since=(START - timedelta(hours=1)).isoformat())
    told = [one for one in said_of(evidence(life, stored)) if "conversation" in one]
    assert told == [f"{MEI.id}: the conversation of {NUMBER} is not counted"][: int(found)]


def test_finds_a_conversation_that_is_counted_though_it_is_over() -> None:
    life = Life().open(channel="phone").assign().reply()
    stored = changed(rows(life), "DUTY", live=Decimal(100), conversations={NUMBER})
    found = [one for one in said_of(evidence(life, stored)) if "conversation" in one]
    assert found == [
        f"{MEI.id}: the conversation of {NUMBER} is counted, and it is over",
        f"{MEI.id}: conversations take 100 %, those of the tickets 0 %",
    ]


# ------------------------------------------------------------------------------ clients


def test_finds_a_submission_that_is_lost_or_opened_two_tickets() -> None:
    life, other = life_at(State.OPEN), "R-AAAAA-AAAAA"
    mark = str(life.events[0].data["description"])
    sent = Submission("key-1", mark, (NUMBER,))
    assert said_of(evidence(life, submissions=[sent])) == []
    lost = said_of(evidence(life, submissions=[replace(sent, numbers=(other,))]))
    assert lost == [f"{other}: the submission key-1 was answered, and it is not there"]
    second = Life().open(number=other).acknowledge().assign().reply()
    own = [row for row in rows(second) if row["pk"] == keys.ticket_pk(other)]
    both = said_of(evidence(life, [*rows(life), *own], submissions=[sent]))
    assert any(f"one submission (key-1) opened {NUMBER}, {other}" in words for words in both) or (
        any(f"one submission (key-1) opened {other}, {NUMBER}" in words for words in both)
    )


def test_finds_a_key_that_names_no_ticket_and_two_that_name_one() -> None:
    life = life_at(State.OPEN)
    gone = {"pk": "KEY#2", "sk": "KEY", "number": "R-AAAAA-AAAAA"}
    found = said_of(evidence(life, [*rows(life), gone]))
    assert found == ["R-AAAAA-AAAAA: KEY#2 names it, and it is not there"]
    again = said_of(evidence(life, [*rows(life), gone | {"number": NUMBER}]))
    assert again == [f"{NUMBER}: 2 idempotency keys name it"]


@pytest.mark.parametrize(
    ("mark", "answered", "refused", "words"),
    [
        ("An answer", True, False, None),
        ("An answer", False, False, None),
        ("no such", False, False, None),
        ("no such", True, False, "was answered and is missing"),
        ("An answer", False, True, "was refused and is there"),
    ],
)
def test_finds_a_text_that_is_lost_or_was_refused(
    mark: str, answered: bool, refused: bool, words: str | None
) -> None:
    life = life_at(State.OPEN)
    said = Said(NUMBER, mark, "the agent's reply", answered, refused)
    found = said_of(evidence(life, said=[said]))
    wanted = [] if words is None else [f"{NUMBER}: the agent's reply ({mark}) {words}"]
    assert found == wanted


def test_finds_a_text_that_is_there_twice() -> None:
    life = life_at(State.OPEN).reply()
    said = Said(NUMBER, "An answer", "the agent's reply", True)
    found = said_of(evidence(life, said=[said]))
    assert found == [f"{NUMBER}: the agent's reply (An answer) is there 2 times"]


def test_finds_a_text_whose_event_has_another_time_than_its_answer() -> None:
    life = life_at(State.OPEN).wait(hours=3)
    at = life.clock.now() - timedelta(hours=3)
    said = Said(NUMBER, "An answer", "the agent's reply", True, between=(at, at))
    assert said_of(evidence(life, said=[said])) == said_of(evidence(life))
    late = at + timedelta(minutes=2)
    wrong = replace(said, between=(late, late))
    words = f"{NUMBER}: the agent's reply (An answer) is dated -120 s after it was sent"
    assert words in said_of(evidence(life, said=[wrong]))


def test_finds_messages_that_are_left_or_set_aside() -> None:
    life = life_at(State.OPEN)
    dead = {"MailDeadLetterQueue": ["{}"], "DeadLetterQueue": ["an assignment"]}
    found = said_of(evidence(life, left={"MailQueue": 2}, dead=dead))
    assert found == [
        "MailQueue: 2 messages are still there",
        "MailDeadLetterQueue: a message was set aside: {}",
    ]


def test_finds_what_the_last_reconciliation_had_to_repair() -> None:
    found = said_of(evidence(life_at(State.OPEN), repaired={"followed": 1}))
    assert found == ["reconciliation: followed: 1"]


def test_every_check_is_in_the_list() -> None:
    """A check that is not in CHECKS would never run."""
    given: list[Callable[..., Any]] = [
        value
        for value in vars(checker).values()
        if callable(value) and getattr(value, "__module__", "") == checker.__name__
    ]
    checks = {one for one in given if list(getattr(one, "__annotations__", {})) == CHECK}
    assert checks == set(checker.CHECKS)
