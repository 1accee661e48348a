"""What the local cloud does not have, so this command cannot compare it there."""

from __future__ import annotations

from fnmatch import fnmatchcase

NOT_ON_THE_LAPTOP: tuple[tuple[str, str, str], ...] = (
    ("logs of the state machines", "no policy", "the emulator needs no policy to write logs"),
    ("missing objects", "not allowed", "the emulator's simulation does not know `s3:prefix`"),
    ("MailBucket", "LifecycleConfiguration", "the emulator's stacks ignore it"),
    ("FilesBucket", "LifecycleConfiguration", "the emulator's stacks ignore it"),
    ("*", "ScheduleExpressionTimezone", "the emulator's stacks ignore it"),
    ("MailerFunction", "Environment.Variables.BASE_ADDRESS", "`make up` sets the local address"),
    ("HttpApi*Stage", "StageVariables.base_address", "`make up` sets the local address"),
    ("HttpApi*Stage", "DefaultRouteSettings", "the emulator's stacks ignore it"),
    ("*Machine", "LoggingConfiguration", "the emulator writes no logs of executions"),
    ("*Machine", "TracingConfiguration", "the emulator writes no traces"),
)
"""A subject, the beginning of what is found there, and the reason. On AWS none of it is used."""


def not_on_the_laptop(what: str, text: str) -> str | None:
    """Return the reason why a finding on the local cloud is none; None if it is one."""
    for subject, beginning, reason in NOT_ON_THE_LAPTOP:
        if fnmatchcase(what, subject) and text.startswith(beginning):
            return f"{beginning}: {reason}"
    return None
