"""Code that all steps share: the draft, which collects the events of a step, and common checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import to_builtins

from redress.base import instants, texts
from redress.base.errors import Fault, InvalidInput, NotAllowedNow, RedressError
from redress.base.people import SYSTEM, Actor, Member, Role
from redress.clocks.rules.clocks import Clock, ClockName
from redress.plans.rules import checklists, urgent
from redress.plans.rules.plan import Plan, listed
from redress.tickets.rules.answers import Way, Why, way_of
from redress.tickets.rules.change import Change
from redress.tickets.rules.checklist_events import items_after
from redress.tickets.rules.fold import apply
from redress.tickets.rules.interest import departments_of
from redress.tickets.rules.steps.table import (
    ANSWERED,
    CONFIRMED_BY_CUSTOMER,
    SPLIT_UNDONE,
    STEPS,
    TEXT_LIMIT,
    Step,
)
from redress.tickets.rules.task_events import is_kept_back
from redress.tickets.rules.tasks import MOST_OPEN, MOST_TASKS, Task
from redress.tickets.rules.ticket import (
    Event,
    EventType,
    State,
    Ticket,
    classification_of,
    is_survey_due,
    promises,
)

_OFFERS = (EventType.ASSIGNED, EventType.UNPLACED)
"""The events that offer a ticket to agents, also if nobody gets it. In the same change the rules of
the plan have classified it before, and a complaint was searched for names of staff."""

_RAISING = (EventType.RUNG_FIRED, EventType.DISPUTED)
"""The events that can raise the priority, apart from those of a merge (`merging.merge`)."""

TICKET_CLOSED = "the ticket is closed"
"""The reason in the event that cancels an open task because its ticket is closed."""
KEPT_BACK = "the complaint is about somebody of the department"
"""The reason in the event that gives a task back to the leaders of its department."""


class Draft:
    """Collects the events of one step. Each is applied to the ticket as soon as it is added."""

    def __init__(self, before: Ticket | None, plan: Plan, by: Actor, at: datetime) -> None:
        self._before, self._plan, self._by, self._at = before, plan, by, at
        self._events: list[Event] = []
        self._after = before

    def add(
        self, event_type: EventType, data: dict[str, Any] | None = None, by: Actor | None = None
    ) -> Draft:
        """Add the next event. `by` is its actor; None means the actor of the step.

        Before a ticket is closed, its open tasks are cancelled, so that their departments learn of
        it, whatever closes the ticket. The event says whether a post-mortem is due from now on.
        If an event takes tasks from members because of whom the complaint is about, an event of
        each task follows, so that the leaders of their departments learn of it.
        When a ticket is opened, and when its kind, its category or its plan changes, it gets the
        checklist that follows from them.
        """
        if event_type is EventType.CLOSED:
            for task in self.after.tasks:
                if task.is_open:
                    over = {"task": task.id, "why": TICKET_CLOSED}
                    self.add(EventType.TASK_CANCELLED, over, SYSTEM)
            ends_split = (data or {}).get("closure") == SPLIT_UNDONE
            if not ends_split and _needs_post_mortem(self.after, self._plan):
                data = (data or {}) | {"post_mortem": True}
        before = self._after
        number = (before.version if before else 0) + 1
        event = Event(number, event_type, self._at, by or self._by, data or {})
        self._after = apply(before, event, self._plan)
        self._events.append(event)
        for task in _taken_back(before, self._after, event):
            data = {"task": task.id, "owner": None, "from": task.owner, "why": KEPT_BACK}
            self.add(EventType.TASK_ASSIGNED, data, SYSTEM)
        if _is_of_another_kind(before, self._after):
            self._set_checklist()
        return self

    def open_planned_tasks(self) -> Draft:
        """Open the tasks that the plan asks for on such a ticket, each once in its life.

        What is over in a ticket that was merged into this one is not asked for again. The team that
        has the ticket is not asked. If the complaint is, or may be, about somebody, the tasks are
        private, because nobody has said who of a department may see them: its leaders decide it. It
        may be about anybody until it is searched for names of staff, which the system does when it
        offers the ticket, and not before somebody else corrects its kind or takes it. Whether it
        was searched when a rung fires, the ticket does not say.
        A task for which the ticket has no room is left out.
        """
        for entry in urgent.tasks_for(self._plan, classification_of(self.after)):
            after = self.after
            is_full = len(after.tasks) >= MOST_TASKS
            is_full = is_full or sum(task.is_open for task in after.tasks) >= MOST_OPEN
            is_asked = any(task.planned == entry["name"] for task in after.tasks)
            is_asked = is_asked or any(entry["name"] in link.tasks_over for link in after.links)
            if is_full or is_asked or entry["team"] == after.team:
                continue
            data: dict[str, Any] = {
                "task": str(len(after.tasks) + 1),
                "team": entry["team"],
                "title": entry["title"][after.language].strip(),
                "text": entry["text"][after.language].strip(),
                "required": entry.get("required", True),
                "shares": list(listed(entry.get("shares", []))),
                "planned": entry["name"],
            }
            if (due := urgent.task_due(self._plan, entry, self._at)) is not None:
                data["due"] = due.isoformat()
            may_be_about = after.kind == "complaint" and not after.about_decided
            is_unsearched = may_be_about and (
                self._by.role is not Role.SYSTEM or self._has(EventType.RUNG_FIRED)
            )
            if after.about or after.about_unclear is not None or is_unsearched:
                data["private"] = True
            self.add(EventType.TASK_OPENED, data, SYSTEM)
        return self

    def _has(self, *types: EventType) -> bool:
        return any(event.type in types for event in self._events)

    def _set_checklist(self) -> None:
        """Give the ticket the checklist of its kind, category and plan.

        The event has what the fold needs, so that a checklist of a later plan never changes it. It
        says how the customer gets the list: `via` is their conversation, if it takes answers now,
        and `to` their address otherwise, if automatic mail may go there. A list goes to no phone
        number by itself: anybody can name a stranger's. A list on which nothing is missing goes to
        nobody. `missing` are the ids of the items that the customer has to give, or may give, if it
        is not all of theirs; the others were given before. `known` says that the category came with
        a ticket that was merged into this one, and that the customer knows the list from there.
        """
        after = self.after
        wanted = [
            {"id": item.id, "kind": item.kind, "required": item.required}
            for item in checklists.of(self._plan, after.kind, after.category)
        ]
        current = after.checklist.items if after.checklist is not None else ()
        if wanted == [{"id": i.id, "kind": i.kind, "required": i.required} for i in current]:
            return
        data: dict[str, Any] = {"items": wanted, "category": after.category}
        items = [one for one in items_after(after.checklist, wanted) if one.is_of_customer]
        missing = [one.id for one in items if one.is_missing]
        if len(missing) < len(items):
            data["missing"] = missing
        if missing:
            data |= self._way_of_the_list()
        if any(event.data.get("facts", {}).get("told") for event in self._events):
            data["known"] = True
        self.add(EventType.CHECKLIST_SET, data, SYSTEM)

    def _way_of_the_list(self) -> dict[str, Any]:
        """How the customer gets the checklist (`_set_checklist`); {} if they do not get it."""
        after = self.after
        way = way_of(after, self._at, sms=None)
        if way.by is Way.CONNECTOR:
            return {"via": to_builtins(way.conversation)}
        may_be_told = ClockName.ACKNOWLEDGEMENT in after.clocks
        return {"to": after.contact.email} if way.by is Way.MAIL and may_be_told else {}

    @property
    def after(self) -> Ticket:
        """The ticket with all events that were added so far."""
        if self._after is None:
            raise ValueError("the draft of a new ticket needs an event first")
        return self._after

    def change(self) -> Change:
        """The change that consists of all events that were added so far.

        If one of them offers the ticket to agents, corrects its kind or raises its priority, the
        tasks follow that the plan asks for on the ticket as it is now. If the system corrects it,
        because the customer is of another type, the offer is still to come: only then is it known
        what the ticket is about. So it is with a ticket that its agent opens for a caller
        (`by_system.open_planned_tasks`).
        """
        is_corrected = self._by.role is not Role.SYSTEM and self._has(EventType.RECLASSIFIED)
        is_offered = self._has(*_OFFERS)
        is_raised = (
            self._before is not None
            and self._before.priority != self.after.priority
            and self._has(*_RAISING)
        )
        is_possible = self._before is not None and self.after.state in STEPS[Step.OPEN_TASK]
        if (is_offered or is_corrected or is_raised) and is_possible:
            self.open_planned_tasks()
        return Change(self._before, tuple(self._events), self.after, self._plan)


def _taken_back(before: Ticket | None, after: Ticket, event: Event) -> list[Task]:
    """The tasks, as they were before, that an event gave back to the leaders of a department."""
    if before is None or event.type not in (EventType.ABOUT_SET, EventType.MERGED):
        return []
    return [
        task
        for task, now in zip(before.tasks, after.tasks, strict=True)
        if (task.owner, task.private) != (now.owner, now.private)
    ]


def kept_back_in(ticket: Ticket, accused: Iterable[Member]) -> list[str]:
    """The departments of these members that have a task of the ticket that is not private.

    It goes back to the leaders (`task_events.kept_back`). Sorted.
    """
    departments = departments_of(accused, ticket.created_at)
    return sorted({one.team for one in ticket.tasks if is_kept_back(one, (), departments)})


def _needs_post_mortem(ticket: Ticket, plan: Plan) -> bool:
    """Whether the plan asks for a post-mortem when the ticket is closed.

    It does for urgent tickets. It does not for one that was merged: its matter goes on in the other
    ticket, which is urgent, too (`merging.faults_of`). Neither does one whose split was undone.
    """
    if urgent.post_mortem(plan) is None or ticket.merged is not None:
        return False
    return urgent.is_urgent(plan, classification_of(ticket))


def _is_of_another_kind(before: Ticket | None, after: Ticket) -> bool:
    """Whether an event has changed what decides which checklist a ticket has."""
    if before is None:
        return True
    return (before.kind, before.category, before.plan_version) != (
        after.kind,
        after.category,
        after.plan_version,
    )


def add_about(
    draft: Draft,
    members: Sequence[str],
    why: str,
    kept_from: Sequence[str] = (),
    known: Iterable[Member] = (),
) -> Draft:
    """Set whom the complaint is about. If it is about its agent, it goes back to the queue.

    `kept_from` are the teams whose supervisors do not see the ticket (`interest.kept_from`).
    `known` are those of `members` who are known. Tasks of their departments go back to the leaders
    there.

    A ticket that needs no agent any more keeps its agent, who does not see it any longer. A
    callback by phone is then a task for the team's supervisors.
    """
    before = draft.after
    data: dict[str, Any] = {"about": list(members), "from": list(before.about), "why": why.strip()}
    if kept_from:
        data["kept_from"] = list(kept_from)
    if departments := kept_back_in(before, known):
        data["departments"] = departments
    draft.add(EventType.ABOUT_SET, data)
    if before.assignee in members and before.needs_agent:
        queued = {
            "from": before.assignee,
            "why": "the complaint is about the agent",
            "team": before.team,
        }
        draft.add(EventType.QUEUED, queued, SYSTEM)
    return draft


def attention(ticket: Ticket, plan: Plan, at: datetime) -> dict[str, Any]:
    """Return the event data with what the ticket takes of an agent's attention; {} if nothing.

    Only a conversation on a live channel takes any, until it is over or quiet for long. If its
    agent hands it to another agent before, it takes the other agent's.
    """
    weight = plan.weight(ticket.channel) if ticket.is_live_at(at) else 0
    return {"live": weight} if weight else {}


def require_possible(step: Step, ticket: Ticket) -> None:
    """Raise NotAllowedNow if the table STEPS does not allow the step in the ticket's state."""
    if ticket.state not in STEPS[step]:
        raise NotAllowedNow(step, ticket.state)


