"""The other side of a connector: it signs with libraries that the product does not use.

`standardwebhooks` and `http_message_signatures` are independent of the code that checks signatures.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms
from standardwebhooks import Webhook


def webhook_headers(secret: str, id_: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of a webhook, signed with a secret `whsec_...`."""
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(id_, at, body.decode()),
        "content-type": "application/json",
    }


@dataclass
class _Message:
    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


def digest(body: bytes) -> str:
    """The value of Content-Digest."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def signed_headers(
    key_id: str,
    key: bytes,
    method: str,
    url: str,
    body: bytes,
    at: datetime,
    nonce: str | None = None,
    components: tuple[str, ...] = ("@method", "@target-uri"),
    **options: Any,
) -> dict[str, str]:
    """The headers of a request that is signed with this key, names in lower case.

    With a body, its digest is covered, too.
    """
    message = _Message(method, url, {"Content-Type": "application/json"} if body else {})
    message.headers |= options.pop("headers", {})
    resolver = MappingKeyResolver(public_keys={}, private_keys={key_id: key})
    signer = HTTPMessageSigner(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=resolver)
    signer.sign(
        message,
        key_id=key_id,
        created=at,
        nonce=nonce,
        label=options.pop("label", "sig1"),
        covered_component_ids=components,
        body=body or None,
        **options,
    )
    return {name.lower(): value for name, value in message.headers.items()}
