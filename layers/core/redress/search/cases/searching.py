"""Find tickets by a number, an order number, an address, a phone number, or by words.

What is found is read from the table, and `access.may_see` decides what the member gets. So the
index needs no rights of its own, and a right that changed a moment ago counts.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError

from redress.base import phones, texts
from redress.base.addresses import canonical, is_address
from redress.base.errors import Fault, InvalidInput, NotFound
from redress.base.people import Member
from redress.customers.rules.profile import EMAIL, PHONE
from redress.customers.store import CustomerStore
from redress.plans.store.plans import Plans
from redress.search.rules.manifest import Manifest, SegmentEntry
from redress.search.rules.words import QUERY_LIMIT, Query, query_of
from redress.search.store.bucket import SearchBucket, Stored
from redress.search.store.files import UNUSABLE, SegmentFiles, report_unusable
from redress.search.store.segments import number_of, place_of
from redress.tickets.cases.staff import WorkItem, work_item
from redress.tickets.rules import access
from redress.tickets.rules.numbers import normalised
from redress.tickets.rules.submission import ORDER_LIMIT
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore

PAGE_LIMIT = 25
MOST_CANDIDATES = 500
"""The most tickets of the index that are read for one page. A page can have fewer lines than its
limit, or none, and still a next page."""
MOST_TOGETHER = 100
"""The most tickets that are read together: those of one call of the table."""
EXACT_LIMIT = 100
"""The most tickets of an order or of a customer that are read. They are read together."""
FRESH_S = 1.0
"""The manifest is asked for again after so many seconds."""


class By(StrEnum):
    """What the query was taken for."""

    NUMBER = "number"
    ORDER = "order"
    CONTACT = "contact"
    WORDS = "words"


class IndexState(StrEnum):
    """Whether words are found in all texts."""

    COMPLETE = "complete"
    LATE = "late"
    INCOMPLETE = "incomplete"
    UNAVAILABLE = "unavailable"
    OFF = "off"


DETAILS = {
    IndexState.COMPLETE: "All texts that were written before `indexed_until` are searched.",
    IndexState.LATE: "The index is late. Texts written after `indexed_until` may be missing.",
    IndexState.INCOMPLETE: "Parts of the index are missing or being built. Tickets may be missing.",
    IndexState.UNAVAILABLE: "The index cannot be read. Numbers, addresses and lists still work.",
    IndexState.OFF: "This stack has no index of words. Numbers, addresses and lists still work.",
}
"""Each state in words, for people."""


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """The state of the index at a search. `indexed_until` is None if nothing is known of it."""

    state: IndexState
    indexed_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was found, newest tickets first. `next` is the place after its last line."""

    items: list[WorkItem]
    next: str | None
    by: By
    index: IndexStatus


