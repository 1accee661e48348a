"""The intake's own way to the store: bare botocore, for its cold start.

PynamoDB is not imported here. The ticket's items are those of `codec.ticket_items`, the same that
`TicketStore.open_beside` writes of a mail; a contract test holds both to one shape.
"""

from __future__ import annotations

from typing import Any

from redress.db import keys, retry
from redress.tickets.rules.change import Change
from redress.tickets.store import codec
from redress.tickets.store.opening import OPENING_CONDITIONS, TOLD, opened


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
                "Item": codec.wire_item(item),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
            for item in codec.opening_items(key, fingerprint, answer, change)
        ]
        puts[0]["ReturnValuesOnConditionCheckFailure"] = TOLD
        items = [{"Put": put} for put in puts]
        token = retry.request_token()

        def write() -> None:
            self._client.transact_write_items(TransactItems=items, ClientRequestToken=token)

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
