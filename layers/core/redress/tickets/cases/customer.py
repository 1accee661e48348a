"""What a customer can see and do with the link to their ticket."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from redress.base import texts
from redress.base.errors import NotAllowedNow, NotFound, Unreadable
from redress.base.languages import LANGUAGES
from redress.base.people import CUSTOMER, Role
from redress.clocks.rules.clocks import ClockName, Standing, standing
from redress.plans.rules import checklists
from redress.plans.rules.categories import labels
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.tickets.cases.changes import Decide, TicketChanges
from redress.tickets.cases.intake import Receipt
from redress.tickets.links import Links
from redress.tickets.rules.change import Change
from redress.tickets.rules.checklist import is_possible
from redress.tickets.rules.promise_view import PromiseView, promises_of
from redress.tickets.rules.remedies import Remedy, told_money
from redress.tickets.rules.remedies import label as remedy_label
from redress.tickets.rules.split_events import written_at
from redress.tickets.rules.steps import by_customer, table
from redress.tickets.rules.steps import checklists as steps
from redress.tickets.rules.steps.checklists import room
from redress.tickets.rules.steps.table import STEPS, Step
from redress.tickets.rules.ticket import (
    UNPROVEN,
    Event,
    EventType,
    SplitOff,
    State,
    Ticket,
    is_survey_due,
    is_word_to_all,
)
from redress.tickets.store.tickets import TicketFile, TicketStore

PUBLIC = frozenset(
    {
        EventType.OPENED,
        EventType.ACKNOWLEDGED,
        EventType.ASSIGNED,
        EventType.NOBODY_THERE,
        EventType.RECLASSIFIED,
        EventType.PROGRESS_TOLD,
        EventType.PROMISED,
        EventType.HELD,
        EventType.RELEASED,
        EventType.REPLIED,
        EventType.CUSTOMER_WROTE,
        EventType.LINKED,
        EventType.MERGED,
        EventType.UNMERGED,
        EventType.SPLIT,
        EventType.UNSPLIT,
        EventType.PARTICIPANTS_SET,
        EventType.RESOLVED,
        EventType.CONFIRMED,
        EventType.DISPUTED,
        EventType.SURVEYED,
        EventType.WITHDRAWN,
        EventType.URGED,
        EventType.CHECKLIST_SET,
        EventType.ITEM_GIVEN,
        EventType.ITEM_ACCEPTED,
        EventType.ITEM_REJECTED,
        EventType.ITEM_DONE,
        EventType.ITEM_OBSTRUCTED,
        EventType.REMEDY_PROMISED,
        EventType.REMEDY_WITHDRAWN,
        EventType.REMEDY_DONE,
        EventType.CLOSED,
    }
)
"""The events that a customer sees. Notes, rungs and callback attempts are internal. So are links
that staff make: the other ticket may be somebody else's."""

PARTICIPANT_WROTE = "participant_wrote"
ITEM_ANSWERED = "item_answered"
"""The customer has answered a note of the checklist with words."""
ITEM_READ = "item_read"
"""The customer has said that they have read a note of the checklist."""
LINES = (
    *(kind.value for kind in EventType if kind in PUBLIC),
    PARTICIPANT_WROTE,
    ITEM_ANSWERED,
    ITEM_READ,
)
"""All types of lines in the customer's timeline."""

ACTIONS = {
    "write": Step.WRITE,
    "confirm": Step.CONFIRM,
    "dispute": Step.DISPUTE,
    "withdraw": Step.WITHDRAW,
    "survey": Step.ANSWER_SURVEY,
    "urge": Step.URGE,
    "answer": Step.GIVE_ITEM,
    "follow_up": Step.FOLLOW_UP,
}


@dataclass(frozen=True, slots=True)
class LinePart:
    """A part of a mail's text that its sender did not write for this mail.

    kind    quote, forward, signature, device (a line that a phone or a mail program adds) or armour
            (lines of PGP)
    at      the place in the line's text, in characters: where the part begins, or where it stood
            before it was folded
    length  how many characters it has
    folded  its text if the line's text does not contain it; it may be cut. None otherwise
    """

    kind: str
    at: int
    length: int
    folded: str | None


