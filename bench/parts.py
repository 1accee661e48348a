"""Which part of the product a recorded call or invocation belongs to, so that each has a price.

The customer's profile is always on and part of a life's price. The feed of changes and the search
are off by default; the local stack has them on, so what belongs to them is taken out of a life.

The follower writes the feed in the same invocation as other messages. Such an invocation belongs to
the life, with its time. An invocation that only the feed causes belongs to the feed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from local import stack
from local.meter import Call, Invocation, Item, Records
from redress.db import keys
from redress.tickets.rules.ticket import EventType

PROFILE = "the customer's profile"
FEED = "the feed of changes"
SEARCH = "search"
OFF_BY_DEFAULT = (FEED, SEARCH)

_PROFILES = ("CUSTOMER#", "CONTACT#")
_INDEXER = f"{stack.NAME}-indexer"


def part_of_item(item: Item | None) -> str:
    """The part that an item of the table belongs to; "" for the rest of the product."""
    if item is None:
        return ""
    pk = item["pk"]["S"]
    if pk == keys.FEED:
        return FEED
    matched = item.get("type", {}).get("S") == EventType.MATCHED
    return PROFILE if matched or pk.startswith(_PROFILES) else ""


def part_of_invocation(invocation: Invocation) -> str:
    """The part that causes an invocation."""
    if invocation.function == _INDEXER:
        return SEARCH
    changed = invocation.changed
    return FEED if changed and set(changed) == {keys.TICKET} else ""


def of(records: Records, part: str) -> Records:
    """What of a recording belongs to a part, "" for what belongs to none.

    A transaction is divided by its items.
    """
    return Records(
        [] if part else records.api_requests,
        [one for call in records.calls if (one := _within(call, part)) is not None],
        [one for one in records.invocations if part_of_invocation(one) == part],
    )


def together(records: Records) -> Records:
    """What is on by default: all but the parts that are off by default."""
    rest, profile = of(records, ""), of(records, PROFILE)
    return Records(
        rest.api_requests, [*rest.calls, *profile.calls], [*rest.invocations, *profile.invocations]
    )


def _within(call: Call, part: str) -> Call | None:
    """The part of a call that belongs to a part of the product; None if nothing does."""
    if call.by == _INDEXER:
        return call if part == SEARCH else None
    if call.service == "sqs" and "Search" in str(call.request.get("QueueUrl", "")):
        return call if part == SEARCH else None
    if call.service == "s3":
        found = SEARCH if "search" in call.operation.lower() else ""
        return call if part == found else None
    if call.service != "dynamodb":
        return None if part else call
    if call.operation == "Query":
        return call if part_of_item(_queried(call.request)) == part else None
    written = [part_of_item(after or before) == part for before, after in _pairs(call)]
    read = [part_of_item(item) == part for item in _asked(call)]
    if not any([*written, *read]):
        return None
    return replace(
        call,
        before=_chosen(call.before, written),
        after=_chosen(call.after, written),
        read=_chosen(call.read, read),
    )


def _pairs(call: Call) -> list[tuple[Item | None, Item | None]]:
    return list(zip(call.before, call.after, strict=True))


def _asked(call: Call) -> list[Item | None]:
    """The items that a read names: as they were found, or their keys."""
    match call.operation:
        case "GetItem":
            wanted = [call.request["Key"]]
        case "BatchGetItem":
            (asked,) = call.request["RequestItems"].values()
            wanted = asked["Keys"]
        case _:
            return []
    return [item or key for item, key in zip(call.read, wanted, strict=True)]


def _queried(request: Mapping[str, Any]) -> Item | None:
    """An item with the partition key of a query, which is the first value of its condition."""
    values = request.get("ExpressionAttributeValues", {})
    texts = [value["S"] for value in values.values() if "S" in value]
    return {"pk": {"S": texts[0]}} if texts else None


def _chosen[T](given: list[T], flags: list[bool]) -> list[T]:
    return [one for one, flag in zip(given, flags, strict=True) if flag]
