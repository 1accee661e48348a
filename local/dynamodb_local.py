"""DynamoDB Local, Amazon's own engine, for the tests of the stores and for benchmarks."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from local import process
from local.install import DYNAMODB, dynamodb

START_SECONDS = 30


class EngineError(RuntimeError):
    """DynamoDB Local does not start; the message holds the end of its log."""


@contextlib.contextmanager
def running(heap_mb: int = 256, *, brief: bool = False) -> Iterator[str]:
    """Runs an empty engine on a free port and yields its address. It stores data in memory only.

    `heap_mb` is Java's heap in MB. Tests need little; a benchmark needs more, to avoid garbage
    collection during the measurement.

    A `brief` engine compiles less, which halves the processor time of some minutes of tests. It
    must not be measured.

    The engine cannot be told to listen on 127.0.0.1 only, so it should run only as long as a test.
    It is installed if it is missing; raises CannotInstall if that is not possible. Any region and
    any credentials work, but each combination of them has its own tables.
    """
    dynamodb()
    port = process.free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "engine.log"
        with log.open("wb") as output:
            engine = subprocess.Popen(
                [
                    "java",
                    f"-Xmx{heap_mb}m",
                    "-XX:+UseSerialGC",  # collectors for many cores are slower on two cores
                    *(["-XX:TieredStopAtLevel=1"] if brief else []),
                    "-Djava.library.path=DynamoDBLocal_lib",
                    "-jar",
                    "DynamoDBLocal.jar",
                    "-inMemory",
                    "-disableTelemetry",
                    "-port",
                    str(port),
                ],
                cwd=DYNAMODB,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait(engine, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            engine.terminate()
            engine.wait(timeout=10)


def _wait(engine: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if engine.poll() is not None or time.monotonic() > deadline:
            raise EngineError(f"DynamoDB Local does not start:\n{process.tail(log)}")
        time.sleep(0.1)
