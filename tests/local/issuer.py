"""An OpenID Connect issuer of a test: it publishes its key and signs tokens with it."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KEY_ID = "key-1"


@dataclass(frozen=True)
class Issuer:
    """`address` is the claim `iss` of its tokens."""

    address: str
    _key: rsa.RSAPrivateKey = field(repr=False)

    def token(self, **claims: Any) -> str:
        """A signed token (RS256) that is valid for an hour, with these claims."""
        now = int(time.time())
        content = {"iss": self.address, "iat": now, "exp": now + 3600} | claims
        head = {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}
        signed = f"{_encoded(json.dumps(head))}.{_encoded(json.dumps(content))}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encoded(signature)}"


def _encoded(content: str | bytes) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@contextmanager
def running() -> Iterator[Issuer]:
    """An issuer at a free port of this machine, with the documents that API Gateway reads."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_numbers()
    keys = {
        "keys": [
            {
                "kty": "RSA",
                "use": "sig",
                "alg": "RS256",
                "kid": KEY_ID,
                "n": _encoded(public.n.to_bytes(256, "big")),
                "e": _encoded(public.e.to_bytes(3, "big")),
            }
        ]
    }

    class Documents(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            configuration = {"issuer": address, "jwks_uri": f"{address}/keys"}
            documents = {"/.well-known/openid-configuration": configuration, "/keys": keys}
            found = documents.get(self.path)
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(found or {}).encode())

        def log_message(self, *_: Any) -> None:
            """Keep the output of the tests free of requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Documents)
    address = f"http://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Issuer(address, key)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
