"""The usual linters pass. Each accepted finding has a reason and must still occur.

`sam validate --lint` is left out: it runs the default rules of the same cfn-lint, and
`documents.expanded` runs SAM's transform.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

from tests.builders import ROOT
from tests.template.documents import MACHINES, PLACEHOLDER, functions, machine, of_type

BIN = Path(sys.executable).parent

ACCEPTED = {
    "ES1001": (
        {
            "MailerFunctionMails",
            "InboundFunctionMails",
            "InboundFunctionLateMails",
            "IndexerFunctionTexts",
        },
        "the mapping of a queue has no failure destination: the queue has its own dead letters",
    ),
    "ES1007": (
        {
            "ExecutionEndedPermission",
            "UploadArrivedPermission",
            "FileCopiedPermission",
            "FileScannedPermission",
            "ContactEventPermission",
        },
        "the rule looks for a configuration under the name of the alias. It is under the name of "
        "the function, with the qualifier `live`",
    ),
    "ES2000": (
        {"HttpApiv1Stage"},
        "it is off unless AccessLog asks for it: the functions log every answer that they give, "
        "and test_console.py checks what it may contain",
    ),
    "ES6000": (
        {name for name in of_type("AWS::SQS::Queue") if name.endswith("DeadLetterQueue")},
        "these are dead-letter queues themselves; an alarm watches them",
    ),
    "ES7000": (
        {"OperationsSubscription"},
        "people read this mailbox, and the state of an alarm stays visible",
    ),
    "W1033": (
        {
            "ScannerFunction",
            "'' does not match '^sg-[0-9a-zA-Z]*$' when 'Fn::Split' is resolved at "
            "'Resources/ScannerFunction/Properties/VpcConfig/Fn::If/1/SecurityGroupIds'",
        },
        "the rule splits the empty defaults. Without subnets the function has no VpcConfig",
    ),
    "WS1004": (
        set(functions()),
        "the rule finds log groups only by the function's logical id; LoggingConfig names them, "
        "and test_functions.py checks it",
    ),
}
"""By rule of cfn-lint: the resources for which its finding is accepted, and why."""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{BIN}:/usr/bin:/bin", "AWS_DEFAULT_REGION": "us-east-1"}
    environment |= {"SAM_CLI_TELEMETRY": "0", "HOME": str(Path.home())}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.slow
def test_cfn_lint_finds_exactly_what_is_accepted() -> None:
    rules = ["--append-rules", "cfn_lint_serverless.rules", "--format", "json"]
    every = ["--include-checks", "I", "--include-experimental"]  # off by default
    done = run(str(BIN / "cfn-lint"), *rules, *every, "--template", "template.yaml")
    found: dict[str, set[str]] = defaultdict(set)
    for finding in json.loads(done.stdout):
        path = finding["Location"]["Path"] or []
        named = path[1] if len(path) > 1 else ""
        about = [name for name in finding["Message"].split() if name.rstrip(".").isalnum()]
        accepted = ACCEPTED.get(finding["Rule"]["Id"], (set[str](), ""))[0]
        found[finding["Rule"]["Id"]] |= accepted & {*about, named} or {finding["Message"]}
    assert found == {rule: resources for rule, (resources, _) in ACCEPTED.items()}


def filled_in(file: str) -> str:
    """A machine's definition with names instead of placeholders, as it is deployed."""
    text = json.dumps(machine(file)).replace("${Partition}", "aws").replace("${PartsAtOnce}", "2")
    return PLACEHOLDER.sub(r"arn:aws:lambda:us-east-1:123456789012:function:\1", text)


@pytest.mark.parametrize("file", MACHINES)
def test_statelint_finds_nothing(file: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.write_text(filled_in(file))
    done = run(str(BIN / "statelint"), str(path))
    assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (0, "", "")


@pytest.mark.parametrize("file", MACHINES)
def test_second_parser_of_the_language_reads_every_machine(file: str) -> None:
    program: Any = AmazonStateLanguageParser.parse(filled_in(file))[0]
    assert set(program.states.states) == set(machine(file)["States"])
