"""What of a recording belongs to which part of the product."""

from __future__ import annotations

from typing import Any

from bench import bill, parts
from local.filters import READERS
from local.meter import Call, Invocation, Records


def item(pk: str, sk: str, **more: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}} | {name: {"S": text} for name, text in more.items()}


SNAPSHOT = item("TICKET#a", "TICKET") | {"version": {"N": "2"}}
MATCHED = item("TICKET#a", "EVENT#000002", type="matched")
ASSIGNED = item("TICKET#a", "EVENT#000003", type="assigned")
PROFILE = item("CUSTOMER#c", "PROFILE")
ENTRY = item("FEED", "000000000001")


def written(*items: dict[str, Any], by: str = "redress-assigner") -> Call:
    operation = "TransactWriteItems" if len(items) > 1 else "PutItem"
    return Call("dynamodb", operation, by, 200, {}, [None] * len(items), list(items))


def followed(*changed: str, function: str = "redress-follower") -> Invocation:
    return Invocation(function, 512, 0.1, 0.1, False, "stream", [], list(changed))


def units(records: Records) -> int:
    return bill.bill_of(records, (), ()).write_units


def test_transaction_is_divided_by_its_items() -> None:
    records = Records(calls=[written(SNAPSHOT, MATCHED, ASSIGNED, PROFILE)])
    assert [units(parts.of(records, part)) for part in ("", parts.PROFILE, parts.FEED)] == [4, 4, 0]
    assert units(parts.together(records)) == units(records) == 8


def test_feed_is_no_part_of_what_is_on_by_default() -> None:
    query = {"ExpressionAttributeValues": {":pk": {"S": "FEED"}}}
    asked = Call("dynamodb", "Query", "redress-follower", 200, query, read=[ENTRY])
    records = Records(
        calls=[written(SNAPSHOT), written(ENTRY, by="redress-follower"), asked],
        invocations=[followed("TICKET"), followed("EVENT#000001", "TICKET"), followed("DUTY")],
    )
    own = parts.together(records)
    assert (len(own.calls), len(own.invocations)) == (1, 2)
    fed = parts.of(records, parts.FEED)
    assert (len(fed.calls), [one.changed for one in fed.invocations]) == (2, [["TICKET"]])


def test_feed_pays_for_the_invocations_that_only_it_causes() -> None:
    alone = written(SNAPSHOT, ASSIGNED)
    opened = item("TICKET#a", "EVENT#000001", type="opened")
    both = written(SNAPSHOT, opened)
    assert [sum(bill.deliveries(call, r) for r in READERS) for call in (alone, both)] == [0, 1]
    assert bill.of_part(Records(calls=[alone]), parts.FEED, ()).invocations == 1
    assert bill.of_part(Records(calls=[both]), parts.FEED, ()).invocations == 0


def test_search_has_its_function_its_queue_and_its_bucket() -> None:
    queue = {"QueueUrl": "http://localhost/1/redress-SearchQueue-1A2B"}
    calls = [
        Call("sqs", "SendMessage", "redress-follower", 200, queue),
        Call("s3", "PUT /redress-searchbucket/segments/1", "redress-indexer", 200),
        Call("s3", "GET /redress-searchbucket/manifest.json", "redress-staff", 200),
        Call(
            "sqs", "SendMessage", "redress-follower", 200, {"QueueUrl": "http://localhost/1/Mail"}
        ),
    ]
    indexer = followed(function="redress-indexer")
    records = Records(calls=calls, invocations=[indexer, followed("EVENT#000001")])
    found = bill.of_part(records, parts.SEARCH, ())
    assert (found.queue_requests, found.bucket_writes, found.bucket_reads) == (1, 1, 1)
    own = parts.together(records)
    assert (own.calls, own.invocations) == (calls[3:], records.invocations[1:])
