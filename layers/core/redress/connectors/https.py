"""Send a request to an address that a manager entered. It cannot reach our own network.

Only HTTPS on port 443 is used. The name is looked up once, all addresses that it has must be
public, and the connection goes to one of these addresses. So a name that leads to a private network
or to a machine's metadata is refused, also if its addresses change after the check. No redirect is
followed. Only IPv4 is used, because the functions have no other connection to the internet.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

LOOK_UP_S = 1.0
"""How long the look-up of a name takes at most. The machine itself sets no limit."""
CONNECT_S = 1.0
"""How long a request waits for a connection at most."""
ANSWER_S = 3.5
"""How long TLS and the complete answer take at most after that."""
ANSWER_LIMIT = 64 * 1024
"""The most bytes of an answer that are read."""
MOST_S = LOOK_UP_S + CONNECT_S + ANSWER_S
"""How long a request takes at most."""
PORT = 443

Resolve = Callable[[str], list[str]]
"""A function that looks up a host name and returns its IPv4 addresses. It raises OSError."""


class NotPublic(Exception):
    """The name of the host leads to an address that is not public. Nothing was sent."""


class NotReached(Exception):
    """There was no connection, and nothing was sent. The text is only the name of the error."""


class NotAnswered(Exception):
    """The other side may have received the request, but its answer was not complete."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The status of an answer, and the first ANSWER_LIMIT bytes of its body."""

    status: int
    body: bytes


def addresses_of(host: str) -> list[str]:
    found = socket.getaddrinfo(host, PORT, socket.AF_INET, socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


@cache
def _trusting() -> ssl.SSLContext:
    return ssl.create_default_context()


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet, by the registries of IANA (RFC 6890)."""
    found = ipaddress.ip_address(address)
    return found.is_global and not found.is_multicast and not found.is_reserved


class _Connection(http.client.HTTPSConnection):
    """A connection to one address of a host, whose certificate must be the host's."""

    def __init__(self, host: str, address: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=CONNECT_S, context=context)
        self._address, self._trusts = address, context
        self._ending: _Ending | None = None

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), CONNECT_S)
        # A timeout of a socket counts anew with each byte, so the connection ends from outside.
        self._ending = _Ending(plain)
        try:
            plain.settimeout(ANSWER_S)
            self.sock = self._trusts.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise

    def close(self) -> None:
        super().close()
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None


class Sender:
    """Sends requests. Tests replace what its parameters give."""

    def __init__(
        self,
        resolve: Resolve = addresses_of,
        is_allowed: Callable[[str], bool] = is_public,
        port: int = PORT,
        context: Callable[[], ssl.SSLContext] = _trusting,
    ) -> None:
        self._resolve, self._is_allowed = resolve, is_allowed
        self._port, self._context = port, context

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send one request. Raises NotPublic, NotReached and NotAnswered.

        It takes MOST_S at most, however slowly the other side writes.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        connection = _Connection(host, self._address_of(host), self._port, self._context())
        try:
            try:
                connection.connect()
            except (OSError, ValueError) as error:
                raise NotReached(type(error).__name__) from None
            return self._exchange(connection, parts.path or "/", parts.query, headers, body)
        finally:
            connection.close()

    def _address_of(self, host: str) -> str:
        found = self._looked_up(host)
        if not found:
            raise NotReached("NoAddress")
        if not all(map(self._is_allowed, found)):
            raise NotPublic("the host has an address that is not public")
        return found[0]

    def _looked_up(self, host: str) -> list[str]:
        """The addresses of a host. Raises NotReached, after LOOK_UP_S at the latest.

        A look-up cannot be ended from outside. So it has a thread of its own, which nobody waits
        for when the time is over.
        """
        ended = queue.SimpleQueue[list[str] | Exception]()

        def look_up() -> None:
            try:
                ended.put(self._resolve(host))
            except Exception as error:
                ended.put(error)

        threading.Thread(target=look_up, daemon=True).start()
        try:
            found = ended.get(timeout=LOOK_UP_S)
        except queue.Empty:
            raise NotReached("LookUpTimeout") from None
        if isinstance(found, (OSError, UnicodeError)):
            raise NotReached(type(found).__name__) from None
        if isinstance(found, Exception):
            raise found
        return found

    def _exchange(
        self,
        connection: _Connection,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Reply:
        try:
            target = f"{path}?{query}" if query else path
            connection.request("POST", target, body, dict(headers))
            response = connection.getresponse()
            return Reply(response.status, response.read(ANSWER_LIMIT))
        except (OSError, http.client.HTTPException) as error:
            raise NotAnswered(type(error).__name__) from None


class _Ending:
    """Ends a connection after ANSWER_S, whatever it waits for."""

    def __init__(self, connected: socket.socket) -> None:
        # Its own descriptor: the number of a closed one may belong to another connection.
        self._own = connected.dup()
        self._timer = threading.Timer(ANSWER_S, self._end)
        self._timer.daemon = True
        self._timer.start()

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            self._own.shutdown(socket.SHUT_RDWR)

    def cancel(self) -> None:
        self._timer.cancel()
        self._own.close()
