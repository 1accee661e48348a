"""Every function is deployed with what it needs and with nothing else."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from local import filters
from local.filters import READERS
from redress.base.settings import MissingSettings, Settings, read
from redress.mail.outgoing.carriers import SES_S
from redress.mail.outgoing.cases.posting import LEASE
from redress.staff.cases import bulk
from redress.workflow.stream import (
    AFTER_TABLE_S,
    ASIDE_S,
    DELIVERY_S,
    FEED_S,
    LAST_CALL_S,
    RESERVE_S,
)
from redress.workflow.subscribers import SUBSCRIBERS
from tests.builders import ROOT
from tests.template.documents import (
    ALIAS,
    Resource,
    called,
    expanded,
    folder_of,
    functions,
    of_type,
    packaged,
    refers_to,
    written,
    written_of_type,
)

FUNCTIONS = sorted(functions())
FOLDERS = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}


# ------------------------------------------------------------------ folders


def test_every_folder_is_a_function_and_every_function_a_folder() -> None:
    assert {folder_of(name) for name in FUNCTIONS} == FOLDERS
    assert {path.name for path in (ROOT / "functions").iterdir() if path.is_dir()} == FOLDERS


def test_every_function_is_built_by_the_makefile() -> None:
    """SAM's own builder ships no compiled code, and compiling doubles the time of a cold start."""
    for name, resource in written_of_type("AWS::Serverless::Function").items():
        assert resource["Metadata"]["BuildMethod"] == "makefile", name
    [layer] = written_of_type("AWS::Serverless::LayerVersion").values()
    assert layer["Metadata"]["BuildMethod"] == "makefile"


