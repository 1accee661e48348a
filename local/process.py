"""Starts and stops the local cloud in the background.

Each cloud has a directory: `cloud.json` names its process and ports, `cloud.log` is its log, `tmp/`
holds the unpacked functions, and `mailbox/` the sent mails.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 20

# Processes that this process started. Only a parent can find out whether its child has ended.
_children: dict[int, subprocess.Popen[bytes]] = {}


@contextlib.contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a file lock, so that only one process runs this section. The others wait."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class CloudError(RuntimeError):
    """The cloud does not start or does not stop; the message says what to do."""


@dataclass(frozen=True)
class Cloud:
    """A running cloud: its process, its ports on 127.0.0.1 and its directory.

    `port` serves every AWS API; `smtp_port` accepts mail.
    """

    pid: int
    port: int
    directory: Path
    smtp_port: int

    @property
    def endpoint(self) -> str:
        """Address of every AWS API. With an IP address, S3 needs no bucket names in DNS."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.directory / "cloud.log"

    def environment(self) -> dict[str, str]:
        """The environment with which `sam` and the SDKs use this cloud."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            # A configured endpoint or profile must not lead to a real account.
            "AWS_CONFIG_FILE": os.devnull,
        }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(log: Path, lines: int = 25) -> str:
    """The end of a log, to show with an error."""
    if not log.exists():
        return "(there is no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def find(directory: Path) -> Cloud | None:
    """The cloud that runs in this directory; None if none was started or its process has ended."""
    record = directory / "cloud.json"
    if not record.exists():
        return None
    known = json.loads(record.read_text())
    # A cloud that was started by an earlier version accepts no mail.
    smtp_port = known.get("smtp_port", 0)
    cloud = Cloud(known["pid"], known["port"], directory.resolve(), smtp_port)
    if _runs(cloud.pid):
        return cloud
    record.unlink()
    return None


def start(
    directory: Path,
    port: int,
    *,
    plain: bool = False,
    functions_call: str | None = None,
    state: Path | None = None,
    concurrency: int | None = None,
) -> Cloud:
    """Starts a cloud and waits until it answers. Raises CloudError with the end of its log.

    `functions_call` is another address at which functions find AWS, such as a proxy. `state` is a
    folder with data to load at the start and to save at the end; executions are not saved.
    `concurrency` is how many functions run at once in the account; None: as many as possible.
    """
    if running := find(directory):
        raise CloudError(f"a cloud runs here already (process {running.pid}, port {running.port})")
    if answers(port):
        raise CloudError(f"port {port} of 127.0.0.1 is taken; choose another one with --port")
    directory = directory.resolve()
    temporary = directory / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    if state is None:
        shutil.rmtree(directory / "mailbox", ignore_errors=True)
    temporary.mkdir(parents=True)
    command = [sys.executable, "-m", "local.cloud", "--port", str(port)]
    command += ["--plain"] if plain else []
    command += ["--functions-call", functions_call] if functions_call else []
    command += ["--state", str(state)] if state else []
    command += ["--concurrency", str(concurrency)] if concurrency else []
    smtp_port = free_port()
    command += ["--smtp", str(smtp_port), "--directory", str(directory)]
    log = directory / "cloud.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal must not stop the cloud
        )
    _children[process.pid] = process
    cloud = Cloud(process.pid, port, directory, smtp_port)
    record = {"pid": cloud.pid, "port": cloud.port, "smtp_port": cloud.smtp_port}
    (directory / "cloud.json").write_text(json.dumps(record) + "\n")
    deadline = time.monotonic() + START_SECONDS
    while not _is_healthy(cloud):
        if process.poll() is not None:
            (directory / "cloud.json").unlink()
            raise CloudError(f"the cloud stopped at once. The end of its log, {log}:\n{tail(log)}")
        if time.monotonic() > deadline:
            stop(cloud)
            raise CloudError(f"the cloud does not answer. The end of its log, {log}:\n{tail(log)}")
        time.sleep(0.1)
    return cloud


def stop(cloud: Cloud, seconds: float = STOP_SECONDS) -> None:
    """Asks the process to end and waits. Raises CloudError if it does not end in this time."""
    if _runs(cloud.pid):
        os.kill(cloud.pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while _runs(cloud.pid):
        if time.monotonic() > deadline:
            raise CloudError(
                f"process {cloud.pid} does not end; see {cloud.log}, or run `kill -9 {cloud.pid}`"
            )
        time.sleep(0.05)
    _children.pop(cloud.pid, None)
    (cloud.directory / "cloud.json").unlink(missing_ok=True)
    shutil.rmtree(cloud.directory / "tmp", ignore_errors=True)


def _runs(pid: int) -> bool:
    """Whether this process is a local cloud; a pid alone proves nothing, as pids are reused."""
    if child := _children.get(pid):
        return child.poll() is None
    if Path("/proc/self/cmdline").exists():
        command = Path(f"/proc/{pid}/cmdline")
        try:
            return b"local.cloud" in command.read_bytes()  # empty for a process that has ended
        except OSError:
            return False
    shown = subprocess.run(
        ["ps", "-ww", "-p", str(pid), "-o", "command="], capture_output=True, check=False
    )
    return b"local.cloud" in shown.stdout


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_healthy(cloud: Cloud) -> bool:
    try:
        with urllib.request.urlopen(f"{cloud.endpoint}/_ministack/health", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
