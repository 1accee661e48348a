"""The steps that split messages off a ticket into one of their own, and that undo it.

A step changes both tickets, and the caller writes all changes in one transaction
(`tickets.cases.splitting`). The new ticket belongs to the author of the messages, who need not be
the customer of the ticket in which they were written.

The messages can be those of a ticket that was merged into the first one, and that is no matter of
it (`Merged`). They are split off the first one, where they were to be answered, and the merged one
is marked by the same transaction.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from copy import replace
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
from redress.base.people import CUSTOMER, SYSTEM, Actor, Member, Role
from redress.base.scripts import language_of
from redress.base.texts import cleaned_line
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Clock, ClockName, ClockState
from redress.plans.rules import categories
from redress.plans.rules.plan import Plan
from redress.tickets.rules.answers import Way, way_of
from redress.tickets.rules.change import Change
from redress.tickets.rules.conflicts import SAID, SPEAKING
from redress.tickets.rules.interest import kept_from
from redress.tickets.rules.split_events import merged_words, split_off, written_at
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
    Conversation,
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
"""The events that are messages of a customer or a participant. At least one of them stays."""

_WAITING = (*_MESSAGES, EventType.DISPUTED)
"""The events with which the customer began to wait for an answer."""

BY_EVENTS = ("split_before", "nothing_left", "not_merged")
"""The codes of faults that another split since the ticket was read can be the reason for."""


@dataclass(frozen=True, slots=True)
class NewMatter:
    """What a member of staff wants to be a ticket of its own: the numbers of the events that are
    its messages, what it is, and why.

    `merged` is set if they are events of a ticket that was merged into the first one: its number,
    as it was typed.
    """

    events: Sequence[int]
    subject: str
    kind: str
    category: str | None
    why: str
    merged: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A merged ticket whose messages are split off its target.

    It has its plan, the time of its change and its history.

    `before` is what it was when it was merged, and `merge` the event by which the other one took it
    in. `goes_on` says whether both are of one customer now.
    """

    ticket: Ticket
    plan: Plan
    at: datetime
    history: Sequence[Event]
    before: Ticket
    merge: Event
    goes_on: bool

    @property
    def was(self) -> Origin:
        """The ticket in the form that a split needs."""
        history = [event for event in self.history if event.number <= self.before.version]
        return Origin(self.before, self.plan, self.at, history)


@dataclass(frozen=True, slots=True)
class Origin:
    """The ticket off which messages are split, its plan, the time of its change, its history.

    `taken` is the ticket in which the messages were written, if it was merged into this one.
    """

    ticket: Ticket
    plan: Plan
    at: datetime
    history: Sequence[Event]
    taken: Taken | None = None

    @property
    def written(self) -> Ticket:
        """The ticket in which the messages were written. Their author is one of its people."""
        return self.ticket if self.taken is None else self.taken.ticket

    @property
    def said(self) -> Sequence[Event]:
        """The history in which the messages are."""
        return self.history if self.taken is None else self.taken.history

    @property
    def is_of_one(self) -> bool:
        """Whether the messages were written in a ticket of the same customer, as is known now."""
        return self.taken is None or self.taken.goes_on


MERGED_TICKET = "/merged"
"""The pointer to the merged ticket in a request."""


def chosen(
    origin: Origin, matter: NewMatter, plan: Plan, unknown: Fault | None = None
) -> list[Event]:
    """Return the messages that are split off, oldest first. `plan` is that of the new ticket.

    `unknown` is the fault of the merged ticket that the matter names, if there is none.

    Raises NotAllowedNow in a state in which nothing is split off, and InvalidInput with every
    fault: an event that is no message of somebody outside or was split off before, messages of
    different authors, nothing that would be left, a kind and a category that do not fit.
    """
    faults, messages = ([unknown], list[Event]()) if unknown else _faults_of_events(origin, matter)
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


