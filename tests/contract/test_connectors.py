"""Connectors and what they hand over, on each engine: what is written once, and what is refused."""

from __future__ import annotations

from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from redress.base.errors import AlreadyDone, ConnectorChanged, NotFound, Unavailable
from redress.base.people import CUSTOMER, Role
from redress.connectors.cases.managing import ManagingCases
from redress.connectors.cases.taking import MessageCases
from redress.connectors.rules.connector import Scope, Wanted
from redress.connectors.store.calls import CallStore
from redress.connectors.store.connectors import Attempt, ConnectorStore
from redress.connectors.store.taken import MessageStore, Taken
from redress.customers.rules.profile import MergedInto, Revised
from redress.db import keys
from redress.tickets.cases.changes import Decided
from redress.tickets.cases.parting import PartingCases
from redress.tickets.links import Links
from redress.tickets.rules.steps import by_staff, linking, merging
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import EventType, LinkKind
from tests.builders import LIN, MEI, START
from tests.contract.conftest import Shop
from tests.customers.builders import EMAIL, LI_NA, PHONE, WANG_WEI, new, profile

WANTED = Wanted("The CRM", (Scope.WRITE_MESSAGES,), None)


def cases(shop: Shop) -> ManagingCases:
    return ManagingCases(
        ConnectorStore(shop.models), lambda: [b"secret"], shop.staff.has_team, shop.clock.now
    )


def taking(shop: Shop) -> MessageCases:
    return MessageCases(
        MessageStore(shop.models),
        CallStore(shop.models),
        shop.tickets,
        shop.changes,
        shop.plans,
        Links(lambda: [b"secret"]),
        shop.clock.now,
    )


def message(**fields: Any) -> dict[str, Any]:
    usual = {
        "conversation": "c-1",
        "message": "m-1",
        "channel": "chat",
        "text": "The kettle leaks.",
        "language": "en",
        "customer": {"name": "Li Na", "email": "li.na@example.com"},
        "consent": True,
    }
    return usual | fields


def of_customer(shop: Shop, number: str, customer: str) -> None:
    shop.changes.change(number, lambda t, plan, at: match(t, plan, customer, "account", at))


def merged(shop: Shop, source: str, target: str) -> None:
    """Staff merge a ticket into another one."""
    at = shop.clock.now()
    first, second = (
        merging.Merger(one, shop.plans.get(one.plan_version), at, LI_NA, {})
        for one in (shop.tickets.get(source), shop.tickets.get(target))
    )
    ended, taken = merging.merge(first, second, LIN, "the same matter")
    shop.changes.write(lambda: Decided(None, ended, at, also=((taken, at),)))


def test_connector_is_made_once_and_each_change_is_put_once(shop: Shop) -> None:
    manager = shop.member("m-wei", role=Role.MANAGER)
    managing = cases(shop)
    managing.make(manager, "crm", WANTED, "a test", "203.0.113.7")
    with pytest.raises(AlreadyDone):
        managing.make(manager, "crm", WANTED, "again", "203.0.113.7")
    managing.rotate(manager, "crm", lambda: (1, None, "yearly"), "")
    with pytest.raises(ConnectorChanged):
        managing.rotate(manager, "crm", lambda: (1, None, "again"), "")
    managing.suspend(manager, "crm", lambda: "odd", "")
    found = managing.file("crm")
    assert [one.kind for one in found.changes] == ["suspended", "rotated", "made"]
    assert [key.generation for key in found.connector.valid_keys(shop.clock.now())] == [2, 1]
    assert [one.connector.id for one in managing.listed()] == ["crm"]
    with pytest.raises(NotFound):
        managing.file("erp")


def test_connector_cannot_take_the_name_of_amazon_connect(shop: Shop) -> None:
    manager = shop.member("m-wei", role=Role.MANAGER)
    with pytest.raises(AlreadyDone, match="belongs to Amazon Connect"):
        cases(shop).make(manager, "amazon-connect", WANTED, "a test", "")


def test_manager_who_was_changed_meanwhile_changes_no_connector(shop: Shop) -> None:
    manager = shop.member("m-wei", role=Role.MANAGER)
    managing = cases(shop)
    managing.make(manager, "crm", WANTED, "a test", "")
    shop.member("m-wei", role=Role.MANAGER, managed=True, revision=2)
    with pytest.raises(Unavailable):
        managing.suspend(manager, "crm", lambda: "odd", "")
    assert len(managing.file("crm").changes) == 1


def test_nonce_is_used_once_for_each_connector(shop: Shop) -> None:
    store, until = ConnectorStore(shop.models), shop.clock.now() + timedelta(minutes=15)
    assert store.use_nonce("crm", "n", until)
    assert not store.use_nonce("crm", "n", until)
    assert store.use_nonce("erp", "n", until)
    item = shop.item(keys.connector_pk("crm"), keys.nonce_sk("n"))
    assert item["expires"] == {"N": str(int(until.timestamp()))}


