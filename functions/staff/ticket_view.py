"""A ticket as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import to_builtins
from route import iso

from redress.base.people import Machine, Member, Role
from redress.clocks.rules.clocks import Clock, ClockName, standing
from redress.customers.rules.profile import Profile
from redress.plans.rules import checklists
from redress.plans.rules.classification import why_of
from redress.plans.rules.plan import Plan
from redress.tickets.cases.linking import ABOUT_ANOTHER, NAMES_ANOTHER, Others
from redress.tickets.rules import (
    access,
    classification,
    fields,
    remedy_rights,
    split_events,
    viewers,
)
from redress.tickets.rules.answers import way_of
from redress.tickets.rules.post_mortem import PostMortem
from redress.tickets.rules.preference import EMAIL, PHONE
from redress.tickets.rules.promise_view import told_by
from redress.tickets.rules.remedies import Remedy
from redress.tickets.rules.tasks import Task
from redress.tickets.rules.ticket import (
    Duplicate,
    Event,
    EventType,
    Phase,
    Resolution,
    Ticket,
    TicketLink,
    next_due,
)
from redress.tickets.rules.viewers import Viewer
from redress.tickets.rules.wording import Discouraged
from redress.tickets.store.mail_records import MailRecord
from redress.tickets.store.tickets import TicketFile


def ticket_view(found: Ticket, member: Member, plan: Plan | None, now: datetime) -> dict[str, Any]:
    """`Ticket`: the ticket as it is now. The next change must name its `version`.

    `can` says what `member` may do with it. `plan` is the ticket's plan, which has the labels of
    its fields.
    """
    return {
        "number": found.number,
        "version": found.version,
        "state": found.state.value,
        "kind": found.kind,
        "channel": found.channel,
        "language": found.language,
        "priority": found.priority,
        "urgency": found.urgency,
        "impact": found.impact,
        "customer_type": found.customer_type,
        "customer": found.customer,
        "category": found.category,
        "tags": list(found.tags),
        "order": found.order,
        "fields": [to_builtins(one) for one in fields.views(found, plan)],
        "satisfaction": found.satisfaction,
        "on_hold": found.on_hold,
        "unanswered_since": iso(found.unanswered_since),
        "incident_proposed": found.incident_proposed,
        "incident": found.incident.id if found.incident else None,
        "subject": found.subject,
        "contact": {
            "name": found.contact.name,
            "email": found.contact.email,
            "phone": found.contact.phone,
            "phone_e164": found.contact.phone_e164,
            "company": found.contact.company,
        },
        "answers": answers_view(found, plan, now),
        "participants": list(found.participants),
        "about": list(found.about),
        "about_unclear": None if found.about_unclear is None else list(found.about_unclear),
        "kept_from": list(found.kept_from),
        "mentioned": list(found.mentioned),
        "team": found.team,
        "assignee": found.assignee,
        "unaccepted_since": iso(found.unaccepted_since),
        "declined_by": list(found.declined_by),
        "created_at": iso(found.created_at),
        "acknowledged_at": iso(found.acknowledged_at),
        "due_at": iso(next_due(found)),
        "promises": [_promise(name, clock, now) for name, clock in found.clocks.items()],
        "escalation": found.escalation,
        "round": found.round,
        "callback_attempts": found.callback_attempts,
        "callback": _callback(found) if found.phase is Phase.CALLBACK else None,
        "resolution": _resolution(found.resolution) if found.resolution else None,
        "closure": found.closure,
        "closed_at": iso(found.closed_at),
        "plan_version": found.plan_version,
        "tasks": [task_view(task, now) for task in found.tasks],
        "checklist": checklist_view(found, plan),
        "remedies": [
            remedy_view(one, remedy_rights.can(member, found, one), now) for one in found.remedies
        ],
        "post_mortem": post_mortem_view(found.post_mortem, now),
        "can": access.can(member, found),
    }


def answers_view(ticket: Ticket, plan: Plan | None, now: datetime) -> dict[str, Any]:
    """`Ticket.answers`: how what staff write now reaches the customer."""
    way = way_of(ticket, now, plan.sms if plan is not None else None)
    talk = way.conversation
    return {
        "by": way.by,
        "why": way.why,
        "connector": talk.connector if talk else None,
        "until": iso(talk.until) if talk else None,
    }


def checklist_view(found: Ticket, plan: Plan | None) -> list[dict[str, Any]]:
    """A list of `ChecklistItem`: what a service request needs, in the order of the plan.

    `text` is None if the ticket's plan cannot be read.
    """
    items = found.checklist.items if found.checklist is not None else ()
    return [
        {
            "id": item.id,
            "kind": item.kind,
            "text": dict(checklists.label(plan, found.category, item.id)) if plan else None,
            "required": item.required,
            "state": str(item.state),
            "obstacle": item.obstacle,
            "files": list(item.files),
            "event": item.event or None,
        }
        for item in items
    ]


def task_view(task: Task, now: datetime) -> dict[str, Any]:
    """`Task`: the task as it is now. The next act on it must name its `revision`."""
    return {
        "id": task.id,
        "revision": task.revision,
        "team": task.team,
        "title": task.title,
        "state": str(task.state),
        "required": task.required,
        "private": task.private,
        "owner": task.owner,
        "opened_at": iso(task.opened_at),
        "due_at": iso(task.clock.due_at),
        "standing": standing(task.clock, now).value,
        "breached": task.clock.breached or task.clock.missed,
        "ended_at": iso(task.clock.ended_at),
        "pressed": task.pressed,
        "urged": task.urged,
        "extended": task.extended,
        "extension_until": iso(task.extension.until) if task.extension else None,
    }


def remedy_view(remedy: Remedy, can: list[str], now: datetime) -> dict[str, Any]:
    """`Remedy`: the remedy as it is now. `can` says what the reader may do with it."""
    return {
        "id": remedy.id,
        "kind": remedy.kind,
        "amount": remedy.money.amount if remedy.money else None,
        "currency": remedy.money.currency if remedy.money else None,
        "state": str(remedy.state),
        "proposed_by": remedy.by,
        "approved_by": remedy.approved_by,
        "promised_at": iso(remedy.promised_at),
        "due_at": iso(remedy.clock.due_at),
        "standing": standing(remedy.clock, now).value,
        "breached": remedy.clock.breached or remedy.clock.missed,
        "ended_at": iso(remedy.clock.ended_at),
        "can": can,
    }


def post_mortem_view(found: PostMortem | None, now: datetime) -> dict[str, Any] | None:
    """`TicketPostMortem`: whether it is written. The event has its texts. None if none is due."""
    if found is None:
        return None
    return {
        "state": "due" if found.is_due else "written",
        "due_at": iso(found.clock.due_at),
        "standing": standing(found.clock, now).value,
        "breached": found.clock.breached or found.clock.missed,
        "written_at": iso(found.at),
        "written_by": found.by,
        "event": found.event,
    }


def warnings_view(warnings: Iterable[Discouraged]) -> list[dict[str, str]]:
    """`Ticket.warnings`: the words of a text to the customer that should not be written."""
    return [
        {
            "pointer": one.pointer,
            "code": one.code,
            "list": one.list,
            "word": one.word,
            "instead": one.instead,
        }
        for one in warnings
    ]


def lengthened_view(events: Iterable[Event]) -> dict[str, Any]:
    """`lengthened`: the promises that these events made later than the customer was told.

    Returns {} if there are none.
    """
    moved = [event.data for event in events if event.data.get("lengthened")]
    if not moved:
        return {}
    promises = [one for data in moved for one in data["lengthened"]]
    shown = [
        {
            "clock": one["clock"],
            "before": iso(datetime.fromisoformat(one["before"])),
            "after": one["after"] and iso(datetime.fromisoformat(one["after"])),
        }
        for one in promises
    ]
    return {"lengthened": {"told_by": told_by(moved[-1]), "promises": shown}}


def people_of(found: TicketFile) -> set[str]:
    """The ids of all members of staff whom a ticket and its timeline name."""
    ids = {event.by.id for event in found.history if event.by.is_staff}
    for event in found.history:
        named = [event.data.get(name) for name in ("agent", "from", "owner")]
        ids.update(one for one in named if isinstance(one, str))
        for name in ("about", "mentions", "candidates"):
            several = event.data.get(name)
            ids.update(several if isinstance(several, list) else ())
        ids.update(action["owner"] for action in event.data.get("actions", ()))
    ids.add(found.ticket.assignee or "")
    ids.add(found.ticket.resolution.by if found.ticket.resolution else "")
    return ids - {""}


def ticket_file_view(
    found: TicketFile,
    customer: Profile | None,
    people: Mapping[str, Member],
    member: Member,
    plan: Plan | None,
    now: datetime,
    others: Others,
) -> dict[str, Any]:
    """`TicketFile`: the ticket with its customer, its timeline and the state of its mails.

    `others` are the other tickets that it names, as `member` may know of them. Links with tickets
    that the member may not see are not shown, nor the events that made or ended them. The same
    holds for proposed duplicates.

    `people` are the members of staff whom the ticket names, by id. A machine is not told who views
    or writes the ticket now: that is about people at work (`MachineTicketFile`).
    """
    watching = viewers_view(viewers.others(found.viewers, member, now))
    moved = split_events.split_off(found.history)
    return {
        **ticket_view(found.ticket, member, plan, now),
        "profile": {
            "id": customer.id,
            "name": customer.name,
            "type": customer.type,
            "identity": customer.verified(now),
        }
        if customer
        else None,
        "classification": [
            classification_view(one, plan) for one in classification.decided(found.history, plan)
        ],
        "links": [
            _link(link, others.seen[link.number])
            for link in found.ticket.links
            if link.number in others.seen
        ],
        "duplicates": [
            _duplicate(one, others.seen[one.number])
            for one in found.ticket.open_duplicates
            if one.number in others.seen
        ],
        "timeline": [
            _marked(event_view(event, member, _unnamed(event, others)), moved, others)
            for event in found.history
            if event.type not in ABOUT_ANOTHER or event.data["ticket"] in others.seen
        ],
        "mails": [_mail(mail) for mail in found.mails],
        **({} if isinstance(member, Machine) else {"viewers": watching}),
        "people": {
            id_: {"name": one.name, "role": one.role.value} for id_, one in sorted(people.items())
        },
    }


def classification_view(one: classification.Decided, plan: Plan | None) -> dict[str, Any]:
    """`DecidedValue`: a value of the classification, and why the ticket has it.

    `why` is the text of the rule in the plan; None if the plan has no such rule any more.
    """
    section = plan.classification if plan is not None else {}
    return {
        "name": one.name,
        "value": one.value,
        "source": one.source.value,
        "at": iso(one.at),
        "rule": one.rule,
        "why": why_of(section, one.rule) if one.rule else None,
        "words": one.found.get("words", []),
        "sender": one.found.get("sender"),
        "earlier": one.found.get("earlier"),
        "reason": one.reason,
    }


def viewers_view(found: Iterable[Viewer]) -> list[dict[str, Any]]:
    """A list of `Viewer`: who else views or writes the ticket now."""
    return [
        {"id": one.id, "name": one.name, "doing": one.doing.value, "since": iso(one.since)}
        for one in found
    ]


def _promise(name: ClockName, clock: Clock, now: datetime) -> dict[str, Any]:
    return {
        "clock": name.value,
        "state": standing(clock, now).value,
        "due_at": iso(clock.due_at),
        "target_s": round(clock.target_s),
        "started_at": iso(clock.started_at),
        "stopped_at": iso(clock.stopped_at),
    }


def _callback(found: Ticket) -> dict[str, Any]:
    preference = found.callback_preference
    return {
        "by": EMAIL if found.callback_by_mail else PHONE,
        "phone": None if found.callback_by_mail else found.callback_phone,
        "hours": preference.hours if preference else None,
    }


def _resolution(found: Resolution) -> dict[str, Any]:
    return {
        "at": iso(found.at),
        "by": found.by,
        "team": found.team,
        "outcome": found.outcome,
        "remedy": found.remedy,
        "root_cause": found.root_cause,
        "cause": found.cause,
        "contacts_after": found.contacts_after,
    }


def _link(link: TicketLink, other: Ticket) -> dict[str, Any]:
    return {
        "kind": link.kind.value,
        "number": link.number,
        "subject": other.subject,
        "state": other.state.value,
    }


def _duplicate(proposed: Duplicate, other: Ticket) -> dict[str, Any]:
    return {
        "number": proposed.number,
        "similarity": proposed.similarity,
        "subject": other.subject,
        "state": other.state.value,
        "opened_at": iso(other.created_at),
    }


def event_view(event: Event, reader: Member, kept: Collection[str] = frozenset()) -> dict[str, Any]:
    """`Event`, as this member of staff may read it.

    `kept` are the numbers of tickets from which a conflict of interest keeps the reader.
    """
    return {**cause_view(event), "data": _without(_data(event, reader), kept)}


def _marked(shown: dict[str, Any], moved: Mapping[int, str], others: Others) -> dict[str, Any]:
    """A message with `split_into` in its data, if it is split off: the number of the other ticket.

    It is None for a reader who may not see that one. They need to know that nobody answers it here.
    """
    into = moved.get(shown["number"])
    if into is None:
        return shown
    return shown | {"data": shown["data"] | {"split_into": into if into in others.seen else None}}


def _unnamed(event: Event, others: Others) -> Collection[str]:
    """The numbers of other tickets that the reader of an event must not learn from it."""
    data = event.data
    split = data.get("split", {})
    named = (*map(data.get, _NAMES), split.get("ticket"), split.get("merged"))
    return others.kept | {number for number in named if number and number not in others.seen}


_NAMES = ("follows", "sent_to", "merged")
"""The fields of events' data that are numbers of other tickets, apart from `ticket`."""


