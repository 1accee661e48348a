"""Two of AWS's JSON services by botocore's signer and HTTP session, without its models.

A full client reads the model of its service, makes classes of it, resolves an endpoint by a set of
rules: 110 ms of each cold start for what the doors of customers need, four operations (decision
17). What is hard is still botocore's: signing, TLS, connections, their errors. What is ours is the
protocol of both services, awsJson1_0 and 1_1: a POST whose X-Amz-Target names the operation.

Both answer with what the full client answers with and raise what it raises, so that whoever holds
one cannot tell them apart; the contract tests hold them to that against Amazon's own engine.
Nothing is tried again here: `outcome.run` does that.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

CONNECT_S, READ_S = 2, 8
CONNECTIONS = 4
AT_ONCE: Any = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
"""A request is two writes, head and body. Nagle's algorithm would hold the second back until the
first is acknowledged: 40 ms of each call on Linux. A full client sets the same."""


class Credentials(NamedTuple):
    """What the signer asks for. Lambda puts them into the environment, for its whole life."""

    access_key: str
    secret_key: str
    token: str | None


class Service:
    """One service in one region."""

    def __init__(
        self, name: str, own: str, prefix: str, version: str, environment: Mapping[str, str]
    ) -> None:
        """`name` in addresses and signatures, `own` in the name of its variable (botocore's, of the
        service's id); `prefix` of X-Amz-Target; `version` of the protocol.

        `environment` is the function's: AWS_REGION, the credentials, and AWS_ENDPOINT_URL or
        AWS_ENDPOINT_URL_{own} where the service is not AWS's own, AWS_SDK_UA_APP_ID for the
        user agent. Raises KeyError for what is missing.
        """
        region = environment["AWS_REGION"]
        given = environment.get(f"AWS_ENDPOINT_URL_{own}") or environment.get("AWS_ENDPOINT_URL")
        endpoint = given or _endpoint(name, region)
        self._url = endpoint.rstrip("/") + "/"
        self._prefix, self._media = prefix, f"application/x-amz-json-{version}"
        # As every SDK of AWS tells who calls, where its environment names one.
        application = environment.get("AWS_SDK_UA_APP_ID")
        self._agent = f"redress app/{application}" if application else "redress"
        credentials: Any = Credentials(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment.get("AWS_SESSION_TOKEN"),
        )
        self._signer = SigV4Auth(credentials, name, region)
        timeouts: Any = (CONNECT_S, READ_S)
        self._session = URLLib3Session(
            timeout=timeouts, max_pool_connections=CONNECTIONS, socket_options=AT_ONCE
        )

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of one operation; raises ClientError, and botocore's errors of connections."""
        request = AWSRequest(
            method="POST",
            url=self._url,
            data=msgspec.json.encode(given),
            headers={
                "Content-Type": self._media,
                "X-Amz-Target": f"{self._prefix}.{operation}",
                "User-Agent": self._agent,
            },
        )
        self._signer.add_auth(request)
        response = self._session.send(request.prepare())
        body = _decoded(response.content)
        if response.status_code >= 300:
            raise _refusal(operation, response.status_code, body)
        return body


class DynamoDB(Service):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/"""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__("dynamodb", "DYNAMODB", "DynamoDB_20120810", "1.0", environment)

    def get_item(self, **given: Any) -> dict[str, Any]:
        return self.call("GetItem", given)

    def transact_write_items(self, **given: Any) -> dict[str, Any]:
        return self.call("TransactWriteItems", given)


class SecretsManager(Service):
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/"""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__("secretsmanager", "SECRETS_MANAGER", "secretsmanager", "1.1", environment)

    def get_secret_value(self, **given: Any) -> dict[str, Any]:
        return self.call("GetSecretValue", given)


def _endpoint(name: str, region: str) -> str:
    """AWS's own address of a service; in China it has a domain of its own."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{name}.{region}.{suffix}"


def _decoded(raw: bytes) -> dict[str, Any]:
    """A body as JSON; of what is none, as a proxy's page of an error, nothing."""
    try:
        found = msgspec.json.decode(raw or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(operation: str, status: int, body: dict[str, Any]) -> ClientError:
    """The error as botocore tells it: "prefix#ResourceNotFoundException" is its last part."""
    code = str(body.get("__type") or status).rpartition("#")[2]
    message = str(body.get("message") or body.get("Message") or "")
    told: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    if "CancellationReasons" in body:
        told["CancellationReasons"] = body["CancellationReasons"]
    return ClientError(told, operation)
