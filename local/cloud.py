"""The local cloud: `python -m local.cloud --port N` runs the patched emulator in the foreground.

It listens on 127.0.0.1 only. `python -m local.stack up` starts it in the background.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import logging
import os
import signal
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from local.calls import CallCounter
from local.faults import App, FaultSwitch, Receive, Scope, Send
from local.meter import Meter
from local.patches import WrongEmulator, apply_all, check_version
from local.patches.checking import NotAsExpected

# Functions inherit the emulator's environment, so the emulator gets only these variables of the
# shell. If the template does not set a variable that a function needs, the function then fails here
# as it fails on AWS.
KEPT = ("PATH", "HOME", "TMPDIR", "PYTHONDONTWRITEBYTECODE")
FIXED = {
    "LANG": "C.UTF-8",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "BIND_HOST": "127.0.0.1",
    # Redress uses neither service, and each would open another port.
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
}


def environment(
    port: int,
    log_level: str,
    functions_call: str | None,
    state: str | None,
    concurrency: int | None = None,
) -> dict[str, str]:
    """The complete environment of the emulator, which every function inherits."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    chosen = {"GATEWAY_PORT": str(port), "LOG_LEVEL": log_level}
    if state:
        chosen |= {"PERSIST_STATE": "1", "STATE_DIR": state}
        chosen |= {"S3_PERSIST": "1", "S3_DATA_DIR": f"{state}/s3"}
    if concurrency:
        chosen["LAMBDA_ACCOUNT_CONCURRENCY"] = str(concurrency)
    if functions_call:
        chosen["AWS_ENDPOINT_URL"] = functions_call
    return kept | FIXED | chosen


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.cloud", description=__doc__)
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument(
        "--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"]
    )
    parser.add_argument(
        "--plain", action="store_true", help="start the emulator as published, without the patches"
    )
    parser.add_argument(
        "--functions-call",
        metavar="URL",
        help="another address at which functions find AWS, such as a proxy that injects faults",
    )
    parser.add_argument(
        "--concurrency",
        metavar="N",
        type=int,
        help="how many functions run at once in the account, as in a new account of AWS; further "
        "calls are throttled (default: as many as this machine can)",
    )
    parser.add_argument(
        "--state",
        metavar="DIRECTORY",
        help="load this folder at the start and save to it at the end; executions are not saved",
    )
    parser.add_argument(
        "--smtp",
        metavar="PORT",
        type=int,
        help="also run an SMTP server on this port of 127.0.0.1; it needs --directory",
    )
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIRECTORY",
        help="the folder with outputs.json, which names the bucket for incoming mail",
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    chosen = environment(
        options.port, options.log_level, options.functions_call, options.state, options.concurrency
    )
    # The emulator reads its settings when it is imported, so set them first.
    os.environ.clear()
    os.environ.update(chosen)
    sys.argv = ["ministack"]
    try:
        check_version()
        if not options.plain:
            apply_all()
    except (WrongEmulator, NotAsExpected) as error:
        print(f"The local cloud does not start: {error}", file=sys.stderr)
        return 2
    from ministack import app

    # Almost everything that the emulator stores lives until the process ends. With Python's default
    # thresholds, garbage collection over ten thousand tickets would stop the process for a second
    # each time.
    gc.set_threshold(50_000, 20, 1_000)
    # `kill -USR1` writes every thread's stack to the log, in case the process hangs.
    faulthandler.register(signal.SIGUSR1)
    switch = FaultSwitch(app.app)
    switch.attach(app.SERVICE_HANDLERS)
    meter = Meter(switch)
    meter.attach(app.SERVICE_HANDLERS)
    app.app = end_at_once(CallCounter(meter))
    if options.smtp and options.directory:
        from local import mails, smtp

        mails.FOLDER = options.directory / "mailbox"

        smtp.start_server(options.directory, options.smtp)
    app.main()
    return 0


def end_at_once(app: App) -> App:
    """Wraps the app so that the process ends as soon as the server has shut down.

    Otherwise the interpreter would wait for the threads of running tasks. Executions that fail
    during this wait start new threads. If tickets are open, the wait is long.
    """

    async def ending(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: MutableMapping[str, Any]) -> None:
            await send(message)
            if message["type"] == "lifespan.shutdown.complete":
                end()

        await app(scope, receive, sending if scope["type"] == "lifespan" else send)

    return ending


def end() -> None:
    """Ends this process and the processes of the functions."""
    from ministack.core import lambda_runtime

    for workers in list(lambda_runtime._workers.values()):
        for worker in workers:
            lambda_runtime._signal(worker._proc)
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
