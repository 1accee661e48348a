"""A temporary PostgreSQL for a benchmark: an empty cluster in a temporary folder.

It listens on 127.0.0.1, where it asks for a password as PostgreSQL does by default (SCRAM), and on
a socket in its folder, where it asks for none.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.serving import ServingError
from local import process
from local.install import postgres

START_S = 30
USER = "nobody"
"""Owner of the process if this process runs as root, because PostgreSQL refuses to run as root."""
NOT_ON_DISK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""Settings with which it never waits for the disk, as DynamoDB Local in memory does not."""


class Database(NamedTuple):
    """A running database: the folder of its socket, its port, and the password for the port."""

    folder: Path
    port: int
    password: str


@contextlib.contextmanager
def running(settings: Sequence[str] = ()) -> Iterator[Database]:
    """Runs PostgreSQL and yields its address; the user `postgres` has a database.

    All settings but `settings` are PostgreSQL's defaults. Installs PostgreSQL if it is missing;
    raises CannotInstall if that is not possible, and ServingError if it does not start.
    """
    programs = postgres()
    # PostgreSQL and its children form one process group, so that killing it leaves none behind.
    whose: dict[str, Any] = {"stdin": subprocess.DEVNULL, "start_new_session": True}
    if os.geteuid() == 0:
        whose |= {"user": USER, "extra_groups": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid() == 0:
            os.chown(folder, _number_of(USER), -1)
        data, log = folder / "data", folder / "postgres.log"
        command = [str(programs / "initdb"), "--pgdata", str(data), "--username", "postgres"]
        secret = folder / "password"
        secret.write_text(password := secrets.token_hex())
        command += ["--auth-local", "trust", "--auth-host", "scram-sha-256"]
        command += ["--pwfile", str(secret), "--encoding", "UTF8", "--no-locale", "--no-sync"]
        made = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, **whose
        )
        if made.returncode:
            raise ServingError(f"initdb: {made.stdout}{made.stderr}")
        command = [str(programs / "postgres"), "-D", str(data), "-k", str(folder)]
        port = process.free_port()
        for setting in ("listen_addresses=127.0.0.1", f"port={port}", *settings):
            command += ["-c", setting]
        with log.open("wb") as output:
            server = subprocess.Popen(
                command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, **whose
            )
        try:
            _wait(server, log)
            yield Database(folder, port, password)
        finally:
            _end(server)


def _wait(server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while b"ready to accept connections" not in log.read_bytes():
        if server.poll() is not None or time.monotonic() > deadline:
            raise ServingError(f"PostgreSQL does not start:\n{process.tail(log)}")
        time.sleep(0.1)


def _end(server: subprocess.Popen[bytes]) -> None:
    """Ends it at once, without waiting for clients: its data is not needed any more."""
    server.send_signal(signal.SIGINT)
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _number_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_uid
