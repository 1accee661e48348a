"""One execution environment of one function, as AWS Lambda's Python runtime provides it.

The emulator writes this file next to the unpacked code, starts it, and exchanges JSON lines:

    first line in   {"code_dir", "module", "handler", "env", "function_name", "memory", "arn", ...}
    first line out  {"status": "ready", "cold": true}
    each line in    {"event": <payload>, "ctx": {"request_id", "invoked_function_arn", "trace_id"}}
    each line out   {"status": "ok", "seconds": 0.042, "cpu_seconds": 0.009, "result": <payload>}

If a handler raises, the answer is "ok" too, with `FAILURE` in place of the payload: the emulator
would treat any other status as a broken process and kill it. `seconds` is how long the handler ran,
`cpu_seconds` how long it used the CPU; both are for `local.meter` only.

This file runs in isolation: it must import nothing but the standard library.
"""

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, TextIO

FAILURE = "__redress_local_failure__"
CLOCK_S = "LOCAL_CLOCK_S"
"""A variable of a function's configuration: by how many seconds its system clock is wrong."""
HOSTS = "LOCAL_HOSTS"
"""A variable of a function's configuration: hosts of the internet that listen on this machine, such
as `inbox.example.com=45321`, separated by spaces."""
PUBLIC = "192.0.43."
"""The beginning of the public addresses that such hosts have."""

Handler = Callable[[Any, "Context"], Any]


def isolate() -> None:
    """Restarts Python without the machine's own packages, as if only Python were installed.

    If a layer lacks a library, the function must fail here as it would on AWS. `-I` and `-S` leave
    out site-packages, the user's packages and PYTHONPATH; `-B`, because code is read-only there.
    """
    if not (sys.flags.isolated and sys.flags.no_site and sys.flags.dont_write_bytecode):
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-B", __file__])  # noqa: S606


class Context:
    """AWS's context object, with the attributes that Python functions use."""

    identity = None
    client_context = None

    def __init__(self, start: dict[str, Any], call: dict[str, Any]) -> None:
        environment = os.environ
        self.function_name: str = start.get("function_name", "")
        self.function_version = environment.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self.memory_limit_in_mb = str(start.get("memory", 128))
        self.invoked_function_arn: str = call.get("invoked_function_arn") or start.get("arn", "")
        self.aws_request_id: str = call.get("request_id", "")
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self._deadline = time.monotonic() + float(call.get("timeout_ms", 3000)) / 1000

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def failure(kind: str, error: BaseException, request_id: str) -> dict[str, Any]:
    """AWS's answer to an unhandled exception. Prints it to the function's log.

    The line is that of the runtime for Python in the log format JSON, which all functions have.
    """
    frames = traceback.extract_tb(error.__traceback__)
    # AWS leaves the runtime's own frames out of the trace.
    stack = traceback.format_list([frame for frame in frames if frame.filename != __file__])
    found = {
        "errorMessage": str(error),
        "errorType": kind,
        "requestId": request_id,
        "stackTrace": stack,
    }
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(json.dumps({"timestamp": at, "level": "ERROR", **found}, ensure_ascii=False))
    return {FAILURE: found}


def prepare(start: dict[str, Any]) -> None:
    """Sets environment and import path as on AWS: the function's code first, then its layers."""
    os.environ.update(start.get("env", {}))
    group = f"/aws/lambda/{start.get('function_name', '')}"
    os.environ.setdefault("AWS_LAMBDA_LOG_GROUP_NAME", group)
    # The SDKs send this with every request: the function's name for `local.meter`, and the process
    # for `local.faults`.
    os.environ["AWS_SDK_UA_APP_ID"] = f"{start.get('function_name', '')}.{os.getpid()}"
    os.environ["AWS_EXECUTION_ENV"] = (
        f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}"
    )
    os.environ["TZ"] = ":UTC"
    time.tzset()
    if shift := float(os.environ.get(CLOCK_S, "0")):
        shift_clock(shift)
    if hosts := os.environ.get(HOSTS):
        lead_hosts(dict(host.split("=") for host in hosts.split()))
    paths = [start["code_dir"]]
    # A later layer takes precedence over an earlier one.
    for layer in reversed(os.environ.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep)):
        if layer:
            version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
            paths += [f"{layer}/python/lib/{version}/site-packages", f"{layer}/python"]
    sys.path[:0] = paths


