"""Incidents: many tickets with one cause, one word to all of their customers, and a post-mortem."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from redress.base.errors import IncidentIsClosed, NotFound, Unavailable, Unreadable
from redress.base.observe import Alarm
from redress.base.people import SYSTEM
from redress.clocks.rules.clocks import ClockName
from redress.clocks.rules.periods import period_of
from redress.db import keys
from redress.incidents import cases, rules
from redress.incidents.cases import DeliveryCase
from redress.incidents.rules import Done, IncidentChange
from redress.incidents.store import MOST_CHANGES, IncidentStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.post_mortem import MOST_ACTIONS
from redress.tickets.rules.steps import by_staff, matching
from redress.tickets.rules.steps.table import TEXT_LIMIT
from redress.tickets.rules.ticket import EventType, InIncident, Ticket
from redress.wiring import clients
from redress.wiring import staff as wiring
from redress.wiring import stores as wired_stores
from tests.builders import BY_PHONE, MEI, Clock, plan_document
from tests.customers.builders import EMAIL, LI_NA, new, profile
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api, Reply
from tests.world import Act, Context, Opener, Stores

TEXT = {
    "zh-CN": "密封圈有问题，我们会更换。",
    "zh-TW": "密封圈有問題，我們會更換。",
    "en": "The seals are faulty. We replace yours.",
}
SUBJECT = "The secret kettle"
LARGEST_ANSWER = 6 * 2**20
"""The most bytes that Lambda can return: 6 MB (Lambda quotas)."""


def declare(api: Api, by: str = "lin", key: str = "k-1", **given: Any) -> Reply:
    body = {"title": "Seals of batch 7 leak", "cause": "The rubber was changed."} | given
    return api("incident-declaration", by, body=body, headers={"Idempotency-Key": key})


@pytest.fixture
def incident(api: Api) -> str:
    """The id of an incident that lin, the supervisor of complaints, has declared."""
    found = declare(api)
    assert found.status == 201, found
    id_: str = found.body["id"]
    return id_


def join(api: Api, incident: str, *tickets: Ticket, by: str = "lin") -> None:
    for one in tickets:
        body = {"version": one.version, "incident": incident}
        found = api("incident-joining", by, number=one.number, body=body)
        assert found.status == 200, found
        assert found.body["incident"] == incident


def tell(api: Api, incident: str, by: str = "lin", **given: Any) -> Reply:
    revision = api("incident", "wei", id=incident).body["revision"]
    return api("incident-word", by, id=incident, body={"revision": revision, "text": TEXT} | given)


def told(stores: Stores, ticket: Ticket) -> list[str]:
    """The texts of the words of incidents that the customer of a ticket was told."""
    history = stores.tickets.history(ticket.number)
    return [one.data["text"] for one in history if "word" in one.data and "text" in one.data]


def numbers(api: Api, incident: str, by: str = "lin") -> list[str]:
    found = api("incident-tickets", by, id=incident)
    return [one["number"] for one in found.body["items"]]


# -------------------------------------------------------------------- declaring, joining, leaving


def test_leader_declares_an_incident_and_everybody_on_the_staff_reads_it(api: Api) -> None:
    found = declare(api, categories=["product/defect"], channels=["web"])
    assert found.status == 201
    for by in ("mei", "hua", "wei"):
        read = api("incident", by, id=found.body["id"])
        assert read.status == 200
        assert (read.body["state"], read.body["tickets"]) == ("open", 0)
        assert read.body["categories"] == ["product/defect"]
        listed = api("incidents", by).body["items"]
        assert [one["id"] for one in listed] == [found.body["id"]]
    assert [one["what"] for one in found.body["changes"]] == ["declared"]


def test_repeated_declaration_with_one_key_declares_one_incident(api: Api) -> None:
    first, again = declare(api), declare(api)
    assert first.body["id"] == again.body["id"]
    assert declare(api, title="Another one").body["type"] == "urn:redress:problem:key-reused"
    assert declare(api, key="k-2").body["id"] != first.body["id"]


def test_agents_declare_only_if_the_plan_says_so_and_only_for_their_team(
    api: Api, stores: Stores
) -> None:
    assert declare(api, "mei").status == 403
    assert api("incident-declaration", "mei", raw="{").status == 403
    document = plan_document() | {"version": 2, "incidents": {"agents_declare": True}}
    assert api("plan-publish", "wei", body=document).status == 201
    stores.plans.refresh()
    wired_stores.plans().refresh()
    assert declare(api, "mei").status == 201
    assert declare(api, "mei", team="service").status == 403
    assert declare(api, "lin", team="service").status == 403
    assert declare(api, "wei", team="service").status == 201


def test_every_fault_of_a_declaration_is_named(api: Api) -> None:
    found = declare(api, "wei", team="moon", categories=["product", "nothing"], channels=["pigeon"])
    assert found.codes == {"/channels/0": "unknown_value"}
    found = declare(api, "wei", team="moon", categories=["product", "nothing"])
    assert found.codes == {"/team": "unknown_team", "/categories/1": "unknown_category"}


def test_ticket_joins_and_leaves_and_both_sides_say_so(
    api: Api, open_ticket: Opener, stores: Stores, incident: str
) -> None:
    ticket = open_ticket(agent="a-mei")
    join(api, incident, ticket, by="mei")
    assert numbers(api, incident) == [ticket.number]
    assert api("incident", "lin", id=incident).body["tickets"] == 1
    joined = stores.tickets.get(ticket.number)
    assert joined.incident == InIncident(incident)
    assert joined.clocks == ticket.clocks
    left = {"version": joined.version, "reason": "another kettle"}
    found = api("incident-leaving", "mei", number=ticket.number, body=left)
    assert (found.status, found.body["incident"]) == (200, None)
    assert numbers(api, incident) == []
    assert api("incident", "lin", id=incident).body["tickets"] == 0
    types = [one.type for one in stores.tickets.history(ticket.number)]
    assert types[-2:] == [EventType.INCIDENT_JOINED, EventType.INCIDENT_LEFT]


def test_ticket_is_a_case_of_one_incident(
    api: Api, open_ticket: Opener, stores: Stores, incident: str
) -> None:
    other = declare(api, key="k-2").body["id"]
    ticket = open_ticket()
    join(api, incident, ticket)
    version = stores.tickets.get(ticket.number).version
    for given, code in (
        (incident, "joined"),
        (other, "in_another"),
        ("0" * 16, "unknown_incident"),
    ):
        body = {"version": version, "incident": given}
        found = api("incident-joining", "lin", number=ticket.number, body=body)
        assert (found.status, found.codes) == (422, {"/incident": code})


def test_bulk_makes_hundreds_of_tickets_cases_of_an_incident(
    api: Api, open_ticket: Opener, incident: str
) -> None:
    tickets = [open_ticket() for _ in range(30)]
    wishes = [{"number": one.number, "version": one.version} for one in tickets]
    body = {"act": "join_incident", "content": {"incident": incident}, "tickets": wishes}
    for _ in range(2):
        found = api("bulk", "lin", body=body, headers={"Idempotency-Key": "b"})
        assert (found.body["done"], found.body["refused"]) == (30, 0)
    assert api("incident", "lin", id=incident).body["tickets"] == 30
    first = api("incident-tickets", "lin", id=incident).body
    then = {"cursor": first["next"]}
    second = api("incident-tickets", "lin", id=incident, query=then).body
    listed = [one["number"] for one in (*first["items"], *second["items"])]
    assert listed == sorted(one.number for one in tickets)
    assert second["next"] is None


def test_ticket_does_not_join_an_incident_that_was_closed_meanwhile(
    api: Api, open_ticket: Opener, stores: Stores, incident: str
) -> None:
    ticket = open_ticket()
    step = wiring.incidents().joining(incident, "")
    assert close(api, incident).status == 200
    lin = MEMBERS["lin"].actor

    def late(ticket: Ticket, plan: Any, at: Any) -> Any:
        return step(ticket, plan, by=lin, at=at)

    with pytest.raises(IncidentIsClosed):
        stores.changes.change(ticket.number, late)
    assert stores.tickets.get(ticket.number) == ticket
    body = {"version": ticket.version, "incident": incident}
    found = api("incident-joining", "lin", number=ticket.number, body=body)
    assert found.codes == {"/incident": "closed"}


# -------------------------------------------------------------------- one word to all customers


def test_each_customer_gets_the_word_once_in_their_language(
    api: Api, open_ticket: Opener, stores: Stores, incident: str
) -> None:
    tickets = [open_ticket(language=one) for one in TEXT]
    outside = open_ticket()
    join(api, incident, *tickets)
    found = tell(api, incident)
    assert found.status == 200, found
    [word] = found.body["words"]
    assert (word["number"], word["failed"]) == (1, [])
    assert word["delivered_at"] is not None
    for ticket, language in zip(tickets, TEXT, strict=True):
        assert told(stores, ticket) == [TEXT[language]]
        last = stores.tickets.history(ticket.number)[-1]
        assert (last.type, last.by) == (EventType.PROGRESS_TOLD, MEMBERS["lin"].actor)
        assert last.data["to"] == ticket.contact.email
    assert told(stores, outside) == []


def test_word_is_no_response_to_what_the_customer_wrote(
    api: Api, open_ticket: Opener, stores: Stores, incident: str
) -> None:
    ticket = open_ticket()
    join(api, incident, ticket)
    tell(api, incident)
    after = stores.tickets.get(ticket.number)
    assert (after.state, after.unanswered_since) == ("new", ticket.unanswered_since)
    assert not after.clocks["first_response"].over  # type: ignore[index]
    assert after.clocks["reaction"].over  # type: ignore[index]


def test_languages_of_the_tickets_without_a_text_are_named(
    api: Api, open_ticket: Opener, stores: Stores, incident: str
) -> None:
    tickets = [open_ticket(language=one) for one in TEXT]
    join(api, incident, *tickets)
    found = tell(api, incident, text={"en": TEXT["en"]})
    assert found.codes == {"/text/zh-CN": "no_text", "/text/zh-TW": "no_text"}
    assert all(told(stores, one) == [] for one in tickets)
    assert tell(api, incident, text={}).status == 422


def test_words_that_the_plan_refuses_are_named_before_anybody_is_told(
    api: Api, open_ticket: Opener, stores: Stores, incident: str
) -> None:
    ticket = open_ticket(language="zh-CN")
    join(api, incident, ticket)
    found = tell(api, incident, text=TEXT | {"zh-CN": "笨蛋，密封圈有问题。"})
    assert found.codes == {"/text/zh-CN": "refused_word"}
    assert told(stores, ticket) == []


def test_only_open_tickets_that_were_in_the_incident_before_are_told(
    api: Api, open_ticket: Opener, stores: Stores, act: Act, incident: str
) -> None:
    first, solved, later = open_ticket(), open_ticket(), open_ticket()
    act(solved, by_staff.resolve, MEI, "Replaced.", "upheld", "new", "seal")
    join(api, incident, first, stores.tickets.get(solved.number))
    assert tell(api, incident).status == 200
    join(api, incident, later)
    assert [len(told(stores, one)) for one in (first, solved, later)] == [1, 0, 0]
    assert tell(api, incident, text=TEXT | {"en": "The new seals are sent."}).status == 200
    assert [len(told(stores, one)) for one in (first, solved, later)] == [2, 0, 1]


def test_ticket_that_left_gets_no_word_and_one_that_came_back_gets_no_earlier_one(
    api: Api, open_ticket: Opener, stores: Stores, incident: str
) -> None:
    ticket = open_ticket()
    join(api, incident, ticket)
    assert tell(api, incident).status == 200
    body = {"version": stores.tickets.get(ticket.number).version, "reason": "r"}
    assert api("incident-leaving", "lin", number=ticket.number, body=body).status == 200
    assert tell(api, incident).status == 200
    assert len(told(stores, ticket)) == 1
    join(api, incident, stores.tickets.get(ticket.number))
    delivery().run(lambda: 60.0)
    assert len(told(stores, ticket)) == 1


class Killed(BaseException):
    """The process of a delivery ends."""


class Dying(TicketChanges):
    """Ends the process after or before some of the writes of tickets."""

    def __init__(self, stores: Stores, clock: Clock, lives: int, *, written: bool) -> None:
        super().__init__(stores.tickets, stores.plans, clock.now)
        self.lives, self.written = lives, written

    def change(self, number: str, *given: Any, **more: Any) -> Ticket:
        self.lives -= 1
        if self.lives < 0 and not self.written:
            raise Killed
        found = super().change(number, *given, **more)
        if self.lives < 0:
            raise Killed
        return found


def delivery(changes: TicketChanges | None = None) -> DeliveryCase:
    store = IncidentStore(wired_stores.models())
    changing = changes or wired_stores.changes()
    return DeliveryCase(store, changing, wired_stores.staff(), clients.now)


@pytest.mark.parametrize("written", [True, False])
def test_each_customer_is_told_once_however_often_the_delivery_is_killed_and_repeated(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    clock: Clock,
    incident: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    written: bool,
) -> None:
    tickets = [open_ticket(language=one) for one in (*TEXT, *TEXT)]
    join(api, incident, *tickets)
    monkeypatch.setattr(cases, "PATIENCE_S", -1.0)
    monkeypatch.setattr(cases, "PAGE", 2)
    found = tell(api, incident)
    assert found.body["words"][0]["delivered_at"] is None
    assert [len(told(stores, one)) for one in tickets] == [0] * 6
    for lives in (0, 1, 0, 2, 1, 1):
        dying = Dying(stores, clock, lives, written=written)
        try:
            delivery(dying).run(lambda: 60.0)
        except Killed:
            assert max(len(told(stores, one)) for one in tickets) <= 1
    assert delivery().run(lambda: 60.0) <= 1
    assert [len(told(stores, one)) for one in tickets] == [1] * 6
    assert delivery().run(lambda: 60.0) == 0
    word = api("incident", "lin", id=incident).body["words"][0]
    assert word["delivered_at"] is not None


def test_of_two_deliveries_at_once_each_customer_is_told_by_one(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    incident: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tickets = [open_ticket() for _ in range(4)]
    join(api, incident, *tickets)
    monkeypatch.setattr(cases, "PATIENCE_S", -1.0)
    tell(api, incident)

    class Overtaken(TicketChanges):
        """Lets a whole other delivery run before each of its own changes."""

        def change(self, number: str, *given: Any, **more: Any) -> Ticket:
            delivery().run(lambda: 60.0)
            return super().change(number, *given, **more)

    slow = Overtaken(stores.tickets, stores.plans, clients.now)
    assert delivery(slow).run(lambda: 60.0) == 0
    assert [len(told(stores, one)) for one in tickets] == [1] * 4


def test_sweep_delivers_what_the_request_had_no_time_for(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    incident: str,
    load_function: Callable[[str], ModuleType],
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticket = open_ticket()
    join(api, incident, ticket)
    monkeypatch.setattr(cases, "PATIENCE_S", -1.0)
    tell(api, incident)
    second = tell(api, incident)
    assert (second.status, second.body["type"]) == (409, "urn:redress:problem:not-allowed-now")
    assert close(api, incident).status == 409
    repair = load_function("repair")
    assert repair._deliver_words(context) == {"words_delivered": 1}
    assert repair._deliver_words(context) == {}
    assert len(told(stores, ticket)) == 1
    assert delivery().run(lambda: 60.0) == 0


def test_ticket_that_joins_while_the_word_is_written_without_a_text_for_it_is_named(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    incident: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its request had read the incident before. Nobody else waits for it."""
    first, second = open_ticket(language="en"), open_ticket(language="zh-TW")
    join(api, incident, first)
    step = wiring.incidents().joining(incident, "")
    lin = MEMBERS["lin"].actor
    monkeypatch.setattr(cases, "PATIENCE_S", -1.0)
    assert tell(api, incident, text={"en": TEXT["en"]}).status == 200
    stores.changes.change(second.number, lambda t, p, at: step(t, p, by=lin, at=at))
    assert delivery().run(lambda: 60.0) == 1
    [word] = api("incident", "lin", id=incident).body["words"]
    assert word["failed"] == [{"number": second.number, "why": "no_text"}]
    assert word["delivered_at"] is not None
    assert [len(told(stores, one)) for one in (first, second)] == [1, 0]


