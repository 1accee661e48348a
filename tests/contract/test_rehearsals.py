"""Contract of rehearsals: tickets by month, ticket files, and the progress of a job."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redress.base.errors import NotFound
from redress.db import keys
from redress.rehearsals.rules.counting import Counts
from redress.rehearsals.store import (
    JobPart,
    JobState,
    PartRaced,
    RehearsalJob,
    RehearsalStore,
)
from redress.tickets.rules.numbers import new_number
from redress.tickets.store import items
from redress.tickets.store.lists import Page, TicketLists
from tests.builders import BY_PHONE, MEI, START, Life, rehearsal_job
from tests.contract.conftest import Faults, Shop, opening

DAY = timedelta(days=1)
SHARDS = range(keys.SHARDS)


def everything(page: Callable[[int, str | None], Page]) -> list[str]:
    """The numbers of all pages of all shards."""
    found: list[str] = []
    for shard in SHARDS:
        cursor: str | None = None
        while True:
            here = page(shard, cursor)
            found += here.numbers
            cursor = here.cursor
            if cursor is None:
                break
    return found


def opened(tickets: TicketLists, start: datetime, end: datetime, limit: int = 2) -> list[str]:
    return everything(lambda shard, cursor: tickets.opened_page(start, end, shard, limit, cursor))


# ------------------------------------------------------------------------- listing tickets


def test_a_ticket_stays_listed_in_the_month_of_its_opening(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open(contact=BY_PHONE)
    number = life.ticket.number
    month = (START, START + DAY)
    assert opened(shop.lists, *month) == [number]
    shop.commit(life.assign(MEI.id))
    shop.commit(life.resolve())
    shop.commit(life.call("confirmed"))
    assert opened(shop.lists, *month) == [number]
    assert shop.lists.open_in_team("complaints") == [number]
    shop.commit(life.answer_survey())
    assert opened(shop.lists, *month) == [number]
    assert shop.lists.open_in_team("complaints") == []
    first = shop.item(keys.ticket_pk(number), keys.event_sk(1))
    assert first["open_pk"]["S"] == f"OPENED#2026-11#{keys.shard(number)}"
    assert first["open_sk"]["S"] == f"2026-11-23T01:00:00.000+00:00#{number}"


def test_lists_of_open_tickets_contain_only_open_ones(shop: Shop) -> None:
    """The same index also lists all tickets by month, but in other partitions."""
    lives = [shop.open() for _ in range(5)]
    shop.commit(lives[0].withdraw())
    shop.commit(lives[1].reclassify("inquiry"))
    wanted = sorted(life.ticket.number for life in lives[2:])
    assert sorted(shop.lists.open_in_team("complaints")) == wanted
    pages = everything(lambda s, cursor: shop.lists.open_in_shard("complaints", s, cursor, 1))
    assert sorted(pages) == wanted
    assert sum(shop.lists.count_open("complaints", shard) for shard in SHARDS) == 3
    assert sum(shop.lists.count_open("service", shard) for shard in SHARDS) == 1
    assert len(opened(shop.lists, START, START + DAY)) == 5


def test_open_and_queued_tickets_are_counted_up_to_a_bound(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = [shop.open() for _ in range(9)]
    shop.member(MEI.id)
    shop.commit(lives[0].assign(MEI.id))

    def counted(most: int, due_before: datetime | None = None) -> list[int]:
        count = shop.lists.count_open_up_to
        return [count(most, "complaints", shard, due_before) for shard in SHARDS]

    by_shard = [sum(keys.shard(one.ticket.number) == s for one in lives) for s in SHARDS]
    assert counted(100) == by_shard
    assert counted(2) == [min(2, number) for number in by_shard]
    assert sum(counted(100, START)) == 0
    assert counted(100, START + 10 * DAY) == by_shard
    queued = [shop.lists.count_queued_up_to(100, "complaints", shard) for shard in SHARDS]
    assert sum(queued) == 8
    # A page of an index has up to 1 MB. Here each page has one entry.
    query, limits = shop.models.connection.query, list[int]()

    def small(*given: Any, limit: int, **named: Any) -> Any:
        limits.append(limit)
        return query(*given, limit=min(1, limit), **named)

    monkeypatch.setattr(shop.models.connection, "query", small)
    assert counted(3) == [min(3, number) for number in by_shard]
    assert max(limits) == 3


def test_the_intakes_store_lists_a_ticket_in_its_month_too(shop: Shop) -> None:
    change = opening(START)
    shop.intake_store.open(change, "a key", "a print", "an answer")
    assert opened(shop.lists, START, START + DAY) == [change.after.number]


def test_a_period_includes_its_start_and_excludes_its_end(shop: Shop) -> None:
    numbers = []
    for _ in range(4):
        numbers.append(shop.open().ticket.number)
        shop.clock.advance(hours=1)
    hour = timedelta(hours=1)
    assert opened(shop.lists, START + hour, START + 3 * hour) == sorted(
        numbers[1:3], key=lambda number: (keys.shard(number), numbers.index(number))
    )
    counts = [shop.lists.count_opened(START + hour, START + 3 * hour, s) for s in SHARDS]
    assert sum(counts) == 2


def test_months_are_in_utc_and_end_before_the_first_instant_of_the_next(shop: Shop) -> None:
    shop.clock.moment = datetime(2026, 11, 30, 23, 59, 59, 999_000, tzinfo=UTC)
    last = shop.open().ticket.number
    shop.clock.moment = datetime(2026, 12, 1, tzinfo=UTC)
    first = shop.open().ticket.number
    november = (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    assert opened(shop.lists, *november) == [last]
    december = (november[1], datetime(2027, 1, 1, tzinfo=UTC))
    assert opened(shop.lists, *december) == [first]


# ------------------------------------------------------------------------- a ticket's file


def test_snapshot_history_and_mail_records_are_read_together(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.mail_records.claim(life.ticket.number, "000001.acknowledgement", START, DAY)
    shop.commit(life.assign(MEI.id))
    shop.commit(life.wait(hours=13).wake())
    number = life.ticket.number
    file = shop.tickets.file(number)
    assert (file.ticket, file.history) == (life.ticket, life.events)
    assert file.mails == shop.mail_records.of_ticket(number) != []


def test_the_file_of_an_unknown_ticket_is_not_found(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.tickets.file(new_number())


@pytest.mark.parametrize("behind", [False, True])
def test_a_read_during_a_change_is_repeated(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, behind: bool
) -> None:
    life = shop.open()
    model, query = shop.models.file, shop.models.file.query
    torn = [True]

    def tear(*given: Any, **options: Any) -> list[Any]:
        rows = list(query(*given, **options))
        if torn:
            assert options["consistent_read"] is not behind
            torn.pop()
            return [row for row in rows if not row.sk.startswith(keys.EVENT_PREFIX)]
        assert options["consistent_read"], "the repeated read must be consistent"
        return rows

    monkeypatch.setattr(model, "query", tear)
    file = shop.tickets.file(life.ticket.number, behind=behind)
    assert (file.ticket, file.history) == (life.ticket, life.events)
    assert not torn


# ------------------------------------------------------------------------- progress of a job


def job(**fields: Any) -> RehearsalJob:
    """A rehearsal of the 30 days before START."""
    thirty_days = {"period": ("2026-10", "2026-11"), "start": START - 30 * DAY, "end": START}
    return rehearsal_job(**(thirty_days | fields))


@pytest.fixture
def rehearsals(shop: Shop) -> RehearsalStore:
    return RehearsalStore(shop.models)


def counted(number: str = "R-1") -> Counts:
    counts = Counts()
    counts.group("complaint", "complaints").exemplify("changed", number)
    return counts


def test_a_job_is_stored_once_with_its_draft(rehearsals: RehearsalStore) -> None:
    assert rehearsals.begin(job(), {"version": 2}, START)
    assert not rehearsals.begin(job(fingerprint="another"), {"version": 3}, START)
    kept, progress = rehearsals.job(job().id)
    assert kept == job()
    assert (progress.state, progress.listed, progress.done) == (JobState.WAITING, 0, 0)
    assert rehearsals.draft(job().id) == {"version": 2}
    with pytest.raises(NotFound):
        rehearsals.job("another")
    with pytest.raises(NotFound):
        rehearsals.draft("another")


def test_a_part_is_saved_with_the_progress_of_its_job(rehearsals: RehearsalStore) -> None:
    rehearsals.begin(job(), None, START)
    rehearsals.listed(job().id, 2, 500, START)
    part = rehearsals.part(job().id, "a#0")
    assert part == JobPart()
    part.cursor, part.counts = "2026#R-1", counted()
    rehearsals.save_part(job().id, "a#0", part, 250, START + DAY)
    assert rehearsals.part(job().id, "a#0") == part
    part.finished, part.cursor = True, None
    rehearsals.save_part(job().id, "a#0", part, 100, START + DAY)
    rehearsals.save_part(job().id, "a#1", JobPart(finished=True, counts=counted("R-2")), 150, START)
    _, progress = rehearsals.job(job().id)
    assert (progress.state, progress.parts) == (JobState.RUNNING, 2)
    assert (progress.done, progress.listed) == (500, 500)
    whole = Counts()
    for found in rehearsals.parts(job().id):
        assert found.finished
        whole.include(found.counts)
    assert whole.counts == {"complaint|complaints||changed": 2}
    assert whole.examples == {"complaint|complaints||changed": ["R-1", "R-2"]}


@pytest.mark.parametrize("revision", [0, 1])
def test_a_part_that_was_processed_twice_is_counted_once(
    rehearsals: RehearsalStore, revision: int
) -> None:
    rehearsals.begin(job(), None, START)
    for _ in range(revision):
        rehearsals.save_part(job().id, "a#0", rehearsals.part(job().id, "a#0"), 10, START)
    one, other = (rehearsals.part(job().id, "a#0") for _ in range(2))
    rehearsals.save_part(job().id, "a#0", one, 25, START)
    with pytest.raises(PartRaced):
        rehearsals.save_part(job().id, "a#0", other, 25, START)
    assert rehearsals.job(job().id)[1].done == 25 + 10 * revision


def test_a_conflict_while_saving_a_part_is_retried(
    rehearsals: RehearsalStore, shop: Shop, failing: Callable[..., Faults]
) -> None:
    """All parts update the item of the job. Such a conflict is retried; it is not a lost race."""
    rehearsals.begin(job(), None, START)
    conflict = [None, "TransactionConflict"]
    failing(shop.models.connection.client, "TransactWriteItems", conflict, conflict)
    rehearsals.save_part(job().id, "a#0", JobPart(), 25, START)
    assert rehearsals.job(job().id)[1].done == 25


def test_the_result_is_written_with_the_state_of_the_job(rehearsals: RehearsalStore) -> None:
    rehearsals.begin(job(), None, START)
    with pytest.raises(NotFound):
        rehearsals.result(job().id)
    rehearsals.conclude(job().id, counted(), START + DAY)
    assert rehearsals.result(job().id) == counted()
    _, progress = rehearsals.job(job().id)
    assert (progress.state, progress.updated_at) == (JobState.DONE, START + DAY)


def test_a_job_that_is_done_stays_done(rehearsals: RehearsalStore) -> None:
    rehearsals.begin(job(), None, START)
    rehearsals.fail(job().id, "Unavailable", START)
    assert rehearsals.job(job().id)[1].fault == "Unavailable"
    rehearsals.conclude(job().id, counted(), START)
    rehearsals.fail(job().id, "States.Timeout", START)
    rehearsals.listed(job().id, 1, 1, START)
    _, progress = rehearsals.job(job().id)
    assert (progress.state, progress.fault, progress.parts) == (JobState.DONE, None, 0)


def test_a_large_set_of_counts_fits_into_an_item(rehearsals: RehearsalStore, shop: Shop) -> None:
    """Sixty pairs of kind and team, each with all promises and widely spread values."""
    rehearsals.begin(job(), None, START)
    counts = Counts()
    for index in range(60):
        group = counts.group("service_request", f"a-team-with-a-long-name-{index}")
        for clock in ("first_response", "next_reply", "update", "resolution", "callback"):
            for step in range(24):
                seconds = 97 * index + 60 * 2**step
                group.moved(clock, START, START + timedelta(seconds=seconds % (400 * 86_400)))
                group.moved(clock, START, START - timedelta(seconds=seconds % (400 * 86_400)))
            for one in ("kept", "missed", "open", "void"):
                for side in ("real", "draft"):
                    group.count(f"{one}.{side}", clock, by=7919 * index + len(clock))
                for other in ("kept", "missed", "open", "void"):
                    for _ in range(6):
                        group.exemplify(f"turned.{one}.{other}", new_number(), clock)
            for action in ("remind", "breach", "escalate"):
                for role in ("", "agent", "supervisor", "manager"):
                    group.count(f"rung.{action}.{role}.real", clock, by=index + 31)
                    group.count(f"rung.{action}.{role}.draft", clock, by=index + 37)
    rehearsals.save_part(job().id, "a#0", JobPart(counts=counts), 0, START)
    assert rehearsals.part(job().id, "a#0").counts == counts
    item = shop.item(keys.rehearsal_pk(job().id), keys.part_sk("a#0"))
    assert len(item["doc"]["S"]) < 350_000


def test_only_the_first_event_lists_a_ticket_in_its_month() -> None:
    life = Life().open().acknowledge().assign()
    written = [items.event_item(life.ticket, event, life.plan) for event in life.events]
    assert ["open_pk" in item for item in written] == [True, False, False]
