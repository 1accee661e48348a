"""What the schedule of the indexer does: merging segments, and noting that the index is complete.

A run that is killed has changed nothing, or has left a segment that no manifest names. A later run
removes such segments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import replace
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from redress.search.cases.indexing import change_manifest
from redress.search.rules.manifest import GRACE, SegmentEntry, to_merge
from redress.search.store import segments
from redress.search.store.bucket import SearchBucket
from redress.search.store.files import UNUSABLE, SegmentFiles, report_unusable
from redress.search.store.segments import Document

MERGE_S = 70.0
"""A run begins no merge if fewer seconds are left. A merge takes half a minute at most."""
SETTLING = timedelta(minutes=2)
"""An empty queue tells nothing of the last minutes: its counts may be a minute old, and a message
comes some seconds after its change."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a run did: how many segments it merged, and how many objects it removed."""

    merged: int
    removed: int


class UpkeepCase:
    """`queue` is the SQS client and the URL of the search queue."""

    def __init__(
        self,
        bucket: SearchBucket,
        files: SegmentFiles,
        queue: tuple[Any, str],
        now: Callable[[], datetime],
    ) -> None:
        self._bucket, self._files = bucket, files
        self._sqs, self._queue_url = queue
        self._now = now

    def run(self, seconds_left: Callable[[], float]) -> Done:
        """Merge segments, remove those that are not needed, and note that the index is complete.

        Raises Contended, or the error of a service.
        """
        self._note_complete()
        merged = 0
        while seconds_left() > MERGE_S:
            chosen = to_merge(self._bucket.manifest().manifest.segments)
            if not chosen:
                break
            merged += len(chosen)
            if not self._merge(chosen):
                break
        return Done(merged, self._remove(bool(merged)))

    def _note_complete(self) -> None:
        """If no message waits, all texts are in the index that were written some minutes ago."""
        until = self._now() - SETTLING
        names = ["", "NotVisible", "Delayed"]
        found = self._sqs.get_queue_attributes(
            QueueUrl=self._queue_url,
            AttributeNames=[f"ApproximateNumberOfMessages{name}" for name in names],
        )
        if not any(int(count) for count in found["Attributes"].values()):
            change_manifest(
                self._bucket, lambda known: replace(known.complete(until), building=False)
            )

    def _merge(self, chosen: Sequence[SegmentEntry]) -> bool:
        """Put one segment in the place of these. False if another run has merged some of them."""
        documents: dict[str, Document] = {}
        is_lost = False
        for entry in chosen:
            try:
                found = self._files.open(entry).documents()
            except UNUSABLE as error:
                report_unusable(entry, error)
                is_lost = True
                continue
            for document in found:
                known = documents.get(document.number)
                if known is None or known.version <= document.version:
                    documents[document.number] = document
        now = self._now()
        merged = self._bucket.put(segments.build(documents.values()), len(documents), now)
        names = {one.name for one in chosen}
        return change_manifest(
            self._bucket, lambda known: known.merged(names, merged, now, lost=is_lost)
        )

    def _remove(self, has_merged: bool) -> int:
        """Remove the objects of segments that were merged, and of runs that were killed.

        Objects are listed only in a run that merged, because a listing costs as much as a write.
        """
        now = self._now()
        manifest = self._bucket.manifest().manifest
        names = set(manifest.expired(now))
        if has_merged:
            known = {one.name for one in manifest.segments}
            known |= {one.name for one in manifest.superseded}
            names |= set(self._bucket.written_before(now - GRACE)) - known
        if names:
            self._bucket.remove(names)
            change_manifest(self._bucket, lambda known: known.without(names))
        return len(names)
