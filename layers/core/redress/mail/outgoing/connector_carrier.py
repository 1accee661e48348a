"""Hands answers over to the system of a connector, as Standard Webhooks says.

It is a carrier like SES, so an answer is claimed, sent once, recorded and tried again as a mail is.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from redress.connectors import webhooks
from redress.connectors.https import (
    MOST_S,
    NotAnswered,
    NotPublic,
    NotReached,
    Reply,
)
from redress.mail.outgoing.carriers import (
    NeedsOperator,
    NeverTaken,
    NotTaken,
    Tags,
    Taken,
    Unanswered,
)

Post = Callable[[str, dict[str, str], bytes], Reply]

PAUSE = timedelta(seconds=20)
"""After a system was not reached, a process does not ask it again for this long. Many answers that
wait for one broken system then take no time from the mails."""

_FINAL = {400, 409, 410, 413, 415, 422}
"""Statuses after which the same answer can never succeed, as for the messages of connectors. After
any other status it is tried again. The other side knows a repeat by its id."""


class Pauses:
    """The systems that were not reached lately, by connector."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._until = now, dict[str, datetime]()

    def require_none(self, connector: str) -> None:
        """Raise NotTaken if the system was not reached within PAUSE."""
        until = self._until.get(connector)
        if until is not None and self._now() < until:
            raise NotTaken("not reached a moment ago")

    def begin(self, connector: str) -> None:
        self._until[connector] = self._now() + PAUSE


class ConnectorCarrier:
    """Sends one answer. `answer` is its id.

    `keys` are the valid ones, and each of them signs, so the other side can change its key at any
    time. They are None for an answer that will not be sent.
    """

    seconds = MOST_S

    def __init__(
        self,
        connector: str,
        url: str,
        answer: str,
        keys: Sequence[bytes] | None,
        post: Post,
        pauses: Pauses,
        now: Callable[[], datetime],
    ) -> None:
        self._connector, self._url, self._answer, self._keys = connector, url, answer, keys
        self._post, self._pauses, self._now = post, pauses, now

    def prepare(self) -> None:
        """See that there is a key, and that the system was not missed just now."""
        if self._keys is None:
            return
        if not self._keys:
            raise NeedsOperator("the connector has no valid key")
        self._pauses.require_none(self._connector)

    def take(self, raw: bytes, to: Sequence[str], tags: Tags) -> Taken:
        """Hand over the answer. Its id is the same for each attempt, so a second one is known."""
        try:
            reply = self._post(self._url, self._headers(raw), raw)
        except NotPublic:
            raise NeverTaken("not_public") from None
        except NotReached as error:
            self._pauses.begin(self._connector)
            raise NotTaken(str(error)) from None
        except NotAnswered as error:
            self._pauses.begin(self._connector)
            raise Unanswered(str(error)) from None
        fault = f"http_{reply.status}"
        if 200 <= reply.status < 300:
            return Taken(self._answer)
        if reply.status < 400 or reply.status in _FINAL:
            raise NeverTaken(fault)  # a redirect is not followed
        raise NotTaken(fault)

    def _headers(self, raw: bytes) -> dict[str, str]:
        timestamp = str(int(self._now().timestamp()))
        made = (webhooks.sign(key, self._answer, timestamp, raw) for key in self._keys or ())
        return {
            "Content-Type": "application/json",
            "User-Agent": "redress",
            "webhook-id": self._answer,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in made),
        }
