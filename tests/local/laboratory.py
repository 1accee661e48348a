"""Creates small AWS resources on a local cloud, one call each: functions, machines, queues."""

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


def eventually[T](find: Callable[[], T | None], what: str, seconds: float = 20) -> T:
    """The first truthy result of `find`; fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = find()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def archive(**files: str) -> bytes:
    """A zip of Python files with these texts; `__` in a name is a slash. Equal texts, equal zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as content:
        for name, text in files.items():
            file = zipfile.ZipInfo(f"{name.replace('__', '/')}.py")
            content.writestr(file, dedent(text))
    return buffer.getvalue()


@dataclass(frozen=True)
class Laboratory:
    """Creates resources on one cloud. Names are unique, so tests need not clean up."""

    cloud: Cloud

    def client(self, service: str) -> Any:
        """One shared client for each service, because each client has its own exception classes."""
        return _client(self.cloud, service)

    def function(self, code: str, layers: tuple[str, ...] = (), **settings: Any) -> str:
        """Creates a function whose module `app` has this text. Returns its name."""
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

    def alias(self, function: str) -> str:
        """Publishes a version of a function, with the alias `live`. Returns the alias's ARN."""
        functions = self.client("lambda")
        version = functions.publish_version(FunctionName=function)["Version"]
        made = functions.create_alias(FunctionName=function, Name="live", FunctionVersion=version)
        return str(made["AliasArn"])

    def arn(self, function: str) -> str:
        return f"arn:aws:lambda:us-east-1:000000000000:function:{function}"

    def invoke(self, function: str, payload: Any = None) -> tuple[Any, str | None]:
        """Invokes a function. Returns its answer, and "Unhandled" if it raised, else None."""
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
        """Waits until an execution has ended. Returns its description."""
        states = self.client("stepfunctions")

        def look() -> dict[str, Any] | None:
            described: dict[str, Any] = states.describe_execution(executionArn=execution)
            return described if described["status"] != "RUNNING" else None

        return eventually(look, f"{execution} ends", seconds)

    def run(self, definition: dict[str, Any], given: Any, seconds: float = 20) -> dict[str, Any]:
        """Runs a state machine once, to its end. Returns the execution's description."""
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
        """Creates a queue. Returns its URL and ARN."""
        queues = self.client("sqs")
        url = queues.create_queue(QueueName=unique("queue"), Attributes=attributes)["QueueUrl"]
        found = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, found["Attributes"]["QueueArn"]

    def received(self, url: str, count: int = 1, seconds: float = 20) -> list[Any]:
        """Waits for `count` messages, deletes them and returns their bodies."""
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
        """Creates a CloudFormation stack. Returns its outputs."""
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
        """Sends a request. Returns status, headers and body. `_` in a header's name is a dash."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, data, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()
