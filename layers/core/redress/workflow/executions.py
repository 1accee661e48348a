"""The executions of the ticket machine: which ones run, how one ended, under which definition."""

from __future__ import annotations

import contextlib
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

PAGE = 1000
"""Executions that one ListExecutions gives at most (its API reference)."""

DEAD = ("FAILED", "TIMED_OUT", "ABORTED")
MISSING = "MISSING"
"""The status of an execution that was never started, or that Step Functions has forgotten."""


class Executions:
    def __init__(self, step_functions: Any, machine: str) -> None:
        self._sfn, self._machine = step_functions, machine

    def status(self, name: str) -> str:
        """RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED or MISSING."""
        try:
            found = self._sfn.describe_execution(executionArn=self._arn(name))
        except self._sfn.exceptions.ExecutionDoesNotExist:
            return MISSING
        status: str = found["status"]
        return status

    def running(self) -> dict[str, datetime]:
        """When each running execution started, by name; may be a few seconds behind the truth."""
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
        """A fingerprint of what an execution keeps from its start: the definition and the role.

        Of what the definition says, not of how it is written: other blanks are no other machine.
        """
        found = self._sfn.describe_state_machine(stateMachineArn=self._machine)
        kept = json.dumps([found["roleArn"], json.loads(found["definition"])], sort_keys=True)
        return hashlib.sha256(kept.encode()).hexdigest()[:16]

    def stop(self, name: str, cause: str) -> None:
        """End an execution that must not go on; one that has ended already is left as it is."""
        over = (
            self._sfn.exceptions.ExecutionDoesNotExist,
            self._sfn.exceptions.ValidationException,
        )
        with contextlib.suppress(*over):
            self._sfn.stop_execution(executionArn=self._arn(name), error="Superseded", cause=cause)

    def _arn(self, name: str) -> str:
        return f"{self._machine.replace(':stateMachine:', ':execution:')}:{name}"
