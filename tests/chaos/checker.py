"""What must hold after a run, when the load and all faults have ended.

`violations` reads the evidence and says in words what does not hold. Each check recomputes what it
compares: a ticket from its history, a TIMER from the ticket, a load from the tickets, a card from
the facts, a fact from the events. It calls the product's pure rules, in the version of this source
tree. It checks what stores, queues and workers do with these rules.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import msgspec

from redress.clocks.rules import clocks
from redress.db import encoding
from redress.mail.outgoing.cases.sending import hidden_id
from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.rules.relevance import Matter, reason_to_skip
from redress.mail.outgoing.rules.table import (
    ACKNOWLEDGEMENT,
    CALLED,
    mails_after,
    template_of_key,
)
from redress.plans.rules.plan import Plan
from redress.scores.rules import scorecard
from redress.scores.rules.facts import Fact, facts_of
from redress.scores.rules.scorecard import Rating
from redress.scores.store.facts import facts_in, pack
from redress.scores.store.scores import Card
from redress.staff.rules.availability import HAS_JUST_COME, goes_on
from redress.staff.rules.eligibility import ALL_ATTENTION
from redress.tickets.rules import ticket as tickets
from redress.tickets.rules.change import Change
from redress.tickets.rules.fold import apply
from redress.tickets.rules.steps.table import STEPS, Step
from redress.tickets.rules.ticket import Event, EventType, Phase, State, Ticket
from redress.tickets.store import items
from tests.chaos.evidence import Evidence, Item, Stored

CLOCK = timedelta(seconds=61)
"""How far an event's time may be from the time at which it happened. No promise may be decided by
a clock that is more than a minute off."""
LATE = timedelta(seconds=60)
"""How long after a rung fell due it must have fired, once the load and all faults have ended."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must hold and does not. `about` is a ticket number, or what else it is."""

    about: str
    words: str

    def __str__(self) -> str:
        return f"{self.about}: {self.words}"


@dataclass(frozen=True)
class Known:
    """A ticket whose history could be folded: `states[i]` is the ticket after `events[i]`."""

    stored: Stored
    states: list[Ticket]
    plans: Mapping[int, Plan]

    @property
    def number(self) -> str:
        return self.stored.number

    @property
    def events(self) -> list[Event]:
        return self.stored.events

    @property
    def ticket(self) -> Ticket:
        return self.states[-1]

    @property
    def plan(self) -> Plan:
        return self.plans[self.ticket.plan_version]

    @cached_property
    def facts(self) -> list[tuple[datetime, Fact]]:
        """The facts that follow from the history, with the times of their events.

        A later fact of the same agent, month and name replaces an earlier one.
        """
        found = []
        before: Ticket | None = None
        for event, after in zip(self.events, self.states, strict=True):
            change = Change(before, (event,), after, self.plans[after.plan_version])
            found += [(event.at, fact) for fact in facts_of(change)]
            before = after
        return found


type Check = Callable[[Evidence, list[Known]], Iterator[Violation]]


def violations(evidence: Evidence) -> list[Violation]:
    """Everything that does not hold, each once, in the order of the checks."""
    known, broken = histories(evidence)
    found = dict.fromkeys(broken)
    for check in CHECKS:
        found |= dict.fromkeys(check(evidence, known))
    return list(found)


def histories(evidence: Evidence) -> tuple[list[Known], list[Violation]]:
    """The tickets whose histories can be folded, and what is wrong with the others."""
    known: list[Known] = []
    broken: list[Violation] = []
    for stored in evidence.tickets.values():
        if missing := list(_incomplete(stored)):
            broken += missing
            continue
        try:
            known.append(Known(stored, _states(stored, evidence.plans), evidence.plans))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            words = f"its history cannot be folded: {error!r}"
            broken.append(Violation(stored.number, words))
    return known, broken


def _incomplete(stored: Stored) -> Iterator[Violation]:
    """Items that every ticket has, and numbers of events without a gap."""
    for item, name in ((stored.head, "snapshot"), (stored.timer, "TIMER")):
        if item is None:
            yield Violation(stored.number, f"it has no {name}")
    numbers = [event.number for event in stored.events]
    if numbers != list(range(1, len(numbers) + 1)) or not numbers:
        yield Violation(stored.number, f"its events are numbered {numbers}")
    elif stored.events[0].type is not EventType.OPENED:
        yield Violation(stored.number, f"its history begins with {stored.events[0].type}")