def _without(data: dict[str, Any], kept: Collection[str]) -> dict[str, Any]:
    """The data of an event without these numbers of other tickets."""
    for name in _NAMES:
        if data.get(name) in kept:
            data = {key: value for key, value in data.items() if key != name}
    for part, name in NAMES_ANOTHER if kept else ():
        if (inner := data.get(part)) and inner.get(name) in kept:
            data = data | {part: {key: value for key, value in inner.items() if key != name}}
    return data


def cause_view(event: Event) -> dict[str, Any]:
    """The event without its data. The ticket's timeline shows the data."""
    return {
        "number": event.number,
        "type": event.type.value,
        "at": iso(event.at),
        "by": {"role": event.by.role.value, "id": event.by.id or None},
    }


_TIMES = ("due", "due_at", "stopped_at", "unanswered_since")
"""The fields of events' data that are instants, apart from `by` of a promise."""


def _data(event: Event, reader: Member) -> dict[str, Any]:
    """The data of an event, with its instants in the format of answers.

    They are stored in another format of ISO 8601.
    """
    data = event.data
    if "decision" in data:
        data = data | {"decision": _decision(data["decision"], reader)}
    if "kept" in data.get("split", {}):  # where files lie: readers open them here
        split = {name: value for name, value in data["split"].items() if name != "kept"}
        data = data | {"split": split}
    if "recording" in data:  # its place is shown to nobody: who may hear it opens it
        data = data | {"recording": True}
    if "talk_target_s" in data:  # the record of a call in which an agent talked
        data = data | {"over_talk_target": data["seconds"]["talk"] > data["talk_target_s"]}
    names = ("by",) if event.type is EventType.PROMISED else _TIMES
    times = {
        name: iso(datetime.fromisoformat(event.data[name])) for name in names if name in event.data
    }
    return data | times


def _decision(stored: Mapping[str, Any], reader: Member) -> dict[str, Any]:
    """The decision of the router, as a member of staff may read it.

    When the chosen agent got their last ticket is shown to nobody: it tells of a ticket that the
    reader may not see. Load and shifts of colleagues are for leaders. Others, and machines, read
    how many agents there were for each reason.
    """
    shown = {name: value for name, value in stored.items() if name != "last"}
    is_leader = reader.role in (Role.SUPERVISOR, Role.MANAGER) and not isinstance(reader, Machine)
    if "not" in shown and not is_leader:
        shown["not"] = {why: len(agents) for why, agents in shown["not"].items()}
    return shown


def _mail(mail: MailRecord) -> dict[str, Any]:
    return {
        "key": mail.key,
        "state": mail.state,
        "at": iso(mail.at),
        "attempts": mail.attempts,
        "fault": mail.fault,
    }
