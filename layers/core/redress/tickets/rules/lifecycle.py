"""What may be done to a ticket, when, and what follows from it.

`STEPS` is the one table of the lifecycle: each step, the states it is possible from, and the
state it leads to. Every function here takes the ticket as it is and returns a `Change`: the
events that happen and the ticket after them. Nothing is written here and no time is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from redress.base.errors import Fault, InvalidInput, NotAllowedNow, VersionConflict, pointer
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Action, ClockName, ClockState, DueRung
from redress.plans.rules.plan import GRADATIONS, HOLDS, LONGEST_S, Plan
from redress.tickets.rules.submission import Submission, is_address
from redress.tickets.rules.ticket import (
    CUSTOMER,
    SYSTEM,
    Actor,
    Event,
    EventType,
    Role,
    State,
    Ticket,
    apply,
    ladders,
    promises,
)


class Step(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    REASSIGN = "reassign"
    RECLASSIFY = "reclassify"
    TELL_PROGRESS = "tell_progress"
    PROMISE = "promise"
    HOLD = "hold"
    RELEASE = "release"
    CORRECT = "correct"
    RECORD_EARLIER_ANSWER = "record_earlier_answer"
    CHANGE_PLAN = "change_plan"
    REPLY = "reply"
    REPLY_AND_WAIT = "reply_and_wait"
    NOTE = "note"
    WRITE = "write"
    NOTE_MAIL = "note_mail"
    SET_PARTICIPANTS = "set_participants"
    RESOLVE = "resolve"
    RECORD_NO_ANSWER = "record_no_answer"
    CONFIRM = "confirm"
    DISPUTE = "dispute"
    ANSWER_SURVEY = "answer_survey"
    WITHDRAW = "withdraw"
    CLOSE = "close"


_N, _O, _W, _R, _C, _X = (
    State.NEW,
    State.OPEN,
    State.WAITING,
    State.RESOLVED,
    State.CONFIRMED,
    State.CLOSED,
)

STEPS: Mapping[Step, Mapping[State, State]] = {
    Step.ACKNOWLEDGE: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    Step.ASSIGN: {_N: _N, _O: _O, _W: _W},
    Step.REASSIGN: {_N: _N, _O: _O, _W: _W},
    Step.RECLASSIFY: {_N: _N, _O: _O, _W: _W},
    Step.TELL_PROGRESS: {_N: _N, _O: _O, _W: _W},
    Step.PROMISE: {_N: _N, _O: _O, _W: _W},
    # Not before the first reply: the customer's first word is still unanswered then.
    Step.HOLD: {_O: _O, _W: _W},
    Step.RELEASE: {_O: _O, _W: _W},
    Step.CORRECT: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.RECORD_EARLIER_ANSWER: {_N: _O, _O: _O},
    Step.CHANGE_PLAN: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.REPLY: {_N: _O, _O: _O, _W: _O},
    Step.REPLY_AND_WAIT: {_N: _W, _O: _W, _W: _W},
    Step.NOTE: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    Step.WRITE: {_N: _N, _O: _O, _W: _O, _R: _R, _C: _C},
    # Whatever comes about a ticket is kept with it, for as long as there is one.
    Step.NOTE_MAIL: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    Step.SET_PARTICIPANTS: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.RESOLVE: {_N: _R, _O: _R, _W: _R},
    Step.RECORD_NO_ANSWER: {_R: _R},
    Step.CONFIRM: {_R: _C},
    Step.DISPUTE: {_R: _O, _C: _O},
    Step.ANSWER_SURVEY: {_R: _X, _C: _X},
    Step.WITHDRAW: {_N: _X, _O: _X, _W: _X, _R: _X},
    Step.CLOSE: {_R: _X, _C: _X},
}
"""Step -> state before -> state after. What is not written here is refused."""

OUTCOMES = ("upheld", "partly_upheld", "not_upheld")
CALLBACK_OUTCOMES = ("confirmed", "dissatisfied", "no_answer")
CONFIRMED_BY_CUSTOMER = "confirmed"
UNCONFIRMED = "unconfirmed"
WITHDRAWN = "withdrawn"
ANSWERED = "answered"
SURVEY_SCORES = ("overall", "speed", "solution", "attitude", "knowledge", "friendliness")
TEXT_LIMIT = 20_000
MOST_PARTICIPANTS = 10
REMEDY_LIMIT = 2_000
"""Of a remedy and of a root cause: they stand in the ticket itself, which every step writes."""


class Change(Struct, frozen=True):
    """What one step does: the ticket before (None when it opens), its new events, the ticket after.

    The ticket, its events, its timer and its facts are written in one transaction or not at all.
    """

    before: Ticket | None
    events: tuple[Event, ...]
    after: Ticket
    plan: Plan
    plan_before: Plan | None = None
    """Under which the ticket was before, where the step moved it to another plan."""


class Draft:
    """Collects the events of one step, each applied to the ticket at once."""

    def __init__(self, before: Ticket | None, plan: Plan, by: Actor, at: datetime) -> None:
        self._before, self._plan, self._by, self._at = before, plan, by, at
        self._events: list[Event] = []
        self._after = before

    def add(
        self, kind: EventType, data: dict[str, Any] | None = None, by: Actor | None = None
    ) -> Draft:
        number = (self._after.version if self._after else 0) + 1
        event = Event(number, kind, self._at, by or self._by, data or {})
        self._after = apply(self._after, event, self._plan)
        self._events.append(event)
        return self

    @property
    def after(self) -> Ticket:
        """The ticket after the events so far."""
        if self._after is None:
            raise ValueError("nothing has happened yet")
        return self._after

    def change(self) -> Change:
        if self._after is None:
            raise ValueError("a change has at least one event")
        return Change(self._before, tuple(self._events), self._after, self._plan)


def _may(step: Step, ticket: Ticket) -> None:
    if ticket.state not in STEPS[step]:
        raise NotAllowedNow(step, ticket.state)


def require_current(ticket: Ticket, version: int) -> None:
    """An agent acts on what they have read: refuse if a person changed the ticket after it.

    What the system recorded meanwhile (a reminder, an acknowledgement) takes nothing from what the
    agent knew. Raises VersionConflict with the current version; InvalidInput for a version that
    does not exist yet.
    """
    if version > ticket.version:
        raise InvalidInput([Fault("/version", "unknown_version", "there is no such version yet")])
    if version < ticket.last_person_version:
        raise VersionConflict(ticket.version)


def _text(value: str, pointer: str, *, required: bool = True) -> str:
    cleaned = value.strip()
    if required and not cleaned:
        raise InvalidInput([Fault(pointer, "required", "this text must not be empty")])
    if len(cleaned) > TEXT_LIMIT:
        raise InvalidInput([Fault(pointer, "too_long", f"at most {TEXT_LIMIT} characters")])
    return cleaned


def open_ticket(
    submission: Submission,
    number: str,
    plan: Plan,
    at: datetime,
    mail: Mapping[str, Any] | None = None,
) -> Change:
    """A ticket begins. Who left only a phone number is acknowledged by the answer they see now.

    `mail` says of a submission by mail what staff need beside its text: where the original lies,
    its attachments, what it follows.
    """
    contact = submission.contact
    draft = Draft(None, plan, CUSTOMER, at).add(
        EventType.OPENED,
        _by_mail(mail)
        | {
            "number": number,
            "kind": submission.kind,
            "channel": submission.channel,
            "language": submission.language,
            "subject": submission.subject,
            "description": submission.description,
            "wished_remedy": submission.wished_remedy,
            "contact": {"name": contact.name, "email": contact.email, "phone": contact.phone},
        },
    )
    if contact.email is None:
        draft.add(EventType.ACKNOWLEDGED, {"by": "page"}, SYSTEM)
    return draft.change()


def acknowledge(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
    """The acknowledgement was accepted by the mail service; None when that is known already."""
    if ticket.acknowledged_at is not None:
        return None
    return Draft(ticket, plan, SYSTEM, at).add(EventType.ACKNOWLEDGED, {"by": "mail"}).change()


def assign(ticket: Ticket, plan: Plan, agent: str, why: str, at: datetime) -> Change:
    """A queued ticket gets its agent."""
    _may(Step.ASSIGN, ticket)
    data = {"agent": agent, "from": ticket.assignee, "why": why, "team": ticket.team}
    return Draft(ticket, plan, SYSTEM, at).add(EventType.ASSIGNED, data).change()


def reassign(
    ticket: Ticket, plan: Plan, by: Actor, to: str | None, team: str | None, why: str, at: datetime
) -> Change:
    """Hand the ticket to another agent, or (with `to` None) back to the queue of a team."""
    _may(Step.REASSIGN, ticket)
    reason = _text(why, "/reason")
    data = {"from": ticket.assignee, "why": reason, "team": team or ticket.team}
    draft = Draft(ticket, plan, by, at)
    if to is None:
        draft.add(EventType.QUEUED, data)
    else:
        draft.add(EventType.ASSIGNED, {**data, "agent": to})
    return draft.change()


class Classification(Struct, frozen=True):
    """What a ticket is, as far as somebody corrects it; None leaves a part as it is.

    With a new kind, urgency and impact are that kind's own unless they are given.
    """

    kind: str | None = None
    urgency: str | None = None
    impact: str | None = None
    customer_type: str | None = None


def reclassify(
    ticket: Ticket, plan: Plan, by: Actor, given: Classification, why: str, at: datetime
) -> Change:
    """Correct what it is; the promises are planned anew from the beginning (C1)."""
    _may(Step.RECLASSIFY, ticket)
    _check_classification(plan, given)
    kind = given.kind or ticket.kind
    level = plan.level(kind)
    own = (ticket.urgency, ticket.impact) if kind == ticket.kind else (level.urgency, level.impact)
    urgency, impact = given.urgency or own[0], given.impact or own[1]
    customer_type = given.customer_type or ticket.customer_type
    anew = (kind, urgency, impact, customer_type)
    if anew == (ticket.kind, ticket.urgency, ticket.impact, ticket.customer_type):
        raise InvalidInput([Fault("/kind", "same_kind", "the ticket is classified so already")])
    draft = Draft(ticket, plan, by, at).add(
        EventType.RECLASSIFIED,
        {
            "kind": kind,
            "from": ticket.kind,
            "urgency": urgency,
            "impact": impact,
            "customer_type": customer_type,
            "why": _text(why, "/reason"),
        },
    )
    before, after = _team(ticket, plan), _team(draft.after, plan)
    if after not in (before, ticket.team):  # a hand-over by a person to another team stands
        data = {"from": ticket.assignee, "why": "another team handles these", "team": after}
        draft.add(EventType.QUEUED, data, SYSTEM)
    return draft.change()


def _team(ticket: Ticket, plan: Plan) -> str:
    return plan.team(ticket.kind, ticket.channel, ticket.priority, ticket.customer_type)


def tell_progress(ticket: Ticket, plan: Plan, by: Actor, text: str, at: datetime) -> Change:
    """Tell the customer how things stand: a reaction, but not yet the first response."""
    _may(Step.TELL_PROGRESS, ticket)
    data = {"text": _text(text, "/text")} | _copied(ticket)
    return Draft(ticket, plan, by, at).add(EventType.PROGRESS_TOLD, data).change()


def _check_classification(plan: Plan, given: Classification) -> None:
    faults = [
        Fault(f"/{name}", f"unknown_{name}", f"one of {', '.join(known)}")
        for name, value, known in (
            ("kind", given.kind, tuple(plan.levels)),
            ("urgency", given.urgency, GRADATIONS),
            ("impact", given.impact, GRADATIONS),
            ("customer_type", given.customer_type, plan.customer_types),
        )
        if value is not None and value not in known
    ]
    if faults:
        raise InvalidInput(faults)


def promise(
    ticket: Ticket, plan: Plan, by: Actor, due: datetime, text: str, at: datetime
) -> Change:
    """An agent gives their own word: the customer has an answer by `due`. A clock like any other.

    A second word takes the place of the first, which stands in the history.
    """
    _may(Step.PROMISE, ticket)
    faults = []
    if not 1 <= (due - at).total_seconds() <= LONGEST_S:
        faults.append(Fault("/by", "not_in_time", "an instant to come, within a year"))
    if not text.strip():
        faults.append(Fault("/text", "required", "this text must not be empty"))
    elif len(text) > TEXT_LIMIT:
        faults.append(Fault("/text", "too_long", f"at most {TEXT_LIMIT} characters"))
    if faults:
        raise InvalidInput(faults)
    data = {"by": due.isoformat(), "text": text.strip()} | _copied(ticket)
    return Draft(ticket, plan, by, at).add(EventType.PROMISED, data).change()


def hold(ticket: Ticket, plan: Plan, by: Actor, reason: str, text: str, at: datetime) -> Change:
    """Wait for something beside the customer, and tell them: the plan says which clocks pause."""
    _may(Step.HOLD, ticket)
    faults = []
    if reason not in HOLDS:
        faults.append(Fault("/reason", "unknown_reason", f"one of {', '.join(HOLDS)}"))
    if not text.strip():
        faults.append(Fault("/text", "required", "tell the customer what is waited for"))
    elif len(text) > TEXT_LIMIT:
        faults.append(Fault("/text", "too_long", f"at most {TEXT_LIMIT} characters"))
    if faults:
        raise InvalidInput(faults)
    data = {"reason": reason, "text": text.strip()} | _copied(ticket)
    return Draft(ticket, plan, by, at).add(EventType.HELD, data).change()


def release(ticket: Ticket, plan: Plan, by: Actor, at: datetime) -> Change:
    """What was waited for is there."""
    _may(Step.RELEASE, ticket)
    if ticket.on_hold is None:
        raise NotAllowedNow(Step.RELEASE, ticket.state)
    return Draft(ticket, plan, by, at).add(EventType.RELEASED).change()


CORRECTABLE = (ClockName.REACTION, ClockName.FIRST_RESPONSE, ClockName.NEXT_REPLY)
"""Promises that somebody may have kept by a way that was not recorded: a call, a visit."""


def correct(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    clock: str,
    stopped_at: datetime,
    why: str,
    at: datetime,
    words: Iterable[datetime] = (),
) -> Change:
    """The customer was answered at an earlier instant than was recorded, or it was not recorded.

    For supervisors and managers; the reason is kept. Rungs that fired stay in the history. `words`
    are the instants at which the customer wrote (`words_of`): what they wrote after the answer is
    not answered by it.
    """
    held = ticket.clocks.get(ClockName(clock)) if clock in CORRECTABLE else None
    unrecorded = held is not None and not held.over and clock != ClockName.REACTION
    _may(Step.RECORD_EARLIER_ANSWER if unrecorded else Step.CORRECT, ticket)
    faults = []
    if held is None or held.state is ClockState.CANCELLED:
        known = ", ".join(name for name in CORRECTABLE if name in ticket.clocks)
        faults.append(Fault("/clock", "unknown_clock", f"one of {known}"))
    elif held.settled:
        faults.append(Fault("/clock", "other_plan", "it ended under a plan that was left since"))
    elif not held.started_at <= stopped_at <= (held.stopped_at or at):
        detail = "from when the clock began to when it was stopped, or to now"
        faults.append(Fault("/at", "not_in_time", detail))
    if not why.strip() or len(why) > REMEDY_LIMIT:
        faults.append(Fault("/reason", "required", f"a reason of 1 to {REMEDY_LIMIT} characters"))
    if faults:
        raise InvalidInput(faults)
    data = {"clock": clock, "stopped_at": stopped_at.isoformat(), "why": why.strip()}
    if unrecorded and (later := min((word for word in words if word > stopped_at), default=None)):
        data["unanswered_since"] = later.isoformat()
    return Draft(ticket, plan, by, at).add(EventType.CORRECTED, data).change()


def words_of(history: Iterable[Event]) -> list[datetime]:
    """When the customer wrote, out of a ticket's history."""
    return [event.at for event in history if event.type in _WORDS]


