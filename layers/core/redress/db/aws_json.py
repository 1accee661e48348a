"""Minimal clients of DynamoDB and Secrets Manager that start faster than botocore's.

A full botocore client loads the model of its service, builds classes from it and resolves its
endpoint by a rule set. That takes 110 ms of each cold start. The public endpoints call only a few
operations and do not need the rest (decision 17). These clients use urllib3 for TLS and
connections, as botocore does, and botocore's errors. They implement the protocol of the two
services, awsJson1_0 and 1_1: each request is a POST whose X-Amz-Target header names the operation.

They return the same answers and raise the same errors as the full clients, so a caller can use
either. The contract tests check this against DynamoDB Local, Amazon's own engine. These clients
never retry; `redress.db.retry.call` does.

AWS refuses a request whose signature is some minutes older or younger than its own time. botocore
signs with the clock of the machine (https://github.com/boto/boto3/issues/1252). These clients sign
with the function's corrected time, so a submission is accepted on a machine whose clock is wrong.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore
import msgspec
import urllib3
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)
from urllib3 import exceptions
from urllib3.connectionpool import connection_from_url
from urllib3.util.ssl_ import create_urllib3_context

from redress.base.service_clock import ServiceClock
from redress.db.signing import Credentials, Signer

CONNECT_S, READ_S = 2, 8
CONNECTIONS = 4
AT_ONCE: Any = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
"""Switches Nagle's algorithm off, as the full client does. A request is sent in two writes: headers
and body. Nagle's algorithm would delay the second write until the receiver acknowledges the first.
On Linux that takes 40 ms of each call."""


AUTHORITIES = Path(botocore.__file__).with_name("cacert.pem")
"""The certificate authorities that botocore trusts. They are the same on every machine."""


class Service:
    """A client of one AWS service in one region."""

    def __init__(
        self,
        name: str,
        own: str,
        prefix: str,
        version: str,
        environment: Mapping[str, str],
        clock: ServiceClock,
    ) -> None:
        """Read region, credentials and endpoint from the environment of the function.

        `name` is the service's name in host names and signatures. `own` is its name in the variable
        AWS_ENDPOINT_URL_{own}, which botocore derives from the service's id. `prefix` begins the
        X-Amz-Target header. `version` is the version of the awsJson protocol. Requests are signed
        with the time of `clock`, which hears the `Date` of each answer.

        `environment` must hold AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Optional
        are AWS_SESSION_TOKEN, AWS_ENDPOINT_URL_{own} or AWS_ENDPOINT_URL for an endpoint other than
        AWS's, and AWS_SDK_UA_APP_ID for the user agent. Raises KeyError for a missing variable.
        """
        region = environment["AWS_REGION"]
        given = environment.get(f"AWS_ENDPOINT_URL_{own}") or environment.get("AWS_ENDPOINT_URL")
        self._url = (given or _endpoint(name, region)).rstrip("/") + "/"
        # Every AWS SDK adds this application id to its user agent.
        application = environment.get("AWS_SDK_UA_APP_ID")
        self._agent = f"redress app/{application}" if application else "redress"
        self._host, self._prefix = _host_of(self._url), prefix
        self._media = f"application/x-amz-json-{version}"
        credentials = Credentials(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment.get("AWS_SESSION_TOKEN"),
        )
        self._clock, self._signer = clock, Signer(credentials, name, region)
        patience = float(environment.get("CALL_TIMEOUT_S") or READ_S)
        secure: dict[str, Any] = (
            {"ssl_context": _trusting()} if self._url.startswith("https:") else {}
        )
        self._connections = connection_from_url(
            self._url,
            timeout=urllib3.Timeout(connect=min(CONNECT_S, patience), read=patience),
            maxsize=CONNECTIONS,
            socket_options=AT_ONCE,
            retries=False,
            **secure,
        )

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Call one operation and return its answer.

        Raises ClientError for an answer of status 300 or higher, and botocore's connection errors.
        """
        body = msgspec.json.encode(given)
        headers = {
            "Content-Type": self._media,
            "Host": self._host,
            "X-Amz-Target": f"{self._prefix}.{operation}",
        }
        sent = self._clock.mark()
        signed = self._signer.signed(headers, body, self._clock.now())
        response = self._send(signed | {"User-Agent": self._agent}, body)
        self._clock.heard(response.headers.get("Date"), sent)
        found = _decoded(response.data)
        if response.status >= 300:
            raise _refusal(operation, response.status, found)
        return found

    def _send(self, headers: Mapping[str, str], body: bytes) -> Any:
        """Send a request and return urllib3's response with its whole content.

        Raises the errors that botocore raises in place of urllib3's.
        """
        url = self._url
        try:
            return self._connections.urlopen(
                "POST", "/", body=body, headers=headers, redirect=False
            )
        except exceptions.SSLError as error:
            raise SSLError(endpoint_url=url, error=error) from error
        except exceptions.NewConnectionError as error:
            raise EndpointConnectionError(endpoint_url=url, error=error) from error
        except exceptions.ConnectTimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=url, error=error) from error
        except exceptions.ReadTimeoutError as error:
            raise ReadTimeoutError(endpoint_url=url, error=error) from error
        except exceptions.ProtocolError as error:
            raise ConnectionClosedError(endpoint_url=url, error=error) from error
        except exceptions.HTTPError as error:
            raise HTTPClientError(error=error) from error


