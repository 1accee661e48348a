"""A cloud of their own for the tests of the laptop's cloud itself, and the deployed product.

`LOCAL_CLOUD=plain pytest tests/local/test_patches.py` runs them against the emulator as
published: what fails then is what the patches are for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from local import process
from tests.deployed import deployed
from tests.local.laboratory import Laboratory

__all__ = ["deployed"]


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """An empty cloud on a free port, mended unless the environment says otherwise."""
    plain = os.environ.get("LOCAL_CLOUD") == "plain"
    directory = tmp_path_factory.mktemp("cloud")
    cloud = process.start(directory, process.free_port(), plain=plain)
    yield Laboratory(cloud)
    process.stop(cloud)