_WORDS = (EventType.OPENED, EventType.CUSTOMER_WROTE, EventType.DISPUTED)


def move_to_plan(ticket: Ticket, old: Plan, new: Plan, by: Actor, why: str, at: datetime) -> Change:
    """Go on under another version of the plan: every open promise is made anew, with its credit.

    A solved ticket whose callback or survey is not promised any more closes with the move.
    """
    _may(Step.CHANGE_PLAN, ticket)
    if new.version == ticket.plan_version:
        raise InvalidInput([Fault("/plan_version", "same_plan", "it is under this plan already")])
    data = {"plan_version": new.version, "from": ticket.plan_version, "why": _text(why, "/reason")}
    draft = Draft(ticket, new, by, at).add(EventType.PLAN_CHANGED, data)
    if closure := _nothing_to_wait_for(draft.after, new):
        draft.add(EventType.CLOSED, {"closure": closure}, SYSTEM)
    return replace(draft.change(), plan_before=old)


def _nothing_to_wait_for(ticket: Ticket, plan: Plan) -> str | None:
    """How a solved ticket closes at once when its plan promises neither callback nor survey."""
    promised = promises(ticket, plan)
    if ticket.state is State.RESOLVED and ClockName.CALLBACK not in promised:
        return ANSWERED
    if ticket.state is State.CONFIRMED and ClockName.SURVEY not in promised:
        return CONFIRMED_BY_CUSTOMER
    return None


