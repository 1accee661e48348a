"""Addresses of pages of the AWS console, by the names of what they show."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

HOSTS = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
"""The host of the console by the partition in an ARN."""


def execution(arn: str) -> str:
    """The page of an execution in the console of Step Functions.

    `arn` is `arn:aws:states:us-east-1:123456789012:execution:redress-ticket:R-7K3M9-QW0X2-1`.
    """
    partition, region = arn.split(":")[1], arn.split(":")[3]
    return f"{_home(partition, region, 'states')}#/v2/executions/details/{quote(arn, safe=':')}"


def logs_query(partition: str, region: str, query: str, groups: Sequence[str], hours: int) -> str:
    """A query of these log groups in the console of Logs Insights, for the last hours.

    The console documents no form of this address. If it does not understand the address, it opens
    Logs Insights without the query, and the saved query is there by its name.
    """
    sources = "~".join(f"'{_starred(group)}" for group in groups)
    detail = (
        f"~(end~0~start~-{hours * 3600}~timeType~'RELATIVE~unit~'seconds"
        f"~editorString~'{_starred(query)}~source~(~{sources}))"
    )
    return f"{_home(partition, region, 'cloudwatch')}#logsV2:logs-insights$3FqueryDetail$3D{detail}"


def dashboard(partition: str, region: str, name: str) -> str:
    """The page of a dashboard in the console of CloudWatch."""
    return f"{_home(partition, region, 'cloudwatch')}#dashboards/dashboard/{quote(name, safe='')}"


def _home(partition: str, region: str, service: str) -> str:
    host = HOSTS.get(partition, HOSTS["aws"])
    return f"https://{region}.{host}/{service}/home?region={region}"


def _starred(text: str) -> str:
    """Text as the console writes it in an address: `%2F` of percent-encoding is `*2f`."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-._") else _star(letter)
        for letter in text
    )


def _star(letter: str) -> str:
    return "".join(f"*{byte:02x}" for byte in letter.encode())
