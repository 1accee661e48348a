"""The steps that split messages off a ticket into one of their own, and that undo it.

A step changes both tickets, and the caller writes both changes in one transaction
(`tickets.cases.splitting`). The new ticket belongs to the author of the messages, who need not be
the customer of the ticket in which they were written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from redress.base.addresses import canonical
from redress.base.errors import (
    Fault,
    InvalidInput,
    NotSplittable,
    NotUndone,
)
from redress.base.people import CUSTOMER, SYSTEM, Actor, Member
from redress.base.scripts import language_of
from redress.base.texts import cleaned_line
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Clock, ClockName
from redress.plans.rules import categories
from redress.plans.rules.plan import Plan
from redress.tickets.rules.answers import Way, way_of
from redress.tickets.rules.change import Change
from redress.tickets.rules.conflicts import SAID, SPEAKING
from redress.tickets.rules.interest import kept_from
from redress.tickets.rules.split_events import split_off, written_at
from redress.tickets.rules.steps.draft import Draft, require_possible
from redress.tickets.rules.steps.table import (
    MOST_ABOUT,
    MOST_LINKS,
    SPLIT_UNDONE,
    Step,
)
from redress.tickets.rules.submission import NAME_LIMIT, SUBJECT_LIMIT
from redress.tickets.rules.ticket import (
    UNPROVEN,
    Contact,
    Event,
    EventType,
    LinkKind,
    State,
    Ticket,
    is_bare_thanks,
    promises,
)

LIVE_CHANNELS = ("phone", "chat", "social")
"""The channels on which somebody waits at the other end. Nobody waits there for what is split
off."""

FOUND_BY = "split"
"""How a ticket was matched if its messages come from a ticket of this customer."""

ABOUT_TOO = "the ticket from which its messages come is about them"
NAMED = "the complaint names them"

_MESSAGES = (EventType.OPENED, EventType.CUSTOMER_WROTE)
"""The events that are messages of a customer or a participant."""

BY_EVENTS = ("split_before", "nothing_left")
"""The codes of faults that another split since the ticket was read can be the reason for."""


@dataclass(frozen=True, slots=True)
class NewMatter:
    """What a member of staff wants to be a ticket of its own: the numbers of the events that are
    its messages, what it is, and why."""

    events: Sequence[int]
    subject: str
    kind: str
    category: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The ticket off which messages are split, its plan, the time of its change, its history."""

    ticket: Ticket
    plan: Plan
    at: datetime
    history: Sequence[Event]


def chosen(origin: Origin, matter: NewMatter, plan: Plan) -> list[Event]:
    """Return the messages that are split off, oldest first. `plan` is that of the new ticket.

    Raises NotAllowedNow in a state in which nothing is split off, and InvalidInput with every
    fault: an event that is no message of somebody outside or was split off before, messages of
    different authors, nothing that would be left, a kind and a category that do not fit.
    """
    faults, messages = _faults_of_events(origin, matter.events)
    if len(matter.subject.splitlines()) > 1:
        faults.append(Fault("/subject", "one_line", "the subject is one line"))
    elif len(cleaned_line(matter.subject)) > SUBJECT_LIMIT:
        faults.append(Fault("/subject", "too_long", f"at most {SUBJECT_LIMIT} characters"))
    if matter.category is not None and (
        fault := categories.fault_of(plan.categories, matter.category, matter.kind)
    ):
        faults.append(fault)
    if faults:
        raise InvalidInput(faults)
    require_possible(Step.SPLIT, origin.ticket)
    return messages


