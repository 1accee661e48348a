"""Patches for the emulator where it differs from AWS in something that Redress relies on.

There is one function per patch. Its docstring says what AWS does, what the emulator does and how
the patch works. Each patch first checks that the code it replaces is the code it was written for,
and the emulator's version is pinned exactly, so every upgrade is a deliberate decision.
`tests/local/test_patches.py` tests each patch. `python -m local.cloud --plain` starts the emulator
without patches, to find out which of them a new version no longer needs.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

EMULATOR = "ministack"
VERSION = "1.5.33"


class WrongEmulator(RuntimeError):
    """The emulator is missing, or its version is not the one that the patches are written for."""


def check_version() -> None:
    """Raises WrongEmulator, with advice on what to do, unless the pinned version is installed."""
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
    """All patches in the order in which they are applied; a later one may wrap an earlier one."""
    from local.patches import (
        aliases,
        files,
        functions,
        http_api,
        mail,
        resources,
        sign_in,
        streams,
        workflows,
    )

    return [
        functions.isolate_functions,
        functions.share_unpacked_archives,
        functions.report_exception_names,
        functions.limit_environments,
        functions.retry_event_invocations,
        functions.keep_throttled_events,
        functions.pass_results_on,
        aliases.keep_settings_of_asynchronous_calls,
        aliases.share_reserved_concurrency,
        aliases.move_mappings_to_an_alias,
        aliases.end_environments_of_replaced_versions,
        workflows.honour_timeout_paths,
        workflows.end_stopped_executions,
        workflows.end_executions_at_their_timeout,
        workflows.make_starts_idempotent,
        workflows.describe_machines_of_executions,
        workflows.refuse_late_task_answers,
        workflows.name_throttling_errors,
        workflows.honour_limits_of_maps,
        streams.poll_often,
        streams.deliver_each_mapping_separately,
        streams.read_concurrency_as_a_number,
        resources.keep_table_settings,
        resources.keep_stream_records,
        resources.keep_tables_at_their_names,
        resources.import_secrets,
        resources.restore_tables_to_a_time,
        resources.report_mappings_that_are_off,
        files.check_signatures_of_forms,
        files.deny_what_bucket_policies_deny,
        mail.keep_complete_mails,
        mail.publish_mail_feedback,
        http_api.import_openapi_document,
        http_api.pass_stage_variables,
        http_api.hide_failure_details,
        http_api.answer_cors_as_documented,
        sign_in.ignore_capitals_of_user_names,
    ]


def apply_all() -> None:
    """Applies all patches. If it raises WrongEmulator or NotAsExpected, do not start the cloud."""
    check_version()
    for patch in all_patches():
        patch()
