"""The TIMER of each ticket: what its workflow waits for, and when it must wake."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action as UpdateAction
from pynamodb.transactions import TransactWrite

from redress.base import observe
from redress.base.errors import NotFound, RedressError
from redress.db import encoding, keys, retry
from redress.db.rows import Models, is_within
from redress.tickets.rules import ticket as tickets
from redress.tickets.rules.change import Change
from redress.tickets.rules.ticket import Phase, Ticket
from redress.tickets.store import items
from redress.tickets.store.transaction import Write

LONGEST_TOKEN = 2048
"""The most characters in a task token (Step Functions, SendTaskFailure). The least is 1. A call
with any other token fails as a wrong request, not as a wait that is over."""

MOST = 10**12
"""No generation, sequence or version of a ticket gets so large. A larger one is damage."""


@dataclass(frozen=True, slots=True)
class Armed:
    """The wait in which a workflow sleeps.

    `token` is the task token of the wait. `seq` and `phase` are the TIMER's sequence and phase when
    the token was stored.
    """

    token: str
    seq: int
    phase: Phase


@dataclass(frozen=True, slots=True)
class Timer:
    """The TIMER of a ticket. docs/glossary.md explains generation (`gen`) and sequence (`seq`).

    `next_wake` is None if no rung remains to fire. `awake_since` is None while the workflow sleeps.
    """

    number: str
    gen: int
    seq: int
    phase: Phase
    next_wake: datetime | None
    armed: Armed | None
    awake_since: datetime | None
    gen_version: int = 1
    """The ticket's version when this generation began, or an earlier version. Each event of the
    ticket since then can make the execution's own history longer. Reconciliation replaces an
    execution after too many of them."""

    @property
    def asleep(self) -> bool:
        """Whether the workflow waits, and nothing that it must check has happened since it began to
        wait."""
        return self.armed is not None and self.armed.seq == self.seq


class TimerLost(RedressError):
    """The TIMER of the ticket `number` is missing or damaged, so that a change cannot update it.

    Nothing was written. `TimerStore.rebuild` writes a new TIMER.
    """

    def __init__(self, number: str) -> None:
        super().__init__(f"the TIMER of {number} is missing or damaged")
        self.number = number


class TimerStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def get(self, number: str) -> Timer:
        """The current TIMER of a ticket. Raises NotFound or Unreadable."""
        try:
            row = retry.call(
                lambda: self._models.timer.get(
                    keys.ticket_pk(number), keys.TIMER, consistent_read=True
                )
            )
        except DoesNotExist as error:
            raise NotFound(f"there is no ticket {number}") from error
        return encoding.decoded(row, _timer_of)

    def side_by_side(self, numbers: list[str]) -> list[tuple[Ticket | None, Timer | None]]:
        """Snapshot and TIMER of each ticket, in the order of `numbers`.

        None stands for an item that does not exist or cannot be decoded. The read is eventually
        consistent, which costs half as much. Each item may be a moment old, and a snapshot and its
        TIMER may be of different moments. If they contradict each other, the caller must read both
        again with `TicketStore.get` and `get` before it acts on that.
        """
        snapshots = self._batch(self._models.snapshot, numbers, keys.TICKET)
        timers = self._batch(self._models.timer, numbers, keys.TIMER)
        return [
            (
                next(encoding.readable(snapshots.get(number, ()), _ticket_of), None),
                next(encoding.readable(timers.get(number, ()), _timer_of), None),
            )
            for number in numbers
        ]

    @staticmethod
    def _batch(model: Any, numbers: list[str], sort: str) -> dict[str, tuple[Any]]:
        """The row of each ticket that has one, as a list of one, by the ticket's number."""
        wanted = [(keys.ticket_pk(number), sort) for number in dict.fromkeys(numbers)]
        rows = retry.call(lambda: list(model.batch_get(wanted)))
        return {keys.number_of(row.pk): (row,) for row in rows}

    def correct(self, ticket: Ticket, timer: Timer, wake: datetime | None, now: datetime) -> bool:
        """Write the ticket's phase and next wake into its TIMER, as a change would have done.

        Returns False and writes nothing if the ticket or the TIMER has changed since it was read.
        That change then stays, and the next reconciliation checks what it wrote.
        """
        snapshot, model = self._models.snapshot, self._models.timer
        pk = keys.ticket_pk(ticket.number)
        actions = _follow_actions(self._models, ticket, (timer.phase, timer.next_wake), wake, now)
        token = retry.request_token()

        def write() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                transaction.condition_check(
                    snapshot, pk, keys.TICKET, condition=snapshot.version == ticket.version
                )
                transaction.update(
                    model(pk, keys.TIMER),
                    actions=actions,
                    condition=(model.gen == timer.gen) & (model.seq == timer.seq),
                )

        try:
            retry.call(write, ("version", "timer"))
        except retry.ConditionFailed:
            return False
        return True

    def rebuild(self, ticket: Ticket, wake: datetime | None, now: datetime) -> bool:
        """Write a TIMER from the ticket's snapshot, in place of one that is missing or damaged.

        `wake` is the next wake of the ticket under its plan. The TIMER begins a new generation and
        is awake, so the stream starts an execution. An execution of an earlier generation that is
        still running finds at its next wake that it was replaced, and ends. Returns False and
        writes nothing if the TIMER can be read, or if the ticket or the TIMER was changed
        meanwhile.
        """
        snapshot, model = self._models.snapshot, self._models.timer
        pk = keys.ticket_pk(ticket.number)
        gen = _generation_at(now)
        try:
            row = retry.call(lambda: model.get(pk, keys.TIMER, consistent_read=True))
        except DoesNotExist as error:
            observe.unreadable(pk, keys.TIMER, error)
            unchanged = model.pk.does_not_exist()
        else:
            if next(encoding.readable([row], _timer_of), None) is not None:
                return False
            if isinstance(row.gen, int) and gen <= row.gen < MOST:
                gen = row.gen + 1
            # If somebody else rebuilds it meanwhile, it gets this generation or a later one.
            unchanged = model.pk.exists() & ~is_within(model.gen, gen, MOST)
        item = items.timer_item(ticket, wake, now, gen)
        token = retry.request_token()

        def write() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                # This update writes the version that the snapshot has already. Only its condition
                # matters. A ConditionCheck would be enough, but every function that changes tickets
                # would need the permission dynamodb:ConditionCheckItem for it.
                transaction.update(
                    snapshot(pk, keys.TICKET),
                    actions=[snapshot.version.set(ticket.version)],
                    condition=snapshot.version == ticket.version,
                )
                transaction.save(model(**item), condition=unchanged)

        try:
            # PynamoDB sends puts before updates.
            retry.call(write, ("timer", "version"))
        except retry.ConditionFailed:
            return False
        observe.report(
            observe.Alarm.WORKFLOWS_REPAIRED, "a TIMER was rebuilt", {"ticket": ticket.number}
        )
        return True

    def next_generation(
        self, number: str, gen: int, now: datetime, version: int | None = None
    ) -> bool:
        """Begin the generation after `gen`.

        Returns False if that generation has already begun, if the ticket is closed, or if the TIMER
        is missing or damaged. The write marks the ticket as awake, and the stream then starts the
        new execution. `version` is the ticket's version, or None if the caller does not know it. If
        it is None, the earlier `gen_version` stays. Reconciliation then counts too many events for
        the new execution and may replace it earlier than necessary, which is safe.
        """
        model = self._models.timer
        marks = [] if version is None else [model.gen_version.set(version)]
        try:
            retry.call(
                lambda: model(keys.ticket_pk(number), keys.TIMER).update(
                    actions=[
                        model.gen.set(model.gen + 1),
                        *marks,
                        model.armed.remove(),
                        *_wake_actions(self._models, number, now),
                    ],
                    condition=(model.gen == gen)
                    & is_within(model.seq, 1, MOST)
                    & (model.phase != Phase.CLOSED.value),
                ),
                ("gen",),
            )
        except retry.ConditionFailed:
            return False
        return True

    def clear_awake(self, number: str, gen: int, seq: int) -> bool:
        """Remove the awake marker of a closed ticket, because its workflow has nothing left to do.

        Returns False if the TIMER has changed since it was read, or if the ticket is not closed.
        """
        model = self._models.timer
        try:
            retry.call(
                lambda: model(keys.ticket_pk(number), keys.TIMER).update(
                    actions=[
                        model.armed.remove(),
                        model.awake.remove(),
                        model.awake_since.remove(),
                    ],
                    condition=(model.gen == gen)
                    & (model.seq == seq)
                    & (model.phase == Phase.CLOSED.value),
                ),
                ("closed",),
            )
        except retry.ConditionFailed:
            return False
        return True

    def awake_since_before(self, moment: datetime, most: int | None = None) -> Iterator[str]:
        """Tickets that have been awake since before `moment`, from each shard at most `most`.

        The index that is read contains only awake tickets, so no sleeping ticket is read. The
        tickets of a shard are in the order of the times since which they are awake.
        """
        model = self._models.timer
        bound = moment.isoformat(timespec="milliseconds")
        for shard in range(keys.SHARDS):
            rows = retry.call(
                functools.partial(
                    _query,
                    model.awake_index,
                    keys.awake_pk(shard),
                    model.awake_since < bound,
                    limit=most,
                )
            )
            yield from encoding.readable(rows, lambda row: keys.number_of(row.pk))


