"""Tickets in the table: heads, histories, timers, records of mail.

Every change of a ticket is one transaction: the head on condition of its version, the events, the
timer by expression, the agent's load, the facts. What must follow comes from the stream.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action as UpdateAction
from pynamodb.transactions import TransactWrite

from redress.base.errors import AgentNotFree, NotFound, RedressError, Unavailable
from redress.db import keys, retry
from redress.db.rows import Models
from redress.scores.rules import facts_of
from redress.scores.store import facts
from redress.staff.rules import agent_loaded_by
from redress.tickets.rules import ticket as tickets
from redress.tickets.rules.change import Change
from redress.tickets.rules.ticket import Event, Phase, Ticket
from redress.tickets.store import codec
from redress.tickets.store.opening import NumberTaken


class Raced(RedressError):
    """Somebody else changed the ticket between our read and our write: read again, decide again."""


@dataclass(frozen=True, slots=True)
class Armed:
    """The wait a workflow sleeps in: its task token, and the seq and phase it was armed for."""

    token: str
    seq: int
    phase: Phase


@dataclass(frozen=True, slots=True)
class Timer:
    """What the workflow of a ticket is about. `next_wake` None: nothing runs."""

    number: str
    gen: int
    seq: int
    phase: Phase
    next_wake: datetime | None
    armed: Armed | None
    awake_since: datetime | None
    gen_version: int = 1
    """The ticket's version when this generation began, or an earlier one: its events since then
    bound the length of the execution's history."""

    @property
    def asleep(self) -> bool:
        return self.armed is not None and self.armed.seq == self.seq


class DoneAlready(RedressError):
    """What was to be written together with a change is written: the change was made before."""


@dataclass(frozen=True, slots=True)
class AlsoWrite:
    """What else is written in the transaction of a change, or not at all.

    `once` are the items, each with its condition, that say that it is done: a condition fails when
    it was done before.
    """

    once: tuple[tuple[Any, Any], ...]
    puts: tuple[Any, ...] = ()
    updates: tuple[tuple[Any, list[UpdateAction]], ...] = ()


class Claim(StrEnum):
    """The answer to a claim on one mail: who sends it, if anybody still must."""

    WON = "won"
    SENT = "sent"
    REFUSED = "refused"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class MailRecord:
    """What became of one mail of a ticket: `claimed`, `sent`, `failed` or `refused`."""

    key: str
    state: str
    at: datetime
    attempts: int
    fault: str | None
    message_id: str = ""
    """SES's name of what was sent."""


@dataclass(frozen=True, slots=True)
class TicketFile:
    """A ticket as of one moment: its head, all events up to it, what became of its mails."""

    ticket: Ticket
    history: list[Event]
    mails: list[MailRecord]


@dataclass(frozen=True, slots=True)
class Page:
    """Ticket numbers in the order of an index, and where to go on (None at the end)."""

    numbers: list[str]
    cursor: str | None


class TicketStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    # ---------------------------------------------------------------- reading

    def get(self, number: str) -> Ticket:
        """The head as it is now; raises NotFound."""
        try:
            row = retry.call(
                lambda: self._models.head.get(
                    keys.ticket_pk(number), keys.TICKET, consistent_read=True
                )
            )
        except DoesNotExist as error:
            raise NotFound(f"there is no ticket {number}") from error
        return codec.ticket_of(row.doc)

    def get_many(self, numbers: list[str]) -> list[Ticket]:
        """Heads in the order asked; a number that is gone is left out."""
        wanted = [(keys.ticket_pk(number), keys.TICKET) for number in dict.fromkeys(numbers)]
        rows = retry.call(lambda: list(self._models.head.batch_get(wanted)))
        found = {row.pk: codec.ticket_of(row.doc) for row in rows}
        return [found[pk] for pk, _ in wanted if pk in found]

    def history(self, number: str) -> list[Event]:
        """All events, as they happened."""
        model = self._models.event
        rows = retry.call(
            lambda: list(
                model.query(
                    keys.ticket_pk(number),
                    model.sk.startswith(keys.EVENT_PREFIX),
                    consistent_read=True,
                )
            )
        )
        return [codec.event_of(row.doc) for row in rows]

    def with_event(self, number: str, event_number: int) -> tuple[Ticket, Event]:
        """The head as it is now and one of its events, in one call; raises NotFound."""
        pk = keys.ticket_pk(number)
        wanted = [(pk, keys.TICKET), (pk, keys.event_sk(event_number))]
        model = self._models.doc
        rows = retry.call(lambda: list(model.batch_get(wanted, consistent_read=True)))
        docs = {row.sk: row.doc for row in rows}
        if len(docs) < len(wanted):
            raise NotFound(f"there is no event {event_number} of {number}")
        head, event = (docs[sk] for _, sk in wanted)
        return codec.ticket_of(head), codec.event_of(event)

    def event(self, number: str, event_number: int) -> Event:
        try:
            row = retry.call(
                lambda: self._models.event.get(
                    keys.ticket_pk(number), keys.event_sk(event_number), consistent_read=True
                )
            )
        except DoesNotExist as error:
            raise NotFound(f"{number} has no event {event_number}") from error
        return codec.event_of(row.doc)

    def owned_by(self, agent: str, limit: int, cursor: str | None = None) -> Page:
        """An agent's work list by what is due next."""
        model = self._models.head
        return self._page(
            model.owner_index, keys.agent_pk(agent), limit, cursor, ("owner_pk", "owner_sk")
        )

    def queued(self, team: str, limit: int = 25) -> list[str]:
        """Unassigned tickets of a team, by what is due next, from all shards."""
        model = self._models.head
        return self._merged(
            (model.owner_index, keys.queue_pk(team, shard), "owner_sk")
            for shard in range(keys.SHARDS)
        )[:limit]

    def open_in_team(self, team: str, limit: int = 25) -> list[str]:
        """Tickets of a team that are not closed, by what is due next, from all shards."""
        model = self._models.head
        found = self._merged(
            ((model.open_index, keys.open_pk(team, s), "open_sk") for s in range(keys.SHARDS)),
            limit,
        )
        return found[:limit]

    def count_open(self, team: str, shard: int) -> int:
        """How many tickets `open_in_shard` goes through."""
        index, pk = self._models.head.open_index, keys.open_pk(team, shard)
        found: int = retry.call(lambda: index.count(pk))
        return found

    def opened_page(
        self, start: datetime, end: datetime, shard: int, limit: int, cursor: str | None
    ) -> Page:
        """One shard of all tickets opened from `start` until before `end`, open or not, in order.

        Both lie in one month of UTC, the first instant after it included as `end`.
        """
        model, pk = self._models.event, keys.opened_pk(start, shard)
        return self._page(
            model.open_index,
            pk,
            limit,
            cursor,
            ("open_pk", "open_sk"),
            among=_opened_between(model, start, end),
            sk=keys.event_sk(1),
        )

    def count_opened(self, start: datetime, end: datetime, shard: int) -> int:
        """How many tickets `opened_page` goes through."""
        model, pk = self._models.event, keys.opened_pk(start, shard)
        among = _opened_between(model, start, end)
        found: int = retry.call(lambda: model.open_index.count(pk, among))
        return found

    def file(self, number: str, *, behind: bool = False) -> TicketFile:
        """A ticket with all that belongs to it, in one call; raises NotFound.

        A query that ran into a change is asked again, until head and history are of one moment.
        `behind`: that moment may be a little before now, for half the price.
        """
        model = self._models.file
        pk, among = keys.ticket_pk(number), model.sk.between(keys.EVENT_PREFIX, keys.TICKET)
        for consistent in (not behind, True, True, True):
            found = retry.call(
                functools.partial(_query, model, pk, among, consistent_read=consistent)
            )
            rows = {row.sk: row for row in found}
            if keys.TICKET not in rows:
                continue
            ticket = codec.ticket_of(rows[keys.TICKET].doc)
            events = [
                codec.event_of(row.doc)
                for sk, row in rows.items()
                if sk.startswith(keys.EVENT_PREFIX)
            ]
            if events and events[-1].number == ticket.version:
                mails = [_mail_of(r) for sk, r in rows.items() if sk.startswith(keys.MAIL_PREFIX)]
                return TicketFile(ticket, events, mails)
        if keys.TICKET in rows:
            raise Unavailable(f"{number} is being changed all the time")
        raise NotFound(f"there is no ticket {number}")

    def _merged(self, parts: Iterable[tuple[Any, str, str]], limit: int = 100) -> list[str]:
        """The first entries of several partitions of an index, merged by their sort keys."""
        entries: list[tuple[str, str]] = []
        for index, pk, sort in parts:
            rows = retry.call(functools.partial(_query, index, pk, limit=limit))
            entries += [(getattr(row, sort), row.pk) for row in rows]
        return [keys.number_of(pk) for _, pk in sorted(entries)]

    def _page(
        self,
        index: Any,
        pk: str,
        limit: int,
        cursor: str | None,
        names: tuple[str, str],
        *,
        among: Any = None,
        sk: str = keys.TICKET,
    ) -> Page:
        """`among` narrows the range; `sk` is that of the items which the index lists."""
        start = None
        if cursor:
            number = cursor.rpartition("#")[2]
            start = {
                names[0]: {"S": pk},
                names[1]: {"S": cursor},
                "pk": {"S": keys.ticket_pk(number)},
                "sk": {"S": sk},
            }

        def read() -> tuple[list[Any], Any]:
            result = index.query(pk, among, limit=limit, page_size=limit, last_evaluated_key=start)
            rows = list(itertools.islice(result, limit))
            return rows, result.last_evaluated_key

        rows, last = retry.call(read)
        return Page(
            numbers=[keys.number_of(row.pk) for row in rows],
            cursor=last[names[1]]["S"] if last and rows else None,
        )

    def open_in_shard(
        self, team: str, shard: int, cursor: str | None = None, limit: int = 100
    ) -> Page:
        """One page of one partition of the index of open tickets."""
        return self._page(
            self._models.head.open_index,
            keys.open_pk(team, shard),
            limit,
            cursor,
            ("open_pk", "open_sk"),
        )

    def side_by_side(self, numbers: list[str]) -> list[tuple[Ticket | None, Timer | None]]:
        """Head and TIMER of each ticket in the order asked; None for one gone or unreadable.

        Read at the price of half: either may be a moment old, and they may be of two moments. A
        difference between them is to be seen again in `get` and `timer` before it is believed.
        """
        heads = self._batch(self._models.head, numbers, keys.TICKET)
        timers = self._batch(self._models.timer, numbers, keys.TIMER)
        return [
            (
                _readable(lambda row: codec.ticket_of(row.doc), heads.get(number)),
                _readable(functools.partial(_timer_of, number), timers.get(number)),
            )
            for number in numbers
        ]

    @staticmethod
    def _batch(model: Any, numbers: list[str], sort: str) -> dict[str, Any]:
        wanted = [(keys.ticket_pk(number), sort) for number in dict.fromkeys(numbers)]
        rows = retry.call(lambda: list(model.batch_get(wanted)))
        return {keys.number_of(row.pk): row for row in rows}

    # ---------------------------------------------------------------- writing

    def open(self, change: Change, also: AlsoWrite) -> None:
        """Write a new ticket whole, together with what else says that it was opened.

        Raises DoneAlready when that was written before, NumberTaken when the number exists; nothing
        is written then.
        """
        model = self._models
        kinds = [model.head, model.timer] + [model.event] * len(change.events)
        puts = [
            ("number", kind(**item), kind.pk.does_not_exist())
            for kind, item in zip(kinds, codec.ticket_items(change), strict=True)
        ]
        try:
            self._write(*_joined(puts, [], also))
        except retry.ConditionFailed as lost:
            if "once" in lost.names:
                raise DoneAlready("this was done before") from lost
            raise NumberTaken("this number exists already") from lost

    def commit(self, change: Change, now: datetime, also: AlsoWrite | None = None) -> None:
        """Write one change of a ticket, all of it or nothing, with what belongs `beside` it.

        Raises Raced when the head has moved on since it was read, AgentNotFree when the change
        assigns an agent who is away or full, DoneAlready when what is beside it was done before.
        """
        if change.before is None:
            raise ValueError("a ticket is opened with `open_beside`")
        puts: list[tuple[str, Any, Any]] = []
        updates: list[tuple[str, Any, list[UpdateAction], Any]] = []
        number = change.after.number
        events = self._models.event
        for event in change.events:
            row = events(**codec.event_item(number, event))
            puts.append(("event", row, events.pk.does_not_exist()))
        for sheet, marks in facts.updates(self._models, facts_of(change)):
            updates.append(("facts", sheet, marks, None))
        head = self._models.head
        updates.append(
            (
                "version",
                head(keys.ticket_pk(number), keys.TICKET),
                [
                    getattr(head, name).remove()
                    if value is None
                    else getattr(head, name).set(value)
                    for name, value in codec.head_attributes(change.after).items()
                ],
                head.version == change.before.version,
            )
        )
        if actions := self._timer_actions(change, now):
            timer = self._models.timer
            updates.append(
                (
                    "timer",
                    timer(keys.ticket_pk(number), keys.TIMER),
                    actions,
                    timer.pk.exists(),
                )
            )
        updates += self._load_updates(change, now)
        if also is not None:
            puts, updates = _joined(puts, updates, also)
        self._commit(number, puts, updates)

    def _commit(
        self,
        number: str,
        puts: list[tuple[str, Any, Any]],
        updates: list[tuple[str, Any, list[UpdateAction], Any]],
    ) -> None:
        """Write a change's items; what a lost condition means is said once, here."""
        try:
            self._write(puts, updates)
        except retry.ConditionFailed as lost:
            if "once" in lost.names:
                raise DoneAlready("this was done before") from lost
            if lost.names & {"version", "event"}:
                raise Raced(f"{number} was changed meanwhile") from lost
            if "agent" in lost.names:
                raise AgentNotFree("the agent is away or has no room") from lost
            if lost.names == {"released"}:
                # A load that is 0 already cannot be released, and must not hold up a ticket.
                rest = [update for update in updates if update[0] != "released"]
                self._commit(number, puts, rest)
                return
            raise

    def _write(
        self,
        puts: list[tuple[str, Any, Any]],
        updates: list[tuple[str, Any, list[UpdateAction], Any]],
    ) -> None:
        """One transaction of named items; raises ConditionFailed with the names that were lost."""
        token = retry.request_token()

        def write() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                for _, row, condition in puts:
                    transaction.save(row, condition=condition)
                for _, row, actions, condition in updates:
                    transaction.update(row, actions=actions, condition=condition)

        retry.call(write, [name for name, *_ in puts] + [name for name, *_ in updates])

    def _timer_actions(self, change: Change, now: datetime) -> list[UpdateAction]:
        """How the TIMER follows a change; nothing when phase and next wake stay.

        seq grows, and the awake marker is set, when the phase changes or the next wake moves
        earlier: the sleeping machine must look. When it moves later the machine may sleep on; it
        finds nothing due at the old time and sleeps again.
        """
        before, after = change.before, change.after
        assert before is not None
        old = tickets.next_wake(before, change.plan_before or change.plan)
        new = tickets.next_wake(after, change.plan)
        if old == new and before.phase is after.phase:
            return []
        return self._follow_actions(after, (before.phase, old), new, now)

    def _follow_actions(
        self,
        ticket: Ticket,
        was: tuple[Phase, datetime | None],
        wake: datetime | None,
        now: datetime,
    ) -> list[UpdateAction]:
        """The ticket's phase and next wake into its TIMER, which `was` at another."""
        model = self._models.timer
        actions: list[UpdateAction] = [
            model.phase.set(ticket.phase.value),
            model.next_wake_ms.remove()
            if wake is None
            else model.next_wake_ms.set(codec.milliseconds(wake)),
        ]
        earlier = wake is not None and (was[1] is None or wake < was[1])
        if was[0] is not ticket.phase or earlier:
            actions += self._wake_actions(ticket.number, now)
        return actions

    def _wake_actions(self, number: str, now: datetime) -> list[UpdateAction]:
        model = self._models.timer
        return [
            model.seq.set(model.seq + 1),
            model.awake.set(keys.awake_pk(keys.shard(number))),
            model.awake_since.set(now.isoformat(timespec="milliseconds")),
        ]

    def _load_updates(
        self, change: Change, now: datetime
    ) -> list[tuple[str, Any, list[UpdateAction], Any]]:
        """The agents whose load this change alters: in the same transaction, so it never drifts."""
        released, taken = agent_loaded_by(change.before), agent_loaded_by(change.after)
        if released == taken:
            return []
        model = self._models.availability
        updates: list[tuple[str, Any, list[UpdateAction], Any]] = []
        if released is not None:
            row = model(keys.agent_pk(released), keys.AVAILABILITY)
            updates.append(("released", row, [model.load.set(model.load - 1)], model.load > 0))
        if taken is not None:
            moment = now.isoformat(timespec="milliseconds")
            updates.append(
                (
                    "agent",
                    model(keys.agent_pk(taken), keys.AVAILABILITY),
                    [
                        model.load.set(model.load + 1),
                        model.last_assigned.set(moment),
                        model.duty_sk.set(moment),
                    ],
                    (model.presence == "available") & (model.load < model.capacity),
                )
            )
        return updates

    # ---------------------------------------------------------------- timers

    def timer(self, number: str) -> Timer:
        """The TIMER as it is now; raises NotFound."""
        try:
            row = retry.call(
                lambda: self._models.timer.get(
                    keys.ticket_pk(number), keys.TIMER, consistent_read=True
                )
            )
        except DoesNotExist as error:
            raise NotFound(f"there is no ticket {number}") from error
        return _timer_of(number, row)

    def correct_timer(
        self, ticket: Ticket, timer: Timer, wake: datetime | None, now: datetime
    ) -> bool:
        """Write what the ticket's own clocks say into its TIMER, as a change would have done.

        False, and nothing is written, when ticket or TIMER moved since they were read: a change
        at the same instant wins, and its own write is looked at the next time.
        """
        head, model = self._models.head, self._models.timer
        pk = keys.ticket_pk(ticket.number)
        actions = self._follow_actions(ticket, (timer.phase, timer.next_wake), wake, now)
        token = retry.request_token()

        def write() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                transaction.condition_check(
                    head, pk, keys.TICKET, condition=head.version == ticket.version
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

    def next_generation(
        self, number: str, gen: int, now: datetime, version: int | None = None
    ) -> bool:
        """Let generation `gen` be followed by the next; False when it already was, or is closed.

        The write marks the ticket awake, and the stream starts the new execution. `version` is the
        ticket's, if the caller knows it; the earlier mark that stays otherwise errs on the side of
        a history that is thought longer than it is.
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
                        *self._wake_actions(number, now),
                    ],
                    condition=(model.gen == gen) & (model.phase != Phase.CLOSED.value),
                ),
                ("gen",),
            )
        except retry.ConditionFailed:
            return False
        return True

    def clear_awake(self, number: str, gen: int, seq: int) -> bool:
        """Take a closed ticket's marker away: its machine has nothing left to do."""
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

    def awake_since_before(self, moment: datetime) -> Iterator[str]:
        """Tickets awake since before `moment`, from the sparse index: no sleeping one is read."""
        model = self._models.timer
        bound = moment.isoformat(timespec="milliseconds")
        for shard in range(keys.SHARDS):
            rows = retry.call(
                functools.partial(
                    _query, model.awake_index, keys.awake_pk(shard), model.awake_since < bound
                )
            )
            yield from (keys.number_of(row.pk) for row in rows)

    # ---------------------------------------------------------------- mail records

    def claim_mail(self, number: str, key: str, now: datetime, lease: timedelta) -> Claim:
        """Claim the right to send one mail.

        WON: the caller sends it and records what became of it. SENT and REFUSED: it is over. HELD:
        another worker may be sending it now, so it must be asked for again. A claim ends by itself
        after `lease`: a worker killed while sending does not silence the mail.
        """
        model = self._models.mail
        moment = codec.milliseconds(now)
        try:
            retry.call(
                lambda: model(keys.ticket_pk(number), keys.mail_sk(key)).update(
                    actions=[
                        model.state.set("claimed"),
                        model.claimed_until_ms.set(codec.milliseconds(now + lease)),
                        model.attempts.set((model.attempts | 0) + 1),
                        model.at.set(now.isoformat()),
                    ],
                    condition=model.pk.does_not_exist()
                    | (model.state == "failed")
                    | ((model.state == "claimed") & (model.claimed_until_ms < moment)),
                ),
                ("claim",),
            )
        except retry.ConditionFailed:
            row = retry.call(
                lambda: model.get(keys.ticket_pk(number), keys.mail_sk(key), consistent_read=True)
            )
            return Claim(row.state) if row.state in (Claim.SENT, Claim.REFUSED) else Claim.HELD
        return Claim.WON

    def record_mail(
        self,
        number: str,
        key: str,
        state: str,
        now: datetime,
        *,
        message_id: str | None = None,
        fault: str | None = None,
    ) -> None:
        """What became of a claimed mail: `sent`, `failed` (tried again) or `refused` (for good).

        What was sent stays sent: a worker whose claim ran out while it hung may fail after another
        one sent the mail, and must not have it sent again.
        """
        model = self._models.mail
        with contextlib.suppress(retry.ConditionFailed):
            retry.call(
                lambda: model(keys.ticket_pk(number), keys.mail_sk(key)).update(
                    actions=[
                        model.state.set(state),
                        model.at.set(now.isoformat()),
                        model.claimed_until_ms.remove(),
                        model.message_id.set(message_id)
                        if message_id
                        else model.message_id.remove(),
                        model.fault.set(fault) if fault else model.fault.remove(),
                    ],
                    condition=None if state == Claim.SENT else model.state != Claim.SENT.value,
                ),
                ("sent",),
            )

    def mails(self, number: str) -> list[MailRecord]:
        """What became of every mail of a ticket."""
        model = self._models.mail
        rows = retry.call(
            lambda: list(model.query(keys.ticket_pk(number), model.sk.startswith(keys.MAIL_PREFIX)))
        )
        return [_mail_of(row) for row in rows]


type _Puts = list[tuple[str, Any, Any]]
type _Updates = list[tuple[str, Any, list[UpdateAction], Any]]


def _joined(puts: _Puts, updates: _Updates, also: AlsoWrite) -> tuple[_Puts, _Updates]:
    more: _Puts = [
        *(("once", row, condition) for row, condition in also.once),
        *(("beside", row, None) for row in also.puts),
    ]
    return [*puts, *more], [
        *updates,
        *(("beside", row, actions, None) for row, actions in also.updates),
    ]


def _opened_between(model: Any, start: datetime, end: datetime) -> Any:
    """An entry of the index is its instant and a number, and so is never `end` itself."""
    return model.open_sk.between(keys.opened_sk(start), keys.opened_sk(end))


def _query(index: Any, *arguments: Any, **options: Any) -> list[Any]:
    return list(index.query(*arguments, **options))


def _mail_of(row: Any) -> MailRecord:
    return MailRecord(
        key=row.sk.removeprefix(keys.MAIL_PREFIX),
        state=row.state,
        at=datetime.fromisoformat(row.at),
        attempts=int(row.attempts or 1),
        fault=row.fault,
        message_id=row.message_id or "",
    )


def _timer_of(number: str, row: Any) -> Timer:
    armed = row.armed
    wake = row.next_wake_ms
    return Timer(
        number=number,
        gen=int(row.gen),
        seq=int(row.seq),
        phase=Phase(row.phase),
        next_wake=datetime.fromtimestamp(wake / 1000, UTC) if wake is not None else None,
        armed=Armed(armed.token, int(armed.seq), Phase(armed.phase)) if armed else None,
        awake_since=datetime.fromisoformat(row.awake_since) if row.awake_since else None,
        gen_version=int(row.gen_version or 1),
    )


def _readable[T](read: Callable[[Any], T], row: Any) -> T | None:
    """What a row says; None when there is none, or when it cannot be read."""
    try:
        return read(row) if row is not None else None
    except (codec.Unreadable, ValueError, TypeError):
        return None
