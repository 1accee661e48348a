"""What customers read of remedies, results of complaints and later promises, by mail and through
connectors.

The words are those of the plan and of `Phrases`, in the language of the customer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from redress.base.phrases import moment, phrases
from redress.mail.outgoing.rules import remedy_mails
from redress.mail.outgoing.rules.relevance import Matter
from redress.plans.rules import checklists
from redress.tickets.rules.promise_view import Moved, moved_in
from redress.tickets.rules.remedies import RemedyState, told
from redress.tickets.rules.split_events import written_at
from redress.tickets.rules.ticket import EventType


def of_remedy(about: Matter) -> dict[str, str]:
    """The values of a mail that tells the customer of a remedy.

    When it is done, the words of staff are optional. A file that proves it is not named: it is for
    staff.
    """
    remedy, language = remedy_mails.remedy_in(about.ticket, about.event), about.ticket.language
    values = {
        "remedy": told(remedy, about.plan, language),
        "due": moment(remedy.clock.due_at, about.plan.time_zone, language),
    }
    if about.event.type is EventType.REMEDY_DONE:
        text = about.event.data.get("text")
        values["text"] = f"\n\n{text}" if text else ""
    return values


def of_complaint(about: Matter) -> str:
    """What came of a complaint, after an empty line; "" if there is nothing to say.

    They are the outcome, the cause in the words of the plan, and the remedies. A remedy that was
    withdrawn since the resolution is left out.
    """
    lines = [*_outcome(about), *_remedies(about)]
    return "\n\n" + "\n".join(lines) if lines else ""


def for_connector(about: Matter) -> str:
    """The text of an answer that goes through a connector, which knows no templates.

    It says only what the event has, so it is the same for each attempt. There is one exception: a
    resolution names the remedies that the ticket has now, as its mail does.
    """
    event, own = about.event, phrases(about.ticket.language)
    if event.type is EventType.CHECKLIST_SET:
        return _checklist(about)
    if event.type is EventType.OPENED:
        at = moment(written_at(event), about.plan.time_zone, about.ticket.language)
        return own.split_off.format(written=at, number=about.ticket.number)
    if event.type is EventType.UNSPLIT:
        if "own" not in event.data:
            return own.split_back_apart.format(number=about.ticket.number)
        return own.split_back.format(into=event.data["ticket"], number=about.ticket.number)
    if event.type in (EventType.RECLASSIFIED, EventType.PLAN_CHANGED):
        return _moved(about)
    text: str = event.data.get("text", "")
    if event.type is EventType.RESOLVED:
        return text + of_complaint(about)
    if event.type not in remedy_mails.TO_CUSTOMER:
        return text
    name = of_remedy(about)["remedy"]
    match event.type:
        case EventType.REMEDY_PROMISED:
            due = datetime.fromisoformat(event.data["due"])
            shown = moment(due, about.plan.time_zone, about.ticket.language)
            said = own.remedy_due.format(remedy=name, due=shown)
        case EventType.REMEDY_DONE:
            said = own.remedy_done.format(remedy=name)
        case _:
            said = own.remedy_withdrawn.format(remedy=name)
    line = own.remedy.format(remedy=said)
    return f"{line}\n\n{text}" if text else line


def cause_of_move(about: Matter) -> str:
    """Why promises became later, as the customer reads it."""
    own = phrases(about.ticket.language)
    is_move = about.event.type is EventType.PLAN_CHANGED
    return own.plan_changed if is_move else own.reclassified


def moved_lines(promises: Iterable[Moved], about: Matter, language: str) -> str:
    """A line for each promise that became later."""
    own, zone = phrases(language), about.plan.time_zone

    def line(one: Moved) -> str:
        if one.after is None:
            phrase = own.taken_back
        else:
            phrase = own.moved_paused if one.paused else own.moved
        due = moment(one.after or one.before, zone, language)
        before = moment(one.before, zone, language)
        return phrase.format(clock=own.clocks[one.clock], before=before, due=due)

    return "\n".join(map(line, promises))


def _moved(about: Matter) -> str:
    """Which promises the event has made later, and why."""
    own = phrases(about.ticket.language)
    of_request = own.moved_of_request.format(cause=cause_of_move(about), number=about.ticket.number)
    lines = moved_lines(moved_in(about.event.data), about, about.ticket.language)
    return f"{of_request}\n\n{lines}\n\n{own.moved_sorry}"


def item_of(about: Matter) -> str | None:
    """What the plan calls the item of the checklist that an event is about; None without one."""
    if (item := about.event.data.get("item")) is None:
        return None
    return checklists.label(about.plan, category_of_item(about), item)[about.ticket.language]


def category_of_item(about: Matter) -> str | None:
    """The category by which the plan names the item of an event.

    The event of a finished step has it, because its mail is sent also after the category of the
    ticket was corrected. Other mails about items are skipped then.
    """
    category: str | None = about.event.data.get("category", about.ticket.category)
    return category


def _checklist(about: Matter) -> str:
    """What the customer has to give for their request, and what it means for the promise.

    An event of an earlier version does not say what was missing. Then it was every item.
    """
    data, language = about.event.data, about.ticket.language
    own = phrases(language)
    missing = data.get("missing", [item["id"] for item in data["items"]])
    lines = [
        (own.needed if item["required"] else own.needed_optional).format(
            item=checklists.label(about.plan, data["category"], item["id"])[language]
        )
        for item in data["items"]
        if item["kind"] != checklists.STEP and item["id"] in missing
    ]
    return f"{own.needed_for_request}\n\n{'\n'.join(lines)}\n\n{own.stands_still}"


def _outcome(about: Matter) -> list[str]:
    data, language = about.event.data, about.ticket.language
    own, lines = phrases(language), list[str]()
    if outcome := data.get("outcome"):
        lines.append(own.outcome.format(outcome=own.outcomes[outcome]))
    if cause := _cause(about):
        lines.append(own.cause.format(cause=cause[language]))
    return lines


def _cause(about: Matter) -> Mapping[str, str] | None:
    """What the customer reads of the cause that a resolution names, by language; None without one.

    If the ticket has moved to a plan without this cause since, its resolution has the words.
    """
    name, last = about.event.data.get("cause"), about.ticket.resolution
    if last is not None and (last.at, last.cause) == (about.event.at, name):
        return last.told_cause(about.plan)
    return about.plan.causes.get(name or "")


def _remedies(about: Matter) -> list[str]:
    plan, language = about.plan, about.ticket.language
    own, lines = phrases(language), list[str]()
    for remedy in about.ticket.remedies:
        name = told(remedy, plan, language)
        if remedy.is_owed:
            due = moment(remedy.clock.due_at, plan.time_zone, language)
            lines.append(own.remedy.format(remedy=own.remedy_due.format(remedy=name, due=due)))
        elif remedy.state == RemedyState.DONE:
            lines.append(own.remedy.format(remedy=own.remedy_done.format(remedy=name)))
    return lines