def timer_writes(models: Models, change: Change, now: datetime) -> list[Write]:
    """The update of the TIMER after a change; none if neither phase nor next wake has changed.

    If the phase changes or the next wake becomes earlier, the sleeping workflow must check again.
    The update then increments `seq` and sets the awake marker. If only the next wake changes, to a
    later time or to none, the workflow is not woken. It wakes at the old time, finds nothing due
    and sleeps again.

    A ticket that was closed and goes on gets a new generation, because its workflow has ended, or
    ends when it wakes.
    """
    before, after = change.before, change.after
    assert before is not None
    old = tickets.next_wake(before, change.plan_before or change.plan)
    new = tickets.next_wake(after, change.plan)
    if old == new and before.phase is after.phase:
        return []
    timer = models.timer
    row = timer(keys.ticket_pk(after.number), keys.TIMER)
    actions = _follow_actions(models, after, (before.phase, old), new, now)
    if before.phase is Phase.CLOSED:
        actions += [
            timer.gen.set(timer.gen + 1),
            timer.gen_version.set(after.version),
            timer.armed.remove(),
        ]
    # The actions add to `seq`. They also keep `gen`, so a TIMER without it would stay damaged.
    whole = is_within(timer.gen, 1, MOST) & is_within(timer.seq, 1, MOST)
    return [Write(row, actions, whole, TimerLost(after.number))]


