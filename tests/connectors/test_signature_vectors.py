"""The published examples of Standard Webhooks and of RFC 9421, and two independent libraries."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from standardwebhooks import Webhook

from redress.base.errors import NotAuthentic, SignatureExpired, SignatureMissing, SignatureWrong
from redress.connectors import message_signatures as signatures
from redress.connectors import webhooks
from redress.connectors.message_signatures import Signed
from tests.machines import digest

# The example of the reference libraries (github.com/standard-webhooks, test of `sign`).
WEBHOOK_KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
WEBHOOK = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
WEBHOOK_BODY = b'{"test": 2432232314}'

# RFC 9421, appendix B.1.5 (test-shared-secret) and B.2 (test-request).
RFC_KEY = base64.b64decode(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)
RFC_BODY = b'{"hello": "world"}'
RFC_HEADERS = {
    "host": "example.com",
    "date": "Tue, 20 Apr 2021 02:07:55 GMT",
    "content-type": "application/json",
    "content-digest": "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNN"
    "yealdVLvRwEmTHWXvJwew==:",
    "content-length": "18",
}
# RFC 9421, appendix B.2.5.
B25 = {
    "signature-input": 'sig-b25=("date" "@authority" "content-type")'
    ';created=1618884473;keyid="test-shared-secret"',
    "signature": "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
}
B25_BASE = """"date": Tue, 20 Apr 2021 02:07:55 GMT
"@authority": example.com
"content-type": application/json
"@signature-params": ("date" "@authority" "content-type");created=1618884473;\
keyid="test-shared-secret\""""
# RFC 9421, appendix B.2.6: another algorithm, so only the base can be compared.
B26_INPUT = (
    'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"'
)
B26_BASE = """"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length")\
;created=1618884473;keyid="test-key-ed25519\""""


def request(headers: dict[str, str], **fields: object) -> Signed:
    usual: dict[str, object] = {
        "method": "POST",
        "address": "https://example.com",
        "path": "/foo",
        "query": "param=Value&Pet=dog",
        "headers": RFC_HEADERS | headers,
        "body": RFC_BODY,
    }
    return Signed(**(usual | fields))  # type: ignore[arg-type]


def test_example_of_standard_webhooks_is_accepted() -> None:
    webhooks.require_signed(webhooks.read(WEBHOOK), WEBHOOK_BODY, [b"another key", WEBHOOK_KEY])
    with pytest.raises(SignatureWrong):
        webhooks.require_signed(webhooks.read(WEBHOOK), WEBHOOK_BODY + b" ", [WEBHOOK_KEY])
    with pytest.raises(SignatureWrong):
        webhooks.require_signed(webhooks.read(WEBHOOK), WEBHOOK_BODY, [])


@given(st.text(), st.binary(min_size=1, max_size=64), st.integers(0, 4_000_000_000))
def test_webhooks_are_signed_as_the_library_does(body: str, key: bytes, seconds: int) -> None:
    raw = body.encode("utf-8", "replace")
    at = datetime.fromtimestamp(seconds, UTC)
    expected = Webhook(key).sign("msg_1", at, raw.decode())
    own = webhooks.sign(key, "msg_1", str(seconds), raw)
    assert f"v1,{base64.b64encode(own).decode()}" == expected


def test_b_2_5_of_rfc_9421_has_this_base_and_this_signature() -> None:
    found = request(B25)
    [given] = [signatures.read(found.headers, lambda key: key == "test-shared-secret")]
    assert signatures.base(given, found).decode() == B25_BASE
    signatures.require_signed(given, found, RFC_KEY)
    for other in (b"another key", None):
        with pytest.raises(SignatureWrong):
            signatures.require_signed(given, found, other)


def test_b_2_6_of_rfc_9421_has_this_base() -> None:
    found = request({"signature-input": B26_INPUT, "signature": "sig-b26=:AAAA:"})
    given = signatures.read(found.headers, lambda _: True)
    assert signatures.base(given, found).decode() == B26_BASE


