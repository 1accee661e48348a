"""Tests of compressed answers."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest

from redress.edge.compression import LEAST, accepts_gzip, compressed
from redress.edge.http import answer

LONG = ["the same words " * 10] * 20


def event(accepted: str | None) -> dict[str, Any]:
    return {"headers": {} if accepted is None else {"accept-encoding": accepted}}


def test_a_client_that_accepts_gzip_gets_a_shorter_body_with_the_same_content() -> None:
    plain = answer(200, LONG)
    given = compressed(event("gzip, deflate, br"), plain)
    body = base64.b64decode(given["body"])
    assert given["isBase64Encoded"]
    assert gzip.decompress(body).decode() == plain["body"]
    assert len(body) < len(plain["body"]) / 10
    assert given["headers"]["Content-Encoding"] == "gzip"
    assert given["headers"]["Content-Type"] == "application/json"


def test_a_client_that_accepts_no_gzip_gets_the_body_as_it_is() -> None:
    plain = answer(200, LONG)
    for accepted in (None, "", "br", "gzip;q=0", "identity, *;q=0.000"):
        assert compressed(event(accepted), plain) is plain


def test_a_picture_is_not_compressed_again() -> None:
    picture = answer(200, LONG) | {"isBase64Encoded": True}
    assert compressed(event("gzip"), picture) is picture


def test_a_short_answer_is_not_compressed() -> None:
    plain = answer(200, "x" * (LEAST - 3))
    assert compressed(event("gzip"), plain) is plain
    assert compressed(event("gzip"), {"statusCode": 304, "headers": {}})["statusCode"] == 304


def test_the_entity_tag_of_a_compressed_answer_is_weak() -> None:
    given = compressed(event("gzip"), answer(200, LONG, {"ETag": '"0f"'}))
    assert given["headers"]["ETag"] == 'W/"0f"'


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("gzip", True),
        ("GZIP;Q=0.5, br", True),
        ("*", True),
        ("br;q=1.0, *;q=0.1", True),
        ("gzip;q=0, *", False),
        ("gzip ; q=0.0", False),
        ("deflate", False),
        ("", False),
    ],
)
def test_the_header_accept_encoding_is_read_as_rfc_9110_says(accepted: str, expected: bool) -> None:
    assert accepts_gzip(accepted) is expected
