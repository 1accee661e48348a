"""Checks that hostile input costs little CPU time.

Such input makes slow code run for minutes or hours. So the bound of a test can be several times the
usual CPU time, and a busy machine does not reach it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

ATTEMPTS = 3


def within[Found](seconds: float, work: Callable[[], Found]) -> Found:
    """Return what `work` returns, which must take less than `seconds` of CPU time.

    Fails if none of ATTEMPTS runs is fast enough.

    Slow code is slow in every run. One run may be slow because Python collects garbage, or
    because another process fills the caches of the processor.
    """
    took: list[float] = []
    while len(took) < ATTEMPTS:
        began = time.process_time()
        found = work()
        took.append(time.process_time() - began)
        if took[-1] < seconds:
            return found
        gc.collect()
    raise AssertionError(f"took {took} seconds of CPU time, allowed are {seconds}")