@dataclass(frozen=True, slots=True)
class LineFile:
    """A file of a message. `state` is its FileState now; None if the file cannot be read.

    `type` is the media type by its content, and `size` its bytes.
    """

    id: str
    name: str
    type: str
    size: int
    state: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the customer's timeline. `by` is customer, staff or system.

    `type` is the type of the event, or PARTICIPANT_WROTE, ITEM_ANSWERED or ITEM_READ. `parts`
    are the marked parts of a mail's text, in order; empty if no mail caused the event. `files` came
    with the message. `item` is what the plan says of the item of the checklist that the line is
    about, in each language.
    """

    at: datetime
    type: str
    by: str
    text: str | None
    parts: tuple[LinePart, ...] = ()
    files: tuple[LineFile, ...] = ()
    item: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ItemLine:
    """One item of the checklist of a service request, as its customer sees it.

    `kind` is one of `checklists.ITEM_KINDS`, and `state` an `ItemState`. `text` is what the plan
    says of it, in each language. `can` says what the customer can do with it now: send a file
    (`send`), answer with a text (`answer`), say that they have read it (`read`), or nothing (None).
    `told` is the last text of staff about it: why it was rejected, the obstacle, or the result.
    `who` has to do something about an obstacle; None without one.
    """

    id: str
    kind: str
    text: Mapping[str, str]
    required: bool
    state: str
    can: str | None
    told: str | None
    who: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Another department was asked at `since` and has not answered yet.

    `department` is what the plan calls it, in each language. What it was asked is internal.
    """

    department: Mapping[str, str]
    since: datetime


@dataclass(frozen=True, slots=True)
class Continued:
    """The ticket in which a merged ticket goes on: its number, its state, and its link's token."""

    number: str
    state: str
    token: str


@dataclass(frozen=True, slots=True)
class WrittenIn:
    """The ticket in which the messages of this one were written, before they were split off.

    `number` and `token`, that of its link, are None if it is another customer's.
    """

    number: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class RemedyView:
    """What the customer was promised to make up for a fault.

    `label` is what the plan calls it, in each language. `amount` is in the smallest unit of
    `currency`, and `money` is how the page shows it; all three are None if it has no amount that
    the customer reads. `state` is promised, overdue, done or withdrawn.
    """

    label: Mapping[str, str]
    amount: int | None
    currency: str | None
    money: str | None
    state: str
    due_at: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class StatusView:
    """A ticket as its customer sees it.

    `can` names what the customer may do now (keys of ACTIONS). `zone` is the IANA name of the time
    zone in which its times are shown. Mails about the ticket use the same zone. `category_label` is
    what the plan calls the category, in each language. `asked` are the departments that were asked,
    and `urged_at` is when the customer urged last. `checklist` is what a service request needs.
    """

    number: str
    subject: str
    kind: str
    state: str
    language: str
    zone: str
    created_at: datetime
    promises: tuple[PromiseView, ...]
    timeline: tuple[Line, ...]
    can: frozenset[str]
    version: int
    closure: str | None
    category: str | None
    category_label: Mapping[str, str] | None
    asked: tuple[Asked, ...] = ()
    urged_at: datetime | None = None
    follows: str | None = None
    """The number of the ticket from whose status page the customer opened this one."""
    checklist: tuple[ItemLine, ...] = ()
    continued_in: Continued | None = None
    written_in: WrittenIn | None = None
    """Set if the ticket was merged into another one that is still of the same customer."""
    outcome: str | None = None
    """The outcome of a complaint that is resolved, one of `plan.OUTCOMES`."""
    cause: Mapping[str, str] | None = None
    """Its cause in the words of the plan, in each language."""
    remedies: tuple[RemedyView, ...] = ()


