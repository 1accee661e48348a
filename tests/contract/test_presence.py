"""Who is at work: beats, the record of it, and the work of those who are gone."""

from __future__ import annotations

from copy import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pynamodb.expressions.update import Action as UpdateAction

from redress.db import keys
from redress.staff.cases.absence import AbsenceWatch
from redress.staff.cases.presence import PresenceCases
from redress.staff.duty.store import DutyStore
from redress.staff.rules.availability import Presence
from redress.staff.rules.presence import Period, seconds_online
from redress.staff.store import also_written
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps.by_system import GONE
from redress.tickets.rules.ticket import EventType
from tests.builders import JUN, MEI, START, Life
from tests.contract.conftest import Shop
from tests.contract.test_incidents import declare


@pytest.fixture
def duty(shop: Shop) -> DutyStore:
    return DutyStore(shop.models, shop.staff)


@pytest.fixture
def watch(shop: Shop, duty: DutyStore) -> AbsenceWatch:
    stores = (shop.staff, duty, shop.lists, shop.changes, shop.plans, shop.tickets)
    return AbsenceWatch(*stores, shop.clock.now)


@pytest.fixture
def presences(shop: Shop, duty: DutyStore) -> PresenceCases:
    return PresenceCases(shop.staff, duty, shop.plans, shop.tickets, shop.clock.now)


def assigned(shop: Shop, agent: str = MEI.id) -> Life:
    life = shop.open()
    shop.commit(life.assign(agent))
    return life


def test_tickets_of_an_agent_who_went_offline_return_to_the_queue_after_the_grace(
    shop: Shop, watch: AbsenceWatch
) -> None:
    """Story 1: conversations stayed stuck with an agent who had gone offline."""
    mei = shop.member(MEI.id)
    life = assigned(shop)
    shop.staff.record(mei, Presence.OFFLINE, shop.clock.now())
    shop.clock.advance(minutes=14)
    assert watch.watch(watch.watched()) == {}
    assert shop.tickets.get(life.ticket.number).assignee == MEI.id

    shop.clock.advance(minutes=1)
    assert watch.watch(watch.watched()) == {"released": 1}
    assert shop.tickets.get(life.ticket.number).assignee is None
    last = shop.tickets.history(life.ticket.number)[-1]
    assert (last.type, last.data["why"], last.data["from"]) == (EventType.QUEUED, GONE, MEI.id)
    assert shop.staff.availability(MEI.id).load == 0
    assert shop.lists.queued("complaints") == [life.ticket.number]
    shop.clock.advance(minutes=30)
    assert watch.watch(watch.watched()) == {}


def test_agent_who_comes_back_within_the_grace_keeps_their_tickets(
    shop: Shop, watch: AbsenceWatch
) -> None:
    mei = shop.member(MEI.id)
    life = assigned(shop)
    shop.staff.record(mei, Presence.AWAY, shop.clock.now())
    shop.clock.advance(minutes=14)
    shop.staff.record(mei, Presence.AVAILABLE, shop.clock.now())
    shop.clock.advance(minutes=30)
    assert watch.watch(watch.watched()) == {}
    assert shop.tickets.get(life.ticket.number).assignee == MEI.id


def test_paused_ticket_stays_and_one_that_can_wait_stays_until_its_agent_fails_to_come(
    shop: Shop, watch: AbsenceWatch
) -> None:
    """The next reply is due after the next morning. She is expected then, and does not come."""
    mei = shop.member(MEI.id)
    life = assigned(shop)
    shop.commit(life.reply(wait_for_customer=True))
    shop.staff.record(mei, Presence.OFFLINE, shop.clock.now())
    shop.clock.advance(hours=1)
    assert watch.watch(watch.watched()) == {}
    shop.commit(life.write())
    shop.clock.advance(hours=15)
    assert watch.watch(watch.watched()) == {}
    shop.clock.advance(minutes=16)
    assert watch.watch(watch.watched()) == {"released": 1}


