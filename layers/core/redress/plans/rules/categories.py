"""The categories of a plan: what a ticket is about, in two levels.

A ticket's category is the name of a category (`product`), or the names of a category and one of its
sub-categories (`product/defect`). A plan keeps the section as it is in the document. So a cold
start does not read labels that it does not show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from redress.base.errors import Fault, pointer
from redress.base.languages import LANGUAGES
from redress.plans.rules.plan import KINDS, listed
from redress.plans.rules.reader import NAME, DocumentReader

MOST_SUBCATEGORIES = 50
LABEL_LIMIT = 60
LIMIT = 81
"""The most characters of a ticket's category: two names and a slash."""

Section = Sequence[Mapping[str, Any]]
"""The section `categories` of a document, in its order."""


def parents(section: Section) -> dict[str, tuple[str, ...]]:
    """The name of each category, with the names of its sub-categories."""
    return {entry["name"]: tuple(one["name"] for one in entry.get("sub", ())) for entry in section}


def fault_of(section: Section, category: Any, kind: str | None) -> Fault | None:
    """Return why a ticket of a kind cannot get a category, or None if it can.

    A kind of None, which has a fault of its own, is not compared.
    """
    here, known = "/category", parents(section)
    name, slash, sub = category.partition("/") if isinstance(category, str) else ("", "", "")
    if name not in known or (slash and sub not in known[name]):
        return Fault(here, "unknown_category", _one_of(known))
    [offered] = [listed(entry.get("kinds", KINDS)) for entry in section if entry["name"] == name]
    if kind is not None and kind not in offered:
        detail = f"{name} is offered for {', '.join(offered)}"
        return Fault(here, "category_not_offered", detail)
    return None


def _one_of(known: Mapping[str, Sequence[str]]) -> str:
    """The text that lists all categories."""
    if not known:
        return "the plan has no categories"
    names = (f"{name}[/{'|'.join(subs)}]" if subs else name for name, subs in known.items())
    return f"one of {', '.join(names)}"


def labels(section: Section, category: str) -> dict[str, str]:
    """The label of a ticket's category in each language, such as `Product / Defect`.

    A name that the plan does not have, because the ticket got it under another plan, stands for
    itself.
    """
    name, _, sub = category.partition("/")
    entry = next((one for one in section if one["name"] == name), None)
    found = entry and next((one for one in entry.get("sub", ()) if one["name"] == sub), None)
    parts = [entry["label"] if entry else dict.fromkeys(LANGUAGES, name)]
    if sub:
        parts.append(found["label"] if found else dict.fromkeys(LANGUAGES, sub))
    return {language: " / ".join(part[language] for part in parts) for language in LANGUAGES}


def choices(section: Section, language: str) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Yield the name and label of each category, and the values and labels of its sub-categories.

    They are in the order of the plan, for a list from which a customer chooses.
    """
    for entry in section:
        name = entry["name"]
        subs = [(f"{name}/{one['name']}", one["label"][language]) for one in entry.get("sub", ())]
        yield name, entry["label"][language], subs


# ----------------------------------------------------------------------------------- publishing


def check(read: DocumentReader, document: Mapping[str, Any]) -> None:
    """Record every fault of the section in a document that is being published.

    `document.parse` has checked that it is a list, and its length.
    """
    seen: set[str] = set()
    entries = document.get("categories")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        at = f"/categories/{index}"
        if not check_named(read, entry, at, ("name", "label", "kinds", "sub"), seen):
            continue
        if read.some_of(entry, "kinds", KINDS, at) == () and entry.get("kinds") == []:
            read.fault(f"{at}/kinds", "list_expected", "at least one kind; leave it out for all")
        subs: set[str] = set()
        for place, sub in enumerate(read.entries(entry, "sub", at, MOST_SUBCATEGORIES)):
            check_named(read, sub, f"{at}/sub/{place}", ("name", "label"), subs)


def check_named(
    read: DocumentReader, entry: Any, at: str, fields: Sequence[str], seen: set[str]
) -> bool:
    """Check the name and the label of an entry, and add the name to `seen`.

    Returns whether the entry is an object.
    """
    if not isinstance(entry, dict):
        read.fault(at, "object_expected", "an object is expected here")
        return False
    read.known(entry, fields, at)
    name = entry.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        detail = "a name of small letters, digits and underscores"
        read.fault(f"{at}/name", "name_expected", detail)
    elif name in seen:
        read.fault(f"{at}/name", "twice", "each name once")
    else:
        seen.add(name)
    check_label(read, entry, "label", at)
    return True


def check_label(read: DocumentReader, parent: Mapping[str, Any], key: str, at: str) -> None:
    """Check a label under `key` of `parent`: one line in each language."""
    label = read.section(parent, key, at)
    here = at + pointer(key)
    read.known(label, LANGUAGES, here)
    for language in LANGUAGES:
        text = read.text(label, language, here, LABEL_LIMIT)
        if text and text.splitlines() != [text]:
            read.fault(here + pointer(language), "one_line", "a label is one line")