def _faults_of_events(origin: Origin, matter: NewMatter) -> tuple[list[Fault], list[Event]]:
    faults: list[Fault] = []
    wanted, written = matter.events, origin.written
    known = {event.number: event for event in origin.said}
    moved, counted = split_off(origin.said), _counted(origin.said)
    first: Event | None = None
    messages: list[Event] = []
    for index, number in enumerate(wanted):
        here, event = f"/events/{index}", known.get(number)
        if event is None:
            faults.append(Fault(here, "unknown_event", "this ticket has no such event"))
        elif number in wanted[:index]:
            faults.append(Fault(here, "repeated", "this event is in the list before"))
        elif not _is_message(event):
            detail = f"{event.type} is no message of the customer or a participant"
            faults.append(Fault(here, "not_a_message", detail))
        elif number in moved:
            faults.append(Fault(here, "split_before", "this message was split off before"))
        elif UNPROVEN in event.data.get("source", {}):
            faults.append(Fault(here, "unproven", "nobody knows who wrote this message"))
        elif is_bare_thanks(event) and number not in counted:
            detail = "this message only thanks: count it as a message first"
            faults.append(Fault(here, "thanks", detail))
        elif first is not None and _author(written, event) != _author(written, first):
            detail = f"event {first.number} has another author: split it off by itself"
            faults.append(Fault(here, "other_author", detail))
        else:
            first = first or event
            messages.append(event)
    left = [
        event
        for event in origin.said
        if event.number not in {*moved, *wanted}
        and event.type in _MESSAGES
        and (not is_bare_thanks(event) or event.number in counted)
    ]
    if not left and origin.taken is None:  # a ticket that took another one in keeps its own
        detail = "no message would be left: change the kind of this ticket instead"
        faults.append(Fault("/events", "nothing_left", detail))
    if not faults and not any(_text(event) for event in messages):
        faults.append(Fault("/events", "no_words", "none of these messages has a text"))
    return faults, sorted(messages, key=lambda event: event.number)


def _is_message(event: Event) -> bool:
    """Whether an event has words of the customer or a participant.

    What the customer says with a dispute, or for an item of the checklist, can be about something
    else, too. The dispute stays one, and the item stays given. What staff have written of a call in
    which the customer was not content are not the customer's words.
    """
    if event.type in (EventType.DISPUTED, EventType.ITEM_GIVEN):
        return event.by.role is Role.CUSTOMER and bool(event.data.get("text"))
    return event.type in _MESSAGES


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
) -> tuple[Change, Change, *tuple[Change, ...]]:
    """Split messages off a ticket. Return the change of the ticket, and the one that opens the new
    ticket `number` of their author, at `at`. If they were written in a ticket that was merged into
    this one, its change is the third one.

    `messages` are those of `chosen`, and `named` the members of staff whom a complaint names. The
    new ticket has the messages with their origin. What was promised for them before holds on, where
    it is due earlier (`_brought`). The other messages keep what was promised for them. If none of
    them waits for an answer, none is owed any more.

    Raises NotSplittable with every reason for which nothing of this ticket is split off now.
    """
    ticket, taken = origin.ticket, origin.taken
    if faults := _faults_of(origin, _about(origin, named)):
        raise NotSplittable(faults, Step.SPLIT, ticket.state)
    opened = _opened(origin, matter, messages, number, plan, by, at, named)
    data: dict[str, Any] = {
        "kind": LinkKind.SPLIT_INTO.value,
        "ticket": number,
        "events": [event.number for event in messages],
        "subject": opened.after.subject,
        "why": matter.why.strip(),
    }
    if _author(origin.written, messages[0]) is None:
        data["own"] = True
    if taken is None:
        if (left := _left(origin, messages)) is not None:
            data["unanswered"] = left
        return Draft(ticket, origin.plan, by, origin.at).add(EventType.SPLIT, data).change(), opened
    require_possible(Step.SPLIT_MERGED, taken.ticket)
    marked = Draft(taken.ticket, taken.plan, by, taken.at).add(EventType.SPLIT, data).change()
    # Who the customer of the merged ticket is now need not be who they were.
    data = {name: one for name, one in data.items() if name != "own" or origin.is_of_one}
    data["merged"] = taken.ticket.number
    words = _words_left(taken, messages)
    if words is not None:
        data["left"] = words.isoformat()
    if (left := _left(origin, messages)) is not None:
        data["unanswered"] = left
    lost = Draft(ticket, origin.plan, by, origin.at).add(EventType.SPLIT, data).change()
    return lost, opened, marked


def _about(origin: Origin, named: Sequence[Member]) -> list[str]:
    """The members of staff from whom the new ticket is kept."""
    of_both = (*origin.ticket.about, *origin.written.about)
    return list(dict.fromkeys((*of_both, *(one.id for one in named))))