def test_silent_client_makes_its_agent_offline_and_beats_keep_them_online(
    shop: Shop, watch: AbsenceWatch, duty: DutyStore
) -> None:
    """Story 2: one late beat makes nobody offline, a silent client does."""
    shop.member(MEI.id)
    for _ in range(10):
        shop.clock.advance(minutes=2)
        duty.beat(MEI.id, shop.clock.now())
        assert watch.watch(watch.watched()) == {}
    assert shop.staff.availability(MEI.id).presence is Presence.AVAILABLE
    last = shop.clock.now()
    shop.clock.advance(minutes=5)
    assert watch.watch(watch.watched()) == {"offline": 1}
    found = shop.staff.availability(MEI.id)
    assert (found.presence, found.since) == (
        Presence.OFFLINE,
        last.isoformat(timespec="milliseconds"),
    )
    assert shop.staff.present("complaints", 100) == []


def test_agent_whose_client_never_beats_is_offline_after_half_a_day(
    shop: Shop, watch: AbsenceWatch
) -> None:
    shop.member(MEI.id)
    shop.clock.advance(hours=11, minutes=59)
    assert watch.watch(watch.watched()) == {}
    shop.clock.advance(minutes=1)
    assert watch.watch(watch.watched()) == {"offline": 1}


def test_gone_agent_is_made_offline_and_loses_urgent_work_in_one_sweep(
    shop: Shop, watch: AbsenceWatch, duty: DutyStore
) -> None:
    shop.member(MEI.id)
    life = assigned(shop)
    shop.clock.advance(minutes=1)
    duty.beat(MEI.id, shop.clock.now())
    shop.clock.advance(minutes=15)
    assert watch.watch(watch.watched()) == {"offline": 1, "released": 1}
    assert shop.tickets.get(life.ticket.number).assignee is None


def test_member_who_set_another_presence_meanwhile_is_not_made_offline(shop: Shop) -> None:
    mei = shop.member(MEI.id)
    seen = shop.staff.availability(MEI.id)
    shop.clock.advance(minutes=10)
    shop.staff.record(mei, Presence.BUSY, shop.clock.now())
    assert not shop.staff.expire(seen, shop.clock.now())
    assert shop.staff.availability(MEI.id).presence is Presence.BUSY


def test_coming_online_drains_the_queue(shop: Shop) -> None:
    """Story 5: all were offline over night, and nothing was assigned when they came back."""
    mei = shop.member(MEI.id)
    shop.staff.record(mei, Presence.OFFLINE, shop.clock.now())
    life = shop.open()
    assert shop.assigner().drain("complaints") == []
    shop.clock.advance(hours=9)
    shop.staff.record(mei, Presence.AVAILABLE, shop.clock.now())
    assert shop.assigner().drain("complaints") == [life.ticket.number]


def test_time_online_is_recorded_with_the_presence_that_ends_it(shop: Shop) -> None:
    mei = shop.member(MEI.id)
    shop.member(JUN.id)
    for presence, ahead in (
        (Presence.BUSY, 60),
        (Presence.AWAY, 30),
        (Presence.AVAILABLE, 15),
    ):
        shop.clock.advance(minutes=ahead)
        shop.staff.record(mei, presence, shop.clock.now())
    shop.clock.advance(minutes=5)
    end = START + timedelta(days=1)
    found = shop.staff.online([MEI.id, JUN.id, "a-nobody"], START - timedelta(hours=1), end)

    def at(minute: int) -> datetime:
        return START + timedelta(minutes=minute)

    assert found[MEI.id] == [
        Period(START, at(60), Presence.AVAILABLE),
        Period(at(60), at(90), Presence.BUSY),
        Period(at(105), None, Presence.AVAILABLE),
    ]
    assert seconds_online(found[MEI.id], shop.clock.now()) == (60 + 30 + 5) * 60
    assert found[JUN.id] == [Period(START, None, Presence.AVAILABLE)]
    assert found["a-nobody"] == []


