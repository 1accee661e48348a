"""Look for what no function notices by itself: readers that are switched off, and dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

WORKING = {"Creating", "Enabling", "Enabled", "Updating"}
"""States of an event source mapping that reads, or is about to. The others are Disabling, Disabled
and Deleting (Lambda, API reference of EventSourceMappingConfiguration)."""

EVERY_MINUTES = 5
"""How often the sweep runs (`SweepSchedule` in the template)."""


class StackWatch:
    """`mappings` are the ids of the event source mappings that must read, `queues` the URLs of the
    dead-letter queues."""

    def __init__(
        self, lambda_client: Any, sqs_client: Any, mappings: Sequence[str], queues: Sequence[str]
    ) -> None:
        self._lambda, self._sqs = lambda_client, sqs_client
        self._mappings, self._queues = mappings, queues

    def readers_off(self) -> dict[str, str]:
        """Return the state of each mapping that does not read, by its id.

        While a mapping is off, its function has no age of records and no errors, so nothing else
        shows that its messages wait. A mapping that does not exist counts as Deleted.
        """
        states = {one: self._state(one) for one in self._mappings}
        return {one: state for one, state in states.items() if state not in WORKING}

    def _state(self, mapping: str) -> str:
        try:
            found = self._lambda.get_event_source_mapping(UUID=mapping)
        except self._lambda.exceptions.ResourceNotFoundException:
            return "Deleted"
        state: str = found["State"]
        return state

    def dead_letters(self) -> dict[str, int]:
        """Return how many messages lie in each dead-letter queue that has some, by its name.

        Messages that somebody is working with count, too.
        """
        found = {url.rpartition("/")[2]: self._lying(url) for url in self._queues}
        return {name: number for name, number in found.items() if number}

    def _lying(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


def counts_letters(now: datetime) -> bool:
    """Whether the sweep that runs at this time counts the dead letters: the first of each hour.

    Each count is a request to each queue. Beyond the requests that are free, a count in every sweep
    would cost US$0.02 a month.
    """
    return now.minute < EVERY_MINUTES
