"""The list of stores that write in the transaction of a ticket's change is complete."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any

import pytest

import redress
from redress.db.rows import Models
from redress.plans.rules.plan import KINDS
from redress.wiring.transaction import ALSO_WRITTEN
from tests.builders import BY_PHONE, Life


def modules() -> list[ModuleType]:
    found = pkgutil.walk_packages(redress.__path__, "redress.")
    return [
        importlib.import_module(one.name)
        for one in found
        if not one.name.startswith(
            "redress.mail.incoming.reader."
        )  # needs libraries that only inbound has
    ]


def test_list_contains_every_store_that_writes_with_a_change() -> None:
    """A store that writes with a ticket's change exports `also_written`."""
    defined = {
        module.also_written
        for module in modules()
        if getattr(module, "also_written", None) is not None
    }
    assert defined == set(ALSO_WRITTEN)
    assert len(ALSO_WRITTEN) == len(defined) > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("contact", [{}, {"contact": BY_PHONE}], ids=["by mail", "by phone"])
def test_no_store_of_the_list_writes_items_for_a_submission(
    life: Life, kind: str, contact: dict[str, Any]
) -> None:
    change = life.open(kind, **contact).last
    models = Models("redress", "us-east-1")
    for also in ALSO_WRITTEN:
        assert also(models, [(change, change.after.created_at)], None) == []