def test_word_is_not_written_if_a_ticket_of_a_further_language_joins_meanwhile(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    incident: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = open_ticket(language="en"), open_ticket(language="zh-TW")
    join(api, incident, first)
    written = IncidentStore.write

    def late(self: IncidentStore, *given: Any) -> None:
        if stores.tickets.get(second.number).incident is None:
            join(api, incident, second)
        written(self, *given)

    monkeypatch.setattr(IncidentStore, "write", late)
    found = tell(api, incident, text={"en": TEXT["en"]})
    assert found.codes == {"/text/zh-TW": "no_text"}
    assert api("incident", "lin", id=incident).body["words"] == []
    assert told(stores, first) == []


@pytest.mark.parametrize("is_first", [True, False])
def test_customer_of_a_ticket_that_is_merged_before_the_word_comes_gets_it_in_the_other_one(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    act: Act,
    incident: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_first: bool,
) -> None:
    """The delivery has passed the other ticket, or comes to it first."""
    found = sorted((open_ticket(), open_ticket()), key=lambda one: one.number, reverse=is_first)
    wired_stores.customers().write([new(profile(LI_NA, EMAIL))])
    target, source = (act(one, matching.match, LI_NA, "email") for one in found)
    join(api, incident, source)
    monkeypatch.setattr(cases, "PATIENCE_S", -1.0)
    tell(api, incident)
    join(api, incident, target)
    sides = [stores.tickets.get(one.number) for one in (source, target)]
    body = {
        "version": sides[0].version,
        "into": sides[1].number,
        "into_version": sides[1].version,
        "reason": "one kettle",
    }
    merged = api("merging", "lin", number=source.number, body=body)
    assert merged.status == 200, merged.body
    assert delivery().run(lambda: 60.0) == 1
    assert [len(told(stores, one)) for one in (source, target)] == [0, 1]
    [word] = api("incident", "lin", id=incident).body["words"]
    assert (word["failed"], word["delivered_at"] is None) == ([], False)


def test_customers_whom_a_word_does_not_reach_are_named_so_that_somebody_calls(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    clock: Clock,
    incident: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also if the delivery is killed after it has recorded the word."""
    called, mailed = open_ticket(contact=BY_PHONE), open_ticket()
    join(api, incident, called, mailed)
    monkeypatch.setattr(cases, "PATIENCE_S", -1.0)
    tell(api, incident)
    with pytest.raises(Killed):
        delivery(Dying(stores, clock, 1, written=True)).run(lambda: 60.0)
    assert delivery().run(lambda: 60.0) == 1
    [word] = api("incident", "lin", id=incident).body["words"]
    assert word["failed"] == [{"number": called.number, "why": "no_address"}]
    listed = api("incident-tickets", "lin", id=incident).body["items"]
    assert {one["number"]: one["untold"] for one in listed} == {
        called.number: "no_address",
        mailed.number: None,
    }


class Broken(TicketChanges):
    """Cannot change one ticket, whoever tries."""

    def __init__(self, stores: Stores, clock: Clock, number: str, error: Exception) -> None:
        super().__init__(stores.tickets, stores.plans, clock.now)
        self.broken, self.error = number, error

    def change(self, number: str, *given: Any, **more: Any) -> Ticket:
        if number == self.broken:
            raise self.error
        return super().change(number, *given, **more)


def refused_by_dynamodb() -> Exception:
    error = {"Code": "ValidationException", "Message": "too large"}
    return ClientError({"Error": error}, "TransactWriteItems")  # type: ignore[typeddict-item]


@pytest.mark.parametrize("error", [RuntimeError("x"), refused_by_dynamodb(), NotFound()])
def test_ticket_that_cannot_be_told_is_named_and_reported_and_the_others_go_on(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    clock: Clock,
    incident: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    tickets = sorted((open_ticket() for _ in range(3)), key=lambda one: one.number)
    join(api, incident, *tickets)
    monkeypatch.setattr(cases, "PATIENCE_S", -1.0)
    tell(api, incident)
    broken = Broken(stores, clock, tickets[0].number, error)
    capsys.readouterr()
    assert delivery(broken).run(lambda: 60.0) == 1
    [word] = api("incident", "lin", id=incident).body["words"]
    assert word["failed"] == [{"number": tickets[0].number, "why": "unreadable"}]
    assert [len(told(stores, one)) for one in tickets] == [0, 1, 1]
    [line] = [json.loads(one) for one in capsys.readouterr().out.splitlines() if "alarm" in one]
    assert (line["alarm"], line["number"]) == (Alarm.UNREADABLE, tickets[0].number)
    assert close(api, incident).status == 200


def test_incident_whose_word_cannot_be_read_holds_up_no_other_one(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    incident: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = [incident, *(declare(api, key=f"k-{index}").body["id"] for index in (2, 3))]
    tickets = [open_ticket() for _ in ids]
    monkeypatch.setattr(cases, "PATIENCE_S", -1.0)
    for id_, ticket in zip(ids, tickets, strict=True):
        join(api, id_, ticket)
        tell(api, id_)
    row = wired_stores.models().incident
    row(keys.incident_pk(ids[1]), keys.word_sk(1)).update([row.doc.set("{")])
    with pytest.raises(Unreadable):
        delivery().run(lambda: 60.0)
    assert [len(told(stores, one)) for one in tickets] == [1, 0, 1]


def test_outage_while_a_word_is_delivered_is_no_error_of_the_request(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    incident: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticket = open_ticket()
    join(api, incident, ticket)

    def down(*_: Any) -> bool:
        raise Unavailable

    monkeypatch.setattr(DeliveryCase, "deliver", down)
    found = tell(api, incident)
    assert (found.status, found.body["words"][0]["delivered_at"]) == (200, None)
    monkeypatch.undo()


def test_second_word_of_two_leaders_at_once_is_refused(
    api: Api, open_ticket: Opener, stores: Stores, incident: str
) -> None:
    ticket = open_ticket()
    join(api, incident, ticket)
    assert tell(api, incident, revision=1).status == 200
    found = tell(api, incident, "wei", revision=1)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert found.body["current_version"] == 2
    assert tell(api, incident, revision=99).codes == {"/revision": "unknown_revision"}
    assert len(told(stores, ticket)) == 1


def test_incident_with_all_the_words_that_it_can_have_is_readable(
    api: Api, incident: str, clock: Clock
) -> None:
    """The answer was larger than Lambda sends, also those to changes that were written by then."""
    longest = "\N{SMILING FACE WITH SUNGLASSES}" * TEXT_LIMIT
    for _ in range(rules.WORDS_LIMIT // (2 * TEXT_LIMIT)):
        found = tell(api, incident, text={"zh-CN": longest, "en": longest})
        assert found.status == 200
    assert tell(api, incident, text={"en": "x"}).codes == {"/text": "too_long"}
    store = IncidentStore(wired_stores.models())
    now = store.get(incident).incident
    said = dict.fromkeys(TEXT, longest[: rules.NOTICE_LIMIT])
    for revision in range(now.revision + 1, now.revision + MOST_CHANGES + 1):
        entry = IncidentChange(revision, Done.NOTICE_SET, clock.now(), "s-lin", text=said)
        store.write(replace(now, revision=revision), entry)
    found = notice(api, incident, text=said)
    assert (found.status, len(found.body["changes"])) == (200, MOST_CHANGES)
    sent = json.dumps(json.dumps(found.body, ensure_ascii=False), ensure_ascii=False)
    assert len(sent.encode()) < LARGEST_ANSWER


def test_history_of_an_incident_names_a_word_and_does_not_repeat_it(
    api: Api, incident: str, clock: Clock
) -> None:
    [first, _] = tell(api, incident).body["changes"]
    assert (first["what"], first["word"], first["text"]) == ("told", 1, None)
    store = IncidentStore(wired_stores.models())
    now = store.get(incident).incident
    of_version_before = IncidentChange(3, Done.TOLD, clock.now(), "s-lin", word=2, text=TEXT)
    store.write(replace(now, revision=3), of_version_before)
    assert api("incident", "mei", id=incident).body["changes"][0]["text"] is None


# -------------------------------------------------------------------- the notice on the form


def notice(api: Api, incident: str, by: str = "lin", **given: Any) -> Reply:
    revision = api("incident", "wei", id=incident).body["revision"]
    body = {"revision": revision, "text": TEXT} | given
    return api("incident-notice", by, id=incident, body=body)


def test_notice_needs_every_language_and_ends(api: Api, incident: str) -> None:
    assert notice(api, incident, text={"en": "x"}).codes == {
        "/text/zh-CN": "no_text",
        "/text/zh-TW": "no_text",
    }
    assert notice(api, incident).body["notice"] == TEXT
    assert set(IncidentStore(wired_stores.models()).notices().texts) == {incident}
    assert notice(api, incident, text=None).body["notice"] is None
    assert IncidentStore(wired_stores.models()).notices().texts == {}


def test_form_shows_so_many_notices_and_no_more(api: Api) -> None:
    for index in range(rules.MOST_NOTICES):
        assert notice(api, declare(api, key=f"n-{index}").body["id"]).status == 200
    found = notice(api, declare(api, key="n-x").body["id"])
    assert found.codes == {"": "too_many"}


def test_notice_whose_time_is_over_takes_no_place_on_the_form(api: Api, clock: Clock) -> None:
    until = (clock.now() + timedelta(hours=1)).isoformat()
    ids = [declare(api, key=f"n-{index}").body["id"] for index in range(rules.MOST_NOTICES + 1)]
    first = notice(api, ids[0], until=until)
    assert (first.status, first.body["notice"]) == (200, TEXT)
    assert first.body["notice_until"] == first.body["changes"][0]["until"]
    for one in ids[1:-1]:
        assert notice(api, one).body["notice_until"] is None
    assert notice(api, ids[-1]).codes == {"": "too_many"}
    clock.advance(hours=1)
    assert notice(api, ids[-1]).status == 200
    assert set(IncidentStore(wired_stores.models()).notices().texts) == set(ids[1:])


def test_end_of_a_notice_is_to_come_and_needs_a_text(api: Api, clock: Clock, incident: str) -> None:
    past = clock.now().isoformat()
    assert notice(api, incident, until=past).codes == {"/until": "not_in_time"}
    later = (clock.now() + timedelta(hours=1)).isoformat()
    assert notice(api, incident, text=None, until=later).codes == {"/until": "no_text"}
    assert notice(api, incident, until="soon").codes == {"/until": "instant_expected"}


# -------------------------------------------------------------------- the post-mortem


LEARNT: dict[str, Any] = {
    "happened": "The seals of batch 7 leaked.",
    "cause": "The rubber was changed.",
    "actions": [{"text": "Test ten seals.", "owner": "a-mei", "due": "2026-12-15"}],
}


def close(api: Api, incident: str, by: str = "lin", **given: Any) -> Reply:
    revision = api("incident", "wei", id=incident).body["revision"]
    body = {"revision": revision} | LEARNT | given
    return api("incident-post-mortem", by, id=incident, body=body)


def test_incident_counts_as_open_until_its_post_mortem_is_written(
    api: Api, open_ticket: Opener, stores: Stores, incident: str
) -> None:
    ticket = open_ticket()
    join(api, incident, ticket)
    notice(api, incident)
    assert api("board", "lin").body["open_incidents"] == 1
    found = close(api, incident)
    assert (found.status, found.body["state"]) == (200, "closed")
    assert found.body["post_mortem"]["actions"] == LEARNT["actions"]
    assert found.body["can"] == []
    assert api("board", "lin").body["open_incidents"] == 0
    assert api("incidents", "mei").body["items"] == []
    closed = api("incidents", "mei", query={"list": "closed"}).body["items"]
    assert [one["id"] for one in closed] == [incident]
    assert IncidentStore(wired_stores.models()).notices().texts == {}
    assert stores.tickets.get(ticket.number).needs_agent
    for again in (close, tell, notice):
        assert again(api, incident).body["type"] == "urn:redress:problem:not-allowed-now"


def test_every_fault_of_a_post_mortem_is_named(api: Api, incident: str) -> None:
    assert close(api, incident, actions=[]).codes == {"/actions": "required"}
    many = LEARNT["actions"] * (MOST_ACTIONS + 1)
    assert close(api, incident, actions=many).codes == {"/actions": "too_many"}
    wrong = [{"text": " ", "owner": 7, "due": "soon", "colour": "red"}, "Test"]
    assert close(api, incident, actions=wrong, cause=" ").codes == {
        "/cause": "required",
        "/actions/0/text": "required",
        "/actions/0/owner": "unknown_agent",
        "/actions/0/due": "date_expected",
        "/actions/0/colour": "unknown",
        "/actions/1": "object_expected",
    }
    late = [{"text": "Test.", "owner": "a-nobody", "due": "2026-11-22"}]
    assert close(api, incident, actions=late).codes == {
        "/actions/0/owner": "unknown_agent",
        "/actions/0/due": "not_in_time",
    }
    assert api("incident", "lin", id=incident).body["state"] == "open"


@pytest.mark.parametrize("act", [tell, notice, close])
def test_only_leaders_of_its_team_speak_for_an_incident(
    api: Api, incident: str, act: Callable[..., Reply]
) -> None:
    assert act(api, incident, "mei").status == 403
    assert act(api, incident, "hua").status == 403
    missing = {"revision": 1, "text": TEXT}
    assert api("incident-word", "lin", id="0" * 16, body=missing).status == 404
    assert act(api, incident, "wei").status == 200


# -------------------------------------------------------------------- conflicts of interest


def test_member_kept_from_a_ticket_finds_it_in_no_list_and_no_count_of_an_incident(
    api: Api, open_ticket: Opener, act: Act, incident: str
) -> None:
    ticket, complaint = open_ticket(agent="a-mei"), open_ticket(agent=None, subject=SUBJECT)
    join(api, incident, ticket, complaint)
    assert api("incident", "mei", id=incident).body["tickets"] == 2
    act(
        complaint,
        lambda t, p, at: by_staff.set_about(t, p, MEMBERS["lin"].actor, ["a-mei"], "named", at),
    )
    assert api("incident", "mei", id=incident).body["tickets"] == 1
    [line] = api("incidents", "mei").body["items"]
    assert line["tickets"] == 1
    listed = api("incident-tickets", "mei", id=incident)
    assert numbers(api, incident, "mei") == [ticket.number]
    assert complaint.number not in str(listed.body)
    assert api("incident", "lin", id=incident).body["tickets"] == 2
    assert len(numbers(api, incident)) == 2


def test_accused_leader_does_not_speak_to_the_customer_who_is_told_all_the_same(
    api: Api, open_ticket: Opener, act: Act, stores: Stores, incident: str
) -> None:
    complaint, other = open_ticket(subject=SUBJECT), open_ticket()
    join(api, incident, complaint, other)
    act(
        complaint,
        lambda t, p, at: by_staff.set_about(t, p, MEMBERS["wei"].actor, ["s-lin"], "named", at),
    )
    assert tell(api, incident).status == 200
    for ticket, by in ((complaint, SYSTEM), (other, MEMBERS["lin"].actor)):
        [word] = [one for one in stores.tickets.history(ticket.number) if "text" in one.data]
        assert (word.type, word.by) == (EventType.PROGRESS_TOLD, by)
        assert word.data["text"] == TEXT[ticket.language]
        assert stores.tickets.get(ticket.number).clocks[ClockName.REACTION].held_by is None


def test_word_gives_its_writer_and_the_agents_no_fact_of_their_month(
    api: Api, open_ticket: Opener, clock: Clock, incident: str
) -> None:
    tickets = [open_ticket(agent="a-mei") for _ in range(2)]
    join(api, incident, *tickets)
    assert tell(api, incident).status == 200
    period = period_of(clock.now(), plan_document()["time_zone"])
    for agent in ("s-lin", "a-mei", ""):
        assert wired_stores.scores().facts(agent, period) == []


def test_failed_ticket_of_a_word_is_named_only_to_those_who_see_it(
    api: Api, open_ticket: Opener, act: Act, incident: str
) -> None:
    ticket = open_ticket()
    join(api, incident, ticket)
    tell(api, incident)
    store = IncidentStore(wired_stores.models())
    word = store.word(incident, 1)
    failed = replace(word, failed=((ticket.number, "unreadable"),), revision=word.revision + 1)
    assert store.progress(incident, failed)
    act(
        ticket,
        lambda t, p, at: by_staff.set_about(t, p, MEMBERS["lin"].actor, ["a-mei"], "named", at),
    )
    read = {by: api("incident", by, id=incident).body["words"][0] for by in ("mei", "lin")}
    assert read["mei"]["failed"] == []
    assert [one["number"] for one in read["lin"]["failed"]] == [ticket.number]


def test_list_of_tickets_reads_a_bounded_number_and_goes_on_behind_them(
    api: Api,
    open_ticket: Opener,
    act: Act,
    incident: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An agent who may see few of many tickets causes few reads, and still finds each of theirs."""
    opened = sorted((open_ticket() for _ in range(9)), key=lambda one: one.number)
    join(api, incident, *opened)
    for hidden in opened[1:8]:
        act(
            hidden,
            lambda t, p, at: by_staff.set_about(t, p, MEMBERS["wei"].actor, ["a-mei"], "r", at),
        )
    monkeypatch.setattr(cases, "BATCH", 2)
    monkeypatch.setattr(cases, "MOST_READ", 4)
    reads = list[str | None]()
    listed = IncidentStore.cases

    def counted(self: IncidentStore, id_: str, after: str | None, most: int) -> Any:
        reads.append(after)
        return listed(self, id_, after, most)

    monkeypatch.setattr(IncidentStore, "cases", counted)
    found, cursor, pages = list[str](), None, 0
    while True:
        asked = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = api("incident-tickets", "mei", id=incident, query=asked).body
        found += [one["number"] for one in page["items"]]
        cursor, pages = page["next"], pages + 1
        if cursor is None:
            break
    assert found == [opened[0].number, opened[8].number]
    assert (pages, len(reads)) == (3, 5)


def test_agent_does_not_make_a_ticket_of_another_team_a_case(
    api: Api, open_ticket: Opener, incident: str
) -> None:
    elsewhere = open_ticket("inquiry", agent="a-tao")
    body = {"version": elsewhere.version, "incident": incident}
    assert api("incident-joining", "mei", number=elsewhere.number, body=body).status == 404
