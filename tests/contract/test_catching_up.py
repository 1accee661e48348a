"""Contract of the job that mends what the version before wrote: an old table is caught up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from redress.base.errors import Unavailable
from redress.customers.cases.matching import MatchingCase
from redress.customers.store import CustomerStore
from redress.db import keys
from redress.tickets.rules.ticket import EventType
from redress.workflow.cases import catching_up
from redress.workflow.cases.catching_up import CatchUpCase
from redress.workflow.store import CatchUp, CatchUpStore
from tests.builders import START, Life
from tests.contract.conftest import Shop

NEW_KEYS = ("owner_pk", "owner_sk", "open_pk", "open_sk")


class OldShop:
    """A table with tickets as the version before wrote them, and the job of this version."""

    def __init__(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shop = shop
        monkeypatch.setattr(catching_up, "PAGE", 2)

    def job(self, now: Callable[[], datetime] | None = None) -> CatchUpCase:
        """The job in a new process."""
        shop = self.shop
        customers = MatchingCase(CustomerStore(shop.models), shop.changes)
        now = now or shop.clock.now
        return CatchUpCase(
            CatchUpStore(shop.models), shop.tickets, shop.lists, shop.plans, customers, now
        )

    def closed(self) -> Life:
        """A ticket that the version before has closed: its events list it nowhere else."""
        life = self.shop.open()
        self.shop.clock.advance(seconds=1)
        life.withdraw()
        self.shop.commit(life)
        number = life.ticket.number
        event = next(one for one in life.last.events if one.type is EventType.CLOSED)
        self.shop.client.update_item(
            TableName=self.shop.table,
            Key={"pk": {"S": keys.ticket_pk(number)}, "sk": {"S": keys.event_sk(event.number)}},
            UpdateExpression=f"REMOVE {', '.join(NEW_KEYS)}",
        )
        return life

    def listed(self) -> set[str]:
        """The tickets that the open index lists as closed in November."""
        found = [
            entry["pk"]["S"]
            for shard in range(keys.SHARDS)
            for entry in self.shop.client.query(
                TableName=self.shop.table,
                IndexName=keys.OPEN_INDEX,
                KeyConditionExpression="open_pk = :pk",
                ExpressionAttributeValues={
                    ":pk": {"S": keys.closed_pk("complaints", "2026-11", shard)}
                },
            )["Items"]
        ]
        assert len(found) == len(set(found))
        return {keys.number_of(pk) for pk in found}

    def start(self) -> None:
        """The first sweep of the new version, and the hour after it."""
        begun = self.job().run(forever)
        assert begun is not None
        assert (begun.until, begun.tickets) == (self.shop.clock.now() + timedelta(hours=1), 0)
        early = self.job().run(forever)
        assert early is not None
        assert early.tickets == 0, "functions of the version before may still run"
        self.shop.clock.advance(hours=1)


def forever() -> float:
    return 1.0


@pytest.fixture
def old(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> OldShop:
    return OldShop(shop, monkeypatch)


def test_old_table_is_caught_up_and_a_second_run_changes_nothing(old: OldShop) -> None:
    closed = {old.closed().ticket.number for _ in range(5)}
    open_now = old.shop.open().ticket.number
    assert old.listed() == set()
    old.start()
    done = old.job().run(forever)
    assert done is not None
    assert (done.tickets, done.listed, done.matched, done.left) == (6, 5, 6, 0)
    assert done.ended_at is not None
    assert old.listed() == closed
    assert old.shop.tickets.get(open_now).customer is not None
    before = old.shop.items()
    assert old.job().run(forever) is None
    assert old.shop.items() == before


def test_mending_a_ticket_twice_does_no_harm(old: OldShop) -> None:
    closed = old.closed().ticket.number
    old.start()
    old.job().run(forever)
    before = old.shop.items()
    del before[keys.CATCH_UP, keys.CATCH_UP]
    progress = CatchUpStore(old.shop.models).progress()
    assert progress is not None
    again = CatchUp(until=progress.until, month="2026-11", revision=progress.revision)
    CatchUpStore(old.shop.models).save(again)
    done = old.job().run(forever)
    assert done is not None
    assert (done.tickets, done.listed, done.matched) == (1, 0, 0)
    after = old.shop.items()
    del after[keys.CATCH_UP, keys.CATCH_UP]
    assert after == before
    assert old.listed() == {closed}


def test_job_that_is_killed_resumes_without_a_loss(old: OldShop) -> None:
    closed = {old.closed().ticket.number for _ in range(7)}
    old.start()
    progress: CatchUp | None = None
    for _ in range(100):
        steps = iter([1.0])
        progress = old.job().run(lambda steps=steps: next(steps, 0.0))  # type: ignore[misc]
        assert progress is not None
        if progress.ended_at is not None:
            break
    assert progress is not None
    assert (progress.tickets, progress.listed) == (7, 7)
    assert old.listed() == closed


def test_job_that_dies_within_a_page_repeats_the_page(
    old: OldShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = {old.closed().ticket.number for _ in range(4)}
    old.start()
    job, save, saved = old.job(), CatchUpStore.save, list[CatchUp]()

    def dies(self: CatchUpStore, progress: CatchUp) -> CatchUp | None:
        if len(saved) == 2:
            raise Unavailable()
        saved.append(progress)
        return save(self, progress)

    monkeypatch.setattr(CatchUpStore, "save", dies)
    with pytest.raises(Unavailable):
        job.run(forever)
    monkeypatch.setattr(CatchUpStore, "save", save)
    assert old.job().run(forever) is not None
    assert old.listed() == closed


def test_of_two_runs_at_once_one_goes_on(old: OldShop, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = {old.closed().ticket.number for _ in range(5)}
    old.start()
    other, once = old.job(), [True]
    mend: Any = CatchUpCase._page

    def page(self: CatchUpCase, progress: CatchUp) -> CatchUp:
        if self is not other and once:
            once.clear()
            assert other.run(forever) is not None
        found: CatchUp = mend(self, progress)
        return found

    monkeypatch.setattr(CatchUpCase, "_page", page)
    stopped = old.job().run(forever)
    assert stopped is not None
    assert stopped.tickets == 0
    assert old.listed() == closed
    assert old.job().run(forever) is None


def test_unreadable_ticket_holds_back_no_other(old: OldShop) -> None:
    broken, good = old.closed().ticket.number, old.closed().ticket.number
    closing = max(sk for pk, sk in old.shop.items() if broken in pk and sk.startswith("EVENT#"))
    old.shop.client.update_item(
        TableName=old.shop.table,
        Key={"pk": {"S": keys.ticket_pk(broken)}, "sk": {"S": closing}},
        UpdateExpression="SET doc = :doc",
        ExpressionAttributeValues={":doc": {"S": "{"}},
    )
    old.start()
    done = old.job().run(forever)
    assert done is not None
    assert (done.listed, done.left) == (1, 1)
    assert old.listed() == {good}


def test_months_are_walked_until_that_of_the_deployment(old: OldShop) -> None:
    old.closed()
    old.shop.clock.advance(days=40)
    later = old.shop.open().ticket.number
    old.start()
    done = old.job().run(forever)
    assert done is not None
    assert (done.month, done.tickets, done.listed) == ("2027-01", 2, 1)
    assert old.shop.tickets.get(later).customer is not None
    assert START.year == 2026


def test_done_job_reads_one_item_once(old: OldShop, monkeypatch: pytest.MonkeyPatch) -> None:
    old.start()
    job = old.job()
    assert job.run(forever) is not None
    assert job.run(forever) is None
    monkeypatch.setattr(CatchUpStore, "progress", None)
    assert job.run(forever) is None
