"""Months, prices and addresses of the console: pure rules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from redress.console.list_prices import list_prices
from redress.console.rules import deployed, links, prices
from redress.console.rules.months import before, month_of

EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:redress-ticket:R-7K3M9-QW0X2-1"


def test_execution_opens_by_its_name() -> None:
    assert links.execution(EXECUTION) == (
        "https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1"
        f"#/v2/executions/details/{EXECUTION}"
    )


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
    ],
)
def test_links_lead_to_the_console_of_the_partition(partition: str, host: str) -> None:
    assert f".{host}/states/" in links.execution(EXECUTION.replace("arn:aws:", f"arn:{partition}:"))


def test_query_is_written_as_the_console_of_logs_insights_writes_it() -> None:
    """The form is that of addresses which the console itself makes."""
    query = 'fields @timestamp\n| filter a like "x"'
    groups = ["/aws/lambda/redress-mailer", "/aws/lambda/redress-repair"]
    assert links.logs_query("aws", "us-east-1", query, groups, 24) == (
        "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
        "#logsV2:logs-insights$3FqueryDetail$3D~(end~0~start~-86400~timeType~'RELATIVE"
        "~unit~'seconds~editorString~'fields*20*40timestamp*0a*7c*20filter*20a*20like*20*22x*22"
        "~source~(~'*2faws*2flambda*2fredress-mailer~'*2faws*2flambda*2fredress-repair))"
    )


def test_month_is_that_of_utc() -> None:
    month = month_of(datetime.fromisoformat("2026-12-01T07:30:00+08:00"))
    assert (month.name, before(month).name) == ("2026-11", "2026-10")
    assert before(month_of(datetime(2027, 1, 31, tzinfo=UTC))).name == "2026-12"
    assert month.end == datetime(2026, 12, 1, tzinfo=UTC)


def test_rows_have_the_most_expensive_meter_first_and_deduct_what_is_free() -> None:
    known = list_prices()
    rows = prices.rows({"invocation": 1_500_000, "secret_month": 1, "alarm_month": 10}, known)
    assert [row.meter for row in rows] == ["alarm_month", "secret_month", "invocation"]
    assert [round(row.dollars, 4) for row in rows] == [1.0, 0.4, 0.3]
    assert [round(row.beyond_free, 4) for row in rows] == [0.0, 0.4, 0.1]


def test_transitions_of_a_life_without_incident_and_of_its_checks() -> None:
    """Both figures are those of `make bench ONLY=life`: 5 for a happy path, 3 more for a rung."""
    assert prices.transitions(started=1, checks=0) == 5
    assert prices.transitions(started=1, checks=2) == 11


def test_first_trace_of_each_second_is_recorded_in_the_hours_that_are_over() -> None:
    assert prices.recorded(100, hours=1) == 100
    assert prices.recorded(3700, hours=1) == pytest.approx(3605)


def test_example_in_the_saved_query_is_no_number_that_a_ticket_could_have_by_chance() -> None:
    """It has the form of a number, so a reader sees what to replace."""
    assert deployed.EXAMPLE == "R-00000-00000"
    assert deployed.WHAT_HAPPENED.count(deployed.EXAMPLE) == 1