# ------------------------------------------------------------------ every function


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_has_its_own_name_and_a_log_with_a_retention_time(name: str) -> None:
    function = functions()[name]
    assert function["FunctionName"] == {"Fn::Sub": f"${{AWS::StackName}}-{folder_of(name)}"}
    log = refers_to(function["LoggingConfig"]["LogGroup"])
    assert log is not None
    group = expanded()[log]
    assert group["Type"] == "AWS::Logs::LogGroup"
    assert group["Properties"] == {
        "LogGroupName": {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{folder_of(name)}"},
        "RetentionInDays": {"Ref": "LogRetentionDays"},
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_failed_asynchronous_invocation_goes_to_the_dead_letter_queue(name: str) -> None:
    [config] = [
        resource["Properties"]
        for resource in of_type("AWS::Lambda::EventInvokeConfig").values()
        if refers_to(resource["Properties"]["FunctionName"]) == name
    ]
    target = refers_to(config["DestinationConfig"]["OnFailure"]["Destination"])
    assert target == "DeadLetterQueue"
    assert config["Qualifier"] == "live", "the settings belong to the alias that is called"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_runs_on_the_platform_that_it_is_built_for(name: str) -> None:
    function = functions()[name]
    assert function["Architectures"] == [{"Ref": "Architecture"}]
    assert function["Runtime"] == "python3.13"
    assert function["Handler"] == "app.handler"
    assert len(function["Layers"]) == 1


def test_layer_is_built_for_the_same_architecture() -> None:
    layer = written()["Resources"]["CoreLayer"]
    assert layer["Metadata"]["BuildArchitecture"] == {"Ref": "Architecture"}
    assert layer["Properties"]["CompatibleArchitectures"] == [{"Ref": "Architecture"}]
    assert written()["Parameters"]["Architecture"]["Default"] == "arm64"


LONGER = {"RepairFunction": 900, "IndexerFunction": 120, "ScannerFunction": 300}
"""Timeouts in seconds of functions that need more than a minute: the reconciliation reads all open
tickets in one run, a merge of the search index writes up to 10,000 tickets, and a scan reads a file
that may have a gigabyte."""


def called_by_the_api() -> set[str]:
    """Logical ids of the functions that API Gateway may call."""
    return {
        str(called(permission["Properties"]["FunctionName"]))
        for permission in of_type("AWS::Lambda::Permission").values()
        if permission["Properties"]["Principal"] == "apigateway.amazonaws.com"
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_has_no_longer_timeout_than_its_caller_waits(name: str) -> None:
    """API Gateway waits 30 s. A function without a waiting caller may take a minute."""
    longest = 29 if name in called_by_the_api() else LONGER.get(name, 60)
    assert functions()[name]["Timeout"] <= longest


def test_api_calls_three_functions() -> None:
    assert called_by_the_api() == {"CustomerFunction", "IntakeFunction", "StaffFunction"}


# ------------------------------------------------------------------ the alias


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_has_an_alias_to_its_newest_version(name: str) -> None:
    alias = expanded()[f"{name}{ALIAS}"]["Properties"]
    version = refers_to(alias["FunctionVersion"])
    assert version is not None
    assert version.startswith(f"{name}Version")
    assert alias["Name"] == "live"
    assert expanded()[version]["DeletionPolicy"] == "Retain", "for a rollback"


def published(**packed: str) -> set[str]:
    """The logical ids of the versions that SAM publishes for these artifacts."""
    artifacts = {"code": "one", "layer": "one"} | packed
    resources = packaged(parameters={}, **artifacts)
    return {name for name, one in resources.items() if one["Type"] == "AWS::Lambda::Version"}


def test_sam_publishes_a_version_for_another_artifact_but_not_for_another_layer() -> None:
    """So each artifact contains the digest of the layer (`layers/core/digest.py`)."""
    assert len(published()) == len(FUNCTIONS)
    assert published(layer="two") == published()
    assert published(layer="two", code="two").isdisjoint(published())


def test_sam_does_not_see_another_value_of_a_parameter() -> None:
    """So `make deploy` publishes what changed (`local/operations/versions.py`)."""
    given = [{"SenderAddress": f"{name}@example.org"} for name in ("one", "two")]
    first, second = (packaged(code="key", layer="key", parameters=one) for one in given)
    assert first.keys() == second.keys()


def test_everything_that_calls_a_function_names_its_alias() -> None:
    """A caller of the function itself would stay behind in a rollback."""
    places = {
        f"{name}.{key}": value
        for name, resource in expanded().items()
        for key, value in callers_in(name, resource["Type"], resource.get("Properties", {}))
    }
    assert len(places) > 15
    assert {place: value for place, value in places.items() if not called(value)} == {}


def callers_in(name: str, kind: str, properties: Resource) -> Iterator[tuple[str, Any]]:
    """What a resource calls, by the property that says so."""
    match kind:
        case "AWS::Lambda::Permission" | "AWS::Lambda::EventSourceMapping":
            yield "FunctionName", properties["FunctionName"]
        case "AWS::Events::Rule":
            yield from ((f"Targets.{one['Id']}", one["Arn"]) for one in properties["Targets"])
        case "AWS::Scheduler::Schedule":
            arn = properties["Target"]["Arn"]
            if refers_to(arn) not in of_type("AWS::StepFunctions::StateMachine"):
                yield "Target", arn
        case "AWS::StepFunctions::StateMachine":
            given = properties["DefinitionSubstitutions"].items()
            yield from (pair for pair in given if pair[0].endswith("FunctionArn"))
        case "AWS::Lambda::Function":
            for variable, value in properties["Environment"]["Variables"].items():
                if variable.endswith("_FUNCTION"):
                    # Without Files there is nobody to call, and the variable is empty.
                    yield variable, value.get("Fn::If", [None, value])[1]


# ------------------------------------------------------------------ environment

GENERAL = {"LOG_LEVEL", "POWERTOOLS_METRICS_NAMESPACE", "PYTHONTZPATH"}
"""Variables that every function gets for the logger, the metrics and the time zones."""
OF_LAMBDA = {"AWS_REGION", "AWS_ENDPOINT_URL"}
"""Variables that the template does not set. Lambda adds the first, and a local cloud the second."""


def settings_of(folder: str) -> type[Settings]:
    """The type of the settings of a function: `RelaySettings` in `redress.wiring.relay`."""
    module = importlib.import_module(f"redress.wiring.{folder}")
    found: list[type[Settings]] = [
        value for name, value in vars(module).items() if name.lower() == f"{folder}settings"
    ]
    [kind] = found
    assert issubclass(kind, Settings)
    return kind


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_gets_the_settings_of_its_type_and_no_others(name: str) -> None:
    given = set(functions()[name]["Environment"]["Variables"])
    assert given >= GENERAL
    fields = {field.upper() for field in settings_of(folder_of(name)).__struct_fields__}
    assert given - GENERAL == fields - OF_LAMBDA


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_function_names_a_setting_that_is_missing(folder: str) -> None:
    kind = settings_of(folder)
    needed = [field.name for field in msgspec.structs.fields(kind) if field.required]
    environment = {name.upper(): f"a {name}" for name in needed}
    assert read(kind, environment).table == "a table"
    for name in needed:
        lacking = {key: value for key, value in environment.items() if key != name.upper()}
        with pytest.raises(MissingSettings, match=rf": {name.upper()}$"):
            read(kind, lacking)
    with pytest.raises(MissingSettings, match=", ".join(name.upper() for name in needed)):
        read(kind, {})


# ------------------------------------------------------------------ queues and the stream


def test_message_stays_hidden_for_six_times_the_timeout_of_its_worker() -> None:
    """AWS recommends it (Lambda with SQS), so that a retry does not overlap the first attempt."""
    found = 0
    for name, resource in written_of_type("AWS::Serverless::Function").items():
        for event in resource["Properties"].get("Events", {}).values():
            if event["Type"] == "SQS":
                queue = refers_to(event["Properties"]["Queue"])
                assert queue is not None
                hidden = expanded()[queue]["Properties"]["VisibilityTimeout"]
                assert hidden >= 6 * functions()[name]["Timeout"]
                assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
                found += 1
    assert found


def test_a_dead_mailer_delays_one_mail_by_a_minute() -> None:
    """The timeout, the claim on a mail and the queue fit together (`mail.outgoing.cases.posting`).

    A worker that dies has claimed its mail at the end of its life at the latest. When the queue
    delivers the mail again, that claim must have expired.
    """
    life = functions()["MailerFunction"]["Timeout"]
    hidden = expanded()["MailQueue"]["Properties"]["VisibilityTimeout"]
    lease = LEASE.total_seconds()
    assert life < lease < hidden
    assert life + lease < hidden
    assert 4 * hidden + life < 300, "an acknowledgement is due within five minutes"
    [mapping] = [
        one["Properties"]
        for one in of_type("AWS::Lambda::EventSourceMapping").values()
        if refers_to(one["Properties"]["EventSourceArn"]) == "MailQueue"
    ]
    assert mapping["BatchSize"] == 1


def test_a_mail_is_sent_and_recorded_before_the_mailer_must_end() -> None:
    """What remains is for reading the ticket, and for the first call after a cold start."""
    function = functions()["MailerFunction"]
    call_s = 2 * float(function["Environment"]["Variables"]["CALL_TIMEOUT_S"])
    assert sum(SES_S) + call_s + 2 <= function["Timeout"]


def test_a_bulk_ends_before_its_function_must() -> None:
    """What remains is for signing in, and for the first call after a cold start."""
    function = functions()["StaffFunction"]
    call_s = float(function["Environment"]["Variables"]["CALL_TIMEOUT_S"])
    assert bulk.PATIENCE_S < bulk.LAST_CALL_S
    assert bulk.LAST_CALL_S + call_s + 2 <= function["Timeout"]


@pytest.mark.parametrize("reader", ["Relay", "Follower"])
def test_reader_of_the_stream_keeps_time_to_end_what_it_began(reader: str) -> None:
    """Without the end of a batch there is no checkpoint. A call has a connection and an answer."""
    function = functions()[f"{reader}Function"]
    wait_s = float(function["Environment"]["Variables"]["CALL_TIMEOUT_S"])
    call_s = min(2, wait_s) + wait_s
    feed_s = FEED_S if reader == "Follower" else 0
    assert 4 * call_s <= RESERVE_S <= function["Timeout"] - 10 - feed_s
    assert 2 * call_s <= FEED_S
    assert call_s <= LAST_CALL_S
    assert 3 * call_s <= AFTER_TABLE_S < RESERVE_S
    assert call_s <= ASIDE_S
    assert 2 * call_s <= DELIVERY_S
    # Each of three receivers may answer nothing, and there is time for the fourth one.
    assert 3 * call_s + DELIVERY_S + feed_s <= function["Timeout"]


def test_every_work_queue_has_a_dead_letter_queue() -> None:
    queues = of_type("AWS::SQS::Queue")
    dead = {
        refers_to(q["Properties"]["RedrivePolicy"]["deadLetterTargetArn"])
        for q in queues.values()
        if "RedrivePolicy" in q["Properties"]
    }
    work = {"MailQueue", "InboundQueue", "InboundLateQueue", "SearchQueue"}
    others = {f"{kind}DeadLetterQueue" for kind in ("", "Signal", "Event")}
    assert set(queues) - dead - others == work
    for name, queue in queues.items():
        assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 86400, name
        assert queue["Properties"]["SqsManagedSseEnabled"] is True, name


def stream_mappings() -> dict[str, Resource]:
    """The settings of each mapping that reads the table's stream, by its function."""
    return {
        str(called(resource["Properties"]["FunctionName"])): resource["Properties"]
        for resource in of_type("AWS::Lambda::EventSourceMapping").values()
        if refers_to(resource["Properties"]["EventSourceArn"]) == "Table"
    }


def test_stream_has_two_readers_and_no_third() -> None:
    """DynamoDB allows two readers of a shard. Another follower is a subscriber of the second."""
    assert list(stream_mappings()) == [f"{name.capitalize()}Function" for name in READERS]
    assert READERS == ("relay", "follower")


@pytest.mark.parametrize(("reader", "kind"), [("Relay", "Signal"), ("Follower", "Event")])
def test_reader_of_the_stream_sets_poison_records_aside_by_kind(reader: str, kind: str) -> None:
    mapping, queue = stream_mappings()[f"{reader}Function"], f"{kind}DeadLetterQueue"
    given = functions()[f"{reader}Function"]["Environment"]["Variables"]
    assert refers_to(given["DEAD_LETTER_QUEUE_URL"]) == queue
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["MaximumRetryAttempts"] > 0
    assert mapping["MaximumRecordAgeInSeconds"] < 24 * 3600, "the stream keeps records for a day"
    assert refers_to(mapping["DestinationConfig"]["OnFailure"]["Destination"]) == queue
    assert mapping["StartingPosition"] == "TRIM_HORIZON", "no record is skipped"


def test_what_eventbridge_and_its_scheduler_cannot_deliver_lies_with_the_other_calls() -> None:
    targets = [rule["Targets"][0] for rule in properties_of("AWS::Events::Rule")]
    targets += [one["Target"] for one in properties_of("AWS::Scheduler::Schedule")]
    aside = [refers_to(t["DeadLetterConfig"]["Arn"]) for t in targets if "DeadLetterConfig" in t]
    assert len(aside) >= 3
    assert set(aside) == {"DeadLetterQueue"}


def properties_of(kind: str) -> list[Resource]:
    return [resource["Properties"] for resource in of_type(kind).values()]


def test_follower_is_started_by_each_event_that_has_a_subscriber_and_by_no_other() -> None:
    """A type that is missing here has mails that nobody sends until the daily comparison."""
    [started] = [
        set(pattern["dynamodb"]["NewImage"]["type"]["S"])
        for pattern in filters.patterns("follower")
        if "type" in pattern["dynamodb"].get("NewImage", {})
    ]
    assert started == {kind.value for kind, found in SUBSCRIBERS.items() if found}