def step_of_correction(name: ClockName, clock: Clock) -> Step:
    """Return the step that corrects when a clock was stopped.

    If it still runs, the history has no answer yet, and the correction records one.
    """
    is_answer = not clock.over and name is not ClockName.REACTION
    return Step.RECORD_EARLIER_ANSWER if is_answer else Step.CORRECT


def checked_text(value: str, pointer: str, *, required: bool = True) -> str:
    """Return a text as it is stored (`redress.base.texts.cleaned`).

    Raises InvalidInput if it is longer than TEXT_LIMIT characters, if it contains control
    characters, or if it is required but nobody could see anything of it.
    """
    cleaned = texts.cleaned(value)
    if required and not cleaned:
        raise InvalidInput([Fault(pointer, "required", "this text must not be empty")])
    if len(cleaned) > TEXT_LIMIT:
        raise InvalidInput([Fault(pointer, "too_long", f"at most {TEXT_LIMIT} characters")])
    if fault := texts.fault_of(value):
        raise InvalidInput([Fault(pointer, *fault)])
    return cleaned


def closure_now(ticket: Ticket, plan: Plan) -> str | None:
    """Return the reason for closing a ticket at once, or None if it does not close yet.

    A resolved ticket closes at once if its plan promises no callback. A confirmed ticket closes at
    once if its plan promises no survey, or if the customer has answered the survey already.
    """
    if ticket.state is State.RESOLVED and ClockName.CALLBACK not in promises(ticket, plan):
        return ANSWERED
    if ticket.state is State.CONFIRMED and not is_survey_due(ticket, plan):
        return CONFIRMED_BY_CUSTOMER
    return None