def reply(
    ticket: Ticket, plan: Plan, by: Actor, text: str, wait_for_customer: bool, at: datetime
) -> Change:
    """A public answer by a human; the first one keeps (or misses) the first-response promise."""
    _may(Step.REPLY_AND_WAIT if wait_for_customer else Step.REPLY, ticket)
    data = {"text": _text(text, "/text"), "wait_for_customer": wait_for_customer}
    data |= _copied(ticket)
    return Draft(ticket, plan, by, at).add(EventType.REPLIED, data).change()


def note(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    text: str,
    at: datetime,
    mail: Mapping[str, Any] | None = None,
) -> Change:
    """An internal word; the customer never sees it. `mail`: see `open_ticket`."""
    _may(Step.NOTE, ticket)
    data = {"text": _text(text, "/text")} | _by_mail(mail)
    return Draft(ticket, plan, by, at).add(EventType.NOTED, data).change()


def write(
    ticket: Ticket,
    plan: Plan,
    text: str,
    at: datetime,
    mail: Mapping[str, Any] | None = None,
    participant: str | None = None,
) -> Change:
    """The customer adds words; a ticket that waited for them goes on. `mail`: see `open_ticket`.

    `participant`: who wrote for them, one of the ticket's participants.
    """
    _may(Step.WRITE, ticket)
    data = {"text": _text(text, "/text")} | _by_mail(mail)
    if participant is not None:
        data["from"] = participant
    return Draft(ticket, plan, CUSTOMER, at).add(EventType.CUSTOMER_WROTE, data).change()


