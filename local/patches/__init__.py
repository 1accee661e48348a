"""Where the emulator differs from AWS in something that Redress relies on, it is mended here.

One function per patch; its docstring says what AWS does, what the emulator does, and how it is
mended. Each checks that what it patches is as it was when the patch was written, and the version
is pinned exactly: a new version of the emulator is a decision, not an accident.
`tests/local/test_patches.py` has a test for each, and `python -m local.cloud --plain` starts the
emulator as published, to see which patches a new version has made needless.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

EMULATOR = "ministack"
VERSION = "1.5.33"


class WrongEmulator(RuntimeError):
    """The emulator is missing, or not the version that the patches were written for."""


def check_version() -> None:
    """Raises WrongEmulator with what to do."""
    try:
        found = version(EMULATOR)
    except PackageNotFoundError:
        raise WrongEmulator(
            f"{EMULATOR} {VERSION} is not installed: run `make .venv/ready`"
        ) from None
    if found != VERSION:
        raise WrongEmulator(
            f"the patches are written for {EMULATOR} {VERSION}, but {found} is installed: "
            "run `make .venv/ready`, or check every patch before changing local/patches"
        )


def all_patches() -> list[Callable[[], None]]:
    """In the order in which they are applied: a later one wraps an earlier one."""
    from local.patches import functions, http_api, mail, resources, streams, workflows

    return [
        functions.isolate_functions,
        functions.share_unpacked_archives,
        functions.report_exception_names,
        functions.limit_environments,
        functions.retry_event_invocations,
        workflows.honour_timeout_paths,
        workflows.end_stopped_executions,
        workflows.end_executions_at_their_timeout,
        workflows.make_starts_idempotent,
        workflows.refuse_late_task_answers,
        workflows.name_throttling_errors,
        streams.poll_often,
        streams.deliver_each_mapping_separately,
        streams.read_concurrency_as_a_number,
        resources.keep_table_settings,
        mail.keep_complete_mails,
        mail.publish_mail_feedback,
        http_api.import_openapi_document,
        http_api.pass_stage_variables,
        http_api.hide_failure_details,
    ]


def apply_all() -> None:
    """Raises WrongEmulator or NotAsExpected; the emulator is then not to be started."""
    check_version()
    for patch in all_patches():
        patch()