def _faults_of_events(origin: Origin, wanted: Sequence[int]) -> tuple[list[Fault], list[Event]]:
    faults: list[Fault] = []
    known = {event.number: event for event in origin.history}
    moved, counted = split_off(origin.history), _counted(origin.history)
    first: Event | None = None
    messages: list[Event] = []
    for index, number in enumerate(wanted):
        here, event = f"/events/{index}", known.get(number)
        if event is None:
            faults.append(Fault(here, "unknown_event", "this ticket has no such event"))
        elif number in wanted[:index]:
            faults.append(Fault(here, "repeated", "this event is in the list before"))
        elif event.type not in _MESSAGES:
            detail = f"{event.type} is no message of the customer or a participant"
            faults.append(Fault(here, "not_a_message", detail))
        elif number in moved:
            faults.append(Fault(here, "split_before", "this message was split off before"))
        elif UNPROVEN in event.data.get("source", {}):
            faults.append(Fault(here, "unproven", "nobody knows who wrote this message"))
        elif is_bare_thanks(event) and number not in counted:
            detail = "this message only thanks: count it as a message first"
            faults.append(Fault(here, "thanks", detail))
        elif first is not None and _author(origin.ticket, event) != _author(origin.ticket, first):
            detail = f"event {first.number} has another author: split it off by itself"
            faults.append(Fault(here, "other_author", detail))
        else:
            first = first or event
            messages.append(event)
    left = [
        event
        for event in origin.history
        if event.number not in {*moved, *wanted}
        and event.type in _MESSAGES
        and (not is_bare_thanks(event) or event.number in counted)
    ]
    if not left:
        detail = "no message would be left: change the kind of this ticket instead"
        faults.append(Fault("/events", "nothing_left", detail))
    if not faults and not any(_text(event) for event in messages):
        faults.append(Fault("/events", "no_words", "none of these messages has a text"))
    return faults, sorted(messages, key=lambda event: event.number)


def _counted(history: Sequence[Event]) -> set[int]:
    """The numbers of the bare thanks that staff have counted as messages."""
    return {one.data["event"] for one in history if one.type is EventType.MESSAGE_COUNTED}


def _text(event: Event) -> str:
    text: str = event.data.get("description") or event.data.get("text") or ""
    return text


def _author(ticket: Ticket, event: Event) -> str | None:
    """The address of the participant who wrote a message; None if it was the customer."""
    address: str | None = event.data.get("from") if event.type is not EventType.OPENED else None
    if address is None or canonical(address) == canonical(ticket.contact.email or ""):
        return None
    return address


def texts_of(messages: Sequence[Event], matter: NewMatter) -> tuple[str, ...]:
    """The texts in which a complaint may name members of staff."""
    return (matter.subject, *map(_text, messages))


def split(
    origin: Origin,
    matter: NewMatter,
    messages: Sequence[Event],
    number: str,
    plan: Plan,
    by: Actor,
    at: datetime,
    named: Sequence[Member] = (),
) -> tuple[Change, Change]:
    """Split messages off a ticket. Return the change of the ticket, and the one that opens the new
    ticket `number` of their author, at `at`.

    `messages` are those of `chosen`, and `named` the members of staff whom a complaint names. The
    new ticket has the messages with their origin. What was promised for them before holds on, where
    it is due earlier (`_brought`). The other messages keep what was promised for them. If none of
    them waits for an answer, none is owed any more.

    Raises NotSplittable with every reason for which nothing of this ticket is split off now.
    """
    ticket = origin.ticket
    about = tuple(dict.fromkeys((*ticket.about, *(one.id for one in named))))
    if faults := _faults_of(ticket, about):
        raise NotSplittable(faults, Step.SPLIT, ticket.state)
    opened = _opened(origin, matter, messages, number, plan, by, at, named)
    data: dict[str, Any] = {
        "kind": LinkKind.SPLIT_INTO.value,
        "ticket": number,
        "events": [event.number for event in messages],
        "subject": opened.after.subject,
        "why": matter.why.strip(),
    }
    if _author(ticket, messages[0]) is None:
        data["own"] = True
    if (left := _left(origin, messages)) is not None:
        data["unanswered"] = left
    lost = Draft(ticket, origin.plan, by, origin.at).add(EventType.SPLIT, data).change()
    return lost, opened


def _faults_of(ticket: Ticket, about: Sequence[str]) -> list[Fault]:
    faults = []
    if ticket.about_unclear is not None:
        # Nobody knows from whom the new ticket would have to be kept.
        faults.append(Fault("", "about_unclear", "decide first whom the ticket is about"))
    if len(ticket.links) >= MOST_LINKS:
        faults.append(Fault("", "too_many", f"this ticket has {MOST_LINKS} links; end one first"))
    if len(about) > MOST_ABOUT:
        detail = f"it would be about more than {MOST_ABOUT} members of staff"
        faults.append(Fault("", "too_many", detail))
    return faults


