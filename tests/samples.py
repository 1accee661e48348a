"""The samples of `local/clients`, loaded with the generated clients on the path."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from local.clients import tools


def sample(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A sample. `folder` contains the generated packages (`tools.python`)."""
    monkeypatch.syspath_prepend(str(folder))
    spec = importlib.util.spec_from_file_location(name, tools.HERE / "samples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module
