"""Tests of snapshots: they are small, and decoding restores exactly the ticket."""

from __future__ import annotations

import json
from copy import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.clocks.rules.clocks import Clock, ClockName, ClockState
from redress.db import encoding
from redress.tickets.rules.ticket import State, Ticket
from redress.tickets.store import items
from tests.builders import MEI, START, Life, life_at
from tests.examples import examples


def test_the_snapshot_of_a_new_complaint_contains_only_what_cannot_be_derived() -> None:
    opened = Life().open().ticket
    assert json.loads(items.snapshot_doc(opened)) == {
        "number": "R-7K3M9-QW0X2",
        "version": 1,
        "state": "new",
        "kind": "complaint",
        "channel": "api",
        "language": opened.language,
        "subject": opened.subject,
        "contact": {"name": "Li Na", "email": "li.na@example.com"},
        "team": "complaints",
        "priority": "high",
        "urgency": "high",
        "plan_version": 1,
        "created_at": "2026-11-23T01:00:00Z",
        "unanswered_since": "2026-11-23T01:00:00Z",
        "clocks": {
            "acknowledgement": {"target_s": 300, "ladder": "acknowledgement"},
            "reaction": {"target_s": 1800},
            "first_response": {"target_s": 86400},
            "resolution": {"target_s": 172800, "pauses": ["customer"]},
        },
    }


@pytest.mark.parametrize(
    ("state", "most"),
    [(State.NEW, 900), (State.OPEN, 1200), (State.RESOLVED, 1500), (State.CLOSED, 1700)],
    ids=lambda value: str(value),
)
def test_a_snapshot_stays_small(state: State, most: int) -> None:
    assert len(items.snapshot_doc(life_at(state).ticket).encode()) <= most


def test_a_snapshot_with_all_fields_is_read_too() -> None:
    for state in (State.NEW, State.OPEN, State.RESOLVED, State.CLOSED):
        ticket = life_at(state).ticket
        assert items.ticket_of(encoding.encode(ticket)) == ticket


def test_a_renamed_field_keeps_its_stored_name(life: Life) -> None:
    behind = replace(life.open().assign().reply().ticket, last_person_version=1)
    kept = json.loads(items.snapshot_doc(behind))
    assert kept["touched"] == 1
    assert "last_person_version" not in kept
    assert items.ticket_of(json.dumps(kept)) == behind


def test_omitted_fields_are_read_as_they_always_were() -> None:
    """Snapshots outlive the code that wrote them, so this one must always be read like this.

    If you change what an omitted field means, you define a new format: mark it with "format".
    """
    acknowledgement = {"target_s": 300, "stopped_at": "2026-11-23T01:00:02Z"}
    resolution = {"target_s": 172800}
    wait = {"reason": "customer", "begin": "2026-11-23T02:00:00Z"}
    solved = {
        "at": "2026-11-23T01:30:00Z",
        "by": "a-mei",
        "team": "complaints",
        "outcome": "upheld",
        "remedy": None,
        "root_cause": None,
        "replies": 0,
        "round": 1,
    }
    kept = {
        "number": "R-7K3M9-QW0X2",
        "version": 3,
        "state": "open",
        "kind": "complaint",
        "channel": "api",
        "language": "en",
        "subject": "Broken kettle",
        "contact": {"name": "Li Na"},
        "team": "complaints",
        "priority": "high",
        "plan_version": 1,
        "created_at": "2026-11-23T01:00:00Z",
        "assignee": "a-mei",
        "resolution": solved,
        "waits": [wait],
        "clocks": {"acknowledgement": acknowledgement, "resolution": resolution},
    }
    always: dict[str, Any] = {
        "started_at": "2026-11-23T01:00:00Z",
        "calendar": "always",
        "ladder": "promise",
        "pauses": [],
        "fired": [],
        "ahead": [],
        "breached_at": None,
        "settled": False,
    }
    stopped = {
        "anchor_at": "2026-11-23T01:00:02Z",
        "due_at": "2026-11-23T01:05:00Z",
        "consumed_s": 2.0,
        "state": "stopped",
        "held_by": "a-mei",
    }
    running = {
        "anchor_at": "2026-11-23T01:00:00Z",
        "due_at": "2026-11-25T01:00:00Z",
        "consumed_s": 0.0,
        "state": "running",
        "stopped_at": None,
        "held_by": None,
    }
    assert json.loads(encoding.encode(items.ticket_of(json.dumps(kept)))) == kept | {
        "last_person_version": 3,
        "contact": {"name": "Li Na"},
        "changed_at": "2026-11-23T01:00:02Z",
        "clocks": {
            "acknowledgement": acknowledgement | always | stopped,
            "resolution": resolution | always | running,
        },
        "urgency": "normal",
        "impact": "normal",
        "customer_type": "standard",
        "category": None,
        "tags": [],
        "order": None,
        "satisfaction": None,
        "unanswered_since": None,
        "on_hold": None,
        "held_since": None,
        "waits": [wait | {"end": None}],
        "raised": None,
        "first_sender": None,
        "participants": [],
        "about": [],
        "mentioned": [],
        "fields": [],
        "about_decided": False,
        "about_unclear": None,
        "about_unsearched": False,
        "kept_from": [],
        "customer": None,
        "watchers": [],
        "joined": [],
        "classified": False,
        "incident_proposed": False,
        "spike_proposed": None,
        "avoid": None,
        "unaccepted_since": None,
        "declined_by": [],
        "links": [],
        "merged": None,
        "split": None,
        "incident": None,
        "handovers": 0,
        "placing": None,
        "team_decided": False,
        "nobody_told": False,
        "live": 0,
        "in_conversation": False,
        "missed_call": False,
        "preferred": None,
        "reacted": False,
        "replies": 0,
        "round": 1,
        "resolution": solved | {"contacts_after": 0, "cause": None, "cause_words": None},
        "callback_attempts": 0,
        "callback_preference": None,
        "escalation": None,
        "acknowledged_at": "2026-11-23T01:00:02Z",
        "closure": None,
        "closed_at": None,
        "tasks": [],
        "urged_at": None,
        "conversation": None,
        "checklist": None,
        "remedies": [],
        "granted": [],
        "duplicates": [],
        "post_mortem": None,
        "talks": [],
    }


