"""Segments on the disk of a function: each is downloaded once and kept, up to a size."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from redress.base import observe
from redress.base.errors import NotFound
from redress.search.rules.manifest import FORMAT, SegmentEntry
from redress.search.store import segments
from redress.search.store.bucket import Damaged, SearchBucket
from redress.search.store.segments import Segment

MOST_BYTES = 400_000_000
"""The size of all kept segments. A function has 512 MB of disk."""
AT_ONCE = 8
"""How many segments are downloaded at once."""

UNUSABLE = (NotFound, Damaged, segments.Error)
"""What is raised for a segment that is gone, damaged or of another format."""


def report_unusable(entry: SegmentEntry, error: Exception) -> None:
    """Tell operations that a segment cannot be used."""
    about = {"segment": entry.name, "tickets": entry.tickets}
    message = "a segment of the search index cannot be read"
    observe.report(observe.Alarm.UNREADABLE, message, about | observe.fault_of(error))


class SegmentFiles:
    """Opens segments of the bucket. The files are in a folder of this process."""

    def __init__(self, bucket: SearchBucket, most_bytes: int = MOST_BYTES) -> None:
        self._bucket, self._most = bucket, most_bytes
        self._folder = Path(tempfile.mkdtemp(prefix="search-"))
        self._open: dict[str, tuple[SegmentEntry, Segment]] = {}

    def open(self, entry: SegmentEntry) -> Segment:
        """Return a segment. Raises one of UNUSABLE, or the error of S3."""
        if (kept := self._open.pop(entry.name, None)) is None:
            if entry.format != FORMAT:
                raise Damaged(f"{entry.name} has the format {entry.format}")
            path = self._path(entry)
            if not path.exists():
                self._download(entry)
            kept = (entry, Segment(path))
        self._open[entry.name] = kept  # the one that was used last comes last
        self._make_room()
        return kept[1]

    def forget(self, entry: SegmentEntry) -> None:
        """Remove a segment that turned out to be damaged, so that it is downloaded again."""
        if (kept := self._open.pop(entry.name, None)) is not None:
            kept[1].close()
        self._path(entry).unlink(missing_ok=True)

    def fetch(self, entries: Iterable[SegmentEntry]) -> None:
        """Download the segments that are not kept, several at once. `open` meets their errors."""
        missing = [one for one in entries if not self._path(one).exists() and one.format == FORMAT]
        if len(missing) > 1:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                done = [pool.submit(self._download, one) for one in missing]
            for one in done:
                one.exception()

    def keep_only(self, entries: Iterable[SegmentEntry]) -> None:
        """Remove the segments that are not among these."""
        wanted = {one.name for one in entries}
        for name in [name for name in self._open if name not in wanted]:
            self.forget(self._open[name][0])

    def _download(self, entry: SegmentEntry) -> None:
        path = self._path(entry)
        part = path.with_suffix(".part")
        part.write_bytes(self._bucket.get(entry))
        part.replace(path)

    def _path(self, entry: SegmentEntry) -> Path:
        return self._folder / f"{entry.name}.db"

    def _make_room(self) -> None:
        """Remove the segments that were not used for longest, until the others fit."""
        size = sum(entry.size for entry, _ in self._open.values())
        while size > self._most and len(self._open) > 1:
            entry, _ = next(iter(self._open.values()))
            self.forget(entry)
            size -= entry.size
