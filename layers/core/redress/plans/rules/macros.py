"""The macros of a plan: named lists of acts that staff do with one call, whole or not at all.

A plan keeps the section as it is in the document. So a cold start does not read texts that it does
not show. `tickets.rules.macros` decides what a macro does to a ticket.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from redress.base.errors import pointer
from redress.base.languages import LANGUAGES
from redress.plans.rules import acts, categories, wording
from redress.plans.rules.acts import Fields
from redress.plans.rules.plan import KINDS, ROLES, Plan, listed
from redress.plans.rules.reader import DocumentReader
from redress.plans.rules.templates import FROM_WRITER, variables_of

MOST_ACTS = 10
"""The most acts of a macro. Each is at least one item of its transaction."""
AFTER_RESOLVE = frozenset({"note", "set_tags"})
"""The acts that the table of steps still allows for a resolved ticket."""

Macro = Mapping[str, Any]
"""One entry of the section `macros` of a document."""


def named(plan: Plan, name: str) -> Macro | None:
    """The macro of a plan with this name, or None."""
    return next((one for one in plan.macros if one["name"] == name), None)


def of_role(plan: Plan, role: str) -> list[Macro]:
    """The macros of a plan that a role may apply, in the order of the plan."""
    return [one for one in plan.macros if role in roles(one)]


def roles(macro: Macro) -> tuple[str, ...]:
    """The roles that may apply a macro: those that it names, or all roles of staff."""
    return listed(macro.get("roles", list(ROLES)))


def acts_of(macro: Macro) -> Iterator[tuple[str, Fields]]:
    """Yield the name and the fields of each act of a macro, in their order."""
    for entry in macro["acts"]:
        yield entry["act"], {name: value for name, value in entry.items() if name != "act"}


# ----------------------------------------------------------------------------------- publishing


def check(read: DocumentReader, document: Mapping[str, Any], plan: Plan) -> None:
    """Record every fault of the section in a document that is being published.

    A macro that can never work is a fault: an act that there is not, a name that the plan does not
    have, or an act that no ticket allows after the acts before it.
    """
    seen: set[str] = set()
    entries = document.get("macros")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        at = f"/macros/{index}"
        if categories.check_named(read, entry, at, ("name", "label", "roles", "acts"), seen):
            _check_macro(read, entry, at, plan)


def _check_macro(read: DocumentReader, entry: Mapping[str, Any], at: str, plan: Plan) -> None:
    given = read.some_of(entry, "roles", ROLES, at)
    if "roles" in entry and entry["roles"] == []:
        read.fault(f"{at}/roles", "list_expected", "at least one role; leave it out for all")
    if len(set(given)) != len(given):
        read.fault(f"{at}/roles", "twice", "each role once")
    done = read.entries(entry, "acts", at, MOST_ACTS)
    if not done and isinstance(entry.get("acts", []), list):
        read.fault(f"{at}/acts", "list_expected", "at least one act")
    before: list[str] = []
    for index, act in enumerate(done):
        here = f"{at}/acts/{index}"
        if not isinstance(act, dict):
            read.fault(here, "object_expected", "an object is expected here")
            continue
        name = act.get("act")
        if not isinstance(name, str) or name not in acts.IN_MACROS:
            read.fault(f"{here}/act", "unknown_act", f"one of {', '.join(acts.IN_MACROS)}")
            continue
        fields = {field: value for field, value in act.items() if field != "act"}
        acts.check(read, name, fields, here, every_language=True)
        if name in acts.MESSAGES:
            _check_words(read, fields, f"{here}/text", plan)
            _check_template(read, fields, here, plan)
        _check_names(read, name, fields, here, plan)
        _check_order(read, name, before, f"{here}/act")
        before.append(name)


def _check_words(read: DocumentReader, fields: Fields, at: str, plan: Plan) -> None:
    """Record the words that the plan's own lists refuse: the macro could never be applied."""
    text = fields.get("text")
    # A document with other faults can have word lists in a wrong form.
    if not isinstance(text, dict) or _has_fault(read, "/wording"):
        return
    for language in LANGUAGES:
        if isinstance(given := text.get(language), str):
            for word in wording.refused_in(plan.wording, given, language):
                detail = f'the list of words refuses "{word}"'
                read.fault(at + pointer(language), "refused_word", detail)


def _check_template(read: DocumentReader, fields: Fields, at: str, plan: Plan) -> None:
    """Check the template of an act. A macro has no values for the variables of the writer."""
    if "values" in fields:
        read.fault(f"{at}/values", "unknown", "a macro has no values of its writer")
    template = fields.get("template")
    if not isinstance(template, str) or _has_fault(read, "/templates"):
        return
    here = f"{at}/template"
    if template not in plan.templates:
        read.fault(here, "unknown_template", f"one of {', '.join(plan.templates)}")
        return
    used = {one for text in plan.templates[template].values() for one in variables_of(text)}
    for variable in sorted(used & set(FROM_WRITER)):
        detail = f"{{{variable}}} is a value of the writer, and a macro has none"
        read.fault(here, "unresolved_variable", detail)


def _has_fault(read: DocumentReader, section: str) -> bool:
    return any(fault.pointer.startswith(section) for fault in read.faults)


def _check_names(read: DocumentReader, name: str, fields: Fields, at: str, plan: Plan) -> None:
    """Check the names that the act takes from the plan."""
    if name == "reassign":
        if "agent" in fields:
            read.fault(f"{at}/agent", "unknown", "a macro hands a ticket to a team")
        read.one_of(fields.get("team"), sorted(plan.teams), f"{at}/team")
    if name == "reclassify":
        if "customer_type" in fields:
            read.one_of(fields["customer_type"], plan.customer_types, f"{at}/customer_type")
        kind = fields.get("kind")
        if category := fields.get("category"):
            of = kind if kind in KINDS else None
            # A document with other faults can have categories in a wrong form.
            if not _has_fault(read, "/categories") and (
                fault := categories.fault_of(plan.categories, category, of)
            ):
                read.fault(at + fault.pointer, fault.code, fault.detail)


def _check_order(read: DocumentReader, name: str, before: Sequence[str], at: str) -> None:
    if "reassign" in before:
        read.fault(at, "never_possible", "hand the ticket over as the last act")
    elif "resolve" in before and name not in AFTER_RESOLVE:
        read.fault(at, "never_possible", f"a resolved ticket allows no {name}")
