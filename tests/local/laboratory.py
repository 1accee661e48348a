"""Small AWS resources on a cloud, made in one call each: functions from text, machines, queues."""

from __future__ import annotations

import functools
import io
import json
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

from local import stack
from local.process import Cloud

ROLE = "arn:aws:iam::000000000000:role/laboratory"


_client = functools.cache(stack.client)


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


def eventually[T](look: Callable[[], T | None], what: str, seconds: float = 20) -> T:
    """The first result that is true; fails with `what` if there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def archive(**files: str) -> bytes:
    """A zip with these texts, the same for the same texts; `__` in a name is a slash."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as content:
        for name, text in files.items():
            file = zipfile.ZipInfo(f"{name.replace('__', '/')}.py")
            content.writestr(file, dedent(text))
    return buffer.getvalue()


@dataclass(frozen=True)
class Laboratory:
    """Makes things on one cloud. Names are unique, so that tests need not clean up."""

    cloud: Cloud

    def client(self, service: str) -> Any:
        """One for all callers: each client has exception classes of its own."""
        return _client(self.cloud, service)

    def function(self, code: str, layers: tuple[str, ...] = (), **settings: Any) -> str:
        """A function whose module `app` has this text. Its name."""
        name = unique("function")
        defaults = {"Timeout": 20, "Runtime": "python3.13", "Role": ROLE, "Handler": "app.handler"}
        self.client("lambda").create_function(
            FunctionName=name,
            Code={"ZipFile": archive(app=code)},
            Layers=list(layers),
            **(defaults | settings),
        )
        functions = self.client("lambda")

        def is_active() -> bool:
            state = functions.get_function_configuration(FunctionName=name)["State"]
            return bool(state == "Active")

        eventually(is_active, f"{name} is active")
        return name

    def arn(self, function: str) -> str:
        return f"arn:aws:lambda:us-east-1:000000000000:function:{function}"

    def invoke(self, function: str, payload: Any = None) -> tuple[Any, str | None]:
        """The answer, and `Unhandled` if the function raised."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload))
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def machine(self, definition: dict[str, Any]) -> str:
        made = self.client("stepfunctions").create_state_machine(
            name=unique("machine"), definition=json.dumps(definition), roleArn=ROLE
        )
        return str(made["stateMachineArn"])

    def start(self, machine: str, given: Any, name: str | None = None) -> str:
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=machine, input=json.dumps(given), name=name or unique("execution")
        )
        return str(started["executionArn"])

    def ended(self, execution: str, seconds: float = 20) -> dict[str, Any]:
        """The description of an execution that has ended."""
        states = self.client("stepfunctions")

        def look() -> dict[str, Any] | None:
            described: dict[str, Any] = states.describe_execution(executionArn=execution)
            return described if described["status"] != "RUNNING" else None

        return eventually(look, f"{execution} ends", seconds)

    def run(self, definition: dict[str, Any], given: Any, seconds: float = 20) -> dict[str, Any]:
        """One execution from beginning to end."""
        return self.ended(self.start(self.machine(definition), given), seconds)

    def table(self, **settings: Any) -> str:
        name = unique("table")
        self.client("dynamodb").create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            **settings,
        )
        return name

    def put(self, table: str, key: str, **attributes: str) -> None:
        values = {name: {"S": value} for name, value in attributes.items()}
        self.client("dynamodb").put_item(TableName=table, Item={"pk": {"S": key}} | values)

    def item(self, table: str, key: str) -> dict[str, Any]:
        found = self.client("dynamodb").get_item(TableName=table, Key={"pk": {"S": key}})
        item: dict[str, Any] = found.get("Item", {})
        return item

    def queue(self, **attributes: str) -> tuple[str, str]:
        """Address and ARN of a new queue."""
        queues = self.client("sqs")
        url = queues.create_queue(QueueName=unique("queue"), Attributes=attributes)["QueueUrl"]
        found = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, found["Attributes"]["QueueArn"]

    def received(self, url: str, count: int = 1, seconds: float = 20) -> list[Any]:
        """Bodies of this many messages, which are taken from the queue."""
        queues = self.client("sqs")
        bodies: list[Any] = []

        def look() -> bool:
            for message in queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
                "Messages", []
            ):
                queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                bodies.append(json.loads(message["Body"]))
            return len(bodies) >= count

        eventually(look, f"{count} messages", seconds)
        return bodies

    def deploy(self, template: dict[str, Any]) -> dict[str, str]:
        """A stack of CloudFormation's own resources. Its outputs."""
        stacks = self.client("cloudformation")
        name = unique("stack")
        stacks.create_stack(
            StackName=name,
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        stacks.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        made = stacks.describe_stacks(StackName=name)["Stacks"][0]
        return {out["OutputKey"]: out["OutputValue"] for out in made.get("Outputs", [])}

    def call(
        self, url: str, method: str = "GET", data: bytes | None = None, **headers: str
    ) -> tuple[int, Any, bytes]:
        """Status, headers and body of one request; `_` in a header's name is a dash."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, data, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()
