"""A PostgreSQL of its own for as long as a benchmark runs: an empty cluster in a temporary folder.

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
"""Whose process it is where this one is root's, because PostgreSQL refuses to run as root."""
NOT_ON_DISK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""It waits for no disk, as DynamoDB Local in memory waits for none."""


class Database(NamedTuple):
    """One that runs: its socket's folder, its port, and the password that the port asks for."""

    folder: Path
    port: int
    password: str


@contextlib.contextmanager
def running(settings: Sequence[str] = ()) -> Iterator[Database]:
    """Where it is; the user `postgres` has a database.

    Its own defaults but for `settings`. Installs it when missing; raises CannotInstall if that is
    not possible.
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
