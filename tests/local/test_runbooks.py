"""The commands of the runbooks run on the deployed stack, as one shell script for each runbook.

`NOT_RUN` names each block with a command of the AWS CLI that does not run here, with the reason.
`make letters` runs in `test_letters.py`, and the guide to sign-in in `test_sign_in.py`. Requests to
the API run in the tests of the functions.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.stack import Outputs
from local.story import World
from tests.local.aws_cli import AwsCli
from tests.local.living import asleep, opened, running
from tests.test_runbooks import EVERY, commands

NOT_RUN = {
    ("dead-letters", "aws connect"): "the emulator has no Amazon Connect",
    ("failing-functions", "aws service-quotas"): "the emulator has no quotas",
    ("files-held", "aws guardduty"): "the emulator has no GuardDuty",
    ("inbound-mail", "aws s3 cp"): "a command of the CLI itself, which no operation follows",
    ("link-key", "aws secretsmanager"): "other tests of this stack hold links of the present key",
    ("outgoing-mail", "--sending-enabled"): "nothing is switched off here",
    ("relay-late", "ThrottledEvents"): "`aws health` needs a support plan; the emulator has none",
    ("relay-late", "--parallelization-factor 10"): "it would stay changed for other tests",
    ("relay-late", "put-function-concurrency"): "it would take the concurrency of other tests",
    ("relay-late", "--enabled"): "nothing is switched off here",
    ("restore", "delete-table"): "other tests use the table",
    ("wrong-clock", "update-function-configuration"): "it stops a function that other tests use",
}
"""A runbook and a part of a block's text. The reason why the block does not run."""

RUNS: dict[str, list[str]] = {}
for _path, _block in EVERY:
    if (
        _path.parent.name == "runbooks"
        and not any(name == _path.stem and part in _block for name, part in NOT_RUN)
        and (re.search(r"^ *(STACK|PERIOD)=", _block, re.M) or list(commands(_block, "aws")))
    ):
        RUNS.setdefault(_path.stem, []).append(_block)


def test_each_runbook_runs_but_for_the_named_blocks() -> None:
    """`link-key.md` has one command, which is named."""
    tested = {"dead-letters", "inbound-mail", "reconciliation", "relay-late", "restore", "scores"}
    tested |= {"failing-functions", "files-held", "outgoing-mail", "sweep-missing", "workflows"}
    assert set(RUNS) == tested | {"unreadable-items", "wrong-clock"}
    for name, part in NOT_RUN:
        assert [1 for path, block in EVERY if path.stem == name and part in block] == [1], part


@pytest.fixture
def run(aws: Callable[[str], Any], tmp_path: Path) -> Iterator[Callable[..., str]]:
    """A function that runs the blocks of a runbook and returns what they print.

    Its other arguments are words of the runbook, with what stands in their place.
    """
    with AwsCli(aws, tmp_path).program() as folder:

        def run(name: str, **instead: str) -> str:
            script = "\n".join(RUNS[name])
            for word, replacement in instead.items():
                script = re.sub(rf"\b{word}\b", replacement, script)
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script],
                env=os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
                cwd=tmp_path,
                text=True,
                capture_output=True,
                check=False,
                timeout=120,
            )
            assert done.returncode == 0, done.stderr[-3000:]
            return done.stdout

        yield run


@pytest.fixture(scope="module")
def number(world: World, deployed: Outputs) -> str:
    """The number of a ticket whose workflow sleeps."""
    found = opened(world, "runbooks").number
    asleep(deployed, found)
    return found


@pytest.mark.parametrize("name", ["dead-letters", "inbound-mail", "wrong-clock"])
def test_searches_of_logs_run(name: str, run: Callable[..., str], number: str) -> None:
    """The log groups exist. The emulator does not evaluate patterns of JSON."""
    assert run(name)


def test_unreadable_item_is_read(run: Callable[..., str], number: str) -> None:
    assert f'"TICKET#{number}"' in run("unreadable-items", **{"R-7K3M9-QW0X2": number})


def test_reconciliation_runs_and_its_report_is_found(
    run: Callable[..., str], deployed: Outputs, number: str, tmp_path: Path
) -> None:
    said = run("reconciliation", **{"R-7K3M9-QW0X2": number})
    report = json.loads((tmp_path / "answer.json").read_text())
    assert report["left"] == 0
    assert said.count(report["began_at"]) >= 2, "the answer and the stored report"
    assert said.count(f'"TICKET#{number}"') == 2, "the snapshot and the TIMER"
    assert running(deployed, number) == [f"{number}-1"]


def test_readers_of_the_stream_are_listed_and_the_sweep_runs(
    run: Callable[..., str], number: str
) -> None:
    said = run("relay-late")
    for reader in ("relay", "follower"):
        assert re.search(rf"function:redress-{reader}\S*\t[0-9a-f-]+\n", said), reader
    assert '"drained"' in said


def test_errors_and_throttles_of_every_function_are_counted(
    run: Callable[..., str], aws: Callable[[str], Any]
) -> None:
    said = run("failing-functions")
    names = {one["FunctionName"] for one in aws("lambda").list_functions()["Functions"]}
    for metric in ("Errors", "Throttles"):
        counted = set(re.findall(rf"^{metric} (\w+)", said, re.MULTILINE))
        assert {f"redress-{name}" for name in counted} == names


def test_state_of_outgoing_mail_is_shown(run: Callable[..., str]) -> None:
    assert "true" in run("outgoing-mail")


def test_schedule_of_the_sweep_is_shown_and_the_sweep_runs(run: Callable[..., str]) -> None:
    said = run("sweep-missing")
    assert "rate(5 minutes)" in said
    assert '"drained"' in said


def test_execution_of_a_ticket_is_described(run: Callable[..., str], number: str) -> None:
    assert "RUNNING" in run("workflows", **{"R-7K3M9-QW0X2": number})


def test_scoring_run_is_found_and_started_again(
    run: Callable[..., str], aws: Callable[[str], Any], deployed: Outputs
) -> None:
    machines, machine = aws("stepfunctions"), deployed.stack["ScoresMachineArn"]
    given = '{"period": "2026-10"}'
    machines.start_execution(stateMachineArn=machine, name="runbook", input=given)
    assert re.search(r"^runbook\t[A-Z]+\t", run("scores", NAME="runbook"), re.MULTILINE)
    executions = machines.list_executions(stateMachineArn=machine)["executions"]
    [again] = [one for one in executions if one["name"].startswith("2026-10-by-hand-")]
    described = machines.describe_execution(executionArn=again["executionArn"])
    assert described["input"] == given


def test_earlier_state_is_restored_next_to_the_table(
    run: Callable[..., str], aws: Callable[[str], Any], deployed: Outputs, number: str
) -> None:
    """`make restore` itself runs in `test_data_kept.py`."""
    table, database = deployed.stack["TableName"], aws("dynamodb")
    now = datetime.now(UTC).isoformat()
    words = {"R-7K3M9-QW0X2": number, "2026-11-23T08:00:00Z": now}
    said = run("restore", OLD=table, TABLE=table, **words)
    assert "EVENT#000001" in said
    key = {"pk": {"S": f"TICKET#{number}"}, "sk": {"S": "EVENT#000001"}}
    assert database.get_item(TableName="redress-look", Key=key)["Item"]
    database.delete_table(TableName="redress-look")


def test_held_files_are_listed_and_asked_for(run: Callable[..., str]) -> None:
    said = run("files-held")
    assert "eicar" in said.split(), "what scans them"
