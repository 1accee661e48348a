"""Checklists in a plan: what a service request needs, by its category.

A plan without the section has no checklists: its service requests have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from redress.base.errors import pointer
from redress.base.languages import LANGUAGES
from redress.plans.rules import categories
from redress.plans.rules.plan import Plan
from redress.plans.rules.reader import NAME, DocumentReader

OF_KIND = "service_request"
"""The kind of tickets that have a checklist."""
ITEM_KINDS = MATERIAL, NOTE, STEP = ("material", "note", "step")
"""A material is a file of the customer. A note is read, or answered, by the customer. A step is
done by staff."""
MOST_CHECKLISTS = 50
MOST_ITEMS = 20
"""The most items of one checklist. The snapshot of the ticket contains them."""
TEXT_LIMIT = 200
"""The most characters of what an item says, in one language."""
_FIELDS = ("id", "kind", "text", "required", "answer")


class PlannedItem(Struct, frozen=True):
    """One item of a checklist in a plan.

    `text` says in each language what is needed, or what staff do. `answer` says whether the
    customer answers a note with a text; otherwise they say that they have read it.
    """

    id: str
    kind: str
    text: Mapping[str, str]
    required: bool = True
    answer: bool = False


def of(plan: Plan, kind: str, category: str | None) -> tuple[PlannedItem, ...]:
    """Return the checklist of a ticket of this kind and category; () if it has none.

    A checklist of `account` is also that of `account/personal_data`, if this has none of its own.
    """
    if kind != OF_KIND or not category or not plan.checklists:
        return ()
    first_level = category.partition("/")[0]
    entries = plan.checklists.get(category, plan.checklists.get(first_level, ()))
    return tuple(PlannedItem(**entry) for entry in entries)


def text_of(plan: Plan, category: str | None, id_: str) -> Mapping[str, str] | None:
    """Return what an item says, in each language; None if the plan does not have it."""
    items = of(plan, OF_KIND, category)
    return next((item.text for item in items if item.id == id_), None)


def label(plan: Plan, category: str | None, id_: str) -> Mapping[str, str]:
    """Return what an item says, in each language.

    An item that the plan does not have, because the ticket got it under another plan, stands for
    itself.
    """
    return text_of(plan, category, id_) or dict.fromkeys(LANGUAGES, id_)


# ----------------------------------------------------------------------------------- publishing


def check(read: DocumentReader, document: Mapping[str, Any]) -> None:
    """Record every fault of the section in a document that is being published."""
    section = read.section(document, "checklists", "", need=False)
    if len(section) > MOST_CHECKLISTS:
        read.fault("/checklists", "too_many", f"at most {MOST_CHECKLISTS}")
    known = document.get("categories", [])
    is_known = isinstance(known, list) and not any(
        fault.pointer.startswith("/categories") for fault in read.faults
    )
    for category in section:
        at = pointer("checklists", category)
        if is_known and (fault := categories.fault_of(known, category, OF_KIND)):
            read.fault(at, fault.code, fault.detail)
        entries = section[category]
        if not isinstance(entries, list) or not entries:
            read.fault(at, "list_expected", "a list of at least one item is expected here")
            continue
        if len(entries) > MOST_ITEMS:
            read.fault(at, "too_many", f"at most {MOST_ITEMS}")
        seen: set[str] = set()
        for index, entry in enumerate(entries):
            _item(read, entry, f"{at}/{index}", seen)


def _item(read: DocumentReader, entry: Any, at: str, seen: set[str]) -> None:
    if not isinstance(entry, dict):
        read.fault(at, "object_expected", "an object is expected here")
        return
    read.known(entry, _FIELDS, at)
    id_ = entry.get("id")
    if not isinstance(id_, str) or not NAME.fullmatch(id_):
        detail = "a name of small letters, digits and underscores"
        read.fault(f"{at}/id", "name_expected", detail)
    elif id_ in seen:
        read.fault(f"{at}/id", "twice", "each id once")
    else:
        seen.add(id_)
    kind = read.one_of(entry.get("kind"), ITEM_KINDS, f"{at}/kind")
    if "required" in entry:
        read.flag(entry, "required", at)
    if read.flag(entry, "answer", at) and kind != NOTE:
        read.fault(f"{at}/answer", "only_of_notes", "only a note is answered with a text")
    text, here = read.section(entry, "text", at), f"{at}/text"
    read.known(text, LANGUAGES, here)
    for language in LANGUAGES:
        line = read.text(text, language, here, TEXT_LIMIT)
        if line and line.splitlines() != [line]:
            read.fault(here + pointer(language), "one_line", "the text of an item is one line")
