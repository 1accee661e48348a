"""An account with ten concurrent executions serves customers, and nothing is lost.

`python -m tests.local.test_account_limit` plays the same burst and prints what was throttled;
`--before` gives the parameters of the version before.
"""

from __future__ import annotations

import json
import smtplib
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import boto3
import pytest

from local import process, stack
from local.endpoints import EndpointError, mailbox, wait_for
from local.stack import MAIL_DOMAIN, Outputs
from tests.local.living import complaint

LIMIT = 10
CUSTOMERS, EACH, MAILS = 4, 10, 20
TRIES = 8
BACK_AFTER_S = 60
"""A mail whose worker was throttled is visible again after this time: the least that the worker's
timeout permits, so that the test ends sooner. The template has 360 s."""
PATIENCE_S = 240 + BACK_AFTER_S
BEFORE = {"MailsAtOnce": "5", "ChangesAtOnce": "4", "PartsAtOnce": "10"}


@dataclass
class Burst:
    """What customers saw, and who was throttled."""

    statuses: Counter[int] = field(default_factory=Counter)
    """Of the first attempts of all submissions."""
    accepted: int = 0
    repeated: int = 0
    seconds: float = 0
    acknowledged: int = 0
    throttles: dict[str, int] = field(default_factory=dict)
    set_aside: int = 0


@contextmanager
def limited(folder: Path, parameters: dict[str, str] | None = None) -> Iterator[Outputs]:
    """The product on a cloud whose account runs LIMIT functions at once."""
    cloud = process.start(folder, process.free_port(), concurrency=LIMIT)
    workers, stack.WORKERS = stack.WORKERS, 0  # so many starts at once would be throttled
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stack, "warm", _warm_one_by_one)
            outputs = stack.install(cloud, parameters=parameters)
        queues: Any = boto3.client("sqs", **outputs.client_arguments())
        [url] = queues.list_queues(QueueNamePrefix="redress-InboundQueue-")["QueueUrls"]
        attributes = {"VisibilityTimeout": str(BACK_AFTER_S)}
        queues.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        yield outputs
    finally:
        stack.WORKERS = workers
        process.stop(cloud)


def _warm_one_by_one(cloud: process.Cloud) -> list[str]:
    functions = stack.client(cloud, "lambda")
    pages = functions.get_paginator("list_functions").paginate()
    names = [one["FunctionName"] for page in pages for one in page["Functions"]]
    for name in names:
        functions.invoke(FunctionName=name, Payload=b'{"warm": true}')
    return names


def play(outputs: Outputs) -> Burst:
    """Let customers submit complaints by the API and by mail, until all are acknowledged."""
    seen, lock = Burst(), threading.Lock()

    def submit(name: str) -> None:
        headers = {"Idempotency-Key": f"key-of-{name}", "Content-Type": "application/json"}
        for attempt in range(TRIES):
            request = urllib.request.Request(
                f"{outputs.base_url}/tickets",
                json.dumps(complaint(name)).encode(),
                headers,
                method="POST",
            )
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    status = answer.status
            except urllib.error.HTTPError as error:
                status = error.code
            with lock:
                if attempt == 0:
                    seen.statuses[status] += 1
                else:
                    seen.repeated += 1
                seen.accepted += status == 201
            if status == 201:
                return
            time.sleep(0.25 * 2**attempt)

    def customer(number: int) -> None:
        for one in range(EACH):
            submit(f"c{number}-{one}")

    def write_all() -> None:
        for number in range(MAILS):
            write(number)

    def write(number: int) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"] = f"m{number}@customer.example", f"service@{MAIL_DOMAIN}"
        mail["Subject"], mail["Message-ID"] = f"Matter {number}", f"<{number}@customer.example>"
        mail.set_content("It broke.")
        with smtplib.SMTP("127.0.0.1", outputs.smtp_port, timeout=60) as client:
            client.send_message(mail)

    began = time.monotonic()
    with ThreadPoolExecutor(CUSTOMERS + 1) as pool:
        busy: list[Future[Any]] = [pool.submit(customer, number) for number in range(CUSTOMERS)]
        busy.append(pool.submit(write_all))
        for one in busy:
            one.result()
    addresses = [f"c{n}-{one}@customer.example" for n in range(CUSTOMERS) for one in range(EACH)]
    addresses += [f"m{number}@customer.example" for number in range(MAILS)]

    def all_acknowledged() -> bool:
        seen.acknowledged = sum(
            bool(mailbox(outputs.endpoint_url, address)) for address in addresses
        )
        return seen.acknowledged == len(addresses)

    with suppress(EndpointError):  # the figures say what is missing
        wait_for(all_acknowledged, "every ticket is acknowledged", PATIENCE_S, every=2)
    seen.seconds = time.monotonic() - began
    seen.throttles = _throttles(outputs)
    seen.set_aside = _set_aside(outputs)
    return seen


def _throttles(outputs: Outputs) -> dict[str, int]:
    """How many calls of each function were throttled."""
    metrics: Any = boto3.client("cloudwatch", **outputs.client_arguments())
    functions: Any = boto3.client("lambda", **outputs.client_arguments())
    now, found = datetime.now(UTC), {}
    for function in functions.list_functions()["Functions"]:
        points = metrics.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Throttles",
            Dimensions=[{"Name": "FunctionName", "Value": function["FunctionName"]}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=5),
            Period=7200,
            Statistics=["Sum"],
        )["Datapoints"]
        if count := int(sum(point["Sum"] for point in points)):
            found[function["FunctionName"]] = count
    return found


def _set_aside(outputs: Outputs) -> int:
    """How many messages lie in the dead-letter queues."""
    queues: Any = boto3.client("sqs", **outputs.client_arguments())
    urls = [url for name, url in outputs.stack.items() if name.endswith("DeadLetterQueueUrl")]
    attribute = "ApproximateNumberOfMessages"
    return sum(
        int(
            queues.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])["Attributes"][
                attribute
            ]
        )
        for url in urls
    )


def test_customers_are_served_while_changes_and_mails_come_in_a_burst(tmp_path: Path) -> None:
    with limited(tmp_path) as outputs:
        seen = play(outputs)
    assert seen.accepted == CUSTOMERS * EACH, seen
    # How many calls overlap, and are throttled, depends on how fast this machine makes them. So
    # there is no bound for the first attempts, only one for the patience of a customer.
    assert seen.repeated <= CUSTOMERS * EACH, seen
    assert seen.acknowledged == CUSTOMERS * EACH + MAILS, seen
    assert seen.set_aside == 0, seen


if __name__ == "__main__":
    given = BEFORE if "--before" in sys.argv else None
    with tempfile.TemporaryDirectory() as directory, limited(Path(directory), given) as running:
        print(play(running))