class WordIndex:
    """The index of words as this process knows it.

    `clock` returns seconds that only grow, `now` the time.
    """

    def __init__(
        self,
        bucket: SearchBucket,
        files: SegmentFiles,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bucket, self._files, self._now, self._clock = bucket, files, now, clock
        self._read: Stored | None = None
        self._read_at = 0.0

    def status(self) -> IndexStatus:
        """The state of the index, by its manifest."""
        try:
            return self._status(self._manifest(), unusable=False)
        except (ClientError, BotoCoreError):
            return IndexStatus(IndexState.UNAVAILABLE)

    def places(self, query: Query, after: str | None, limit: int) -> tuple[list[str], IndexStatus]:
        """Return the places of up to `limit` tickets with all words, newest first.

        A segment that cannot be used is left out and reported, and the state is INCOMPLETE. If S3
        does not answer, there are no places, and the state is UNAVAILABLE.
        """
        try:
            manifest = self._manifest()
            self._files.keep_only(manifest.segments)
            self._files.fetch(manifest.segments)
            found: list[list[str]] = []
            unusable = False
            for entry in manifest.segments:
                if (some := self._places_in(entry, query, after, limit)) is None:
                    unusable = True
                else:
                    found.append(some)
        except (ClientError, BotoCoreError):
            return [], IndexStatus(IndexState.UNAVAILABLE)
        merged = heapq.merge(*found, reverse=True)
        different = (place for place, _ in itertools.groupby(merged))
        return list(itertools.islice(different, limit)), self._status(manifest, unusable)

    def _places_in(
        self, entry: SegmentEntry, query: Query, after: str | None, limit: int
    ) -> list[str] | None:
        """The places in one segment; None if it cannot be used."""
        try:
            return self._files.open(entry).places(query, after, limit)
        except UNUSABLE as error:
            report_unusable(entry, error)
            self._files.forget(entry)
            return None

    def _manifest(self) -> Manifest:
        """The manifest, at most FRESH_S old. Raises the error of S3."""
        moment = self._clock()
        if self._read is None or moment - self._read_at > FRESH_S:
            self._read = self._bucket.manifest(self._read)
            self._read_at = moment
        return self._read.manifest

    def _status(self, manifest: Manifest, unusable: bool) -> IndexStatus:
        if unusable or manifest.lost or manifest.building:
            state = IndexState.INCOMPLETE
        elif manifest.is_late(self._now()):
            state = IndexState.LATE
        else:
            state = IndexState.COMPLETE
        return IndexStatus(state, manifest.indexed_until)


class SearchCase:
    """`index` is None if the stack has no index of words."""

    def __init__(
        self,
        tickets: TicketStore,
        lists: TicketLists,
        customers: CustomerStore,
        plans: Plans,
        index: WordIndex | None,
    ) -> None:
        self._tickets, self._lists, self._customers = tickets, lists, customers
        self._plans, self._index = plans, index

    def find(self, member: Member, text: str, limit: int, after: str | None) -> Found:
        """Return one page of the tickets that a member may see and that a text is about.

        A ticket number, an address, a phone number or an order number is looked up in the table.
        If there is no such ticket, the text is searched as words. `after` is the `next` of an
        earlier page. Raises InvalidInput.
        """
        query = checked(text)
        for by, found in self._exact(text.strip()):
            seen = [one for one in found if access.may_see(member, one)]
            if seen:
                return _page(member, seen, limit, after, by, self._status())
        return self._by_words(member, query, limit, after)

    def _exact(self, text: str) -> Iterator[tuple[By, list[Ticket]]]:
        """Yield the tickets for each thing that the whole text can be."""
        if (number := normalised(text)) is not None:
            yield By.NUMBER, self._tickets.get_readable([number])
        if (point := self._contact_point(text)) is not None:
            yield By.CONTACT, self._tickets_of(*point)
        if len(text) <= ORDER_LIMIT and any(letter.isdigit() for letter in text):
            numbers = self._lists.of_order(text, EXACT_LIMIT).numbers
            yield By.ORDER, self._tickets.get_readable(numbers)

    def _contact_point(self, text: str) -> tuple[str, str] | None:
        if is_address(text):
            return EMAIL, canonical(text)
        if phones.is_phone(text):
            number = phones.e164(text, self._plans.current().home_region)
            return (PHONE, number) if number is not None else None
        return None

    def _tickets_of(self, kind: str, value: str) -> list[Ticket]:
        """The newest tickets of the customer with a contact point.

        The list also has tickets that belonged to the customer before somebody corrected it.
        """
        card = self._customers.by_contact(kind, value)
        if card is None:
            return []
        try:
            profile = self._customers.current(card.customer)
        except NotFound:
            return []
        profiles = (profile.id, *profile.absorbed)
        numbers = self._customers.tickets_of(profiles, EXACT_LIMIT, None).numbers
        return [one for one in self._tickets.get_readable(numbers) if one.customer in profiles]

    def _status(self) -> IndexStatus:
        return IndexStatus(IndexState.OFF) if self._index is None else self._index.status()

    def _by_words(self, member: Member, query: Query, limit: int, after: str | None) -> Found:
        """Return a page of the tickets with all words that the member may see.

        Candidates are read in growing numbers, until one line more than the page has is found,
        there are no more, or MOST_CANDIDATES were read. So there is a next page only if it has a
        line, and its cursor names a ticket that the member may see. Only a page that ends at
        MOST_CANDIDATES is different: the next one must not read the same candidates again.
        """
        if self._index is None:
            return Found([], None, By.WORDS, IndexStatus(IndexState.OFF))
        seen: list[tuple[str, Ticket]] = []
        last, read, step = after, 0, min(2 * limit, MOST_CANDIDATES)
        while True:
            # One more than are read, to know whether others follow.
            places, status = self._index.places(query, last, step + 1)
            some = places[:step]
            tickets = {one.number: one for one in self._tickets.get_readable(_numbers(some))}
            for place in some:
                last, read = place, read + 1
                ticket = tickets.get(number_of(place))
                if ticket is not None and access.may_see(member, ticket):
                    seen.append((place, ticket))
                    if len(seen) > limit:
                        break
            lines = [work_item(ticket, member) for _, ticket in seen[:limit]]
            if len(seen) > limit:
                return Found(lines, seen[limit - 1][0], By.WORDS, status)
            if not places or last == places[-1]:
                return Found(lines, None, By.WORDS, status)
            if read >= MOST_CANDIDATES:
                return Found(lines, last, By.WORDS, status)
            step = min(2 * step, MOST_TOGETHER, MOST_CANDIDATES - read)


def checked(text: str) -> Query:
    """Return what a text asks for. Raises InvalidInput if nothing can be searched by it."""
    if fault := texts.fault_of(text):
        raise InvalidInput([Fault("/q", *fault)])
    if len(text) > QUERY_LIMIT:
        raise InvalidInput([Fault("/q", "too_long", f"at most {QUERY_LIMIT} characters")])
    query = query_of(text)
    if not query:
        raise InvalidInput([Fault("/q", "no_words", "a letter, a digit or a character is needed")])
    return query


def _numbers(places: Iterable[str]) -> list[str]:
    return [number_of(place) for place in places]


def _page(
    member: Member,
    found: Iterable[Ticket],
    limit: int,
    after: str | None,
    by: By,
    index: IndexStatus,
) -> Found:
    """Return one page of tickets of which all were read, newest first."""
    placed = {place_of(one.created_at, one.number): one for one in found}
    left = sorted((one for one in placed if after is None or one < after), reverse=True)
    lines = [work_item(placed[place], member) for place in left[:limit]]
    return Found(lines, left[limit - 1] if len(left) > limit else None, by, index)