def test_period_over_midnight_is_in_both_days(shop: Shop) -> None:
    mei = shop.member(MEI.id)
    shop.clock.advance(hours=25)
    shop.staff.record(mei, Presence.AWAY, shop.clock.now())
    midnight = START.replace(hour=0) + timedelta(days=1)
    [first] = shop.staff.online([MEI.id], midnight - timedelta(days=1), midnight)[MEI.id]
    [second] = shop.staff.online([MEI.id], midnight, midnight + timedelta(days=1))[MEI.id]
    assert (first.begin, first.end) == (START, midnight)
    assert (second.begin, second.end) == (midnight, START + timedelta(hours=25))


def test_later_beat_is_not_replaced_by_an_earlier_one(shop: Shop, duty: DutyStore) -> None:
    shop.member(MEI.id)
    duty.beat(MEI.id, START + timedelta(minutes=2))
    duty.beat(MEI.id, START + timedelta(minutes=1))
    [standing] = duty.standings([MEI.id])
    assert standing.beat == START + timedelta(minutes=2)


def test_beat_writes_nothing_that_a_reader_of_the_stream_follows(
    shop: Shop, duty: DutyStore
) -> None:
    """The follower reads changes of DUTY. A beat each minute must not start it."""
    shop.member(MEI.id)
    before = shop.item(keys.agent_pk(MEI.id), keys.AVAILABILITY)
    duty.beat(MEI.id, shop.clock.now())
    assert shop.item(keys.agent_pk(MEI.id), keys.AVAILABILITY) == before


# ------------------------------------------------------------------------------ conversations


def conversations(shop: Shop) -> tuple[int, set[str]]:
    found = shop.staff.availability(MEI.id)
    return found.live, set(found.conversations)


def staff_writes(shop: Shop, change: Change) -> list[str]:
    """The sort keys of the items of members that a change writes."""
    return [write.row.sk for write in also_written(shop.models, [(change, shop.clock.now())], None)]


def calling(shop: Shop) -> Life:
    """An agent is on the phone, and has written nothing yet but that they picked up."""
    life = shop.commit(shop.open(channel="phone").assign(MEI.id))
    return shop.commit(life.tell_progress())


def test_call_that_nobody_documents_is_over_after_two_hours(
    shop: Shop, watch: AbsenceWatch
) -> None:
    shop.member(MEI.id)
    life = calling(shop)
    shop.clock.advance(minutes=119)
    assert watch.watch(watch.watched()) == {}
    assert conversations(shop) == (100, {life.ticket.number})
    shop.clock.advance(minutes=1)
    assert watch.watch(watch.watched()) == {"ended": 1}
    assert conversations(shop) == (0, set())
    assert watch.watch(watch.watched()) == {}
    shop.commit(life.reply())
    assert conversations(shop) == (0, set())


def test_quiet_chat_is_over_and_another_goes_on(shop: Shop, watch: AbsenceWatch) -> None:
    shop.member(MEI.id)
    quiet = shop.commit(shop.open(channel="chat").assign(MEI.id))
    shop.commit(quiet.reply())
    shop.clock.advance(minutes=8)
    other = shop.commit(shop.open(channel="chat").assign(MEI.id))
    shop.commit(other.reply())
    assert conversations(shop)[0] == 68
    shop.clock.advance(minutes=2)
    assert watch.watch(watch.watched()) == {"ended": 1}
    assert conversations(shop) == (34, {other.ticket.number})


def test_conversation_that_the_version_before_did_not_end_keeps_no_work_from_its_agent(
    shop: Shop, watch: AbsenceWatch
) -> None:
    """After a rollback it wrote the reply, and did not subtract what the call took."""
    shop.member(MEI.id)
    life = calling(shop)
    change = life.reply().last
    before = replace(life.changes[-2].after, live=0)
    shop.tickets.commit(replace(change, before=before), shop.clock.now())
    assert conversations(shop) == (100, {life.ticket.number})
    shop.clock.advance(minutes=5)
    assert watch.watch(watch.watched()) == {"ended": 1}
    assert conversations(shop) == (0, set())
    assert shop.assigner().assign(shop.open(channel="phone").ticket.number) == MEI.id