class DynamoDB(Service):
    """The DynamoDB operations that public endpoints, lists of staff and the feed of changes call.

    Lists read up to 200 items for one answer. botocore's client needs four times as long to decode
    them (docs/decisions/041-lists.md).

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/
    """

    def __init__(self, environment: Mapping[str, str], clock: ServiceClock) -> None:
        super().__init__("dynamodb", "DYNAMODB", "DynamoDB_20120810", "1.0", environment, clock)

    def get_item(self, **given: Any) -> dict[str, Any]:
        return self.call("GetItem", given)

    def batch_get_item(self, **given: Any) -> dict[str, Any]:
        return self.call("BatchGetItem", given)

    def query(self, **given: Any) -> dict[str, Any]:
        return self.call("Query", given)

    def transact_write_items(self, **given: Any) -> dict[str, Any]:
        return self.call("TransactWriteItems", given)

    def put_item(self, **given: Any) -> dict[str, Any]:
        return self.call("PutItem", given)

    def update_item(self, **given: Any) -> dict[str, Any]:
        return self.call("UpdateItem", given)


class SecretsManager(Service):
    """The one Secrets Manager operation that public endpoints call.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/
    """

    def __init__(self, environment: Mapping[str, str], clock: ServiceClock) -> None:
        own, prefix = "SECRETS_MANAGER", "secretsmanager"
        super().__init__("secretsmanager", own, prefix, "1.1", environment, clock)

    def get_secret_value(self, **given: Any) -> dict[str, Any]:
        return self.call("GetSecretValue", given)


_SUFFIXES = {"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"}
"""Domains of partitions by the beginning of their regions' names. The others have amazonaws.com."""


def _endpoint(name: str, region: str) -> str:
    """AWS's endpoint of a service. Regions of some partitions have another domain."""
    suffix = _SUFFIXES.get(region.partition("-")[0], "amazonaws.com")
    return f"https://{name}.{region}.{suffix}"


def _host_of(url: str) -> str:
    """The header Host of requests to this address."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}[parts.scheme]
    return parts.netloc if parts.port != usual else parts.netloc.rpartition(":")[0]


@cache
def _trusting() -> Any:
    """What TLS needs to know whom it talks to. All connections share it, because to read the
    certificates takes milliseconds."""
    context = create_urllib3_context()
    context.load_verify_locations(AUTHORITIES)
    return context


def _decoded(raw: bytes) -> dict[str, Any]:
    """Decode a JSON object. Anything else, such as a proxy's error page, gives an empty dict."""
    try:
        found = msgspec.json.decode(raw or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(operation: str, status: int, body: dict[str, Any]) -> ClientError:
    """Build the error that botocore would raise.

    The error code is the part of `__type` after "#", as in "prefix#ResourceNotFoundException".
    """
    code = str(body.get("__type") or status).rpartition("#")[2]
    message = str(body.get("message") or body.get("Message") or "")
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    for more in ("CancellationReasons", "Item"):
        if more in body:
            response[more] = body[more]
    return ClientError(response, operation)
