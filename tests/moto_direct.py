"""Let moto answer DynamoDB's reads and writes without HTTP.

A call that moto answers is serialized, signed, sent to moto's stub, matched against the addresses
of all services, parsed, answered, serialized again and parsed again. That takes more than half of
the time of most tests. Here botocore still checks the parameters and serializes them, and moto's
handler of DynamoDB gets them at once. tests/test_moto_direct.py compares both ways.

A call that fails goes the usual way, so that its error is the usual one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC
from functools import cache
from http import HTTPStatus
from typing import Any

from botocore import handlers
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.model import OperationModel, Shape
from moto.core.exceptions import ServiceException
from moto.core.models import botocore_stubber
from moto.core.parse import JSONParser
from moto.core.utils import camelcase_to_underscores
from moto.dynamodb.models.utilities import dynamo_to_dict
from moto.dynamodb.responses import DynamoHandler
from moto.iam.models import get_account_id_from
from werkzeug.exceptions import HTTPException

OPERATIONS = (
    "BatchGetItem",
    "BatchWriteItem",
    "CreateTable",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "TransactGetItems",
    "TransactWriteItems",
    "UpdateItem",
)
"""All operations on items, and what almost every test begins with."""

enabled = True
"""A test that needs the events of a request, such as its time of arrival, sets this to False."""

Parsed = dict[str, Any]
METADATA = {"HTTPStatusCode": 200, "HTTPHeaders": {"server": "amazon.com"}, "RetryAttempts": 0}


def install() -> None:
    """Let every client of DynamoDB that is created from now on ask moto directly, if moto is on."""
    if HOOK not in handlers.BUILTIN_HANDLERS:
        handlers.BUILTIN_HANDLERS.append(HOOK)


def answered(
    model: OperationModel, params: Mapping[str, Any], context: Mapping[str, Any], **_: Any
) -> tuple[AWSResponse, Parsed] | None:
    """Return moto's answer in botocore's form; None for a call that must go the usual way."""
    if model.service_model.service_name != "dynamodb" or model.name not in OPERATIONS:
        return None
    if not enabled or not botocore_stubber.enabled or ".amazonaws.com" not in params["url"]:
        return None
    handler = DynamoHandler()
    # The parser of moto reads the body alone, because the protocol is JSON.
    parser: Any = JSONParser(model, map_type=dict)  # type: ignore[arg-type]
    handler.body = handler.params = parser.parse({"body": params["body"]})
    handler.region = context["client_region"]
    handler.current_account = get_account_id_from("AKIAEXAMPLE")
    try:
        result = getattr(handler, camelcase_to_underscores(model.name))().result
    except (ServiceException, HTTPException):
        return None
    found = shaped(dynamo_to_dict(result), model.output_shape)
    response = AWSResponse(params["url"], HTTPStatus.OK, HTTPHeaders(), None)
    return response, found | {"ResponseMetadata": METADATA}


# The least specific event: a test's own handlers of a call come before it.
HOOK: Any = ("before-call", answered)


def shaped(value: Any, shape: Shape | None) -> Any:
    """Return what botocore would read from a value: no unknown member, no None, blobs as bytes."""
    return _reader(shape)(value) if shape is not None else {}


@cache
def _reader(shape: Shape) -> Callable[[Any], Any]:
    kind: Any = shape
    if shape.type_name == "structure":
        members: dict[str, Shape] = dict(kind.members)
        return lambda value: {
            name: shaped(one, members[name])
            for name, one in value.items()
            if one is not None and name in members
        }
    if shape.type_name == "map":
        return lambda value: {name: shaped(one, kind.value) for name, one in value.items()}
    if shape.type_name == "list":
        return lambda value: [shaped(one, kind.member) for one in value]
    if shape.type_name == "timestamp":
        return lambda value: value.replace(tzinfo=UTC)
    if shape.type_name == "blob":
        return lambda value: base64.b64decode(value) if isinstance(value, str) else value
    return lambda value: value