def _opened(
    origin: Origin,
    matter: NewMatter,
    messages: Sequence[Event],
    number: str,
    plan: Plan,
    by: Actor,
    at: datetime,
    named: Sequence[Member],
) -> Change:
    """Return the change that opens the new ticket."""
    ticket, own = origin.ticket, _author(origin.ticket, messages[0]) is None
    first, *further = messages
    address = _author(ticket, first)
    text = "\n".join(map(_text, messages))
    contact = ticket.contact if address is None else _contact_of(address)
    data: dict[str, Any] = {
        "number": number,
        "kind": matter.kind,
        "channel": _channel(ticket, address),
        "language": ticket.language if own else language_of(text, ticket.language),
        "subject": cleaned_line(matter.subject),
        "description": _text(first),
        "wished_remedy": None,
        "contact": {"name": contact.name, "email": contact.email, "phone": contact.phone}
        | ({"phone_e164": contact.phone_e164} if contact.phone_e164 else {})
        | ({"company": contact.company} if contact.company else {}),
        **_copied(first),
    }
    if matter.category is not None:
        data["category"] = matter.category
    part: dict[str, Any] = {
        "ticket": ticket.number,
        "events": [event.number for event in messages],
        "event": first.number,
        "at": written_at(first).isoformat(),
        "channel": _came_by(ticket, first),
        "by": by.id,
        "why": matter.why.strip(),
    }
    if any("split" in event.data for event in messages):
        part["kept"] = [list(_kept(origin, event)) for event in messages]
    if (waits := _unanswered(origin, messages)) is not None:
        part["since"] = waits.isoformat()
    if own:
        part["own"] = True
        known = _of_customer(ticket, origin.history[0])
        mail = data.get("mail", {}) | known.get("mail", {})
        data |= known | ({"mail": mail} if mail else {})
        if ticket.conversation is not None:
            part["conversation"] = msgspec.to_builtins(ticket.conversation)
        data |= _via(ticket, at)
    data["split"] = part
    alone = Draft(None, plan, CUSTOMER, at).add(EventType.OPENED, data).after
    if brought := _brought(origin, messages, alone, plan):
        part["clocks"] = {name.value: msgspec.to_builtins(one) for name, one in brought.items()}
    draft = Draft(None, plan, CUSTOMER, at).add(EventType.OPENED, data)
    for event in further:
        came = {
            "ticket": ticket.number,
            "event": event.number,
            "at": written_at(event).isoformat(),
            "channel": _came_by(ticket, event),
        }
        moved = {"text": _text(event), **_copied(event), "split": came}
        draft.add(EventType.CUSTOMER_WROTE, moved)
    if own and ticket.customer is not None:
        draft.add(EventType.MATCHED, {"customer": ticket.customer, "by": FOUND_BY}, SYSTEM)
    about = list(dict.fromkeys((*ticket.about, *(one.id for one in named))))
    if about:
        kept = sorted({*ticket.kept_from, *kept_from(plan, named, at)})
        why = ABOUT_TOO if ticket.about else NAMED
        accused: dict[str, Any] = {"about": about, "from": [], "why": why}
        draft.add(EventType.ABOUT_SET, accused | ({"kept_from": kept} if kept else {}), SYSTEM)
    return draft.change()


def _contact_of(address: str) -> Contact:
    """The contact of a participant, of whom only the address is known."""
    return Contact(name=address.partition("@")[0][:NAME_LIMIT], email=address)


def _channel(ticket: Ticket, participant: str | None) -> str:
    """The channel of the new ticket. Participants write by mail, and nothing of it is live."""
    if participant is not None:
        return "email"
    if ticket.channel not in LIVE_CHANNELS:
        return ticket.channel
    return "email" if ticket.has_address else "web"


def _came_by(ticket: Ticket, event: Event) -> str:
    """The channel by which a message came: that of its ticket, mail, or the status page."""
    data = event.data
    if "split" in data:
        channel: str = data["split"]["channel"]
        return channel
    if event.type is EventType.OPENED or "source" in data:
        return ticket.channel
    return "email" if "mail" in data else "web"


def _kept(origin: Origin, event: Event) -> tuple[str, int]:
    """The ticket that keeps the files of a message, and the number of the event there.

    It is the ticket in which the message was sent, also if it was split off before. The ticket that
    this made has these messages in their order (`_opened`), but events of its own can be between
    them: its checklist follows the first one.
    """
    ticket = origin.ticket
    if "split" not in event.data or ticket.split is None:
        return ticket.number, event.number
    came = [one.number for one in origin.history if "split" in one.data]
    return ticket.split.files[came.index(event.number)]


