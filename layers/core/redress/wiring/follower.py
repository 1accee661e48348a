"""The function `follower`: sends mail jobs and requests to the assigner after events."""

from __future__ import annotations

from functools import cache
from typing import Any

from redress.base.settings import Settings
from redress.wiring import clients
from redress.workflow.cases.follower import FollowerCase


class FollowerSettings(Settings, frozen=True, kw_only=True):
    mail_queue_url: str
    assigner_function: str
    dead_letter_queue_url: str


def follower_case(mail_queue_url: str, assigner_function: str) -> FollowerCase:
    return FollowerCase(
        clients.client("sqs"), clients.client("lambda"), mail_queue_url, assigner_function
    )


@cache
def settings() -> FollowerSettings:
    return clients.read(FollowerSettings)


@cache
def follower() -> FollowerCase:
    return follower_case(settings().mail_queue_url, settings().assigner_function)


def letters() -> tuple[Any, str]:
    """The client and the URL of the queue for records that no retry can process."""
    return clients.client("sqs"), settings().dead_letter_queue_url
