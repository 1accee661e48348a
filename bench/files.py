"""What one photo costs that a customer sends with a complaint, and what its scan adds.

The photo is sent by the form of S3, checked, copied, scanned, and written on its ticket. Then
nothing happens any more. What is billed is counted as for a life (`bench.bill`). Three things are
added, because no function of the stack does them: the request of the browser to S3, the events that
S3 sends to EventBridge, and the bytes in the bucket. Mail is left out, as in a life.

The local stack looks for EICAR's test file only. So the row of the own scanner has the function's
time to read the photo, but not a host with ClamAV and the time to wait for it. GuardDuty does not
run here. Its row is its list price.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

import boto3

from bench import bill as bills
from bench.bill import Bill, Prices
from bench.report import Figure
from bench.script import wait_until_still
from local import meter
from local.endpoints import EndpointError, call, wait_for
from local.stack import Outputs
from tests import uploads

SCANNED_S = 60
SIZE = 2_000_000
"""Bytes of a photo, as a phone makes it."""
PHOTOS = 1000
EVENTS = 3
"""Events of S3: the upload, the copy and the tag. The bucket sends all of its events, and each is
billed, also if no rule asks for it."""
UPLOAD_DAYS, FILE_DAYS = 7, 30.4
"""How long an upload and its copy lie in the bucket in the first month."""

COMPLAINT = {
    "kind": "complaint",
    "subject": "A broken cup",
    "description": "The cup came in pieces. I send a photo of it.",
    "contact": {"name": "Margaret Hale", "email": "margaret@customer.example"},
    "language": "en",
    "consent": True,
}


def photo() -> bytes:
    """A picture in the format JPEG, as far as its first bytes say so."""
    head = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
    return head + bytes(SIZE - len(head))


def send(outputs: Outputs) -> meter.Records:
    """Open a ticket, and record what happens after its customer sends a photo."""
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    opened = call("POST", f"{outputs.base_url}/tickets", COMPLAINT, headers=headers).json()
    still(outputs)
    meter.switch(outputs.endpoint_url, on=True)
    url = f"{outputs.base_url}/tickets/{opened['number']}/files"
    token = {"Authorization": f"Bearer {opened['token']}"}
    offered = call("POST", url, {"name": "cup.jpg", "size": SIZE}, headers=token).json()
    form = offered["upload"]
    sent = uploads.put_by_form(form["url"], form["fields"], photo())
    if sent.status not in (201, 204):
        raise EndpointError(f"the upload answered {sent.status}: {sent.body}")
    key = f"files/{opened['number']}/{offered['id']}"
    wait_for(lambda: _is_tagged(outputs, key), "the photo is scanned", SCANNED_S)
    still(outputs)
    meter.switch(outputs.endpoint_url, on=False)
    found = call("GET", url, headers=token).json()["files"]
    if [one["state"] for one in found] != ["clean"]:
        raise EndpointError(f"the photo was not found clean: {found}")
    return meter.recorded(outputs.endpoint_url)


def _is_tagged(outputs: Outputs, key: str) -> bool:
    """Whether the scanner has written its verdict. These calls are not those of a function."""
    objects: Any = boto3.client("s3", **outputs.client_arguments())
    place = {"Bucket": outputs.stack["FilesBucketName"], "Key": key}
    try:
        return bool(objects.get_object_tagging(**place)["TagSet"])
    except objects.exceptions.ClientError:
        return False  # it is not copied yet


def still(outputs: Outputs) -> None:
    wait_until_still(lambda: meter.size(outputs.endpoint_url))


def lists(records: meter.Records) -> int:
    """How often a function lists a bucket, which has the price of a write."""
    mine = [call.operation for call in records.calls if call.service == "s3" and call.by]
    return sum(re.fullmatch(r"GET /[^/]+/?", operation) is not None for operation in mine)


def use_of(bill: Bill, gb_seconds: float, lists: int = 0) -> dict[str, float]:
    """How much of each meter one photo uses. `lists` are counted as reads in the bill."""
    kept_gb = SIZE / bills.GB
    return bills.used(bill, gb_seconds) | {
        "object_write": bill.bucket_writes + lists + 1.0,
        "object_read": float(bill.bucket_reads - lists),
        "bus_event": float(EVENTS),
        "object_gb_month": kept_gb * (1 + UPLOAD_DAYS / FILE_DAYS),
    }


def by_guardduty() -> dict[str, float]:
    """What GuardDuty bills for one photo."""
    return {"scan": 1.0, "scanned_gb": SIZE / bills.GB}


def cents(use: Mapping[str, float], known: Prices) -> float:
    """US cents for PHOTOS photos, without mail."""
    dollars = bills.cost({name: n for name, n in use.items() if name != "mail"}, known)
    return 100 * PHOTOS * sum(dollars.values())


def figures(records: meter.Records, bill: Bill, known: Prices) -> list[Figure]:
    """`bill` is that of `records`, which contain one photo and nothing else."""
    scanner = [one for one in records.invocations if one.function.endswith("-scanner")]
    use = use_of(bill, bills.gb_seconds(records.invocations), lists(records))
    scanning: dict[str, Any] = {
        "invocation": float(len(scanner)),
        "gb_second": bills.gb_seconds(scanner),
    }
    note = (
        f"transitions {bill.transitions}, {bill.invocations} invocations, "
        f"{use['object_write']:g} writes and {use['object_read']:g} reads of the bucket"
    )
    kept = {"object_gb_month": use["object_gb_month"]}
    return [
        Figure(f"{PHOTOS:,} photos of 2 MB, without mail", cents(use, known), "cents", note=note),
        Figure("  of these, stored for a month", cents(kept, known), "cents"),
        Figure(
            "  of these, the own scanner's function",
            cents(scanning, known),
            "cents",
            note="EICAR only; a host with ClamAV has its own price",
        ),
        Figure(
            "  in addition with GuardDuty, list price",
            cents(by_guardduty(), known),
            "cents",
            note="in place of the own scanner; not run here",
        ),
    ]
