"""The store of inspection lists: what was drawn, what was found, and the trail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec
from pynamodb.transactions import TransactWrite

from redress.base.errors import RedressError
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.inspections.rules import ChannelState, DrawnList, InspectionChange

_LIST = msgspec.json.Decoder(DrawnList)
_STATE = msgspec.json.Decoder(ChannelState)
_CHANGE = msgspec.json.Decoder(InspectionChange)

MOST_CHANGES = 200
"""The most entries of the trail that are read."""


class InspectionRaced(RedressError):
    """The list or the state of the channel was changed meanwhile. Nothing was written."""


class InspectionStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def get(self, team: str, day: date) -> tuple[DrawnList | None, Mapping[str, ChannelState]]:
        """The list of a team's day, None if none was drawn, and the state of each channel.

        Raises Unreadable.
        """
        model = self._models.doc
        among = model.sk.between(keys.CHANNEL_PREFIX, keys.INSPECTION_LIST)
        rows = retry.call(
            lambda: list(model.query(keys.inspection_pk(team, day), among, consistent_read=True))
        )
        states, drawn = dict[str, ChannelState](), None
        for row in rows:
            if row.sk == keys.INSPECTION_LIST:
                drawn = encoding.decoded(row, lambda one: _LIST.decode(one.doc))
            else:
                state = encoding.decoded(row, lambda one: _STATE.decode(one.doc))
                states[keys.channel_of(row.sk)] = state
        return drawn, states

    def put(self, drawn: DrawnList) -> None:
        """Store a list. Raises InspectionRaced if there is one already."""
        model = self._models.doc
        pk = keys.inspection_pk(drawn.team, drawn.day)
        row = model(pk, keys.INSPECTION_LIST, doc=encoding.encode(drawn))
        try:
            retry.call(lambda: row.save(condition=model.pk.does_not_exist()), ["list"])
        except retry.ConditionFailed as failed:
            raise InspectionRaced from failed

    def write(
        self, drawn: DrawnList, before: ChannelState, after: ChannelState, entry: InspectionChange
    ) -> None:
        """Store the state of a channel and an entry of the trail, in one transaction.

        Raises InspectionRaced if the state was changed after it was read.
        """
        model, pk = self._models.doc, keys.inspection_pk(drawn.team, drawn.day)
        state = model(
            pk,
            keys.channel_sk(entry.channel),
            doc=encoding.encode(after),
            revision=after.revision,
        )
        sk = keys.channel_change_sk(entry.channel, entry.revision)
        trail = model(pk, sk, doc=encoding.encode(entry))
        is_new = model.pk.does_not_exist()
        unchanged = model.revision == before.revision if before.revision else is_new
        token = retry.request_token()

        def send() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                transaction.save(state, condition=unchanged)
                transaction.save(trail, condition=is_new)

        try:
            retry.call(send, ("state", "trail"))
        except retry.ConditionFailed as failed:
            raise InspectionRaced from failed

    def changes(self, team: str, day: date) -> list[InspectionChange]:
        """The trail of a list, at most MOST_CHANGES entries, by channel and the newest first.

        One that cannot be read is reported and left out.
        """
        model = self._models.doc
        rows = retry.call(
            lambda: list(
                model.query(
                    keys.inspection_pk(team, day),
                    model.sk.startswith(keys.CHANGE_PREFIX),
                    scan_index_forward=False,
                    limit=MOST_CHANGES,
                )
            )
        )
        return list(encoding.readable(rows, lambda one: _CHANGE.decode(one.doc)))
