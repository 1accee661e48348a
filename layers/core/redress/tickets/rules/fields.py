"""The fields of a ticket: which ones its plan has for it, their values, and what staff may set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from redress.base.errors import Fault, InvalidInput, pointer
from redress.base.languages import LANGUAGES
from redress.plans.rules import fields as rules
from redress.plans.rules.plan import KINDS, Plan, listed
from redress.tickets.rules.ticket import Ticket


class FieldView(Struct, frozen=True):
    """One field of a ticket.

    `value` is None if the field is empty or if `written`, what the customer wrote, is no value of
    it. `label` and `value_label` have a text for each language. `offered` says whether the plan
    has the field for tickets of this kind and category; a ticket keeps what it has.
    """

    name: str
    type: str
    label: dict[str, str]
    value: str | None
    value_label: dict[str, str] | None
    written: str | None
    offered: bool


def views(ticket: Ticket, plan: Plan | None) -> list[FieldView]:
    """Return the fields that the plan has for a ticket, in its order, and then its other ones.

    Without a plan, which could not be read, each field of the ticket stands for itself.
    """
    known = {field["name"]: field for field in (plan.fields if plan is not None else ())}
    offered = [] if plan is None else [field["name"] for field in _offered(ticket, plan)]
    kept = dict(ticket.fields)
    names = [*offered, *(name for name in kept if name not in offered)]
    return [_view(name, known.get(name), kept.get(name), name in offered) for name in names]


def _offered(ticket: Ticket, plan: Plan) -> tuple[Mapping[str, Any], ...]:
    return plan.fields_for(ticket.kind, ticket.category or "")


def _view(name: str, field: Mapping[str, Any] | None, text: str | None, offered: bool) -> FieldView:
    if field is None:
        label = dict.fromkeys(LANGUAGES, name)
        return FieldView(name, rules.TEXT, label, None, None, text, offered)
    label = {language: field["label"][language] for language in LANGUAGES}
    value = rules.value_of(field, text) if text is not None else None
    written = text if value is None else None
    shown = rules.label_of(field, value) if value is not None else None
    return FieldView(name, field["type"], label, value, shown, written, offered)


def changes(ticket: Ticket, plan: Plan, given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the values that `given` changes, in the form in which they are stored.

    None and an empty text empty a field, also one that the ticket should not have. Raises
    InvalidInput with a fault for every name and every value that is wrong.
    """
    known = {field["name"]: field for field in plan.fields}
    offered = {field["name"] for field in _offered(ticket, plan)}
    kept, faults = dict(ticket.fields), []
    found: dict[str, str | None] = {}
    for name, text in given.items():
        here, field = pointer("fields", name), known.get(name)
        if not text and (name in kept or field is not None):
            found[name] = None
        elif field is None:
            names = ", ".join(known) or "none"
            faults.append(Fault(here, "unknown_field", f"the plan has these fields: {names}"))
        elif name not in offered:
            faults.append(Fault(here, "field_not_offered", _where(field)))
        elif (value := rules.value_of(field, text or "")) is None:
            faults.append(Fault(here, *rules.fault_of(field)))
        else:
            found[name] = value
    if faults:
        raise InvalidInput(faults)
    return {name: value for name, value in found.items() if value != kept.get(name)}


def _where(field: Mapping[str, Any]) -> str:
    """Return the text that says which tickets have a field."""
    kinds = ", ".join(listed(field.get("kinds", KINDS)))
    if "categories" not in field:
        return f"it is for {kinds}"
    return f"it is for {kinds} of the categories {', '.join(listed(field['categories']))}"
