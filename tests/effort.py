"""Checks that hostile input costs little CPU time.

The input of these tests makes slow code take minutes, or hours. So their bounds are several times
what the code takes, and a busy machine does not reach them.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

ATTEMPTS = 3


def within[Found](seconds: float, work: Callable[[], Found]) -> Found:
    """Return what `work` returns. Fails if each of ATTEMPTS runs takes `seconds` of CPU time.

    Slow code is slow in each run. A collection of garbage, or another process that fills the
    caches, can make one run slow.
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
