"""Recordings of calls: links to their bucket, and who opened them.

The bucket is that of the telephone system. The product writes nothing into it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from redress.base.people import Actor
from redress.db import encoding, keys, retry
from redress.db.rows import Models

LINK_S = 300
"""How long a link to a recording is valid, in seconds. A player asks for the parts of a long call
one after the other, as it is listened to."""

MOST_HEARD = 200
"""The most openings of recordings that one answer lists, newest first."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A member of staff opened the recording of a call. `event` is the number of its event."""

    event: int
    by: Actor
    at: datetime


_HEARD = msgspec.json.Decoder(Heard)


class RecordingsBucket:
    def __init__(self, s3_client: Any, name: str, prefix: str) -> None:
        """`prefix` is what the keys of recordings begin with."""
        self._s3, self.name, self.prefix = s3_client, name, prefix

    def link(self, key: str) -> str:
        """Return a URL that lets anybody play this object for LINK_S seconds.

        It is made without a call of S3. If the object is gone, S3 says so to whoever follows it.
        """
        given = {"Bucket": self.name, "Key": key, "ResponseCacheControl": "private, no-store"}
        url: str = self._s3.generate_presigned_url("get_object", Params=given, ExpiresIn=LINK_S)
        return url


class HeardStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def record(self, number: str, heard: Heard) -> None:
        sk = keys.heard_sk(heard.at, heard.event, secrets.token_hex(4))
        row = self._models.doc(keys.ticket_pk(number), sk, doc=encoding.encode(heard))
        retry.call(row.save)

    def of_ticket(self, number: str) -> list[Heard]:
        """Who opened recordings of a ticket, newest first, at most MOST_HEARD."""
        model = self._models.doc
        among = model.sk.startswith(keys.HEARD_PREFIX)
        rows = retry.call(
            lambda: list(
                model.query(
                    keys.ticket_pk(number), among, scan_index_forward=False, limit=MOST_HEARD
                )
            )
        )
        return list(encoding.readable(rows, lambda row: _HEARD.decode(row.doc)))