def _by_mail(mail: Mapping[str, Any] | None) -> dict[str, Any]:
    return {} if mail is None else {"mail": dict(mail)}


def set_participants(
    ticket: Ticket, plan: Plan, by: Actor, addresses: Sequence[str], at: datetime
) -> Change | None:
    """Who takes part beside the customer, from now on: they get a copy of what is written to the
    customer, and may write on the ticket by mail. None when it is so already.

    Raises InvalidInput naming each address that cannot take part.
    """
    _may(Step.SET_PARTICIPANTS, ticket)
    wanted = tuple(dict.fromkeys(address.strip().lower() for address in addresses))
    faults = []
    if len(wanted) > MOST_PARTICIPANTS:
        faults.append(Fault("/participants", "too_many", f"at most {MOST_PARTICIPANTS}"))
    for index, address in enumerate(addresses):
        here = pointer("participants", str(index))
        if not is_address(address.strip()):
            faults.append(Fault(here, "email_expected", "this is no email address"))
        elif address.strip().lower() == (ticket.contact.email or "").lower():
            faults.append(Fault(here, "is_customer", "this is the customer"))
    if faults:
        raise InvalidInput(faults)
    if set(wanted) == set(ticket.participants):
        return None
    data = {"participants": list(wanted), "from": list(ticket.participants)}
    return Draft(ticket, plan, by, at).add(EventType.PARTICIPANTS_SET, data).change()


