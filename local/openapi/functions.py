"""Imports modules of a function from its own folder, as Lambda does."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from local.process import ROOT


def load(function: str, *names: str) -> list[ModuleType]:
    """Import the modules with these names from `functions/{function}`.

    They are removed from `sys.modules` afterwards, because another function may use the same names.
    """
    folder = ROOT / "functions" / function
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        return [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(f"{folder}/"):
                del sys.modules[name]
