"""The function `indexer`: it makes and merges the segments of the search index."""

from __future__ import annotations

from functools import cache
from typing import Any

from redress.base.settings import Settings
from redress.search.cases.indexing import IndexingCase
from redress.search.cases.upkeep import UpkeepCase
from redress.search.store.bucket import SearchBucket
from redress.search.store.files import SegmentFiles
from redress.wiring import clients, stores


class IndexerSettings(Settings, frozen=True, kw_only=True):
    search_queue_url: str
    search_bucket: str = ""
    """Empty if the stack has no index of words. Then nothing calls this function."""


@cache
def settings() -> IndexerSettings:
    return clients.read(IndexerSettings)


@cache
def bucket() -> SearchBucket:
    return SearchBucket(clients.client("s3"), settings().search_bucket)


def queue() -> tuple[Any, str]:
    return clients.client("sqs"), settings().search_queue_url


@cache
def indexing() -> IndexingCase:
    return IndexingCase(stores.tickets(), stores.lists(), bucket(), queue(), clients.now)


@cache
def upkeep() -> UpkeepCase:
    return UpkeepCase(bucket(), SegmentFiles(bucket()), queue(), clients.now)
