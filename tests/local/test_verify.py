"""`make verify-aws` on the deployed stack: it is green, it finds a change, and it only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient

from local.operations import stacks
from local.operations.verify import __main__ as command
from local.operations.verify.checks import Result, results, subject_of
from local.operations.verify.laptop import NOT_ON_THE_LAPTOP, not_on_the_laptop
from local.operations.verify.reading import READS
from local.stack import Outputs


@contextmanager
def calls_of_boto3() -> Iterator[list[tuple[str, str]]]:
    """The service and the operation of every call that this process makes."""
    made: list[tuple[str, str]] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def recorded(self: Any, operation: str, arguments: Any) -> Any:
        made.append((self.meta.service_model.service_name, operation))
        return call(self, operation, arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", recorded)
        yield made


def test_stack_is_as_the_template_says_and_only_read(
    deployed: Outputs, capsys: pytest.CaptureFixture[str]
) -> None:
    with calls_of_boto3() as made:
        status = command.main(["--directory", str(deployed.directory)])
    said = capsys.readouterr().out
    wrong = [line for line in said.splitlines() if line.startswith(("differs", "could not look"))]
    assert wrong == []
    assert status == 0
    assert said.count("\nok ") > 100
    own = {service.replace("states", "stepfunctions") for service, _ in made}
    assert own <= set(READS)
    assert [
        op for _, op in made if not op.startswith(("Get", "List", "Describe", "Simulate"))
    ] == []


def test_each_exception_for_the_laptop_is_still_needed(deployed: Outputs) -> None:
    found = [one for one in _results(deployed) if one.status == "not here"]
    used = {one.text for one in found}
    for what, beginning, reason in NOT_ON_THE_LAPTOP:
        assert any(text == f"{beginning}: {reason}" for text in used), what
    assert not_on_the_laptop("MailQueue", "VisibilityTimeout is 1, not 60") is None


def test_change_by_hand_is_found(deployed: Outputs, aws: Callable[[str], Any]) -> None:
    queues, url = aws("sqs"), deployed.stack["MailDeadLetterQueueUrl"]
    queues.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "60"})
    try:
        found = [str(one) for one in _results(deployed) if one.status == "differs"]
    finally:
        kept = {"MessageRetentionPeriod": "1209600"}
        queues.set_queue_attributes(QueueUrl=url, Attributes=kept)
    [line] = found
    assert "MailDeadLetterQueue" in line
    assert "MessageRetentionPeriod is 60, not 1209600" in line


def _results(deployed: Outputs) -> list[Result]:
    return list(results(subject_of(stacks.on_laptop(deployed.directory))))
