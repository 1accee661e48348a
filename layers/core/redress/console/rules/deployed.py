"""The names of what a stack consists of, as the template gives them."""

from __future__ import annotations

FUNCTIONS = {
    "intake": 1024,
    "customer": 1024,
    "staff": 1024,
    "relay": 512,
    "follower": 512,
    "assigner": 512,
    "indexer": 1769,
    "mailer": 512,
    "inbound": 1769,
    "workflow": 512,
    "repair": 512,
    "planreview": 512,
    "scoring": 512,
    "rehearsal": 1769,
    "mover": 512,
    "console": 512,
    "checker": 512,
    "scanner": 512,
    "hotline": 512,
}
"""Every function, and its memory in MB. A test compares them with the template."""

MACHINES = ("ticket", "scores", "rehearsal")
"""Every state machine."""

UNTRACED = (
    *("repair", "planreview", "relay", "assigner", "mailer", "indexer", "checker", "scanner"),
    "hotline",
)
"""Functions that begin no trace of their own. Assigner and mailer join the follower's traces."""

SECRETS = 1
"""How many secrets the stack has."""

EXAMPLE = "R-00000-00000"
"""The ticket number in the saved query. A reader replaces it."""

WHAT_HAPPENED = f"""fields @timestamp, level, service, message, execution_arn, type, @log
| filter @message like "{EXAMPLE}"
| sort @timestamp asc
| limit 1000"""
"""The saved query that finds all log lines about one ticket. It searches the whole line, because
the number is in the field `ticket` of functions, in the keys of an item, and in the name of an
execution."""


def function(stack: str, name: str) -> str:
    """`redress-mailer`"""
    return f"{stack}-{name}"


def log_groups(stack: str) -> list[str]:
    """The log groups of all functions and state machines."""
    return [
        *(f"/aws/lambda/{function(stack, name)}" for name in FUNCTIONS),
        *(f"/aws/vendedlogs/states/{stack}-{machine}" for machine in MACHINES),
    ]
