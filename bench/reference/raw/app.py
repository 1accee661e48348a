"""The lower bound for a function: one signed DynamoDB request, with the standard library only."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import uuid
from datetime import UTC, datetime
from urllib.parse import urlsplit


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _headers(host: str, target: str, body: bytes) -> dict[str, str]:
    """Headers with a signature version 4 (AWS General Reference), for a fixed set of headers."""
    now = datetime.now(UTC)
    stamp, day, region = (
        now.strftime("%Y%m%dT%H%M%SZ"),
        now.strftime("%Y%m%d"),
        os.environ["AWS_REGION"],
    )
    signed = "host;x-amz-date;x-amz-target"
    canonical = (
        f"POST\n/\n\nhost:{host}\nx-amz-date:{stamp}\nx-amz-target:{target}\n\n{signed}\n"
        f"{hashlib.sha256(body).hexdigest()}"
    )
    scope = f"{day}/{region}/dynamodb/aws4_request"
    to_sign = (
        f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    )
    key = b"AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    for part in (day, region, "dynamodb", "aws4_request"):
        key = _hmac(key, part)
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    return {
        "Host": host,
        "X-Amz-Date": stamp,
        "X-Amz-Target": target,
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, "
        f"Signature={signature}",
    }


def handler(event: dict[str, str], context: object) -> dict[str, object]:
    host = urlsplit(os.environ["AWS_ENDPOINT_URL_DYNAMODB"]).netloc
    number = uuid.uuid4().hex
    item = {"pk": {"S": f"TICKET#{number}"}, "sk": {"S": "TICKET"}, "doc": {"S": event["body"]}}
    body = json.dumps({"TableName": os.environ["TABLE"], "Item": item}).encode()
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("POST", "/", body, _headers(host, "DynamoDB_20120810.PutItem", body))
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    return {"statusCode": 201, "body": json.dumps({"number": number})}
