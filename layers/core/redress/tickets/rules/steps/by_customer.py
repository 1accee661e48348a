"""The steps of the customer.

A step first checks its content (InvalidInput), then whether the ticket's state allows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from redress.base import texts
from redress.base.errors import Fault, InvalidInput, LimitReached, NotAllowedNow, pointer
from redress.base.numbers import whole
from redress.base.people import CUSTOMER, SYSTEM, Actor
from redress.plans.rules import thanks
from redress.plans.rules.plan import Plan
from redress.plans.rules.tasks import has_tasks, urge_every_s
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps.draft import (
    Draft,
    checked_text,
    closure_now,
    files_data,
    mail_source,
    require_possible,
)
from redress.tickets.rules.steps.table import (
    CONFIRMED_BY_CUSTOMER,
    STEPS,
    SURVEY_SCORES,
    SURVEY_TEXT_LIMIT,
    WITHDRAWN,
    Step,
)
from redress.tickets.rules.ticket import EventType, State, Ticket, is_survey_due


def write(
    ticket: Ticket,
    plan: Plan,
    text: str,
    at: datetime,
    mail: Mapping[str, Any] | None = None,
    participant: str | None = None,
    source: Mapping[str, str] | None = None,
    beside: str = "",
    recognise: bool = True,
    sent_to: str | None = None,
) -> Change:
    """The customer or a participant sends a message. A waiting ticket becomes open again.

    `open_ticket` describes `mail` and `source`. `participant` is the address of the participant
    who wrote the message; None if the customer wrote it. `beside` is what the message says outside
    its text: a subject of its own. `sent_to` is the number of the merged ticket that it names.

    Nothing follows from a message that only thanks (`thanks_in`). The event names the word by which
    it was recognised. It is possible in every state. While staff wait for an answer of the
    customer, words that may be one are an ordinary message ("ok, thanks"). With `recognise` false,
    the message is an ordinary one, because it was decided before what it is.
    """
    data = {"text": checked_text(text, "/text")} | mail_source(mail)
    if source is not None:
        data["source"] = dict(source)
    if sent_to is not None:
        data["sent_to"] = sent_to
    said = "\n".join((data["text"], beside)) if beside else data["text"]
    by = ticket.contact.name if participant is None else ""
    asked = ticket.state is State.WAITING
    word = thanks_in(said, plan, by, mail, asked=asked) if recognise else None
    if word is not None:
        data["thanks"] = word
    require_possible(Step.THANK if word else Step.WRITE, ticket)
    if participant is not None:
        data["from"] = participant
    return Draft(ticket, plan, CUSTOMER, at).add(EventType.CUSTOMER_WROTE, data).change()


def thanks_in(
    text: str,
    plan: Plan,
    by: str,
    mail: Mapping[str, Any] | None = None,
    *,
    asked: bool = False,
) -> str | None:
    """Return the word by which a message is a bare thanks; None if it is an ordinary message.

    `by` is the name of who wrote it, which may stand below the thanks. `asked` says that staff wait
    for an answer of the customer. A mail with attachments, or with more text than was kept, is an
    ordinary message.
    """
    if mail is not None and not {"attachments", "text_cut"}.isdisjoint(mail):
        return None
    return thanks.word_of(plan.thanks, text, by, asked=asked)


def attach(ticket: Ticket, plan: Plan, files: Sequence[Mapping[str, Any]], at: datetime) -> Change:
    """Files of the customer arrived. They count as one message, which has no text."""
    require_possible(Step.WRITE, ticket)
    data = {"text": ""} | files_data(files)
    return Draft(ticket, plan, CUSTOMER, at).add(EventType.CUSTOMER_WROTE, data).change()


def confirm(ticket: Ticket, plan: Plan, by: Actor, at: datetime) -> Change:
    """The customer says that the problem is solved.

    If a survey is due for this ticket (`is_survey_due`), it begins. Otherwise the ticket closes.
    """
    require_possible(Step.CONFIRM, ticket)
    draft = Draft(ticket, plan, by, at).add(EventType.CONFIRMED)
    if closure := closure_now(draft.after, plan):
        draft.add(EventType.CLOSED, {"closure": closure}, SYSTEM)
    return draft.change()


def dispute(ticket: Ticket, plan: Plan, by: Actor, text: str, at: datetime) -> Change:
    """The customer says that the problem is not solved. The ticket is reopened and queued.

    Routing first offers it to the agent who resolved it.
    """
    text = checked_text(text, "/text")
    require_possible(Step.DISPUTE, ticket)
    last = ticket.resolution.by if ticket.resolution else ticket.assignee
    return (
        Draft(ticket, plan, by, at)
        .add(EventType.DISPUTED, {"text": text})
        .add(
            EventType.QUEUED,
            {
                "from": ticket.assignee,
                "why": "the customer disputed the resolution",
                "team": ticket.team,
                "preferred": last,
            },
            SYSTEM,
        )
        .change()
    )


def answer_survey(ticket: Ticket, plan: Plan, answers: Mapping[str, Any], at: datetime) -> Change:
    """The customer answers the questionnaire, once per ticket.

    The score `overall` (1 to 5) is required. The other scores, `comment` and `suggestion` are
    optional. What follows depends on whether the customer has confirmed the resolution before:

    - If so, the answer closes the ticket. Its scores rate the service and take nothing back.
    - If not, a low answer (`Plan.is_low`) is only recorded. The ticket stays resolved, so the
      customer can still confirm or dispute, and the callback goes on.
    - Any other answer also confirms the resolution and closes the ticket.

    Raises InvalidInput, which lists every wrong answer, and NotAllowedNow if no survey is due
    (`is_survey_due`).
    """
    faults: list[Fault] = []
    kept: dict[str, Any] = {}
    for name in SURVEY_SCORES:
        score = answers.get(name)
        if score is None and name != "overall":
            continue
        number = whole(score)
        if number is None or not 1 <= number <= 5:
            faults.append(Fault(f"/{name}", "score_expected", "a whole number from 1 to 5"))
        kept[name] = number
    for name in ("comment", "suggestion"):
        text = answers.get(name)
        if text is None or text == "":
            continue
        if not isinstance(text, str) or len(texts.cleaned(text)) > SURVEY_TEXT_LIMIT:
            faults.append(
                Fault(f"/{name}", "too_long", f"a text of at most {SURVEY_TEXT_LIMIT} characters")
            )
        elif fault := texts.fault_of(text):
            faults.append(Fault(f"/{name}", *fault))
        elif cleaned := texts.cleaned(text):
            kept[name] = cleaned
    faults += [
        Fault(pointer(name), "unknown", "this is not part of the questionnaire")
        for name in answers
        if name not in (*SURVEY_SCORES, "comment", "suggestion")
    ]
    if faults:
        raise InvalidInput(faults)
    require_possible(Step.ANSWER_SURVEY, ticket)
    if not is_survey_due(ticket, plan):
        raise NotAllowedNow(Step.ANSWER_SURVEY, ticket.state)
    draft = Draft(ticket, plan, CUSTOMER, at)
    if ticket.state is State.RESOLVED:
        if plan.is_low(kept):
            return draft.add(EventType.SURVEYED, {"answers": kept}).change()
        draft.add(EventType.CONFIRMED)
    draft.add(EventType.SURVEYED, {"answers": kept})
    return draft.add(EventType.CLOSED, {"closure": CONFIRMED_BY_CUSTOMER}, SYSTEM).change()


AGAIN = timedelta(minutes=1)
"""An urge so soon after the last one is a double click."""


def urge(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
    """The customer urges: the ticket's agent and whoever has an open task of it are told.

    It changes no promise. Returns None for a double click. Raises NotAllowedNow if the plan has no
    tasks or if there is nobody to urge (`_has_work`), and LimitReached if the customer urged within
    the time of the plan (`may_urge`).
    """
    require_possible(Step.URGE, ticket)
    if ticket.urged_at is not None and at - ticket.urged_at < AGAIN:
        return None
    if not _has_work(ticket, plan):
        raise NotAllowedNow(Step.URGE, ticket.state)
    if not may_urge(ticket, plan, at):
        raise LimitReached("this was passed on a short time ago")
    open_tasks = [task.id for task in ticket.tasks if task.is_open]
    data = {"tasks": open_tasks}
    return Draft(ticket, plan, CUSTOMER, at).add(EventType.URGED, data).change()


def may_urge(ticket: Ticket, plan: Plan, at: datetime) -> bool:
    """Whether the customer can urge now. The plan says how often."""
    if ticket.state not in STEPS[Step.URGE] or not _has_work(ticket, plan):
        return False
    wait = timedelta(seconds=urge_every_s(plan))
    return ticket.urged_at is None or at - ticket.urged_at >= wait


def _has_work(ticket: Ticket, plan: Plan) -> bool:
    """Whether somebody works on the ticket whom the customer can urge, under a plan with tasks.

    While the ticket waits for the customer, these are only departments with open tasks.
    """
    is_open = any(task.is_open for task in ticket.tasks)
    return has_tasks(plan) and (ticket.state is not State.WAITING or is_open)


def withdraw(ticket: Ticket, plan: Plan, text: str, at: datetime) -> Change:
    """The customer withdraws the ticket. Open promises are cancelled: neither kept nor missed."""
    data = {"text": checked_text(text, "/text", required=False)}
    require_possible(Step.WITHDRAW, ticket)
    return (
        Draft(ticket, plan, CUSTOMER, at)
        .add(EventType.WITHDRAWN, data)
        .add(EventType.CLOSED, {"closure": WITHDRAWN}, SYSTEM)
        .change()
    )