def view(
    file: TicketFile,
    plans: Plans,
    now: datetime,
    continued_in: Continued | None = None,
    written_in: WrittenIn | None = None,
    of_others: Set[str] = frozenset(),
) -> StatusView:
    """The customer's view of a ticket, its history and its files.

    `of_others` are the numbers of other customers' tickets. Events of this ticket name them, and
    the customer must not see them.
    """
    ticket, states = file.ticket, {one.id: one.state.value for one in file.attached}
    can = {name for name, step in ACTIONS.items() if ticket.state in STEPS[step]}
    plan = plans.get(ticket.plan_version)
    if not is_survey_due(ticket, plan) or ticket.state is State.RESOLVED:
        can.discard("survey")  # the page first asks whether the problem is solved
    if not by_customer.may_urge(ticket, plan, now):
        can.discard("urge")
    items = tuple(_items(file, plan))
    if not any(item.can in ("answer", "read") for item in items):
        can.discard("answer")
    if continued_in is not None:
        can.clear()  # the customer does it on the page of the other ticket
    # A ticket that was reopened has no result.
    resolution = None if ticket.needs_agent else ticket.resolution
    return StatusView(
        number=ticket.number,
        subject=ticket.subject,
        kind=ticket.kind,
        state=ticket.state.value,
        language=ticket.language,
        zone=plan.time_zone,
        created_at=ticket.created_at,
        promises=promises_of(ticket, now),
        timeline=tuple(_timeline(file.history, states, plan, plans, of_others)),
        can=frozenset(can),
        version=ticket.version,
        closure=ticket.closure,
        category=ticket.category,
        category_label=labels(plan.categories, ticket.category) if ticket.category else None,
        asked=tuple(_asked(ticket, plan)),
        urged_at=ticket.urged_at,
        follows=file.history[0].data.get("follows"),
        checklist=items,
        continued_in=continued_in,
        written_in=written_in,
        outcome=resolution.outcome if resolution is not None else None,
        cause=resolution.told_cause(plan) if resolution is not None else None,
        remedies=tuple(_remedy(one, plan, now) for one in ticket.remedies if one.promised_at),
    )


def _remedy(remedy: Remedy, plan: Plan, now: datetime) -> RemedyView:
    money = told_money(remedy, plan)
    state = str(remedy.state)
    if remedy.is_owed and standing(remedy.clock, now) is Standing.OVERDUE:
        state = Standing.OVERDUE.value
    return RemedyView(
        label={language: remedy_label(remedy, plan, language) for language in LANGUAGES},
        amount=money.amount if money else None,
        currency=money.currency if money else None,
        money=str(money) if money else None,
        state=state,
        due_at=remedy.clock.due_at,
        done_at=remedy.clock.stopped_at,
    )


_TOLD = (EventType.ITEM_REJECTED, EventType.ITEM_DONE, EventType.ITEM_OBSTRUCTED)
"""The events of items with a text for the customer."""


def _items(file: TicketFile, plan: Plan) -> Iterator[ItemLine]:
    """The items of the checklist, each with the last text of staff that still holds."""
    ticket = file.ticket
    if ticket.checklist is None:
        return
    planned = {one.id: one for one in checklists.of(plan, ticket.kind, ticket.category)}
    events = {event.number: event for event in file.history}
    for item in ticket.checklist.items:
        last = events.get(item.event)
        told = last if last is not None and last.type in _TOLD else None
        known = planned.get(item.id)
        can = None
        if item.is_of_customer and is_possible(item, "give_item"):
            if item.kind == checklists.MATERIAL:
                can = "send" if room(ticket, item.id) else None
            elif ticket.state in STEPS[Step.GIVE_ITEM]:
                can = "answer" if known is not None and known.answer else "read"
        yield ItemLine(
            id=item.id,
            kind=item.kind,
            text=checklists.label(plan, ticket.category, item.id),
            required=item.required,
            state=str(item.state),
            can=can,
            told=told.data["text"] if told is not None else None,
            who=told.data.get("who") if told is not None else None,
        )


def _asked(ticket: Ticket, plan: Plan) -> Iterator[Asked]:
    """The departments with open tasks, each once, since their first one."""
    seen = set[str]()
    for task in ticket.tasks:
        if task.is_open and task.team not in seen:
            seen.add(task.team)
            named = plan.team_names.get(task.team) or dict.fromkeys(LANGUAGES, task.team)
            yield Asked(named, task.opened_at)