def test_an_order_number_is_the_only_thing_that_it_adds_to_a_snapshot() -> None:
    plain, about = Life().open().ticket, Life().open(order="SO-2026-118").ticket
    assert json.loads(items.snapshot_doc(about)) == json.loads(items.snapshot_doc(plain)) | {
        "order": "SO-2026-118"
    }


def test_a_snapshot_of_a_later_format_is_refused() -> None:
    later = json.loads(items.snapshot_doc(Life().open().ticket)) | {"format": 2}
    with pytest.raises(msgspec.DecodeError, match="later format 2"):
        items.ticket_of(json.dumps(later))


INSTANTS = st.sampled_from([START + timedelta(seconds=s) for s in (-90, 0, 0.000001, 300, 86400)])
MAYBE = st.none() | INSTANTS
CLOCKS = st.builds(
    Clock,
    target_s=st.sampled_from([0, 300, 300.5, 86400]),
    started_at=INSTANTS,
    anchor_at=INSTANTS,
    due_at=INSTANTS,
    calendar=st.sampled_from(["always", "office"]),
    pauses=st.sampled_from([(), ("customer",)]),
    consumed_s=st.sampled_from([0.0, 0.000001, 90.0, 300.0, 86400.0]),
    state=st.sampled_from(ClockState),
    fired=st.sampled_from([(), ("remind.1",)]),
    stopped_at=MAYBE,
    breached_at=MAYBE,
    held_by=st.sampled_from([None, MEI.id, "a-jun"]),
)


@given(
    clocks=st.dictionaries(st.sampled_from(ClockName), CLOCKS),
    last_person_version=st.integers(0, 3),
    changed_at=INSTANTS,
    acknowledged_at=MAYBE,
    assignee=st.sampled_from([None, MEI.id]),
)
@examples(400)
def test_any_ticket_is_decoded_as_it_was_encoded(**fields: Any) -> None:
    """Also for tickets that cannot occur. A field is omitted only if its derived value is equal."""
    ticket = replace(Life().open().ticket, **fields)
    assert items.ticket_of(items.snapshot_doc(ticket)) == ticket


@pytest.mark.parametrize(
    "doc",
    [
        "{",
        "[]",
        "7",
        "{}",
        '{"created_at": "yesterday", "clocks": {}}',
        '{"created_at": "2026-11-23T01:00:00Z", "clocks": []}',
        '{"created_at": "2026-11-23T01:00:00Z", "clocks": {"reaction": {}}}',
        '{"created_at": "2026-11-23T01:00:00Z", "clocks": {"reaction": {"target_s": "x"}}}',
        '{"created_at": "2026-11-23T01:00:00", "clocks": {"reaction": {"target_s": 1e300}}}',
        items.snapshot_doc(Life().open().ticket)[:-20],
        items.snapshot_doc(Life().open().ticket).replace('"target_s":300', '"target_s":1e12'),
        items.snapshot_doc(Life().open().ticket).replace('"version":1', '"version":1' + "0" * 12),
        items.snapshot_doc(Life().open().ticket).replace('"state":"new"', '"state":"newer"'),
    ],
)
def test_anything_else_is_unreadable(doc: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        items.ticket_of(doc)


def test_a_time_keeps_its_microseconds() -> None:
    at = datetime.fromisoformat("2026-11-23T01:00:02.155900+00:00")
    ticket: Ticket = replace(Life().open().ticket, acknowledged_at=at)
    assert items.ticket_of(items.snapshot_doc(ticket)).acknowledged_at == at
    assert "2026-11-23T01:00:02.155900Z" in items.snapshot_doc(ticket)


def test_fields_that_follow_from_a_stopped_clock_are_omitted() -> None:
    """A stopped clock contains when it stopped, and no field that follows from it."""
    acknowledged = Life().open().wait(seconds=2).acknowledge().ticket
    kept = msgspec.json.decode(items.snapshot_doc(acknowledged))
    assert kept["clocks"]["acknowledgement"] == {
        "target_s": 300,
        "ladder": "acknowledgement",
        "stopped_at": "2026-11-23T01:00:02Z",
    }
    assert "acknowledged_at" not in kept
    assert "changed_at" not in kept
