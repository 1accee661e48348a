"""Shared by all functions: the clock, the environment, clients of AWS, and the keys of links."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

from redress.base import settings as configuration
from redress.base.errors import Unavailable
from redress.base.service_clock import ServiceClock
from redress.base.settings import Settings
from redress.tickets.links import Links

REFRESH_S = 300.0
"""A function reads the keys of links again when it has kept them for this many seconds. After a
rotation it therefore uses the new key soon."""


def _tell_of_wrong_clock(seconds: float, at: datetime) -> None:
    """Tell operations that this machine's clock is `seconds` ahead of AWS.

    `docs/runbooks/wrong-clock.md` says what to do. The metric has the time of AWS, because
    CloudWatch would file it hours away under the machine's, and the alarm would not see it.
    """
    from redress.base import observe

    message = "the clock of this machine is wrong; the time of AWS replaces it"
    observe.report(observe.Alarm.CLOCK_WRONG, message, {"seconds_ahead": round(seconds)}, at=at)


_CLOCK = ServiceClock(lambda: datetime.now(UTC), _tell_of_wrong_clock)


def now() -> datetime:
    """The time, as an aware datetime in UTC. All code gets its time from here.

    It is the machine's clock, or the time of AWS if that clock is wrong (`ServiceClock`).
    """
    return _CLOCK.now()


def listen(session: Any) -> None:
    """Let the clock hear the `Date` of all answers that clients of this botocore session get.

    botocore emits the first event for each attempt, right before it signs and sends the request. It
    emits the second after each answer, also if the answer is an error and will be retried. Both
    have the same context (`botocore.endpoint.Endpoint._send_request`).
    """

    def sent(request: Any, **_: Any) -> None:
        request.context["redress_sent"] = _CLOCK.mark()

    def heard(context: dict[str, Any], response_dict: dict[str, Any] | None, **_: Any) -> None:
        if response_dict is not None and "redress_sent" in context:
            _CLOCK.heard(response_dict["headers"].get("Date"), context["redress_sent"])

    session.register("request-created", sent)
    session.register("response-received", heard)


def pause(seconds: float) -> None:
    """Wait for some seconds. Tests replace it together with `now`."""
    time.sleep(seconds)


def read[S: Settings](kind: type[S]) -> S:
    """The settings of a function, from its environment. Raises MissingSettings."""
    return configuration.read(kind, os.environ)


@cache
def settings() -> Settings:
    """The settings that every function has: the table and the region."""
    return read(Settings)


@cache
def client(service: str, retries: int = 3, timeout_s: float | None = None) -> Any:
    """A botocore client. It is made at the first call and then reused.

    Its timeouts are short, because a retry is more likely to succeed than a longer wait. A call
    waits `timeout_s` seconds for its answer, or as long as the function's setting says.
    """
    import botocore.session
    from botocore.config import Config

    made = session()
    usual = settings().call_timeout_s
    config = Config(
        connect_timeout=min(2, usual),
        read_timeout=timeout_s or usual,
        retries={"mode": "standard", "max_attempts": retries},
        # With the older signature of S3, a link to an object would not contain the region, and it
        # would stay valid after its stated expiry.
        signature_version="s3v4" if service == "s3" else None,
        s3=_S3_ON_AWS if service == "s3" and not settings().aws_endpoint_url else None,
        user_agent_extra="redress",
    )
    assert isinstance(made, botocore.session.Session)
    return made.create_client(service, region_name=settings().aws_region, config=config)


_S3_ON_AWS: Any = {"addressing_style": "virtual"}
"""With this setting, links and forms name the host of the bucket's region. Otherwise botocore names
a host without a region. For hours after a bucket was made, that host redirects requests, and a
browser does not send a form again. Newer regions refuse such requests."""


def publish(topic: str, subject: str, text: str) -> None:
    """Send a message to the people who subscribed to a topic."""
    client("sns").publish(TopicArn=topic, Subject=subject, Message=text)


@cache
def session() -> Any:
    import botocore.session

    made = botocore.session.get_session()
    listen(made)
    return made


@cache
def dynamodb() -> Any:
    """The client of the public endpoints and of lists: it starts and decodes faster.

    It has only a few operations. `client("dynamodb")` has all.
    """
    from redress.db.aws_json import DynamoDB

    return DynamoDB(os.environ, _CLOCK)


@cache
def secrets() -> Any:
    from redress.db.aws_json import SecretsManager

    return SecretsManager(os.environ, _CLOCK)


def refreshed[T](read: Callable[[], T]) -> Callable[[], T]:
    """Return a function that returns the value of `read` and keeps it for REFRESH_S seconds.

    The function calls `read` at its first call, and again when the kept value is older. If a later
    call of `read` fails, the function keeps the old value for another REFRESH_S seconds. Otherwise
    customers would wait for a value that hardly ever changes. If the first call of `read` fails,
    the function raises Unavailable.
    """
    kept: list[tuple[float, T]] = []

    def get() -> T:
        from botocore.exceptions import BotoCoreError, ClientError

        moment = time.monotonic()
        if not kept or moment - kept[0][0] > REFRESH_S:
            try:
                kept[:] = [(moment, read())]
            except (BotoCoreError, ClientError, Unavailable) as error:
                if not kept:
                    raise Unavailable() from error
                kept[:] = [(moment, kept[0][1])]
        return kept[0][1]

    return get


@cache
def links(secret: str) -> Links:
    """Makes and reads links that are signed with the key in this secret.

    After a rotation, links that were signed with the previous key can still be read.
    """
    return Links(link_keys(secret))


@cache
def link_keys(secret: str) -> Callable[[], Iterator[bytes]]:
    """Return a function that gives the key in this secret, and then the one before its rotation.

    The deployment creates the secret. The previous key is read only if the caller asks for it.
    """

    def read_stage(stage: str) -> bytes:
        from redress.db import retry

        found = retry.call(lambda: secrets().get_secret_value(SecretId=secret, VersionStage=stage))
        key: str = found["SecretString"]
        return key.encode()

    def read_previous() -> bytes | None:
        from botocore.exceptions import ClientError

        try:
            return read_stage("AWSPREVIOUS")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None  # the key was never rotated

    current, previous = refreshed(lambda: read_stage("AWSCURRENT")), refreshed(read_previous)

    seen: list[bytes] = []

    def keys() -> Iterator[bytes]:
        key = current()
        if key not in seen:
            # `previous` may be minutes old. After a rotation, this process still knows the key
            # that was the current one until then.
            seen[:] = [key, *seen[:1]]
        yield key
        yield from seen[1:]
        if (before := previous()) is not None and before not in seen:
            yield before

    return keys