def test_number_of_the_version_before_is_repaired_from_the_tickets_of_the_agent(
    shop: Shop, watch: AbsenceWatch
) -> None:
    """It stored `live` alone. One of its two conversations is over, the other one goes on."""
    shop.member(MEI.id, capacity=5)
    waiting = shop.commit(shop.open(channel="chat").assign(MEI.id))
    row = shop.staff._models.availability
    actions: list[UpdateAction] = [row.live.set(68), row.conversations.remove()]
    row(keys.agent_pk(MEI.id), keys.AVAILABILITY).update(actions=actions)
    shop.clock.advance(minutes=5)
    assert watch.watch(watch.watched()) == {"ended": 1}
    assert conversations(shop) == (34, {waiting.ticket.number})
    assert watch.watch(watch.watched()) == {}


def test_sweep_takes_no_conversation_away_that_began_after_it_had_read(shop: Shop) -> None:
    shop.member(MEI.id)
    seen = shop.staff.availability(MEI.id)
    life = shop.commit(shop.open(channel="chat").assign(MEI.id))
    assert not shop.staff.end_conversations(replace(seen, live=34), {})
    assert conversations(shop) == (34, {life.ticket.number})


def test_repeated_presence_leaves_a_call_that_came_meanwhile_with_its_agent(
    shop: Shop, presences: PresenceCases
) -> None:
    """The answer to the first request is lost, and the client repeats it."""
    mei = shop.member(MEI.id, capacity=5)
    calling(shop)
    shop.clock.advance(minutes=5)
    presences.set_presence(mei, Presence.AVAILABLE)
    assert conversations(shop) == (0, set())
    call, second = shop.open(channel="phone"), shop.open(channel="phone")
    assert shop.assigner().assign(call.ticket.number) == MEI.id
    for _ in range(2):
        shop.clock.advance(seconds=1)
        presences.set_presence(mei, Presence.AVAILABLE)
        assert conversations(shop) == (100, {call.ticket.number})
        assert shop.assigner().assign(second.ticket.number) is None
    shop.clock.advance(minutes=2)
    presences.set_presence(mei, Presence.AVAILABLE)
    assert conversations(shop) == (0, set())
    assert shop.assigner().assign(second.ticket.number) == MEI.id


def test_available_agent_ends_the_conversations_to_which_they_reacted_and_keeps_new_ones(
    shop: Shop, presences: PresenceCases
) -> None:
    mei = shop.member(MEI.id, capacity=5)
    talked = shop.commit(shop.open(channel="chat").assign(MEI.id))
    shop.commit(talked.reply())
    new = shop.commit(shop.open(channel="chat").assign(MEI.id))
    assert conversations(shop) == (68, {talked.ticket.number, new.ticket.number})
    presences.set_presence(mei, Presence.AVAILABLE)
    assert conversations(shop) == (34, {new.ticket.number})


def test_available_agent_ends_conversations_that_a_version_before_counted_without_numbers(
    shop: Shop, presences: PresenceCases
) -> None:
    mei = shop.member(MEI.id, capacity=5)
    calling(shop)
    row = shop.staff._models.availability
    row(keys.agent_pk(MEI.id), keys.AVAILABILITY).update(actions=[row.conversations.remove()])
    assert conversations(shop) == (100, set())
    presences.set_presence(mei, Presence.AVAILABLE)
    assert conversations(shop) == (0, set())


@pytest.mark.parametrize("talks", [True, False])
def test_call_that_comes_while_its_agent_sets_a_presence_is_counted(
    shop: Shop, presences: PresenceCases, monkeypatch: pytest.MonkeyPatch, *, talks: bool
) -> None:
    """The call is assigned between the read and the write of the availability."""
    mei = shop.member(MEI.id, capacity=5)
    if talks:
        shop.commit(shop.commit(shop.open(channel="chat").assign(MEI.id)).reply())
    coming = [shop.open(channel="chat").assign(MEI.id)]
    number, write = coming[0].ticket.number, shop.staff._change_presence

    def late(*given: Any) -> bool:
        while coming:
            shop.commit(coming.pop())
        return write(*given)

    monkeypatch.setattr(shop.staff, "_change_presence", late)
    shop.clock.advance(seconds=1)
    presences.set_presence(mei, Presence.AVAILABLE)
    assert conversations(shop) == (34, {number})


