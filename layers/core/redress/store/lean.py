"""The intake's own way to the store: bare botocore, for its cold start.

PynamoDB is not imported here. The items are those of `codec.opening_items`, the same that
`TicketStore.open` writes; a contract test holds both paths to one shape and one behaviour.
"""

from __future__ import annotations

from typing import Any

from redress.rules.errors import KeyReused, NotFound
from redress.rules.lifecycle import Change
from redress.rules.ticket import Ticket
from redress.store import codec, keys, outcome
from redress.store.opening import OPENING_CONDITIONS, opened


class LeanStore:
    """What an intake needs: read the plan, write a ticket whole, find what a key has made."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def open(self, change: Change, key: str, fingerprint: str) -> None:
        """See `TicketStore.open`."""
        items = [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": codec.wire_item(item),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
            for item in codec.opening_items(key, fingerprint, change)
        ]
        token = outcome.request_token()

        def write() -> None:
            self._client.transact_write_items(TransactItems=items, ClientRequestToken=token)

        opened(lambda: outcome.run(write, OPENING_CONDITIONS))

    def _get(self, pk: str, sk: str, *, consistent: bool = True) -> dict[str, Any] | None:
        answer = outcome.run(
            lambda: self._client.get_item(
                TableName=self._table,
                Key={"pk": {"S": pk}, "sk": {"S": sk}},
                ConsistentRead=consistent,
            )
        )
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def number_for_key(self, key: str, fingerprint: str) -> str | None:
        """See `TicketStore.number_for_key`."""
        item = self._get(keys.idempotency_pk(codec.key_digest(key)), keys.KEY)
        if item is None:
            return None
        if item["fingerprint"]["S"] != fingerprint:
            raise KeyReused("this Idempotency-Key was used for another submission")
        number: str = item["number"]["S"]
        return number

    def get(self, number: str) -> Ticket:
        """See `TicketStore.get`."""
        item = self._get(keys.ticket_pk(number), keys.TICKET)
        if item is None:
            raise NotFound(f"there is no ticket {number}")
        return codec.ticket_of(item["doc"]["S"])

    def plan_document(self, sort: str) -> str | None:
        """A stored plan version (`keys.plan_sk`) or the current one (`keys.CURRENT`), as JSON."""
        item = self._get(keys.PLAN, sort, consistent=False)
        return item["doc"]["S"] if item else None
