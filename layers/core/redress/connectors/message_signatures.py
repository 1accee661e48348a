"""HTTP Message Signatures (RFC 9421) of requests, with HMAC-SHA256 and Content-Digest (RFC 9530).

This is the part of the RFC that a connector needs: one signature with a key of ours, over derived
components and header fields without parameters. `http_sf` reads the structured fields (RFC 9651).
docs/decisions/053-machines.md compares libraries.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import http_sf
from msgspec import Struct

from redress.base.errors import SignatureMissing, SignatureWrong

ALGORITHM = "hmac-sha256"
MOST_LABELS = 4
MOST_COMPONENTS = 20
NONCE_LIMIT = 200
HEADER_LIMIT = 8_000
"""The most characters of a header that is read as a structured field."""

DERIVED: Mapping[str, Callable[[Signed], str]] = {
    "@method": lambda of: of.method,
    "@target-uri": lambda of: of.address + of.path + (f"?{of.query}" if of.query else ""),
    "@authority": lambda of: _authority(of.address),
    "@scheme": lambda of: urlsplit(of.address).scheme.lower(),
    "@request-target": lambda of: _path(of) + (f"?{of.query}" if of.query else ""),
    "@path": lambda of: _path(of),
    "@query": lambda of: f"?{of.query}",
}
"""The derived components of a request (RFC 9421, section 2.2) that can be signed."""

DIGESTS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
"""The digests of RFC 9530 that are not deprecated."""


class Signed(Struct, frozen=True):
    """The request whose signature is checked.

    `address` is the base address of the API. `path` is the rest of the path, and `query` what
    follows the question mark, as it was sent. The names in `headers` are in lower case.
    """

    method: str
    address: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Given(Struct, frozen=True):
    """One of the signatures in the headers of a request. It is not verified yet."""

    components: tuple[str, ...]
    params: Mapping[str, Any]
    inner_list: Any
    signature: bytes

    @property
    def key_id(self) -> str:
        return str(self.params["keyid"])

    @property
    def created(self) -> int:
        return int(self.params["created"])

    @property
    def nonce(self) -> str:
        return str(self.params.get("nonce", ""))


def read(headers: Mapping[str, str], is_ours: Callable[[str], bool]) -> Given:
    """The one signature of a request whose `keyid` has the form of ours.

    Raises SignatureMissing, which says what is missing or malformed.
    """
    inputs = _dictionary(headers, "signature-input")
    signatures = _dictionary(headers, "signature")
    if inputs.keys() != signatures.keys():
        raise SignatureMissing("Signature-Input and Signature must have the same labels")
    if len(inputs) > MOST_LABELS:
        raise SignatureMissing(f"at most {MOST_LABELS} signatures are read")
    found = [
        label
        for label, value in inputs.items()
        if isinstance(key := _params(value).get("keyid"), str) and is_ours(key)
    ]
    if len(found) != 1:
        raise SignatureMissing(
            "exactly one signature must have a keyid such as crm.1, the connector and the "
            f"generation of its key; {len(found)} have"
        )
    return _given(inputs[found[0]], signatures[found[0]])


def _given(value: Any, signature: Any) -> Given:
    if not isinstance(value, tuple) or not isinstance(value[0], list):
        raise SignatureMissing("Signature-Input must have a list of components")
    items, params = value
    proof = signature[0] if isinstance(signature, tuple) else signature
    if not isinstance(proof, bytes):
        raise SignatureMissing("Signature must have a byte sequence, such as :AAAA:")
    if len(items) > MOST_COMPONENTS:
        raise SignatureMissing(f"at most {MOST_COMPONENTS} components are read")
    names = []
    for item in items:
        name, own = item if isinstance(item, tuple) else (item, {})
        if own:
            raise SignatureMissing(f"parameters of a component are not supported: {name}")
        if not isinstance(name, str) or name in names:
            raise SignatureMissing(f"a component is no text, or is there twice: {name}")
        names.append(name)
    created, nonce = params.get("created"), params.get("nonce", "")
    if type(created) is not int:
        raise SignatureMissing("the parameter `created` must be there, in seconds since 1970")
    if params.get("alg", ALGORITHM) != ALGORITHM:
        raise SignatureMissing(f"the parameter `alg` must be {ALGORITHM}")
    if not isinstance(nonce, str) or len(nonce) > NONCE_LIMIT:
        raise SignatureMissing(f"the parameter `nonce` is a text of at most {NONCE_LIMIT}")
    if type(params.get("expires", 0)) is not int:
        raise SignatureMissing("the parameter `expires` must be in seconds since 1970")
    return Given(tuple(names), params, value, proof)


def _params(value: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = value[1] if isinstance(value, tuple) else {}
    return found


def _dictionary(headers: Mapping[str, str], name: str) -> dict[str, Any]:
    """A header as a dictionary of structured fields. A label that is there twice is refused."""

    def refuse(key: str, context: str) -> None:
        raise SignatureMissing(f"{name} has `{key}` twice")

    text = headers.get(name, "")
    if not text or len(text) > HEADER_LIMIT:
        raise SignatureMissing(f"the header {name} is missing, or too long")
    try:
        found = http_sf.parse(text.encode("ascii"), tltype="dictionary", on_duplicate_key=refuse)
    except (http_sf.StructuredFieldError, UnicodeEncodeError) as error:
        raise SignatureMissing(
            f"the header {name} is not a dictionary of structured fields"
        ) from error
    assert isinstance(found, dict)
    return found


def require_covered(given: Given, request: Signed, *, changes: bool) -> None:
    """Raise SignatureMissing unless the signature covers all that a request means.

    That is the method; the address with its query; the digest of a body; and for a request that
    changes something a nonce.
    """
    covered, missing = set(given.components), []
    if "@method" not in covered:
        missing.append("@method")
    if "@target-uri" not in covered:
        parts = {"@authority", "@path", *({"@query"} if request.query else ())}
        if not parts <= covered:
            missing.append("@target-uri (or @authority, @path and @query)")
    if request.body and "content-digest" not in covered:
        missing.append("content-digest")
    if missing:
        raise SignatureMissing(f"the signature must cover {', '.join(missing)}")
    if changes and not given.nonce:
        raise SignatureMissing("a request that changes something needs the parameter `nonce`")


def base(given: Given, request: Signed) -> bytes:
    """The signature base (RFC 9421, section 2.5).

    Raises SignatureMissing for a component that is unknown, or that the request does not have.
    """
    lines = [f'"{name}": {_value(name, request)}' for name in given.components]
    lines.append(f'"@signature-params": {http_sf.ser([given.inner_list])}')
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _value(name: str, request: Signed) -> str:
    if name.startswith("@"):
        if name not in DERIVED:
            raise SignatureMissing(f"the component {name} is not known here")
        return DERIVED[name](request)
    if name != name.lower() or not re.fullmatch(r"[a-z0-9!#$%&'*+.^_`|~-]+", name):
        raise SignatureMissing("the names of header fields are written in lower case")
    if name not in request.headers:
        raise SignatureMissing(f"the signature covers {name}, which the request does not have")
    return re.sub(r"[ \t]*\r\n[ \t]+", " ", request.headers[name]).strip(" \t")


def require_signed(given: Given, request: Signed, key: bytes | None) -> None:
    """Raise SignatureWrong unless the key made the signature over this request and its body.

    `key` is None if there is no valid key of this name.
    """
    signed = base(given, request)
    right = hmac.new(key or b"none", signed, hashlib.sha256).digest()
    if key is None or not hmac.compare_digest(right, given.signature):
        raise SignatureWrong(
            "no valid key with this keyid made this signature; the address of this API is "
            f"{request.address}, and a signature is over the address and the query as they are sent"
        )
    if "content-digest" in given.components:
        _require_digest(request)


def _require_digest(request: Signed) -> None:
    digests = _dictionary(request.headers, "content-digest")
    known = {name: value for name, value in digests.items() if name in DIGESTS}
    if not known:
        raise SignatureMissing(f"Content-Digest must have one of {', '.join(DIGESTS)}")
    for name, value in known.items():
        given = value[0] if isinstance(value, tuple) else value
        right = DIGESTS[name](request.body).digest()
        if not isinstance(given, bytes) or not hmac.compare_digest(right, given):
            raise SignatureWrong(f"the body has another {name} than Content-Digest says")


def _authority(address: str) -> str:
    """The host of the address in lower case, with its port unless that is the usual one."""
    parts = urlsplit(address)
    usual = {"http": 80, "https": 443}.get(parts.scheme.lower())
    host = (parts.hostname or "").lower()
    return host if parts.port in (None, usual) else f"{host}:{parts.port}"


def _path(of: Signed) -> str:
    return urlsplit(of.address).path.rstrip("/") + of.path or "/"
