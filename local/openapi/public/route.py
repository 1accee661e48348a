"""What a public route is."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class PublicRoute(Struct, frozen=True):
    """One public route.

    `function` serves it, by its function `name`. `answer` and `body` are types that `msgspec` makes
    schemas of. `refusals` are the statuses that the route answers with beside its own; all but 429,
    which the gateway answers, are problems for the JSON API and pages otherwise.
    """

    function: str
    name: str
    method: str
    path: str
    answer: Any
    status: int = 200
    media: str = "application/json"
    body: Any = None
    body_required: bool | None = True
    query: tuple[str, ...] = ()
    refusals: tuple[int, ...] = ()
    needs_link: bool = False
    keeps_post: bool = False
    """A 503 is a page with a button that posts again what was posted."""
