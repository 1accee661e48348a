"""Sends the content of a file to clamd and returns its answer."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable, Iterable

from redress.files.rules.clamd import (
    COMMAND,
    END,
    MOST_ANSWER,
    Answer,
    ScannerUnavailable,
    answer_of,
    chunk,
)

CONNECT_S = 5.0
"""How long a connection to the scanner may take."""
STALL_S = 15.0
"""How long a piece of the content may take to be sent."""


class Clamd:
    """A host on which clamd listens.

    `seconds_left` says how long the caller can still wait. clamd answers only after it has scanned
    the whole content, which may take longer than to send it.
    """

    def __init__(self, host: str, port: int, seconds_left: Callable[[], float]) -> None:
        self._address, self._left = (host, port), seconds_left

    def scan(self, pieces: Iterable[bytes]) -> Answer:
        """Send the content of a file to clamd in pieces, and return the answer of clamd.

        Raises ScannerUnavailable if the host does not answer, or answers anything but a verdict.
        """
        try:
            with socket.create_connection(self._address, self._within(CONNECT_S)) as connection:
                return self._scan(connection, pieces)
        except OSError as error:
            raise ScannerUnavailable(f"no answer of the scanner: {type(error).__name__}") from error

    def _scan(self, connection: socket.socket, pieces: Iterable[bytes]) -> Answer:
        complete = self._send(connection, pieces)
        answer = bytearray()
        while b"\0" not in answer and len(answer) < MOST_ANSWER:
            connection.settimeout(self._within(None))
            received = connection.recv(MOST_ANSWER)
            if not received:
                break
            answer += received
        return answer_of(bytes(answer), complete=complete)

    def _send(self, connection: socket.socket, pieces: Iterable[bytes]) -> bool:
        """Return whether the whole content was sent. clamd may answer and close before that.

        If it does, the connection breaks while something is sent. What clamd said can be read
        after that.
        """
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._put(connection, COMMAND)
            for piece in pieces:
                if select.select([connection], [], [], 0)[0]:
                    return False
                self._put(connection, chunk(piece))
            self._put(connection, END)
            return True
        return False

    def _put(self, connection: socket.socket, sent: bytes) -> None:
        connection.settimeout(self._within(STALL_S))
        connection.sendall(sent)

    def _within(self, most: float | None) -> float:
        left = self._left()
        if left <= 0:
            raise ScannerUnavailable("no time is left to wait for the scanner")
        return left if most is None else min(most, left)