def _follow_actions(
    models: Models,
    ticket: Ticket,
    before: tuple[Phase, datetime | None],
    wake: datetime | None,
    now: datetime,
) -> list[UpdateAction]:
    """The actions that write the ticket's phase and next wake `wake` into its TIMER.

    `before` is the old phase and the old next wake.
    """
    timer = models.timer
    actions: list[UpdateAction] = [
        timer.phase.set(ticket.phase.value),
        timer.next_wake_ms.remove()
        if wake is None
        else timer.next_wake_ms.set(encoding.milliseconds(wake)),
    ]
    earlier = wake is not None and (before[1] is None or wake < before[1])
    if before[0] is not ticket.phase or earlier:
        actions += _wake_actions(models, ticket.number, now)
    return actions


def _wake_actions(models: Models, number: str, now: datetime) -> list[UpdateAction]:
    timer = models.timer
    return [
        timer.seq.set(timer.seq + 1),
        timer.awake.set(keys.awake_pk(keys.shard(number))),
        timer.awake_since.set(now.isoformat(timespec="milliseconds")),
    ]


def _query(index: Any, *arguments: Any, **options: Any) -> list[Any]:
    return list(index.query(*arguments, **options))


_FIRST_MINUTE = datetime(2020, 1, 1, tzinfo=UTC)


def _generation_at(now: datetime) -> int:
    """The number of a generation that follows an unknown one: the minutes since 2020.

    Executions are named by their generation, so a number must not be used twice. Other generations
    count from 1, or from such a number. A ticket begins far fewer than one generation a minute, so
    their numbers never reach that of the present minute.
    """
    return (now - _FIRST_MINUTE) // timedelta(minutes=1)


def _ticket_of(row: Any) -> Ticket:
    return items.ticket_of(row.doc)


def _timer_of(row: Any) -> Timer:
    """Decode a TIMER. Raises an error that `encoding.decoded` expects."""
    armed, wake = row.armed, row.next_wake_ms
    numbers = [row.gen, row.seq, *([armed.seq] if armed else []), row.gen_version or 1]
    if not all(isinstance(one, int) and 0 < one <= MOST for one in numbers):
        raise ValueError("a generation, sequence or version is no number that can be one")
    if armed and not 0 < len(armed.token) <= LONGEST_TOKEN:
        raise ValueError("a task token is empty or too long")
    found = {
        "number": keys.number_of(row.pk),
        "gen": row.gen,
        "seq": row.seq,
        "phase": row.phase,
        "next_wake": datetime.fromtimestamp(wake / 1000, UTC) if wake is not None else None,
        "armed": armed and {"token": armed.token, "seq": armed.seq, "phase": armed.phase},
        "awake_since": row.awake_since or None,
        "gen_version": row.gen_version or 1,
    }
    return msgspec.convert(found, Timer)