def _faults_of(origin: Origin, about: Sequence[str]) -> list[Fault]:
    faults, ticket = [], origin.ticket
    if ticket.about_unclear is not None:
        # Nobody knows from whom the new ticket would have to be kept.
        faults.append(Fault("", "about_unclear", "decide first whom the ticket is about"))
    if len(ticket.links) >= MOST_LINKS:
        faults.append(Fault("", "too_many", f"this ticket has {MOST_LINKS} links; end one first"))
    if origin.taken is not None and len(origin.written.links) >= MOST_LINKS:
        detail = f"the merged ticket has {MOST_LINKS} links; end one of them first"
        faults.append(Fault(MERGED_TICKET, "too_many", detail))
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
    ticket = origin.written
    first, *further = messages
    address = _author(ticket, first)
    own = address is None
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
        | ({"no_sms": True} if contact.no_sms else {})
        | ({"company": contact.company} if contact.company else {}),
        **_copied(first),
    }
    if matter.category is not None:
        data["category"] = matter.category
    part: dict[str, Any] = {
        "ticket": origin.ticket.number,
        "events": [event.number for event in messages],
        "event": first.number,
        "at": written_at(first).isoformat(),
        "channel": _came_by(ticket, first),
        "by": by.id,
        "why": matter.why.strip(),
    }
    if origin.taken is not None:
        part["merged"] = ticket.number
    if origin.taken is not None or any("split" in event.data for event in messages):
        part["kept"] = [list(_kept(origin, event)) for event in messages]
    if (waits := _unanswered(origin, messages)) is not None:
        part["since"] = waits.isoformat()
    if own and origin.is_of_one:
        part["own"] = True
    if own:
        known = _of_customer(ticket, origin.said[0])
        mail = data.get("mail", {}) | known.get("mail", {})
        data |= known | ({"mail": mail} if mail else {})
        talk = _conversation(origin, at)
        if talk is not None:
            part["conversation"] = msgspec.to_builtins(talk)
        data |= _via(ticket, talk, at)
    data["split"] = part
    alone = Draft(None, plan, CUSTOMER, at).add(EventType.OPENED, data).after
    if brought := _brought(origin, messages, alone, plan):
        part["clocks"] = {name.value: msgspec.to_builtins(one) for name, one in brought.items()}
    draft = Draft(None, plan, CUSTOMER, at).add(EventType.OPENED, data)
    for event in further:
        came = {
            "ticket": origin.ticket.number,
            "event": event.number,
            "at": written_at(event).isoformat(),
            "channel": _came_by(ticket, event),
        }
        if origin.taken is not None:
            came["merged"] = ticket.number
        moved = {"text": _text(event), **_copied(event), "split": came}
        draft.add(EventType.CUSTOMER_WROTE, moved)
    if own and ticket.customer is not None:
        draft.add(EventType.MATCHED, {"customer": ticket.customer, "by": FOUND_BY}, SYSTEM)
    if about := _about(origin, named):
        of_both = {*origin.ticket.kept_from, *ticket.kept_from}
        kept = sorted({*of_both, *kept_from(plan, named, at)})
        why = ABOUT_TOO if origin.ticket.about or ticket.about else NAMED
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
    ticket = origin.written
    if "split" not in event.data or ticket.split is None:
        return ticket.number, event.number
    came = [one.number for one in origin.said if "split" in one.data]
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


def _conversation(origin: Origin, at: datetime) -> Conversation | None:
    """The conversation through which the author is answered.

    What the customer of a merged ticket wrote since has moved that of the other one. So it counts
    if it is the same one, or the only one that goes on.
    """
    own, other = origin.written.conversation, origin.ticket.conversation
    if own is None or other is None:
        return other if own is None and origin.is_of_one else own
    is_same = (own.connector, own.id) == (other.connector, other.id)
    is_better = is_same or (other.goes_on(at) and not own.goes_on(at))
    return other if is_better and origin.is_of_one else own


def _via(ticket: Ticket, talk: Conversation | None, at: datetime) -> dict[str, Any]:
    """The event data with the conversation through which a customer without an address is told.

    Returns {} if there is none, or if it takes no answers now. Nobody is told at a phone number:
    it may be a stranger's.
    """
    if ticket.has_address or talk is None or not talk.goes_on(at):
        return {}
    return {"via": msgspec.to_builtins(talk)}


def _told_of_undoing(new: Undone) -> dict[str, Any]:
    """The event data with where the author of the messages is told that the split was undone.

    They are told where they write now. Returns {} if that is nowhere, or if nobody told them of the
    split: an author with an address was told by the acknowledgement.
    """
    ticket, talk = new.ticket, new.ticket.conversation
    if ticket.has_address and ClockName.ACKNOWLEDGEMENT not in ticket.clocks:
        return {}
    if way_of(ticket, new.at, new.plan.sms).by is Way.MAIL:
        return {"to": ticket.contact.email}
    is_own = ticket.split is not None and ticket.split.is_own
    if is_own and talk is not None and talk.goes_on(new.at):
        return {"via": msgspec.to_builtins(talk)}
    return {}


