"""Turns the plan's reply templates and call scripts into texts in the language of the customer.

A text with a variable that has no value is never sent: each such variable is a fault that says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from redress.base import phrases
from redress.base.errors import Fault, InvalidInput
from redress.plans.rules import templates
from redress.plans.rules.plan import Plan
from redress.tickets.rules.promise_view import promises_of
from redress.tickets.rules.steps.table import TEXT_LIMIT
from redress.tickets.rules.ticket import Ticket, next_due

NO_VALUES: Mapping[str, str] = {}

_WHY_UNRESOLVED = {
    "agent": "you have no name",
    "customer": "the ticket has no name of its customer",
    "due": "no promise that you must keep is running",
    "order": "the customer named no order",
    "promises": "no promise to the customer is running",
    "subject": "the ticket has no subject",
} | {name: f"give it as /values/{name}" for name in templates.FROM_WRITER}
_BETWEEN = {"zh-CN": "；", "zh-TW": "；", "en": "; "}


class Rendered(Struct, frozen=True):
    """A template with the values of a ticket. `own` is the text without what the customer wrote."""

    text: str
    own: str


def render(
    plan: Plan,
    name: str,
    ticket: Ticket,
    agent: str,
    at: datetime,
    values: Mapping[str, str] = NO_VALUES,
    due: datetime | None = None,
    pointer: str = "",
) -> Rendered:
    """The reply template `name` of the plan for a ticket, in the language of its customer.

    `agent` is the name of the member of staff who writes, `values` are what they give for
    `templates.FROM_WRITER`, and `due` is the time that they promise, if they promise one. The
    faults of InvalidInput point at `template` and `values` under `pointer`: an unknown template,
    every variable without a value, a value that the template does not use, and a text that is too
    long.
    """
    if name not in plan.templates:
        known = ", ".join(plan.templates) or "the plan has no templates"
        raise InvalidInput([Fault(f"{pointer}/template", "unknown_template", f"one of {known}")])
    text = plan.templates[name][ticket.language]
    used = templates.variables_of(text)
    found = values_of(plan, ticket, agent, at, due) | dict(values)
    faults = [
        Fault(
            f"{pointer}/template",
            "unresolved_variable",
            f"{{{one}}}: {_WHY_UNRESOLVED.get(one, 'it is not known')}",
        )
        for one in used
        if one not in found
    ]
    faults += [
        Fault(f"{pointer}/values/{one}", "unused_variable", f"{name} has no {{{one}}}")
        for one in values
        if one not in used
    ]
    filled = templates.filled(text, found).strip()
    if len(filled) > TEXT_LIMIT:
        faults.append(Fault(f"{pointer}/template", "too_long", f"at most {TEXT_LIMIT} characters"))
    if faults:
        raise InvalidInput(faults)
    own = templates.filled(text, found | dict.fromkeys(templates.BY_CUSTOMER, " "))
    return Rendered(filled, own)


def values_of(
    plan: Plan,
    ticket: Ticket,
    agent: str,
    at: datetime,
    due: datetime | None = None,
    language: str | None = None,
) -> dict[str, str]:
    """The values of `templates.FROM_TICKET` that are known.

    They are in the language of the customer if no other one is named.
    """
    language = language or ticket.language
    promised = due or next_due(ticket)
    team = plan.team_names.get(ticket.team, {}).get(language, ticket.team)
    found = {
        "agent": agent,
        "customer": ticket.contact.name,
        "due": phrases.moment(promised, plan.time_zone, language)
        if promised is not None and promised > at
        else "",
        "number": ticket.number,
        "order": ticket.order or "",
        "promises": promises_in_words(plan, ticket, at, language),
        "subject": ticket.subject,
        "team": team,
    }
    return {name: value for name, value in found.items() if value.strip()}


def promises_in_words(plan: Plan, ticket: Ticket, at: datetime, language: str) -> str:
    """The promises to the customer that can still be kept, in one line; "" if there are none."""
    own = phrases.phrases(language)
    said = [
        own.promise.removeprefix("- ").format(
            clock=own.clocks[promise.clock],
            time=phrases.moment(promise.due_at, plan.time_zone, language),
        )
        for promise in promises_of(ticket, at)
        if promise.state == "running" and promise.due_at and promise.due_at > at
    ]
    return _BETWEEN[language].join(said)
