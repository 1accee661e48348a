"""What the field's own linters say. A finding that is accepted has a reason, and is still found."""

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
from tests.template.documents import MACHINES, PLACEHOLDER, functions, machine

BIN = Path(sys.executable).parent

ACCEPTED = {
    "ES1001": (
        {"MailerFunctionMails", "InboundFunctionMails"},
        "a queue's mapping takes no failure destination: the queue has its own dead letters",
    ),
    "ES2000": (
        {"HttpApiv1Stage"},
        "an access log would hold paths, and a path holds a link's secret",
    ),
    "ES6000": (
        {"DeadLetterQueue", "MailDeadLetterQueue", "InboundDeadLetterQueue"},
        "what these hold is dead already; an alarm watches them",
    ),
    "ES7000": (
        {"OperationsSubscription"},
        "the subscription is a mailbox of people; the alarm's state stays visible",
    ),
    "WS1004": (
        set(functions()),
        "the rule knows groups by the function's logical id only; LoggingConfig names ours, which "
        "test_functions.py holds to it",
    ),
}
"""Rule of cfn-lint -> the resources for which its finding is accepted, and why."""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{BIN}:/usr/bin:/bin", "AWS_DEFAULT_REGION": "us-east-1"}
    environment |= {"SAM_CLI_TELEMETRY": "0", "HOME": str(Path.home())}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.slow
def test_cfn_lint_finds_what_is_accepted_and_nothing_else() -> None:
    rules = ["--append-rules", "cfn_lint_serverless.rules", "--format", "json"]
    done = run(str(BIN / "cfn-lint"), *rules, "--template", "template.yaml")
    found: dict[str, set[str]] = defaultdict(set)
    for finding in json.loads(done.stdout):
        path = finding["Location"]["Path"] or []
        named = path[1] if len(path) > 1 else ""
        about = [name for name in finding["Message"].split() if name.rstrip(".").isalnum()]
        accepted = ACCEPTED.get(finding["Rule"]["Id"], (set[str](), ""))[0]
        found[finding["Rule"]["Id"]] |= accepted & {*about, named} or {finding["Message"]}
    assert found == {rule: resources for rule, (resources, _) in ACCEPTED.items()}


@pytest.mark.slow
def test_sam_takes_the_template() -> None:
    done = run(str(BIN / "sam"), "validate", "--lint", "--region", "us-east-1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is a valid SAM Template" in done.stdout


def filled_in(file: str) -> str:
    """A machine's definition as it is deployed: placeholders replaced by names."""
    text = json.dumps(machine(file))
    return PLACEHOLDER.sub(r"arn:aws:lambda:us-east-1:123456789012:function:\1", text)


@pytest.mark.parametrize("file", MACHINES)
def test_statelint_has_nothing_to_say(file: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.write_text(filled_in(file))
    done = run(str(BIN / "statelint"), str(path))
    assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (0, "", "")


@pytest.mark.parametrize("file", MACHINES)
def test_a_second_reader_of_the_language_understands_every_machine(file: str) -> None:
    program: Any = AmazonStateLanguageParser.parse(filled_in(file))[0]
    assert set(program.states.states) == set(machine(file)["States"])
