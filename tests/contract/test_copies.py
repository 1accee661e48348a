"""Contract of the copies of a mail: two copies that are received at once become one mail."""

from __future__ import annotations

import threading

import pytest

from redress.mail.incoming.rules.copies import copy_of
from redress.mail.incoming.store import (
    Copies,
    IncomingMailStore,
    IncomingRecord,
    MailState,
    MailTaken,
    on,
)
from redress.tickets.store.transaction import DoneAlready, Raced
from tests.builders import START, Life
from tests.contract.conftest import Shop

DIGEST = "7c211a"


def record(identity: str) -> IncomingRecord:
    return IncomingRecord(
        identity=identity,
        state=MailState.QUARANTINED,
        key=f"inbound/{identity}",
        received_at=START,
        sender="li.na@example.com",
        sender_name="",
        subject="",
        excerpt="",
        reason="spam",
    )


def with_copy(found: Copies | None, identity: str) -> Copies:
    assert found is not None
    return found.plus(copy_of(identity, "", identity, ()))


def open_for(shop: Shop, identity: str, copies: Copies | None) -> None:
    """Open a ticket for a mail."""
    life = Life(shop.clock).open(number=f"R-00000-0000{identity}")
    taken = on(record(identity), MailState.OPENED, life.ticket.number, 1)
    cause = MailTaken(taken, copies=with_copy(copies, identity))
    shop.tickets.open(life.last, shop.clock.now(), cause)


def test_copies_are_read_with_the_record_as_they_were_written(shop: Shop) -> None:
    store = IncomingMailStore(shop.models)
    assert store.look_up("1", DIGEST) == (None, Copies(DIGEST))
    assert store.look_up("1", None) == (None, None)
    open_for(shop, "1", Copies(DIGEST))
    store.hold(record("2"), with_copy(store.look_up("2", DIGEST)[1], "2"))
    found, copies = store.look_up("2", DIGEST)
    assert found == record("2")
    assert copies is not None
    assert (copies.revision, [one.identity for one in copies.known]) == (2, ["1", "2"])


@pytest.mark.parametrize("first", [None, "0"])
def test_a_mail_is_written_only_if_no_other_copy_came_meanwhile(
    shop: Shop, first: str | None
) -> None:
    store = IncomingMailStore(shop.models)
    if first:
        open_for(shop, first, Copies(DIGEST))
    _, read = store.look_up("x", DIGEST)
    open_for(shop, "1", read)
    before = shop.items()
    with pytest.raises(Raced):
        open_for(shop, "2", read)
    with pytest.raises(Raced):
        store.hold(record("3"), with_copy(read, "3"))
    assert shop.items() == before


def test_a_mail_that_came_before_is_known_whatever_its_copies_are(shop: Shop) -> None:
    store = IncomingMailStore(shop.models)
    store.hold(record("1"), with_copy(Copies(DIGEST), "1"))
    before = shop.items()
    for copies in (None, Copies(DIGEST), store.look_up("1", DIGEST)[1]):
        with pytest.raises(DoneAlready):
            store.hold(record("1"), copies)
    assert shop.items() == before


def test_one_of_many_workers_that_receive_copies_at_once_wins(amazons: Shop) -> None:
    _, read = IncomingMailStore(amazons.models).look_up("x", DIGEST)
    results: list[str] = []
    together = threading.Barrier(6)

    def worker(identity: str) -> None:
        together.wait()
        try:
            open_for(amazons, identity, read)
            results.append("won")
        except Raced:
            results.append("lost")

    workers = [threading.Thread(target=worker, args=(str(n),)) for n in range(6)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert sorted(results) == ["lost"] * 5 + ["won"]
