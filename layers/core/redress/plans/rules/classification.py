"""The rules of a plan that classify a ticket before it is queued.

The section `classification` has a list of rules. A rule has conditions (`when`), values (`set`), a
name, and a text in each language that says why (`why`). A plan keeps the section as it is in the
document, so that a cold start reads no words. `staff.rules.classification` applies the rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from redress.base import texts
from redress.base.addresses import is_address
from redress.base.errors import pointer
from redress.base.languages import LANGUAGES
from redress.plans.rules import categories, wording
from redress.plans.rules.plan import CHANNELS, GRADATIONS, KINDS, Plan, listed
from redress.plans.rules.reader import NAME, DocumentReader

MOST_RULES = 200
MOST_WORDS = 200
"""The most words of a rule in one language."""
MOST_SENDERS = 100
WORD_LIMIT = 60
WHY_LIMIT = 200
MOST_EARLIER = 20
"""The most earlier tickets of a customer that a rule can count. The assigner reads no more."""

CONDITIONS = (
    "words",
    "also",
    "without",
    "sender",
    "channel",
    "kind",
    "language",
    "customer_type",
    "category",
    "order",
    "earlier",
)
VALUES = ("kind", "category", "urgency", "impact", "customer_type")
"""What a rule can set. The language is not set by rules: the text shows it."""
GIVEN, MISSING = ORDERS = ("given", "missing")
DETECTED = ("email", "phone", "chat", "social", "api")
"""The channels whose language can be presumed wrongly. On the web form the customer chose it. In
plan 1 the same holds for the JSON interface, and for the phone, where an agent chose it."""

_GAP = "…"
"""Stands in a phrase for a few words of the same sentence: `refund … not received`."""
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,10}[a-z0-9-]{2,63}")

Section = Mapping[str, Any]
Known = tuple[str, ...] | None
"""The categories of the plan; None if their section has faults, which are recorded already."""


def check(read: DocumentReader, document: Mapping[str, Any], plan: Plan) -> None:
    """Record every fault of the section in a document that is being published.

    `plan` has the names that rules may use.
    """
    at = "/classification"
    section = read.section(document, "classification", "", need=False)
    read.known(section, ("language", "rules"), at)
    language = read.section(section, "language", at, need=False)
    read.known(language, ("detect",), f"{at}/language")
    read.some_of(language, "detect", DETECTED, f"{at}/language")
    wrong = any(fault.pointer.startswith("/categories") for fault in read.faults)
    known = None if wrong else _all_categories(plan)
    seen: set[str] = set()
    for index, rule in enumerate(read.entries(section, "rules", at, MOST_RULES)):
        here = f"{at}/rules/{index}"
        if not isinstance(rule, dict):
            read.fault(here, "object_expected", "a rule is an object")
            continue
        read.known(rule, ("name", "when", "set", "why", "note"), here)
        name = rule.get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            detail = "a name of small letters, digits and underscores"
            read.fault(f"{here}/name", "name_expected", detail)
        elif name in seen:
            read.fault(f"{here}/name", "twice", "each name once")
        else:
            seen.add(name)
        if "note" in rule:
            read.text(rule, "note", here)
        _check_when(read, read.section(rule, "when", here), f"{here}/when", plan, known)
        _check_set(read, read.section(rule, "set", here), f"{here}/set", plan, known)
        why = read.section(rule, "why", here)
        read.known(why, LANGUAGES, f"{here}/why")
        for one in LANGUAGES:
            text = read.text(why, one, f"{here}/why", WHY_LIMIT)
            if text and text.splitlines() != [text]:
                read.fault(f"{here}/why{pointer(one)}", "one_line", "a reason is one line")


def _check_when(
    read: DocumentReader, when: Mapping[str, Any], at: str, plan: Plan, known_categories: Known
) -> None:
    read.known(when, CONDITIONS, at)
    if not when:
        read.fault(at, "required", "at least one condition")
    for name in ("words", "also", "without"):
        if name in when:
            _check_words(read, read.section(when, name, at), f"{at}/{name}")
    if "sender" in when:
        _check_senders(read, when, at)
    for name, some in (
        ("channel", CHANNELS),
        ("kind", KINDS),
        ("language", LANGUAGES),
        ("customer_type", plan.customer_types),
        ("category", known_categories),
    ):
        if name not in when or some is None:
            continue
        if read.some_of(when, name, some, at) == () and when[name] == []:
            read.fault(f"{at}/{name}", "list_expected", "at least one; leave it out for all")
    if "order" in when:
        read.one_of(when["order"], ORDERS, f"{at}/order")
    if "earlier" in when:
        earlier = read.section(when, "earlier", at)
        read.known(earlier, ("at_least", "within", "kind"), f"{at}/earlier")
        read.whole_number(earlier, "at_least", f"{at}/earlier", most=MOST_EARLIER)
        read.duration(earlier, "within", f"{at}/earlier")
        read.some_of(earlier, "kind", KINDS, f"{at}/earlier")


def _all_categories(plan: Plan) -> tuple[str, ...]:
    """Every category of a plan, and every sub-category."""
    known = categories.parents(plan.categories)
    return tuple(
        one for name, subs in known.items() for one in (name, *(f"{name}/{sub}" for sub in subs))
    )


def _check_words(read: DocumentReader, words: Mapping[str, Any], at: str) -> None:
    read.known(words, LANGUAGES, at)
    if not any(words.get(language) for language in LANGUAGES):
        read.fault(at, "required", "words in at least one language")
    for language in LANGUAGES:
        seen = set[str]()
        for index, word in enumerate(read.entries(words, language, at, MOST_WORDS)):
            if fault := _fault_of(word):
                read.fault(f"{at}/{language}/{index}", *fault)
            elif (form := " ".join(wording.folded(word).split())) in seen:
                read.fault(f"{at}/{language}/{index}", "twice", "each word once")
            else:
                seen.add(form)


def _fault_of(word: Any) -> tuple[str, str] | None:
    """Return code and detail of the fault of a word or a phrase, or None."""
    if not isinstance(word, str) or texts.is_empty(word):
        return "text_expected", "a word or a phrase is expected here"
    if fault := texts.fault_of(word):
        return fault
    if word.splitlines() != [word]:
        return "one_line", "a word or a phrase is one line"
    if len(word) > WORD_LIMIT:
        return "too_long", f"at most {WORD_LIMIT} characters"
    if word != word.strip():
        return "text_expected", "a word or a phrase without blanks around it"
    parts = parts_of(word)
    if len(parts) > 2 or not all(parts):
        return "gap_expected", f"{_GAP} once, between two words"
    return None


def parts_of(phrase: str) -> list[str]:
    """Return what stands before and after the gap of a phrase; one part if it has no gap."""
    return [part.strip() for part in phrase.split(_GAP)]


def beginning_of(part: str) -> str:
    """Return a part without the `*` that says that the word in the text may be longer."""
    return part[:-1] if part.endswith("*") and part[-2:-1].isalnum() else part


def _check_senders(read: DocumentReader, when: Mapping[str, Any], at: str) -> None:
    senders = read.entries(when, "sender", at, MOST_SENDERS)
    if senders == []:
        read.fault(f"{at}/sender", "list_expected", "at least one address or domain")
    for index, one in enumerate(senders):
        known = isinstance(one, str) and one == one.lower()
        if not known or not (is_address(one) or _DOMAIN.fullmatch(one)):
            detail = "an address or a domain in small letters"
            read.fault(f"{at}/sender/{index}", "address_expected", detail)


def _check_set(
    read: DocumentReader, values: Mapping[str, Any], at: str, plan: Plan, known_categories: Known
) -> None:
    read.known(values, VALUES, at)
    if not values:
        read.fault(at, "required", "at least one value")
    for name, some in (
        ("kind", KINDS),
        ("urgency", GRADATIONS),
        ("impact", GRADATIONS),
        ("customer_type", plan.customer_types),
        ("category", known_categories),
    ):
        if name in values and some is not None:
            read.one_of(values[name], some, f"{at}/{name}")


def why_of(section: Section, rule: str) -> Mapping[str, str] | None:
    """Return the text of a rule in each language; None if the plan has no such rule."""
    rules: Sequence[Mapping[str, Any]] = section.get("rules", ())
    found: Mapping[str, str] | None = next((r["why"] for r in rules if r["name"] == rule), None)
    return found


def detects(section: Section, channel: str) -> bool:
    """Whether the text of a ticket that came by this channel may correct its language."""
    return channel in listed(section.get("language", {}).get("detect", ()))
