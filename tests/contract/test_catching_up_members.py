"""Contract of the job that mends members of staff whom the version before stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from redress.base.errors import Unavailable
from redress.base.people import Member, Role
from redress.db import keys
from redress.plans.rules.plan import PresencePlan
from redress.staff.cases.absence import AbsenceWatch
from redress.staff.duty.store import DutyStore
from redress.staff.rules.availability import Presence
from redress.staff.rules.routing import place_of
from redress.tickets.rules.ticket import EventType
from redress.workflow.cases import catching_up
from redress.workflow.cases.catching_up import MembersCatchUpCase
from redress.workflow.store import MembersCatchUp, MembersCatchUpStore
from tests.builders import MEI, Life
from tests.contract.conftest import Shop

NEW = "owner_pk, owner_sk, skills, is_agent, member_revision, reserve, working, duty_sk"


def forever() -> float:
    return 1.0


class OldTeam:
    """Members whose availability the version before wrote, the sweep, and the job."""

    def __init__(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shop = shop
        self.duty = DutyStore(shop.models, shop.staff)
        monkeypatch.setattr(catching_up, "PAGE", 2)

    def member(self, agent: str, presence: Presence = Presence.AVAILABLE, **fields: Any) -> Member:
        member = self.shop.member(agent, **fields)
        self.shop.staff.record(member, presence, self.shop.clock.now())
        self.age(agent)
        return member

    def age(self, agent: str) -> None:
        """Remove from an availability what the version before does not write."""
        key = {"pk": {"S": keys.agent_pk(agent)}, "sk": {"S": keys.AVAILABILITY}}
        change: dict[str, Any] = {"UpdateExpression": f"REMOVE {NEW}"}
        if "duty_pk" in self.shop.item(keys.agent_pk(agent), keys.AVAILABILITY):
            change = {
                "UpdateExpression": f"SET duty_sk = :never REMOVE {NEW.removesuffix(', duty_sk')}",
                "ExpressionAttributeValues": {":never": {"S": keys.NEVER}},
            }
        self.shop.client.update_item(TableName=self.shop.table, Key=key, **change)

    def assigned(self, agent: str) -> Life:
        life = self.shop.open()
        return self.shop.commit(life.assign(agent))

    def assignee(self, life: Life) -> str | None:
        return self.shop.tickets.get(life.ticket.number).assignee

    def watch(self) -> dict[str, int]:
        shop = self.shop
        stores = (shop.staff, self.duty, shop.lists, shop.changes, shop.plans, shop.tickets)
        watch = AbsenceWatch(*stores, shop.clock.now)
        return watch.watch(watch.watched())

    def job(self, now: Callable[[], datetime] | None = None) -> MembersCatchUpCase:
        """The job in a new process."""
        store = MembersCatchUpStore(self.shop.models)
        return MembersCatchUpCase(store, self.shop.staff, self.duty, now or self.shop.clock.now)

    def start(self) -> None:
        """The first sweep of the new version, and the hour after it."""
        assert self.job().run(forever) is not None
        early = self.job().run(forever)
        assert early is not None
        assert early.members == 0, "functions of the version before may still run"
        self.shop.clock.advance(hours=1)

    def done(self) -> MembersCatchUp:
        self.start()
        done = self.job().run(forever)
        assert done is not None
        assert done.ended_at == self.shop.clock.now()
        return done

    @property
    def presence(self) -> PresencePlan:
        return self.shop.plans.current().presence


@pytest.fixture
def old(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> OldTeam:
    return OldTeam(shop, monkeypatch)


def test_agent_available_before_the_update_who_never_calls_again_loses_their_tickets(
    old: OldTeam,
) -> None:
    old.member(MEI.id)
    life = old.assigned(MEI.id)
    old.shop.clock.advance(days=3)
    assert old.watch() == {}, "the sweep does not see them"
    old.done()
    assert old.watch() == {}
    assert old.assignee(life) == MEI.id, "they may be at work, with an earlier client"
    old.shop.clock.advance(seconds=old.presence.unbeaten_after_s)
    assert old.watch()["offline"] == 1
    assert old.shop.staff.availability(MEI.id).presence is Presence.OFFLINE
    old.shop.clock.advance(seconds=old.presence.grace_s + old.presence.expected_back_s)
    old.watch()
    assert old.assignee(life) is None
    assert old.shop.tickets.history(life.ticket.number)[-1].type is EventType.QUEUED
    assert old.shop.staff.present("complaints", 10) == []


def test_agent_who_went_away_before_the_update_with_tickets_loses_what_cannot_wait(
    old: OldTeam,
) -> None:
    mei = old.shop.member(MEI.id)
    life = old.assigned(MEI.id)
    old.shop.staff.record(mei, Presence.AWAY, old.shop.clock.now())
    old.age(MEI.id)
    old.shop.clock.advance(days=1)
    assert old.watch() == {}
    old.done()
    assert old.watch() == {"released": 1}
    assert old.assignee(life) is None


def test_agent_whose_client_beats_since_the_update_stays_online_with_their_tickets(
    old: OldTeam,
) -> None:
    old.member(MEI.id)
    life = old.assigned(MEI.id)
    old.shop.clock.advance(days=3)
    old.done()
    beat_s = old.presence.beat_s
    for _ in range(3):
        old.shop.clock.advance(seconds=beat_s)
        old.duty.beat(MEI.id, old.shop.clock.now())
    assert old.watch() == {}
    assert old.assignee(life) == MEI.id
    old.shop.clock.advance(seconds=old.presence.gone_after_s)
    assert old.watch()["offline"] == 1


def test_availabilities_of_the_version_before_get_skills_and_a_place_in_the_ring(
    old: OldTeam,
) -> None:
    old.member("a-skilled", skills={"refunds": 2}, reserve=True)
    old.member("a-away", Presence.AWAY, skills={"refunds": 1})
    old.member("s-wu", role=Role.SUPERVISOR)
    assert old.shop.staff.availability("a-skilled").skills == {}
    done = old.done()
    assert (done.members, done.mended) == (3, 3)
    found = old.shop.staff.availabilities(["a-skilled", "a-away", "s-wu"])
    assert (found["a-skilled"].skills, found["a-skilled"].reserve) == ({"refunds": 2}, True)
    assert found["a-away"].skills == {"refunds": 1}
    assert [found[one].is_agent for one in ("a-skilled", "a-away", "s-wu")] == [True, True, False]
    item = old.shop.item(keys.agent_pk("a-skilled"), keys.AVAILABILITY)
    assert item["duty_sk"] == {"S": place_of("a-skilled")}
    assert [one.agent for one in old.shop.staff.present("complaints", 10)] == ["a-skilled"]
    assert "duty_pk" not in old.shop.item(keys.agent_pk("a-away"), keys.AVAILABILITY)
    assert "owner_pk" not in old.shop.item(keys.agent_pk("a-away"), keys.AVAILABILITY), (
        "nobody needs to look at who is away without tickets"
    )


def test_presence_of_this_version_is_left_as_it_is(old: OldTeam) -> None:
    old.shop.member("a-new", skills={"refunds": 3})
    old.shop.member("a-gone")
    old.shop.staff.record(old.shop.member("a-gone"), Presence.OFFLINE, old.shop.clock.now())
    before = old.shop.items()
    done = old.done()
    assert (done.members, done.mended) == (2, 0)
    after = old.shop.items()
    del after[keys.CATCH_UP, keys.MEMBERS_CATCH_UP]
    assert after == before


def test_members_are_read_by_pages_and_a_killed_job_resumes(
    old: OldTeam, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = [f"a-{number}" for number in range(5)]
    for agent in agents:
        old.member(agent)
    old.start()
    steps = iter([1.0])
    first = old.job().run(lambda: next(steps, 0.0))
    assert first is not None
    assert (first.members, first.ended_at) == (2, None)
    save = MembersCatchUpStore.save

    def dies(self: MembersCatchUpStore, progress: MembersCatchUp) -> MembersCatchUp | None:
        raise Unavailable()

    monkeypatch.setattr(MembersCatchUpStore, "save", dies)
    with pytest.raises(Unavailable):
        old.job().run(forever)
    monkeypatch.setattr(MembersCatchUpStore, "save", save)
    done = old.job().run(forever)
    assert done is not None
    assert (done.members, done.ended_at is not None) == (5, True)
    assert set(old.duty.watched()) == set(agents)


def test_member_who_cannot_be_read_is_counted_and_stops_nobody_else(
    old: OldTeam, capsys: pytest.CaptureFixture[str]
) -> None:
    for agent in ("a-1", "a-2", "a-3"):
        old.member(agent, skills={"refunds": 2})
    key = {"pk": {"S": keys.STAFF}, "sk": {"S": keys.agent_pk("a-2")}}
    old.shop.client.update_item(
        TableName=old.shop.table,
        Key=key,
        UpdateExpression="SET #doc = :damaged",
        ExpressionAttributeNames={"#doc": "doc"},
        ExpressionAttributeValues={":damaged": {"S": "damaged"}},
    )
    done = old.done()
    assert (done.members, done.mended, done.left) == (3, 2, 1)
    assert '"sk":"AGENT#a-2"' in capsys.readouterr().out
    found = old.shop.staff.availabilities(["a-1", "a-2", "a-3"])
    assert [found[one].skills for one in ("a-1", "a-2", "a-3")] == [
        {"refunds": 2},
        {},
        {"refunds": 2},
    ]


def test_done_job_for_members_reads_one_item_once(
    old: OldTeam, monkeypatch: pytest.MonkeyPatch
) -> None:
    old.member(MEI.id)
    old.done()
    monkeypatch.setattr(DutyStore, "catch_up", None)
    job = old.job()
    assert job.run(forever) is None
    monkeypatch.setattr(MembersCatchUpStore, "progress", None)
    assert job.run(forever) is None


def test_presence_that_is_set_while_the_job_runs_is_not_overwritten(
    old: OldTeam, monkeypatch: pytest.MonkeyPatch
) -> None:
    mei = old.member(MEI.id, skills={"refunds": 2})
    old.start()
    copy = old.shop.staff.copy_member

    def races(member: Member, seen: Any) -> bool:
        old.shop.staff.set_presence(mei, Presence.BUSY, old.shop.clock.now())
        return copy(member, seen)

    monkeypatch.setattr(old.shop.staff, "copy_member", races)
    done = old.job().run(forever)
    assert done is not None
    assert done.mended == 0
    found = old.shop.staff.availability(MEI.id)
    assert (found.presence, found.skills) == (Presence.BUSY, {"refunds": 2})
