"""Staff merge two tickets of a customer. Of two acts at the same time, one wins (stories 9, 10)."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from typing import Any

import pytest

from redress.base.people import CUSTOMER
from redress.customers.store import CustomerStore
from redress.db import keys
from redress.tickets.cases.staff import acts_on_matter
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_customer, by_departments, by_staff, merging
from redress.tickets.rules.steps.by_departments import NewTask
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import Conversation, Event, EventType, State, Ticket
from redress.wiring import stores as wired_stores
from tests.builders import LIN, MEI, OTHER, START, Life
from tests.customers.builders import EMAIL, LI_NA, PHONE, WANG_WEI, new, profile
from tests.files import samples
from tests.functions.conftest import MEMBERS
from tests.functions.filing import create_bucket, send
from tests.functions.staff.api import Api, Reply
from tests.wired import TABLE, set_environment
from tests.world import Act, Opener, Stores, aws, called, split, unsplit

type Two = tuple[Ticket, Ticket]
Meanwhile = Callable[[Callable[[], Any]], None]


@pytest.fixture
def customers(api: Api) -> CustomerStore:
    store = wired_stores.customers()
    store.write([new(profile(LI_NA, EMAIL)), new(profile(WANG_WEI, PHONE, name="Wang Wei"))])
    return store


@pytest.fixture
def of_li_na(customers: CustomerStore, act: Act, open_ticket: Opener) -> Callable[..., Ticket]:
    """Opens a ticket of Li Na, of another customer, or of nobody whom we know."""

    def opened(
        kind: str = "complaint",
        agent: str | None = "a-mei",
        customer: str | None = LI_NA,
        **fields: Any,
    ) -> Ticket:
        ticket = open_ticket(kind, agent=agent, **fields)
        if customer is None:
            return ticket
        return act(ticket, lambda t, p, at: match(t, p, customer, "email", at))

    return opened


@pytest.fixture
def two(of_li_na: Callable[..., Ticket]) -> Two:
    return of_li_na(), of_li_na()


def merge(api: Api, by: str, source: Ticket, target: Ticket, **given: Any) -> Reply:
    body = {"version": source.version, "into": target.number, "into_version": target.version}
    return api("merging", by, number=source.number, body=body | {"reason": "one kettle"} | given)


def codes(found: Reply) -> list[tuple[str, str]]:
    return [(one["pointer"], one["code"]) for one in found.body["errors"]]


def types(stores: Stores, ticket: Ticket) -> list[EventType]:
    return [event.type for event in stores.tickets.history(ticket.number)]


def test_merge_closes_the_source_and_both_sides_say_so(api: Api, two: Two, stores: Stores) -> None:
    source, target = two
    found = merge(api, "mei", source, target, into=target.number.lower())
    assert found.status == 200
    assert (found.body["state"], found.body["closure"]) == ("closed", "merged")
    assert found.body["due_at"] is None
    for ticket, other, kind in (
        (source, target, "merged_into"),
        (target, source, "merged_from"),
    ):
        read = api("ticket", "mei", number=ticket.number).body
        [link] = read["links"]
        assert (link["kind"], link["number"]) == (kind, other.number)
        [event] = [one for one in read["timeline"] if one["type"] == "merged"]
        assert (event["by"]["id"], event["data"]["ticket"]) == ("a-mei", other.number)
        assert event["data"]["why"] == "one kettle"
    assert stores.tickets.get(source.number).links[0].number == target.number


def test_merged_ticket_frees_its_agent(api: Api, of_li_na: Callable[..., Ticket]) -> None:
    source, target = of_li_na(agent="a-mei"), of_li_na(agent="a-jun")
    before = api("work", "mei").body["items"]
    assert merge(api, "lin", source, target).status == 200
    assert len(before) == 1
    assert api("work", "mei").body["items"] == []


def test_profiles_that_are_one_customer_are_one(
    api: Api, of_li_na: Callable[..., Ticket], customers: CustomerStore
) -> None:
    source, target = of_li_na(), of_li_na(customer=WANG_WEI)
    assert codes(merge(api, "lin", source, target)) == [("/into", "other_customer")]
    body = {"revision": 1, "other": WANG_WEI, "other_revision": 1, "reason": "the same person"}
    assert api("customer-merge", "lin", id=LI_NA, body=body).status == 200
    assert merge(api, "lin", source, target).status == 200


def test_tickets_do_not_go_on_to_each_other_after_the_merge_of_their_profiles_was_undone(
    api: Api, of_li_na: Callable[..., Ticket], stores: Stores
) -> None:
    """The merge of two profiles was a mistake: they are two people. One of them must not read what
    the other one writes."""
    source, target = of_li_na(customer=WANG_WEI), of_li_na()
    body = {"revision": 1, "other": WANG_WEI, "other_revision": 1, "reason": "the same person"}
    assert api("customer-merge", "lin", id=LI_NA, body=body).status == 200
    assert merge(api, "lin", source, target).status == 200
    merged = stores.tickets.get(source.number)
    assert stores.tickets.continued(merged).number == target.number
    body = {"revision": 2, "other": WANG_WEI, "other_revision": 2, "reason": "two people"}
    assert api("customer-unmerge", "lin", id=LI_NA, body=body).status == 200
    assert stores.tickets.continued(stores.tickets.get(source.number)) == merged


@pytest.mark.parametrize("found", ["profiles", "source", "target"])
def test_address_that_came_with_the_ticket_of_somebody_else_gets_no_more_answers(
    api: Api, of_li_na: Callable[..., Ticket], act: Act, stores: Stores, found: str
) -> None:
    """It turns out that the merged tickets are of two people, by either profile or either match."""
    theirs = {"name": "Wang Wei", "email": "wang.wei@example.org"}
    source, target = of_li_na(customer=WANG_WEI, contact=theirs), of_li_na()
    body = {"revision": 1, "other": WANG_WEI, "other_revision": 1, "reason": "the same person"}
    assert api("customer-merge", "lin", id=LI_NA, body=body).status == 200
    assert merge(api, "lin", source, target).status == 200
    added = ["bo@example.net", *stores.tickets.get(target.number).participants]
    assert added[1:] == ["wang.wei@example.org"]
    act(target, by_staff.set_participants, MEI, added)
    if found == "profiles":
        body = {"revision": 2, "other": WANG_WEI, "other_revision": 2, "reason": "two people"}
        assert api("customer-unmerge", "lin", id=LI_NA, body=body).status == 200
    else:
        ticket = stores.tickets.get({"source": source, "target": target}[found].number)
        right = {"version": ticket.version, "customer": None, "reason": "two people"}
        assert api("ticket-customer", "lin", number=ticket.number, body=right).status == 200
    now = stores.tickets.get(target.number)
    assert now.participants == ("bo@example.net",)
    sent = act(target, by_staff.reply, MEI, "Private words", False)
    replied = stores.tickets.history(sent.number)[-1]
    assert replied.data["copied_to"] == ["bo@example.net"]


@pytest.mark.parametrize("way", ["merge", "words", "source", "own"])
def test_conversation_that_came_with_the_ticket_of_somebody_else_ends(way: str) -> None:
    """It came with the merge or with words to the source, or it is that of the source now. One in
    which the customer of the target had written before stays."""
    talk = Conversation("wechat", "c-1")
    facts = {"conversation": {"connector": "wechat", "id": "c-1"}} if way == "merge" else {}
    words = {"text": "Wait", "source": {"connector": "wechat", "conversation": "c-1"}}
    life = Life()
    ticket = replace(life.open().ticket, conversation=talk)
    history = [Event(3, EventType.MERGED, START, LIN, {"ticket": OTHER, "facts": facts})]
    if way == "words":
        sent = words | {"sent_to": OTHER}
        history.append(Event(4, EventType.CUSTOMER_WROTE, START, CUSTOMER, sent))
    if way == "own":
        history.insert(0, Event(2, EventType.CUSTOMER_WROTE, START, CUSTOMER, words))
    theirs = talk if way in ("source", "own") else None

    def parted(one: Ticket) -> Change | None:
        return merging.parted(one, life.plan, LIN, START, history, OTHER, theirs)

    change = parted(ticket)
    if way == "own":
        assert change is None
    else:
        assert change is not None
        assert change.after.conversation is None
        assert parted(change.after) is None


@pytest.fixture
def of_two_people(api: Api, of_li_na: Callable[..., Ticket]) -> Callable[[], Two]:
    """Merges a ticket of Wang Wei into one of Li Na, because their profiles are one."""
    body = {"revision": 1, "other": WANG_WEI, "other_revision": 1, "reason": "the same person"}
    assert api("customer-merge", "lin", id=LI_NA, body=body).status == 200
    theirs = {"name": "Wang Wei", "email": "wang.wei@example.org"}

    def merged() -> Two:
        source = of_li_na(customer=WANG_WEI, contact=theirs, agent=None)
        target = of_li_na(agent=None)
        assert merge(api, "lin", source, target).status == 200
        return source, target

    return merged


def undo_merge_of_profiles(api: Api) -> Reply:
    body = {"revision": 2, "other": WANG_WEI, "other_revision": 2, "reason": "two people"}
    return api("customer-unmerge", "lin", id=LI_NA, body=body)


def correct_match(api: Api, ticket: Ticket, stores: Stores) -> Reply:
    version = stores.tickets.get(ticket.number).version
    right = {"version": version, "customer": None, "reason": "two people"}
    return api("ticket-customer", "lin", number=ticket.number, body=right)


def spoil(ticket: Ticket, sk: str = keys.TICKET) -> None:
    """Damage an item of a ticket."""
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(ticket.number)}, "sk": {"S": sk}},
        UpdateExpression="SET doc = :doc",
        ExpressionAttributeValues={":doc": {"S": "{"}},
    )


@pytest.mark.parametrize("found", ["profiles", "source", "target"])
def test_closed_ticket_sends_no_words_to_the_address_of_somebody_else(
    api: Api, of_two_people: Callable[[], Two], act: Act, stores: Stores, found: str
) -> None:
    """A remedy is still finished there, and an incident still has words to it."""
    source, target = of_two_people()
    act(target, by_customer.withdraw, "never mind")
    if found == "profiles":
        assert undo_merge_of_profiles(api).status == 200
    else:
        ticket = {"source": source, "target": target}[found]
        assert correct_match(api, ticket, stores).status == 200
    now = stores.tickets.get(target.number)
    assert (now.state, now.participants) == (State.CLOSED, ())


@pytest.mark.parametrize("damaged", ["source", "target", "event"])
def test_two_people_are_parted_although_a_ticket_cannot_be_read(
    api: Api, of_two_people: Callable[[], Two], stores: Stores, damaged: str
) -> None:
    """What can be read is parted, also the target of a merged ticket that cannot be read."""
    (source, target), (_, healthy) = of_two_people(), of_two_people()
    if damaged == "event":
        spoil(target, keys.event_sk(1))
    else:
        spoil(source if damaged == "source" else target)
    assert undo_merge_of_profiles(api).status == 200
    assert stores.tickets.get(healthy.number).participants == ()
    if damaged != "target":
        assert stores.tickets.get(target.number).participants == ()


def test_tickets_of_one_customer_stay_together_although_one_cannot_be_read(
    api: Api, of_two_people: Callable[[], Two], of_li_na: Callable[..., Ticket], stores: Stores
) -> None:
    """Its history says whose it was when it was merged."""
    of_two_people()
    theirs = {"name": "Wang Wei", "email": "wang.wei@example.org"}
    other = {"name": "Wang Wei", "email": "wei@example.net"}
    source = of_li_na(customer=WANG_WEI, contact=other, agent=None)
    target = of_li_na(customer=WANG_WEI, contact=theirs, agent=None)
    assert merge(api, "lin", source, target).status == 200
    spoil(source)
    assert undo_merge_of_profiles(api).status == 200
    assert stores.tickets.get(target.number).participants == ("wei@example.net",)


@pytest.mark.parametrize("damaged", ["source", "target"])
def test_match_is_corrected_although_the_other_merged_ticket_cannot_be_read(
    api: Api, of_two_people: Callable[[], Two], stores: Stores, damaged: str
) -> None:
    source, target = of_two_people()
    ticket, other = (target, source) if damaged == "source" else (source, target)
    spoil(other)
    assert correct_match(api, ticket, stores).status == 200
    now = stores.tickets.get(ticket.number)
    assert now.customer not in (LI_NA, WANG_WEI)
    assert now.participants == ()


def test_address_that_staff_took_out_and_added_again_stays(
    api: Api, of_two_people: Callable[[], Two], act: Act, stores: Stores
) -> None:
    """The merge brought the address. Staff removed it and then added it themselves."""
    _, target = of_two_people()
    for addresses in ([], ["wang.wei@example.org"]):
        act(target, by_staff.set_participants, MEI, addresses)
    assert undo_merge_of_profiles(api).status == 200
    assert stores.tickets.get(target.number).participants == ("wang.wei@example.org",)


def test_every_reason_against_a_merge_is_told(
    api: Api, of_li_na: Callable[..., Ticket], act: Act, stores: Stores
) -> None:
    source, target = of_li_na(customer=None), of_li_na(agent="a-jun")
    wanted = NewTask("service", "A spare seal?", "Is there one?")
    source = act(source, by_staff.set_about, MEMBERS["lin"].actor, ["a-jun"], "named")
    source = act(
        source,
        lambda t, p, at: by_departments.open_task(t, p, MEMBERS["lin"].actor, wanted, at),
    )
    found = merge(api, "lin", source, target)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-mergeable")
    assert codes(found) == [
        ("", "no_customer"),
        ("/into", "conflict_of_interest"),
        ("/tasks/1", "task_open"),
    ]
    assert "merge_ticket" in found.body["can"]
    assert stores.tickets.get(target.number) == target


def test_complaint_about_the_leader_of_the_other_team_is_not_merged(
    api: Api, of_li_na: Callable[..., Ticket], act: Act
) -> None:
    source, target = of_li_na(), of_li_na()
    source = act(source, by_staff.set_about, MEMBERS["wei"].actor, ["s-lin"], "named")
    assert codes(merge(api, "wei", source, target)) == [("/into", "conflict_of_interest")]
    assert codes(merge(api, "lin", target, source)) == [("/into", "unknown_ticket")]


def test_ticket_that_the_caller_does_not_see_is_the_same_fault_as_none(
    api: Api, of_li_na: Callable[..., Ticket]
) -> None:
    source, elsewhere = of_li_na(), of_li_na("inquiry", agent="a-tao")
    for number in (elsewhere.number, "R-00000-00000", "no number"):
        found = merge(api, "mei", source, elsewhere, into=number)
        assert (found.status, codes(found)) == (422, [("/into", "unknown_ticket")])


def test_version_of_the_other_ticket_that_does_not_exist_yet_is_a_fault(api: Api, two: Two) -> None:
    source, target = two
    found = merge(api, "mei", source, target, into_version=target.version + 1)
    assert codes(found) == [("/into_version", "unknown_version")]


def test_who_sees_the_target_reads_the_source_of_another_team(
    api: Api, of_li_na: Callable[..., Ticket], act: Act
) -> None:
    """Nothing is lost: what the customer said in the source is part of the target's matter."""
    source, target = of_li_na("inquiry", agent="a-tao"), of_li_na(agent="a-mei")
    assert api("ticket", "mei", number=source.number).status == 404
    assert merge(api, "wei", source, target).status == 200
    read = api("ticket", "mei", number=source.number)
    assert (read.status, read.body["can"]) == (200, [])
    assert [one["number"] for one in api("ticket", "mei", number=target.number).body["links"]] == [
        source.number
    ]
    assert api("ticket", "hua", number=target.number).status == 404
    act(source, by_staff.set_about, MEMBERS["wei"].actor, ["a-mei"], "named")
    assert api("ticket", "mei", number=source.number).status == 404
    assert source.number not in str(api("ticket", "mei", number=target.number).body)


