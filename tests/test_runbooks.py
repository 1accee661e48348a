"""Every command of a runbook and of the guide to sign-in is one that its tool knows.

The tools are the shell, the AWS CLI, make, and our own API.

Commands of the AWS CLI follow from the models of botocore, so service, operation, parameters and
JMESPath expressions are checked against these. Nothing here runs a command: they run on a deployed
stack, in `tests/local/test_runbooks.py`. `make letters` runs in `tests/functions/test_letters.py`
and `tests/local/test_letters.py`.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import botocore.session
import jmespath  # type: ignore[import-untyped]
import pytest
from botocore import xform_name

from redress.base import observe
from tests.builders import ROOT
from tests.template.test_api import routes

RUNBOOKS = [*sorted((ROOT / "docs/runbooks").glob("*.md")), ROOT / "docs/sign-in.md"]

GLOBAL = {"--query", "--output", "--region", "--profile", "--max-items", "--cli-read-timeout"} | {
    "--cli-binary-format"
}
"""Options of every command of the AWS CLI that take a value."""
OWN = {
    ("logs", "tail"): {"--since", "--filter-pattern", "--follow"},
    ("s3", "cp"): {"--metadata-directive"},
}
"""Commands that the AWS CLI adds to the operations of the services, and their options."""


def blocks(path: Path) -> list[str]:
    """The indented blocks of a document that are commands."""
    found, block = [], list[str]()
    for line in [*path.read_text().splitlines(), ""]:
        if line.startswith("    ") or (block and not line.strip()):
            block.append(line)
        elif block:
            found.append("\n".join(block).strip("\n"))
            block = []
    found += ["\n".join(block).strip("\n")] if "".join(block).strip() else []
    return [
        one for one in found if re.search(r"^\s+(aws|make|curl|for|[A-Z_]+=)[ \w$\"]", one, re.M)
    ]


EVERY = [(path, block) for path in RUNBOOKS for block in blocks(path)]
FIRST_DEPLOY = ROOT / "docs/first-deploy.md"
CHECKED = [*EVERY, *((FIRST_DEPLOY, block) for block in blocks(FIRST_DEPLOY))]
"""Also the commands for the first deployment. They are about AWS itself, so no test runs them."""


def commands(text: str, tool: str) -> Iterator[list[str]]:
    """The words of each call of a tool, also of calls inside `$(...)`, which are one word."""
    inner = []

    def taken(found: re.Match[str]) -> str:
        inner.append(found[1])
        return "INNER"

    text = re.sub(r"\\\n\s*", " ", text)
    while (without := re.sub(r"\$\(([^()]*)\)", taken, text)) != text:
        text = without
    for part in (text, *inner):
        for line in part.splitlines():
            for one in re.split(r"&&|\|\||;|\||>", _outside_quotes(line)):
                words = shlex.split(_restored(one, line), comments=True)
                words = words[next((i for i, w in enumerate(words) if "=" not in w), 0) :]
                if tool in words[:2]:
                    yield words[words.index(tool) + 1 :]


_QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"")


def _outside_quotes(line: str) -> str:
    """The line with each quoted text replaced by its number, so that it can be divided."""
    numbers = iter(range(1000))
    return _QUOTED.sub(lambda _: f"\x00{next(numbers)}\x00", line)


def _restored(part: str, line: str) -> str:
    quoted = _QUOTED.findall(line)
    return re.sub(r"\x00(\d+)\x00", lambda found: quoted[int(found[1])], part)


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def faults_of(words: list[str]) -> list[str]:
    """What is wrong with a command of the AWS CLI, given without the word `aws`."""
    service, operation, *rest = words
    given = [word.partition("=")[0] for word in rest if word.startswith("--")]
    faults = []
    for name, value in zip(rest, [*rest[1:], ""], strict=True):
        if name == "--query":
            jmespath.compile(value)
        if value.startswith(("{", "[")) and name not in ("--query", "--filter-pattern"):
            json.loads(value)
    if (service, operation) in OWN:
        return [one for one in given if one not in OWN[service, operation] | GLOBAL]
    names = {xform_name(name, "-"): name for name in model(service).operation_names}
    if operation == "wait":
        operation = waited(service, *rest)
    if operation not in names:
        return [f"{service} has no operation {operation}"]
    shape = model(service).operation_model(names[operation]).input_shape
    members = {f"--{xform_name(name, '-')}": member for name, member in shape.members.items()}
    known = GLOBAL | set(members)
    known |= {f"--no-{n[2:]}" for n, m in members.items() if m.type_name == "boolean"}
    faults += [f"{operation} has no option {one}" for one in given if one not in known]
    needed = {f"--{xform_name(name, '-')}" for name in shape.required_members}
    return faults + [f"{operation} needs {one}" for one in sorted(needed - set(given))]


def waited(service: str, waiter: str, *_: str) -> str:
    """The operation that `aws SERVICE wait WAITER` repeats, with the same options."""
    waiters = botocore.session.get_session().get_waiter_model(service)
    names = {xform_name(name, "-"): name for name in waiters.waiter_names}
    if waiter not in names:
        return f"wait {waiter}"
    return str(xform_name(waiters.get_waiter(names[waiter]).operation, "-"))


def test_runbooks_have_commands_of_each_tool() -> None:
    for tool in ("aws", "make", "curl"):
        assert any(list(commands(block, tool)) for _, block in EVERY), tool
    assert {path for path, _ in EVERY} == set(RUNBOOKS), "each runbook has commands to type"


@pytest.mark.parametrize(("path", "block"), CHECKED)
def test_block_is_valid_shell(path: Path, block: str) -> None:
    done = subprocess.run(
        ["bash", "-n"], input=block, text=True, capture_output=True, check=False, timeout=10
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("path", "block"), CHECKED)
def test_commands_of_the_aws_cli_exist_with_their_options(path: Path, block: str) -> None:
    found = list(commands(block, "aws"))
    assert len(found) == len(re.findall(r"(?:^|[\s(])aws [a-z]", block)), "every call is found"
    assert [fault for words in found for fault in faults_of(words)] == []


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ("aws sqs receive-mesage --queue-url x", "sqs has no operation receive-mesage"),
        ("aws sqs delete-message --queue-url x", "delete-message needs --receipt-handle"),
        ("aws lambda get-function --name x", "get-function has no option --name"),
    ],
)
def test_wrong_command_is_found(wrong: str, fault: str) -> None:
    [words] = commands(f"    OUT=$({wrong} | cat)", "aws")
    assert fault in faults_of(words)


def test_search_for_unreadable_items_finds_the_line_in_each_function_that_may_write_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A filter pattern does not match a field that is an array, as the metric's own field is.

    Source: CloudWatch Logs, "Using filter patterns to match terms in JSON log events".
    """
    [block] = [one for path, one in EVERY if path.stem == "unreadable-items" and "logs tail" in one]
    [words] = commands(block, "aws")
    pattern = words[words.index("--filter-pattern") + 1]
    found = re.fullmatch(r'\{ \$\.(\w+) = "([^"]*)" \}', pattern)
    assert found, "one field that is equal to a text"
    observe.unreadable("TICKET#R-7K3M9-QW0X2", "TICKET", ValueError())
    assert json.loads(capsys.readouterr().out)[found[1]] == found[2]
    [listed] = re.findall(r"for FUNCTION in ([\w \\\n]+); do", block)
    assert set(re.findall(r"\w+", listed)) == reading_functions()