def mail_source(mail: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the event data about the mail that caused the event; {} if no mail did."""
    return {} if mail is None else {"mail": dict(mail)}


class AnswerWindowEnded(NotAllowedNow):
    """The words would reach nobody: the customer's conversation takes no answers any more."""

    def __init__(self, until: datetime) -> None:
        RedressError.__init__(
            self,
            f"answers to the customer's last message were taken until {instants.written(until)}: "
            "the customer must write again, or be reached in another way",
        )


def recipients(
    ticket: Ticket,
    plan: Plan,
    at: datetime,
    *,
    always: bool = False,
    unspoken: bool = False,
    by_itself: bool = False,
) -> dict[str, Any]:
    """Return the event data that say who gets a message of staff; {} if nobody gets it.

    They are fixed when the message is written. A later change of the ticket gives nobody else the
    message. `to` is the customer's address, `copied_to` those of the participants. `via` is the
    conversation through whose connector the customer gets it instead (`answers.way_of`).

    Raises AnswerWindowEnded if that conversation takes no answers any more and the customer has no
    address. With `always`, the message is recorded nevertheless, and `untold` says why it reaches
    nobody. Its agent is told.

    Words to a customer who left only a phone number are a record of what the agent has said on the
    phone. With `unspoken`, nobody has said them, because a leader or a department has caused them:
    then `untold` says that there is no address, and the agent is asked to call.

    With `by_itself`, no person causes the message. So it goes to no phone number that the customer
    only left: anybody can name a stranger's.
    """
    data: dict[str, Any] = {}
    way = way_of(ticket, at, None if by_itself else plan.sms)
    match way.by:
        case Way.CONNECTOR:
            data["via"] = to_builtins(way.conversation)
        case Way.MAIL:
            data["to"] = ticket.contact.email
        case None if (conversation := way.conversation) and conversation.until:
            if not always:
                raise AnswerWindowEnded(conversation.until)
            data["untold"] = Why.WINDOW_ENDED.value
        case None if unspoken:
            data["untold"] = Why.NO_ADDRESS.value
    if ticket.participants:
        data["copied_to"] = list(ticket.participants)
    return data


def files_data(files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the event data with the files of a message: id, name, type and size of each; or {}."""
    return {"files": [dict(file) for file in files]} if files else {}
