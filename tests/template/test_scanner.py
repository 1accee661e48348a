"""checkov finds nothing in the deployed resources but what is accepted here, each with its reason.

It reads the template after SAM's transform, with the roles and mappings that CloudFormation gets.
It runs without the network, from an environment of its own: it pins other versions of boto3 and of
other libraries than the tools in `.venv`. `make template` installs it.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.builders import ROOT
from tests.template.documents import Resource, expanded, of_type, written

CHECKOV = ROOT / ".local/checkov/bin/checkov"

A_KEY = "a key of one's own costs US$1 a month, more than the idle stack, and a fee by request"

ACCEPTED: dict[str, tuple[set[str], str]] = {
    "CKV_AWS_18": (
        {"MailBucket", "SearchBucket", "FilesBucket"},
        "only functions of the stack and links of five minutes read the bucket. A log of its "
        "requests is a second bucket with the addresses of who opened them",
    ),
    "CKV_AWS_21": (
        {"SearchBucket"},
        "the index can be made again from the table, and a text that is removed must be gone",
    ),
    "CKV_AWS_26": (
        set(of_type("AWS::SNS::Topic")),
        "neither SES nor an alarm can publish to a topic with the key that AWS manages, and "
        + A_KEY,
    ),
    "CKV_AWS_27": (
        set(of_type("AWS::SQS::Queue")),
        "the check knows only keys of KMS. Every queue is encrypted with the key of SQS, which "
        "costs nothing: see the test below",
    ),
    "CKV_AWS_95": (
        set(of_type("AWS::ApiGatewayV2::Stage")),
        "it is off unless AccessLog asks for it: the functions log every answer that they give, "
        "and test_console.py checks what it may contain",
    ),
    "CKV_AWS_115": (
        set(of_type("AWS::Lambda::Function")),
        "a new account may have ten concurrent executions and can reserve none of them. The "
        "mappings of streams and queues bound their functions",
    ),
    "CKV_AWS_116": (
        set(of_type("AWS::Lambda::Function")),
        "the check knows only DeadLetterConfig. Every function has a destination of failed "
        "asynchronous calls instead, which also keeps the reason: see the test below",
    ),
    "CKV_AWS_117": (
        # The scanner is in a VPC if it has a host there.
        set(of_type("AWS::Lambda::Function")) - {"ScannerFunction"},
        "the functions call services of AWS only. In a VPC they would need endpoints or a NAT "
        "gateway, from US$7 a month each, and nothing in it would be more private",
    ),
    "CKV_AWS_119": ({"Table"}, "DynamoDB encrypts with a key of its own; " + A_KEY),
    "CKV_AWS_149": ({"LinkKey"}, "the key that AWS manages encrypts the secret; " + A_KEY),
    "CKV_AWS_158": (
        set(of_type("AWS::Logs::LogGroup")),
        "CloudWatch encrypts every log group; " + A_KEY + ", and logs contain no personal data",
    ),
    "CKV_AWS_173": (
        set(of_type("AWS::Lambda::Function")),
        "Lambda encrypts them with a key of its own. They contain no secret: the key of the "
        "links is in Secrets Manager; " + A_KEY,
    ),
}
"""By check of checkov: the resources for which its finding is accepted, and why."""


FAULTY = "Faulty"
"""The beginning of the names of faulty copies."""


def found_in(resources: dict[str, Resource], folder: Path) -> dict[str, set[str]]:
    """The resources in which checkov finds something, by check. Raises if it did not read all."""
    assert CHECKOV.exists(), "checkov is not installed: run `make template`"
    # Without conditions: checkov would leave out what the default of a parameter leaves out.
    document = {"Parameters": written()["Parameters"], "Resources": copy.deepcopy(resources)}
    for resource in document["Resources"].values():
        resource.pop("Condition", None)
    # No check reads the routes, and to resolve their references takes longer than all checks.
    for api in document["Resources"].values():
        if api["Type"] == "AWS::ApiGatewayV2::Api":
            api["Properties"]["Body"] = {}
    path = folder / "template.json"
    path.write_text(json.dumps(document, indent=1))
    options = ["--framework", "cloudformation", "--output", "json", "--compact", "--quiet"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    # Whatever tries to use the network fails at once, instead of waiting or sending something.
    environment |= {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run(
        [str(CHECKOV), "--file", str(path), "--skip-download", *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["resource_count"] >= len(resources), "it read every resource"
    found: dict[str, set[str]] = defaultdict(set)
    for finding in report["results"]["failed_checks"]:
        found[finding["check_id"]].add(finding["resource"].rpartition(".")[2])
    return dict(found)


def faulty() -> dict[str, Resource]:
    """Copies of some resources, each under another name and with a fault."""
    kept = ("MailBucket", "IntakeFunctionRole", "Table")
    copies = {name: copy.deepcopy(expanded()[name]) for name in kept}
    copies["MailBucket"]["Properties"]["PublicAccessBlockConfiguration"]["BlockPublicAcls"] = False
    del copies["MailBucket"]["Properties"]["VersioningConfiguration"]
    copies["Table"]["Properties"]["PointInTimeRecoverySpecification"] = {
        "PointInTimeRecoveryEnabled": False
    }
    document = copies["IntakeFunctionRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    document["Statement"][0] |= {"Action": "*", "Resource": "*"}
    return {f"{FAULTY}{name}": resource for name, resource in copies.items()}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What checkov finds in the template and, in the same run, in the faulty copies."""
    return found_in(expanded() | faulty(), tmp_path_factory.mktemp("checkov"))


@pytest.mark.slow
def test_checkov_finds_exactly_what_is_accepted(found: dict[str, set[str]]) -> None:
    own = {check: {n for n in names if not n.startswith(FAULTY)} for check, names in found.items()}
    assert {check: names for check, names in own.items() if names} == {
        check: resources for check, (resources, _) in ACCEPTED.items()
    }


@pytest.mark.slow
def test_checkov_finds_faults_in_copies_of_resources(found: dict[str, set[str]]) -> None:
    new = {
        check: {name.removeprefix(FAULTY) for name in names if name.startswith(FAULTY)}
        for check, names in found.items()
    }
    assert new["CKV_AWS_53"] == {"MailBucket"}, "its public access is not blocked"
    assert new["CKV_AWS_21"] == {"MailBucket"}, "it keeps no versions"
    assert new["CKV_AWS_28"] == {"Table"}, "it has no point-in-time recovery"
    assert {name for names in new.values() for name in names} >= {"IntakeFunctionRole"}, new


def test_every_queue_is_encrypted_although_checkov_does_not_see_it() -> None:
    for name, queue in of_type("AWS::SQS::Queue").items():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True, name


def test_every_function_has_a_destination_although_checkov_does_not_see_it() -> None:
    with_one = {
        config["Properties"]["FunctionName"]["Ref"]
        for config in of_type("AWS::Lambda::EventInvokeConfig").values()
        if config["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
    }
    assert with_one == set(of_type("AWS::Lambda::Function"))
