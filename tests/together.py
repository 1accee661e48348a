"""`python -m tests.together "make WAITING" "make COMPUTING"` runs both commands, for `make check`.

Tests that deploy a stack wait for much of their time: for promises, for queues, for functions that
start. Meanwhile the other command computes. It has a low priority, so that it delays no promise.
Its output comes when the first command has ended, or at once if it fails.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NICE = 10
"""A tenth of the usual share of a busy processor: these tests, too, wait no longer than 30 s."""
LOOK_S = 0.2


def run(waiting: str, computing: str) -> int:
    """Run both commands to their ends. Returns 0, or 1 if one of them fails."""
    with tempfile.NamedTemporaryFile(prefix="computing-", suffix=".log") as log:
        aside = subprocess.Popen(
            ["nice", "-n", str(NICE), *shlex.split(computing)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        # Where Linux shares processors among sessions, `nice` alone counts within a session only.
        with contextlib.suppress(OSError):
            Path(f"/proc/{aside.pid}/autogroup").write_text(str(NICE))
        first = subprocess.Popen(shlex.split(waiting), stdin=subprocess.DEVNULL)
        try:
            while first.poll() is None and not aside.poll():
                time.sleep(LOOK_S)
            _show(computing, Path(log.name), aside)
            return int(any([first.wait(), aside.wait()]))
        except KeyboardInterrupt:
            _end(aside, signal.SIGINT)  # the terminal has told the first command
            first.wait()
            raise
        except SystemExit:
            first.terminate()
            _end(aside, signal.SIGTERM)
            first.wait()
            raise


def _end(aside: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Send a signal to a session and wait for its first process."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(aside.pid, how)
    aside.wait()


def _show(command: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    """Print what a command has said, and what it goes on to say until it ends."""
    # In one piece, also without a buffer: the other command may write at the same time.
    sys.stdout.write(f"\nmeanwhile: {command}\n")
    sys.stdout.flush()
    with log.open("rb") as said:
        while True:
            ended = process.poll() is not None
            shutil.copyfileobj(said, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            if ended:
                return
            time.sleep(LOOK_S)


if __name__ == "__main__":
    # A run that is asked to end asks both commands to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(run(*sys.argv[1:]))
