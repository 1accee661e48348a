"""Mails of a ticket, and mails in quarantine."""

from __future__ import annotations

import json
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from redress.mail.incoming.store import IncomingRecord, MailState
from redress.tickets.rules.steps import opening
from redress.wiring import stores as wired_stores
from tests.builders import NUMBER, Clock, submission
from tests.functions.staff.api import Api
from tests.wired import set_environment
from tests.world import Stores, aws

HELD_MAIL = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"


@pytest.fixture
def opened_by_mail(stores: Stores, clock: Clock) -> str:
    """A ticket that came by mail with two attachments. One of them is refused."""
    given = submission("complaint")
    source = {
        "id": HELD_MAIL,
        "key": "inbound/a",
        "attachments": [
            {"id": 1, "name": "收据.pdf", "type": "application/pdf", "size": 9},
            {"id": 2, "name": "x.exe", "type": "a/b", "size": 9, "refused": "type"},
        ],
    }
    change = opening.open_ticket(given, NUMBER, stores.plans.current(), clock.now(), source)
    stores.tickets.open(change, change.after.created_at)
    return NUMBER


def test_mail_of_a_ticket_has_links_to_download_it_and_its_attachments(
    api: Api, opened_by_mail: str
) -> None:
    found = api("mail", "lin", number=opened_by_mail, event="1")
    assert found.status == 200
    original = found.body["original"]
    assert "/inbound/a?" in original
    assert "X-Amz-Expires=300" in original
    assert "attachment" in original
    receipt, program = found.body["attachments"]
    assert f"/attachments/{HELD_MAIL}/1?" in receipt["url"]
    assert "response-content-type=application%2Fpdf" in receipt["url"]
    assert "%25E6%2594%25B6%25E6%258D%25AE.pdf" in receipt["url"], "it is saved under its own name"
    assert (program["url"], program["refused"]) == (None, "type")


@pytest.mark.parametrize("event", ["2", "0", "x", "99999"])
def test_event_without_a_mail_is_not_found(
    api: Api, stores: Stores, opened_by_mail: str, event: str
) -> None:
    assert api("mail", "lin", number=opened_by_mail, event=event).status == 404


def test_mail_of_another_teams_ticket_is_not_found(api: Api, opened_by_mail: str) -> None:
    assert api("mail", "hua", number=opened_by_mail, event="1").status == 404


def _held(number: int, clock: Clock, **fields: Any) -> IncomingRecord:
    usual: dict[str, Any] = {
        "identity": f"{number:040x}",
        "state": MailState.QUARANTINED,
        "key": f"inbound/{number}",
        "received_at": clock.now() + timedelta(seconds=number),
        "sender": "li.na@example.com",
        "sender_name": "",
        "subject": "Away",
        "excerpt": "I am away",
        "reason": "automatic",
    }
    record = IncomingRecord(**(usual | fields))
    wired_stores.incoming_mails().hold(record)
    return record


def test_quarantine_is_read_page_by_page_newest_first(api: Api, clock: Clock) -> None:
    for number in range(5):
        _held(number, clock)
    met: list[str] = []
    query = {"limit": "2"}
    for _ in range(4):
        page = api("quarantine", "lin", query=query)
        assert page.status == 200
        met += [mail["id"] for mail in page.body["items"]]
        if page.body["next"] is None:
            break
        query = {"limit": "2", "cursor": page.body["next"]}
    assert met == [f"{number:040x}" for number in (4, 3, 2, 1, 0)]


def test_held_mail_shows_its_reason_and_has_links(api: Api, clock: Clock) -> None:
    record = _held(1, clock, flags=("disowned",), because=("subject",))
    found = api("held-mail", "lin", id=record.identity)
    assert (found.status, found.body["reason"]) == (200, "automatic")
    assert (found.body["flags"], found.body["because"]) == (["disowned"], ["subject"])
    assert f"/read/{record.identity}.json?" in found.body["links"]["read"]
    unread = _held(2, clock, reason="unreadable")
    assert api("held-mail", "lin", id=unread.identity).body["links"]["read"] is None
    # The mail became a ticket after a repair. Its text is then stored with the ticket, under
    # another key.
    wired_stores.incoming_mails().rewrite(replace(unread, state=MailState.OPENED, number=NUMBER))
    assert api("held-mail", "lin", id=unread.identity).body["links"]["read"] is None


def test_release_is_requested_through_the_queue_and_refused_for_a_virus(
    api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = aws("sqs").create_queue(QueueName="redress-inbound")["QueueUrl"]
    set_environment(monkeypatch, INBOUND_QUEUE_URL=queue)
    record = _held(1, clock)
    assert api("held-mail-release", "lin", id=record.identity).status == 202
    [message] = aws("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"]) == {"release": record.identity, "by": "s-lin"}
    virus = _held(2, clock, reason="virus")
    assert api("held-mail-release", "lin", id=virus.identity).status == 409
    gone = _held(3, clock)
    wired_stores.incoming_mails().rewrite(replace(gone, state=MailState.OPENED, number=NUMBER))
    assert api("held-mail-release", "lin", id=gone.identity).status == 409
    assert "Messages" not in aws("sqs").receive_message(QueueUrl=queue)


@pytest.mark.parametrize("identity", ["x", "0" * 39, "0" * 40, "9F86" * 10])
def test_mail_that_was_never_in_quarantine_is_not_found(api: Api, identity: str) -> None:
    assert api("held-mail", "lin", id=identity).status == 404
    assert api("held-mail-release", "lin", id=identity).status == 404


@pytest.mark.parametrize("limit", ["0", "26", "-1"])
def test_quarantine_refuses_a_limit_out_of_range(api: Api, limit: str) -> None:
    """Story: a negative limit reached the query of the table, which failed with 500."""
    found = api("quarantine", "lin", query={"limit": limit})
    assert (found.status, found.pointers) == (422, {"/limit"})