def _unanswered(origin: Origin, messages: Sequence[Event]) -> datetime | None:
    """Since when the oldest of these messages waits for an answer; None if all were answered."""
    taken = origin.taken
    if taken is None:
        return _oldest(_waiting_since(origin, event) for event in messages)
    at = _oldest(_waiting_since(taken.was, event) for event in messages)
    return None if at is None else _waiting_since(origin, taken.merge, at)


def _oldest(found: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in found if at is not None), default=None)


def _words_left(taken: Taken, messages: Sequence[Event]) -> datetime | None:
    """When the oldest message of a merged ticket began to wait that is not split off and was not
    answered before the merge. None if all were answered."""
    left = _left_behind(taken.history, messages)
    words = (one for one in left if one.type in _WAITING)
    return _oldest(_waiting_since(taken.was, event) for event in words)


def _waiting_since(origin: Origin, event: Event, at: datetime | None = None) -> datetime | None:
    """Since when a message, or another event, waits for an answer; None if it does not.

    `at` is when a message was written that came with the event, a merge.

    What came with a split and was answered before waits since that split. A message that came after
    the resolution waits, too: nobody answers it in a ticket that is over. What was said for an item
    of the checklist waits to be checked, and for no answer.
    """
    if event.type is EventType.ITEM_GIVEN:
        return None
    ticket, since = origin.ticket, origin.ticket.unanswered_since
    answers = (EventType.REPLIED, EventType.RESOLVED)
    last = max((one.number for one in origin.history if one.type in answers), default=0)
    if event.number < last:
        return None
    at = at or written_at(event)
    if ticket.resolution is not None and not ticket.needs_agent:
        return at
    if since is None:
        return None
    if "split" in event.data and ticket.split is not None:
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
    taken = origin.taken
    left_behind = _left_behind(origin.history, messages if taken is None else ())
    brought = merged_words(origin.history)
    if taken is not None:
        brought.pop(taken.merge.number, None)
        if (words := _words_left(taken, messages)) is not None:
            brought[taken.merge.number] = words
    own = (_waiting_since(origin, event) for event in left_behind if event.type in _WAITING)
    merged = (
        _waiting_since(origin, event, brought[event.number])
        for event in left_behind
        if event.number in brought
    )
    oldest = _oldest((*own, *merged))
    if oldest == since:
        return None
    left: dict[str, Any] = {"since": oldest.isoformat() if oldest is not None else None}
    if oldest is None and ticket.state is State.OPEN and _is_asked(left_behind, brought):
        left["state"] = State.WAITING.value
    return left


def _left_behind(history: Sequence[Event], messages: Sequence[Event]) -> list[Event]:
    """The events of the ticket without the messages that are split off, now or before, without bare
    thanks that nobody has counted, and without merges that were undone.

    An item that was given stays given, also if what was said with it is another matter.
    """
    gone = {*split_off(history), *(event.number for event in messages)}
    gone |= {event.number for event in history if is_bare_thanks(event)} - _counted(history)
    taken_in: dict[str, int] = {}
    for event in history:
        if event.type is EventType.MERGED:
            taken_in[event.data["ticket"]] = event.number
        elif event.type is EventType.UNMERGED:
            gone.add(taken_in[event.data["ticket"]])
    return [
        event for event in history if event.number not in gone or event.type is EventType.ITEM_GIVEN
    ]


def _is_asked(left_behind: Sequence[Event], brought: Container[int]) -> bool:
    """Whether the last answer of staff asked the customer something that is still open.

    `brought` are the numbers of the merges that brought a message which nobody had answered.

    It is not if anything came since that may have answered it: a message, something that was given,
    also in a ticket that was merged into this one, or a conversation that was recorded later. Then
    it is the turn of staff, and no promise may wait for the customer.
    """
    answers = (EventType.REPLIED, EventType.RESOLVED, EventType.DISPUTED)
    asked = next((one for one in reversed(left_behind) if one.type in answers), None)
    if asked is None or not asked.data.get("wait_for_customer"):
        return False
    since = (event for event in left_behind if event.number > asked.number)
    return not any(_may_answer(event, asked, brought) for event in since)


