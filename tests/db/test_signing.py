"""Compares the signatures of `redress.db.signing` with those of botocore's signer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import example, given
from hypothesis import strategies as st

from redress.db.signing import Credentials, Signer

VISIBLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
HEADERS = st.fixed_dictionaries(
    {"Content-Type": VISIBLE, "X-Amz-Target": VISIBLE},
    optional={"X-Amz-Meta": VISIBLE, "x-lower": VISIBLE},
)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))


@given(
    headers=HEADERS,
    body=st.binary(max_size=200),
    at=MOMENTS,
    access_key=VISIBLE,
    secret_key=VISIBLE,
    token=st.none() | VISIBLE,
    service=st.sampled_from(["dynamodb", "secretsmanager"]),
    region=st.sampled_from(["eu-west-1", "cn-north-1", "us-gov-west-1"]),
    host=st.sampled_from(["dynamodb.eu-west-1.amazonaws.com", "127.0.0.1:4566"]),
)
@example(
    headers={"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "A.B"},
    body=b'{"\xe9\x94\xae":1}',
    at=datetime(2026, 12, 31, 23, 59, 59, 999999, UTC),
    access_key="AKIDEXAMPLE",
    secret_key="secret",
    token="session",
    service="dynamodb",
    region="eu-west-1",
    host="dynamodb.eu-west-1.amazonaws.com",
)
def test_a_signature_equals_that_of_botocore(
    headers: dict[str, str],
    body: bytes,
    at: datetime,
    access_key: str,
    secret_key: str,
    token: str | None,
    service: str,
    region: str,
    host: str,
) -> None:
    ours = Signer(Credentials(access_key, secret_key, token), service, region)
    found = ours.signed(headers | {"Host": host}, body, at)

    request: Any = AWSRequest("POST", f"https://{host}/", headers=headers, data=body)
    request.context["timestamp"] = at.strftime(SIGV4_TIMESTAMP)
    known = SigV4Auth(BotocoreCredentials(access_key, secret_key, token), service, region)
    # `add_auth` would replace the time by that of this machine.
    known._modify_request_before_signing(request)  # type: ignore[attr-defined]
    text = known.string_to_sign(request, known.canonical_request(request))
    known._inject_signature_to_request(  # type: ignore[attr-defined]
        request, known.signature(text, request)
    )
    wanted = {name: request.headers[name] for name in request.headers}
    assert found == wanted | {"Host": host}
