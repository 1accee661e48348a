"""The alarms of the template: free, each with a runbook, and each on a metric that exists."""

from __future__ import annotations

import re
from typing import Any

import pytest

from redress.base import observe
from tests.alarming import alarms, resolved
from tests.builders import ROOT
from tests.template.documents import (
    GIVEN,
    expanded,
    functions,
    of_type,
    refers_to,
    statements,
    strings,
    written,
)

ALARMS = sorted(alarms())
OWN = "Redress/redress"
"""The namespace of the metrics that a stack with this name writes itself."""
OF_AWS = {
    ("AWS/ApiGateway", "5xx", ("ApiId",)),
    ("AWS/Lambda", "Throttles", ()),
    ("AWS/Lambda", "Invocations", ("FunctionName",)),
}
"""Metrics that AWS writes, with their dimensions. Sources: API Gateway, "Monitor CloudWatch metrics
for HTTP APIs"; Lambda, "Types of metrics for Lambda functions" (without dimensions: all functions
of the account in the region)."""
FREE = 10
"""Alarms on one metric that are free each month (CloudWatch pricing, free tier)."""


def properties(name: str) -> dict[str, Any]:
    return dict(alarms()[name].properties)


def pages_of(name: str) -> list[str]:
    """The runbooks that an alarm names: ["dead-letters.md"]."""
    text = properties(name)["AlarmDescription"]["Fn::Sub"]
    return re.findall(r"\$\{RunbookAddress\}/([\w-]+\.md)", text)


def test_alarms_are_free_with_and_without_a_mail_domain() -> None:
    """An alarm of metric math is billed for each of its metrics, a composite one costs US$0.50."""
    assert len(ALARMS) == FREE
    for name in ALARMS:
        assert "Metrics" not in properties(name), "one metric each"
    assert of_type("AWS::CloudWatch::CompositeAlarm") == {}


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_names_runbooks_that_exist_and_that_name_it(name: str) -> None:
    pages = pages_of(name)
    assert pages
    for page in pages:
        text = (ROOT / "docs/runbooks" / page).read_text()
        assert f"`{name}`" in text, f"{page} does not say that it is for this alarm"
        assert "\n    aws " in text, "a runbook has commands to type"


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_says_in_words_what_happened_and_where_to_read_on(name: str) -> None:
    text = properties(name)["AlarmDescription"]["Fn::Sub"]
    said = text.replace("${RunbookAddress}", GIVEN["RunbookAddress"])
    assert len(said) <= 1024, "the most that CloudWatch accepts"
    what, _, where = said.partition(" Runbook ")
    assert what.endswith(".")
    assert len(what.split()) > 8
    assert re.fullmatch(r"https://\S+\.md( and https://\S+\.md)?", where), "addresses that open"


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_and_its_end_reach_operations(name: str) -> None:
    given = properties(name)
    assert given["AlarmActions"] == given["OKActions"] == [{"Ref": "OperationsTopic"}]
    assert resolved(given["AlarmName"]) == f"redress-{name}"


def test_only_the_missing_sweep_takes_missing_data_as_a_fault() -> None:
    treated = {name: properties(name)["TreatMissingData"] for name in ALARMS}
    assert treated == {**dict.fromkeys(ALARMS, "notBreaching"), "SweepMissing": "breaching"}


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_is_evaluated_over_a_day_at_most(name: str) -> None:
    """CloudWatch refuses a longer time for periods below an hour."""
    given = properties(name)
    assert given["Period"] * given["EvaluationPeriods"] <= 86_400
    assert given["Period"] % 60 == 0


def test_each_alarm_is_on_a_metric_that_aws_or_the_stack_writes() -> None:
    ours, theirs = set[Any](), set[Any]()
    for name in ALARMS:
        given = properties(name)
        dimensions = tuple(one["Name"] for one in given.get("Dimensions", []))
        metric = (resolved(given["Namespace"]), given["MetricName"], dimensions)
        (ours if metric[0] == OWN else theirs).add(metric)
        assert metric[0] != OWN or given["MetricName"] == name, "the alarm's name is its metric's"
    assert theirs == OF_AWS
    reported = {(OWN, str(one), ()) for one in observe.Alarm}
    assert ours == reported | {(OWN, "FunctionsFailing", ())}


def test_every_function_writes_its_metrics_into_the_namespace_of_the_alarms() -> None:
    for name, function in functions().items():
        variables = function["Environment"]["Variables"]
        assert resolved(variables["POWERTOOLS_METRICS_NAMESPACE"]) == OWN, name