def _may_answer(event: Event, asked: Event, brought: Container[int]) -> bool:
    """Whether the customer may have answered the question `asked` by this later event."""
    data = event.data
    match event.type:
        case EventType.CUSTOMER_WROTE:
            return True
        case EventType.ITEM_GIVEN:
            return not data.get("read")
        case EventType.MERGED:
            return event.number in brought or bool(data.get("facts", {}).get("items"))
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
    found, promised = dict[ClockName, Clock](), promises(new, plan)
    for kept_as, running in _holding(origin, messages):
        own = found.get(kept_as, new.clocks.get(kept_as))
        if kept_as is ClockName.REACTION and own is None:
            continue
        if own is not None and own.due_at <= running.due_at:
            continue
        promise = promised.get(kept_as)
        pauses = promise.pauses if promise is not None else ()
        found[kept_as] = clocks.start(
            (running.due_at - running.started_at) / timedelta(seconds=1),
            running.started_at,
            ladder=promise.ladder if promise is not None else "",
            pauses=tuple(one for one in pauses if one in running.pauses),
        )
    return found


def _holding(origin: Origin, messages: Sequence[Event]) -> Iterator[tuple[ClockName, Clock]]:
    """Yield what the author was promised for these messages, with what it is in a new ticket.

    A clock is as if it ran from now on.
    """
    ticket, taken = origin.ticket, origin.taken
    written = {written_at(event) for event in messages}
    answer = ClockName.FIRST_RESPONSE if ticket.state is State.NEW else ClockName.NEXT_REPLY
    waits = _unanswered(origin, messages) is not None
    for name, clock in ticket.clocks.items():
        if clock.over or name not in (ClockName.REACTION, answer, ClockName.RESOLUTION):
            continue
        holds = waits if name is answer else clock.started_at in written
        if taken is not None and name is not answer:
            holds = holds and name.value in taken.merge.data["clocks"]
        if holds:
            running = clocks.resume(clock, origin.at, origin.plan.calendar(clock.calendar))
            yield (ClockName.FIRST_RESPONSE if name is answer else name), running
    if taken is None:
        return
    resolution = taken.before.clocks.get(ClockName.RESOLUTION)
    if resolution is not None and not resolution.over and resolution.started_at in written:
        yield ClockName.RESOLUTION, _gone_on(resolution, origin, taken)


def _gone_on(clock: Clock, origin: Origin, taken: Taken) -> Clock:
    """A promise of a merged ticket, as if it had gone on in the other one and ran from now on.

    The other one has kept its own because that was due earlier. But that was promised for the words
    that are left there.
    """
    at = taken.merge.at
    until = (replace(one, end=one.end or at) for one in taken.before.waits)
    since = (
        replace(one, begin=max(one.begin, at))
        for one in origin.ticket.waits
        if one.end is None or one.end > at
    )
    return clocks.replan(
        replace(clock, state=ClockState.RUNNING),
        clock.target_s,
        origin.at,
        taken.plan.calendar(clock.calendar),
        waits=(*until, *since),
        name=clock.calendar,
        ladder=clock.ladder,
        pauses=clock.pauses,
    )


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


@dataclass(frozen=True, slots=True)
class Marked:
    """A merged ticket in which the messages were written, its plan, and the time of its change."""

    ticket: Ticket
    plan: Plan
    at: datetime


def unsplit(
    origin: Undone, new: Undone, by: Actor, why: str, taken: Marked | None = None
) -> tuple[Change, Change, *tuple[Change, ...]]:
    """Undo a split. Return the changes of both tickets, and that of `taken`: the ticket in which
    the messages were written, if it was merged into the first one.

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
    given: dict[str, Any] = {
        "kind": LinkKind.SPLIT_INTO.value,
        "ticket": new.ticket.number,
        "why": why.strip(),
        **_again(origin),
    }
    is_own = new.customer == origin.customer  # one of the two may have been given to another one
    if origin.split.data.get("own") and is_own:
        given["own"] = True
    if taken is not None:
        given["merged"] = taken.ticket.number
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
    over |= _told_of_undoing(new)
    ended = (
        Draft(new.ticket, new.plan, by, new.at)
        .add(EventType.UNSPLIT, over)
        .add(EventType.CLOSED, {"closure": SPLIT_UNDONE}, SYSTEM)
        .change()
    )
    if taken is None:
        return back, ended
    require_possible(Step.UNSPLIT_MERGED, taken.ticket)
    unmarked = {
        name: one for name, one in given.items() if name in ("kind", "ticket", "why", "own")
    }
    draft = Draft(taken.ticket, taken.plan, by, taken.at).add(EventType.UNSPLIT, unmarked)
    return back, ended, draft.change()


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
