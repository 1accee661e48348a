"""The records of held mails: their lists by team, and changes by several writers."""

from __future__ import annotations

from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from redress.base.errors import NotFound, Unavailable
from redress.db import keys
from redress.mail.incoming.rules.held import Refused
from redress.mail.incoming.store import (
    DigestStore,
    IncomingMailStore,
    IncomingRecord,
    MailState,
    Standing,
    Told,
)
from tests.builders import START
from tests.contract.conftest import Shop


@pytest.fixture
def incoming(shop: Shop) -> IncomingMailStore:
    return IncomingMailStore(shop.models)


def held(number: int, **fields: Any) -> IncomingRecord:
    usual: dict[str, Any] = {
        "identity": f"{number:040x}",
        "state": MailState.QUARANTINED,
        "key": f"inbound/{number}",
        "received_at": START + timedelta(minutes=number),
        "sender": "li.na@example.com",
        "sender_name": "",
        "subject": "",
        "excerpt": "",
        "reason": "automatic",
        "team": "complaints",
    }
    return IncomingRecord(**(usual | fields))


def numbers(records: list[IncomingRecord]) -> list[int]:
    return [int(record.identity, 16) for record in records]


def test_held_mail_is_listed_by_team_and_standing(incoming: IncomingMailStore) -> None:
    for record in (
        held(1),
        held(2, reason="spam"),
        held(3, reason="virus", seen_at=START),
        held(4, seen_at=START),
        held(5, team="service"),
        held(6, team="complaints-2"),
        held(7, refused=Refused("no_sender", START + timedelta(hours=1), "s-lin")),
        held(8),
    ):
        incoming.hold(record)
    assert incoming.teams_with_held_mail() == ["complaints", "complaints-2", "service"]
    assert numbers(incoming.unseen("complaints", 100)) == [1, 8, 7]
    assert numbers(incoming.unseen("complaints", 2)) == [1, 8]
    counts = {one: incoming.count_held("complaints", one, 100) for one in Standing}
    assert counts == {Standing.UNSEEN: 3, Standing.SEEN: 1, Standing.UNPROMISED: 2}
    found = incoming.held_by_team("complaints", Standing, 100, None)
    assert numbers(found.records) == [7, 8, 4, 3, 2, 1]
    assert found.cursor is None


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_of_held_mail_have_no_gaps_and_no_duplicates(
    incoming: IncomingMailStore, limit: int
) -> None:
    for number in range(1, 8):
        reason = "spam" if number % 3 == 0 else "automatic"
        incoming.hold(held(number, reason=reason, team="" if number % 4 == 0 else "complaints"))
    everything = [7, 6, 5, 4, 3, 2, 1]

    def by_team(cursor: str | None) -> Any:
        return incoming.held_by_team("complaints", Standing, limit, cursor)

    for read in (by_team, lambda cursor: incoming.held(limit, cursor)):
        met, cursor = list[int](), None
        for _ in range(8):
            page = read(cursor)
            assert len(page.records) <= limit
            met += numbers(page.records)
            cursor = page.cursor
            if cursor is None:
                break
        assert met == everything


def test_a_released_mail_is_in_no_list(incoming: IncomingMailStore, shop: Shop) -> None:
    incoming.hold(held(1))
    incoming.change(held(1).identity, lambda one: replace(one, state=MailState.OPENED, number="x"))
    assert incoming.held(25, None).records == []
    assert incoming.teams_with_held_mail() == []
    item = shop.item(keys.incoming_mail_pk(held(1).identity), keys.INCOMING_MAIL)
    assert not {"open_pk", "open_sk", "owner_pk", "owner_sk"} & item.keys()


def test_a_change_is_decided_again_if_another_writer_was_faster(
    incoming: IncomingMailStore,
) -> None:
    incoming.hold(held(1))
    decided = list[IncomingRecord]()

    def see(found: IncomingRecord) -> IncomingRecord:
        if not decided:
            incoming.rewrite(replace(found, flags=("virus",)))
        decided.append(found)
        return replace(found, seen_at=START)

    changed = incoming.change(held(1).identity, see)
    assert len(decided) == 2
    assert (changed.flags, changed.seen_at) == (("virus",), START)
    assert incoming.get(held(1).identity) == changed


def test_a_change_gives_up_if_other_writers_are_always_faster(
    incoming: IncomingMailStore,
) -> None:
    incoming.hold(held(1))

    def late(found: IncomingRecord) -> IncomingRecord:
        incoming.rewrite(replace(found, excerpt=found.excerpt + "x"))
        return replace(found, seen_at=START)

    with pytest.raises(Unavailable):
        incoming.change(held(1).identity, late)
    with pytest.raises(NotFound):
        incoming.change(held(2).identity, late)


def test_a_mail_of_an_earlier_version_is_listed_until_it_has_a_team(
    incoming: IncomingMailStore, shop: Shop
) -> None:
    incoming.hold(held(1, team=""))
    item = shop.item(keys.incoming_mail_pk(held(1).identity), keys.INCOMING_MAIL)
    assert item["open_pk"] == {"S": "HELD"}, "the key that version 1 wrote"
    assert numbers(incoming.without_team(25)) == [1]
    assert numbers(incoming.held(25, None).records) == [1]
    assert numbers(incoming.held_by_team("complaints", Standing, 25, None).records) == [1]
    incoming.change(held(1).identity, lambda found: replace(found, team="complaints"))
    assert incoming.without_team(25) == []
    assert numbers(incoming.held(25, None).records) == [1]
    assert numbers(incoming.unseen("complaints", 25)) == [1]


def test_a_digest_is_recorded_by_one_worker(shop: Shop) -> None:
    digests = DigestStore(shop.models)
    assert digests.told("complaints") is None
    first = Told(1, START)
    assert digests.tell("complaints", first)
    assert not digests.tell("complaints", Told(1, START + timedelta(minutes=1)))
    assert digests.told("complaints") == first
    assert digests.tell("complaints", Told(2, START))
    assert digests.told("service") is None
