"""Query and stop executions of the ticket state machine, and fingerprint its definition."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

PAGE = 1000
"""The most executions that one call of ListExecutions returns (Step Functions API Reference)."""

DEAD = ("FAILED", "TIMED_OUT", "ABORTED")
"""The statuses of an execution that ended without success."""
MISSING = "MISSING"
"""The status of an execution that was never started or that Step Functions has deleted."""


@dataclass(frozen=True, slots=True)
class Used:
    """The revision of the state machine with which an execution was started.

    `definition` is a fingerprint, like `Executions.definition`. `since` is when the machine was
    updated to this revision (created, for the first one).
    """

    definition: str
    since: datetime


class Executions:
    def __init__(self, step_functions: Any, machine: str) -> None:
        self._sfn, self._machine = step_functions, machine

    def status(self, name: str) -> str:
        """The status of an execution: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED, MISSING."""
        try:
            found = self._sfn.describe_execution(executionArn=self._arn(name))
        except self._sfn.exceptions.ExecutionDoesNotExist:
            return MISSING
        status: str = found["status"]
        return status

    def running(self) -> dict[str, datetime]:
        """Return the start time of each running execution, by name. The list may be seconds old."""
        pages = self._sfn.get_paginator("list_executions").paginate(
            stateMachineArn=self._machine,
            statusFilter="RUNNING",
            PaginationConfig={"PageSize": PAGE},
        )
        return {
            execution["name"]: execution["startDate"].astimezone(UTC)
            for page in pages
            for execution in page["executions"]
        }

    def definition(self) -> str:
        """Return a fingerprint of the state machine's definition and role.

        An execution keeps the definition and the role with which it was started. White space and
        the order of keys in the definition do not change the fingerprint.
        """
        return _fingerprint(self._sfn.describe_state_machine(stateMachineArn=self._machine))

    def used_by(self, name: str) -> Used | None:
        """Return the revision that an execution uses. None if the execution does not exist.

        The fields of the answer are those of `DescribeStateMachineForExecution` in the API
        reference. Step Functions throttles this call to a few a second.
        """
        try:
            found = self._sfn.describe_state_machine_for_execution(executionArn=self._arn(name))
        except self._sfn.exceptions.ExecutionDoesNotExist:
            return None
        return Used(_fingerprint(found), found["updateDate"].astimezone(UTC))

    def stop(self, name: str, cause: str) -> None:
        """Stop an execution. Does nothing if it has already ended or does not exist."""
        nothing_to_stop = (
            self._sfn.exceptions.ExecutionDoesNotExist,
            self._sfn.exceptions.ValidationException,
        )
        with contextlib.suppress(*nothing_to_stop):
            self._sfn.stop_execution(executionArn=self._arn(name), error="Superseded", cause=cause)

    def _arn(self, name: str) -> str:
        return f"{self._machine.replace(':stateMachine:', ':execution:')}:{name}"


def _fingerprint(machine: Mapping[str, Any]) -> str:
    content = json.dumps([machine["roleArn"], json.loads(machine["definition"])], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