def test_pages_of_attempts_have_each_attempt_once(shop: Shop) -> None:
    store, at = ConnectorStore(shop.models), shop.clock.now()
    for number in range(5):
        store.record("crm", Attempt(at + timedelta(seconds=number // 2), 201, f"msg_{number}"))
    found, place = list[str](), None
    for _ in range(3):
        page, place = store.attempts("crm", 2, place)
        found += [one.delivery for one in page]
    assert place is None
    assert found[0] == "msg_4"
    assert sorted(found) == [f"msg_{number}" for number in range(5)]


def test_message_its_answer_and_its_conversation_are_one_transaction(shop: Shop) -> None:
    take = taking(shop).take
    first = take("crm", "d-1", message()).taken
    assert (first.opened, first.again) == (True, False)
    again = take("crm", "d-1", message()).taken
    assert (again.number, again.version, again.again) == (first.number, first.version, True)
    added = take("crm", "d-2", message(message="m-2")).taken
    assert (added.number, added.opened) == (first.number, False)
    own = {sk.partition("#")[0] for pk, sk in shop.items() if pk == keys.connector_pk("crm")}
    assert own == {"DELIVERY", "SAID", "CONVERSATION"}
    wrote = shop.tickets.history(first.number)[-1]
    assert (wrote.type, wrote.data["source"]["message"]) == (EventType.CUSTOMER_WROTE, "m-2")


def test_two_first_messages_of_a_conversation_at_once_open_one_ticket(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    slower = taking(shop)
    original, faster = MessageStore.known, list[str]()

    def known(store: MessageStore, *given: str, **options: Any) -> Any:
        found = original(store, *given, **options)
        if not faster:
            faster.append("")
            faster[0] = taking(shop).take("crm", "d-1", message()).taken.number
        return found

    monkeypatch.setattr(MessageStore, "known", known)
    second = slower.take("crm", "d-2", message(message="m-2")).taken
    assert (second.number, second.opened) == (faster[0], False)


def test_two_numbered_messages_at_once_lose_no_gap(shop: Shop) -> None:
    """Of two that have read the same numbers, one is decided again."""
    take = taking(shop).take
    take("crm", "d-1", message(sequence=1))
    store = MessageStore(shop.models)
    real, between = MessageStore.known, [True]

    def known(self: MessageStore, *given: Any, **options: Any) -> Any:
        found = real(self, *given, **options)
        if between and options.get("numbered"):
            between.clear()
            taking(shop).take("crm", "d-5", message(message="m-5", sequence=5))
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MessageStore, "known", known)
        taken = take("crm", "d-3", message(message="m-3", sequence=3)).taken
    assert taken.missing == (2, 4)
    found = store.known("crm", "none", "c-1", "none", numbered=True).sequence
    assert found is not None
    assert (found.last, found.missing) == (5, (2, 4))


def test_words_after_two_merged_tickets_turned_out_to_be_of_two_people_go_to_none_of_the_other(
    shop: Shop,
) -> None:
    """The conversation stays with the ticket of its customer: each message asks where that goes
    on. Otherwise what Wang Wei writes is in Li Na's ticket, and answers to her go to him."""

    def say(conversation: str, id_: str, text: str = "Words") -> Taken:
        body = message(conversation=conversation, message=id_, text=text)
        return taking(shop).take("wechat", id_, body, lambda at: {"answered": True}).taken

    own, source = say("wx-li", "m-1").number, say("wx-wang", "m-2").number
    for number, customer in ((own, LI_NA), (source, WANG_WEI)):
        of_customer(shop, number, customer)
    kept, gone = profile(LI_NA, PHONE), profile(WANG_WEI, EMAIL)
    one = (
        replace(kept, absorbed=(WANG_WEI,)),
        replace(gone, merged_into=MergedInto(LI_NA, 2, START)),
    )
    shop.customers.write([new(each) for each in one])
    merged(shop, source, own)
    assert say("wx-wang", "m-3").number == own
    talk = shop.tickets.get(own).conversation
    assert talk is not None
    assert talk.id == "wx-wang"

    PartingCases(shop.tickets, shop.changes).profiles_parted([[source]], frozenset([WANG_WEI]), LIN)
    apart = [replace(each, revision=2) for each in (kept, gone)]
    shop.customers.write([Revised(*both) for both in zip(one, apart, strict=True)])
    assert shop.tickets.get(own).conversation is None
    private = say("wx-wang", "m-4", "Private words")
    assert (private.opened, private.number in (own, source)) == (True, False)
    assert say("wx-li", "m-5").number == own
    talk = shop.tickets.get(own).conversation
    assert talk is not None
    assert talk.id == "wx-li"


def test_answer_in_a_ticket_that_follows_one_leaves_the_conversation_to_the_ticket_merged_into_it(
    shop: Shop,
) -> None:
    """A ticket that follows another one may take over a conversation when staff reply there. Here
    the conversation is that of a merged ticket, which turns out to be another customer's."""

    def say(conversation: str, id_: str) -> str:
        customer = {"name": "Somebody"}  # no address, so they are answered in the conversation
        body = message(conversation=conversation, message=id_, customer=customer)
        return taking(shop).take("wechat", id_, body, lambda at: {"answered": True}).taken.number

    own, source = say("wx-li", "m-1"), say("wx-wang", "m-2")
    for number in (own, source):
        of_customer(shop, number, LI_NA)
    link = (CUSTOMER, LinkKind.FOLLOW_UP_OF, "R-00000-00001", "")
    shop.changes.change(own, lambda t, plan, at: linking.linked(t, plan, *link, at))
    merged(shop, source, own)
    assert say("wx-wang", "m-3") == own
    shop.changes.change(own, lambda t, plan, at: by_staff.reply(t, plan, MEI, "Yes", False, at))
    assert shop.tickets.history(own)[-1].data["via"]["id"] == "wx-wang"

    of_customer(shop, source, WANG_WEI)
    assert say("wx-wang", "m-4") != own
