"""Contract of members of staff, their availability, and published plans."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from copy import replace
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from pynamodb.expressions.update import Action as UpdateAction

from bench import units
from redress.base.errors import InvalidInput, NotFound, Unreadable
from redress.base.people import Member, Role
from redress.db import keys
from redress.plans.store.plans import FRESH_FOR_S, LARGEST_DOCUMENT, Plans, PlanSource, Published
from redress.staff.rules.availability import Presence
from redress.staff.rules.routing import place_of
from tests.builders import MEI, plan_document
from tests.contract.conftest import Faults, Shop


def test_a_new_member_is_stored_as_available_without_load(shop: Shop) -> None:
    member = shop.member(MEI.id, languages=("zh-CN", "en"))
    assert shop.staff.member(MEI.id) == member
    availability = shop.staff.availability(MEI.id)
    assert (availability.agent, availability.team, availability.languages) == (
        MEI.id,
        "complaints",
        ("zh-CN", "en"),
    )
    assert (availability.presence, availability.capacity, availability.load) == (
        Presence.AVAILABLE,
        2,
        0,
    )
    assert availability.last_assigned == keys.NEVER
    assert shop.staff.present("complaints", 100) == [availability]
    assert shop.staff.present("service", 100) == []


def test_setting_presence_again_keeps_load_and_last_assignment(shop: Shop) -> None:
    member = shop.member(MEI.id)
    life = shop.open()
    shop.clock.advance(seconds=5)
    shop.commit(life.assign(MEI.id))
    before = shop.staff.availability(MEI.id)
    shop.clock.advance(hours=1)
    shop.staff.record(member, Presence.AWAY, shop.clock.now())
    assert shop.staff.present("complaints", 100) == []
    back = shop.staff.record(member, Presence.AVAILABLE, shop.clock.now())
    assert (back.load, back.last_assigned) == (1, before.last_assigned)
    assert back.since > before.since
    assert shop.staff.present("complaints", 100) == [back]


def test_an_agents_capacity_languages_and_team_can_change(shop: Shop) -> None:
    shop.member(MEI.id)
    shop.member(MEI.id, capacity=7, team="service", languages=("zh-TW",))
    availability = shop.staff.availability(MEI.id)
    assert (availability.capacity, availability.team, availability.languages) == (
        7,
        "service",
        ("zh-TW",),
    )
    assert shop.staff.present("complaints", 100) == []
    assert shop.staff.present("service", 100) == [availability]
    assert [member.team for member in shop.staff.members()] == ["service"]


def test_skills_and_reserve_of_a_member_are_copied_to_their_availability(shop: Shop) -> None:
    shop.member(MEI.id, skills={"kettles": 4, "tea": 1}, reserve=True)
    found = shop.staff.availability(MEI.id)
    assert (found.skills, found.reserve, found.live) == ({"kettles": 4, "tea": 1}, True, 0)
    shop.member(MEI.id)
    found = shop.staff.availability(MEI.id)
    assert (found.skills, found.reserve) == ({}, False)


def test_availability_that_an_earlier_version_stored_has_no_skills_and_no_shifts(
    shop: Shop,
) -> None:
    shop.member(MEI.id)
    row = shop.staff._models.availability
    actions: list[UpdateAction] = [row.skills.remove(), row.reserve.remove()]
    row(keys.agent_pk(MEI.id), keys.AVAILABILITY).update(actions=actions)
    found = shop.staff.availability(MEI.id)
    assert (found.skills, found.reserve, found.live, found.working) == ({}, False, 0, None)


def test_working_intervals_are_read_as_begin_and_end(shop: Shop) -> None:
    shop.member(MEI.id)
    row = shop.staff._models.availability
    begin, end = "2026-11-23T01:00:00.000+00:00", "2026-11-23T05:00:00.000+00:00"
    for stored, read in (([f"{begin}/{end}"], ((begin, end),)), ([], ())):
        actions: list[UpdateAction] = [row.working.set(list[Any](stored))]
        row(keys.agent_pk(MEI.id), keys.AVAILABILITY).update(actions=actions)
        assert shop.staff.availability(MEI.id).working == read


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.MANAGER])
def test_supervisors_and_managers_are_stored_but_not_offered_tickets(
    shop: Shop, role: Role
) -> None:
    shop.member("s-lin", role=role)
    assert shop.staff.present("complaints", 100) == []
    assert shop.staff.member("s-lin").role is role


def test_assignment_does_not_move_an_agent_in_the_ring(shop: Shop) -> None:
    """The index is not written at each assignment, which saves two write units."""
    shop.member(MEI.id)
    place = shop.item(keys.agent_pk(MEI.id), keys.AVAILABILITY)["duty_sk"]["S"]
    shop.clock.advance(seconds=1)
    shop.commit(shop.open().assign(MEI.id))
    after = shop.item(keys.agent_pk(MEI.id), keys.AVAILABILITY)
    assert after["duty_sk"]["S"] == place == place_of(MEI.id)
    assert after["last_assigned"]["S"] != keys.NEVER


def ring(shop: Shop, start: str) -> list[list[str]]:
    return [[one.agent for one in page.agents] for page in shop.staff.ring("complaints", start)]


def test_ring_is_read_round_in_pages_and_never_more_than_a_hundred(shop: Shop) -> None:
    for place in range(103):
        shop.member(f"a-{place}")
    order = sorted((f"a-{place}" for place in range(103)), key=place_of)
    pages = ring(shop, place_of(order[90]))
    assert [len(page) for page in pages] == [20] * 5
    assert [one for page in pages for one in page] == [*order[90:], *order[:87]]
    mores = [page.more for page in shop.staff.ring("complaints", place_of(order[90]))]
    assert mores == [True] * 5


def test_ring_of_a_small_team_is_one_page_wherever_it_begins(shop: Shop) -> None:
    for place in range(7):
        shop.member(f"a-{place}")
    for start in ("0" * 16, "8" * 16, "f" * 16):
        [page] = shop.staff.ring("complaints", start)
        assert sorted(one.agent for one in page.agents) == [f"a-{place}" for place in range(7)]
        assert not page.more
    assert ring(shop, "0" * 16) == ring(shop, "f" * 16)


@pytest.mark.parametrize("count", [20, 21, 40, 41, 100])
def test_every_agent_of_a_team_up_to_a_hundred_is_read_once(shop: Shop, count: int) -> None:
    for place in range(count):
        shop.member(f"a-{place}")
    pages = list(shop.staff.ring("complaints", "8" * 16))
    found = [one.agent for page in pages for one in page.agents]
    assert sorted(found) == sorted({f"a-{place}" for place in range(count)})
    assert not pages[-1].more


def test_full_agent_leaves_the_ring_and_comes_back_with_room(shop: Shop) -> None:
    shop.member(MEI.id, capacity=1)
    assert not shop.staff.withdraw(shop.staff.availability(MEI.id)), "they have room"
    life = shop.commit(shop.open().assign(MEI.id))
    assert shop.staff.withdraw(shop.staff.availability(MEI.id))
    assert ring(shop, "0" * 16) in ([], [[]])
    assert not shop.staff.put_back("complaints", MEI.id), "they are full"
    shop.commit(life.reassign(None))
    assert not shop.staff.put_back("service", MEI.id)
    assert shop.staff.put_back("complaints", MEI.id)
    assert not shop.staff.put_back("complaints", MEI.id), "they are back already"
    assert ring(shop, "0" * 16) == [[MEI.id]]


def test_agent_who_went_away_is_not_put_back(shop: Shop) -> None:
    member = shop.member(MEI.id, capacity=1)
    life = shop.commit(shop.open().assign(MEI.id))
    shop.staff.withdraw(shop.staff.availability(MEI.id))
    shop.staff.record(member, Presence.AWAY, shop.clock.now())
    shop.commit(life.reassign(None))
    assert not shop.staff.put_back("complaints", MEI.id)


def test_an_unknown_member_is_not_found(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.staff.member("a-nobody")
    with pytest.raises(NotFound):
        shop.staff.availability("a-nobody")
    assert shop.staff.members() == []


def test_setting_presence_does_not_lose_a_simultaneous_assignment(amazons: Shop) -> None:
    member = amazons.member(MEI.id, capacity=50)
    lives = [amazons.open().assign(MEI.id) for _ in range(8)]
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            amazons.staff.record(member, Presence.AVAILABLE, amazons.clock.now())

    coming = threading.Thread(target=come_and_go)
    coming.start()
    try:
        for life in lives:
            amazons.commit(life)
    finally:
        done.set()
        coming.join()
    assert amazons.staff.availability(MEI.id).load == len(lives)


# -------------------------------------------------------------------------------- plans


def document(version: int, **changes: Any) -> dict[str, Any]:
    return {**plan_document(), "version": version, **changes}


def test_plan_1_is_in_force_before_any_plan_is_published(shop: Shop) -> None:
    assert shop.plans.current().version == 1
    assert shop.plans.get(1).version == 1
    assert shop.plans.current_document() == plan_document()
    assert shop.items() == {}


def test_both_stores_read_a_published_plan(shop: Shop) -> None:
    shop.plan_store.publish(document(2, note="Faster"), 2, 1)
    for source in (shop.plan_store, shop.intake_store):
        plans = Plans(source, shop.clock.now)
        assert (plans.current().version, plans.current().note) == (2, "Faster")
        assert plans.get(2).note == "Faster"
        assert plans.get(1).version == 1, "tickets keep the version that they began under"
        assert plans.current_document() == document(2, note="Faster")


def test_plan_versions_are_consecutive_and_never_overwritten(shop: Shop) -> None:
    shop.plan_store.publish(document(2), 2, 1)
    shop.plan_store.publish(document(3), 3, 2)
    before = shop.items()
    for version, current in ((3, 2), (2, 1), (4, 2), (3, 3), (5, 1)):
        with pytest.raises(InvalidInput) as refused:
            shop.plan_store.publish(document(version, note="late"), version, current)
        assert [fault.code for fault in refused.value.faults] == ["published_meanwhile"]
    assert shop.items() == before


def test_the_publisher_of_a_version_is_stored(shop: Shop) -> None:
    now = shop.clock.now()
    second = Published(2, "Faster", None, date(2027, 5, 23), now, "m-wei")
    fourth = Published(4, "Night", now + timedelta(days=1), date(2027, 5, 24), now, "m-hua")
    shop.plan_store.publish(document(2), 2, 1, second)
    shop.plan_store.publish(document(3), 3, 2)
    shop.plan_store.publish(document(4), 4, 3, fourth)
    assert shop.plan_store.between(1, 3) == {2: second}
    assert shop.plan_store.between(2, 99_999) == {2: second, 4: fourth}
    with pytest.raises(InvalidInput):
        shop.plan_store.publish(document(4), 4, 3, replace(fourth, by="m-late"))
    assert shop.plan_store.between(4, 4) == {4: fourth}


def test_only_one_of_several_simultaneous_publications_succeeds(amazons: Shop) -> None:
    ready = threading.Barrier(4)
    results: list[str] = []

    def publish(note: str) -> None:
        ready.wait()
        try:
            amazons.plan_store.publish(document(2, note=note), 2, 1)
            results.append(note)
        except InvalidInput:
            results.append("refused")

    threads = [threading.Thread(target=publish, args=(f"by {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count("refused") == 3
    [winner] = set(results) - {"refused"}
    plans = Plans(amazons.plan_store, amazons.clock.now)
    assert plans.current().note == plans.get(2).note == winner


def test_the_largest_document_fits_into_an_item(shop: Shop) -> None:
    largest = document(2, sources={"text": ""})
    room = LARGEST_DOCUMENT - len(msgspec.json.encode(largest))
    largest["sources"]["text"] = "x" * room
    shop.plan_store.publish(largest, 2, 1)
    assert Plans(shop.intake_store, shop.clock.now).document(2) == largest


def test_a_conflict_while_publishing_is_retried(shop: Shop, failing: Callable[..., Faults]) -> None:
    failing(shop.pynamodb_client, "TransactWriteItems", ["TransactionConflict", None])
    shop.plan_store.publish(document(2), 2, 1)
    assert Plans(shop.plan_store, shop.clock.now).current().version == 2


def test_a_version_that_somebody_names_may_be_unpublished(shop: Shop) -> None:
    with pytest.raises(LookupError):
        shop.plans.published(7)


def test_a_ticket_of_an_unpublished_version_is_unreadable(shop: Shop) -> None:
    with pytest.raises(Unreadable):
        shop.plans.get(7)


def test_a_function_uses_a_new_plan_within_seconds_and_reads_it_once(
    shop: Shop, failing: Callable[..., Faults]
) -> None:
    moment = [0.0]
    plans = Plans(shop.plan_store, shop.clock.now, lambda: moment[0])
    assert plans.current().version == 1
    shop.plan_store.publish(document(2), 2, 1)
    assert plans.current().version == 1
    moment[0] += FRESH_FOR_S + 0.1
    assert plans.current().version == 2
    reads = failing(shop.pynamodb_client, "GetItem")
    plans.get(2)
    plans.get(2)
    plans.current()
    assert reads.calls == 0


class Counted:
    """A source of plans that counts the read units of each read."""

    def __init__(self, shop: Shop, source: PlanSource, *, consistent: bool) -> None:
        self._shop, self._source, self._consistent = shop, source, consistent
        self._units = 0.0

    def plan_document(self, sort: str) -> str | None:
        item = self._shop.items().get((keys.PLAN, sort))
        self._units += units.read_units([item], consistent=self._consistent, together=False)
        return self._source.plan_document(sort)

    def taken(self) -> float:
        """Return the units since the last call."""
        found, self._units = self._units, 0.0
        return found


@pytest.mark.parametrize("lean", [False, True])
def test_a_process_reads_each_published_plan_once_and_then_only_whether_another_follows(
    shop: Shop, lean: bool
) -> None:
    moment = [0.0]
    whole = 48 * (0.5 if lean else 1.0)
    look = 0.5 if lean else 1.0
    source = shop.intake_store if lean else shop.plan_store
    counted = Counted(shop, source, consistent=not lean)
    plans = Plans(counted, shop.clock.now, lambda: moment[0])
    shop.plan_store.publish(document(2), 2, 1)
    assert (plans.current().version, plans.get(2).version) == (2, 2)
    assert counted.taken() == pytest.approx(whole, abs=2)
    for _ in range(3):
        moment[0] += FRESH_FOR_S + 0.1
        assert plans.current().version == 2
        assert counted.taken() == look
    shop.plan_store.publish(document(3), 3, 2)
    moment[0] += FRESH_FOR_S + 0.1
    assert (plans.current().version, plans.get(3).version) == (3, 3)
    assert counted.taken() == pytest.approx(whole + look, abs=2)
    moment[0] += FRESH_FOR_S + 0.1
    assert plans.current().version == 3
    assert counted.taken() == look


def test_a_plan_that_the_version_before_published_is_used_by_a_process_that_knew_the_one_before(
    shop: Shop,
) -> None:
    moment = [0.0]
    plans = Plans(shop.plan_store, shop.clock.now, lambda: moment[0])
    shop.plan_store.publish(document(2), 2, 1)
    assert plans.current().version == 2
    # A publish by the version before writes two items: the plan's version, and CURRENT.
    for sk in (keys.plan_sk(3), keys.CURRENT):
        item = shop.item(keys.PLAN, keys.CURRENT)
        doc = {"S": json.dumps(document(3, note="Before"))}
        item |= {"sk": {"S": sk}, "doc": doc, "revision": {"N": "3"}}
        shop.client.put_item(TableName=shop.table, Item=item)
    moment[0] += FRESH_FOR_S + 0.1
    assert (plans.current().version, plans.current().note) == (3, "Before")
    shop.plan_store.publish(document(4), 4, 3)
    current = json.loads(shop.item(keys.PLAN, keys.CURRENT)["doc"]["S"])
    assert current["version"] == 4, "the version before reads this item"


def test_a_plan_is_in_force_from_its_effective_time_on(shop: Shop) -> None:
    moment = [0.0]
    plans = Plans(shop.plan_store, shop.clock.now, lambda: moment[0])
    tomorrow = shop.clock.now() + timedelta(days=1)
    shop.plan_store.publish(document(2), 2, 1)
    shop.plan_store.publish(document(3, effective_from=tomorrow.isoformat()), 3, 2)
    assert (plans.latest().version, plans.current().version) == (3, 2)
    assert plans.current_document()["version"] == 2
    shop.clock.advance(days=1)
    assert plans.current().version == 3


def test_an_unchanged_plan_is_parsed_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [0.0]
    plans = Plans(shop.plan_store, shop.clock.now, lambda: moment[0])
    shop.plan_store.publish(document(2), 2, 1)
    before = plans.current()
    moment[0] += FRESH_FOR_S + 0.1
    assert plans.current() is before


def test_a_member_is_stored_unchanged(shop: Shop) -> None:
    member = Member("a-李", "李娜", "li@例子.中国", Role.AGENT, "complaints", ("zh-TW",), 3)
    shop.staff.record(member, Presence.AWAY, shop.clock.now())
    assert shop.staff.member("a-李") == member
