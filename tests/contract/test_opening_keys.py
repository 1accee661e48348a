"""Contract of tickets that staff open with a key: what is written for them, on each engine."""

from __future__ import annotations

from copy import replace

import pytest

from redress.base.errors import AgentNotFree
from redress.tickets.rules.change import Change
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.steps.opening import open_for_caller
from redress.tickets.store.opening_keys import OpenedWithKey, OpeningKeys
from redress.tickets.store.transaction import DoneAlready
from tests.builders import MEI, plan_1, submission
from tests.contract.conftest import Shop

CAUSE = OpenedWithKey("staff\na-mei\ncall-1", "a print", '{"number":"x"}')


def opened(shop: Shop, *, takes: bool = False) -> Change:
    asked = replace(submission(), channel="phone")
    return open_for_caller(asked, new_number(), plan_1(), MEI, shop.clock.now(), takes=takes)


def test_key_is_recorded_with_the_ticket_and_read_as_it_was_written(shop: Shop) -> None:
    store = OpeningKeys(shop.models)
    assert store.earlier(CAUSE.key) is None
    change = opened(shop)
    shop.tickets.open(change, shop.clock.now(), CAUSE)
    assert store.earlier(CAUSE.key) == CAUSE
    assert shop.tickets.get(change.after.number) == change.after


def test_record_has_the_form_of_the_one_that_the_intake_writes(shop: Shop) -> None:
    intake = shop.intake_store
    change = opened(shop)
    shop.tickets.open(change, shop.clock.now(), CAUSE)
    earlier = intake.earlier(CAUSE.key)
    assert earlier is not None
    assert (earlier.fingerprint, earlier.answer) == (CAUSE.fingerprint, CAUSE.answer)


def test_used_key_opens_nothing_and_leaves_the_load_of_the_agent(shop: Shop) -> None:
    shop.member(capacity=2)
    shop.tickets.open(opened(shop), shop.clock.now(), CAUSE)
    before = shop.items()
    with pytest.raises(DoneAlready):
        shop.tickets.open(opened(shop, takes=True), shop.clock.now(), CAUSE)
    assert shop.items() == before


def test_agent_without_room_opens_nothing_and_the_key_stays_free(shop: Shop) -> None:
    shop.member(capacity=1)
    shop.tickets.open(opened(shop, takes=True), shop.clock.now())
    before = shop.items()
    with pytest.raises(AgentNotFree):
        shop.tickets.open(opened(shop, takes=True), shop.clock.now(), CAUSE)
    assert shop.items() == before
    assert OpeningKeys(shop.models).earlier(CAUSE.key) is None
