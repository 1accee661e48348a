"""Apply the rules of a plan to a new ticket: what it is about, how urgent it is, who writes.

The rules apply in the order of the plan. A rule applies if all its conditions hold.

- The first rule that sets the kind, the category or the customer type decides it. So special rules
  come before general ones. A condition on one of the three looks at what the rules before have set.
- Of urgency and impact, the highest value of all rules that apply counts, and at least that of the
  ticket's kind (`by_system.classify`). So a rule can only raise them.
- What a person chose stays: a kind that is not the usual one, a category, a customer type that is
  not the usual one.

Words are compared as search compares them: case, width, accents and the two scripts of Chinese make
no difference, whatever the language of the ticket. An end of a word that is a letter must be the
end of a word in the text. A gap (`…`) stands for at most GAP characters of the same sentence.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from msgspec import Struct

from redress.base.scripts import shown_language
from redress.plans.rules.classification import GIVEN, Section, detects, parts_of
from redress.plans.rules.plan import GRADATIONS, listed, seconds_of
from redress.plans.rules.wording import UNSPACED
from redress.search.rules.words import folded as searchable
from redress.tickets.rules.steps.table import STEPS, Step
from redress.tickets.rules.submission import DEFAULT_KIND
from redress.tickets.rules.ticket import Event, Ticket

STANDARD = "standard"
"""The customer type of a ticket whose customer has no other one."""
GAP = 40
"""The most characters that the gap of a phrase stands for."""
MOST_SHOWN = 3
"""The most words that the reason of a value names."""
_HIGHEST = ("urgency", "impact")


class Earlier(Struct, frozen=True):
    """An earlier ticket of the same customer: its kind, and how many seconds ago it was opened."""

    kind: str
    ago_s: float


class Facts(Struct, frozen=True):
    """What the rules know of a ticket.

    `senders` are the addresses of the customer, in lower case. `is_by_staff` says that a member of
    staff opened the ticket: they chose kind and language, and the words are theirs. `earlier`
    returns the earlier tickets of the customer. It is called at most once, and only if all other
    conditions of a rule hold, because it may read the table. It returns None if they are not known.
    """

    text: str
    kind: str
    channel: str
    language: str
    customer_type: str = STANDARD
    category: str | None = None
    has_order: bool = False
    senders: tuple[str, ...] = ()
    is_by_staff: bool = False
    earlier: Callable[[], Sequence[Earlier] | None] = lambda: None


def is_open(ticket: Ticket) -> bool:
    """Whether rules may still classify a ticket."""
    return (
        ticket.state in STEPS[Step.CLASSIFY]
        and not ticket.classified
        and not ticket.reacted
        and not any(clock.fired for clock in ticket.clocks.values())
    )


def facts_of(ticket: Ticket, opened: Event) -> Facts:
    """Return the facts that rules compare, except for the customer's earlier tickets."""
    data: Mapping[str, Any] = opened.data
    texts = (data["subject"], data["description"], data.get("wished_remedy"))
    senders = (ticket.contact.email, ticket.first_sender)
    return Facts(
        text="\n".join(text for text in texts if text),
        kind=ticket.kind,
        channel=ticket.channel,
        language=ticket.language,
        customer_type=ticket.customer_type,
        category=ticket.category,
        has_order=ticket.order is not None,
        senders=tuple(dict.fromkeys(one.lower() for one in senders if one)),
        is_by_staff=opened.by.is_staff,
    )


class Found(Struct, frozen=True):
    """The values that rules set on a ticket.

    `why` has, for each value, the rule that set it and the words of the text that the rule matched.
    `unknown` names the rules that need the customer's earlier tickets, if these are not known.
    """

    values: Mapping[str, str]
    why: Mapping[str, Mapping[str, Any]]
    unknown: tuple[str, ...] = ()


class Rules:
    """The rules of one plan, prepared for use on many tickets."""

    def __init__(self, section: Section) -> None:
        self._section = section
        self._rules = [_Rule(rule) for rule in section.get("rules", ())]

    def __bool__(self) -> bool:
        """Whether the plan classifies anything."""
        return bool(self._section)

    def found(self, facts: Facts) -> Found:
        """Return what the rules set on a ticket with these facts."""
        values: dict[str, str] = {}
        why: dict[str, Mapping[str, Any]] = {}
        if detects(self._section, facts.channel) and not facts.is_by_staff:
            language = shown_language(facts.text, facts.language)
            if language != facts.language:
                values["language"], why["language"] = language, {"text": language}
        state = _State(facts, comparable(facts.text), values)
        unknown = []
        for rule in self._rules:
            reason = rule.reason(state)
            if reason is None:
                continue
            if reason is _UNKNOWN:
                unknown.append(rule.name)
                continue
            for name, value in rule.sets.items():
                if state.accepts(name, value):
                    values[name], why[name] = value, reason
        return Found(values, why, tuple(unknown))


_UNKNOWN: Mapping[str, Any] = {"rule": ""}
"""Stands for the reason of a rule that nobody can decide."""


