"""The doors' own clients, beside botocore's full ones: the same requests, answers and errors."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from redress.base.errors import Unavailable
from redress.db import aws_json, retry

ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "session",
}
KEY = {"pk": {"S": "TICKET#R-7K3M9-QW0X2"}, "sk": {"S": "键"}}
READ = {"TableName": "redress", "Key": KEY, "ConsistentRead": True}
WRITE = {
    "TransactItems": [
        {"Put": {"TableName": "redress", "Item": KEY | {"seq": {"N": "1"}, "on": {"BOOL": True}}}}
    ],
    "ClientRequestToken": "once",
}
OURS = {"dynamodb": aws_json.DynamoDB, "secretsmanager": aws_json.SecretsManager}
"""Every service that is spoken to in this way, by botocore's name of it."""


@dataclass
class Far:
    """A service on this machine: what it is to answer, and what it was asked."""

    url: str
    status: int = 200
    body: bytes = b"{}"
    wait_s: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, status: int, content: dict[str, Any]) -> None:
        self.status, self.body = status, json.dumps(content).encode()


@pytest.fixture
def far() -> Iterator[Far]:
    found = Far("")

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.asked.append({"path": self.path, "headers": headers, "body": json.loads(body)})
            time.sleep(found.wait_s)
            self.send_response(found.status)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield found
    server.shutdown()
    server.server_close()


def lean(far: Far) -> aws_json.DynamoDB:
    return aws_json.DynamoDB(ENVIRONMENT | {"AWS_ENDPOINT_URL_DYNAMODB": far.url})


def full(service: str, far: Far) -> Any:
    return botocore.session.get_session().create_client(
        service,
        region_name=ENVIRONMENT["AWS_REGION"],
        endpoint_url=far.url,
        aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=ENVIRONMENT["AWS_SESSION_TOKEN"],
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.mark.parametrize(
    ("service", "operation", "given"),
    [
        ("dynamodb", "get_item", READ),
        ("dynamodb", "transact_write_items", WRITE),
        ("secretsmanager", "get_secret_value", {"SecretId": "key", "VersionStage": "AWSCURRENT"}),
    ],
)
def test_what_is_sent_is_what_a_full_client_sends(
    far: Far, service: str, operation: str, given: dict[str, Any]
) -> None:
    ours = OURS[service](ENVIRONMENT | {"AWS_ENDPOINT_URL": far.url})
    getattr(ours, operation)(**given)
    getattr(full(service, far), operation)(**given)

    mine, theirs = far.asked
    assert (mine["path"], mine["body"]) == (theirs["path"], theirs["body"])
    for name in ("content-type", "x-amz-target", "host", "x-amz-security-token"):
        assert mine["headers"][name] == theirs["headers"][name], name
    signed = [
        dict(part.split("=", 1) for part in asked["headers"]["authorization"][17:].split(", "))
        for asked in (mine, theirs)
    ]
    assert signed[0]["SignedHeaders"] == signed[1]["SignedHeaders"]
    assert signed[0]["Credential"] == signed[1]["Credential"]


def test_an_answer_is_what_the_service_said(far: Far) -> None:
    far.body = json.dumps({"Item": KEY}).encode()
    assert lean(far).get_item(**READ) == {"Item": KEY}


def test_an_error_reads_as_a_full_clients(far: Far) -> None:
    reasons = [{"Code": "ConditionalCheckFailed", "Message": "no"}, {"Code": "None"}]
    far.refuse(
        400,
        {
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "cancelled",
            "CancellationReasons": reasons,
        },
    )
    found = []
    for client in (lean(far), full("dynamodb", far)):
        with pytest.raises(ClientError) as raised:
            client.transact_write_items(**WRITE)
        response: Any = raised.value.response
        found.append(
            (
                response["Error"]["Code"],
                response["Error"]["Message"],
                response["ResponseMetadata"]["HTTPStatusCode"],
                response["CancellationReasons"],
                raised.value.operation_name,
            )
        )
    assert found[0] == found[1]


@pytest.mark.parametrize("body", [b"", b"<html>Bad Gateway</html>", b"[]", b"\xff\xfe"])
def test_an_answer_that_is_no_json_is_an_error_of_its_status(far: Far, body: bytes) -> None:
    far.status, far.body = 502, body
    with pytest.raises(ClientError) as raised:
        lean(far).get_item(**READ)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502


def test_no_answer_in_time_is_botocores_error_and_tried_again(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_json, "READ_S", 0.05)
    far.wait_s = 0.3
    with pytest.raises(ReadTimeoutError):
        lean(far).get_item(**READ)

    client = lean(far)

    def recover(seconds: float) -> None:
        far.wait_s = 0.0

    assert retry.call(lambda: client.get_item(**READ), sleep=recover) == {}
    assert len(far.asked) == 3


def test_nobody_there_is_unavailable_after_all_tries() -> None:
    client = aws_json.DynamoDB(ENVIRONMENT | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    with pytest.raises(EndpointConnectionError):
        client.get_item(**READ)
    with pytest.raises(Unavailable):
        retry.call(lambda: client.get_item(**READ), sleep=lambda seconds: None)


def test_the_user_agent_names_the_application_as_a_full_clients_does(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By it the laptop's meter knows which function called."""
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "redress-intake")
    named = {"AWS_ENDPOINT_URL_DYNAMODB": far.url, "AWS_SDK_UA_APP_ID": "redress-intake"}
    for client in (aws_json.DynamoDB(ENVIRONMENT | named), full("dynamodb", far)):
        client.get_item(**READ)
    lean(far).get_item(**READ)

    agents = [asked["headers"]["user-agent"].split() for asked in far.asked]
    assert ["app/redress-intake" in agent for agent in agents] == [True, True, False]


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-southeast-1", "cn-north-1"])
def test_the_endpoint_is_the_one_that_botocore_finds(region: str) -> None:
    for name, made in OURS.items():
        known = botocore.session.get_session().create_client(name, region_name=region)
        ours = made(ENVIRONMENT | {"AWS_REGION": region})
        assert ours._url == known.meta.endpoint_url + "/"


@pytest.mark.parametrize(
    ("service", "variable"),
    [
        ("dynamodb", "AWS_ENDPOINT_URL_DYNAMODB"),
        ("secretsmanager", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
    ],
)
def test_the_variables_that_name_an_endpoint_are_those_that_botocore_reads(
    service: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service's own before the one of all."""
    environment = dict(ENVIRONMENT)
    for name, url in (("AWS_ENDPOINT_URL", "http://all.test"), (variable, "http://own.test")):
        monkeypatch.setenv(name, url)
        environment[name] = url
        known = botocore.session.get_session().create_client(service, region_name="eu-west-1")
        assert (known.meta.endpoint_url, OURS[service](environment)._url) == (url, url + "/")


def test_a_function_without_credentials_is_told_which_variable_is_missing() -> None:
    with pytest.raises(KeyError, match="AWS_SECRET_ACCESS_KEY"):
        aws_json.DynamoDB({"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a"})


def test_a_request_is_not_held_back_on_its_way(far: Far) -> None:
    """As by the full client: what Nagle's algorithm holds back costs 40 ms of every call."""
    service = aws_json.DynamoDB(ENVIRONMENT | {"AWS_ENDPOINT_URL": far.url})
    service.get_item(**READ)

    pool: Any = service._session._manager.connection_from_url(far.url)  # type: ignore[attr-defined]
    connection = pool.pool.get(block=False)
    assert connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