def test_who_sees_the_target_reads_what_went_on_to_its_source_from_an_undone_split(
    api: Api, of_li_na: Callable[..., Ticket], act: Act, stores: Stores
) -> None:
    """What its customer writes goes as far. A conflict on the way keeps the reader from it."""
    source, target = of_li_na("inquiry", agent="a-tao"), of_li_na(agent="a-mei")
    wrote = act(source, by_customer.write, "And the invoice?")
    apart = split(stores, source.number, wrote.version, kind="inquiry")
    unsplit(stores, source.number, apart)
    assert api("ticket", "mei", number=apart).status == 404
    source = stores.tickets.get(source.number)
    assert merge(api, "wei", source, target).status == 200
    assert api("ticket", "mei", number=apart).status == 200
    read = api("ticket", "mei", number=source.number).body["timeline"]
    assert apart in [one["data"].get("ticket") for one in read if one["type"] == "unsplit"]
    act(stores.tickets.get(source.number), by_staff.set_about, MEMBERS["wei"].actor, ["a-mei"], "")
    assert api("ticket", "mei", number=apart).status == 404


def test_agent_of_the_target_acts_on_what_goes_on_to_it_through_a_colleagues_ticket(
    api: Api, of_li_na: Callable[..., Ticket], act: Act, stores: Stores
) -> None:
    """The agent sees the ticket between, and may not act on it. A conflict there is in the way."""
    source, target = of_li_na(agent="a-jun"), of_li_na(agent="a-mei")
    stored, mei = stores.tickets, MEMBERS["mei"]
    wrote = act(source, by_customer.write, "And the invoice?")
    apart = split(stores, source.number, wrote.version, kind="inquiry")
    unsplit(stores, source.number, apart)
    assert not acts_on_matter(stored, mei, stored.get(apart))
    assert merge(api, "wei", stored.get(source.number), target).status == 200
    assert acts_on_matter(stored, mei, stored.get(apart))
    act(stored.get(source.number), by_staff.set_about, MEMBERS["wei"].actor, ["a-mei"], "")
    assert not acts_on_matter(stored, mei, stored.get(apart))


