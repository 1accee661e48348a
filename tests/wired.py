"""Tests that run on the wiring: what it cached for one test must not be met by the next."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from redress import wiring


def modules() -> list[ModuleType]:
    """Every module of `redress.wiring`."""
    found = pkgutil.iter_modules(wiring.__path__)
    return [importlib.import_module(f"redress.wiring.{one.name}") for one in found]


def forget_wiring(keep: Sequence[Callable[..., Any]] = ()) -> None:
    """Clear the caches of all makers but those in `keep`."""
    for module in modules():
        for maker in vars(module).values():
            clear = getattr(maker, "cache_clear", None)
            if clear is not None and maker not in keep:
                clear()
