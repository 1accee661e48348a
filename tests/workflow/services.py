"""Fake clients of AWS services for the tests of the relay and the follower."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class Exceptions:
    """The exceptions of a Step Functions client, with the names that AWS gave them."""

    class ExecutionAlreadyExists(Exception): ...

    class TaskTimedOut(Exception): ...

    class TaskDoesNotExist(Exception): ...

    class InvalidToken(Exception): ...


@dataclass
class Service:
    """Records every call of any operation. Raises `fault` instead of answering, if there is one."""

    answer: dict[str, Any] = field(default_factory=dict)
    fault: Exception | None = None
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    exceptions: type = Exceptions

    def __getattr__(self, operation: str) -> Any:
        def call(**arguments: Any) -> dict[str, Any]:
            self.calls.append((operation, arguments))
            if self.fault is not None:
                raise self.fault
            return self.answer

        return call