def _is_public(event: Event) -> bool:
    if event.type is EventType.RECLASSIFIED:
        # The customer sees a new kind, but not a new urgency, impact or customer type.
        return bool(event.data["kind"] != event.data["from"])
    if event.type is EventType.LINKED:
        return event.by.role is Role.CUSTOMER
    if event.type is EventType.CHECKLIST_SET:
        return bool(event.data["items"])
    if event.type is EventType.REMEDY_WITHDRAWN:
        return "text" in event.data  # otherwise the customer knew nothing of it
    return event.type in PUBLIC


def _timeline(
    history: Sequence[Event],
    states: Mapping[str, str],
    plan: Plan,
    plans: Plans,
    of_others: Set[str],
) -> Iterator[Line]:
    """The lines of a history. `states` are the states of the ticket's files by their ids.

    An item is called what the plan calls it now, in the category that the ticket had then. If the
    ticket was moved to a plan without it, it is called as in the plan of that time. The page is
    shown also if that plan cannot be read: then the item stands for itself.
    """
    category: str | None = None
    moves = [event for event in history if event.type is EventType.PLAN_CHANGED]
    for event in history:
        if event.type is EventType.CHECKLIST_SET:
            category = event.data.get("category")
        if not _is_public(event):
            continue
        named = None
        if (item := event.data.get("item")) is not None:
            named = checklists.text_of(plan, category, item)
            left = [move.data["from"] for move in moves if move.number > event.number]
            if named is None and left:
                with contextlib.suppress(Unreadable):
                    named = checklists.text_of(plans.get(left[0]), category, item)
            named = named or dict.fromkeys(LANGUAGES, item)
        line = _line(event, states, named)
        yield replace(line, text=None) if line.text in of_others else line


def _line(event: Event, states: Mapping[str, str], item: Mapping[str, str] | None) -> Line:
    """The line of an event. `item` is what the item of the checklist is called, in each language.

    `states` are the states of the ticket's files by their ids.
    """
    text = event.data.get("text") or event.data.get("description") or None
    kind = event.type.value
    if event.type in (EventType.LINKED, EventType.MERGED, EventType.UNMERGED):
        text = event.data["ticket"]
    elif event.type in (EventType.SPLIT, EventType.UNSPLIT):
        # The other ticket may be somebody else's. Then its number is not for this customer.
        text = event.data["ticket"] if event.data.get("own") else None
    elif event.type is EventType.PARTICIPANTS_SET:
        text = ", ".join(event.data["participants"]) or None
    elif event.type is EventType.CUSTOMER_WROTE and "from" in event.data:
        kind = PARTICIPANT_WROTE
    elif event.type is EventType.ITEM_ACCEPTED:
        text = None  # it says for staff how the item came
    elif event.type is EventType.ITEM_GIVEN and "files" not in event.data:
        kind = ITEM_READ if event.data.get("read") else ITEM_ANSWERED
    elif UNPROVEN in event.data.get("source", {}):
        text = None  # whoever has the link may be somebody else
    if event.by.role is Role.CUSTOMER:
        by = "customer"
    else:
        by = "staff" if event.by.is_staff or is_word_to_all(event) else "system"
    parts = _parts(event) if text else ()
    return Line(
        written_at(event),
        kind,
        by,
        text,
        parts,
        files=_files(event, states),
        item=item,
    )


def _files(event: Event, states: Mapping[str, str]) -> tuple[LineFile, ...]:
    if event.type is EventType.REMEDY_DONE:
        return ()  # the proof is for staff
    return tuple(
        LineFile(one["id"], one["name"], one["type"], one["size"], states.get(one["id"]))
        for one in event.data.get("files", ())
    )


def _parts(event: Event) -> tuple[LinePart, ...]:
    found = event.data.get("mail", {}).get("parts", ())
    return tuple(
        LinePart(one["kind"], one["at"], one["length"], one.get("folded")) for one in found
    )


class _MergeUndone(Exception):
    """The ticket does not go on in the other one any more."""


