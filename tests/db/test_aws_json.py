"""Compares the minimal AWS clients with botocore's: same requests, answers and errors."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from redress.base.errors import Unavailable
from redress.base.service_clock import ServiceClock
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
"""The minimal client of each service, by botocore's name of the service."""


@dataclass
class FakeService:
    """A local HTTP service: the answer that it gives, and the requests that it received."""

    url: str
    status: int = 200
    body: bytes = b"{}"
    answers: threading.Event = field(default_factory=threading.Event)
    """The service sends its answers only while this event is set."""
    dated: bool = False
    """Whether the answers have a `Date`. It is the true time."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    location: str | None = None
    server: Any = None

    def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def refuse(self, status: int, content: dict[str, Any]) -> None:
        self.status, self.body = status, json.dumps(content).encode()


@pytest.fixture
def fake() -> Iterator[FakeService]:
    found = FakeService("")
    found.answers.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.asked.append({"path": self.path, "headers": headers, "body": json.loads(body)})
            found.answers.wait()
            self.send_response_only(found.status)
            if found.dated:
                self.send_header("Date", format_datetime(datetime.now(UTC), usegmt=True))
            if found.location is not None:
                self.send_header("Location", found.location)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Write no log to the test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.url, found.server = f"http://127.0.0.1:{server.server_address[1]}", server
    yield found
    found.answers.set()
    server.shutdown()
    server.server_close()


def right_clock() -> ServiceClock:
    """Return a clock that stays as it is, because the fake service sends no header `Date`."""
    return clock_behind(0, [])


def clock_behind(seconds: float, told: list[float]) -> ServiceClock:
    """A clock of a machine that is behind by `seconds`; `told` collects what it tells."""
    by = timedelta(seconds=seconds)
    return ServiceClock(lambda: datetime.now(UTC) - by, lambda ahead, at: told.append(ahead))


def minimal(fake: FakeService) -> aws_json.DynamoDB:
    return aws_json.DynamoDB(ENVIRONMENT | {"AWS_ENDPOINT_URL_DYNAMODB": fake.url}, right_clock())


def full(service: str, fake: FakeService) -> Any:
    return botocore.session.get_session().create_client(
        service,
        region_name=ENVIRONMENT["AWS_REGION"],
        endpoint_url=fake.url,
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
def test_a_request_equals_that_of_the_full_client(
    fake: FakeService, service: str, operation: str, given: dict[str, Any]
) -> None:
    ours = OURS[service](ENVIRONMENT | {"AWS_ENDPOINT_URL": fake.url}, right_clock())
    getattr(ours, operation)(**given)
    getattr(full(service, fake), operation)(**given)

    ours_sent, full_sent = fake.asked
    assert (ours_sent["path"], ours_sent["body"]) == (full_sent["path"], full_sent["body"])
    for name in ("content-type", "x-amz-target", "host", "x-amz-security-token"):
        assert ours_sent["headers"][name] == full_sent["headers"][name], name
    signed = [
        dict(part.split("=", 1) for part in asked["headers"]["authorization"][17:].split(", "))
        for asked in (ours_sent, full_sent)
    ]
    assert signed[0]["SignedHeaders"] == signed[1]["SignedHeaders"]
    assert signed[0]["Credential"] == signed[1]["Credential"]


def test_call_returns_the_answer_of_the_service(fake: FakeService) -> None:
    fake.body = json.dumps({"Item": KEY}).encode()
    assert minimal(fake).get_item(**READ) == {"Item": KEY}


def test_an_error_equals_that_of_the_full_client(fake: FakeService) -> None:
    reasons = [{"Code": "ConditionalCheckFailed", "Message": "no"}, {"Code": "None"}]
    fake.refuse(
        400,
        {
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "cancelled",
            "CancellationReasons": reasons,
        },
    )
    found = []
    for client in (minimal(fake), full("dynamodb", fake)):
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
def test_an_error_without_json_keeps_its_http_status(fake: FakeService, body: bytes) -> None:
    fake.status, fake.body = 502, body
    with pytest.raises(ClientError) as raised:
        minimal(fake).get_item(**READ)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502


def test_a_timeout_raises_botocores_error_and_is_retried(
    fake: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = minimal(fake)
    monkeypatch.setattr(aws_json, "READ_S", 0.05)
    impatient = minimal(fake)
    fake.answers.clear()
    with pytest.raises(ReadTimeoutError):
        impatient.get_item(**READ)

    attempts = [impatient, patient]

    def recover(seconds: float) -> None:
        fake.answers.set()

    assert retry.call(lambda: attempts.pop(0).get_item(**READ), sleep=recover) == {}
    assert attempts == []


def test_a_refused_connection_raises_unavailable_after_all_retries() -> None:
    client = aws_json.DynamoDB(
        ENVIRONMENT | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, right_clock()
    )
    with pytest.raises(EndpointConnectionError):
        client.get_item(**READ)
    with pytest.raises(Unavailable):
        retry.call(lambda: client.get_item(**READ), sleep=lambda seconds: None)


def test_the_user_agent_names_the_application_like_that_of_the_full_client(
    fake: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The meter of the local cloud reads it to know which function called."""
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "redress-intake")
    named = {"AWS_ENDPOINT_URL_DYNAMODB": fake.url, "AWS_SDK_UA_APP_ID": "redress-intake"}
    for client in (aws_json.DynamoDB(ENVIRONMENT | named, right_clock()), full("dynamodb", fake)):
        client.get_item(**READ)
    minimal(fake).get_item(**READ)

    agents = [asked["headers"]["user-agent"].split() for asked in fake.asked]
    assert ["app/redress-intake" in agent for agent in agents] == [True, True, False]