def _copied(ticket: Ticket) -> dict[str, Any]:
    """Of words to the customer: who gets a copy of them."""
    return {"copied_to": list(ticket.participants)} if ticket.participants else {}


def note_mail(
    ticket: Ticket,
    plan: Plan,
    why: str,
    sender: str,
    text: str,
    at: datetime,
    mail: Mapping[str, Any],
) -> Change:
    """A mail about the ticket that is not its customer's words: it moves no clock and no state.

    `why` is one of `arrivals.Note`; `mail` as in `open_ticket`.
    """
    _may(Step.NOTE_MAIL, ticket)
    data = {"why": why, "from": sender, "text": text, "mail": dict(mail)}
    return Draft(ticket, plan, SYSTEM, at).add(EventType.MAIL_NOTED, data).change()


def resolve(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    text: str,
    outcome: str | None,
    remedy: str | None,
    root_cause: str | None,
    at: datetime,
) -> Change:
    """The agent says it is solved. A complaint also needs outcome, remedy and root cause."""
    _may(Step.RESOLVE, ticket)
    faults: list[Fault] = []
    if not text.strip():
        faults.append(Fault("/text", "required", "say the cause and what was done"))
    elif len(text) > TEXT_LIMIT:
        faults.append(Fault("/text", "too_long", f"at most {TEXT_LIMIT} characters"))
    if outcome is not None and outcome not in OUTCOMES:
        faults.append(Fault("/outcome", "unknown_outcome", f"one of {', '.join(OUTCOMES)}"))
    if ticket.kind == "complaint":
        for name, value in (("outcome", outcome), ("remedy", remedy), ("root_cause", root_cause)):
            if not (value or "").strip():
                faults.append(Fault(f"/{name}", "required", f"a complaint needs its {name}"))
    for name, value in (("remedy", remedy), ("root_cause", root_cause)):
        if len(value or "") > REMEDY_LIMIT:
            faults.append(Fault(f"/{name}", "too_long", f"at most {REMEDY_LIMIT} characters"))
    if faults:
        raise InvalidInput(faults)
    draft = Draft(ticket, plan, by, at).add(
        EventType.RESOLVED,
        {
            "text": text.strip(),
            "outcome": outcome,
            "remedy": remedy,
            "root_cause": root_cause,
        }
        | _copied(ticket),
    )
    if closure := _nothing_to_wait_for(draft.after, plan):
        draft.add(EventType.CLOSED, {"closure": closure}, SYSTEM)
    return draft.change()