class CustomerCases:
    def __init__(
        self,
        tickets: TicketStore,
        changes: TicketChanges,
        plans: Plans,
        links: Links,
        now: Callable[[], datetime],
    ) -> None:
        self._tickets, self._changes = tickets, changes
        self._plans, self._links, self._now = plans, links, now

    def status(self, token: str) -> StatusView:
        """The ticket of a status link. Raises the errors of `number_of`."""
        return self._view(self.number_of(token))

    def receipt(self, token: str) -> Receipt:
        """The receipt of a ticket, with its promises as they are now. Raises as `number_of`."""
        ticket = self._tickets.get(self.number_of(token))
        return Receipt(
            number=ticket.number,
            language=ticket.language,
            zone=self._plans.get(ticket.plan_version).time_zone,
            promises=promises_of(ticket, self._now()),
            acknowledged=not ticket.has_address,
            status_token=token,
            kind=ticket.kind,
            is_open=ticket.needs_agent,
        )

    def number_of(self, token: str) -> str:
        """The number of the ticket to which a status link leads. Reads nothing from the table.

        Raises NotFound if the link is forged, or is that of a survey. Raises LinkExpired for the
        link of a survey that is over.
        """
        try:
            return self._links.read_status(token)
        except NotFound:
            if _is_for_survey(token):
                self._links.read_survey(token, self._now)
            raise

    def write(self, token: str, text: str) -> StatusView:
        """Write a message on the ticket. A repeat of the text, as by a double click, is ignored.

        The message goes to the ticket in which a merged one goes on, and says through which number
        it came.
        """
        number = self.number_of(token)

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            # An undone merge changes both tickets in one transaction. So if it comes later than
            # this read, the message is not written, and is decided again.
            if ticket.number != number and self._goes_on_in(number).number != ticket.number:
                raise _MergeUndone
            if self._is_repeat(ticket, EventType.CUSTOMER_WROTE, text):
                return None
            sent_to = number if ticket.number != number else None
            return by_customer.write(ticket, plan, text, at, sent_to=sent_to)

        into = self._goes_on_in(number)
        while True:
            try:
                self._changes.change(into.number, decide, known=into)
            except _MergeUndone:
                into = self._goes_on_in(number)
                continue
            except NotAllowedNow:
                before, into = into, self._goes_on_in(number)
                if into.number != before.number:
                    continue  # it was merged since it was read
                raise
            return self._view(number)

    def _goes_on_in(self, number: str) -> Ticket:
        """The ticket to which what the customer writes to this one belongs."""
        return self._tickets.continued(self._tickets.get(number))

    def confirm(self, token: str) -> StatusView:
        """Confirm that the problem is solved. A repeat has no effect and is not an error."""
        return self._do(
            token,
            lambda t, p, at: (
                None if t.state is State.CONFIRMED else by_customer.confirm(t, p, CUSTOMER, at)
            ),
        )

    def dispute(self, token: str, text: str) -> StatusView:
        """Say that the problem is not solved. The ticket reopens. A repeated text is ignored.

        `token` is that of a survey link or of a status link.
        """

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            if self._is_repeat(ticket, EventType.DISPUTED, text):
                return None
            return by_customer.dispute(ticket, plan, CUSTOMER, text, at)

        number = self.survey_number_of(token)
        self._changes.change(number, decide)
        return self._view(number)

    def answer_item(self, token: str, item: str, text: str) -> StatusView:
        """Answer a note of the checklist, or say that it was read. A repeat has no effect.

        Raises NotFound if the ticket has no such item.
        """

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            last = self._tickets.event(ticket.number, ticket.last_person_version)
            if last.type is EventType.ITEM_GIVEN and "files" not in last.data:
                given = (last.data["item"], last.data.get("text", ""))
                if given == (item, texts.cleaned(text)):
                    return None
            return steps.answer(ticket, plan, item, text, at)

        return self._do(token, decide)

    def urge(self, token: str) -> StatusView:
        """Urge: the agent and the departments that were asked are told. A repeat has no effect."""
        return self._do(token, by_customer.urge)

    def withdraw(self, token: str, text: str) -> StatusView:
        """Withdraw the ticket. A repeat has no effect and is not an error."""
        return self._do(
            token,
            lambda t, p, at: (
                None if t.closure == table.WITHDRAWN else by_customer.withdraw(t, p, text, at)
            ),
        )

    def survey(self, token: str, answers: Mapping[str, Any]) -> StatusView:
        """Answer the questionnaire. `token` is that of a survey link or of a status link."""
        number = self.survey_number_of(token)
        self._changes.change(
            number,
            lambda t, p, at: by_customer.answer_survey(t, p, answers, at),
        )
        return self._view(number)

    def survey_status(self, token: str) -> StatusView:
        """The ticket of a survey or status link. Raises the errors of `survey_number_of`."""
        return self._view(self.survey_number_of(token))

    def survey_number_of(self, token: str) -> str:
        """The number of the ticket to which a survey or status link leads. Reads nothing.

        Raises NotFound if the link is forged, and LinkExpired if the time of the survey is over.
        """
        if _is_for_survey(token):
            return self._links.read_survey(token, self._now)
        return self._links.read_status(token)

    def survey_token(self, ticket: Ticket) -> str:
        """The token of a survey link. It expires when the ticket's survey clock is due.

        If the ticket has no such clock, the token expires in seven days.
        """
        clock = ticket.clocks.get(ClockName.SURVEY)
        expires = clock.due_at if clock else self._now() + timedelta(days=7)
        return self._links.survey_token(ticket.number, expires)

    def _is_repeat(self, ticket: Ticket, kind: EventType, text: str) -> bool:
        """Whether the last event of a person on the ticket has this type and this text."""
        last = self._tickets.event(ticket.number, ticket.last_person_version)
        return last.type is kind and last.data.get("text") == texts.cleaned(text)

    def _do(self, token: str, decide: Decide) -> StatusView:
        number = self.number_of(token)
        self._changes.change(number, decide)
        return self._view(number)

    def _view(self, number: str) -> StatusView:
        file = self._tickets.file(number)
        continued_in = self._continued_in(file.ticket)
        written_in = None
        if file.ticket.split is not None:
            written_in = self._written_in(file.ticket, file.ticket.split)
            moved = [one for _, one in self._tickets.moved_files(file.ticket)]
            file = replace(file, attached=[*file.attached, *moved])
        of_others = self._of_others(file)
        return view(file, self._plans, self._now(), continued_in, written_in, of_others)

    def _continued_in(self, ticket: Ticket) -> Continued | None:
        """Where a merged ticket goes on. The page is shown also if that ticket cannot be read."""
        try:
            into = self._tickets.continued(ticket)
        except (NotFound, Unreadable):
            return None
        if into.number == ticket.number:
            return None
        token = self._links.status_token(into.number)
        return Continued(into.number, into.state.value, token)

    def _of_others(self, file: TicketFile) -> frozenset[str]:
        """The numbers that the page must not show.

        Merges and splits of this ticket name other tickets. Some of these belong to another
        customer now.
        """
        named = {e.data["ticket"] for e in file.history if e.type in _MERGES_AND_SPLITS}
        return frozenset(
            number for number in named if self._tickets.is_of_another(file.ticket, number)
        )

    def _written_in(self, ticket: Ticket, split: SplitOff) -> WrittenIn:
        """Where the messages of the ticket were written, as its customer may know of it.

        If one of the two has another customer now, the messages may have been somebody else's. The
        page is shown also if that ticket cannot be read.
        """
        if not split.is_own:
            return WrittenIn()
        source = self._tickets.readable(split.written_in)
        if source is None:
            return WrittenIn()
        if (source.contact, source.customer) != (ticket.contact, ticket.customer):
            return WrittenIn()
        return WrittenIn(source.number, self._links.status_token(source.number))


_MERGES_AND_SPLITS = (EventType.MERGED, EventType.UNMERGED, EventType.SPLIT, EventType.UNSPLIT)
"""The types of events that happen to two tickets at once. Each event names the other ticket."""


def _is_for_survey(token: str) -> bool:
    """Whether a token has the form of a survey link's (`Links.survey_token`)."""
    return token.count(".") == 2