@pytest.mark.parametrize(
    "region",
    [
        "us-east-1",
        "eu-central-1",
        "ap-southeast-1",
        "cn-north-1",
        "us-gov-west-1",
        "eusc-de-east-1",
    ],
)
def test_the_endpoint_equals_that_of_botocore(region: str) -> None:
    for name, made in OURS.items():
        known = botocore.session.get_session().create_client(name, region_name=region)
        ours = made(ENVIRONMENT | {"AWS_REGION": region}, right_clock())
        assert ours._url == known.meta.endpoint_url + "/"


@pytest.mark.parametrize(
    ("service", "variable"),
    [
        ("dynamodb", "AWS_ENDPOINT_URL_DYNAMODB"),
        ("secretsmanager", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
    ],
)
def test_endpoints_come_from_the_same_variables_as_in_botocore(
    service: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable of the service takes precedence over the common one."""
    environment = dict(ENVIRONMENT)
    for name, url in (("AWS_ENDPOINT_URL", "http://all.test"), (variable, "http://own.test")):
        monkeypatch.setenv(name, url)
        environment[name] = url
        known = botocore.session.get_session().create_client(service, region_name="eu-west-1")
        assert (known.meta.endpoint_url, OURS[service](environment, right_clock())._url) == (
            url,
            url + "/",
        )


def test_missing_credentials_raise_an_error_that_names_the_variable() -> None:
    with pytest.raises(KeyError, match="AWS_SECRET_ACCESS_KEY"):
        aws_json.DynamoDB({"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a"}, right_clock())


def test_nagles_algorithm_is_off(fake: FakeService) -> None:
    """The full client switches it off, too. Otherwise its delay would add 40 ms to every call."""
    service = aws_json.DynamoDB(ENVIRONMENT | {"AWS_ENDPOINT_URL": fake.url}, right_clock())
    service.get_item(**READ)

    pool: Any = service._connections.pool
    connection = pool.get(block=False)
    assert connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


# ------------------------------------------------------------------------------ connections


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"])
def test_a_connection_that_ends_too_early_raises_an_error_that_is_retried(answer: bytes) -> None:
    with ending_early(answer) as url:
        service = aws_json.DynamoDB(ENVIRONMENT | {"AWS_ENDPOINT_URL": url}, right_clock())
        with pytest.raises(ConnectionClosedError):
            service.get_item(**READ)
        with pytest.raises(Unavailable):
            retry.call(lambda: service.get_item(**READ), sleep=lambda seconds: None)


@contextlib.contextmanager
def ending_early(answer: bytes) -> Iterator[str]:
    """A server that sends this to each connection and closes it."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65_536)
            self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_an_answer_that_is_no_http_raises_an_error_that_is_retried() -> None:
    with ending_early(b"220 mail server\r\n") as url:
        service = aws_json.DynamoDB(ENVIRONMENT | {"AWS_ENDPOINT_URL": url}, right_clock())
        with pytest.raises(Unavailable):
            retry.call(lambda: service.get_item(**READ), sleep=lambda seconds: None)


def test_a_redirect_is_not_followed(fake: FakeService) -> None:
    """The signature is valid for one host only, and the request has the customer's data."""
    fake.status = 307
    fake.location = "http://127.0.0.1:1/"
    with pytest.raises(ClientError) as raised:
        minimal(fake).get_item(**READ)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 307
    assert len(fake.asked) == 1


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of 127.0.0.1 that it signed itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    public = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(public, critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file = tmp_path_factory.mktemp("certificate") / "both.pem"
    file.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, pkcs8, plain))
    return file


@pytest.mark.parametrize("trusted", [True, False])
def test_only_a_service_whose_certificate_is_trusted_gets_a_request(
    fake: FakeService, certified: Path, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fake service presents a certificate of an authority that nobody else knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified)
    fake.secure(context)
    if trusted:
        monkeypatch.setattr(aws_json, "AUTHORITIES", certified)
    aws_json._trusting.cache_clear()
    try:
        service = aws_json.DynamoDB(ENVIRONMENT | {"AWS_ENDPOINT_URL": fake.url}, right_clock())
    finally:
        aws_json._trusting.cache_clear()
    if trusted:
        assert service.get_item(**READ) == {}
    else:
        with pytest.raises(SSLError):
            service.get_item(**READ)
    assert len(fake.asked) == trusted


# ------------------------------------------------------------------------------ a wrong clock


@pytest.mark.parametrize("hours", [-2, 2])
def test_request_is_signed_with_the_time_of_aws_after_the_first_answer(
    fake: FakeService, hours: int
) -> None:
    fake.dated, told = True, list[float]()
    clock = clock_behind(hours * 3600, told)
    service = aws_json.DynamoDB(ENVIRONMENT | {"AWS_ENDPOINT_URL": fake.url}, clock)
    service.get_item(**READ)
    service.get_item(**READ)

    first, second = (signed_at(asked) for asked in fake.asked)
    assert abs((datetime.now(UTC) - first).total_seconds()) > 7000
    assert abs((datetime.now(UTC) - second).total_seconds()) < 3
    assert [round(ahead, -1) for ahead in told] == [hours * -3600]


def signed_at(asked: dict[str, Any]) -> datetime:
    found = datetime.strptime(asked["headers"]["x-amz-date"], "%Y%m%dT%H%M%SZ")
    return found.replace(tzinfo=UTC)


EXPIRED = (
    "Signature expired: 20261128T195522Z is now earlier than 20261128T215440Z "
    "(20261128T215940Z - 5 min.)"
)
NOT_YET = (
    "Signature not yet current: 20261128T235522Z is still later than 20261128T221440Z "
    "(20261128T215940Z + 15 min.)"
)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidSignatureException", EXPIRED),
        ("InvalidSignatureException", NOT_YET),
        ("SignatureDoesNotMatch", EXPIRED),
        ("RequestTimeTooSkewed", "The difference between the request time and the current time"),
    ],
)
def test_refusal_for_the_time_of_the_signature_is_tried_again(
    fake: FakeService, code: str, message: str
) -> None:
    """Our client then signs with the time of AWS. botocore's cannot, so its call is Unavailable."""
    fake.dated = True
    kind = f"com.amazon.coral.service#{code}"
    fake.refuse(400, {"__type": kind, "message": message})
    told: list[float] = []
    service = aws_json.DynamoDB(
        ENVIRONMENT | {"AWS_ENDPOINT_URL": fake.url}, clock_behind(7200, told)
    )

    def then_right(seconds: float) -> None:
        fake.status, fake.body = 200, b'{"Item": {}}'

    assert retry.call(lambda: service.get_item(**READ), sleep=then_right) == {"Item": {}}
    assert abs((datetime.now(UTC) - signed_at(fake.asked[1])).total_seconds()) < 3

    fake.refuse(400, {"__type": kind, "message": message})
    with pytest.raises(Unavailable):
        retry.call(lambda: full("dynamodb", fake).get_item(**READ), sleep=lambda seconds: None)


def test_wrong_key_is_not_taken_for_a_wrong_clock(fake: FakeService) -> None:
    message = "The request signature we calculated does not match the signature you provided."
    fake.refuse(400, {"__type": "prefix#InvalidSignatureException", "message": message})
    with pytest.raises(ClientError, match="does not match"):
        retry.call(lambda: minimal(fake).get_item(**READ), sleep=lambda seconds: None)
    assert len(fake.asked) == 1