def test_call_of_yesterday_that_is_handed_over_keeps_no_work_from_the_colleague(
    shop: Shop, presences: PresenceCases
) -> None:
    """Its agent wrote nothing but the first word, and said that they were ready for the next."""
    mei = shop.member(MEI.id, capacity=5)
    life = calling(shop)
    shop.clock.advance(minutes=5)
    presences.set_presence(mei, Presence.AVAILABLE)
    shop.clock.advance(hours=24)
    shop.staff.record(mei, Presence.BUSY, shop.clock.now())
    shop.member(JUN.id, capacity=5)
    shop.commit(life.reassign(JUN.id))
    found = shop.staff.availability(JUN.id)
    assert (found.live, found.conversations, found.load) == (0, frozenset(), 1)
    for channel in ("email", "phone"):
        assert shop.assigner().assign(shop.open(channel=channel).ticket.number) == JUN.id


def test_chat_that_goes_on_after_a_long_pause_is_counted_again(
    shop: Shop, watch: AbsenceWatch
) -> None:
    shop.member(MEI.id, capacity=5)
    chat = shop.commit(shop.open(channel="chat").assign(MEI.id))
    shop.commit(chat.reply())
    shop.clock.advance(minutes=10)
    assert watch.watch(watch.watched()) == {"ended": 1}
    assert conversations(shop) == (0, set())
    for _ in range(2):
        shop.clock.advance(minutes=1)
        shop.commit(chat.reply())
        assert conversations(shop) == (34, {chat.ticket.number})
    assert shop.assigner().assign(shop.open(channel="phone").ticket.number) is None
    shop.clock.advance(minutes=10)
    shop.commit(chat.reply())
    assert conversations(shop) == (34, {chat.ticket.number}), "no sweep has ended it"
    shop.commit(chat.resolve())
    assert conversations(shop) == (0, set())


def test_chat_that_goes_on_beside_a_call_is_not_counted(shop: Shop, watch: AbsenceWatch) -> None:
    """Nobody is counted with more than all of their attention. The words are written anyway."""
    shop.member(MEI.id, capacity=5)
    chat = shop.commit(shop.open(channel="chat").assign(MEI.id))
    shop.commit(chat.reply())
    shop.clock.advance(minutes=10)
    assert watch.watch(watch.watched()) == {"ended": 1}
    call = calling(shop)
    shop.commit(chat.reply())
    assert conversations(shop) == (100, {call.ticket.number})
    assert shop.tickets.get(chat.ticket.number).version == chat.ticket.version
    shop.commit(call.reply())
    assert conversations(shop) == (0, set())


def test_words_in_a_conversation_without_a_long_pause_write_no_availability(shop: Shop) -> None:
    shop.member(MEI.id, capacity=5)
    chat = shop.commit(shop.open(channel="chat").assign(MEI.id))
    shop.commit(chat.reply())
    shop.clock.advance(minutes=9)
    for change in (chat.reply().last, chat.write().last):
        assert not staff_writes(shop, change)
    shop.clock.advance(minutes=10)
    assert not staff_writes(shop, chat.write().last)
    shop.clock.advance(minutes=10)
    assert staff_writes(shop, chat.reply().last) == ["DUTY"]


def test_word_to_all_customers_of_an_incident_counts_no_quiet_chat_again(
    shop: Shop, watch: AbsenceWatch
) -> None:
    shop.member(MEI.id)
    quiet = shop.commit(shop.open(channel="chat").assign(MEI.id))
    shop.commit(quiet.reply())
    shop.clock.advance(minutes=10)
    assert watch.watch(watch.watched()) == {"ended": 1}
    declare(shop)
    shop.commit(quiet.join_incident())
    shop.clock.advance(minutes=10)
    shop.commit(quiet.tell_word())
    assert conversations(shop) == (0, set())
    shop.clock.advance(minutes=10)
    shop.commit(quiet.reply())
    assert conversations(shop) == (34, {quiet.ticket.number})
