"""Lambda: how a function runs, how it fails, and how it is called asynchronously."""

from __future__ import annotations

import contextvars
import hashlib
import json
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import eventbridge, lambda_svc

from local.patches import worker
from local.patches.checking import expect
from local.patches.turns import ENVIRONMENTS, PATIENCE_S, Turns

type Result = dict[str, Any]


def isolate_functions() -> None:
    """A function can import its own code, its layers and the standard library, nothing else.

    AWS: works this way (the runtime's boto3 comes after the function's code on the path, and the
    layer brings its own boto3). The module search path begins with the function's code. `TZ` is
    UTC.
    Emulator: runs functions inside its own virtual environment, so a library that is missing from
    the layer is never noticed. It also imports botocore before the handler, and searches layers
    before code.
    Patch: replaces the worker script by `local/patches/worker.py`, which speaks the same protocol.
    The interpreter needs no patch: the emulator uses its own, which is Python 3.13.
    """
    theirs = lambda_runtime._PYTHON_WORKER_SCRIPT
    for piece in (
        "init = json.loads(sys.stdin.readline())",
        'code_dir = init["code_dir"]',
        'event = _ms_msg["event"]',
        '_ms_ctx.get("request_id", "")',
        '{"status": "ready", "cold": True}',
        '{"status": "ok", "result": result}',
        "_LAMBDA_LAYERS_DIRS",
    ):
        expect(piece in theirs, f"the worker's protocol has {piece}")
    lambda_runtime._PYTHON_WORKER_SCRIPT = Path(worker.__file__).read_text(encoding="utf-8")
    _, script = lambda_runtime._detect_runtime_binary("python3.13")
    expect("def isolate" in script, "workers are started from _PYTHON_WORKER_SCRIPT")


def share_unpacked_archives() -> None:
    """Environments with the same code and layers share the unpacked files.

    AWS: mounts code and layers read-only.
    Emulator: unpacks thousands of files for each environment. On a laptop that is most of the time
    of a cold start, and most of the time that the emulator takes to stop.
    Patch: unpacks each archive once, by the hash of its content, and links environments to it.
    """
    expect(lambda_runtime.zipfile is zipfile, "lambda_runtime unpacks with zipfile")
    kept = Path(tempfile.gettempdir()) / "unpacked"
    lock = threading.Lock()

    class UnpackedOnce(zipfile.ZipFile):
        def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
            expect(path and members is None and not any(Path(path).iterdir()), "into a new folder")
            expect(self.filename, "an archive in a file")
            content = Path(str(self.filename)).read_bytes()
            unpacked = kept / hashlib.sha256(content).hexdigest()
            with lock:
                if not unpacked.exists():
                    started = unpacked.with_suffix(".started")
                    super().extractall(started)
                    started.rename(unpacked)
            Path(path).rmdir()
            Path(path).symlink_to(unpacked)

    lambda_runtime.zipfile = SimpleNamespace(
        ZipFile=UnpackedOnce,
        BadZipFile=zipfile.BadZipFile,
        LargeZipFile=zipfile.LargeZipFile,
        LargeFileError=zipfile.LargeZipFile,  # the emulator uses this name, which does not exist
    )


def report_exception_names() -> None:
    """If a handler raises, the error has the exception's name, and the environment is reused.

    AWS: errorType is the exception's class, and a stack trace is included. Retry and Catch of Step
    Functions match that name. The execution environment is used again.
    Emulator: errorType is always `Runtime.HandlerError`, so Retry and Catch never match. It kills
    the worker, so the next call is a cold start.
    Patch: the worker reports a failure inside an "ok" answer, and this function turns it back into
    an error. If the process ended, the error is `Runtime.ExitError`.
    """
    original = lambda_svc._execute_function_warm
    expect(original.__code__.co_argcount == 3, "_execute_function_warm(func, event, request_id)")

    def execute(func: dict[str, Any], event: object, request_id: str) -> Result:
        result: Result = original(func, event, request_id)
        body = result.get("body")
        if isinstance(body, dict) and worker.FAILURE in body:
            return {"body": body[worker.FAILURE], "error": True, "log": result.get("log", "")}
        died = isinstance(body, dict) and body.get("errorMessage") == "Worker process died"
        if result.get("error") and died:
            message = f"RequestId: {request_id} Error: Runtime exited without providing a reason"
            return result | {"body": {"errorType": "Runtime.ExitError", "errorMessage": message}}
        return result

    lambda_svc._execute_function_warm = execute