def _states(stored: Stored, plans: Mapping[int, Plan]) -> list[Ticket]:
    head = items.ticket_of(_of(stored.head)["doc"])
    moves = [e for e in stored.events if e.type is EventType.PLAN_CHANGED]
    plan = plans[moves[0].data["from"] if moves else head.plan_version]
    states: list[Ticket] = []
    for event in stored.events:
        if event.type is EventType.PLAN_CHANGED:
            plan = plans[event.data["plan_version"]]
        states.append(apply(states[-1] if states else None, event, plan))
    return states


def _of(item: Item | None) -> Item:
    assert item is not None, "an incomplete ticket is not checked further"
    return item


# ------------------------------------------------------------------------------ histories


_OF_EVENT: Mapping[EventType, tuple[Step, ...]] = {
    EventType.ACKNOWLEDGED: (Step.ACKNOWLEDGE,),
    EventType.ASSIGNED: (Step.ASSIGN, Step.REASSIGN, Step.HAND_OVER),
    EventType.UNPLACED: (Step.ASSIGN,),
    EventType.QUEUED: (Step.REASSIGN, Step.DECLINE, Step.RECLASSIFY),
    EventType.ACCEPTED: (Step.ACCEPT,),
    EventType.QUEUED: (Step.REASSIGN, Step.RECLASSIFY),
    EventType.CLASSIFIED: (Step.CLASSIFY,),
    EventType.RECLASSIFIED: (Step.RECLASSIFY,),
    EventType.TAGGED: (Step.TAG,),
    EventType.PROGRESS_TOLD: (Step.TELL_PROGRESS,),
    EventType.REPLIED: (Step.REPLY, Step.REPLY_AND_WAIT),
    EventType.NOTED: (Step.NOTE,),
    EventType.MENTIONS_SET: (Step.SET_MENTIONS,),
    EventType.REMINDED: (Step.REMIND,),
    EventType.TASK_OPENED: (Step.OPEN_TASK,),
    EventType.TASK_ASSIGNED: (Step.ASSIGN_TASK,),
    EventType.TASK_DONE: (Step.FINISH_TASK,),
    EventType.TASK_RETURNED: (Step.RETURN_TASK,),
    EventType.TASK_CANCELLED: (Step.CANCEL_TASK,),
    EventType.TASK_PRESSED: (Step.PRESS_TASK,),
    EventType.TASK_EXTENSION_ASKED: (Step.ASK_EXTENSION,),
    EventType.TASK_EXTENSION_DECIDED: (Step.DECIDE_EXTENSION,),
    EventType.URGED: (Step.URGE,),
    EventType.CHECKLIST_SET: (Step.SET_CHECKLIST,),
    EventType.ITEM_GIVEN: (Step.GIVE_ITEM, Step.READ_ITEM),
    EventType.ITEM_ACCEPTED: (Step.ACCEPT_ITEM,),
    EventType.ITEM_REJECTED: (Step.REJECT_ITEM,),
    EventType.ITEM_DONE: (Step.FINISH_STEP,),
    EventType.ITEM_OBSTRUCTED: (Step.TELL_OBSTACLE,),
    EventType.REMEDY_PROPOSED: (Step.PROPOSE_REMEDY,),
    EventType.REMEDY_PROMISED: (Step.PROPOSE_REMEDY, Step.APPROVE_REMEDY),
    EventType.REMEDY_REFUSED: (Step.REFUSE_REMEDY,),
    EventType.REMEDY_WITHDRAWN: (Step.WITHDRAW_REMEDY,),
    EventType.REMEDY_DONE: (Step.FINISH_REMEDY,),
    EventType.POST_MORTEM_WRITTEN: (Step.WRITE_POST_MORTEM,),
    EventType.LINKED: (Step.LINK,),
    EventType.UNLINKED: (Step.UNLINK,),
    EventType.DUPLICATE_PROPOSED: (Step.PROPOSE_DUPLICATE,),
    EventType.DUPLICATE_DISMISSED: (Step.DISMISS_DUPLICATE,),
    EventType.UNMERGED: (
        Step.UNMERGE,
        Step.UNMERGE_UNANSWERED,
        Step.UNMERGE_WAITING,
        Step.GIVE_BACK,
        Step.GIVE_BACK_WORDS,
    ),
    EventType.SPLIT: (Step.SPLIT, Step.SPLIT_WORDS),
    EventType.UNSPLIT: (Step.UNSPLIT, Step.UNSPLIT_WORDS, Step.END_SPLIT),
    EventType.MERGED: (Step.MERGE, Step.TAKE_IN, Step.TAKE_IN_WORDS),
    EventType.INCIDENT_JOINED: (Step.JOIN_INCIDENT,),
    EventType.INCIDENT_LEFT: (Step.LEAVE_INCIDENT,),
    EventType.FIELDS_SET: (Step.SET_FIELDS,),
    EventType.CUSTOMER_WROTE: (Step.WRITE, Step.THANK),
    EventType.MESSAGE_COUNTED: (Step.COUNT_MESSAGE,),
    EventType.MATCHED: (Step.MATCH,),
    EventType.MAIL_NOTED: (Step.NOTE_MAIL,),
    EventType.PARTICIPANTS_SET: (Step.SET_PARTICIPANTS, Step.PART),
    EventType.ABOUT_SET: (Step.SET_ABOUT,),
    EventType.ABOUT_DOUBTED: (Step.DOUBT_ABOUT,),
    EventType.PROMISED: (Step.PROMISE,),
    EventType.HELD: (Step.HOLD,),
    EventType.RELEASED: (Step.RELEASE,),
    EventType.CORRECTED: (Step.CORRECT, Step.RECORD_EARLIER_ANSWER),
    EventType.CALL_RECORDED: (Step.RECORD_CALL,),
    EventType.ANSWER_REPORTED: (Step.REPORT_ANSWER,),
    EventType.PLAN_CHANGED: (Step.CHANGE_PLAN,),
    EventType.RESOLVED: (Step.RESOLVE,),
    EventType.CALLBACK_ATTEMPTED: (Step.RECORD_NO_ANSWER,),
    EventType.CONFIRMED: (Step.CONFIRM,),
    EventType.DISPUTED: (Step.DISPUTE,),
    EventType.SURVEYED: (Step.ANSWER_SURVEY,),
    EventType.WITHDRAWN: (Step.WITHDRAW,),
}
"""The steps that an event can belong to. Rungs, proposed incidents and closings follow others."""
_KEEPS_STATE = {EventType.WITHDRAWN, EventType.SURVEYED, EventType.MERGED}

