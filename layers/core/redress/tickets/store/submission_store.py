"""How the intake writes a ticket: bare botocore, for its cold start.

PynamoDB is not imported here. The items of the ticket are those of `items.ticket_items`, which
`TicketStore.open` writes as well; a contract test holds both to one shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redress.base.errors import RedressError
from redress.db import encoding, keys, retry
from redress.tickets.rules.change import Change
from redress.tickets.store import items

OPENING_CONDITIONS = ("key", "number", "timer")
"""Names of the first items of an opening transaction, in their order (`items.opening_items`)."""


TOLD = "ALL_OLD"
"""`ReturnValuesOnConditionCheckFailure` of the key: a transaction that is refused brings along what
the key has made, so a repeated submission is one call like a first."""


class KeyTaken(RedressError):
    """The Idempotency-Key has made a ticket already: of which body, and what that was answered."""

    def __init__(self, fingerprint: str, answer: str) -> None:
        super().__init__("this submission was taken already")
        self.fingerprint, self.answer = fingerprint, answer


class KeyUnreadable(Exception):
    """The key's record says no answer: it is of a table that this version does not take over."""


class NumberTaken(RedressError):
    """The random number exists; draw another."""


def opened(run: Callable[[], Any]) -> None:
    """Run an opening transaction; raises KeyTaken or NumberTaken, and nothing is written then.

    KeyUnreadable where the key was taken, and what it was answered is not known.
    """
    try:
        run()
    except retry.ConditionFailed as lost:
        if "key" in lost.names:
            made = lost.items["key"]
            if "answer" not in made:
                raise KeyUnreadable("a key's record without an answer") from lost
            raise KeyTaken(made["fingerprint"]["S"], made["answer"]["S"]) from lost
        raise NumberTaken("this number exists already") from lost


class SubmissionStore:
    """What an intake needs: read the plan, write a ticket whole."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def open(self, change: Change, key: str, fingerprint: str, answer: str) -> None:
        """Write a new ticket whole. `answer` is kept for who comes with this key again.

        Raises KeyTaken with what the key has made already, NumberTaken when the number exists;
        nothing is written then.
        """
        puts: list[dict[str, Any]] = [
            {
                "TableName": self._table,
                "Item": encoding.item_to_dynamodb(item),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
            for item in items.opening_items(key, fingerprint, answer, change)
        ]
        puts[0]["ReturnValuesOnConditionCheckFailure"] = TOLD
        transaction = [{"Put": put} for put in puts]
        token = retry.request_token()

        def write() -> None:
            self._client.transact_write_items(TransactItems=transaction, ClientRequestToken=token)

        opened(lambda: retry.call(write, OPENING_CONDITIONS))

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
        """A stored plan version (`keys.plan_sk`) or the current one (`keys.CURRENT`), as JSON."""
        item = self._get(keys.PLAN, sort, consistent=False)
        return item["doc"]["S"] if item else None
