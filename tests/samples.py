"""Load the samples in `local/clients/samples`. They import the generated clients."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from local.clients import tools


def sample(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the sample with this name. `folder` is the folder of the generated packages, which
    `tools.python` returns."""
    monkeypatch.syspath_prepend(str(folder))
    spec = importlib.util.spec_from_file_location(name, tools.HERE / "samples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module