# The addresses in an event of a message to the customer.
_WRITTEN_TO = frozenset({"to", "copied_to"})
"""Events after which another event of the same step changes the state."""


def steps(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """Each event is a step that the table of steps allows in the state before it."""
    for one in known:
        before = one.states[0]
        for event, after in zip(one.events[1:], one.states[1:], strict=True):
            words = f"event {event.number} ({event.type}) in the state {before.state}"
            if event.type in _OF_EVENT:
                allowed = [STEPS[step] for step in _OF_EVENT[event.type]]
                leads = {table[before.state] for table in allowed if before.state in table}
                if not leads:
                    yield Violation(one.number, f"{words} is not allowed")
                elif event.type not in _KEEPS_STATE and after.state not in leads:
                    yield Violation(one.number, f"{words} leads to {after.state}")
            elif before.phase is Phase.CLOSED:
                yield Violation(one.number, f"{words} comes after the end")
            before = after


def times(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """No event is earlier than the one before it, and none is more than a minute off."""
    for one in known:
        for earlier, later in zip(one.events, one.events[1:], strict=False):
            if later.at < earlier.at:
                back = (earlier.at - later.at).total_seconds()
                yield Violation(one.number, f"event {later.number} is {back:.3f} s too early")
        for event in one.events:
            if not evidence.began - CLOCK <= event.at <= evidence.ended + CLOCK:
                off = f"{event.at.isoformat(timespec='seconds')}, outside the run"
                yield Violation(one.number, f"event {event.number} ({event.type}) is dated {off}")


def heads(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """The stored snapshot is the fold of the history: each field and each index attribute."""
    for one in known:
        head = _of(one.stored.head)
        stored = items.ticket_of(head["doc"])
        kept, folded = _fields(stored), _fields(one.ticket)
        for name in dict.fromkeys((*kept, *folded)):
            if kept.get(name) != folded.get(name):
                words = f"its snapshot has {name} = {kept.get(name)}"
                yield Violation(one.number, f"{words}, its history gives {folded.get(name)}")
        wanted = {
            "version": len(one.events),
            "touched": one.ticket.last_person_version,
            "state": one.ticket.state.value,
            **items.index_attributes(one.ticket),
        }
        for name, value in wanted.items():
            if head.get(name) != value:
                words = f"its snapshot is listed with {name} = {head.get(name)!r}, not {value!r}"
                yield Violation(one.number, words)


def _fields(ticket: Ticket) -> dict[str, object]:
    """The fields of a ticket, and those of each of its clocks as `clocks.resolution.due_at`."""
    found = {name: getattr(ticket, name) for name in Ticket.__struct_fields__ if name != "clocks"}
    for clock, value in ticket.clocks.items():
        found |= {f"clocks.{clock}.{n}": getattr(value, n) for n in value.__struct_fields__}
    return found


def rungs(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """A rung fires once for each promise, and not before it is due."""
    for one in known:
        before = one.states[0]
        for event, after in zip(one.events[1:], one.states[1:], strict=True):
            if event.type is EventType.RUNG_FIRED:
                data = event.data
                clock, words = data["clock"], f"{data['clock']}: {data['step']}"
                # A rung of the same wake may have ended the search for an agent.
                running = before.timers.get(clock)
                if running is not None and data["step"] in running.fired:
                    yield Violation(one.number, f"{words} fired again (event {event.number})")
                elif event.at < datetime.fromisoformat(data["due_at"]):
                    yield Violation(one.number, f"{words} fired too early (event {event.number})")
            before = after


# ------------------------------------------------------------------------------ workflows


def timers(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """The TIMER fits the ticket, the workflow of an open ticket sleeps, and no rung is overdue."""
    for one in known:
        timer, ticket = _of(one.stored.timer), one.ticket
        wake = tickets.next_wake(ticket, one.plan)
        wanted = {
            "phase": ticket.phase.value,
            "next_wake_ms": None if wake is None else encoding.milliseconds(wake),
        }
        for name, value in wanted.items():
            if timer.get(name) != value:
                words = f"its TIMER has {name} = {timer.get(name)!r}, the ticket needs {value!r}"
                yield Violation(one.number, words)
        if "awake" in timer:
            yield Violation(one.number, f"its workflow is awake since {timer['awake_since']}")
        armed = timer.get("armed")
        if ticket.phase is Phase.CLOSED:
            continue
        if armed is None or (armed["seq"], armed["phase"]) != (timer["seq"], timer["phase"]):
            yield Violation(one.number, "its workflow does not sleep for what the ticket waits for")
        due = clocks.due_rungs(ticket.timers, tickets.ladders(ticket, one.plan), evidence.ended)
        for rung in due:
            if evidence.ended - rung.due_at > LATE:
                late = (evidence.ended - rung.due_at).total_seconds()
                words = f"{rung.clock}: {rung.step} fell due {late:.0f} s ago and has not fired"
                yield Violation(one.number, words)


def executions(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """Exactly one execution of its generation runs for each ticket that waits, and none for others.

    A closed ticket waits while something is still to be done on it.
    """
    by_ticket: defaultdict[str, list[str]] = defaultdict(list)
    for name in evidence.running:
        by_ticket[name.rpartition("-")[0]].append(name)
    for one in known:
        running = sorted(by_ticket.pop(one.number, []))
        is_open = one.ticket.phase is not Phase.CLOSED
        wanted = [f"{one.number}-{int(_of(one.stored.timer)['gen'])}"] if is_open else []
        if running != wanted:
            words = f"the executions {running} run instead of {wanted}"
            yield Violation(one.number, words)
    for number, names in by_ticket.items():
        if number not in evidence.tickets:
            yield Violation(number, f"the executions {names} belong to no ticket")


# ------------------------------------------------------------------------------ mails


def mails(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """Each mail that must follow an event has one record, and SES accepted it once.

    A mail without a record must have been outdated at some time since its event. So must a mail
    whose record is not finished: a worker died after its claim, and the next one skipped the mail.
    A call of reserve staff names no ticket: its mail has another id (`sending.hidden_id`).
    """
    hidden = set[str]()
    lost = Counter(one.mail for one in evidence.lost if one.mail is not None)
    spare = sum(one.mail is None for one in evidence.lost) + evidence.ended_workers
    for one in known:
        due: dict[str, int] = {}
        for index, event in enumerate(one.events):
            for mail in mails_after(event):
                job = MailJob(one.number, event.number, mail.template, mail.audience)
                due[job.key] = index
                if job.key not in one.stored.mails and not _was_outdated(one, job, index, evidence):
                    yield Violation(one.number, f"the mail {job.key} has no record")
        for key, record in one.stored.mails.items():
            if key not in due:
                yield Violation(one.number, f"the mail {key} follows from no event")
            if record["state"] not in ("sent", "refused") and not (
                key in due and _was_outdated(one, _job_of(one.number, key), due[key], evidence)
            ):
                words = f"the mail {key} is still {record['state']} ({record.get('fault')})"
                yield Violation(one.number, words)
            name = f"{one.number}/{key}"
            if template_of_key(key) == CALLED:
                name = f"/{hidden_id(_job_of(one.number, key))}"
                hidden.add(name)
            copies = evidence.outbox[name]
            if record["state"] == "sent" and not copies:
                yield Violation(one.number, f"the mail {key} is recorded as sent and was not")
            if record["state"] == "refused" and copies:
                yield Violation(one.number, f"the mail {key} is recorded as refused and was sent")
            more = copies - 1 - lost[name]
            if more > 0:
                spare -= more
                if spare < 0:
                    yield Violation(one.number, f"the mail {key} was sent {copies} times")
        acknowledged = [k for k in one.stored.mails if k.split(".")[1] == ACKNOWLEDGEMENT]
        if any(one.stored.mails[key]["state"] == "sent" for key in acknowledged) and (
            one.ticket.acknowledged_at is None
        ):
            yield Violation(one.number, "its acknowledgement was sent and is not recorded")
    for name in evidence.outbox:
        number, _, key = name.partition("/")
        if not number:
            if template_of_key(key) == CALLED and name not in hidden:
                yield Violation("no ticket", f"the mail {key} was sent without a record")
            continue
        stored = evidence.tickets.get(number)
        if stored is None or key not in stored.mails:
            yield Violation(number, f"the mail {key} was sent without a record")


def _job_of(number: str, key: str) -> MailJob:
    event, template, audience = key.split(".")
    return MailJob(number, int(event), template, audience)


def _was_outdated(one: Known, job: MailJob, index: int, evidence: Evidence) -> bool:
    """Whether the mail was outdated at some time between its event and now."""
    event = one.events[index]
    for place in range(index, len(one.events)):
        last = place == len(one.events) - 1
        until = evidence.ended if last else one.events[place + 1].at
        plan = one.plans[one.states[place].plan_version]
        history = one.events[: place + 1]
        if reason_to_skip(Matter(job, event, one.states[place], plan, until, history)):
            return True
    return False


def _text_of(event: Event) -> str:
    """What an event holds without the addresses it was written to: a customer's has the mark."""
    return str({name: value for name, value in event.data.items() if name not in _WRITTEN_TO})


def arrivals(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """Each incoming mail became one ticket, message or notice, or one held mail."""
    texts = [(one, _text_of(event)) for one in known for event in one.events]
    records = [str(record) for record in evidence.arrivals.values()]
    for mailed in evidence.mailed:
        at = sorted(one.number for one, text in texts if mailed.mark in text)
        kept = sum(mailed.mark in record for record in records)
        if mailed.accepted and not kept:
            yield Violation(mailed.mark, "the mail was accepted and has no record")
        if len(at) > 1:
            yield Violation(mailed.mark, f"the mail is there {len(at)} times: {', '.join(at)}")
        if kept > 1:
            yield Violation(mailed.mark, f"the mail has {kept} records")
    accepted = sum(mailed.accepted for mailed in evidence.mailed)
    if evidence.objects < accepted:
        words = f"{accepted} mails were accepted, {evidence.objects} objects have a record"
        yield Violation("incoming mail", words)
    events = {(one.number, event.number) for one in known for event in one.events}
    for identity, record in evidence.arrivals.items():
        place = (record.get("number"), record.get("event"))
        if record["state"] in ("opened", "joined", "noted") and place not in events:
            yield Violation(identity[:12], f"the mail is {record['state']} at {place}, nothing is")


# ------------------------------------------------------------------------------ scores and load


def facts(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """The stored facts are those of the histories, and none has a negative time."""
    wanted: dict[tuple[str, str, str, str], str] = {}
    for one in known:
        for _, fact in one.facts:
            name, agent = fact.name, fact.agent
            wanted[agent, fact.period, one.number, name] = pack(name, fact.value)
            if int(str(fact.value.get("seconds", 0))) < 0:
                yield Violation(one.number, f"{name} of {agent} took {fact.value['seconds']} s")
    stored: dict[tuple[str, str, str, str], str] = {}
    for item in evidence.facts:
        _, agent, period = item["pk"].split("#")
        for fact in facts_in(agent, period, _Row(item)):
            stored[agent, period, fact.number, fact.name] = pack(fact.name, fact.value)
    for key in sorted(wanted.keys() | stored.keys()):
        if wanted.get(key) != stored.get(key):
            agent, period, number, name = key
            words = f"the fact {name} of {agent} in {period} is {stored.get(key)}"
            yield Violation(number, f"{words}, its history gives {wanted.get(key)}")


FACT_NAMES: Mapping[str, str] = {
    "reaction": "re",
    "first_response": "fr",
    "answered": "an",
    "resolution": "rn",
    "resolved": "rd",
    "survey": "su",
}
"""The attribute of each fact. Attributes have short names, because an item of facts is small."""


class _Row:
    """An item of facts with its attributes as fields; a missing one is None."""

    def __init__(self, item: Item) -> None:
        self._item = item

    def __getattr__(self, name: str) -> object:
        return self._item.get(FACT_NAMES.get(name, name))


def cards(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """Each stored scorecard is what the histories and the ratings gave when it was computed.

    Facts may have come since. The card is then older than the facts, until the next run.
    """
    of_agent: defaultdict[tuple[str, str], list[tuple[datetime, Fact]]] = defaultdict(list)
    for one in known:
        for at, fact in one.facts:
            of_agent[fact.agent, fact.period].append((at, fact))
    for agent, period in sorted(of_agent.keys() - evidence.cards.keys()):
        yield Violation(agent, f"there are facts of {period} and no scorecard")
    for (agent, period), item in evidence.cards.items():
        card = msgspec.json.decode(item["doc"], type=Card)
        held, wanted = card.scorecard, None
        for facts_then in _at_scoring(of_agent[agent, period], card.scored_at):
            wanted = scorecard.score(
                agent,
                facts_then,
                _rating(evidence, agent, period),
                evidence.plans[card.plan_version].score,
                period,
                held.preview,
            )
            if (held.digest, held.total, held.grade) == (wanted.digest, wanted.total, wanted.grade):
                break
        else:
            assert wanted is not None, "there is at least one moment of scoring"
            words = f"the scorecard of {period} has {held.total} {held.grade} {held.digest[:8]}"
            gives = f"{wanted.total} {wanted.grade} {wanted.digest[:8]}"
            yield Violation(agent, f"{words}, the histories give {gives}")


def _at_scoring(given: list[tuple[datetime, Fact]], scored_at: datetime) -> Iterator[list[Fact]]:
    """What an agent's facts may have been when they were read for a card, the latest first.

    The card says when it was computed, and clocks may be a minute off.
    """
    near = {at for at, _ in given if abs(at - scored_at) <= CLOCK}
    moments = sorted({scored_at, *near, *(at - timedelta(microseconds=1) for at in near)})
    for moment in reversed(moments):
        latest = {(fact.number, fact.name): fact for at, fact in given if at <= moment}
        yield list(latest.values())


def _rating(evidence: Evidence, agent: str, period: str) -> Rating | None:
    item = evidence.ratings.get((agent, period))
    return msgspec.json.decode(item["doc"], type=Rating) if item else None


def loads(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """An agent's load is the number of their tickets that need an agent, within their capacity.

    What their live conversations take is the sum of those of their tickets that are counted, within
    their attention. Each that goes on is counted, unless the agent has set a presence since. A
    presence ends none to which the agent has had no time to react. One that was quiet for long may
    be counted no more.
    """
    held = Counter(
        one.ticket.assignee
        for one in known
        if one.ticket.assignee and one.ticket.state in (State.NEW, State.OPEN, State.WAITING)
    )
    for agent in sorted(evidence.duties.keys() | held.keys()):
        duty: Item = evidence.duties.get(agent, {})
        load, capacity = int(duty.get("load", 0)), int(duty.get("capacity", 0))
        if load != held[agent]:
            yield Violation(agent, f"the load is {load}, and {held[agent]} tickets are assigned")
        if held[agent] > capacity:
            yield Violation(agent, f"{held[agent]} tickets are more than the capacity {capacity}")
        yield from _conversations(evidence, known, agent)


def _was_quiet(one: Known, begin: datetime) -> bool:
    """Whether nothing happened to a live conversation for so long that the sweep may have ended it.

    It is counted again with the next words of its agent if they have room.
    """
    later = zip(one.states, one.events[1:], strict=False)
    return any(event.at > begin and not before.is_live_at(event.at) for before, event in later)


def _conversations(evidence: Evidence, known: list[Known], agent: str) -> Iterator[Violation]:
    duty: Item = evidence.duties.get(agent, {})
    counted: set[str] = set(duty.get("conversations", ()))
    going_on = {
        one.number: one for one in known if one.ticket.assignee == agent and one.ticket.live_now
    }
    for number in sorted(counted - going_on.keys()):
        yield Violation(agent, f"the conversation of {number} is counted, and it is over")
    for number in sorted(going_on.keys() - counted):
        one = going_on[number]
        given = max(event.at for event in one.events if event.type is EventType.ASSIGNED)
        presence = datetime.fromisoformat(duty["since"]) if "since" in duty else given
        is_new = one.ticket.unaccepted_since is not None and presence - given < HAS_JUST_COME
        ended = "since" in duty and presence >= given and not is_new
        ended |= _was_quiet(one, given)
        if goes_on(one.ticket, agent, evidence.ended) and not ended:
            yield Violation(agent, f"the conversation of {number} is not counted")
    live = sum(going_on[number].ticket.live_now for number in counted & going_on.keys())
    if int(duty.get("live", 0)) != live:
        words = f"conversations take {duty.get('live', 0)} %, those of the tickets {live} %"
        yield Violation(agent, words)
    if live > ALL_ATTENTION:
        yield Violation(agent, f"conversations take {live} % of the attention")


# ------------------------------------------------------------------------------ clients


def submissions(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """A submission opens one ticket, however often it was sent, and every answer names that one."""
    opened: defaultdict[str, list[str]] = defaultdict(list)
    for one in known:
        opened[str(one.events[0].data)].append(one.number)
    for sent in evidence.submissions:
        found = sorted(n for text, numbers in opened.items() if sent.mark in text for n in numbers)
        if len(found) > 1:
            yield Violation(found[0], f"one submission ({sent.key}) opened {', '.join(found)}")
        for number in sorted(set(sent.numbers) - set(found)):
            yield Violation(number, f"the submission {sent.key} was answered, and it is not there")
    for item in evidence.keys:
        if item["number"] not in evidence.tickets:
            yield Violation(item["number"], f"{item['pk']} names it, and it is not there")
    named = Counter(item["number"] for item in evidence.keys)
    for number, count in named.items():
        if count > 1:
            yield Violation(number, f"{count} idempotency keys name it")


def words(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """A text whose answer was a yes is in the history once. Any other text is there at most once.

    Its event has a time at which it can have happened.
    """
    texts = {one.number: [(event, str(event.data)) for event in one.events] for one in known}
    for said in evidence.said:
        events = [event for event, text in texts.get(said.number, []) if said.mark in text]
        about = f"{said.what} ({said.mark})"
        if said.answered and not events:
            yield Violation(said.number, f"{about} was answered and is missing")
        if said.refused and events:
            yield Violation(said.number, f"{about} was refused and is there")
        if len(events) > 1:
            yield Violation(said.number, f"{about} is there {len(events)} times")
        for event in events:
            if said.answered and said.between is not None:
                sent, answered = said.between
                if not sent - CLOCK <= event.at <= answered + CLOCK:
                    off = (event.at - sent).total_seconds()
                    yield Violation(said.number, f"{about} is dated {off:.0f} s after it was sent")


def queues(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """The queues are empty, and no mail is in a dead-letter queue.

    What lies in another dead-letter queue is not lost: the other checks say what became of it.
    """
    for name, count in evidence.left.items():
        if count:
            yield Violation(name, f"{count} messages are still there")
    for name, bodies in evidence.dead.items():
        if "Mail" in name or "Inbound" in name:
            for body in bodies:
                yield Violation(name, f"a message was set aside: {body[:200]}")


def repairs(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """The last reconciliation had nothing to repair."""
    for finding, count in evidence.repaired.items():
        yield Violation("reconciliation", f"{finding}: {count}")


CHECKS: tuple[Check, ...] = (
    steps,
    times,
    heads,
    rungs,
    timers,
    executions,
    mails,
    arrivals,
    facts,
    cards,
    loads,
    submissions,
    words,
    queues,
    repairs,
)


def now() -> datetime:
    return datetime.now(UTC)
