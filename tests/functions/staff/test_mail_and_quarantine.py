"""Mails of a ticket, and mails in quarantine."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import replace
from typing import Any

import pytest

from redress.base.people import Role
from redress.clocks.rules.clocks import ClockName
from redress.db.rows import Models
from redress.mail.incoming.rules.held import READER, Refused
from redress.mail.incoming.store import MailState
from redress.mail.outgoing.store import AddressChange, AddressMark, address_row
from redress.tickets.rules.steps import by_customer, opening
from redress.tickets.rules.steps.table import MOST_PARTICIPANTS
from redress.tickets.rules.ticket import EventType, State, Ticket
from redress.wiring import staff as wiring
from redress.wiring import stores as wired_stores
from tests.builders import NUMBER, START, Clock, submission
from tests.functions.staff.api import HELD_MAIL, STRANGER, Api, Reply, hold_mail
from tests.wired import REGION, TABLE, set_environment
from tests.world import Opener, Stores, aws


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


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack does not check files."""
    monkeypatch.setattr(wiring, "checked_mails", lambda: None)
    wiring.quarantine.cache_clear()


def test_mail_of_a_ticket_has_links_to_download_it_and_its_attachments(
    api: Api, opened_by_mail: str, unchecked: None
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


def _accept(api: Api, ticket: Ticket, by: str = "mei", event: int | None = None) -> Reply:
    of = str(event or ticket.version)
    return api("acceptance", by, number=ticket.number, event=of, body={"version": ticket.version})


def test_accepted_mail_of_a_stranger_is_the_customers_message_and_lets_its_sender_in(
    api: Api, noted: Callable[..., Ticket], stores: Stores, clock: Clock
) -> None:
    before = noted()
    clock.advance(hours=1)
    found = _accept(api, before)
    assert (found.status, found.body["participants"]) == (200, [STRANGER])
    let_in, wrote = stores.tickets.history(before.number)[-2:]
    assert (let_in.type, let_in.by.id) == (EventType.PARTICIPANTS_SET, "a-mei")
    assert (wrote.type, wrote.by.role, wrote.at) == (
        EventType.CUSTOMER_WROTE,
        Role.CUSTOMER,
        clock.now(),
    )
    assert wrote.data["text"] == "还是没有"
    assert wrote.data["from"] == STRANGER
    assert wrote.data["accepted"] == {"event": before.version, "by": "a-mei"}
    assert wrote.data["mail"]["key"] == "inbound/b"
    assert wrote.data["mail"]["ticket"] == "R-00000-00001"
    after = stores.tickets.get(before.number)
    assert after.unanswered_since == before.unanswered_since, "an older message is unanswered"


def test_acceptance_starts_the_next_reply_as_of_now(
    api: Api, noted: Callable[..., Ticket], open_ticket: Opener, clock: Clock, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "Which one?", "wait_for_customer": True}
    assert api("reply", "mei", number=ticket.number, body=body).status == 200
    waiting = noted(ticket=ticket)
    assert (waiting.state, waiting.unanswered_since) == (State.WAITING, None)
    clock.advance(hours=1)
    assert _accept(api, waiting).body["state"] == "open"
    after = stores.tickets.get(ticket.number)
    assert after.unanswered_since == clock.now()
    assert after.clocks[ClockName.NEXT_REPLY].started_at == clock.now()


def test_a_mail_is_accepted_once(api: Api, noted: Callable[..., Ticket], stores: Stores) -> None:
    first = noted()
    assert _accept(api, first).status == 200
    assert _accept(api, first).body["type"] == "urn:redress:problem:version-conflict"
    now = stores.tickets.get(first.number)
    again = _accept(api, now, event=first.version)
    assert (again.status, again.body["type"]) == (409, "urn:redress:problem:already-done")
    second = noted(ticket=now)
    assert _accept(api, second).status == 200
    history = stores.tickets.history(first.number)
    types = [event.type for event in history[first.version :]]
    assert types.count(EventType.CUSTOMER_WROTE) == 2
    assert types.count(EventType.PARTICIPANTS_SET) == 1


@pytest.mark.parametrize("why", ["disowned", "automatic", "returned"])
def test_only_a_strangers_mail_can_be_accepted(
    api: Api, noted: Callable[..., Ticket], why: str
) -> None:
    other = noted(why)
    assert _accept(api, other).status == 404
    assert _accept(api, other, event=1).status == 404
    assert _accept(api, other, event=99).status == 404


def test_acceptance_needs_the_right_to_act_and_room_for_a_participant(
    api: Api, noted: Callable[..., Ticket], stores: Stores
) -> None:
    ticket = noted()
    assert _accept(api, ticket, by="jun").status == 403
    assert _accept(api, ticket, by="hua").status == 404
    many = [f"p{n}@example.com" for n in range(MOST_PARTICIPANTS)]
    body = {"version": ticket.version, "participants": many}
    assert api("participants", "mei", number=ticket.number, body=body).status == 200
    full = stores.tickets.get(ticket.number)
    refused = _accept(api, full, event=ticket.version)
    assert (refused.status, refused.codes) == (422, {"": "too_many"})


@pytest.mark.parametrize(
    ("sender", "code"),
    [
        ("", "email_expected"),
        ("Bo", "email_expected"),
        ("wang..wei@example.com", "email_undeliverable"),
        ("wang.@example.com", "email_undeliverable"),
        ("wang@-example.com", "email_undeliverable"),
    ],
)
def test_a_mail_is_accepted_only_with_a_sender_to_whom_mail_can_be_sent(
    api: Api,
    noted: Callable[..., Ticket],
    open_ticket: Opener,
    stores: Stores,
    sender: str,
    code: str,
) -> None:
    for contact in ({"name": "Li", "email": "li@example.com"}, {"name": "Li", "phone": "10086"}):
        before = noted(sender=sender, ticket=open_ticket(agent="a-mei", contact=contact))
        refused = _accept(api, before)
        assert (refused.status, refused.codes) == (422, {"": code})
        after = stores.tickets.get(before.number)
        assert (after.version, after.participants) == (before.version, ())


def test_a_sender_who_cannot_be_let_in_is_refused_before_the_state(
    api: Api, noted: Callable[..., Ticket], stores: Stores
) -> None:
    ticket = noted(sender="Bo")
    stores.changes.change(
        ticket.number, lambda ticket, plan, at: by_customer.withdraw(ticket, plan, "", at)
    )
    refused = _accept(api, stores.tickets.get(ticket.number), event=ticket.version)
    assert (refused.status, refused.codes) == (422, {"": "email_expected"})


def test_nothing_is_accepted_on_a_closed_ticket(
    api: Api, noted: Callable[..., Ticket], stores: Stores
) -> None:
    ticket = noted()
    stores.changes.change(
        ticket.number, lambda ticket, plan, at: by_customer.withdraw(ticket, plan, "", at)
    )
    closed = stores.tickets.get(ticket.number)
    refused = _accept(api, closed, event=ticket.version)
    assert (refused.status, refused.body["type"]) == (409, "urn:redress:problem:not-allowed-now")


def test_quarantine_is_read_page_by_page_newest_first(api: Api, clock: Clock) -> None:
    for number in range(5):
        hold_mail(number, clock)
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
    record = hold_mail(1, clock, flags=("disowned",), because=("subject",))
    found = api("held-mail", "lin", id=record.identity)
    assert (found.status, found.body["reason"]) == (200, "automatic")
    assert (found.body["flags"], found.body["because"]) == (["disowned"], ["subject"])
    assert f"/read/{record.identity}.json?" in found.body["links"]["read"]
    unread = hold_mail(2, clock, reason="unreadable")
    assert api("held-mail", "lin", id=unread.identity).body["links"]["read"] is None
    # The mail became a ticket after a repair. Its text is then stored with the ticket, under
    # another key.
    wired_stores.incoming_mails().rewrite(replace(unread, state=MailState.OPENED, number=NUMBER))
    assert api("held-mail", "lin", id=unread.identity).body["links"]["read"] is None


@pytest.fixture
def queue(api: Api, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of the queue through which releases are requested."""
    url: str = aws("sqs").create_queue(QueueName="redress-inbound")["QueueUrl"]
    set_environment(monkeypatch, INBOUND_QUEUE_URL=url)
    return url


def _requests(queue: str) -> list[Any]:
    found = aws("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


def test_release_is_requested_through_the_queue(api: Api, clock: Clock, queue: str) -> None:
    record = hold_mail(1, clock)
    found = api("held-mail-release", "lin", id=record.identity)
    assert found.status == 202
    assert found.body["requested"] == {"at": "2026-11-23T01:00:00.000Z", "by": "s-lin"}
    [message] = _requests(queue)
    assert message == {
        "release": record.identity,
        "by": "s-lin",
        "at": clock.now().isoformat().replace("+00:00", "Z"),
    }


def test_release_is_refused_while_an_earlier_request_is_processed(
    api: Api, clock: Clock, queue: str
) -> None:
    """Story: the second request answered 202 too, and nothing said that it had no effect."""
    record = hold_mail(1, clock)
    assert api("held-mail-release", "lin", id=record.identity).status == 202
    clock.advance(minutes=4)
    second = api("held-mail-release", "wei", id=record.identity)
    assert (second.status, second.body["reason"]) == (409, "requested")
    assert "s-lin requested this release at 2026-11-23T01:00:00.000Z" in second.body["detail"]
    assert len(_requests(queue)) == 1
    clock.advance(minutes=2)  # the message must be lost
    assert api("held-mail-release", "wei", id=record.identity).status == 202
    assert len(_requests(queue)) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"reason": "virus"}, "virus"),
        ({"reason": "no_sender", "reader": READER}, "no_sender"),
        ({"refused": Refused("not_kept", START, "s-lin")}, "not_kept"),
    ],
)
def test_release_is_refused_with_the_reason_that_the_record_has(
    api: Api, clock: Clock, queue: str, fields: dict[str, Any], reason: str
) -> None:
    record = hold_mail(1, clock, **fields)
    found = api("held-mail-release", "lin", id=record.identity)
    assert (found.status, found.body["reason"]) == (409, reason)
    assert found.body["type"] == "urn:redress:problem:not-releasable"
    assert "ticket is" not in found.body["detail"]
    assert _requests(queue) == []


def test_released_mail_is_not_released_again(api: Api, clock: Clock, queue: str) -> None:
    gone = hold_mail(1, clock)
    opened = replace(gone, state=MailState.OPENED, number=NUMBER, released_by="s-lin")
    wired_stores.incoming_mails().rewrite(opened)
    found = api("held-mail-release", "lin", id=gone.identity)
    assert (found.status, found.body["reason"]) == (409, "released")
    assert NUMBER in found.body["detail"]


@pytest.mark.parametrize("reason", ["spam", "own", "automatic", "from_staff", "unreadable"])
def test_any_other_mail_can_be_released_again_after_a_failed_release(
    api: Api, clock: Clock, queue: str, reason: str
) -> None:
    refused = Refused("unreadable", clock.now(), "s-lin", "KeyError")
    record = hold_mail(1, clock, reason=reason, refused=refused)
    assert api("held-mail-release", "lin", id=record.identity).status == 202


def test_mail_without_a_sender_is_read_again_by_a_reader_that_finds_more(
    api: Api, clock: Clock, queue: str
) -> None:
    record = hold_mail(1, clock, reason="no_sender", reader=READER - 1)
    assert api("held-mail-release", "lin", id=record.identity).status == 202


def test_request_that_the_queue_does_not_accept_is_forgotten(
    api: Api, clock: Clock, queue: str
) -> None:
    record = hold_mail(1, clock)
    aws("sqs").delete_queue(QueueUrl=queue)
    assert api("held-mail-release", "lin", id=record.identity).status == 500
    assert wired_stores.incoming_mails().get(record.identity).requested is None


def test_mail_whose_release_the_queue_refused_is_still_seen_by_whom_read_it(
    api: Api, clock: Clock, queue: str
) -> None:
    record = hold_mail(1, clock)
    before, seen_at = api("held-mail", "lin", id=record.identity).body, clock.now()
    clock.advance(minutes=1)
    aws("sqs").delete_queue(QueueUrl=queue)
    assert api("held-mail-release", "wei", id=record.identity).status == 500
    after = wired_stores.incoming_mails().get(record.identity)
    assert (after.seen_at, after.seen_by) == (seen_at, "s-lin")
    [listed] = api("quarantine", "lin", query={"unseen": "false"}).body["items"]
    assert (listed["seen_at"], listed["seen_by"]) == (before["seen_at"], "s-lin")


def test_opened_mail_counts_as_seen_and_a_listed_one_does_not(api: Api, clock: Clock) -> None:
    record = hold_mail(1, clock)
    [listed] = api("quarantine", "lin").body["items"]
    assert (listed["seen_at"], listed["team"]) == (None, "complaints")
    clock.advance(minutes=1)
    assert api("held-mail", "lin", id=record.identity).body["seen_by"] == "s-lin"
    clock.advance(minutes=1)
    again = api("held-mail", "wei", id=record.identity).body
    assert (again["seen_at"], again["seen_by"]) == ("2026-11-23T01:01:00.000Z", "s-lin")


def test_mail_whose_release_is_processed_stays_unseen(api: Api, clock: Clock, queue: str) -> None:
    """Nobody must look for the result: if the release fails, the mail is unseen work again."""
    record = hold_mail(1, clock)
    api("held-mail", "lin", id=record.identity)
    assert api("held-mail-release", "lin", id=record.identity).body["seen_at"] is None
    assert api("held-mail", "lin", id=record.identity).body["seen_at"] is None
    clock.advance(minutes=6)
    assert api("held-mail", "lin", id=record.identity).body["seen_at"] is not None


def test_supervisor_sees_the_quarantine_of_their_team_and_a_manager_every_one(
    api: Api, clock: Clock, queue: str
) -> None:
    mine, other = hold_mail(1, clock), hold_mail(2, clock, team="service")

    def listed(by: str, **query: str) -> list[str]:
        return [mail["id"] for mail in api("quarantine", by, query=query).body["items"]]

    assert listed("lin") == listed("lin", team="complaints") == [mine.identity]
    assert listed("hua") == [other.identity]
    assert listed("wei") == [other.identity, mine.identity]
    assert listed("wei", team="service") == [other.identity]
    assert api("quarantine", "lin", query={"team": "service"}).status == 403
    assert api("held-mail", "lin", id=other.identity).status == 404
    assert api("held-mail-release", "lin", id=other.identity).status == 404
    assert api("held-mail-release", "wei", id=other.identity).status == 202


def test_quarantine_is_filtered_by_reason_and_by_who_has_seen_it(api: Api, clock: Clock) -> None:
    spam, seen, unseen = (
        hold_mail(1, clock, reason="spam"),
        hold_mail(2, clock),
        hold_mail(3, clock),
    )
    own = hold_mail(4, clock, reason="own")
    api("held-mail", "lin", id=seen.identity)

    def listed(**query: str) -> list[str]:
        return [mail["id"] for mail in api("quarantine", "lin", query=query).body["items"]]

    assert listed() == [one.identity for one in (own, unseen, seen, spam)]
    assert listed(reason="spam") == [spam.identity]
    assert listed(reason="automatic") == [unseen.identity, seen.identity]
    assert listed(unseen="true") == [one.identity for one in (own, unseen, spam)]
    assert listed(unseen="false") == [seen.identity]
    assert listed(unseen="true", reason="own") == [own.identity]
    refused = api("quarantine", "lin", query={"reason": "x", "unseen": "1"})
    assert (refused.status, refused.pointers) == (422, {"/reason", "/unseen"})


@pytest.mark.parametrize("query", [{}, {"team": "complaints"}, {"unseen": "true"}])
@pytest.mark.parametrize("by", ["lin", "wei"])
def test_every_page_of_a_filtered_quarantine_continues_where_the_last_one_ended(
    api: Api, clock: Clock, by: str, query: dict[str, str]
) -> None:
    reasons = ("spam", "automatic", "own", "virus")
    for number in range(1, 14):
        seen = clock.now() if number % 5 == 0 else None
        hold_mail(number, clock, reason=reasons[number % 4], seen_at=seen)
        hold_mail(100 + number, clock, team="", recipients=("complaints@in.example.org",))
    wanted = [
        n for n in (*range(1, 14), *range(101, 114)) if "unseen" not in query or n % 5 or n > 99
    ]
    met, asked = list[str](), query | {"limit": "3"}
    for _ in range(40):
        page = api("quarantine", by, query=asked).body
        met += [mail["id"] for mail in page["items"]]
        if page["next"] is None:
            break
        asked = asked | {"cursor": page["next"]}
    assert met == [f"{number:040x}" for number in sorted(wanted, reverse=True)]


def test_mail_that_an_earlier_version_held_belongs_to_the_team_of_its_address(
    api: Api, clock: Clock, queue: str
) -> None:
    of_complaints = hold_mail(1, clock, team="", recipients=("complaints@in.example.org",))
    of_service = hold_mail(2, clock, team="", recipients=("x@in.example.org",))
    assert [m["id"] for m in api("quarantine", "lin").body["items"]] == [of_complaints.identity]
    assert [m["id"] for m in api("quarantine", "hua").body["items"]] == [of_service.identity]
    assert len(api("quarantine", "wei").body["items"]) == 2
    assert api("held-mail", "lin", id=of_service.identity).status == 404
    assert api("held-mail-release", "lin", id=of_complaints.identity).body["team"] == "complaints"


@pytest.mark.parametrize("identity", ["x", "0" * 39, "0" * 40, "9F86" * 10])
def test_mail_that_was_never_in_quarantine_is_not_found(api: Api, identity: str) -> None:
    assert api("held-mail", "lin", id=identity).status == 404
    assert api("held-mail-release", "lin", id=identity).status == 404


@pytest.mark.parametrize("limit", ["0", "26", "-1"])
def test_quarantine_refuses_a_limit_out_of_range(api: Api, limit: str) -> None:
    """Story: a negative limit reached the query of the table, which failed with 500."""
    found = api("quarantine", "lin", query={"limit": limit})
    assert (found.status, found.pointers) == (422, {"/limit"})


# ------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    "address",
    [
        "anything@in.example.org",
        "service@example.com",
        "Service+x@Example.COM",
        "complaints@in.example.org",
        "complaints@example.com",
    ],
)
def test_address_that_comes_to_us_is_refused_as_a_participant(
    api: Api, open_ticket: Opener, stores: Stores, address: str
) -> None:
    """A copy to it would come back to us and end in quarantine."""
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "participants": ["wang.wei@example.com", address]}
    found = api("participants", "mei", number=ticket.number, body=body)
    assert (found.status, found.codes) == (422, {"/participants/1": "is_ours"})
    assert stores.tickets.get(ticket.number) == ticket


def test_mail_in_the_name_of_an_address_of_ours_lets_no_participant_in(
    api: Api, noted: Callable[..., Ticket], stores: Stores
) -> None:
    """Anybody can write such an address into From."""
    for address in ("complaints@example.com", "service+x@example.com"):
        before = noted(sender=address)
        refused = _accept(api, before)
        assert (refused.status, refused.codes) == (422, {"": "is_ours"})
        assert stores.tickets.get(before.number) == before


def test_person_at_our_sending_domain_may_take_part(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "participants": ["wang.wei@example.com"]}
    assert api("participants", "mei", number=ticket.number, body=body).status == 200


CUSTOMERS = "li.na@example.com"


@pytest.fixture
def returned(open_ticket: Opener, clock: Clock) -> Ticket:
    """A ticket whose customer's address returned mail."""
    mark = AddressChange(CUSTOMERS, AddressMark(clock.now(), "5.1.1"))
    address_row(Models(TABLE, REGION), mark).save()
    assert wired_stores.addresses().returned(CUSTOMERS) is not None
    return open_ticket(agent="a-mei")


def _clear(api: Api, by: str, ticket: Ticket, address: str = CUSTOMERS) -> Reply:
    body = {"address": address, "reason": "She called."}
    return api("address-clearance", by, number=ticket.number, body=body)


@pytest.mark.parametrize("address", [CUSTOMERS, " Li.Na@EXAMPLE.com "])
def test_supervisor_clears_a_returned_address_and_a_note_says_who_and_why(
    api: Api, returned: Ticket, stores: Stores, address: str
) -> None:
    assert _clear(api, "lin", returned, address).status == 200
    assert wired_stores.addresses().returned(CUSTOMERS) is None
    note = stores.tickets.history(returned.number)[-1]
    assert (note.type, note.by.id) == (EventType.NOTED, "s-lin")
    assert note.data == {"text": "She called.", "cleared": CUSTOMERS}


def test_address_that_returned_no_mail_is_not_cleared(
    api: Api, open_ticket: Opener, returned: Ticket, stores: Stores
) -> None:
    assert _clear(api, "lin", returned).status == 200
    after = stores.tickets.get(returned.number)
    again = _clear(api, "lin", after)
    assert (again.status, again.body["type"]) == (409, "urn:redress:problem:already-done")
    other = _clear(api, "lin", after, "somebody@example.com")
    assert (other.status, other.codes) == (422, {"/address": "not_a_party"})
    assert stores.tickets.get(returned.number) == after


@pytest.mark.parametrize(("by", "status"), [("mei", 403), ("hua", 404), ("wei", 200)])
def test_only_leaders_who_see_the_ticket_clear_its_addresses(
    api: Api, returned: Ticket, by: str, status: int
) -> None:
    assert _clear(api, by, returned).status == status
    cleared = wired_stores.addresses().returned(CUSTOMERS) is None
    assert cleared == (status == 200)