def test_minimal_signature_of_the_rfc_covers_too_little_here() -> None:
    found = request(B25)
    given = signatures.read(found.headers, lambda _: True)
    with pytest.raises(SignatureMissing, match=r"@method, @target-uri .*, content-digest"):
        signatures.require_covered(given, found, changes=False)


@pytest.mark.parametrize(
    ("address", "path", "query", "name", "value"),
    [
        # RFC 9421, sections 2.2.2 to 2.2.7.
        ("https://www.example.com", "/path", "param=value", "@target-uri", None),
        ("https://www.EXAMPLE.com:443", "/path", "param=value", "@authority", "www.example.com"),
        ("https://www.example.com:8443", "/", "", "@authority", "www.example.com:8443"),
        ("http://www.example.com", "/path", "param=value", "@scheme", "http"),
        ("https://www.example.com", "/path", "param=value", "@request-target", "/path?param=value"),
        ("https://www.example.com/v1", "/path", "", "@path", "/v1/path"),
        ("https://www.example.com", "/path", "queryString", "@query", "?queryString"),
        ("https://www.example.com", "/path", "", "@query", "?"),
    ],
)
def test_derived_components_have_the_values_of_the_rfc(
    address: str, path: str, query: str, name: str, value: str | None
) -> None:
    found = signatures.DERIVED[name](request({}, address=address, path=path, query=query))
    assert found == (value or "https://www.example.com/path?param=value")


def signed(value: str, body: bytes, key: bytes) -> tuple[signatures.Given, Signed]:
    """A request with this Content-Digest, rightly signed. The library refuses to sign most."""
    covered = '("@method" "@target-uri" "content-digest");created=1;keyid="crm.1"'
    headers = {"signature-input": f"a={covered}", "signature": "a=:AAAA:", "content-digest": value}
    found = request(headers, body=body)
    given = signatures.read(found.headers, lambda _: True)
    proof = hmac.new(key, signatures.base(given, found), hashlib.sha256).digest()
    return structs.replace(given, signature=proof), found


def test_digest_of_the_rfc_fits_its_body() -> None:
    given, found = signed(RFC_HEADERS["content-digest"], RFC_BODY, b"key")
    signatures.require_covered(given, found, changes=False)
    signatures.require_signed(given, found, b"key")
    given, found = signed(RFC_HEADERS["content-digest"], RFC_BODY + b" ", b"key")
    with pytest.raises(SignatureWrong, match="sha-512"):
        signatures.require_signed(given, found, b"key")


@pytest.mark.parametrize("value", ["md5=:AAAA:", "sha-256=5", "nothing", "", "sha-256=:AAAA:"])
def test_other_digests_are_refused(value: str) -> None:
    given, found = signed(value, RFC_BODY, b"key")
    with pytest.raises(NotAuthentic):
        signatures.require_signed(given, found, b"key")


@given(
    st.dictionaries(
        st.sampled_from(["signature", "signature-input", "content-digest"]),
        st.text(alphabet='sig1=():"@methodkeyi;,? \t0x水-', max_size=60),
    )
)
def test_no_header_ends_in_another_error(headers: dict[str, str]) -> None:
    found = request(headers)
    with pytest.raises(SignatureMissing):
        signatures.read(found.headers, lambda _: True)


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=60))
def test_no_webhook_ends_in_another_error(id_: str, timestamp: str, signature: str) -> None:
    headers = {
        "webhook-id": id_,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
    }

    def check() -> None:
        webhooks.require_signed(webhooks.read(headers), b"{}", [b"key"])

    with pytest.raises(NotAuthentic):
        check()


@pytest.mark.parametrize("seconds", ["0", "999999999999"])
def test_times_of_all_sizes_are_compared(seconds: str) -> None:
    with pytest.raises(SignatureExpired):
        webhooks.require_recent(
            webhooks.signed_at(seconds), datetime(2026, 11, 23, tzinfo=UTC), "it"
        )


def test_digest_of_tests_is_that_of_rfc_9530() -> None:
    """RFC 9530, section 2: `{"hello": "world"}` with a line end has this digest."""
    body = b'{"hello": "world"}\n'
    assert digest(body) == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