def _copied(event: Event) -> dict[str, Any]:
    """The data of a message that readers of its text need: its files, and the parts of a mail."""
    found: dict[str, Any] = {}
    if files := event.data.get("files"):
        found["files"] = [dict(file) for file in files]
    mail = event.data.get("mail", {})
    if shown := {name: mail[name] for name in ("parts", "text_cut") if name in mail}:
        found["mail"] = shown
    return found


def _of_customer(ticket: Ticket, opened: Event) -> dict[str, Any]:
    """The data of a new ticket of the same customer: who they are does not depend on the matter."""
    found: dict[str, Any] = {}
    if ticket.customer_type != "standard":
        found["customer_type"] = ticket.customer_type
    mail = opened.data.get("mail", {})
    # Their other address, and why no automatic mail may go to theirs.
    if known := {name: mail[name] for name in ("sender", "unacknowledged") if name in mail}:
        found["mail"] = known
    return found


def _via(ticket: Ticket, at: datetime) -> dict[str, Any]:
    """The event data with the conversation through which a customer without an address is told.

    Returns {} if there is none, or if it takes no answers now. Nobody is told at a phone number:
    it may be a stranger's.
    """
    talk = ticket.conversation
    if ticket.has_address or talk is None or not talk.goes_on(at):
        return {}
    return {"via": msgspec.to_builtins(talk)}


def _unanswered(origin: Origin, messages: Sequence[Event]) -> datetime | None:
    """Since when the oldest of these messages waits for an answer; None if all were answered."""
    waiting = (_waiting_since(origin, event) for event in messages)
    return min((at for at in waiting if at is not None), default=None)


def _waiting_since(origin: Origin, event: Event) -> datetime | None:
    """Since when a message, or another event, waits for an answer; None if it does not.

    What came with a split and was answered before waits since that split. A message that came after
    the resolution waits, too: nobody answers it in a ticket that is over.
    """
    ticket, since = origin.ticket, origin.ticket.unanswered_since
    answers = (EventType.REPLIED, EventType.RESOLVED)
    last = max((one.number for one in origin.history if one.type in answers), default=0)
    if event.number < last:
        return None
    at = written_at(event)
    if ticket.resolution is not None and not ticket.needs_agent:
        return at
    if since is None:
        return None
    if event.type is EventType.MERGED:
        at = datetime.fromisoformat(event.data["unanswered_since"])
    elif "split" in event.data and ticket.split is not None:
        at = max(at, ticket.split.since)
    return at if at >= since else None


def _left(origin: Origin, messages: Sequence[Event]) -> dict[str, Any] | None:
    """Return what waits for an answer after the split, as the event has it; None if the same does.

    If nothing does, the ticket waits for the customer as before these messages, unless something
    else may have answered what they were asked (`_is_asked`).
    """
    ticket, since = origin.ticket, origin.ticket.unanswered_since
    if since is None or _unanswered(origin, messages) is None:
        return None
    left_behind = _left_behind(origin.history, messages)
    others = [
        event
        for event in left_behind
        if event.type in (*_MESSAGES, EventType.DISPUTED) or _brought_words(event)
    ]
    oldest = _unanswered(origin, others)
    if oldest == since:
        return None
    left: dict[str, Any] = {"since": oldest.isoformat() if oldest is not None else None}
    if oldest is None and ticket.state is State.OPEN and _is_asked(left_behind):
        left["state"] = State.WAITING.value
    return left


def _left_behind(history: Sequence[Event], messages: Sequence[Event]) -> list[Event]:
    """The events of the ticket without the messages that are split off, now or before, without bare
    thanks that nobody has counted, and without merges that were undone."""
    gone = {*split_off(history), *(event.number for event in messages)}
    gone |= {event.number for event in history if is_bare_thanks(event)} - _counted(history)
    taken_in: dict[str, int] = {}
    for event in history:
        if event.type is EventType.MERGED:
            taken_in[event.data["ticket"]] = event.number
        elif event.type is EventType.UNMERGED:
            gone.add(taken_in[event.data["ticket"]])
    return [event for event in history if event.number not in gone]


def _brought_words(event: Event) -> bool:
    """Whether a message that nobody had answered came with this event, a merge."""
    return event.type is EventType.MERGED and "unanswered_since" in event.data


