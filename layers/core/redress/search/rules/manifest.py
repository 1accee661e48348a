"""The manifest of the index: which segments it consists of, and which of them to merge.

A segment is a file that is never changed. It has some tickets, each with all its words. A ticket
that was changed is in a newer segment again. Merging keeps the newest.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from copy import replace
from datetime import datetime, timedelta

from msgspec import Struct

from redress.search.rules.words import FOLDING

FORMAT = f"1.{FOLDING}"
"""How a segment is made: its tables, and the folding of its words. Others cannot be searched."""

FAN = 6
"""So many segments of about the same size are merged."""
MOST_TICKETS = 10_000
"""The most tickets of a merged segment. A merge of so many takes half a minute."""
GRACE = timedelta(hours=1)
"""How long a segment stays in the bucket after it was merged. Readers that have an earlier manifest
may still download it."""
LATE = timedelta(minutes=15)
"""The index is late if a text may be missing that was written so long ago. The schedule of the
indexer runs every five minutes, and a batch waits for a minute."""


class SegmentEntry(Struct, frozen=True):
    """One segment: the name of its object, how many tickets it has, and a digest of its content."""

    name: str
    tickets: int
    size: int
    sha256: str
    format: str = FORMAT


class Superseded(Struct, frozen=True):
    """A segment whose tickets are in another one since `at`. Its object is removed after GRACE."""

    name: str
    at: datetime


class Manifest(Struct, frozen=True):
    """The content of the object `manifest.json`.

    All texts can be found that were written before `indexed_until`, except those of messages that
    were set aside.
    """

    indexed_until: datetime | None = None
    building: bool = False
    """Whether earlier tickets are being indexed (`messages.IndexMonth`). It ends when the schedule
    finds the queue empty."""
    lost: bool = False
    """Whether a segment was damaged or gone when it had to be merged, so tickets are missing."""
    segments: tuple[SegmentEntry, ...] = ()
    superseded: tuple[Superseded, ...] = ()

    def complete(self, until: datetime) -> Manifest:
        """Return the manifest with `indexed_until` moved to `until`. It never moves back."""
        known = self.indexed_until
        return replace(self, indexed_until=until if known is None else max(known, until))

    def merged(
        self, names: Collection[str], entry: SegmentEntry, at: datetime, *, lost: bool
    ) -> Manifest | None:
        """Return the manifest with `entry` in place of the segments `names`.

        `lost` says that one of them could not be read. None if one of them is not in the index any
        more, because another run has merged it.
        """
        left = tuple(one for one in self.segments if one.name not in names)
        if len(left) + len(names) > len(self.segments):
            return None
        return replace(
            self,
            lost=self.lost or lost,
            segments=(*left, entry),
            superseded=(*self.superseded, *(Superseded(name, at) for name in sorted(names))),
        )

    def expired(self, now: datetime) -> list[str]:
        """Return the names of the segments that were merged longer than GRACE ago."""
        return [one.name for one in self.superseded if one.at + GRACE <= now]

    def without(self, names: Collection[str]) -> Manifest:
        """Return the manifest without superseded segments of these names."""
        left = tuple(one for one in self.superseded if one.name not in names)
        return replace(self, superseded=left)

    def is_late(self, now: datetime) -> bool:
        """Whether a text may be missing that was written more than LATE ago."""
        return self.indexed_until is None or self.indexed_until + LATE < now


def to_merge(segments: Sequence[SegmentEntry]) -> list[SegmentEntry]:
    """Return the segments that are merged next; none if there are too few.

    Segments of about the same size are merged, the smallest first: at least FAN of them, and as
    many as have MOST_TICKETS together. So a ticket is written again only a few times, and the
    number of segments grows with the logarithm of the number of tickets.
    """
    for _, group in itertools.groupby(sorted(segments, key=_tier), key=_tier):
        chosen: list[SegmentEntry] = []
        tickets = 0
        for entry in group:
            if tickets + entry.tickets > MOST_TICKETS:
                break
            chosen.append(entry)
            tickets += entry.tickets
        if len(chosen) >= FAN:
            return chosen
    return []


def _tier(entry: SegmentEntry) -> int:
    """Return the size class of a segment: each is FAN times as large as the one before."""
    tier, least = 0, FAN
    while entry.tickets >= least:
        tier, least = tier + 1, least * FAN
    return tier
