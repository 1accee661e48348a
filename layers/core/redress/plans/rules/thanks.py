"""Words by which a message is recognised that only thanks.

The section `thanks` of a plan has words of thanks and courtesies in each language, signs such as
🙏, perhaps the names with which staff sign, and the most characters of such a message. `answers`
are those courtesies and signs that may answer a question ("ok", 好的). A plan keeps the section as
it is in the document, so that a cold start reads no words. A plan without the section recognises
no such message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from redress.base import texts
from redress.base.languages import LANGUAGES
from redress.plans.rules import wording
from redress.plans.rules.reader import DocumentReader

MOST_CHARACTERS = 200
"""The most that a plan may say for `most_characters`. A longer message says more than thanks."""
MOST_WORDS = 200
MOST_SIGNS = 50
MOST_NAMES = 500
"""The most names of staff. More would be found in messages that greet somebody else."""
MOST_ANSWERS = 200
SIGN_LIMIT = 8
WORD_LISTS = ("words", "courtesies")
_BETWEEN = re.compile(r"[\s,;:!~、。·—–-]|\.(?!\.)")
"""Matches a character that may stand between the words. A question mark, quotation marks and
several dots are not in it: they can give thanks another meaning."""
_SKIN = str.maketrans("", "", "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
"""The modifiers of skin tones. An emoji means the same with each of them."""

_WHAT_FOR = re.compile(r"的.|for ")
"""Matches the beginning of a courtesy that says what the thanks are for."""


def word_of(
    section: Mapping[str, Any], text: str, name: str = "", *, asked: bool = False
) -> str | None:
    """Return the first word of thanks of a text that only thanks; None for every other text.

    The whole text must consist of words of the section, of all languages, of signs, of names of
    staff, of `name` (the name of who writes) and of punctuation. At least one word must be one of
    thanks. What the thanks are for must come after one: "your reply, thanks" may ask for a reply.
    What is not known for sure is no bare thanks, because a complaint taken for thanks would wait
    unanswered.

    `asked` says that staff wait for an answer of the customer. Then "ok, thanks" is an answer: the
    courtesies and signs of `answers` do not count as known. If the section has no `answers`, no
    courtesy and no sign counts. A name counts only after a word of thanks, because "Li Na, thanks"
    may answer in whose name the invoice shall be.
    """
    if not section or len(text.strip()) > section["most_characters"]:
        return None
    searched = wording.folded(text.translate(_SKIN)).strip()
    known = _forms(
        tuple(_listed(section, "words")),
        _beside(section, asked=asked),
    )
    named = (_forms((), tuple(section.get("names", ()))), _forms((), _names(name)))
    # The places of the text up to which everything is known. The value of each is the first word
    # of thanks before it, or None.
    reached: dict[int, str | None] = {0: None}
    for place, first in enumerate(searched):
        if place not in reached:
            continue
        so_far = reached[place]
        if (end := _end(_BETWEEN, searched, place)) is not None:
            reached[end] = reached.get(end) or so_far
        signed = so_far is not None or not asked
        names = [one for forms in named for one in forms.get(first, ())] if signed else []
        for begin, form, gives_thanks in (*known.get(first, ()), *names):
            if not searched.startswith(begin, place):
                continue
            if so_far is None and not gives_thanks and _WHAT_FOR.match(form):
                continue
            if (end := _end(_pattern(form), searched, place)) is None:
                continue
            word = so_far or (searched[place:end] if gives_thanks else None)
            reached[end] = reached.get(end) or word
    return reached.get(len(searched))


def _listed(section: Mapping[str, Any], name: str) -> Iterator[str]:
    for language in LANGUAGES:
        yield from section[name].get(language, ())


def _beside(section: Mapping[str, Any], *, asked: bool) -> tuple[str, ...]:
    """Return the courtesies and signs that count. `word_of` describes `asked`."""
    every = (*_listed(section, "courtesies"), *section["signs"])
    if not asked:
        return every
    if "answers" not in section:
        return ()
    answers = set(map(_form, section["answers"]))
    return tuple(one for one in every if _form(one) not in answers)


def _form(word: str) -> str:
    """Return a word as it is compared with other words of the plan."""
    return " ".join(wording.folded(word).split())


def _names(name: str) -> tuple[str, ...]:
    """Return the names with which a person may sign a message: the full name and its first word."""
    parts = wording.folded(name).split()
    return tuple(dict.fromkeys(one for one in (" ".join(parts), *parts[:1]) if len(one) > 1))


_Forms = Mapping[str, tuple[tuple[str, str, bool], ...]]
"""All known words, grouped by their first character. Each is a triple: its first part, up to a
blank; the whole folded word or phrase; and whether it gives thanks. A message contains few of the
known words, so a word becomes a pattern only if the message has its first part."""


@lru_cache(maxsize=100)
def _forms(thanks: tuple[str, ...], others: tuple[str, ...]) -> _Forms:
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for words, gives_thanks in ((thanks, True), (others, False)):
        for form in map(wording.folded, words):
            found.setdefault(form[0], []).append((form.split()[0], form, gives_thanks))
    return {first: tuple(forms) for first, forms in found.items()}


@lru_cache(maxsize=1000)
def _pattern(form: str) -> re.Pattern[str]:
    return re.compile(wording.pattern_of(form))


def _end(pattern: re.Pattern[str], text: str, place: int) -> int | None:
    """Where a match that begins at a place ends; None if there is none, or if it is empty."""
    match = pattern.match(text, place)
    return match.end() if match is not None and match.end() > place else None


# ----------------------------------------------------------------------------------- publishing


def check(read: DocumentReader, document: Mapping[str, Any]) -> None:
    """Record every fault of the section in a document that is being published."""
    if "thanks" not in document:
        return
    section = read.section(document, "thanks", "")
    known = ("most_characters", "signs", "names", "answers", *WORD_LISTS)
    read.known(section, known, "/thanks")
    read.whole_number(section, "most_characters", "/thanks", least=1, most=MOST_CHARACTERS)
    for index, sign in enumerate(read.entries(section, "signs", "/thanks", MOST_SIGNS)):
        here = f"/thanks/signs/{index}"
        if not isinstance(sign, str) or texts.is_empty(sign) or sign != sign.strip():
            read.fault(here, "text_expected", "a sign without blanks around it")
        elif len(sign) > SIGN_LIMIT:
            read.fault(here, "too_long", f"at most {SIGN_LIMIT} characters")
        elif any(one.isalnum() for one in sign) or "?" in wording.folded(sign):
            read.fault(here, "sign_expected", "a sign without letters, digits or question marks")
    _check_answers(read, section)
    names = read.entries(section, "names", "/thanks", MOST_NAMES) if "names" in section else []
    wording.check_words(read, names, "/thanks", "names")
    _check_digits(read, names, "/thanks/names")
    for name in WORD_LISTS:
        words = read.section(section, name, "/thanks")
        read.known(words, LANGUAGES, f"/thanks/{name}")
        for language in LANGUAGES:
            here = f"/thanks/{name}"
            if language not in words:
                read.fault(f"{here}/{language}", "list_expected", "a list, perhaps an empty one")
            given = read.entries(words, language, here, MOST_WORDS)
            wording.check_words(read, given, here, language)
            _check_digits(read, given, f"{here}/{language}")


def _check_answers(read: DocumentReader, section: Mapping[str, Any]) -> None:
    """An answer that is no courtesy and no sign of the plan would have no effect."""
    if "answers" not in section:
        return
    given = section.get("courtesies")
    lists = [section.get("signs"), *(given.values() if isinstance(given, Mapping) else ())]
    known = {
        _form(one) for words in lists if isinstance(words, list) for one in words if _is_text(one)
    }
    seen = set[str]()
    for index, word in enumerate(read.entries(section, "answers", "/thanks", MOST_ANSWERS)):
        here = f"/thanks/answers/{index}"
        if not _is_text(word) or _form(word) not in known:
            read.fault(here, "unknown", "one of the courtesies or signs of the plan")
        elif _form(word) in seen:
            read.fault(here, "twice", "each word once, in any letter case")
        else:
            seen.add(_form(word))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _check_digits(read: DocumentReader, words: Iterable[Any], at: str) -> None:
    """A message with a digit or a question is no bare thanks, whatever the plan lists."""
    for index, word in enumerate(words):
        if not isinstance(word, str):
            continue
        if any(one.isdigit() or one == "?" for one in wording.folded(word)):
            detail = "a word without digits and question marks"
            read.fault(f"{at}/{index}", "word_expected", detail)
