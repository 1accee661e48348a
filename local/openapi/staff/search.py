"""The answer of the search."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.schemas import named
from local.openapi.staff.lists import WorkItem
from local.openapi.values import Answer, Instant, NextCursor
from redress.search.cases.searching import PAGE_LIMIT, By, IndexState


class SearchIndex(Answer):
    state: Annotated[str, named("SearchIndexState", [one.value for one in IndexState])]
    indexed_until: Instant | None
    detail: str


class FoundPage(Answer):
    items: Annotated[list[WorkItem], Meta(max_length=PAGE_LIMIT)]
    next: NextCursor
    by: Annotated[str, named("SearchedBy", [one.value for one in By])]
    index: SearchIndex
