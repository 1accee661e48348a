"""`make chaos`: a random run with faults on a local cloud of its own, and a check of all it left.

Prints the seed, the operations, the faults and the violations. The exit code is 1 if there is a
violation. The same seed gives the same plan of operations and faults; their timing differs.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.planted import MISTAKES
from tests.chaos.run import PATIENCE_S, SKEW_S, Result, play

SHOWN = 40


def lines(result: Result) -> Iterator[str]:
    yield f"seed        {result.seed}"
    yield f"operations  {result.operations.total()}: {_counts(result.operations)}"
    yield f"answers     {_counts(result.answers)}"
    yield f"faults      {result.faults.total()}: {_counts(result.faults)}"
    yield f"            {result.disturbed} different faults of a call"
    yield f"left        {result.tickets} tickets, {result.mails} mails sent"
    yield f"set aside   {_counts(result.set_aside) or 'nothing'}"
    yield f"all right   after {result.calm_s:.0f} s"
    yield f"violations  {len(result.violations)}"
    for violation in result.violations[:SHOWN]:
        yield f"  {violation}"
    if len(result.violations) > SHOWN:
        yield f"  and {len(result.violations) - SHOWN} more"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, help="a random one by default")
    parser.add_argument("--plant", choices=sorted(MISTAKES), help="a mistake that must be found")
    parser.add_argument("--skew", type=float, default=SKEW_S, help="seconds that clocks are wrong")
    parser.add_argument(
        "--patience", type=float, default=PATIENCE_S, help="seconds until all is right"
    )
    parser.add_argument("--keep", type=Path, help="a folder for the cloud's log and data")
    given = parser.parse_args()
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        os.environ.pop(name, None)
    # A run that is asked to end stops its cloud.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    say(f"seed {seed}")
    result = play(
        seed,
        given.minutes,
        say,
        skew_s=given.skew,
        plant=given.plant,
        keep=given.keep,
        patience_s=given.patience,
    )
    print(*lines(result), sep="\n")
    if given.plant:
        found = [one for one in result.violations if MISTAKES[given.plant].finds in one.words]
        print(f"planted     {given.plant}: {found[0] if found else 'NOT FOUND'}")
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
