"""The intake's store: opens tickets through a plain botocore client, for a short cold start.

PynamoDB is not imported here. The items come from `items.ticket_items`, which `TicketStore.open`
uses as well. A contract test checks that both write items of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from redress.base.errors import RedressError
from redress.db import encoding, keys, retry
from redress.tickets.rules.change import Change
from redress.tickets.store import items

OPENING_CONDITIONS = ("key", "number", "timer")
"""Names of the conditions of the first items of an opening transaction, in the order of these items
(`items.opening_items`)."""


RETURN_EXISTING = "ALL_OLD"
"""The value of `ReturnValuesOnConditionCheckFailure` for the idempotency record. It makes a refused
transaction return the existing record. So a repeated submission needs only one call, too."""


class KeyTaken(RedressError):
    """The Idempotency-Key was used before. Contains the fingerprint of the earlier body, and the
    answer to it."""

    def __init__(self, fingerprint: str, answer: str) -> None:
        super().__init__("this submission was taken already")
        self.fingerprint, self.answer = fingerprint, answer


class NumberTaken(RedressError):
    """The random ticket number exists already. The caller chooses another one."""


def opened(run: Callable[[], Any]) -> None:
    """Run an opening transaction. If a condition fails, raise the exception that names the cause.

    That is KeyTaken, NumberTaken, or Unreadable if the key was used but its record cannot be read.
    In each case nothing was written.
    """
    try:
        run()
    except retry.ConditionFailed as lost:
        if "key" in lost.names:
            raise _taken(lost.items["key"]) from lost
        raise NumberTaken("this number exists already") from lost


def _taken(made: Mapping[str, Any]) -> KeyTaken:
    """The exception that names the earlier use of a key, from the key's record."""
    with encoding.reading(made["pk"]["S"], keys.KEY):
        return KeyTaken(made["fingerprint"]["S"], made["answer"]["S"])


class SubmissionStore:
    """What the intake and the form need of the table: read a plan and notices, write a ticket."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def open(self, change: Change, key: str, fingerprint: str, answer: str) -> None:
        """Write a new ticket with all its items. `answer` is kept for repeats with the same key.

        Raises KeyTaken if the key was used before, NumberTaken if the number exists, and
        Unreadable if the key's record cannot be read. In each case nothing is written.
        """
        puts: list[dict[str, Any]] = [
            {
                "TableName": self._table,
                "Item": encoding.item_to_dynamodb(item),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
            for item in items.opening_items(key, fingerprint, answer, change)
        ]
        puts[0]["ReturnValuesOnConditionCheckFailure"] = RETURN_EXISTING
        transaction = [{"Put": put} for put in puts]
        token = retry.request_token()

        def write() -> None:
            self._client.transact_write_items(TransactItems=transaction, ClientRequestToken=token)

        opened(lambda: retry.call(write, OPENING_CONDITIONS))

    def earlier(self, key: str) -> KeyTaken | None:
        """The earlier use of an idempotency key, or None. Raises Unreadable."""
        made = self._get(keys.idempotency_pk(encoding.key_digest(key)), keys.KEY)
        return None if made is None else _taken(made)

    def _get(self, pk: str, sk: str, *, consistent: bool = True) -> dict[str, Any] | None:
        answer = retry.call(
            lambda: self._client.get_item(
                TableName=self._table,
                Key={"pk": {"S": pk}, "sk": {"S": sk}},
                ConsistentRead=consistent,
            )
        )
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def plan_document(self, sort: str) -> str | None:
        """A stored plan version (`keys.plan_sk`) or the current one (`keys.CURRENT`), as JSON.

        Raises Unreadable.
        """
        return self._document(keys.PLAN, sort)

    def notices_document(self) -> str | None:
        """What the form says about open incidents, as JSON; None if it never said anything.

        Raises Unreadable.
        """
        return self._document(keys.NOTICES, keys.CURRENT)

    def _document(self, pk: str, sk: str) -> str | None:
        item = self._get(pk, sk, consistent=False)
        if item is None:
            return None
        with encoding.reading(pk, sk):
            doc: str = item["doc"]["S"]
        return doc
