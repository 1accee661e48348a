"""The fields of a plan: what else is recorded about tickets of some kinds and categories.

A plan keeps the section as it is in the document, as it does with categories. `Plan.fields_for`
says which fields a ticket has. A field is never required.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any

from redress.base import texts
from redress.base.languages import LANGUAGES
from redress.plans.rules import categories
from redress.plans.rules.categories import check_named
from redress.plans.rules.plan import KINDS, listed
from redress.plans.rules.reader import DocumentReader

TYPES = TEXT, NUMBER, DATE, CHOICE = ("text", "number", "date", "choice")
MOST_VALUES = 50
VALUE_LIMIT = 500
"""The most characters of a value."""

Field = Mapping[str, Any]
"""One entry of the section."""

_NUMBER = re.compile(r"([+-]?)0*([0-9]{1,15})(?:\.([0-9]{1,6}?)0*)?")
_DATE = re.compile(r"([0-9]{4})(?:[-/.]|年 ?)([0-9]{1,2})(?:[-/.]|月 ?)([0-9]{1,2})日?")
_EXPECTED = {
    TEXT: ("one_line", f"one line of at most {VALUE_LIMIT} characters"),
    NUMBER: ("number_expected", "a number such as 12 or 3.5"),
    DATE: ("date_expected", "a day such as 2026-11-23"),
}


def value_of(field: Field, text: str) -> str | None:
    """Return the value of a text in the form in which it is stored; None if it is none.

    A number is `12` or `3.5`, a date `2026-11-23`, a choice the name of one of the values. People
    write them in other ways: full-width digits, `2026/1/3`, `2026年1月3日`, the label of a choice.
    """
    match field["type"]:
        case "number":
            return _number(_plain(text))
        case "date":
            return _date(_plain(text))
        case "choice":
            return _choice(field, text)
        case _:
            line = texts.cleaned_line(text)
            return line if len(line) <= VALUE_LIMIT and len(line.splitlines()) == 1 else None


def fault_of(field: Field) -> tuple[str, str]:
    """Return the code and the detail of a text that is no value of the field (`value_of`)."""
    if field["type"] == CHOICE:
        return "unknown_value", f"one of {', '.join(one['name'] for one in field['values'])}"
    return _EXPECTED[field["type"]]


def label_of(field: Field, value: str) -> dict[str, str] | None:
    """Return the label of a choice in each language; None for a value of another type."""
    if field["type"] != CHOICE:
        return None
    found = (one["label"] for one in field["values"] if one["name"] == value)
    return next(({language: label[language] for language in LANGUAGES} for label in found), None)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", texts.without_hidden(text)).strip()


def _number(text: str) -> str | None:
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    sign, whole, part = found.groups()
    number = whole + (f".{part}" if part and part.strip("0") else "")
    return f"-{number}" if sign == "-" and number.strip("0.") else number


def _date(text: str) -> str | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    try:
        return date(*map(int, found.groups())).isoformat()
    except ValueError:
        return None


def _choice(field: Field, text: str) -> str | None:
    wanted = text.strip()
    for value in field["values"]:
        if wanted == value["name"] or wanted in value["label"].values():
            name: str = value["name"]
            return name
    return None


# ----------------------------------------------------------------------------------- publishing


def check(read: DocumentReader, document: Mapping[str, Any]) -> None:
    """Record every fault of the section in a document that is being published.

    `document.parse` has checked that it is a list, and its length.
    """
    seen: set[str] = set()
    entries = document.get("fields")
    known = ("name", "label", "type", "values", "kinds", "categories", "on_form")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        at = f"/fields/{index}"
        if not check_named(read, entry, at, known, seen):
            continue
        kind = read.one_of(entry.get("type"), TYPES, f"{at}/type")
        if read.some_of(entry, "kinds", KINDS, at) == () and entry.get("kinds") == []:
            read.fault(f"{at}/kinds", "list_expected", "at least one kind; leave it out for all")
        read.flag(entry, "on_form", at)
        _check_categories(read, entry, at, document.get("categories"))
        values = read.entries(entry, "values", at, MOST_VALUES)
        if kind == CHOICE and isinstance(entry.get("values", []), list) and not values:
            read.fault(f"{at}/values", "list_expected", "a choice has at least one value")
        if entry.get("type") in (TEXT, NUMBER, DATE) and "values" in entry:
            read.fault(f"{at}/values", "contradicts", "only a choice has values")
        names: set[str] = set()
        for place, value in enumerate(values):
            check_named(read, value, f"{at}/values/{place}", ("name", "label"), names)


def _check_categories(read: DocumentReader, entry: Field, at: str, section: Any) -> None:
    """Check that the categories of a field are those of the plan, if these have no fault."""
    if "categories" not in entry:
        return
    given = entry["categories"]
    if not isinstance(given, str | list) or given == []:
        detail = "a category or a list of categories; leave it out for all"
        read.fault(f"{at}/categories", "list_expected", detail)
        return
    if any(fault.pointer.startswith("/categories") for fault in read.faults):
        return
    for place, one in enumerate(listed(given)):
        here = f"{at}/categories" if isinstance(given, str) else f"{at}/categories/{place}"
        if fault := categories.fault_of(section or (), one, None):
            read.fault(here, fault.code, fault.detail)
