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
end of a word in the text, unless the plan ends the word with `*`: `refund*` is in `refunded`, too.
A gap (`…`) stands for at most GAP characters of the same sentence.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from msgspec import Struct

from redress.base.scripts import shown_language
from redress.plans.rules.classification import (
    GIVEN,
    Section,
    beginning_of,
    detects,
    parts_of,
)
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
"""The most words that the reason of a value names: of each list of its rule at least one."""
START = 3
"""How many characters of a word or a phrase are looked up before it is searched."""
_HIGHEST = ("urgency", "impact")


class Earlier(Struct, frozen=True):
    """An earlier ticket of the same customer: its kind, and how many seconds ago it was opened."""

    kind: str
    ago_s: float


class Facts(Struct, frozen=True):
    """What the rules know of a ticket.

    `senders` are the addresses of the customer, in lower case. `is_by_staff` says that a member of
    staff opened the ticket: they chose kind and language, and the words are theirs, or they split
    it off another one: they chose the kind, and the language is known from there. `earlier`
    returns the earlier tickets of the customer. It is called at most once, and only if all other
    conditions of a rule hold, because it may read the table. It returns None if they are not known.
    `chosen` returns the languages that the customer has chosen in their profile, the preferred one
    first. It is called only on channels that presume a language.
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
    chosen: Callable[[], Sequence[str]] = lambda: ()


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
        is_by_staff=opened.by.is_staff or "split" in data,
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
            language, reason_of_language = _language_of(facts)
            if language != facts.language:
                values["language"], why["language"] = language, reason_of_language
        state = _State(facts, _Text(facts.text), values)
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


def _language_of(facts: Facts) -> tuple[str, Mapping[str, Any]]:
    """Return the language in which to answer a ticket whose channel presumed one, and why.

    It is that of the text, if the text shows it clearly. If the customer has chosen languages in
    their profile, it is one of these: that of the text, that of the ticket, or the preferred one.
    The ticket of a mail has the language of its text already, so the profile is asked even if text
    and ticket agree.
    """
    shown = shown_language(facts.text, facts.language)
    chosen = facts.chosen()
    if not chosen or shown in chosen:
        return shown, {"text": shown}
    return (facts.language if facts.language in chosen else chosen[0]), {"profile": chosen[0]}


_UNKNOWN: Mapping[str, Any] = {"rule": ""}
"""Stands for the reason of a rule that nobody can decide."""


class _State:
    """The facts of a ticket, and what the rules have set so far."""

    def __init__(self, facts: Facts, text: _Text, values: Mapping[str, str]) -> None:
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
        self._wanted = [_Words(when[name]) for name in ("words", "also") if name in when]
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
        found: list[list[str]] = []
        for wanted in self._wanted:
            found.append(wanted.in_text(state.text))
            if not found[-1]:
                return None
        if found:
            words = itertools.chain.from_iterable(itertools.zip_longest(*found))
            reason["words"] = [word for word in words if word is not None][:MOST_SHOWN]
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


class _Text:
    """A text in which words are looked up.

    `starts` has all runs of at most START characters, so that most words need no search.
    """

    def __init__(self, text: str) -> None:
        self.text = comparable(text)
        self.starts = {
            self.text[at : at + length]
            for length in range(1, START + 1)
            for at in range(len(self.text) - length + 1)
        }


class _Words:
    """Words and phrases in all languages, as they are compared."""

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        written = [word for some in words.values() for word in some]
        phrases: dict[tuple[_Part, ...], str] = {}
        for word, parts in zip(written, _compared(written), strict=True):
            if all(part.text for part in parts):
                phrases.setdefault(parts, word)
        self._phrases = list(phrases.items())
        self._by_start: dict[str, list[int]] = {}
        for index, (parts, _) in enumerate(self._phrases):
            self._by_start.setdefault(parts[0].text[:START], []).append(index)

    def in_text(self, text: _Text) -> list[str]:
        """Return the first words that a text has, as the plan writes them.

        At most MOST_SHOWN of them.
        """
        starts = self._by_start.keys() & text.starts
        possible = sorted(index for start in starts for index in self._by_start[start])
        phrases = (self._phrases[index] for index in possible)
        found = (word for parts, word in phrases if _has(text.text, parts))
        return list(itertools.islice(found, MOST_SHOWN))


class _Part(NamedTuple):
    """What stands before or after the gap of a phrase, as it is compared.

    `opens` and `closes` say that it begins or ends where a word of the text does.
    """

    text: str
    opens: bool
    closes: bool


def _compared(phrases: Iterable[str]) -> Iterator[tuple[_Part, ...]]:
    """Yield the parts of each phrase, as they are compared."""
    written = [parts_of(phrase) for phrase in phrases]
    stems = [beginning_of(part) for parts in written for part in parts]
    # One text is folded faster than thousands. Each stem is a paragraph of it.
    forms = comparable("\n\n".join(stems)).split("\n")
    if len(forms) != len(stems):  # a stem has no character that is compared
        forms = [comparable(stem) for stem in stems]
    compared = zip(forms, stems, strict=True)
    for parts in written:
        yield tuple(
            _Part(form, _is_letter(form[:1]), stem == part and _is_letter(form[-1:]))
            for part, (form, stem) in zip(parts, compared, strict=False)
        )


def comparable(text: str) -> str:
    """Return a text as words are looked up in it.

    A line break in a paragraph counts as a blank, because mail programs break lines. There are no
    blanks between Chinese characters. Paragraphs end with a line break. `isn't` counts as `isnt`,
    because many people leave the apostrophe out.
    """
    plain = searchable(text).replace("\u2019", "'").replace("n't", "nt").strip()
    if "\n" in plain:
        return "\n".join(map(_line, _PARAGRAPHS.split(plain)))
    return _line(plain)


def _line(paragraph: str) -> str:
    line = " ".join(paragraph.split())
    return line if " " not in line or line.isascii() else _BLANKS.sub("", line)


_PARAGRAPHS = re.compile(r"[^\S\n]*\n\s*\n\s*")
_BLANKS = re.compile(f"(?<=[{UNSPACED}]) (?=[{UNSPACED}])")


def _has(text: str, parts: Sequence[_Part]) -> bool:
    """Whether a comparable text has a phrase: its parts in one sentence, at most GAP apart."""
    first, *others = parts
    if first.text not in text:
        return False
    if not others:
        return next(_places(text, first, 0, len(text)), None) is not None
    [second] = others
    if second.text not in text:
        return False
    for place in _places(text, first, 0, len(text)):
        begin = place + len(first.text)
        for other in _places(text, second, begin, begin + GAP + len(second.text)):
            if not _ENDS_SENTENCE.search(text, begin, other):
                return True
    return False


def _places(text: str, part: _Part, begin: int, end: int) -> Iterator[int]:
    """Yield where a part is in a text between two places, not inside a longer word."""
    word = part.text
    place = text.find(word, begin, end)
    while place >= 0:
        after = place + len(word)
        if not (
            (place and part.opens and _is_letter(text[place - 1]))
            or (after < len(text) and part.closes and _is_letter(text[after]))
        ):
            yield place
        place = text.find(word, place + 1, end)


_ENDS_SENTENCE = re.compile("[.!?\u3002\n]")


@lru_cache(maxsize=4_096)
def _is_letter(character: str) -> bool:
    """Whether a character is part of a word in a script that separates words by blanks."""
    return re.fullmatch(f"[^\\W_{UNSPACED}]", character) is not None
