"""Starts the programs to measure: an HTTP server with workers, and single functions.

Each program sees the standard library and the folders given to it, in their order, and nothing
else.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from local import process
from local.install import CannotInstall

REFERENCES = Path(__file__).parent / "reference"
WORKERS = 4
START_S = 60
STOP_S = 10

SERVER = """
import sys
folders, sys.argv[1:] = sys.argv[1].split(':'), sys.argv[2:]
sys.path[:0] = folders
from gunicorn.app.wsgiapp import run
run()
"""

FUNCTION = """
import json, os, sys, time
sys.path[:0] = sys.argv[1:]
class Context:
    function_name = "redress"
    function_version = "1"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:redress"
    aws_request_id = "5f0e3a52-8f3c-4c43-9d0f-0c8a3d1b7e11"
    def get_remaining_time_in_millis(self): return 60_000
# Logs go to the log file (stderr). Answers go to the original stdout, so the two never mix.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
import app
for line in sys.stdin:
    answer = app.handler(json.loads(line), Context())
    print(json.dumps([answer, time.process_time()]), file=answers, flush=True)
"""


SCRIPT = """
import sys
sys.path[:0] = sys.argv[2:]
__import__(sys.argv[1])
"""


class ServingError(RuntimeError):
    """A program does not start, or ended too early; the message has the end of its log."""


def installed(name: str, folder: Path) -> Path:
    """Installs the libraries of a reference from its pinned requirements, unless already done.

    Returns their folder. Raises CannotInstall with pip's message.
    """
    requirements = REFERENCES / name / "requirements.txt"
    wanted = requirements.read_text()
    target = folder / name
    mark = target / "requirements.txt"
    if not mark.exists() or mark.read_text() != wanted:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--target", str(target), "-r", str(requirements)]
        shutil.rmtree(target, ignore_errors=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotInstall(f"the libraries of {name}: {done.stderr}")
        mark.write_text(wanted)
    return target


def python(*arguments: str) -> list[str]:
    """A command for this Python without its libraries, the shell's settings and cached bytecode."""
    return [sys.executable, "-I", "-S", "-B", *arguments]


@contextlib.contextmanager
def server(path: Sequence[Path], application: str, environment: dict[str, str]) -> Iterator[int]:
    """Serves this WSGI application with WORKERS processes; yields the port of 127.0.0.1."""
    port = process.free_port()
    folders = ":".join(str(folder) for folder in path)
    command = python("-c", SERVER, folders, "--bind", f"127.0.0.1:{port}", application)
    command += ["--workers", str(WORKERS), "--worker-class", "sync", "--log-level", "warning"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        with log.open("wb") as output:
            running = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_for_port(running, port, log)
            yield port
        except Exception as error:
            if last := process.tail(log):
                error.add_note(f"the last output of {application}:\n{last}")
            raise
        finally:
            end(running)


def _wait_for_port(running: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while not process.answers(port):
        if running.poll() is not None or time.monotonic() > deadline:
            raise ServingError(f"an HTTP server does not start:\n{process.tail(log)}")
        time.sleep(0.1)


def script(name: str, path: Sequence[Path], environment: dict[str, str]) -> str:
    """Imports this module in a new process. Returns its output; raises ServingError on failure."""
    folders = [str(folder) for folder in path]
    done = subprocess.run(
        python("-c", SCRIPT, name, *folders),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServingError(f"{name}: {done.stderr}")
    return done.stdout


def end(running: subprocess.Popen[Any]) -> None:
    """Ends a program, by force if necessary."""
    running.terminate()
    try:
        running.wait(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()


class Function:
    """One instance of a function: a process that answers one event after another.

    `cpu_s` is its CPU time from its start until its last answer.
    """

    cpu_s: float = 0.0

    def __init__(
        self, path: Sequence[Path], environment: dict[str, str], log: Path, behind: int = 0
    ) -> None:
        self._log, self._lock = log, threading.Lock()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *(("nice", "-n", str(behind)) if behind else ()),
                    *python("-c", FUNCTION, *(str(folder) for folder in path)),
                ],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
            )

    def invoke(self, event: dict[str, Any]) -> Any:
        """The handler's answer; if it raises, ServingError with the end of its log."""
        asks, answers = self._process.stdin, self._process.stdout
        assert asks is not None
        assert answers is not None
        with self._lock, contextlib.suppress(BrokenPipeError):
            asks.write(json.dumps(event).encode() + b"\n")
            asks.flush()
            if line := answers.readline():
                answer, self.cpu_s = json.loads(line)
                return answer
        raise ServingError(f"a function ended:\n{process.tail(self._log)}")

    def end(self) -> None:
        end(self._process)


@contextlib.contextmanager
def functions(
    count: int, path: Sequence[Path], environment: dict[str, str], behind: int = 0
) -> Iterator[list[Function]]:
    """Runs `count` instances of one function; `behind` lowers their priority (`nice`)."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as leaving:
        made = []
        for number in range(count):
            made.append(Function(path, environment, Path(folder) / f"{number}.log", behind))
            leaving.callback(made[-1].end)
        yield made
