"""What an incident is: many tickets with one cause, open until its post-mortem is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from redress.base.errors import Fault
from redress.base.languages import LANGUAGES
from redress.base.people import Member, Role
from redress.tickets.rules.post_mortem import Action

TITLE_LIMIT = 200
CAUSE_LIMIT = 5_000
NOTICE_LIMIT = 1_000
"""The most characters of a notice in one language. The form shows it above everything else."""
MOST_WORDS = 50
"""The most words to all customers of one incident."""
WORDS_LIMIT = 800_000
"""The most characters that all words of one incident may have together, in all languages. One
answer contains all of them and MOST_CHANGES notices. It stays below the 6 MB that Lambda can return
(Lambda quotas), because a character has 4 bytes at most."""
MOST_FAILED = 50
"""The most tickets in `Word.failed`."""
MOST_NOTICES = 5
"""The most notices that the form shows at a time. More would hide the form."""


class PostMortem(Struct, frozen=True):
    """What was learnt from an incident. Writing it closes the incident."""

    at: datetime
    by: str
    happened: str
    cause: str
    actions: tuple[Action, ...]


class Word(Struct, frozen=True, omit_defaults=True):
    """One word to all customers of an incident, in the languages of their tickets.

    `number` counts the words of the incident from 1. `by` and `role` say who wrote it. `texts` has
    a text for each language. The delivery goes through the tickets in the order of their numbers.
    `after` is the number of the last ticket that is finished: its customer was told or need not be;
    None before the first one. `delivered_at` is when all tickets were finished. `failed` has at
    most MOST_FAILED tickets whose customers could not be told, each with a code for the reason.
    `revision` grows by 1 each time the progress of the delivery is stored.
    """

    number: int
    at: datetime
    by: str
    role: str
    texts: dict[str, str]
    after: str | None = None
    delivered_at: datetime | None = None
    failed: tuple[tuple[str, str], ...] = ()
    revision: int = 1


class Incident(Struct, frozen=True, omit_defaults=True):
    """An incident as it is now. `revision` is 1 at first and grows by 1 with each change.

    `cause` is what was known or suspected about the cause when the incident was declared.
    `categories` and `channels` describe the tickets that it affects. They only inform readers: they
    make no ticket join. `words` is the number of the last word to all customers. `notice` is what
    the public form says, by language; empty if it says nothing. `notice_until` is when it stops by
    itself; None if it does not. `fingerprint` is a digest of the request that declared the
    incident.
    """

    id: str
    team: str
    title: str
    cause: str
    declared_at: datetime
    declared_by: str
    fingerprint: str
    categories: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    revision: int = 1
    words: int = 0
    notice: dict[str, str] = {}
    notice_until: datetime | None = None
    post_mortem: PostMortem | None = None

    @property
    def is_open(self) -> bool:
        """Whether it counts as open. Only its post-mortem closes it."""
        return self.post_mortem is None


class Done(StrEnum):
    """What was done to an incident. The values are stored: never change one."""

    DECLARED = "declared"
    TOLD = "told"
    NOTICE_SET = "notice_set"
    NOTICE_ENDED = "notice_ended"
    CLOSED = "closed"


class IncidentChange(Struct, frozen=True, omit_defaults=True):
    """One entry of the history of an incident: what, when, who, and from where.

    `revision` is the revision of the incident after the change. `word` is the number of the word
    that was told; its texts are stored with the word. `text` has the texts of a notice by language.
    Entries of an earlier version also have the texts of their word there. `until` is when the
    notice ends by itself.
    """

    revision: int
    what: Done
    at: datetime
    by: str
    source: str = ""
    word: int | None = None
    text: dict[str, str] = {}
    until: datetime | None = None


ACTS = ("close_incident", "set_incident_notice", "tell_incident")
"""What its leaders do with an open incident, by the names of the operations of the API."""


def may_lead(member: Member, team: str) -> bool:
    """Whether a member may declare an incident of a team, speak for it, and close it."""
    if member.role is Role.MANAGER:
        return True
    return member.role is Role.SUPERVISOR and member.team == team


def missing_languages(texts: Mapping[str, str], needed: Collection[str], at: str) -> list[Fault]:
    """A fault for each language of the tickets in which there is no text. `at` is the pointer."""
    return [
        Fault(f"{at}/{language}", "no_text", f"the incident has tickets in {language}")
        for language in LANGUAGES
        if language in needed and language not in texts
    ]


def characters(words: Iterable[Mapping[str, str]]) -> int:
    """Return the number of characters of all these words together.

    Each word is its texts by language.
    """
    return sum(len(text) for texts in words for text in texts.values())


def with_failures(
    before: Sequence[tuple[str, str]], found: Iterable[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """The tickets whose customers could not be told, each once, the first MOST_FAILED of them."""
    return tuple(dict([*before, *found]).items())[:MOST_FAILED]
