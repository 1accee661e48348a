"""The form of an act that is written once and done on many tickets.

A macro of a plan is a list of such acts, and a bulk does one of them on each of its tickets. An act
is one of the changes of `access.ACTIONS`. Its fields are those of the change's own request, except
for what differs from ticket to ticket: a message has a text in each language (`text`) or names a
template of the plan, tags are added and removed (`add`, `remove`), and an own promise is due
`within` a duration.

Changes that say something about one ticket only have no such form: a correction, a recorded call, a
stranger's mail, a match with a profile, participants, and whom a complaint is about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from redress.base import tags, texts
from redress.base.errors import pointer
from redress.base.languages import LANGUAGES
from redress.base.people import is_subject, is_team
from redress.plans.rules.plan import GRADATIONS, HOLDS, KINDS, OUTCOMES, REQUEST_OUTCOMES
from redress.plans.rules.reader import NAME_LIMIT, DocumentReader
from redress.plans.rules.templates import FROM_WRITER

TEXT_LIMIT = 20_000
SHORT_LIMIT = 2_000
"""The most characters of a reason, a remedy and a root cause."""
CATEGORY_LIMIT = 81
VALUE_LIMIT = 5_000
"""The most characters of a value that a bulk gives for a variable of a template."""

_MESSAGE = ("text", "template", "values")
_CORRECTED = ("kind", "urgency", "impact", "customer_type", "category")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "reply": (*_MESSAGE, "wait_for_customer"),
    "tell_progress": _MESSAGE,
    "note": ("text",),
    "promise": (*_MESSAGE, "within"),
    "hold": (*_MESSAGE, "reason"),
    "release": (),
    "reclassify": (*_CORRECTED, "reason"),
    "set_tags": ("add", "remove"),
    "resolve": (*_MESSAGE, "outcome", "remedy", "root_cause", "cause"),
    "reassign": ("agent", "team", "reason"),
    "join_incident": ("incident", "reason"),
    "leave_incident": ("reason",),
}
"""The name of each act -> its fields."""

BULK_ONLY = frozenset({"join_incident", "leave_incident"})
"""The acts that no macro has: a plan does not know the incidents to come."""

IN_MACROS = tuple(name for name in FIELDS if name not in BULK_ONLY)
INCIDENT = "[0-9a-f]{16}"
"""The form of the id of an incident."""

MESSAGES = frozenset({"reply", "tell_progress", "promise", "hold", "resolve"})
"""The acts whose text the customer reads."""

Fields = Mapping[str, Any]
"""The fields of an act, as they were written. `check` has found no fault in them."""


def check(
    read: DocumentReader,
    name: str,
    given: Mapping[str, Any],
    at: str,
    *,
    every_language: bool = False,
) -> None:
    """Record every fault of the fields of the act `name`, which is one of FIELDS.

    With `every_language`, a text has all languages, because the act is done on tickets of any
    language. The change of a ticket checks whether its plan knows a template, a category or a
    customer type.
    """
    known = FIELDS[name]
    for field in given:
        if field not in known:
            read.fault(at + pointer(str(field)), "unknown", f"{name} has no such field")
    if "template" in known and "template" in given:
        _check_template(read, given, at)
    elif "text" in known:
        _check_text(read, given, at, every_language=every_language)
    read.flag(given, "wait_for_customer", at)
    match name:
        case "promise":
            read.duration(given, "within", at)
        case "hold":
            read.one_of(given.get("reason"), HOLDS, f"{at}/reason")
        case "reclassify":
            _check_classification(read, given, at)
        case "set_tags":
            _check_tags(read, given, at)
        case "resolve":
            if "outcome" in given:
                read.one_of(given["outcome"], (*OUTCOMES, *REQUEST_OUTCOMES), f"{at}/outcome")
            for field in ("remedy", "root_cause"):
                _check_optional(read, given, field, at, SHORT_LIMIT)
            _check_optional(read, given, "cause", at, NAME_LIMIT)
        case "reassign":
            _check_assignment(read, given, at)
        case "join_incident":
            incident = given.get("incident")
            if not isinstance(incident, str) or re.fullmatch(INCIDENT, incident) is None:
                read.fault(f"{at}/incident", "unknown_incident", "the id of an incident")
            _check_optional(read, given, "reason", at, SHORT_LIMIT)
        case "leave_incident":
            _check_optional(read, given, "reason", at, SHORT_LIMIT)


def _check_template(read: DocumentReader, given: Mapping[str, Any], at: str) -> None:
    read.text(given, "template", at, NAME_LIMIT)
    if "text" in given:
        read.fault(f"{at}/template", "not_both", "either a text or a template, not both")
    values = read.section(given, "values", at, need=False)
    here = f"{at}/values"
    for variable in values:
        if variable in FROM_WRITER:
            read.text(values, variable, here, VALUE_LIMIT)
        else:
            known = ", ".join(FROM_WRITER)
            read.fault(here + pointer(str(variable)), "unknown", f"one of {known}")


def _check_text(
    read: DocumentReader, given: Mapping[str, Any], at: str, *, every_language: bool
) -> None:
    text, here = read.section(given, "text", at), f"{at}/text"
    if "values" in given and "text" in given:
        read.fault(f"{at}/values", "needs_template", "a text has no variables")
    if not isinstance(given.get("text"), dict):
        return
    for language in text:
        if language not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            read.fault(here + pointer(str(language)), "unknown_language", f"one of {known}")
    wanted = LANGUAGES if every_language else tuple(one for one in LANGUAGES if one in text)
    for language in wanted:
        read.text(text, language, here, TEXT_LIMIT)
    if not text and not every_language:
        read.fault(here, "required", "a text in at least one language")


def _check_optional(
    read: DocumentReader, given: Mapping[str, Any], name: str, at: str, limit: int
) -> None:
    if name in given:
        read.text(given, name, at, limit)


def _check_classification(read: DocumentReader, given: Mapping[str, Any], at: str) -> None:
    choices = (("kind", KINDS), ("urgency", GRADATIONS), ("impact", GRADATIONS))
    for name, known in choices:
        if name in given:
            read.one_of(given[name], known, f"{at}/{name}")
    _check_optional(read, given, "customer_type", at, NAME_LIMIT)
    _check_optional(read, given, "category", at, CATEGORY_LIMIT)
    _check_optional(read, given, "reason", at, SHORT_LIMIT)
    if not any(name in given for name in _CORRECTED):
        read.fault(at, "empty", f"it corrects at least one of {', '.join(_CORRECTED)}")


def _check_assignment(read: DocumentReader, given: Mapping[str, Any], at: str) -> None:
    for name, has_form, what in (
        ("agent", is_subject, "the id of an agent"),
        ("team", is_team, "the name of a team"),
    ):
        value = given.get(name)
        if name in given and not (isinstance(value, str) and has_form(value)):
            read.fault(f"{at}/{name}", f"unknown_{name}", f"{what} is expected here")
    _check_optional(read, given, "reason", at, SHORT_LIMIT)


def _check_tags(read: DocumentReader, given: Mapping[str, Any], at: str) -> None:
    folded: dict[str, list[str]] = {}
    for name in ("add", "remove"):
        folded[name] = []
        for index, tag in enumerate(read.entries(given, name, at, tags.MOST_TAGS)):
            here = f"{at}/{name}/{index}"
            if not isinstance(tag, str):
                read.fault(here, "text_expected", "a text is expected here")
                continue
            form = tags.folded(tag)
            if fault := texts.fault_of(tag):
                read.fault(here, *fault)
            elif not form:
                read.fault(here, "required", "a tag has at least one visible character")
            elif len(form) > tags.TAG_LIMIT:
                read.fault(here, "too_long", f"at most {tags.TAG_LIMIT} characters")
            elif form in folded["add"] and name == "remove":
                read.fault(here, "twice", "this tag is added and removed")
            folded[name].append(form)
    if not given.get("add") and not given.get("remove"):
        read.fault(at, "empty", "it adds or removes at least one tag")
