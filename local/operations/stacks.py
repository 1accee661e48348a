"""A deployed stack, found by its name on AWS, or the one that `make up` runs on this laptop."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

ALIAS = "live"
"""Each function has an alias of this name (`AutoPublishAlias` in the template). Callers name it."""
LAPTOP = Path(".local")
"""The folder of the stack on this laptop."""


class NoStack(Exception):
    """There is no such stack. The message says what to do."""


@dataclass(frozen=True)
class Stack:
    """A deployed stack: its name, its outputs, and clients of its services by name."""

    name: str
    outputs: dict[str, str]
    client: Callable[[str], Any] = field(repr=False)

    def function(self, name: str) -> str:
        """Return the name of a function in this stack, such as `redress-mailer`."""
        return f"{self.name}-{name}"


def found(name: str | None, directory: Path = LAPTOP) -> Stack:
    """Return the stack on AWS with this name; None stands for the stack on this laptop.

    Raises NoStack if none runs on this laptop, and errors of boto3 if AWS does not answer.
    """
    chosen, make = reached(name, directory)
    return described(chosen, make)


def reached(name: str | None, directory: Path = LAPTOP) -> tuple[str, Callable[..., Any]]:
    """Return the name of a stack, and what makes clients of its account, as `boto3.client` does.

    The stack itself need not exist, as after its removal. None stands for the stack on this laptop.
    Raises NoStack if no local cloud was set up here.
    """
    if name:
        core = botocore.session.get_session()  # the credentials and the region of the shell
        # A command may make hundreds of calls in a row, and AWS throttles them by account.
        core.set_default_client_config(Config(retries={"mode": "standard", "max_attempts": 8}))
        session: Any = boto3.Session(botocore_session=core)
        return name, session.client
    # Ignore any profile of a real account; boto3 must not even look for it.
    os.environ.pop("AWS_PROFILE", None)
    path = directory / "outputs.json"
    if not path.exists():
        raise NoStack("no stack runs here: start it by `make up`, or name one on AWS (STACK=)")
    read = json.loads(path.read_text(encoding="utf-8"))
    session = boto3.Session(
        aws_access_key_id=read["credentials"]["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=read["credentials"]["AWS_SECRET_ACCESS_KEY"],
        region_name=read["region"],
    )
    endpoint = read["endpoint_url"]
    return "redress", lambda name, **more: session.client(name, endpoint_url=endpoint, **more)


def on_laptop(directory: Path = LAPTOP) -> Stack:
    """Return the stack that `make up` deployed. Raises NoStack if there is none."""
    return described(*reached(None, directory))


def described(name: str, make: Callable[[str], Any]) -> Stack:
    """Return a stack with its outputs from CloudFormation. `make` makes a client of a service."""
    client = shared(make)
    [stack] = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
    return Stack(name, outputs, client)


def shared(make: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a function that makes one client of each service and returns it again."""
    clients: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in clients:
            clients[service] = make(service)
        return clients[service]

    return client