def reading_functions() -> set[str]:
    """The functions whose wiring uses stores of the table, itself or by the wiring of another."""
    folder = ROOT / "layers/core/redress/wiring"
    texts = {path.stem: path.read_text() for path in folder.glob("*.py")}
    direct = r"import .*\bstores\b|from redress\.\w+\.store\."
    reads = {name for name, text in texts.items() if re.search(direct, text)}
    by_another = rf"from redress\.wiring\.({'|'.join(reads)}) import"
    reads |= {name for name, text in texts.items() if re.search(by_another, text)}
    return reads & {path.name for path in (ROOT / "functions").iterdir()}


@pytest.mark.parametrize(("path", "block"), CHECKED)
def test_targets_of_make_exist_and_use_the_given_variables(path: Path, block: str) -> None:
    text = (ROOT / "Makefile").read_text()
    for words in commands(block, "make"):
        target, *variables = [word for word in words if word != "-s"]
        recipe = re.search(rf"^{target}:.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        assert recipe, target
        for variable in variables:
            name = variable.partition("=")[0]
            assert f"$({name})" in recipe[0] or f"$${{{name}:-}}" in recipe[0], variable


@pytest.mark.parametrize(("path", "block"), CHECKED)
def test_requests_are_to_routes_of_the_api(path: Path, block: str) -> None:
    for words in commands(block, "curl"):
        method = words[words.index("-X") + 1] if "-X" in words else "GET"
        [address] = [word for word in words if word.startswith(ADDRESSES)]
        if address.startswith("$SIGN_IN/"):  # the pages of Cognito
            assert address == "$SIGN_IN/oauth2/token"
            continue
        parts = urlparse(address.removeprefix("$API")).path.removeprefix("/v1").split("/")
        fitting = [one for one, route in routes() if _fits(parts, route.split("/"))]
        assert method in fitting, address


ADDRESSES = ("https://HOST", "$API/", "$SIGN_IN/")
"""How the addresses of requests begin: of the API, and of the sign-in pages."""


def _fits(parts: list[str], route: list[str]) -> bool:
    pairs = zip(parts, route, strict=False)
    same = all(wanted.startswith("{") or wanted == given for given, wanted in pairs)
    return len(parts) == len(route) and same
