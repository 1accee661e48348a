"""Reads what a run left behind from the running local cloud."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import boto3

from local.stack import Outputs
from tests.chaos import evidence
from tests.chaos.evidence import Evidence
from tests.chaos.ledger import Ledger

DEAD = "DeadLetter"
"""A part of the names of dead-letter queues among the outputs of the stack."""


def read(outputs: Outputs, ledger: Ledger, began: datetime) -> Evidence:
    """Everything that the checker needs, but what the run itself did: its faults and repairs."""
    tables: Any = boto3.resource("dynamodb", **outputs.client_arguments())
    running = _running(outputs)
    pages = tables.meta.client.get_paginator("scan").paginate(
        TableName=outputs.stack["TableName"], ConsistentRead=True
    )
    found = [item for page in pages for item in page["Items"]]
    queues = client(outputs, "sqs")
    urls = {
        name.removesuffix("Url"): url
        for name, url in outputs.stack.items()
        if name.endswith("QueueUrl")
    }
    return Evidence(
        **evidence.tables(found),
        began=began,
        ended=datetime.now(UTC),
        running=running,
        outbox=evidence.outbox(outputs.directory / "mailbox"),
        left={name: _length(queues, url) for name, url in urls.items() if DEAD not in name},
        dead={name: _bodies(queues, url) for name, url in urls.items() if DEAD in name},
        submissions=ledger.submissions(),
        said=ledger.words(),
        mailed=ledger.mails(),
    )


def client(outputs: Outputs, service: str) -> Any:
    """A client of an AWS service of this cloud."""
    made: Any = boto3.client
    return made(service, **outputs.client_arguments())


def _running(outputs: Outputs) -> list[str]:
    machines = client(outputs, "stepfunctions")
    pages = machines.get_paginator("list_executions").paginate(
        stateMachineArn=outputs.stack["TicketMachineArn"], statusFilter="RUNNING"
    )
    return [one["name"] for page in pages for one in page["executions"]]


def _length(queues: Any, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    names.append("ApproximateNumberOfMessagesDelayed")
    found = queues.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def _bodies(queues: Any, url: str) -> list[str]:
    """The messages of a dead-letter queue, which stay there."""
    found: dict[str, str] = {}
    for _ in range(max(1, _length(queues, url))):
        answer = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1)
        found |= {one["MessageId"]: one["Body"] for one in answer.get("Messages", [])}
    return list(found.values())
