"""Compresses answers with gzip (RFC 9110, 8.4.1.3).

An HTTP API of API Gateway does not compress by itself. An answer that contains the token of a link
must not be compressed. If such an answer also shows a text that somebody else wrote, its compressed
length tells whether the text repeats a part of the token (the attack BREACH).
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

from redress.edge.http import Answer, header

LEAST = 1_000
"""The length from which a body is compressed, in characters. Shorter ones hardly get shorter."""
_GZIP = zlib.MAX_WBITS | 16
"""Makes zlib write the format of gzip."""


def compressed(event: dict[str, Any], given: Answer) -> Answer:
    """Return the answer to a request, with its body compressed if the client accepts that.

    A compressed body has other bytes than the body itself, so its entity tag becomes a weak one
    (RFC 9110, 8.8.3.3).
    """
    body: str = given.get("body") or ""
    is_picture = given.get("isBase64Encoded", False)  # and is compressed already
    if is_picture or len(body) < LEAST or not accepts_gzip(header(event, "accept-encoding")):
        return given
    headers = {**given["headers"], "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    if tag := headers.get("ETag"):
        headers["ETag"] = f"W/{tag}"
    packer = zlib.compressobj(wbits=_GZIP)
    packed = packer.compress(body.encode()) + packer.flush()
    encoded = base64.b64encode(packed).decode("ascii")
    return {**given, "headers": headers, "body": encoded, "isBase64Encoded": True}


def accepts_gzip(accepted: str) -> bool:
    """Whether a client with this header Accept-Encoding accepts gzip (RFC 9110, 12.5.3).

    A client without the header gets no compressed answer. It may know only the body itself.
    """
    weights: dict[str, str] = {}
    for one in accepted.lower().split(","):
        name, _, weight = one.partition(";")
        weights[name.strip()] = weight.strip().removeprefix("q=") or "1"
    weight = weights.get("gzip", weights.get("*", "0"))
    return weight.strip("0.") != ""
