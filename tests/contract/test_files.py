"""Contract of the files of tickets: their items, on each engine."""

from __future__ import annotations

from copy import replace
from typing import Any

import pytest

from redress.base.people import CUSTOMER
from redress.db import keys
from redress.tickets.rules.attached import Attached, FileState, listed
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.store.attached import AttachedStore, FileChanged, FilesArrived, Viewed
from redress.tickets.store.transaction import DoneAlready, Raced
from tests.builders import MEI, START
from tests.contract.conftest import Shop

FILE = "9f86d081884c7d65"


def a_file(name: str = FILE, **fields: Any) -> Attached:
    usual: dict[str, Any] = {
        "id": name,
        "name": "杯子.jpg",
        "type": "image/jpeg",
        "size": 4_096,
        "by": CUSTOMER,
        "at": START,
        "state": FileState.HELD,
        "version": "v1",
    }
    return Attached(**(usual | fields))


def test_a_file_is_read_as_it_was_written_alone_and_with_its_ticket(shop: Shop) -> None:
    life, store = shop.open(), AttachedStore(shop.models)
    number = life.ticket.number
    file = a_file(reason="type", by=MEI, state=FileState.REFUSED)
    assert store.put_new(number, file)
    assert not store.put_new(number, replace(file, name="another"))
    assert store.get(number, FILE) == store.of_ticket(number)[0] == file
    found = shop.tickets.file(number)
    assert list(found.attached) == [file]
    assert found.history == life.events
    assert store.of_ticket("R-00000-00000") == []


def test_a_file_that_cannot_be_read_is_left_out(shop: Shop) -> None:
    life, store = shop.open(), AttachedStore(shop.models)
    number = life.ticket.number
    store.put_new(number, a_file())
    pk, sk = keys.ticket_pk(number), keys.file_sk("0" * 16)
    shop.models.attached(pk, sk, doc="{", state="held", revision=1).save()
    assert [file.id for file in shop.tickets.file(number).attached] == [FILE]


def test_arrived_files_and_their_message_are_one_transaction(shop: Shop) -> None:
    life, store = shop.open(), AttachedStore(shop.models)
    number, files = life.ticket.number, [a_file(), a_file("a" * 16)]

    def arrive(*files: Attached) -> None:
        ticket = shop.tickets.get(number)
        data = [listed(one) for one in files]
        change = by_customer.attach(ticket, life.plan, data, shop.clock.now())
        shop.tickets.commit(change, shop.clock.now(), FilesArrived(files))

    arrive(files[0])
    with pytest.raises(DoneAlready):
        arrive(*files)
    found = shop.tickets.file(number)
    assert [one.id for one in found.attached] == [FILE]
    assert found.ticket.version == 2
    assert store.get(number, FILE).event is None  # the caller sets it


def test_a_message_of_staff_takes_its_files_once(shop: Shop) -> None:
    life = shop.open()
    number, store = life.ticket.number, AttachedStore(shop.models)
    mine = a_file(by=MEI)
    store.put_new(number, mine)
    ticket = shop.tickets.get(number)

    def reply(version: int) -> None:
        found = shop.tickets.get(number)
        change = by_staff.reply(
            found, life.plan, MEI, f"See {version}", False, shop.clock.now(), [listed(mine)]
        )
        shop.tickets.commit(change, shop.clock.now())

    reply(1)
    taken = store.get(number, FILE)
    assert (taken.event, taken.revision) == (ticket.version + 1, 2)
    with pytest.raises(Raced):
        reply(2)
    assert shop.tickets.get(number).version == ticket.version + 1


@pytest.mark.parametrize("state", [FileState.REFUSED, FileState.FOUND, FileState.WITHDRAWN])
def test_no_message_takes_a_file_that_is_not_kept(shop: Shop, state: FileState) -> None:
    life, store = shop.open(), AttachedStore(shop.models)
    number, mine = life.ticket.number, a_file(by=MEI, state=state)
    store.put_new(number, mine)
    found = shop.tickets.get(number)
    change = by_staff.note(found, life.plan, MEI, "See", shop.clock.now(), files=[listed(mine)])
    with pytest.raises(Raced):
        shop.tickets.commit(change, shop.clock.now())


def test_a_change_of_a_file_is_refused_if_another_one_came_first(shop: Shop) -> None:
    life, store = shop.open(), AttachedStore(shop.models)
    number, file = life.ticket.number, a_file()
    store.put_new(number, file)
    clean = store.change(number, file, replace(file, state=FileState.CLEAN))
    assert store.get(number, FILE) == clean == replace(file, state=FileState.CLEAN, revision=2)
    with pytest.raises(Raced):
        store.change(number, file, replace(file, state=FileState.WITHDRAWN))
    note = by_staff.note(life.ticket, life.plan, MEI, "Found", shop.clock.now())
    with pytest.raises(Raced):
        shop.tickets.commit(note, shop.clock.now(), FileChanged(file, 1))
    found = replace(file, state=FileState.FOUND, reason="Eicar")
    shop.tickets.commit(note, shop.clock.now(), FileChanged(found, 2))
    assert store.get(number, FILE) == replace(found, revision=3)


def test_openings_are_on_record_newest_first_and_not_read_with_the_ticket(shop: Shop) -> None:
    life, store = shop.open(), AttachedStore(shop.models)
    number = life.ticket.number
    before = shop.tickets.file(number).size
    seen = [Viewed(FILE, MEI, shop.clock.advance(seconds=one)) for one in range(3)]
    for one in seen:
        store.record_view(number, one)
    assert store.views(number) == seen[::-1]
    assert shop.tickets.file(number).size == before


def test_a_return_address_works_once(shop: Shop) -> None:
    store = AttachedStore(shop.models)
    assert [store.use_return(FILE, START) for _ in range(3)] == [True, False, False]
    assert store.use_return("a" * 16, START)
