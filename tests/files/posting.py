"""What S3 does with a form: it compares the fields with the policy, and stores the object.

The source is the S3 API reference, "Creating a POST policy": each field needs a condition, and each
condition must hold. moto does not compare them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

IGNORED = ("x-amz-signature", "policy", "file")
"""The fields that need no condition."""


class Refused(Exception):
    """S3 refuses the form. The argument is the code of its answer."""


def refuse_or_accept(bucket: str, fields: Mapping[str, str], content: bytes) -> None:
    """Raise Refused unless the policy in the fields allows this form."""
    policy = json.loads(base64.b64decode(fields["policy"]))
    given = {name: value for name, value in fields.items() if name not in IGNORED}
    allowed = {"bucket"}
    for condition in policy["conditions"]:
        match condition:
            case ["content-length-range", least, most]:
                if not least <= len(content) <= most:
                    raise Refused("EntityTooLarge" if len(content) > most else "EntityTooSmall")
            case ["starts-with", name, prefix]:
                allowed.add(str(name)[1:])
                _check(given.get(str(name)[1:], "").startswith(str(prefix)))
            case {**exact}:
                ((field, value),) = exact.items()
                allowed.add(str(field))
                _check((bucket if field == "bucket" else given.get(str(field))) == value)
    _check(set(given) <= allowed)


def _check(holds: bool) -> None:
    if not holds:
        raise Refused("AccessDenied")


def post(s3: Any, bucket: str, fields: Mapping[str, str], content: bytes) -> str:
    """Store the object of a form as S3 does, and return its key. Raises Refused."""
    refuse_or_accept(bucket, fields, content)
    meta = {
        name.removeprefix("x-amz-meta-"): value
        for name, value in fields.items()
        if name.startswith("x-amz-meta-")
    }
    s3.put_object(
        Bucket=bucket,
        Key=fields["key"],
        Body=content,
        ContentType=fields["Content-Type"],
        Metadata=meta,
    )
    return fields["key"]