def test_people_of_the_target_open_files_and_recordings_of_the_source(
    api: Api,
    of_li_na: Callable[..., Ticket],
    act: Act,
    stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_environment(monkeypatch, RECORDINGS_BUCKET="calls")
    create_bucket()
    source, target = of_li_na("inquiry", agent="a-tao"), of_li_na(agent="a-mei")
    found = api("upload", "tao", number=source.number, body={"name": "a.pdf", "size": 9})
    file = found.body["id"]
    send(found.body, samples.PDF)
    event = str(called(stores, source))
    source = stores.tickets.get(source.number)
    assert api("files", "mei", number=source.number).status == 404
    assert merge(api, "wei", source, target).status == 200
    listed = api("files", "mei", number=source.number)
    assert (listed.status, [one["id"] for one in listed.body["files"]]) == (200, [file])
    heard = api("recording", "mei", number=source.number, event=event)
    assert (heard.status, api("recordings", "lin", number=source.number).status) == (200, 200)
    assert api("recordings", "mei", number=source.number).status == 403
    # A colleague of the same team reads the target, but does not act on it.
    assert api("files", "jun", number=source.number).status == 200
    assert api("recording", "jun", number=source.number, event=event).status == 403
    act(source, by_staff.set_about, MEMBERS["wei"].actor, ["a-mei"], "named")
    for name in ("files", "recording"):
        assert api(name, "mei", number=source.number, event=event).status == 404


# ------------------------------------------------------------------------------------- races


def test_reply_that_was_written_meanwhile_wins_and_the_merge_is_told(
    api: Api, two: Two, stores: Stores, meanwhile: Meanwhile
) -> None:
    source, target = two
    body = {"version": source.version, "text": "We look into it."}
    meanwhile(lambda: api("reply", "lin", number=source.number, body=body))
    found = merge(api, "mei", source, target)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert [one["type"] for one in found.body["conflicts"]] == ["replied"]
    assert EventType.MERGED not in types(stores, source)
    assert stores.tickets.get(target.number) == target


def test_merge_that_was_written_meanwhile_wins_and_the_reply_is_told(
    api: Api, two: Two, stores: Stores, meanwhile: Meanwhile
) -> None:
    source, target = two
    meanwhile(lambda: merge(api, "lin", source, target))
    body = {"version": source.version, "text": "We look into it."}
    found = api("reply", "mei", number=source.number, body=body)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert [one["type"] for one in found.body["conflicts"]] == ["merged"]
    assert EventType.REPLIED not in types(stores, source)


def test_reply_in_the_target_has_not_read_what_came_with_the_source(
    api: Api, two: Two, stores: Stores
) -> None:
    source, target = two
    assert merge(api, "lin", source, target).status == 200
    body = {"version": target.version, "text": "We look into it."}
    found = api("reply", "mei", number=target.number, body=body)
    assert [one["type"] for one in found.body["conflicts"]] == ["merged"]
    body["version"] = stores.tickets.get(target.number).version
    assert api("reply", "mei", number=target.number, body=body).status == 200


def test_of_two_merges_in_opposite_directions_one_wins(
    api: Api, two: Two, stores: Stores, meanwhile: Meanwhile
) -> None:
    first, second = two
    meanwhile(lambda: merge(api, "lin", second, first))
    found = merge(api, "mei", first, second)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert [one["type"] for one in found.body["conflicts"]] == ["merged"]
    assert stores.tickets.get(second.number).state is State.CLOSED
    assert stores.tickets.get(first.number).state is State.NEW
    assert types(stores, first).count(EventType.MERGED) == 1


def test_resolution_of_the_target_wins_and_the_merge_is_told(
    api: Api, two: Two, stores: Stores, meanwhile: Meanwhile
) -> None:
    source, target = two
    body = {"version": target.version, "text": "Replaced.", "outcome": "upheld"}
    body |= {"remedy": "a new one", "root_cause": "the seal"}
    meanwhile(lambda: api("resolution", "lin", number=target.number, body=body))
    found = merge(api, "mei", source, target)
    assert found.body["title"] == "The other ticket was changed meanwhile"
    assert [one["type"] for one in found.body["conflicts"]] == ["resolved"]
    assert stores.tickets.get(source.number) == source
    again = merge(api, "mei", source, stores.tickets.get(target.number))
    assert codes(again) == [("/into", "not_open")]


def test_message_of_the_customer_while_the_tickets_are_merged_goes_to_the_target(
    api: Api, two: Two, stores: Stores, meanwhile: Meanwhile
) -> None:
    """The page had read the source when it was merged; no words are lost."""
    from redress.wiring import customer as wiring

    source, target = two
    token = wiring.links().status_token(source.number)
    meanwhile(lambda: merge(api, "lin", source, target))
    wiring.customer_cases().write(token, "It still leaks")
    last = stores.tickets.history(target.number)[-1]
    assert (last.type, last.data["text"]) == (EventType.CUSTOMER_WROTE, "It still leaks")
    assert last.data["sent_to"] == source.number
    assert EventType.CUSTOMER_WROTE not in types(stores, source)


def test_merge_that_has_not_read_the_customers_words_is_refused(
    api: Api, two: Two, act: Act, stores: Stores
) -> None:
    source, target = two
    act(source, by_customer.write, "It is another matter!")
    found = merge(api, "mei", source, target)
    assert [one["type"] for one in found.body["conflicts"]] == ["customer_wrote"]


# ------------------------------------------------------------------------------------- undone


def unmerge(api: Api, by: str, source: Ticket, stores: Stores) -> Reply:
    version = stores.tickets.get(source.number).version
    body = {"version": version, "reason": "another kettle"}
    return api("unmerging", by, number=source.number, body=body)


def test_undone_merge_puts_the_source_back_into_the_queue_and_both_sides_say_so(
    api: Api, two: Two, stores: Stores
) -> None:
    source, target = two
    assert merge(api, "mei", source, target).status == 200
    found = unmerge(api, "mei", source, stores)
    assert found.status == 200
    assert (found.body["state"], found.body["closure"]) == ("new", None)
    assert found.body["assignee"] is None
    for ticket, other in ((source, target), (target, source)):
        read = api("ticket", "lin", number=ticket.number).body
        assert read["links"] == []
        [event] = [one for one in read["timeline"] if one["type"] == "unmerged"]
        assert (event["by"]["id"], event["data"]["ticket"]) == ("a-mei", other.number)
        assert read["promises"] == api("ticket", "lin", number=other.number).body["promises"]
    assert merge(api, "lin", *(stores.tickets.get(one.number) for one in two)).status == 200


def test_colleague_who_was_asked_in_the_source_has_it_again_after_an_undone_merge(
    api: Api, two: Two, stores: Stores
) -> None:
    source, target = two
    body = {"text": "Do you know it?", "mentions": ["a-jun"]}
    assert api("note", "mei", number=source.number, body=body).status == 200
    [asked] = api("mentions", "jun").body["items"]
    assert merge(api, "mei", stores.tickets.get(source.number), target).status == 200
    assert api("mentions", "jun").body["items"] == []
    assert unmerge(api, "mei", source, stores).status == 200
    [item] = api("mentions", "jun").body["items"]
    same = ("number", "note", "mentioned_at")
    assert [item[name] for name in same] == [asked[name] for name in same]
    read = api("ticket", "jun", number=source.number)
    assert (read.status, read.body["can"]) == (200, ["note"])
    assert "a-jun" in read.body["people"]


def test_ticket_that_goes_on_is_not_among_the_closed_ones(
    api: Api, two: Two, stores: Stores
) -> None:
    source, target = two
    merge(api, "mei", source, target)
    models = wired_stores.models()
    number = stores.tickets.get(source.number).version
    closed = models.event.get(f"TICKET#{source.number}", f"EVENT#{number:06}")
    assert (closed.type, closed.open_pk is not None) == ("closed", True)
    unmerge(api, "mei", source, stores)
    closed = models.event.get(f"TICKET#{source.number}", f"EVENT#{number:06}")
    listed = [closed.open_pk, closed.open_sk, closed.owner_pk, closed.owner_sk]
    assert listed == [None] * 4


def test_reply_that_was_written_in_the_target_meanwhile_keeps_the_merge(
    api: Api, two: Two, stores: Stores, meanwhile: Meanwhile
) -> None:
    source, target = two
    merge(api, "mei", source, target)
    body = {"version": stores.tickets.get(target.number).version, "text": "We look into it."}
    meanwhile(lambda: api("reply", "lin", number=target.number, body=body))
    found = unmerge(api, "mei", source, stores)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-undone")
    assert codes(found) == [("/into", "too_late")]
    assert stores.tickets.get(source.number).closure == "merged"


def test_merge_is_undone_only_by_who_sees_both(
    api: Api, of_li_na: Callable[..., Ticket], stores: Stores
) -> None:
    source, target = of_li_na("inquiry", agent="a-tao"), of_li_na(agent="a-mei")
    assert merge(api, "wei", source, target).status == 200
    assert unmerge(api, "hua", source, stores).status == 403
    assert unmerge(api, "jun", source, stores).status == 404
    assert unmerge(api, "wei", source, stores).status == 200


def test_who_is_only_mentioned_on_the_target_neither_merges_into_it_nor_undoes_a_merge(
    api: Api, of_li_na: Callable[..., Ticket], stores: Stores
) -> None:
    source, target = of_li_na("inquiry", agent="a-tao"), of_li_na(agent="a-mei")
    assert source.team != target.team
    body = {"text": "Do you know it?", "mentions": ["a-tao"]}
    assert api("note", "mei", number=target.number, body=body).status == 200
    target = stores.tickets.get(target.number)
    assert api("ticket", "tao", number=target.number).status == 200
    assert merge(api, "tao", source, target).status == 403
    assert stores.tickets.get(source.number) == source
    assert merge(api, "wei", source, target).status == 200
    assert unmerge(api, "tao", source, stores).status == 403
    assert unmerge(api, "wei", source, stores).status == 200
