"""Relay and follower, invoked as Lambda documents it, while services refuse calls.

A partial answer is a checkpoint: everything from the first failed record on is delivered again, and
later batches wait. So a refused mail queue may delay other mails, but never a signal.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.core.config import default_user_config
from moto.stepfunctions.models import StepFunctionBackend

from local.filters import READERS
from redress.base.people import Member
from redress.db import keys
from redress.tickets.rules.steps import by_staff, by_system
from redress.tickets.rules.steps.matching import match
from redress.wiring import clients
from redress.workflow.cases import follower
from tests.builders import MEI, Clock
from tests.customers.builders import LI_NA
from tests.invoker import Invoker
from tests.streams import Stream
from tests.wired import ACCOUNT, REGION, TABLE, set_environment
from tests.world import Context, Opener, Stores, aws, create_idle_machine

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:redress-ticket"
TICKETS = 6
SMALL = 4
"""A batch size at which later tickets are in later batches."""
FEW = 20
"""Turns while a service refuses: enough for each batch once, if none is held back."""

Event = dict[str, Any]


class World:
    """The table's stream, its two readers, and the services that they call."""

    def __init__(
        self,
        load: Callable[[str], ModuleType],
        context: Context,
        monkeypatch: pytest.MonkeyPatch,
        stores: Stores,
        clock: Clock,
    ) -> None:
        self._load, self._context, self.stores, self.clock = load, context, stores, clock
        self.mails = aws("sqs").create_queue(QueueName="mails")["QueueUrl"]
        self.dead = aws("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]
        set_environment(
            monkeypatch,
            TICKET_MACHINE_ARN=MACHINE,
            MAIL_QUEUE_URL=self.mails,
            DEAD_LETTER_QUEUE_URL=self.dead,
            ASSIGNER_FUNCTION="redress-assigner",
        )
        create_idle_machine("redress-ticket")
        self._stream, self.shard = Stream(TABLE, REGION, readers=()), list[Event]()
        self.readers = {
            name: Invoker(name, functools.partial(self.handle, name), BatchSize=SMALL)
            for name in READERS
        }
        self.requests, self.answered = list[Any](), list[str]()
        monkeypatch.setattr(follower, "ACKNOWLEDGE_AFTER_S", 0)
        monkeypatch.setattr(LambdaSimpleBackend, "invoke", self._invoked)
        monkeypatch.setattr(
            StepFunctionBackend,
            "send_task_success",
            lambda _, token, output: self.answered.append(token),
        )

    def handle(self, function: str, event: Event) -> Event:
        answer: Event = self._load(function).handler(event, self._context)
        return answer

    def _invoked(self, name: str, qualifier: Any, body: Any, *rest: Any) -> bytes:
        self.requests.append(json.loads(body))
        return b""

    def open(self, count: int = TICKETS) -> list[str]:
        """Submit tickets. Return their numbers."""
        return [Opener(self.stores, self.clock)().number for _ in range(count)]

    @contextmanager
    def refused(self, service: str, operation: str) -> Iterator[None]:
        """An operation that a service refuses."""

        def refuse(**parameters: Any) -> Any:
            raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, operation)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clients.client(service, retries=0), operation, refuse)
            yield

    def turn(self, turns: int = 200) -> None:
        """Let both readers work, each for at most this many turns."""
        self.shard += self._stream.records()
        for reader in self.readers.values():
            reader.run(self.shard, turns)

    def offered(self) -> set[str]:
        """The tickets for which the assigner was asked for an agent."""
        return {request["ticket"] for request in self.requests if "ticket" in request}

    def started(self) -> set[str]:
        """The tickets whose first execution was started."""
        found = aws("stepfunctions").list_executions(stateMachineArn=MACHINE)["executions"]
        return {execution["name"].removesuffix("-1") for execution in found}

    def jobs(self) -> Counter[str]:
        """How often each mail job is in the queue."""
        found: Counter[str] = Counter()
        sqs = aws("sqs")
        while messages := sqs.receive_message(QueueUrl=self.mails, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            found.update(message["Body"] for message in messages)
            for one in messages:
                sqs.delete_message(QueueUrl=self.mails, ReceiptHandle=one["ReceiptHandle"])
        return found

    def lost(self) -> list[Any]:
        """What was set aside or given up."""
        found = aws("sqs").receive_message(QueueUrl=self.dead, MaxNumberOfMessages=10)
        given_up = [one for reader in self.readers.values() for one in reader.given_up]
        return [*found.get("Messages", []), *given_up]

    def acknowledge(self, number: str) -> None:
        """Let the workflow fall asleep, as the state machine does it; acknowledge the ticket."""
        armed = {
            "token": {"S": f"token of {number}"},
            "seq": {"N": "1"},
            "phase": {"S": "acknowledgement"},
        }
        aws("dynamodb").update_item(
            TableName=TABLE,
            Key={"pk": {"S": keys.ticket_pk(number)}, "sk": {"S": keys.TIMER}},
            UpdateExpression="SET armed = :armed REMOVE awake, awake_since",
            ExpressionAttributeValues={":armed": {"M": armed}},
        )
        ticket, plan = self.stores.tickets.get(number), self.stores.plans.current()
        decided = by_system.acknowledge(ticket, plan, self.clock.advance(seconds=1))
        assert decided is not None
        self.stores.tickets.commit(decided, self.clock.now())


def is_event(record: Event) -> bool:
    return bool(record["dynamodb"]["Keys"]["sk"]["S"].startswith(keys.EVENT_PREFIX))


def acknowledgement(number: str) -> str:
    return f'{{"number":"{number}","event":1,"template":"acknowledgement","audience":"customer"}}'


@pytest.fixture
def world(
    table: str,
    stores: Stores,
    staff: dict[str, Member],
    clock: Clock,
    context: Context,
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    monkeypatch.setitem(default_user_config, "lambda", {"use_docker": False})
    return World(load_function, context, monkeypatch, stores, clock)


@pytest.mark.parametrize(
    ("service", "operation"), [("sqs", "send_message_batch"), ("lambda", "invoke")]
)
def test_every_workflow_starts_and_every_signal_goes_out_while_a_receiver_refuses(
    world: World, service: str, operation: str
) -> None:
    numbers = world.open()
    with world.refused(service, operation):
        world.turn(FEW)
        assert world.started() == set(numbers)
        for number in numbers:
            world.acknowledge(number)
        world.turn(FEW)
        assert sorted(world.answered) == sorted(f"token of {number}" for number in numbers)
    world.turn()
    assert world.jobs() == Counter(map(acknowledgement, numbers)), "afterwards every mail goes once"
    assert world.lost() == []


def test_one_reader_for_signals_and_mails_would_hold_back_starts(world: World) -> None:
    """Why there are two readers. It also shows that the invoker can tell the difference."""

    def both(event: Event) -> Event:
        answers = [world.handle(name, event) for name in READERS]
        failed = [entry for answer in answers for entry in answer["batchItemFailures"]]
        return {"batchItemFailures": failed}

    numbers = world.open()
    single = Invoker("relay", both, BatchSize=SMALL, FilterCriteria={})
    world.turn(0)
    with world.refused("sqs", "send_message_batch"):
        single.run(world.shard, FEW)
    assert world.started() < set(numbers)


def test_refused_assigner_holds_back_no_mail(world: World) -> None:
    """The sweep asks again: it drains every queue."""
    numbers = world.open()
    with world.refused("lambda", "invoke"):
        world.turn()
        assert world.jobs() == Counter(map(acknowledgement, numbers))
    assert world.requests == []


def test_refused_search_for_duplicates_is_set_aside_and_holds_back_no_mail(
    world: World, stores: Stores
) -> None:
    """No sweep compares tickets, so the record waits for whoever puts dead letters back."""
    number, *others = world.open()
    stores.changes.change(number, lambda t, p, at: match(t, p, LI_NA, "email", at))
    with world.refused("lambda", "invoke"):
        world.turn()
        assert world.jobs() == Counter(map(acknowledgement, (number, *others)))
    [letter] = world.lost()
    assert json.loads(letter["Body"])["fault"] == "NotCompared"
    assert world.requests == []
    later = world.open(1)[0]
    stores.changes.change(later, lambda t, p, at: match(t, p, LI_NA, "email", at))
    world.turn()
    assert {"compare": later} in world.requests


def test_refused_mail_queue_holds_back_only_requests_of_later_batches(world: World) -> None:
    world.open()
    with world.refused("sqs", "send_message_batch"):
        world.turn(FEW)
    begin = [is_event(record) for record in world.shard].index(True) // SMALL * SMALL
    repeated = filter(is_event, world.shard[begin : begin + SMALL])
    numbers = {keys.number_of(one["dynamodb"]["Keys"]["pk"]["S"]) for one in repeated}
    assert world.offered() == numbers


def test_refused_workflow_service_holds_back_no_mail_and_no_request(world: World) -> None:
    numbers = world.open()
    with world.refused("stepfunctions", "start_execution"):
        world.turn(FEW)
        assert world.started() == set()
    world.turn(0)
    world.readers["follower"].run(world.shard, 200)
    assert world.jobs() == Counter(map(acknowledgement, numbers))
    assert world.offered() == set(numbers)
    world.turn()
    assert world.started() == set(numbers)


def test_new_reader_that_begins_with_the_oldest_record_repeats_the_messages_of_the_day(
    world: World,
) -> None:
    """The mapping of the follower is new in a stack that the version before deployed.

    The mailer and the assigner ignore repeated messages: see `posting` and `AssignmentCase.assign`.
    """
    [number] = world.open(1)
    ticket, plan = world.stores.tickets.get(number), world.stores.plans.current()
    at = world.clock.advance(hours=1)
    replied = by_staff.reply(ticket, plan, MEI, "An answer", False, at)
    world.stores.tickets.commit(replied, at)
    world.turn()
    first = world.jobs()
    assert len(first) == 2
    newcomer = Invoker("follower", functools.partial(world.handle, "follower"), BatchSize=SMALL)
    newcomer.run(world.shard, 200)
    assert world.jobs() == first
