"""The declaration of a public route."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class PublicRoute(Struct, frozen=True):
    """One public route.

    The Lambda function `function` serves it, in its Python function `name`. The texts of the route
    are in the YAML file under `name`. `msgspec` derives schemas from the types `answer` and `body`.
    `refusals` are the error statuses of the route: the answer is then a problem in the JSON API,
    and a page otherwise. The document adds those of every route (429, 500).
    """

    function: str
    name: str
    method: str
    path: str
    answer: Any
    status: int = 200
    media: str = "application/json"
    other_media: tuple[str, ...] = ()
    """Further media types of the answer. An image has no schema."""
    body: Any = None
    body_required: bool | None = True
    query: tuple[str, ...] = ()
    refusals: tuple[int, ...] = ()
    needs_link: bool = False
    keeps_post: bool = False
    """Whether a 503 is a page with a button that posts the same values again."""
