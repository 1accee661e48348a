"""`make letters` on the deployed stack: dead letters of each kind are listed and put back."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from local.endpoints import mailbox, wait_for
from local.process import ROOT
from local.stack import Outputs
from local.story import World
from tests.local.living import asleep, complaint, opened


def letters(outputs: Outputs, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as the Makefile does."""
    return subprocess.run(
        [sys.executable, "-m", "local.letters", "--directory", str(outputs.directory), *arguments],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_letters_of_each_kind_are_listed_and_put_back(
    world: World, deployed: Outputs, aws: Callable[[str], Any]
) -> None:
    sqs, table = aws("sqs"), deployed.stack["TableName"]
    number = opened(world, "letters").number
    asleep(deployed, number)
    described = aws("dynamodb").describe_table(TableName=table)["Table"]
    stream = described["LatestStreamArn"]
    [shard, *_] = aws("dynamodbstreams").describe_stream(StreamArn=stream)["StreamDescription"][
        "Shards"
    ]
    iterator = aws("dynamodbstreams").get_shard_iterator(
        StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = aws("dynamodbstreams").get_records(ShardIterator=iterator)["Records"]
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    batch = {
        "shardId": shard["ShardId"],
        "startSequenceNumber": numbers[0],
        "endSequenceNumber": numbers[-1],
        "approximateArrivalOfFirstRecord": "2026-11-23T01:00:00Z",
        "batchSize": len(numbers),
        "streamArn": stream,
    }
    arn = "arn:aws:lambda:us-east-1:000000000000:function:redress-{}:$LATEST"
    job = {"number": number, "event": 1, "template": "acknowledgement", "audience": "customer"}
    keys = {"pk": {"S": f"TICKET#{number}"}}
    bodies: dict[str, list[Any]] = {
        "SignalDeadLetterQueueUrl": [
            {"keys": keys | {"sk": {"S": "TIMER"}}, "sequence": "1", "fault": "KeyError"}
        ],
        "EventDeadLetterQueueUrl": [
            {"keys": keys | {"sk": {"S": "EVENT#000001"}}, "sequence": "2", "fault": "KeyError"},
            {
                "requestContext": {
                    "functionArn": arn.format("follower"),
                    "condition": "MaxRecordAgeExceeded",
                },
                "DDBStreamBatchInfo": batch,
            },
        ],
        "DeadLetterQueueUrl": [
            {
                "requestContext": {"functionArn": arn.format("assigner"), "condition": "x"},
                "requestPayload": {"ticket": number},
                "responsePayload": {"errorType": "Failed"},
            },
            {"task": "reconcile"},
            {"period": "previous"},
        ],
        "MailDeadLetterQueueUrl": [job],
    }
    for output, several in bodies.items():
        for body in several:
            sqs.send_message(QueueUrl=deployed.stack[output], MessageBody=json.dumps(body))

    listed = letters(deployed)
    assert listed.returncode == 0, listed.stdout + listed.stderr
    for words in (
        f"a signal to the workflow of ticket {number}",
        f"what follows from event 1 of ticket {number}",
        f"{len(numbers)} stream records since",
        f"the request to find an agent for ticket {number}",
        "the scheduled task reconcile",
        "the scoring of the month",
        f"the mail acknowledgement to customer, ticket {number}, event 1",
    ):
        assert words in listed.stdout

    began = int(time.time() * 1000)
    done = letters(deployed, "--back", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 put back, 0 deleted, 0 stay" in done.stdout
    assert "The dead-letter queues are empty." in letters(deployed).stdout
    runs = aws("stepfunctions").list_executions(stateMachineArn=deployed.stack["ScoresMachineArn"])
    assert [one for one in runs["executions"] if one["name"].startswith("letter-")]

    # The queue itself may be never empty: mails of other tests can wait in it for long.
    def repeated() -> bool:
        return any(
            number in event["message"] and "sent_before" in event["message"]
            for page in aws("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName="/aws/lambda/redress-mailer", startTime=began)
            for event in page["events"]
        )

    wait_for(repeated, "the job that was put back is done", 240, every=1)
    customer = complaint("letters")["contact"]["email"]
    received = [one for one in mailbox(deployed.endpoint_url, customer) if number in one.subject]
    assert len(received) == 1, "a repeated job has no second effect"


def test_wrong_id_is_refused(deployed: Outputs) -> None:
    done = letters(deployed, "--back", "0123456789")
    assert done.returncode == 1
    assert "'0123456789' begins 0 ids of messages" in done.stdout
