"""Environment and caches for tests that use the wiring.

A test must not get objects that another test cached.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest

from redress import wiring
from redress.wiring import clients

REGION = "us-east-1"
ACCOUNT = "123456789012"
TABLE = "redress-test"


def modules() -> list[ModuleType]:
    """Every module of `redress.wiring`."""
    found = pkgutil.iter_modules(wiring.__path__)
    return [importlib.import_module(f"redress.wiring.{one.name}") for one in found]


def forget_wiring(keep: Sequence[Callable[..., Any]] = (clients.session,)) -> None:
    """Clear the caches of all functions of the wiring except those in `keep`.

    botocore's session is kept by default: it has no state of a test, and creating it again takes
    0.5 s, because it reads its models.
    """
    for module in modules():
        for maker in vars(module).values():
            clear = getattr(maker, "cache_clear", None)
            if clear is not None and maker not in keep:
                clear()


def rewire() -> None:
    """Clear all caches except those of clients, so that settings, stores and cases are new."""
    forget_wiring(keep=(clients.session, clients.client))


def enter(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Set the environment of a function, with these variables and without real credentials."""
    common = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "TABLE": TABLE,
    }
    for name, value in (common | variables).items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def set_environment(monkeypatch: pytest.MonkeyPatch, **variables: str | None) -> None:
    """Set variables, or remove those with None, and clear the caches, so that they are read."""
    for name, value in variables.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    rewire()
