"""The complete product on its own local cloud, deployed once for all tests that use it.

A folder of such tests imports the fixture in its conftest: `from tests.deployed import deployed`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local import process, stack
from local.stack import Outputs


@dataclass
class _Deployment:
    """The one deployment of a test run; the last fixture that leaves stops it."""

    users: int = 0
    outputs: Outputs | None = None
    directory: Path | None = None

    def enter(self) -> Outputs:
        self.users += 1
        if self.outputs is None:
            self.directory = Path(tempfile.mkdtemp(prefix="redress-"))
            cloud = process.start(self.directory, process.free_port())
            # Reuses a build of `make up` if the sources are the same.
            self.outputs = stack.install(cloud)
        return self.outputs

    def leave(self) -> None:
        self.users -= 1
        if self.users == 0 and self.directory is not None:
            stack.down(directory=self.directory)
            shutil.rmtree(self.directory)
            self.outputs = self.directory = None


_deployment = _Deployment()


@pytest.fixture(scope="session")
def deployed() -> Iterator[Outputs]:
    """Outputs of the deployed stack: addresses, names, and staff who can sign in."""
    try:
        yield _deployment.enter()
    finally:
        _deployment.leave()
