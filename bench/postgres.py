"""A PostgreSQL of its own for as long as a benchmark runs: an empty cluster in a temporary folder.

It is told to wait for no disk, as DynamoDB Local in memory waits for none, and is reached through
a socket in its folder: nothing of it can be reached from outside.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.serving import ServingError
from local import process
from local.install import postgres

START_S = 30
USER = "nobody"
"""Whose process it is where this one is root's, because PostgreSQL refuses to run as root."""
NOT_ON_DISK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@contextlib.contextmanager
def running() -> Iterator[Path]:
    """The folder of its socket; the user `postgres` needs no password, and has a database.

    Installs it when missing; raises CannotInstall if that is not possible.
    """
    programs = postgres()
    # PostgreSQL and its children are one group, so that none is left when it has to be killed.
    whose: dict[str, Any] = {"stdin": subprocess.DEVNULL, "start_new_session": True}
    if os.geteuid() == 0:
        whose |= {"user": USER, "extra_groups": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid() == 0:
            os.chown(folder, _number_of(USER), -1)
        data, log = folder / "data", folder / "postgres.log"
        command = [str(programs / "initdb"), "--pgdata", str(data), "--username", "postgres"]
        command += ["--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"]
        made = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, **whose
        )
        if made.returncode:
            raise ServingError(f"initdb: {made.stdout}{made.stderr}")
        command = [str(programs / "postgres"), "-D", str(data), "-k", str(folder)]
        for setting in ("listen_addresses=", *NOT_ON_DISK):
            command += ["-c", setting]
        with log.open("wb") as output:
            server = subprocess.Popen(
                command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, **whose
            )
        try:
            _wait(server, log)
            yield folder
        finally:
            _end(server)


def _wait(server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while b"ready to accept connections" not in log.read_bytes():
        if server.poll() is not None or time.monotonic() > deadline:
            raise ServingError(f"PostgreSQL does not start:\n{process.tail(log)}")
        time.sleep(0.1)


def _end(server: subprocess.Popen[bytes]) -> None:
    """At once, whoever is connected: nothing in it is kept."""
    server.send_signal(signal.SIGINT)
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _number_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_uid