def _is_asked(left_behind: Sequence[Event]) -> bool:
    """Whether the last answer of staff asked the customer something that is still open.

    It is not if anything came since that may have answered it: a message, something that was given,
    also in a ticket that was merged into this one, or a conversation that was recorded later. Then
    it is the turn of staff, and no promise may wait for the customer.
    """
    answers = (EventType.REPLIED, EventType.RESOLVED, EventType.DISPUTED)
    asked = next((one for one in reversed(left_behind) if one.type in answers), None)
    if asked is None or not asked.data.get("wait_for_customer"):
        return False
    since = (event for event in left_behind if event.number > asked.number)
    return not any(_may_answer(event, asked) for event in since)


def _may_answer(event: Event, asked: Event) -> bool:
    """Whether the customer may have answered the question `asked` by this later event."""
    data = event.data
    match event.type:
        case EventType.CUSTOMER_WROTE:
            return True
        case EventType.ITEM_GIVEN:
            return not data.get("read")
        case EventType.MERGED:
            return _brought_words(event) or bool(data.get("facts", {}).get("items"))
        case EventType.CORRECTED:
            return datetime.fromisoformat(data["stopped_at"]) > asked.at
        case _:
            return False


def _brought(
    origin: Origin, messages: Sequence[Event], new: Ticket, plan: Plan
) -> dict[ClockName, Clock]:
    """Return the promises of the ticket that hold for the new one, because its own are later.

    These are the answer that it owes next, if one of the messages waits for an answer, and each
    promise that began with one of the messages. A split never makes later what was promised. The
    due time stays, in calendar time, with the ladder of the new ticket.
    """
    ticket, found = origin.ticket, dict[ClockName, Clock]()
    written = {written_at(event) for event in messages}
    answer = ClockName.FIRST_RESPONSE if ticket.state is State.NEW else ClockName.NEXT_REPLY
    waits = _unanswered(origin, messages) is not None
    promised = promises(new, plan)
    for name, clock in ticket.clocks.items():
        if clock.over or name not in (ClockName.REACTION, answer, ClockName.RESOLUTION):
            continue
        kept_as = ClockName.FIRST_RESPONSE if name is answer else name
        own = new.clocks.get(kept_as)
        if kept_as is ClockName.REACTION and own is None:
            continue
        holds = waits if name is answer else clock.started_at in written
        running = clocks.resume(clock, origin.at, origin.plan.calendar(clock.calendar))
        if not holds or (own is not None and own.due_at <= running.due_at):
            continue
        promise = promised.get(kept_as)
        pauses = promise.pauses if promise is not None else ()
        found[kept_as] = clocks.start(
            (running.due_at - clock.started_at) / timedelta(seconds=1),
            clock.started_at,
            ladder=promise.ladder if promise is not None else "",
            pauses=tuple(one for one in pauses if one in clock.pauses),
        )
    return found


# ------------------------------------------------------------------------------------- undoing

OTHER = "/ticket"
"""The pointer to the ticket that was split off, in a request."""


@dataclass(frozen=True, slots=True)
class Undone:
    """One side of a split that is undone: the ticket now and what happened since the split.

    `split` is the event of the split: `split` of the ticket that lost messages, `opened` of the new
    one. `before` is the ticket before it, None for the new one. `customer` is the id of the profile
    into which that of the ticket was merged, if it was; None if the ticket has none.
    """

    ticket: Ticket
    plan: Plan
    at: datetime
    split: Event
    since: Sequence[Event]
    before: Ticket | None = None
    customer: str | None = None


def unsplit(origin: Undone, new: Undone, by: Actor, why: str) -> tuple[Change, Change]:
    """Undo a split. Return the changes of both tickets.

    The messages are again those of the ticket in which they were written, and what is owed for them
    is owed there, measured as if they had never left. The new ticket is closed. If both are of one
    customer, what they write to it goes on to the other one.

    Raises NotAllowedNow in a state in which the messages cannot come back. Raises NotUndone if
    something was said in one of the tickets since, or if something is still to be done in the new
    one.
    """
    ticket = origin.ticket
    require_possible(Step.UNSPLIT, ticket)
    if faults := _too_late(origin, new):
        raise NotUndone(faults, Step.UNSPLIT, ticket.state)
    given = {
        "kind": LinkKind.SPLIT_INTO.value,
        "ticket": new.ticket.number,
        "why": why.strip(),
        **_again(origin),
    }
    is_own = new.customer == origin.customer  # one of the two may have been given to another one
    if origin.split.data.get("own") and is_own:
        given["own"] = True
    back = Draft(ticket, origin.plan, by, origin.at).add(EventType.UNSPLIT, given).change()
    over: dict[str, Any] = {
        "kind": LinkKind.SPLIT_FROM.value,
        "ticket": ticket.number,
        "why": why.strip(),
    }
    split = new.ticket.split
    if split is not None and split.is_own and is_own:
        over["own"] = True
        if new.customer is not None:
            over |= {"customer": new.ticket.customer, "its_customer": ticket.customer}
    way = way_of(new.ticket, new.at, new.plan.sms)
    if way.by is Way.MAIL and ClockName.ACKNOWLEDGEMENT in new.ticket.clocks:
        over["to"] = new.ticket.contact.email
    elif split is not None and split.is_own:
        over |= _via(new.ticket, new.at)
    ended = (
        Draft(new.ticket, new.plan, by, new.at)
        .add(EventType.UNSPLIT, over)
        .add(EventType.CLOSED, {"closure": SPLIT_UNDONE}, SYSTEM)
        .change()
    )
    return back, ended


