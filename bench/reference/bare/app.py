"""The lower bound for an intake: only the transaction that opens a ticket.

The file TRANSACTION holds the arguments of one `transact_write_items` of the product as JSON. In
it, NUMBER and DIGEST are placeholders for the ticket's number and its key's digest; both are
replaced by random digits for each transaction.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

import botocore.session

client: Any = botocore.session.get_session().create_client("dynamodb")
text = Path(os.environ["TRANSACTION"]).read_text()
NUMBER, DIGEST = os.environ["NUMBER"], os.environ["DIGEST"]


def write() -> str:
    digits = secrets.token_hex(5).upper()
    number = f"R-{digits[:5]}-{digits[5:]}"
    drawn = text.replace(NUMBER, number).replace(DIGEST, secrets.token_hex(len(DIGEST) // 2))
    client.transact_write_items(**json.loads(drawn))
    return number


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Write transactions for `event["seconds"]`. Returns their number and the time they took in s.

    For an event without `seconds`, write one transaction and return an HTTP response.
    """
    if "seconds" not in event:
        body = json.dumps({"number": write()})
        return {"statusCode": 201, "headers": {"Content-Type": "application/json"}, "body": body}
    began, done = time.monotonic(), 0
    while time.monotonic() < began + event["seconds"]:
        write()
        done += 1
    return {"done": done, "seconds": time.monotonic() - began}
