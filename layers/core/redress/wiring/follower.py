"""The function `follower`: sends mail jobs and requests to the assigner after events."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from redress.base.settings import Settings
from redress.wiring import clients
from redress.workflow.cases.follower import FollowerCase

if TYPE_CHECKING:
    from redress.tickets.store.feed import FeedStore


class FollowerSettings(Settings, frozen=True, kw_only=True):
    mail_queue_url: str
    assigner_function: str
    dead_letter_queue_url: str
    changes_feed: str = ""
    """Identifies the time for which the feed of changes has been on. Empty if it is off."""
    search_queue_url: str = ""
    """Empty if the stack has no index of words."""
    checker_function: str = ""
    """The function that checks files. Empty if files are switched off."""


def sqs() -> Any:
    # Without retries, because the stream repeats the record, and the function has little time.
    return clients.client("sqs", retries=0)


def functions() -> Any:
    # Without retries, because mails of later records wait. The sweep asks the assigner again.
    return clients.client("lambda", retries=0)


@cache
def settings() -> FollowerSettings:
    return clients.read(FollowerSettings)


def follower() -> FollowerCase:
    """A follower for one batch."""
    given = settings()
    return FollowerCase(
        sqs(),
        functions(),
        given.mail_queue_url,
        given.assigner_function,
        given.search_queue_url,
        given.checker_function,
    )


def letters() -> tuple[Any, str]:
    """The client and the URL of the queue for records that no retry can process."""
    return sqs(), settings().dead_letter_queue_url


@cache
def feed() -> FeedStore | None:
    """The feed of changes, which remembers its last number; None if it is off."""
    if not settings().changes_feed:
        return None
    from redress.tickets.store.feed import FeedStore

    return FeedStore(clients.dynamodb(), settings().table, clients.now, clients.pause)