def record_callback(
    ticket: Ticket, plan: Plan, by: Actor, outcome: str, text: str, at: datetime
) -> Change:
    """A person called the customer: `confirmed`, `dissatisfied` or `no_answer`.

    The last of the plan's attempts without an answer closes the ticket as unconfirmed (H4).
    """
    if outcome == "confirmed":
        return confirm(ticket, plan, by, at)
    if outcome == "dissatisfied":
        return dispute(ticket, plan, by, text, at)
    if outcome != "no_answer":
        raise InvalidInput(
            [Fault("/outcome", "unknown_outcome", f"one of {', '.join(CALLBACK_OUTCOMES)}")]
        )
    _may(Step.RECORD_NO_ANSWER, ticket)
    data = {"text": _text(text, "/text", required=False)}
    draft = Draft(ticket, plan, by, at).add(EventType.CALLBACK_ATTEMPTED, data)
    if ticket.callback_attempts + 1 >= plan.callback.attempts:
        draft.add(EventType.CLOSED, {"closure": UNCONFIRMED}, SYSTEM)
    return draft.change()


def confirm(ticket: Ticket, plan: Plan, by: Actor, at: datetime) -> Change:
    """The customer says that it is solved; the survey opens (or the ticket closes without one)."""
    _may(Step.CONFIRM, ticket)
    draft = Draft(ticket, plan, by, at).add(EventType.CONFIRMED)
    if closure := _nothing_to_wait_for(draft.after, plan):
        draft.add(EventType.CLOSED, {"closure": closure}, SYSTEM)
    return draft.change()


