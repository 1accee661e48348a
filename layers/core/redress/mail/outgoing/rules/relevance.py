"""Decide whether a mail is still valid when it is sent, who gets it and which template it uses.

All of this is decided from the current state of the ticket, because a mail may have waited for
hours.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redress.base.people import Role
from redress.clocks.rules.clocks import Action, Clock, ClockName, ClockState, reached, spans
from redress.mail.incoming.rules.answers import ABOUT_THE_ADDRESS, NoAnswer
from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.rules import remedy_mails, task_mails
from redress.mail.outgoing.rules.table import (
    ABOUT_DOUBTED,
    ACKNOWLEDGEMENT,
    ANSWER_FAILED,
    CHECKLIST,
    CUSTOMER_WROTE,
    ITEM,
    ITEM_GIVEN,
    JOIN,
    MENTIONED,
    NAME_ANOTHER,
    PARTICIPANTS,
    POST_MORTEM,
    POST_MORTEM_ACTION,
    PROMISE_MOVED,
    REMINDED,
    SPLIT,
    TELL_MOVED,
    mentioned_member,
    why_unacknowledged,
)
from redress.plans.rules.plan import Plan
from redress.tickets.rules.checklist import Item, ItemState, find
from redress.tickets.rules.fold import first_plan, walk
from redress.tickets.rules.promise_view import NOTICED, Moved, promises_of
from redress.tickets.rules.steps.table import SPLIT_UNDONE
from redress.tickets.rules.ticket import Event, EventType, State, Ticket, is_bare_thanks


@dataclass(frozen=True, slots=True)
class Matter:
    """What a mail is about: its job, the event and ticket that the job names, and the plan.

    Everything was read once, at `moment`. `history` is the ticket's history if the mail
    follows a rung of a ladder or a proposed incident. For other mails it is empty, because they do
    not need it. `goes_on_in` is the target of a merged ticket if the mail is one of `NOT_REACHED`:
    the agent of the target has to act. `is_apart` says that the ticket that `other_named` returns
    belongs to another customer now.
    """

    job: MailJob
    event: Event
    ticket: Ticket
    plan: Plan
    moment: datetime
    history: Sequence[Event] = ()
    goes_on_in: Ticket | None = None
    is_apart: bool = False

    @property
    def worked_on(self) -> Ticket:
        """The ticket whose agent or leaders have to act."""
        return self.goes_on_in or self.ticket


NOT_REACHED = ("mail_returned", ANSWER_FAILED)
"""The templates of mails that tell the agent: a text did not reach the customer."""

NEED_HISTORY = (EventType.RUNG_FIRED, EventType.INCIDENT_PROPOSED, EventType.NOBODY_THERE)
"""Events whose mails need the history of the ticket (`Matter.history`)."""

_WATCHING = (Role.SUPERVISOR, Role.MANAGER)


NOBODY_TAKES_PART = "nobody takes part any more whom a copy reaches"
NO_RESERVE = "the team has no reserve staff whom a mail reaches"


SURVEY = "survey"

SAME_NEWS = timedelta(minutes=1)
"""A supervisor who was told of a dispute gets no reminder of the promise that it began, if the
reminder follows within this time. The mail about the dispute has the same promise, due time and
agent, and nothing can have happened since."""

GRACE = timedelta(minutes=15)
"""The mailer normally gets the job of a mail within this time after its event."""

LATE = timedelta(hours=1)
"""A job whose event is older than this may have come before: the follower's first run repeats the
messages of a day, and the comparison of mails asks for missing mails."""

_ONLY_WHILE_RUNNING = {"remind", "callback_again", SURVEY}


def template_of(about: Matter) -> str:
    """Return the template file for a job.

    Some jobs use another template if the ticket has changed since the event.
    """
    ticket, event = about.ticket, about.event
    match about.job.template:
        case "acknowledgement" if "split" in event.data:
            return "split" if promises_ahead(about) else "split_late"
        case "split_undone" if about.is_apart or "own" not in event.data:
            return "split_undone_apart"
        case "unmerged" if about.is_apart:
            return "unmerged_apart"
        case task_mails.TASK if about.job.audience.startswith(task_mails.FORMER):
            return task_mails.TASK_TAKEN
        case "acknowledgement":
            return acknowledgement_of(ticket.kind, is_late=not promises_ahead(about))
        case "reply" if event.data["wait_for_customer"] and ticket.state is State.WAITING:
            return "reply_waiting"
        case "resolution" if not _is_asked(ticket, event):
            return "resolution_told"
        case "resolution" if not ticket.callback_by_mail:
            return "resolution_call" if _is_call_ahead(about) else "resolution_told"
        case "customer_wrote" if is_bare_thanks(event):
            # A closed ticket takes no message, so its agent cannot treat the thanks as one.
            return f"customer_thanked{'_closed' if ticket.state is State.CLOSED else ''}"
        case "customer_wrote" if is_after_all(about):
            return "customer_wrote_late"
        case "remind" | "breach" | "escalate" if is_taken(about):
            return "taken"
        case "remind" if any(rung.data["action"] == Action.BREACH for rung in _later(about)):
            return "breach"
        case "remind" if about.job.audience != Role.AGENT:
            return "watch"
        case name:
            return name


OWN_ACKNOWLEDGEMENT = ("complaint", "urgent", "service_request", "feedback")
"""The kinds whose acknowledgement has a template of its own. Inquiries have the general one,
because a ticket whose customer chose no kind is an inquiry."""


def acknowledgement_of(kind: str, *, is_late: bool) -> str:
    """Return the template of an acknowledgement. The one of a complaint apologises.

    `is_late` says that no promise to the customer can be kept any more, so it names none.
    """
    if is_late:
        return "acknowledgement_late_complaint" if kind == "complaint" else "acknowledgement_late"
    return f"acknowledgement_{kind}" if kind in OWN_ACKNOWLEDGEMENT else "acknowledgement"


def is_after_all(about: Matter) -> bool:
    """Whether the customer wrote this message after a resolution that is still valid."""
    ticket, event = about.ticket, about.event
    return (
        event.type is EventType.CUSTOMER_WROTE
        and not is_bare_thanks(event)
        and not ticket.needs_agent
        and ticket.resolution is not None
        and event.at >= ticket.resolution.at
    )


def agent_for(about: Matter) -> str | None:
    """Return the agent who gets a mail to the agent. Usually that is the ticket's assignee.

    A broken promise is reported to the agent who had the ticket when the rung fired, even if
    another agent has it now. A reminder asks for action, so it goes to the current assignee. There
    is one exception: if the rung of a reminder took the ticket from an agent, the reminder goes to
    that agent. Words that did not reach the customer of a merged ticket are a matter of the agent
    of the ticket in which it goes on, or of the former one if nobody has that.
    """
    event, ticket = about.event, about.ticket
    if event.type is not EventType.RUNG_FIRED:
        return about.worked_on.assignee or ticket.assignee
    taken_from = _taken_from(about)
    if event.data["action"] == Action.REMIND:
        return taken_from or ticket.assignee
    return event.data.get("held_by") or taken_from or ticket.assignee


def _taken_from(about: Matter) -> str | None:
    """Return the agent from whom the rung took the ticket, or None.

    If the rung returned the ticket to the queue, the event `queued` has the same time as the rung
    and comes before the next rung.
    """
    for event in about.history:
        if event.number <= about.event.number:
            continue
        if event.at != about.event.at or event.type is EventType.RUNG_FIRED:
            return None
        if event.type is EventType.QUEUED:
            taken: str | None = event.data["from"]
            return taken
    return None


def is_taken(about: Matter) -> bool:
    """Whether the mail goes to an agent about a ticket that they no longer have."""
    return about.job.audience == Role.AGENT and agent_for(about) != about.ticket.assignee


def _later(about: Matter) -> list[Event]:
    """Return the rungs of the same clock that fired after the rung that the mail is about."""
    return [
        event
        for event in about.history
        if event.number > about.event.number
        and event.type is EventType.RUNG_FIRED
        and event.data["clock"] == about.event.data["clock"]
    ]


def _is_asked(ticket: Ticket, event: Event) -> bool:
    """Whether the customer can still say whether this resolution solved the problem."""
    resolution = ticket.resolution
    return ticket.state is State.RESOLVED and resolution is not None and resolution.at == event.at


def _is_call_ahead(about: Matter) -> bool:
    """Whether the customer will be called, and the call is not late yet."""
    return any(clock == ClockName.CALLBACK for clock, _ in promises_ahead(about))


def promises_ahead(about: Matter) -> list[tuple[str, datetime]]:
    """Return the clock and due time of each promise to the customer that can still be kept."""
    return [
        (promise.clock, promise.due_at)
        for promise in promises_of(about.ticket, about.moment)
        if promise.state == "running" and promise.due_at and promise.due_at > about.moment
    ]


def moved_promises(about: Matter) -> list[Moved]:
    """Return the promises that the event made later and that are still later.

    `before` is the due time before the event, and `after` the one of now. A promise that was kept
    since is left out, and one that was moved to an earlier time: the mail would not be true any
    more. If a promise is `paused`, its due times do not contain the pause after the event.
    """
    found: list[Moved] = []
    for moved in about.event.data["lengthened"]:
        clock = about.ticket.clocks[ClockName(moved["clock"])]
        before = datetime.fromisoformat(moved["before"])
        if moved["after"] is None and clock.state is ClockState.CANCELLED:
            found.append(Moved(moved["clock"], before, None))
        elif not clock.over and clock.started_at <= about.event.at:
            counted = _due_without_later_pauses(clock, about)
            is_paused = clock.state is ClockState.PAUSED
            if counted - before >= NOTICED:
                due_at = counted if is_paused else clock.due_at
                found.append(Moved(moved["clock"], before, due_at, is_paused))
    return found


def _due_without_later_pauses(clock: Clock, about: Matter) -> datetime:
    """Return when an open promise would be due if it had not been paused after the event.

    This is comparable with the due times of the event, whatever has happened to the ticket since.
    """
    at, calendar = about.event.at, about.plan.calendar(clock.calendar)
    return reached(spans(clock, about.ticket.waits, at), clock.target_s, at, calendar)


def falls_to_supervisors(about: Matter) -> bool:
    """Whether supervisors get a mail to the agent if no agent can be reached.

    The customer would learn nothing otherwise: of their message, of a later promise, or of an
    answer that did not reach them.
    """
    return is_after_all(about) or about.job.template in (TELL_MOVED, ANSWER_FAILED)


def reason_to_skip(about: Matter) -> str | None:
    """Return why a mail is outdated and must not be sent; None if it is still valid."""
    job, ticket = about.job, about.ticket
    if job.template == task_mails.TASK:
        return task_mails.reason_to_skip(ticket, about.event, job.audience)
    if job.template == remedy_mails.REMEDY:
        return remedy_mails.reason_to_skip(ticket, about.event, job.audience)
    if job.template == POST_MORTEM:
        return _outdated_post_mortem(about)
    if job.template == POST_MORTEM_ACTION:
        last = ticket.post_mortem.event if ticket.post_mortem is not None else None
        return None if last == about.event.number else "the post-mortem was corrected since"
    if job.template == task_mails.URGED:
        return None if ticket.needs_agent else "nobody works on the ticket any more"
    if job.audience == Role.CUSTOMER and ticket.contact.email is None:
        return "the customer has no email address"
    if job.audience == PARTICIPANTS and not ticket.participants:
        return NOBODY_TAKES_PART
    if job.template in remedy_mails.TO_CUSTOMER.values():
        return remedy_mails.reason_to_skip_told(ticket, about.event)
    nobody_has_it = job.audience == Role.AGENT and agent_for(about) is None
    if nobody_has_it and not falls_to_supervisors(about):
        return "nobody has the ticket"
    if (
        job.audience == Role.AGENT
        and agent_for(about) in ticket.about
        and agent_for(about) not in (ticket.assignee, about.worked_on.assignee)
    ):
        return "the complaint is about the agent, who does not have it any more"
    if job.template == ABOUT_DOUBTED and ticket.about_unclear is None:
        return "somebody has decided whom the complaint is about"
    if job.template in (CHECKLIST, ITEM, ITEM_GIVEN):
        return _outdated_item(about)
    if about.event.type in (EventType.MERGED, EventType.UNMERGED, EventType.UNSPLIT):
        return _outdated_merge(about)
    if job.template in (ACKNOWLEDGEMENT, SPLIT) and ticket.closure == SPLIT_UNDONE:
        return "the split was undone"
    if job.template == JOIN and not ticket.needs_agent:
        return "nobody works on the ticket any more"
    if job.template == MENTIONED:
        is_over = mentioned_member(about.event, job.audience) not in ticket.mentioned
        return "the mention is over" if is_over else None
    if job.template == REMINDED:
        is_theirs = about.event.data["agent"] == ticket.assignee
        return None if is_theirs and ticket.closed_at is None else "the reminder is outdated"
    if about.event.type is EventType.INCIDENT_PROPOSED and ticket.incident is not None:
        return "somebody has declared the incident"
    if about.event.type is EventType.NOBODY_THERE and (
        ticket.assignee is not None or not ticket.is_unanswered
    ):
        return "somebody is there now"
    if job.template in _ONLY_WHILE_RUNNING and not is_taken(about):
        clock = ticket.clocks[clock_name(about)]
        # Supervisors and managers are reminded even if the promise is paused, because it must still
        # be kept.
        waits = clock.state is ClockState.PAUSED and job.audience in _WATCHING
        if not (clock.state is ClockState.RUNNING or waits) or _began_anew(about):
            return "the clock does not run any more"
        if about.event.data["step"] not in clock.fired:
            return "the promise was recomputed, and its reminder will be sent again"
        later = _later(about)
        if job.audience != Role.CUSTOMER:
            later = [rung for rung in later if job.audience in rung.data["notify"]]
        if later:
            return "a later rung sends its own mail"
    if job.template == "remind" and job.audience == Role.SUPERVISOR and _follows_dispute(about):
        return "the mail about the dispute says the same"
    if job.template in (PROMISE_MOVED, TELL_MOVED) and not moved_promises(about):
        return "no promise is later any more"
    if job.template == TELL_MOVED and about.event.by.id == ticket.assignee:
        return "the answer to the agent's request has said so"
    if job.template == SURVEY and ticket.clocks[ClockName.SURVEY].due_at <= about.moment:
        return "the survey is over"
    return None


def _outdated_post_mortem(about: Matter) -> str | None:
    """Return why a reminder of a post-mortem is not sent any more; None if it is sent."""
    owed = about.ticket.post_mortem
    if owed is None or not owed.is_due:
        return "the post-mortem is written"
    is_last = owed.clock.fired[-1:] == (about.event.data["step"],)
    return None if is_last else "a later rung sends its own mail"


def _outdated_merge(about: Matter) -> str | None:
    """Return why a mail about a merge, an undone merge or an undone split is skipped; None if not.

    Mails can be sent in another order than their events. If the mail about a merge came after the
    mail that the merge was undone, the customer would believe the wrong one. So it is skipped once
    the merge is undone. It is also skipped if the other ticket belongs to another customer now.
    An agent gets no mail about their own act, and none about messages that were answered since.
    """
    event, ticket = about.event, about.ticket
    if event.type is EventType.MERGED and not _is_merged(about):
        return "the merge was undone"
    if event.type is EventType.MERGED and about.job.audience == Role.CUSTOMER and about.is_apart:
        return "the other ticket is another customer's"
    if event.type is EventType.UNMERGED and ticket.merged is not None:
        return "the ticket goes on in another one again"
    if about.job.audience != Role.AGENT:
        return None
    if event.by.id == ticket.assignee:
        return "the agent has done it"
    is_settled = about.job.template == CUSTOMER_WROTE and ticket.unanswered_since is None
    return "no words wait for an answer any more" if is_settled else None


def other_named(job: MailJob, event: Event) -> str | None:
    """Return the number of the second ticket that a mail to a customer names; None if it names one.

    The mail says that the customer has both tickets. Since the event, staff may have matched the
    second one with another customer. Then the mail must not show its number.
    """
    if job.audience != Role.CUSTOMER or job.template not in NAME_ANOTHER:
        return None
    number: str = event.data["ticket"]
    return number


def _is_merged(about: Matter) -> bool:
    """Whether the merge that the mail is about was not undone since."""
    merge = (about.event.data["kind"], about.event.data["ticket"])
    return any((link.kind, link.number) == merge for link in about.ticket.links)


def missing_items(ticket: Ticket) -> list[Item]:
    """Return the items of the checklist that the customer has to give, or may give."""
    items = ticket.checklist.items if ticket.checklist is not None else ()
    return [item for item in items if item.is_missing]


def _outdated_item(about: Matter) -> str | None:
    """Return why a mail about the checklist is outdated; None if it is still true.

    The result of a step stays true, whatever happens to the request. No other mail tells it. All
    other mails about the checklist ask for something, or say why the request does not go on.
    """
    ticket, event = about.ticket, about.event
    if event.type is EventType.ITEM_DONE:
        return None
    if not ticket.needs_agent:
        return "nobody works on the ticket any more"
    if about.job.template == CHECKLIST:
        is_current = ticket.checklist is not None and ticket.checklist.event == event.number
        return None if is_current and missing_items(ticket) else "the checklist asks for no more"
    item = find(ticket.checklist, event.data["item"])
    if item is None:
        return "the checklist has no such item any more"
    if about.job.template == ITEM_GIVEN and item.state != ItemState.GIVEN:
        return "somebody has decided about the item"
    if event.type is EventType.ITEM_REJECTED and item.state != ItemState.REJECTED:
        return "the item was given again, or accepted"
    if event.type is EventType.ITEM_OBSTRUCTED and not item.obstacle:
        return "it goes on"
    return None


def skipped_in_time(about: Matter, plan_of: Callable[[int], Plan]) -> str | None:
    """Return why the mailer skipped the mail within GRACE after its event; None if it did not.

    `about.history` must be complete. `plan_of` returns the plan of a version. A skipped mail has no
    record. So if its job comes again, only the history says that the mail was skipped.
    """
    history, event = about.history, about.event
    first = plan_of(first_plan(history, about.ticket))
    soon = [
        (ticket, last)
        for ticket, last in walk(history, first, plan_of)
        if last.number >= event.number and last.at <= event.at + GRACE
    ]
    # The events of one change have one time. No mail is sent between them.
    for (ticket, last), following in itertools.zip_longest(soon, soon[1:]):
        if following is not None and following[1].at == last.at:
            continue
        seen = history[: last.number] if event.type in NEED_HISTORY else ()
        into = about.goes_on_in if ticket.merged is not None else None
        then = Matter(about.job, event, ticket, plan_of(ticket.plan_version), last.at, seen, into)
        if why := reason_to_skip(then):
            return why
    return None


def _follows_dispute(about: Matter) -> bool:
    """Whether a dispute began the promise of this reminder less than SAME_NEWS before it."""
    began_at = about.ticket.clocks[clock_name(about)].started_at
    return about.event.at - began_at < SAME_NEWS and any(
        event.type is EventType.DISPUTED and event.at == began_at for event in about.history
    )


def waits_for_writer(about: Matter) -> NoAnswer | None:
    """Return why the customer's address gets no automatic mail; None if it gets it.

    This holds for the mails that follow a rung: the callback question and the survey. A customer
    who used a link of our mails reads this address, so automatic mail may go there. The result
    REPLY_TO no longer holds if a mail has come from the address since.
    """
    if about.job.audience != Role.CUSTOMER or not about.history:
        return None
    why = why_unacknowledged(about.history[0].data)
    if why not in ABOUT_THE_ADDRESS or any(map(_came_by_link, about.history[1:])):
        return None
    return NoAnswer(why)


def _came_by_link(event: Event) -> bool:
    """Whether the customer came by a link: not by mail, and not through a connector."""
    return event.by.role is Role.CUSTOMER and not {"mail", "source", "split"} & event.data.keys()


def clock_name(about: Matter) -> ClockName:
    """Return the clock that a mail to staff is about: the event's, or RESOLUTION if it has none."""
    return ClockName(about.event.data.get("clock", ClockName.RESOLUTION))


def _began_anew(about: Matter) -> bool:
    """Whether the clock was started again after the event.

    If so, the event is about an earlier promise of this clock.
    """
    return about.ticket.clocks[clock_name(about)].started_at > about.event.at


def standing_of(about: Matter) -> str:
    """Return what became of the promise: a key of `Phrases.standing`.

    If the clock was started again after the event, the promise of the event counts as stopped,
    except in a mail about a dispute.
    """
    if about.job.template != "disputed" and _began_anew(about):
        return ClockState.STOPPED
    return about.ticket.clocks[clock_name(about)].state


def due_at(about: Matter) -> datetime:
    """Return the due time of the promise that a mail to staff is about.

    For a broken promise this is the due time that was missed, even if it was moved later.
    """
    event, clock = about.event, clock_name(about)
    if event.data.get("action") == Action.BREACH:
        return datetime.fromisoformat(event.data["due_at"])
    if event.data.get("action") != Action.REMIND:
        for earlier in reversed(about.history):
            data = earlier.data
            if (
                earlier.number < event.number
                and data.get("action") == Action.BREACH
                and data["clock"] == clock
            ):
                return datetime.fromisoformat(data["due_at"])
    return about.ticket.clocks[clock].due_at
