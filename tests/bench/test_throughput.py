"""The throughput benchmark without its engine: figures, clients and stubs."""

from __future__ import annotations

import json
import smtplib
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from bench import load, services, throughput
from bench.throughput import (
    ALONE,
    BARE,
    CREATED,
    HELPDESK,
    HELPDESK_BEST,
    MAILED,
    MARK,
    Peer,
    Round,
    Subject,
)
from redress.db import encoding
from redress.tickets.store.submission_store import OPENING_CONDITIONS


def subject(name: str, *rates: int, sent: int = 0, finished_s: float | None = None) -> Subject:
    rounds = [Round(rate, 1.0, sent, finished_s) for rate in rates]
    return Subject(name, lambda clients, seconds: rounds[0], {8: rounds})


EVERYONE = [
    subject(ALONE, 300),
    subject(BARE, 100, 900, 200),
    subject(CREATED, 150),
    subject(MAILED, 120, sent=50, finished_s=4.0),
]
PEERS = [subject(HELPDESK, 40), subject(HELPDESK_BEST, 80)]


def test_figures_are_medians_compared_with_floor_and_peer() -> None:
    found = {one.name: one for one in throughput.figures([*EVERYONE, *PEERS], 8)}

    created = found["8 clients: created"]
    assert (created.value, created.ratio, created.met) == (150, 0.75, True)
    mailed = found["8 clients: created, with mails"]
    assert (mailed.value, mailed.ratio, mailed.met) == (120, 3.0, True)
    assert found["8 clients: acknowledged during the load"].value == 50
    acknowledged = found["8 clients: created and acknowledged"]
    assert (acknowledged.value, acknowledged.ratio, acknowledged.met) == (30, 0.75, None)
    assert found[f"8 clients: {HELPDESK_BEST}"].ratio == 2.0
    assert found[f"8 clients: {BARE}"].ratio == 2.5


def test_missing_peer_is_reported_as_not_measured() -> None:
    found = {one.name: one for one in throughput.figures(EVERYONE, 8)}

    assert found["8 clients: created"].met is True
    assert found["8 clients: created, with mails"].ratio is None
    assert found["8 clients: created, with mails"].met is None
    assert "not measured" in found["8 clients: created, with mails"].note
    assert found[f"8 clients: {HELPDESK_BEST}"].value is None


def test_everything_answered_must_be_stored_and_mailed() -> None:
    ours, mailed, theirs = (subject(name, 10) for name in (CREATED, MAILED, HELPDESK))
    for one in (ours, mailed, theirs):
        one.take(8, 1.0)

    complete = throughput.kept([ours, mailed], 20, 10, Peer([theirs], lambda: (10, 10, 10)))
    lost = throughput.kept([ours, mailed], 19, 8, Peer([theirs], lambda: (10, 9, 7)))

    assert [one.met for one in complete] == [True, True, True]
    assert [one.value for one in lost] == [1, 2, 4]
    assert [one.met for one in lost] == [False, False, False]


def test_content_length_of_a_request_is_in_bytes() -> None:
    for text in (throughput.submission(), throughput.form()):
        head, _, body = text.partition("\r\n\r\n")
        assert f"\r\nContent-Length: {len(body.encode())}\r\n" in head + "\r\n"
        assert MARK in body


def test_bare_transaction_is_the_products_own(tmp_path: Path) -> None:
    environment = throughput.transaction(tmp_path)

    text = Path(environment["TRANSACTION"]).read_text()
    arguments = json.loads(text)
    puts = [item["Put"] for item in arguments["TransactItems"]]
    assert set(arguments) == {"TransactItems"}
    assert len(puts) > len(OPENING_CONDITIONS)
    assert {put["ConditionExpression"] for put in puts} == {"attribute_not_exists(pk)"}
    # Every key contains one of these two, so replacing them makes new items.
    assert environment["DIGEST"] == encoding.key_digest(throughput.KEY)
    assert environment["DIGEST"] in puts[0]["Item"]["pk"]["S"]
    assert all(environment["NUMBER"] in put["Item"]["pk"]["S"] for put in puts[1:])
    assert "promises" in puts[0]["Item"]["answer"]["S"], (
        "the stored answer for repeats is included, as deployed"
    )


class FakeServer(socketserver.StreamRequestHandler):
    """Answers 201 while `left` has entries, then 500."""

    asked: list[bytes]
    left: list[None]

    def handle(self) -> None:
        self.asked.append(self.rfile.readline())
        self.rfile.readline()  # unread data would reset the connection when the server closes it
        status = b"201 Created" if self.left and not self.left.pop() else b"500 Broken"
        self.wfile.write(b"HTTP/1.1 " + status + b"\r\n\r\n")


@pytest.fixture
def server() -> Iterator[tuple[int, type[FakeServer]]]:
    handler = type("OneServer", (FakeServer,), {"asked": [], "left": [None] * 100_000})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], handler
        server.shutdown()


def given(port: int) -> dict[str, object]:
    about = {"port": port, "clients": 2, "seconds": 0.2, "mark": MARK, "answer": "HTTP/1.1 201"}
    return about | {"request": f"POST /{MARK} HTTP/1.1\r\n\r\n"}


def test_clients_send_each_request_once_and_count_the_answers(
    server: tuple[int, type[FakeServer]],
) -> None:
    port, handler = server

    done = load.run(given(port))

    assert done["done"] == len(handler.asked) == len(set(handler.asked)) > 2
    assert done["seconds"] >= 0.2
    assert not any(MARK.encode() in asked for asked in handler.asked)


def test_clients_stop_at_an_unexpected_answer(
    server: tuple[int, type[FakeServer]],
) -> None:
    port, handler = server
    handler.left[:] = [None] * 3

    with pytest.raises(load.Refused, match="500 Broken"):
        load.run(given(port) | {"seconds": 10})  # it must stop long before that


def test_stub_keeps_the_mail_queue_and_counts_mails() -> None:
    with services.stub() as others:
        session = boto3.Session("key", "secret", region_name="us-east-1")
        queue = session.client("sqs", endpoint_url=others.address)
        entries: list[Any] = [
            {"Id": str(number), "MessageBody": f"job {number}"} for number in range(2)
        ]
        taken = queue.send_message_batch(QueueUrl=f"{others.address}/any", Entries=entries)
        mail = session.client("sesv2", endpoint_url=others.address)
        mail.send_email(Content={"Raw": {"Data": b"From: a@b.example"}})
        secrets = session.client("secretsmanager", endpoint_url=others.address)

        assert len(taken["Successful"]) == 2
        assert [others.jobs.get_nowait() for _ in entries] == ["job 0", "job 1"]
        assert others.mails.count == 1
        assert secrets.get_secret_value(SecretId="any")["SecretString"] == services.KEY
        with pytest.raises(secrets.exceptions.ResourceNotFoundException):
            secrets.get_secret_value(SecretId="any", VersionStage="AWSPREVIOUS")


def test_mail_sink_counts_each_mail() -> None:
    with services.mail_sink() as sink:
        for text in ("one", "two\n.\nlines"):
            with smtplib.SMTP("127.0.0.1", sink.port) as client:
                client.sendmail("a@b.example", ["c@d.example"], f"Subject: x\n\n{text}")
        assert sink.mails.count == 2