def dispute(ticket: Ticket, plan: Plan, by: Actor, text: str, at: datetime) -> Change:
    """The customer says that it is not solved: reopened, and queued for who knew it best."""
    _may(Step.DISPUTE, ticket)
    last = ticket.resolution.by if ticket.resolution else ticket.assignee
    return (
        Draft(ticket, plan, by, at)
        .add(EventType.DISPUTED, {"text": _text(text, "/text")})
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
    """The customer fills in the questionnaire, once; every wrong answer is named.

    `overall` is required (1-5); the other scores, `comment` and `suggestion` are optional.
    Answering on the callback page before confirming counts as confirming.
    """
    _may(Step.ANSWER_SURVEY, ticket)
    if ClockName.SURVEY not in promises(ticket, plan):
        raise NotAllowedNow(Step.ANSWER_SURVEY, ticket.state)
    faults: list[Fault] = []
    kept: dict[str, Any] = {}
    for name in SURVEY_SCORES:
        score = answers.get(name)
        if score is None and name != "overall":
            continue
        if not isinstance(score, int) or isinstance(score, bool) or not 1 <= score <= 5:
            faults.append(Fault(f"/{name}", "score_expected", "a whole number from 1 to 5"))
        kept[name] = score
    for name in ("comment", "suggestion"):
        text = answers.get(name)
        if text is None or text == "":
            continue
        if not isinstance(text, str) or len(text) > 5000:
            faults.append(Fault(f"/{name}", "too_long", "a text of at most 5000 characters"))
        else:
            kept[name] = text.strip()
    faults += [
        Fault(pointer(name), "unknown", "this is not part of the questionnaire")
        for name in answers
        if name not in (*SURVEY_SCORES, "comment", "suggestion")
    ]
    if faults:
        raise InvalidInput(faults)
    draft = Draft(ticket, plan, CUSTOMER, at)
    if ticket.state is State.RESOLVED:
        draft.add(EventType.CONFIRMED)
    draft.add(EventType.SURVEYED, {"answers": kept})
    return draft.add(EventType.CLOSED, {"closure": CONFIRMED_BY_CUSTOMER}, SYSTEM).change()


def withdraw(ticket: Ticket, plan: Plan, text: str, at: datetime) -> Change:
    """The customer takes the matter back; every promise ends, neither kept nor missed."""
    _may(Step.WITHDRAW, ticket)
    data = {"text": _text(text, "/text", required=False)}
    return (
        Draft(ticket, plan, CUSTOMER, at)
        .add(EventType.WITHDRAWN, data)
        .add(EventType.CLOSED, {"closure": WITHDRAWN}, SYSTEM)
        .change()
    )


def act_on_due_rungs(ticket: Ticket, plan: Plan, now: datetime) -> Change | None:
    """Fire every rung that is due, in the order of their times; None when nothing is due.

    A rung of a clock that an earlier rung of the same wake ended does not act.
    """
    due = clocks.due_rungs(ticket.clocks, ladders(ticket, plan), now)
    if not due:
        return None
    draft = Draft(ticket, plan, SYSTEM, now)
    closed = False
    for rung in due:
        if closed:
            break
        draft.add(EventType.RUNG_FIRED, _rung_data(rung, draft.after, ticket.assignee))
        _add_consequences(draft, rung)
        if rung.rung.action is Action.CLOSE:
            closure = UNCONFIRMED if rung.clock is ClockName.CALLBACK else CONFIRMED_BY_CUSTOMER
            draft.add(EventType.CLOSED, {"closure": closure})
            closed = True
    return draft.change()


def _rung_data(due: DueRung, ticket: Ticket, held_by: str | None) -> dict[str, Any]:
    """Whom it tells is written down when it fires: its own roles, and who watches by then.

    `held_by` held the ticket when the workflow woke: a rung that hands it back to the queue takes
    it from nobody whose other promises broke with that one.
    """
    rung = due.rung
    notify = rung.notify
    if rung.action in (Action.REMIND, Action.BREACH, Action.ESCALATE):
        notify = tuple(dict.fromkeys((*notify, *ticket.watchers)))
    data: dict[str, Any] = {
        "clock": due.clock.value,
        "rung": due.index,
        "step": due.step,
        "action": rung.action.value,
        "due_at": due.due_at.isoformat(),
        "notify": list(notify),
        "held_by": held_by,
    }
    if rung.priority:
        data["priority"] = rung.priority
    if rung.watch:
        data["watch"] = list(rung.watch)
    return data


def _add_consequences(draft: Draft, due: DueRung) -> None:
    """What a rung does beside telling somebody, each an event of its own."""
    ticket = draft.after
    if due.rung.incident and not ticket.incident_proposed:
        draft.add(EventType.INCIDENT_PROPOSED, {"clock": due.clock.value})
    if due.rung.reassign and ticket.assignee is not None and ticket.needs_agent:
        data = {
            "from": ticket.assignee,
            "why": "a promise was broken",
            "team": ticket.team,
            "avoid": ticket.assignee,
        }
        draft.add(EventType.QUEUED, data)


def may_see(actor: Actor, team: str, ticket: Ticket) -> bool:
    """Staff see the tickets of their team; a manager sees all."""
    return actor.role is Role.MANAGER or (actor.is_staff and team == ticket.team)


def may_act(actor: Actor, team: str, ticket: Ticket) -> bool:
    """An agent acts on their own tickets; a supervisor on those of the team; a manager on all.

    After resolution the agent who resolved it still makes the callback.
    """
    if actor.role is Role.AGENT:
        return ticket.assignee == actor.id
    return may_see(actor, team, ticket)
