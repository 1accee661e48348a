"""Requests to an address that a manager entered reach the internet and nothing else."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from redress.connectors import https
from redress.connectors.https import (
    ANSWER_LIMIT,
    NotAnswered,
    NotPublic,
    NotReached,
    Sender,
    is_public,
)
from redress.mail.outgoing.connector_carrier import ConnectorCarrier
from tests.mail.relay import certificate

URL = "https://localhost/answers?of=1"
Answering = Callable[[ssl.SSLSocket], None]


@pytest.fixture(scope="module")
def cert(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("other"))


class Other:
    """The other system: it takes connections on 127.0.0.1 and answers as the test says."""

    def __init__(self, cert: tuple[Path, Path], answering: Answering) -> None:
        self.asked: list[bytes] = []
        self._answering = answering
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*map(str, cert))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(plain, server_side=True) as talk:
                    self.asked.append(_request(talk))
                    self._answering(talk)
            except OSError:
                continue

    def close(self) -> None:
        self._listening.close()


def _request(talk: ssl.SSLSocket) -> bytes:
    found = b""
    while b"\r\n\r\n" not in found:
        found += talk.recv(4096)
    head, _, body = found.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += talk.recv(4096)
    return head + b"\r\n\r\n" + body


def says(text: str) -> Answering:
    return lambda talk: talk.sendall(text.replace("\n", "\r\n").encode())


@pytest.fixture
def serve(cert: tuple[Path, Path]) -> Iterator[Callable[[Answering], Other]]:
    made: list[Other] = []

    def start(answering: Answering) -> Other:
        made.append(Other(cert, answering))
        return made[-1]

    yield start
    for one in made:
        one.close()


def sender(other: Other, cert: tuple[Path, Path]) -> Sender:
    return Sender(
        lambda host: ["127.0.0.1"],
        lambda address: True,
        other.port,
        lambda: ssl.create_default_context(cafile=str(cert[0])),
    )


def test_request_has_path_query_headers_and_body(
    serve: Callable[[Answering], Other], cert: tuple[Path, Path]
) -> None:
    other = serve(says("HTTP/1.1 204 No Content\n\n"))
    assert sender(other, cert).post(URL, {"webhook-id": "a"}, b"{}").status == 204
    [asked] = other.asked
    assert asked.startswith(b"POST /answers?of=1 HTTP/1.1\r\n")
    assert b"webhook-id: a\r\n" in asked
    assert asked.endswith(b"\r\n\r\n{}")


def test_redirect_is_not_followed(
    serve: Callable[[Answering], Other], cert: tuple[Path, Path]
) -> None:
    other = serve(says("HTTP/1.1 302 Found\nLocation: https://localhost/else\n\n"))
    assert sender(other, cert).post(URL, {}, b"{}").status == 302
    assert len(other.asked) == 1


def test_certificate_that_nobody_trusts_is_refused(
    serve: Callable[[Answering], Other],
) -> None:
    other = serve(says("HTTP/1.1 204 No Content\n\n"))
    trusting = Sender(lambda host: ["127.0.0.1"], lambda address: True, other.port)
    with pytest.raises(NotReached, match="SSLCertVerificationError"):
        trusting.post(URL, {}, b"{}")
    assert other.asked == []


def test_long_answer_is_cut(serve: Callable[[Answering], Other], cert: tuple[Path, Path]) -> None:
    size = ANSWER_LIMIT + 1000
    other = serve(says(f"HTTP/1.1 200 OK\nContent-Length: {size}\n\n" + "x" * size))
    assert len(sender(other, cert).post(URL, {}, b"{}").body) == ANSWER_LIMIT


def test_answer_that_comes_byte_by_byte_is_not_waited_for(
    serve: Callable[[Answering], Other], cert: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https, "ANSWER_S", 1.0)

    all_sent = threading.Event()

    def drip(talk: ssl.SSLSocket) -> None:
        for _ in range(300):
            talk.sendall(b"H")
            time.sleep(0.1)
        all_sent.set()

    with pytest.raises(NotAnswered):
        sender(serve(drip), cert).post(URL, {}, b"{}")
    assert not all_sent.is_set()


def test_connection_that_closes_without_an_answer_is_no_refusal(
    serve: Callable[[Answering], Other], cert: tuple[Path, Path]
) -> None:
    """The other system may have taken the answer, so it is not known to have failed."""
    with pytest.raises(NotAnswered):
        sender(serve(lambda talk: None), cert).post(URL, {}, b"{}")


def test_host_that_nothing_answers_for_is_not_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NotReached, match="ConnectionRefusedError"):
        Sender(lambda host: ["127.0.0.1"], lambda address: True, port).post(URL, {}, b"{}")


def test_name_that_nobody_knows_is_not_reached() -> None:
    def unknown(host: str) -> list[str]:
        raise socket.gaierror("unknown")

    with pytest.raises(NotReached, match="gaierror"):
        Sender(unknown).post(URL, {}, b"{}")
    with pytest.raises(NotReached, match="NoAddress"):
        Sender(lambda host: []).post(URL, {}, b"{}")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # the metadata of a machine
        "169.254.170.2",  # the credentials of a container
        "100.64.0.1",  # behind a carrier's translation of addresses
        "0.0.0.0",  # noqa: S104 - nothing listens there; it must be refused
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
    ],
)
def test_address_inside_is_never_asked(
    serve: Callable[[Answering], Other], cert: tuple[Path, Path], address: str
) -> None:
    """A name of the internet may lead anywhere, also to the machine that asks."""
    other = serve(says("HTTP/1.1 204 No Content\n\n"))
    found = Sender(lambda host: ["93.184.215.14", address], port=other.port)
    with pytest.raises(NotPublic):
        found.post(URL, {}, b"{}")
    assert other.asked == []


def test_address_of_the_internet_is_public() -> None:
    assert is_public("93.184.215.14")


def test_look_up_that_hangs_ends_and_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https, "LOOK_UP_S", 0.05)
    test_is_over, nobody_gave_up = threading.Event(), threading.Event()

    def hang(host: str) -> list[str]:
        if not test_is_over.wait(30):
            nobody_gave_up.set()
        return ["127.0.0.1"]

    with pytest.raises(NotReached, match=r"^LookUpTimeout$"):
        Sender(hang).post(URL, {}, b"{}")
    assert not nobody_gave_up.is_set()
    test_is_over.set()


def test_carrier_counts_the_look_up_in_its_time() -> None:
    assert ConnectorCarrier.seconds == https.LOOK_UP_S + https.CONNECT_S + https.ANSWER_S
