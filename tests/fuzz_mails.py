"""`python -m tests.fuzz_mails --minutes 5`: searches for mails that the mail reader mishandles.

`checks.check` states what must hold for every mail. Half of the time hypothesis runs the properties
of tests/mail/reader/test_properties.py, round after round. In the other half atheris mutates mails,
guided by code coverage; it runs on Linux x86_64 only, for which it has wheels. A mail that breaks a
check is written to .local/fuzz/ and ends the run with an error.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, settings

from tests.mail.reader import test_properties
from tests.mail.reader.checks import check
from tests.mail.reader.mails import HEAD
from tests.mail.reader.test_properties import GOOD, PIECES

FOUND = Path(__file__).resolve().parent.parent / ".local" / "fuzz"
LARGEST = 8_192
"""Largest mail that atheris makes, in bytes; larger ones only take longer."""
EXAMPLES = 500


def run_hypothesis(seconds: float) -> int:
    """Runs all properties in turn until the time is over. Returns how many mails it tried."""
    # A profile has no effect on them, because they took their settings when they were imported.
    chosen = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    properties = [
        chosen(found) for name, found in vars(test_properties).items() if name.startswith("test_")
    ]
    end, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        properties[rounds % len(properties)]()
        rounds += 1
    return rounds * EXAMPLES


def checked(raw: bytes) -> None:
    try:
        check(raw)
    except Exception:
        FOUND.mkdir(parents=True, exist_ok=True)
        path = FOUND / f"{hashlib.sha256(raw).hexdigest()[:16]}.eml"
        path.write_bytes(raw)
        print(f"Broken by {path}", file=sys.stderr)
        raise


def run_atheris(seconds: int) -> None:
    """Runs atheris in this process, which libFuzzer ends when the time is over."""
    atheris = importlib.import_module("atheris")  # a tool of `make fuzz` only

    seeds = FOUND / "seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    for number, raw in enumerate([*GOOD, *(HEAD + piece for piece in PIECES)]):
        (seeds / f"{number}.eml").write_bytes(raw)
    options = [f"-max_total_time={seconds}", f"-max_len={LARGEST}", "-print_final_stats=1"]
    options += ["-timeout=20", f"-artifact_prefix={FOUND}/", "-verbosity=0"]
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *options, str(seeds)], checked)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_mails", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--guided", type=int, metavar="SECONDS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.guided:
        run_atheris(options.guided)
        return 0
    guided = importlib.util.find_spec("atheris") is not None
    seconds = options.minutes * 60 / (2 if guided else 1)
    print(f"hypothesis: {run_hypothesis(seconds):,} mails tried, no check failed")
    if not guided:
        print("atheris is not installed: no coverage-guided run")
        return 0
    # In another process, because libFuzzer exits instead of returning.
    command = [sys.executable, "-m", "tests.fuzz_mails", "--guided", str(round(seconds))]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
