"""The keys of connectors, derived from the one secret of the stack.

Nothing that is stored is secret. A key can be shown again by nobody who cannot read the secret, and
no further secret has to be paid for. `docs/decisions/053-machines.md` says what a rotation of the
stack's secret means.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from enum import StrEnum

PREFIX = "whsec_"
"""Begins the secret of a webhook (Standard Webhooks, "Signature scheme")."""


class Purpose(StrEnum):
    """What a key signs. A key of one purpose is worth nothing for the other one."""

    WEBHOOK = "webhook"
    """Messages of customers, by Standard Webhooks."""
    API = "api"
    """Calls of the API, by HTTP Message Signatures (RFC 9421)."""
    ANSWERS = "answers"
    """Answers to customers that are sent to the other system, by Standard Webhooks. Its own key, so
    nobody can send one of them back as a message."""


def derive(secret: bytes, purpose: Purpose, connector: str, generation: int) -> bytes:
    """A key of 32 bytes: HMAC-SHA256 of its purpose, its connector and its generation.

    The message begins with `connector|`. The tokens of links begin otherwise (`tickets.links`), so
    no link is a part of a key.
    """
    message = f"connector|{purpose.value}|{connector}|{generation}"
    return hmac.new(secret, message.encode(), hashlib.sha256).digest()


def mark(secret: bytes) -> str:
    """`3f9a1c0b`: tells the secrets of a stack apart. Nobody can infer the secret from 32 bits."""
    return hmac.new(secret, b"connector-mark", hashlib.sha256).hexdigest()[:8]


def webhook_secret(key: bytes) -> str:
    """`whsec_MfKQ...`: a key in the form that libraries of Standard Webhooks take."""
    return PREFIX + base64.b64encode(key).decode()


def key_id(connector: str, generation: int) -> str:
    """`crm.2`: names a key in a signature (RFC 9421, parameter `keyid`)."""
    return f"{connector}.{generation}"


def read_key_id(text: str) -> tuple[str, int] | None:
    """The connector and the generation of a `key_id`; None for another text."""
    connector, dot, generation = text.rpartition(".")
    if not dot or not generation.isascii() or not generation.isdigit() or len(generation) > 6:
        return None
    return connector, int(generation)