_LAST = (EventType.URGED, EventType.NOBODY_THERE, EventType.CLOSED)
_LAST_OF_ORIGIN, _LAST_OF_NEW = (*SPEAKING, *_LAST), (*SAID, *_LAST)
"""The events after which a split is not undone: what somebody outside said or was told, and the
end. Nobody could say to which of the two tickets it belongs. Promises that moved stay moved in the
one that goes on; those of the other one end."""


def _too_late(origin: Undone, new: Undone) -> list[Fault]:
    """Return a fault for each reason why the split cannot be undone any more."""
    faults = [
        Fault(where, "too_late", f"{event.type} (event {event.number}) came after the split")
        for side, where, last in ((origin, "", _LAST_OF_ORIGIN), (new, OTHER, _LAST_OF_NEW))
        for event in side.since
        if (event.type in last and "split" not in event.data)
        or (event.type is EventType.CALL_RECORDED and "answered" in event.data)
    ]
    faults += [
        Fault(f"/remedies/{one.id}", "remedy_open", f"the remedy {one.kind} is {one.state}")
        for one in new.ticket.remedies
        if one.is_open
    ]
    faults += [
        Fault(f"/tasks/{task.id}", "task_open", f"'{task.title}' is required and not done")
        for task in new.ticket.tasks
        if task.blocks and not task.planned  # those of the plan end with the ticket
    ]
    joined, own = new.ticket.incident, origin.ticket.incident
    if joined is not None and (own is None or own.id != joined.id):
        detail = "let this ticket join the incident of the other one, or let that one leave it"
        faults.append(Fault(OTHER, "other_incident", detail))
    if not faults and new.ticket.state is not State.NEW:
        faults.append(Fault(OTHER, "too_late", f"the other ticket is {new.ticket.state}"))
    return faults


def _again(origin: Undone) -> dict[str, Any]:
    """Return what waits for an answer again, as the event has it; {} if the split settled nothing.

    Nothing was said since, so it is what it was before the split. `split_at` is when the ticket may
    have begun to wait for something, because no message waited any more.
    """
    before = origin.before
    if before is None or "unanswered" not in origin.split.data:
        return {}
    assert before.unanswered_since is not None, "the split settled messages that waited"
    found: dict[str, Any] = {
        "unanswered": {
            "since": before.unanswered_since.isoformat(),
            "state": before.state.value,
            "split_at": origin.split.at.isoformat(),
        }
    }
    answer = before.clocks.get(ClockName.NEXT_REPLY)
    if answer is not None and not answer.over:
        again = _measured_again(answer, origin)
        found["clocks"] = {ClockName.NEXT_REPLY.value: msgspec.to_builtins(again)}
    return found


def _measured_again(clock: Clock, side: Undone) -> Clock:
    """The clock of an answer with what it has consumed until now, as if nothing had stopped it.

    While a message waits for an answer, no clock is paused. The plan is the same as before: a split
    is not undone after it was changed.
    """
    plan, now = side.plan, side.ticket.clocks[ClockName.NEXT_REPLY]
    if not now.over:
        return now
    return clocks.replan(
        clock,
        clock.target_s,
        side.at,
        plan.calendar(clock.calendar),
        name=clock.calendar,
        ladder=clock.ladder,
        pauses=clock.pauses,
        rungs=plan.rungs(ClockName.NEXT_REPLY, clock.ladder, clock.target_s, by_mail=False),
    )
