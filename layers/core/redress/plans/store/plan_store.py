"""Service plans in the table: each published version, the current one, and a summary of each."""

from __future__ import annotations

from typing import Any

import msgspec
from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from redress.base.errors import Fault, InvalidInput
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.plans.store.plans import Published

_PUBLISHED = msgspec.json.Decoder(Published)


class PlanStore:
    """Reads and publishes versions. It implements `PlanSource`."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def plan_document(self, sort: str) -> str | None:
        """See `plans.PlanSource`."""
        try:
            row = retry.call(lambda: self._models.doc.get(keys.PLAN, sort, consistent_read=True))
        except DoesNotExist:
            return None
        return encoding.decoded(row, lambda one: msgspec.convert(one.doc, str))

    def publish(
        self,
        document: dict[str, Any],
        version: int,
        current: int,
        about: Published | None = None,
    ) -> None:
        """Store a new version and make it the current one, in one transaction.

        `version` is its number. `current` is the number of the version that it follows. `about` is
        its summary for the list of versions. Raises InvalidInput if another version was published
        meanwhile.
        """
        model = self._models.doc
        doc = msgspec.json.encode(document).decode()
        version_row = model(keys.PLAN, keys.plan_sk(version), doc=doc, revision=version)
        current_row = model(keys.PLAN, keys.CURRENT, doc=doc, revision=version)
        condition = model.pk.does_not_exist() if current == 1 else model.revision == current

        token = retry.request_token()

        def write() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                transaction.save(version_row, condition=model.pk.does_not_exist())
                transaction.save(current_row, condition=condition)
                if about is not None:
                    doc = encoding.encode(about)
                    transaction.save(model(keys.PLAN, keys.about_sk(version), doc=doc))

        try:
            retry.call(write, ("version", "current", "about"))
        except retry.ConditionFailed as lost:
            fault = Fault("/version", "published_meanwhile", f"the next version is not {version}")
            raise InvalidInput([fault]) from lost

    def between(self, first: int, last: int) -> dict[int, Published]:
        """The stored summaries of versions from `first` to `last`, by number.

        Versions without a summary are left out. A summary that cannot be read is reported and left
        out.
        """
        model = self._models.doc
        between = model.sk.between(keys.about_sk(first), keys.about_sk(last))
        rows = retry.call(lambda: list(model.query(keys.PLAN, between, consistent_read=True)))
        found = encoding.readable(rows, lambda row: _PUBLISHED.decode(row.doc))
        return {about.version: about for about in found}