class _State:
    """The facts of a ticket, and what the rules have set so far."""

    def __init__(self, facts: Facts, text: str, values: Mapping[str, str]) -> None:
        self.facts, self.text, self._values = facts, text, values

    @cached_property
    def earlier(self) -> Sequence[Earlier] | None:
        return self.facts.earlier()

    def after(self, name: str) -> Any:
        """The value of a field after the rules so far."""
        return self._values.get(name, getattr(self.facts, name))

    def accepts(self, name: str, value: str) -> bool:
        """Whether a rule may set this value now."""
        before = self._values.get(name)
        if before is not None:
            return name in _HIGHEST and GRADATIONS.index(value) > GRADATIONS.index(before)
        facts = self.facts
        match name:
            case "kind":
                return facts.kind == DEFAULT_KIND and not facts.is_by_staff
            case "category":
                return facts.category is None
            case "customer_type":
                return facts.customer_type == STANDARD
            case _:
                return True


class _Rule:
    def __init__(self, rule: Mapping[str, Any]) -> None:
        when = rule["when"]
        self.name: str = rule["name"]
        self.sets: Mapping[str, str] = rule["set"]
        self._words = _Words(when["words"]) if "words" in when else None
        self._without = _Words(when["without"]) if "without" in when else None
        self._among = {
            name: frozenset(listed(when[name]))
            for name in ("channel", "kind", "language", "customer_type")
            if name in when
        }
        self._categories = listed(when.get("category", ()))
        self._senders = listed(when.get("sender", ()))
        self._order: str | None = when.get("order")
        self._earlier: Mapping[str, Any] | None = when.get("earlier")

    def reason(self, state: _State) -> Mapping[str, Any] | None:
        """Return why the rule applies; None if it does not, and _UNKNOWN if nobody knows."""
        facts = state.facts
        if any(state.after(name) not in some for name, some in self._among.items()):
            return None
        if self._order is not None and facts.has_order != (self._order == GIVEN):
            return None
        if self._categories and not _is_in(state.after("category"), self._categories):
            return None
        reason: dict[str, Any] = {"rule": self.name}
        if self._senders:
            sender = next((one for one in facts.senders if _is_of(one, self._senders)), None)
            if sender is None:
                return None
            reason["sender"] = sender
        if self._words is not None:
            if not (words := self._words.in_text(state.text)):
                return None
            reason["words"] = words
        if self._without is not None and self._without.in_text(state.text):
            return None
        if self._earlier is not None:
            if (known := state.earlier) is None:
                return _UNKNOWN
            count = _count(known, self._earlier)
            if count < self._earlier["at_least"]:
                return None
            reason["earlier"] = count
        return reason


def _is_in(category: str | None, some: Iterable[str]) -> bool:
    """Whether a category is one of some, or a sub-category of one."""
    return category is not None and any(f"{category}/".startswith(f"{one}/") for one in some)


def _is_of(sender: str, some: Iterable[str]) -> bool:
    """Whether an address is one of some, or at one of some domains or at a domain below it."""
    domain = sender.rpartition("@")[2]
    return any(
        sender == one if "@" in one else domain == one or domain.endswith(f".{one}") for one in some
    )


def _count(known: Iterable[Earlier], wanted: Mapping[str, Any]) -> int:
    within, kinds = seconds_of(wanted["within"]), listed(wanted.get("kind", ()))
    return sum(one.ago_s <= within and (not kinds or one.kind in kinds) for one in known)


class _Words:
    """Words and phrases in all languages, as they are compared."""

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        self._phrases: dict[tuple[str, ...], str] = {}
        for some in words.values():
            for word in some:
                self._phrases.setdefault(tuple(map(comparable, parts_of(word))), word)

    def in_text(self, text: str) -> list[str]:
        """Return the first words that a comparable text has, as the plan writes them.

        At most MOST_SHOWN of them.
        """
        found = (word for parts, word in self._phrases.items() if _has(text, parts))
        return list(itertools.islice(found, MOST_SHOWN))


def comparable(text: str) -> str:
    """Return a text as words are looked up in it.

    A line break in a paragraph counts as a blank, because mail programs break lines. There are no
    blanks between Chinese characters. Paragraphs end with a line break.
    """
    plain = searchable(text).replace("\u2019", "'")
    paragraphs = re.split(r"[^\S\n]*\n\s*\n\s*", plain.strip())
    return "\n".join(
        re.sub(f"(?<=[{UNSPACED}]) (?=[{UNSPACED}])", "", " ".join(one.split()))
        for one in paragraphs
    )


def _has(text: str, parts: Sequence[str]) -> bool:
    """Whether a comparable text has a phrase: its parts in one sentence, at most GAP apart."""
    first, *others = parts
    if not others:
        return next(_places(text, first, 0, len(text)), None) is not None
    [second] = others
    if second not in text:
        return False
    for place in _places(text, first, 0, len(text)):
        begin = place + len(first)
        for other in _places(text, second, begin, begin + GAP + len(second)):
            if not _ENDS_SENTENCE.search(text, begin, other):
                return True
    return False


def _places(text: str, word: str, begin: int, end: int) -> Iterator[int]:
    """Yield where a word is in a text between two places, not as a part of a longer word."""
    place = text.find(word, begin, end)
    while place >= 0:
        after = place + len(word)
        if not (
            (place and _is_letter(text[place - 1]) and _is_letter(word[0]))
            or (after < len(text) and _is_letter(text[after]) and _is_letter(word[-1]))
        ):
            yield place
        place = text.find(word, place + 1, end)


_ENDS_SENTENCE = re.compile("[.!?\u3002\n]")


@lru_cache(maxsize=4_096)
def _is_letter(character: str) -> bool:
    """Whether a character is part of a word in a script that separates words by blanks."""
    return re.fullmatch(f"[^\\W_{UNSPACED}]", character) is not None
