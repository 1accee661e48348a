"""The scanner's protocol, against a clamd that misbehaves in every way that a network allows."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from redress.files.rules import eicar
from redress.files.rules.clamd import (
    BEYOND_LIMITS,
    ENCRYPTED,
    TOO_LARGE,
    Answer,
    ScannerUnavailable,
    answer_of,
    chunk,
)
from redress.files.store.clamd import Clamd
from tests import clamd as fake

MIB = 1 << 20


def in_pieces(content: bytes, size: int = 65_536) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def scanner(port: int, seconds: float = 60.0) -> Clamd:
    ends = time.monotonic() + seconds
    return Clamd("127.0.0.1", port, lambda: ends - time.monotonic())


# ------------------------------------------------------------------ answers


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (b"stream: OK\0", Answer()),
        (b"stream: Eicar-Test-Signature FOUND\0", Answer(found="Eicar-Test-Signature")),
        (
            b"stream: Win.Test.EICAR_HDB-1(44d88612fea8a8f36de82e1278abb02f:68) FOUND\0",
            Answer(found="Win.Test.EICAR_HDB-1(44d88612fea8a8f36de82e1278abb02f:68)"),
        ),
        (b"stream: Heuristics.Encrypted.Zip FOUND\0", Answer(unscanned=ENCRYPTED)),
        (
            b"stream: Heuristics.Limits.Exceeded.MaxScanSize FOUND\0",
            Answer(unscanned=BEYOND_LIMITS),
        ),
        (b"INSTREAM size limit exceeded. ERROR\0", Answer(unscanned=TOO_LARGE)),
    ],
)
def test_answer_of_clamd_is_understood(line: bytes, meant: Answer) -> None:
    assert answer_of(line, complete=True) == meant


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\0",
        b"stream: OK",
        b"stream: O",
        b"stream: OK\n",
        b"stream: OK\0stream: OK",
        b"OK\0",
        b"stream:  FOUND\0",
        b"stream: OK FOUND FOUND ERROR\0",
        b"Can't allocate memory ERROR\0",
        b"stream: Can't open file or directory ERROR\0",
        b"UNKNOWN COMMAND\0",
        b"COMMAND READ TIMED OUT\0",
        b"HTTP/1.1 400 Bad Request\r\n\r\n\0",
        bytes(range(256)),
    ],
)
def test_anything_else_is_no_verdict(line: bytes) -> None:
    with pytest.raises(ScannerUnavailable):
        answer_of(line, complete=True)


def test_ok_before_the_whole_content_was_sent_is_no_verdict() -> None:
    with pytest.raises(ScannerUnavailable):
        answer_of(b"stream: OK\0", complete=False)


def test_found_before_the_whole_content_was_sent_is_a_verdict() -> None:
    assert answer_of(fake.FOUND, complete=False) == Answer(found="Eicar-Test-Signature")


def test_chunk_has_its_length_before_it_and_is_never_empty() -> None:
    assert chunk(b"abc") == b"\0\0\0\3abc"
    with pytest.raises(ValueError, match="end the content"):
        chunk(b"")


# ------------------------------------------------------------------ a clamd that works


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 3 * MIB])
def test_content_reaches_clamd_unchanged(size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    with fake.running() as clamd:
        assert scanner(clamd.port).scan(in_pieces(content)).clean
    assert clamd.received == [content]
    assert clamd.largest_chunk <= 65_536


def test_what_is_found_has_the_name_that_clamd_gave_it() -> None:
    with fake.running() as clamd:
        found = scanner(clamd.port).scan(in_pieces(b"before" + eicar.TEST + b"after"))
    assert found == Answer(found="Eicar-Test-Signature")


def test_content_that_is_too_long_for_clamd_is_not_scanned() -> None:
    """clamd answers and closes while the content is still being sent."""
    with fake.running(most=100_000) as clamd:
        assert scanner(clamd.port).scan(in_pieces(bytes(8 * MIB))) == Answer(unscanned=TOO_LARGE)


def test_only_one_piece_of_a_large_content_is_in_memory() -> None:
    alive: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(400):
            alive.append(number)
            yield bytes(65_536)

    with fake.running(misbehaves=fake.closes) as clamd, pytest.raises(ScannerUnavailable):
        scanner(clamd.port).scan(pieces())
    assert len(alive) < 400, "pieces are read only as they are sent"


# ------------------------------------------------------------------ a clamd that does not


@pytest.mark.parametrize("misbehaves", [fake.resets, fake.closes])
def test_connection_that_breaks_is_no_verdict(
    misbehaves: Callable[[socket.socket], None],
) -> None:
    with fake.running(misbehaves=misbehaves) as clamd, pytest.raises(ScannerUnavailable):
        scanner(clamd.port).scan(in_pieces(bytes(4 * MIB)))


def given_up() -> pytest.RaisesExc[ScannerUnavailable]:
    """Expect the error that `Clamd` raises when its time is over.

    If the fake closes the connection first, the error has another message.
    """
    return pytest.raises(ScannerUnavailable, match=r"TimeoutError|no time is left")


@pytest.mark.parametrize("misbehaves", [fake.hangs, fake.stalls])
def test_scanner_that_hangs_is_given_up_in_time(
    misbehaves: Callable[[socket.socket], None],
) -> None:
    with fake.running(misbehaves=misbehaves) as clamd, given_up():
        scanner(clamd.port, seconds=0.7).scan(in_pieces(bytes(16 * MIB)))


def test_answer_that_comes_drop_by_drop_is_awaited_only_until_the_deadline() -> None:
    """Each drop would restart a timeout that holds for one receive only."""

    def drips(connection: socket.socket) -> None:
        connection.recv(65_536)
        for drop in b"stream: OK":
            time.sleep(0.2)
            connection.sendall(bytes([drop]))

    with fake.running(misbehaves=drips) as clamd, given_up():
        scanner(clamd.port, seconds=0.7).scan(in_pieces(b"content"))


@pytest.mark.parametrize("answer", [b"", b"stream: O", b"\0", b"stream: OK", b"\xff" * 9000])
def test_half_an_answer_or_garbage_is_no_verdict(answer: bytes) -> None:
    with fake.running(answers=answer) as clamd, pytest.raises(ScannerUnavailable):
        scanner(clamd.port).scan(in_pieces(b"content"))


def test_ok_of_a_clamd_that_read_nothing_is_no_verdict() -> None:
    misbehaves, pieces = fake.answers_at_once(fake.OK), in_pieces(bytes(16 * MIB))
    with fake.running(misbehaves=misbehaves) as clamd, pytest.raises(ScannerUnavailable):
        scanner(clamd.port).scan(_slowly(pieces))


def _slowly(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        time.sleep(0.01)
        yield piece


def test_host_that_nobody_answers_is_no_verdict() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ScannerUnavailable):
        scanner(port).scan(in_pieces(b"content"))


def test_host_without_an_address_is_no_verdict() -> None:
    with pytest.raises(ScannerUnavailable):
        Clamd("clamd.invalid", 3310, lambda: 5.0).scan(in_pieces(b"content"))


def test_without_time_left_nothing_is_asked() -> None:
    with fake.running() as clamd, pytest.raises(ScannerUnavailable):
        scanner(clamd.port, seconds=0).scan(in_pieces(b"content"))
    assert clamd.received == []


# ------------------------------------------------------------------ EICAR


@pytest.mark.parametrize("before", [0, 1, 65_500, 65_535, 65_536])
def test_test_file_is_found_wherever_it_begins(before: int) -> None:
    search = eicar.Search()
    for piece in in_pieces(b"x" * before + eicar.TEST + b"y" * 100):
        search.add(piece)
    assert search.found


def test_test_file_is_found_in_pieces_of_one_byte() -> None:
    search = eicar.Search()
    for piece in in_pieces(eicar.TEST, 1):
        search.add(piece)
    assert search.found


def test_parts_of_the_test_file_are_not_it() -> None:
    search = eicar.Search()
    for piece in (eicar.TEST[:40], b"-", eicar.TEST[40:], eicar.TEST[1:]):
        search.add(piece)
    assert not search.found
