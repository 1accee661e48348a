"""Answers of the feed of changes."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.staff.lists import TicketLine
from local.openapi.values import Answer, TicketNumber
from redress.tickets.cases.feed import CHANGES_LIMIT


class ChangesPage(Answer):
    tickets: Annotated[list[TicketLine], Meta(max_length=CHANGES_LIMIT)]
    gone: Annotated[list[TicketNumber], Meta(max_length=CHANGES_LIMIT)]
    next: str
    more: bool