def test_failed_calls_of_every_function_are_counted_in_one_metric() -> None:
    filters = [one["Properties"] for one in of_type("AWS::Logs::MetricFilter").values()]
    watched = [refers_to(one["LogGroupName"]) for one in filters]
    written_to = [refers_to(one["LoggingConfig"]["LogGroup"]) for one in functions().values()]
    assert sorted(map(str, watched)) == sorted(map(str, written_to))
    [counted] = {str((one["FilterPattern"], one["MetricTransformations"])) for one in filters}
    assert "DefaultValue" not in counted, "a metric that is written all the time has a price"
    for function in functions().values():
        assert function["LoggingConfig"]["LogFormat"] == "JSON", "the pattern is for JSON"


def test_cloudwatch_may_publish_to_the_topic_of_the_alarms() -> None:
    [policy] = [
        one["Properties"]
        for one in of_type("AWS::SNS::TopicPolicy").values()
        if one["Properties"]["Topics"] == [{"Ref": "OperationsTopic"}]
    ]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sns:Publish")
    assert set(statement["Condition"]) == {"StringEquals", "ArnLike"}, "of this account only"


def test_functions_that_publish_to_the_topic_may_do_so_by_their_roles() -> None:
    """The topic's own policy names CloudWatch only."""
    given = {
        name
        for name, one in functions().items()
        if "OPERATIONS_TOPIC_ARN" in one["Environment"]["Variables"]
    }
    roles = {one.role for one in statements() if "sns:Publish" in one.actions}
    allowed = {role.removesuffix("Role") for role in roles}
    assert given == allowed == {"RepairFunction", "PlanReviewFunction"}


def listed(variable: str) -> set[str | None]:
    """The resources that a variable of repair names, separated by commas."""
    value = functions()["RepairFunction"]["Environment"]["Variables"][variable]
    separator, parts = value["Fn::Join"]
    assert separator == ","
    chosen = [one["Fn::If"][1] if "Fn::If" in one else one for one in parts]
    return {refers_to(one) for one in chosen}


def resources_of(action: str) -> str:
    """The resources on which repair may use an action, as one text."""
    own = [s for s in statements() if s.role == "RepairFunctionRole"]
    [statement] = [s for s in own if action in s.actions]
    return " ".join(strings(list(statement.resources)))


def test_sweep_looks_at_every_reader_of_the_stream_and_of_the_queues() -> None:
    mappings = set(of_type("AWS::Lambda::EventSourceMapping"))
    assert listed("READER_MAPPINGS") == mappings
    allowed = resources_of("lambda:GetEventSourceMapping")
    assert set(re.findall(r"event-source-mapping:\$\{(\w+)\}", allowed)) == mappings


def test_sweep_expects_a_reader_to_be_on_only_where_the_template_switches_it_on() -> None:
    value = functions()["RepairFunction"]["Environment"]["Variables"]["READER_MAPPINGS"]
    conditions = {
        refers_to(one["Fn::If"][1]): one["Fn::If"][0]
        for one in value["Fn::Join"][1]
        if "Fn::If" in one
    }
    mappings = of_type("AWS::Lambda::EventSourceMapping")
    enabled = {
        name: one["Properties"]["Enabled"]["Fn::If"][0]
        for name, one in mappings.items()
        if isinstance(one["Properties"].get("Enabled"), dict)
    }
    exists = {name: one["Condition"] for name, one in mappings.items() if "Condition" in one}
    assert conditions == enabled | exists


def test_sweep_counts_the_letters_of_every_dead_letter_queue() -> None:
    queues = {name for name in of_type("AWS::SQS::Queue") if "DeadLetter" in name}
    assert listed("DEAD_LETTER_QUEUE_URLS") == queues
    assert set(resources_of("sqs:GetQueueAttributes").split()) - {"Arn"} == queues


def test_inbound_knows_after_how_many_attempts_a_message_is_set_aside() -> None:
    from tests.world import load

    limits = {
        expanded()[name]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
        for name in ("InboundQueue", "InboundLateQueue")
    }
    assert limits == {load("inbound").ATTEMPTS}


def test_deployment_guide_says_how_many_alarms_there_are() -> None:
    guide = (ROOT / "docs/deploy.md").read_text()
    assert "a topic with ten alarms" in guide
    assert "| alarms | 10 (ten are free a month) | 0.00-1.00 |" in guide


def test_address_of_the_runbooks_must_be_given() -> None:
    parameter = written()["Parameters"]["RunbookAddress"]
    pattern = parameter["AllowedPattern"]
    assert "Default" not in parameter
    assert re.fullmatch(pattern, "https://git.example.org/redress/blob/main/docs/runbooks")
    for wrong in ("", "docs/runbooks", "http://a.example", "https://a.example/", "https://a b"):
        assert re.fullmatch(pattern, wrong) is None, wrong
