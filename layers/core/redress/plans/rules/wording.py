"""Word lists of a plan: words that staff should not, or must not, write to customers.

The section `wording` of a plan has named lists, such as `vague`. Each list has a severity, words or
phrases for each language, and what to write instead. A plan keeps the section as it is in the
document, so that a cold start reads no words.

A word is found in any letter case and width. An end of a word that is a letter or a digit of an
alphabet must be the end of a word in the text, too: `ASAP` is not in `asaprin`. Chinese does not
separate words, so a word in Chinese characters is found anywhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct

from redress.base import texts
from redress.base.errors import pointer
from redress.base.languages import LANGUAGES
from redress.plans.rules.reader import NAME, DocumentReader

WARN, REFUSE = SEVERITIES = ("warn", "refuse")
"""A text with a word of a list is sent with a warning, or refused."""
MOST_LISTS = 20
MOST_WORDS = 200
WORD_LIMIT = 60
INSTEAD_LIMIT = 200

Section = Mapping[str, Mapping[str, Any]]
"""The section `wording` of a document: the name of each list, and the list."""

UNSPACED = (
    "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U00020000-\U0003fffd"
)
"""Characters of scripts that do not separate words by blanks, as a class of a pattern."""
_OF_A_WORD = f"[^\\W_{UNSPACED}]"


class Found(Struct, frozen=True):
    """A word of a list that a text has, as the plan writes it, and what to write instead."""

    list: str
    severity: str
    word: str
    instead: str


def found(section: Section, text: str, language: str) -> Iterator[Found]:
    """Yield the words of all lists that a text in a language has, each once for each list.

    A word inside a longer word of the same list does not count there.
    """
    searched = folded(text)
    for name, entry in section.items():
        by_form = {folded(word): word for word in entry["words"].get(language, ())}
        if not by_form:
            continue
        matches = _pattern(tuple(by_form)).finditer(searched)
        forms = dict.fromkeys(re.sub(r"\s+", " ", match[0]) for match in matches)
        for form in forms:
            yield Found(name, entry["severity"], by_form[form], entry["instead"][language])


def folded(text: str) -> str:
    """A text as its words are compared: small letters, usual width, no hidden characters."""
    plain = unicodedata.normalize("NFKC", texts.without_hidden(text)).casefold()
    return plain.replace("\u2019", "'")


@lru_cache(maxsize=100)
def _pattern(forms: tuple[str, ...]) -> re.Pattern[str]:
    """The pattern of some folded words. The longest one that fits is found."""
    longest_first = sorted(forms, key=len, reverse=True)
    return re.compile("|".join(map(pattern_of, longest_first)))


def pattern_of(form: str) -> str:
    """The pattern of one folded word, with the ends that the module describes."""
    before = f"(?<!{_OF_A_WORD})" if re.match(_OF_A_WORD, form[0]) else ""
    after = f"(?!{_OF_A_WORD})" if re.match(_OF_A_WORD, form[-1]) else ""
    return before + r"\s+".join(map(re.escape, form.split())) + after


# ----------------------------------------------------------------------------------- publishing


def check(read: DocumentReader, document: Mapping[str, Any]) -> Section:
    """Record every fault of the section in a document that is being published.

    Returns the lists that have no fault.
    """
    section = read.section(document, "wording", "", need=False)
    if len(section) > MOST_LISTS:
        read.fault("/wording", "too_many", f"at most {MOST_LISTS} lists")
    before = len(read.faults)
    sound = {}
    for name in list(section)[:MOST_LISTS]:
        at = "/wording" + pointer(str(name))
        if not NAME.fullmatch(str(name)):
            read.fault(at, "name_expected", "a name of small letters, digits and underscores")
        entry = read.section(section, name, "/wording")
        read.known(entry, ("severity", "words", "instead"), at)
        read.one_of(entry.get("severity"), SEVERITIES, f"{at}/severity")
        words = read.section(entry, "words", at)
        instead = read.section(entry, "instead", at)
        for part, given in (("words", words), ("instead", instead)):
            read.known(given, LANGUAGES, f"{at}/{part}")
        for language in LANGUAGES:
            read.text(instead, language, f"{at}/instead", INSTEAD_LIMIT)
            here = f"{at}/words"
            if language not in words:
                read.fault(f"{here}/{language}", "list_expected", "a list, perhaps an empty one")
            check_words(read, read.entries(words, language, here, MOST_WORDS), here, language)
        if len(read.faults) == before:
            sound[name] = entry
        before = len(read.faults)
    return sound


def check_words(read: DocumentReader, words: Sequence[Any], at: str, language: str) -> None:
    """Record the faults of the words of one language. `at` is the list's pointer without it."""
    seen = set[str]()
    for index, word in enumerate(words):
        here = f"{at}/{language}/{index}"
        if not isinstance(word, str) or texts.is_empty(word):
            read.fault(here, "text_expected", "a word or a phrase is expected here")
        elif fault := texts.fault_of(word):
            read.fault(here, *fault)
        elif word.splitlines() != [word]:
            read.fault(here, "one_line", "a word or a phrase is one line")
        elif len(word) > WORD_LIMIT:
            read.fault(here, "too_long", f"at most {WORD_LIMIT} characters")
        elif word != word.strip() or not folded(word).strip():
            read.fault(here, "text_expected", "a word or a phrase without blanks around it")
        elif (form := " ".join(folded(word).split())) in seen:
            read.fault(here, "twice", "each word once, in any letter case")
        else:
            seen.add(form)


def refused_in(section: Section, text: str, language: str) -> Iterable[str]:
    """The words of a text that the lists of a plan refuse."""
    return [one.word for one in found(section, text, language) if one.severity == REFUSE]
