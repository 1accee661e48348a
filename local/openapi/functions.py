"""The modules of a function, as Lambda imports them: from its own folder."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from local.process import ROOT


def load(function: str, *names: str) -> list[ModuleType]:
    """The modules of these names in `functions/{function}`.

    They are forgotten afterwards: another function may use the same names.
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
