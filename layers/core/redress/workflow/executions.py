"""The executions of the ticket machine: which run, how one ended, and the machine's definition."""

from __future__ import annotations

import contextlib
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

PAGE = 1000
"""Executions that one ListExecutions returns at most (its API reference)."""

DEAD = ("FAILED", "TIMED_OUT", "ABORTED")
MISSING = "MISSING"
"""The status of an execution that was never started, or that Step Functions has forgotten."""


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
        """When each running execution started, by name. The list may be a few seconds old."""
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
        """A fingerprint of the definition and the role, which an execution keeps from its start.

        It covers the content of the definition, not its layout: white space does not change it.
        """
        found = self._sfn.describe_state_machine(stateMachineArn=self._machine)
        kept = json.dumps([found["roleArn"], json.loads(found["definition"])], sort_keys=True)
        return hashlib.sha256(kept.encode()).hexdigest()[:16]

    def stop(self, name: str, cause: str) -> None:
        """Stop an execution. Does nothing if it has already ended."""
        over = (
            self._sfn.exceptions.ExecutionDoesNotExist,
            self._sfn.exceptions.ValidationException,
        )
        with contextlib.suppress(*over):
            self._sfn.stop_execution(executionArn=self._arn(name), error="Superseded", cause=cause)

    def _arn(self, name: str) -> str:
        return f"{self._machine.replace(':stateMachine:', ':execution:')}:{name}"
