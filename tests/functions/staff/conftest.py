"""Fixtures for tests of the staff API: its caller, its log, and the machines that it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import StringIO
from types import ModuleType
from typing import Any

import pytest

from redress.base.people import Member
from tests.functions.staff.api import Api
from tests.world import Context, create_idle_machine, logged_by


@pytest.fixture
def api(
    staff: dict[str, Member],
    load_function: Callable[[str], ModuleType],
    sample: Callable[[str], dict[str, Any]],
    context: Context,
) -> Api:
    return Api(load_function("staff"), sample, context)


@pytest.fixture
def logs(api: Api) -> Iterator[StringIO]:
    """The stream to which the function logs."""
    with logged_by(api.module) as written:
        yield written


@pytest.fixture
def scores_machine(table: str) -> None:
    """Creates idle state machines in moto for the requests that start one."""
    for name in ("redress-scores", "redress-rehearsal"):
        create_idle_machine(name)
