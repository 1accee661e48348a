"""Two minutes of `make chaos`: nothing is lost, doubled or out of order under random faults."""

from __future__ import annotations

import pytest

from tests.chaos.__main__ import lines
from tests.chaos.run import play


@pytest.mark.slow
def test_run_with_random_faults_leaves_nothing_wrong() -> None:
    result = play(seed=2026, minutes=2, say=print)
    print(*lines(result), sep="\n")
    assert result.violations == []
    assert result.operations.total() > 30
    assert result.faults.total() > 10
