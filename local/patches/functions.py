"""Lambda: how a function runs, how it fails, and how it is called asynchronously."""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
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
    """A function sees its code, its layers and the standard library, nothing else.

    AWS: so it is (the runtime's own boto3 lies behind the function's, and our layer brings its
    own). The module search path begins with the function's code; `TZ` is UTC.
    Emulator: runs functions inside its own virtual environment, so that a library missing from
    the layer is never noticed, imports botocore before the handler, and puts layers before code.
    Mended: with a worker of ours, which speaks the same protocol (`local/patches/worker.py`).
    The interpreter needs no mending: the emulator takes its own, and that is Python 3.13.
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
    """Environments of the same code and layers share what was unpacked.

    AWS: code and layers are mounted, read-only.
    Emulator: unpacks thousands of files for each environment, which is most of a cold start on a
    laptop, and of the time that it takes to stop.
    Mended: archives are unpacked once for their content; environments get links to that.
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
        LargeFileError=zipfile.LargeZipFile,  # the emulator's name for it, which does not exist
    )


def report_exception_names() -> None:
    """A handler that raises answers with its exception's name, and its environment lives on.

    AWS: errorType is the exception's class, with a stack trace; Retry and Catch of Step Functions
    match that name. The execution environment is used again.
    Emulator: errorType is always `Runtime.HandlerError`, so nothing ever matches, and the worker
    is killed: the next call is a cold start.
    Mended: the worker answers failures inside an "ok"; here they are made errors again. A process
    that ended is reported as `Runtime.ExitError`.
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
    """Of one function only so many environments run as the machine can bear; calls take turns.

    AWS: every call that overlaps another gets an environment, and each environment processors of
    its own; what is called asynchronously, or by a stream, waits in a queue where they run out.
    Emulator: starts a Python for every call that overlaps another, all on the laptop's processors:
    a hundred tickets in one moment start a hundred, and for half a minute nothing else moves.
    Mended: ENVIRONMENTS of each function at once, the further calls in their order. A function may
    call itself and wait for the answer, so a call that waited for PATIENCE_S goes on regardless.
    """
    original = lambda_svc._execute_function_warm
    expect(callable(lambda_svc.acquire_worker), "_execute_function_warm takes a worker of a pool")
    functions: dict[str, Turns] = {}

    def execute(func: dict[str, Any], event: object, request_id: str) -> Result:
        config = func.get("config") or func
        turns = functions.setdefault(config.get("FunctionArn", ""), Turns(ENVIRONMENTS, PATIENCE_S))
        with turns.turn():
            result: Result = original(func, event, request_id)
            return result

    lambda_svc._execute_function_warm = execute


def retry_event_invocations() -> None:
    """A rule or a schedule that calls a function gets the retries of an asynchronous call.

    AWS: EventBridge and its Scheduler invoke asynchronously: two more attempts by default, then
    the function's OnFailure destination.
    Emulator: one attempt, and a failure is forgotten.
    Mended: through the emulator's own asynchronous invocation.
    """
    expect(callable(eventbridge._dispatch_to_lambda), "eventbridge._dispatch_to_lambda")
    expect(callable(lambda_svc.invoke_async_with_retry), "lambda_svc.invoke_async_with_retry")

    def dispatch(arn: str, payload: str) -> None:
        function, config, name = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            eventbridge.logger.warning("EventBridge: function %s not found", name)
            return
        record = lambda_svc._execution_record_for_config(function, config)
        lambda_svc.invoke_async_with_retry(record, json.loads(payload))

    eventbridge._dispatch_to_lambda = dispatch