def shift_clock(seconds: float) -> None:
    """Shifts the clocks of this process by `seconds`, which is negative for an earlier time.

    `datetime.now` is changed in the class itself. A class derived from it would be another type,
    and msgspec would not accept it as a time.
    """
    # Only for wrong clocks: they would slow each cold start.
    import ctypes
    import datetime
    import gc

    now, epoch, by = datetime.datetime.now, time.time, datetime.timedelta(seconds=seconds)

    def shifted(cls: object, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return now(tz) + by

    (own,) = gc.get_referents(datetime.datetime.__dict__)
    own["now"] = classmethod(shifted)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime.datetime))
    time.time = lambda: epoch() + seconds


def lead_hosts(ports: dict[str, str]) -> None:
    """Gives each host a public address, and leads connections with it to a port of this machine."""
    # Only for tests of other systems: they would slow each cold start.
    import socket

    address_of = {host: f"{PUBLIC}{number}" for number, host in enumerate(ports, 1)}
    port_of = {address_of[host]: int(port) for host, port in ports.items()}
    look_up, connect = socket.getaddrinfo, socket.create_connection

    def found(host: Any, port: Any, *given: Any, **named: Any) -> Any:
        return look_up(address_of.get(host, host), port, *given, **named)

    def connected(address: tuple[str, int], *given: Any, **named: Any) -> Any:
        host, port = address
        led = ("127.0.0.1", port_of[host]) if host in port_of else (host, port)
        return connect(led, *given, **named)

    socket.getaddrinfo, socket.create_connection = found, connected  # type: ignore[assignment]


def load(start: dict[str, Any]) -> Handler:
    handler: Handler = getattr(importlib.import_module(start["module"]), start["handler"])
    return handler


def answer(start: dict[str, Any], handler: Handler | None, line: str) -> tuple[str, Handler | None]:
    """Runs one invocation. If the module could not be imported, tries again, as on AWS."""
    message = json.loads(line)
    call = message.get("ctx") or {}
    request_id = call.get("request_id", "")
    if call.get("trace_id"):
        os.environ["_X_AMZN_TRACE_ID"] = call["trace_id"]
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    result: Any
    began, computed = time.perf_counter(), time.process_time()
    try:
        handler = handler or load(start)
    except ImportError as error:
        result = failure("Runtime.ImportModuleError", error, request_id)
    except AttributeError as error:
        result = failure("Runtime.HandlerNotFound", error, request_id)
    except Exception as error:
        result = failure(type(error).__name__, error, request_id)
    else:
        try:
            result = handler(message["event"], Context(start, call))
        except Exception as error:
            result = failure(type(error).__name__, error, request_id)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - computed
    took = {"seconds": seconds, "cpu_seconds": cpu_seconds}
    try:
        text = json.dumps({"status": "ok", **took, "result": result})
    except (TypeError, ValueError) as error:
        result = failure("Runtime.MarshalError", error, request_id)
        text = json.dumps({"status": "ok", "result": result})
    return text, handler


def serve(questions: TextIO, answers: TextIO) -> None:
    """Answers one line for each line read, until the emulator closes the pipe."""
    start = json.loads(questions.readline())
    prepare(start)
    handler: Handler | None = None
    try:
        handler = load(start)
    except Exception:
        # The first invocation tries again and reports the error.
        handler = None
    print(json.dumps({"status": "ready", "cold": True}), file=answers, flush=True)
    for line in questions:
        text, handler = answer(start, handler, line)
        print(text, file=answers, flush=True)


def main() -> None:
    isolate()
    # Nothing that functions or libraries print may reach the emulator's pipe.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    with os.fdopen(0, "r", encoding="utf-8", closefd=False) as questions:
        serve(questions, answers)


if __name__ == "__main__":
    main()
