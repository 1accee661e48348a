"""A clamd for tests: it speaks INSTREAM as clamd does, and misbehaves if it is told to."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

from redress.files.rules.eicar import TEST

OK = b"stream: OK\0"
FOUND = b"stream: Eicar-Test-Signature FOUND\0"
TOO_LONG = b"INSTREAM size limit exceeded. ERROR\0"

LONGEST_S = 30.0
"""After this time a fake that gives no answer closes the connection, so that no test hangs."""

Misbehaves = Callable[[socket.socket], None]


class FakeClamd:
    """Listens on a free port of 127.0.0.1 until `close`.

    most         the most bytes of a content (StreamMaxLength); beyond that it answers and closes
    misbehaves   gets a new connection instead of the protocol
    answers      the answer to a content instead of the true one
    """

    def __init__(
        self,
        *,
        most: int = 25 << 20,
        misbehaves: Misbehaves | None = None,
        answers: bytes | None = None,
    ) -> None:
        self.received: list[bytes] = []
        self.largest_chunk = 0
        self._most, self._misbehaves, self._answers = most, misbehaves, answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        # The scanner may end the connection at any time, as tests of its deadline do.
        with connection, contextlib.suppress(OSError):
            if self._misbehaves is not None:
                self._misbehaves(connection)
                return
            assert _exactly(connection, 10) == b"zINSTREAM\0"
            content = bytearray()
            while length := int.from_bytes(_exactly(connection, 4)):
                self.largest_chunk = max(self.largest_chunk, length)
                content += _exactly(connection, length)
                if len(content) > self._most:
                    connection.sendall(TOO_LONG)
                    return
            self.received.append(bytes(content))
            answer = FOUND if TEST in content else OK
            connection.sendall(self._answers if self._answers is not None else answer)


@contextlib.contextmanager
def running(
    *,
    most: int = 25 << 20,
    misbehaves: Misbehaves | None = None,
    answers: bytes | None = None,
) -> Iterator[FakeClamd]:
    clamd = FakeClamd(most=most, misbehaves=misbehaves, answers=answers)
    try:
        yield clamd
    finally:
        clamd.close()


def resets(connection: socket.socket) -> None:
    """Close with RST, as the kernel does for a process that was killed."""
    connection.recv(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def closes(connection: socket.socket) -> None:
    """Close without an answer, before anything was read."""


def hangs(connection: socket.socket) -> None:
    """Read everything and send no answer. The client must close the connection."""
    connection.settimeout(LONGEST_S)
    while connection.recv(65_536):
        pass


def stalls(connection: socket.socket) -> None:
    """Read nothing and send no answer. The client must close the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    threading.Event().wait(LONGEST_S)


def answers_at_once(answer: bytes) -> Misbehaves:
    """Answer before the content was sent, and close."""

    def misbehave(connection: socket.socket) -> None:
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass

    return misbehave


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        more = connection.recv(count - len(received))
        if not more:
            raise ConnectionError("the other end closed")
        received += more
    return bytes(received)