def limit_environments() -> None:
    """Each function has a limited number of environments; further calls wait for their turn.

    AWS: a call that overlaps another gets its own environment with its own CPU. Asynchronous and
    stream invocations wait in a queue when the concurrency limit is reached.
    Emulator: starts a Python process for every overlapping call, and all share the laptop's CPUs.
    A hundred tickets at once start a hundred processes, and nothing else makes progress for half a
    minute.
    Patch: at most ENVIRONMENTS of each function run at once; other calls wait in order of arrival.
    A function may call itself and wait for the answer. To avoid a deadlock, a call that has waited
    for PATIENCE_S runs in any case.
    """
    original = lambda_svc._execute_function_warm
    expect(callable(lambda_svc.acquire_worker), "_execute_function_warm takes a worker of a pool")
    functions: dict[str, Turns] = {}

    def execute(func: dict[str, Any], event: object, request_id: str) -> Result:
        config = func.get("config") or func
        # A function is called with and without its alias, and by either it is the same function.
        called = ":".join(config.get("FunctionArn", "").split(":")[:7])
        turns = functions.setdefault(called, Turns(ENVIRONMENTS, PATIENCE_S))
        with turns.turn():
            result: Result = original(func, event, request_id)
            return result

    lambda_svc._execute_function_warm = execute


def retry_event_invocations() -> None:
    """A function that an EventBridge rule or schedule invokes is retried on failure.

    AWS: EventBridge and its Scheduler invoke asynchronously: two more attempts by default, then
    the function's OnFailure destination.
    Emulator: makes one attempt and ignores a failure.
    Patch: uses the emulator's own asynchronous invocation.
    """
    expect(callable(eventbridge._dispatch_to_lambda), "eventbridge._dispatch_to_lambda")
    expect(callable(lambda_svc.invoke_async_with_retry), "lambda_svc.invoke_async_with_retry")

    def dispatch(arn: str, payload: str) -> None:
        function, config, name = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            eventbridge.logger.warning("EventBridge: function %s not found", name)
            return
        # The settings of asynchronous calls depend on the qualifier that is called.
        called = config | {"FunctionArn": arn}
        record = lambda_svc._execution_record_for_config(function, called)
        lambda_svc.invoke_async_with_retry(record, json.loads(payload))

    eventbridge._dispatch_to_lambda = dispatch


_asynchronous: contextvars.ContextVar[bool] = contextvars.ContextVar("asynchronous", default=False)
PAUSES_S = (0.2, 2.0)
"""The first and the longest pause before a throttled event is tried again. On AWS they are a second
and five minutes."""


def keep_throttled_events() -> None:
    """An asynchronous call that finds no free concurrency waits and is not counted as an attempt.

    AWS: keeps the event in its queue and tries again until the event is too old
    (`MaximumEventAgeInSeconds`). Only errors of the function count as attempts (Lambda Developer
    Guide, "How Lambda handles errors and retries with asynchronous invocation").
    Emulator: counts throttling as a failure of the function. After three it gives the event up.
    Patch: repeats a throttled call until it runs or the event is too old.
    """
    execute, invoke = lambda_svc._execute_function, lambda_svc.invoke_async_with_retry
    expect(execute.__code__.co_varnames[:2] == ("func", "event"), "_execute_function(func, event)")
    expect(invoke.__code__.co_varnames[:2] == ("func", "event"), "invoke_async_with_retry")

    def patient(func: dict[str, Any], event: Any) -> Result:
        result: Result = execute(func, event)
        if not _asynchronous.get():
            return result
        configured = func.get("event_invoke_config") or {}
        ends = time.monotonic() + int(configured.get("MaximumEventAgeInSeconds", 21600))
        pause, longest = PAUSES_S
        while result.get("throttle") and time.monotonic() + pause < ends:
            time.sleep(pause)
            pause = min(2 * pause, longest)
            result = execute(func, event)
        return result

    def invoked(func: dict[str, Any], event: Any) -> None:
        # The emulator starts a thread with a copy of this context.
        token = _asynchronous.set(True)
        try:
            invoke(func, event)
        finally:
            _asynchronous.reset(token)

    lambda_svc._execute_function = patient
    lambda_svc.invoke_async_with_retry = invoked


def pass_results_on() -> None:
    """What an asynchronous call returns goes to the function that is its destination of successes.

    AWS: calls the function asynchronously, with the request and its answer in a record (Lambda
    Developer Guide, "Capturing records of Lambda asynchronous invocations").
    Emulator: knows only destinations of failures.
    Patch: calls the destination in the same way. Only a function can be one.
    """
    execute = lambda_svc._execute_function
    expect(execute.__code__.co_varnames[:2] == ("func", "event"), "_execute_function(func, event)")

    def passing(func: dict[str, Any], event: Any) -> Result:
        result: Result = execute(func, event)
        settings = func.get("event_invoke_config") or {}
        on_success = (settings.get("DestinationConfig") or {}).get("OnSuccess") or {}
        target = on_success.get("Destination", "")
        if _asynchronous.get() and not result.get("error") and ":function:" in target:
            record = {
                "version": "1.0",
                "requestContext": {
                    "functionArn": (func.get("config") or func).get("FunctionArn", ""),
                    "condition": "Success",
                    "approximateInvokeCount": 1,
                },
                "requestPayload": event,
                "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
                "responsePayload": result.get("body"),
            }
            # EventBridge calls functions asynchronously too.
            eventbridge._dispatch_to_lambda(target, json.dumps(record, default=str))
        return result

    lambda_svc._execute_function = passing
