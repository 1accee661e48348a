"""`make check` runs two commands at once and hides nothing of either (tests/together.py)."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.builders import ROOT
from tests.together import NICE

LOWEST = 19
"""The lowest priority of a process (nice, POSIX)."""
WELL, WRONG = "echo all is well", "echo this is wrong; exit 3"
PATIENCE_S = 30


def shell(script: str) -> str:
    return shlex.join(["sh", "-c", script])


def started(waiting: str, computing: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.together", shell(waiting), shell(computing)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("waiting", "computing", "code"),
    [(WELL, WELL, 0), (WRONG, WELL, 1), (WELL, WRONG, 1), (WRONG, WRONG, 1)],
)
def test_both_commands_run_to_their_end_and_each_failure_counts(
    waiting: str, computing: str, code: int
) -> None:
    run = started(waiting, computing)
    said, _ = run.communicate()
    assert run.returncode == code
    lines = said.splitlines()
    assert lines.count("all is well") == [waiting, computing].count(WELL)
    assert lines.count("this is wrong") == [waiting, computing].count(WRONG)


def test_computing_command_leaves_the_processor_to_the_waiting_one() -> None:
    said, _ = started("echo first $(nice)", "echo second $(nice)").communicate()
    found = dict(line.split() for line in said.splitlines() if line[-1:].isdigit())
    # These tests may run with a low priority themselves. There is none below LOWEST.
    assert int(found["second"]) == min(int(found["first"]) + NICE, LOWEST)


def test_failure_of_the_computing_command_is_shown_while_the_waiting_one_runs(
    tmp_path: Path,
) -> None:
    seen = tmp_path / "seen"
    run = started(f"while ! test -e {seen}; do sleep 0.05; done; {WELL}", WRONG)
    assert run.stdout is not None
    assert [run.stdout.readline() for _ in range(3)][-1] == "this is wrong\n"
    seen.touch()
    assert run.communicate()[0] == "all is well\n"
    assert run.returncode == 1


def test_both_commands_end_when_the_run_is_asked_to_end(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("waiting", "computing")]
    scripts = [
        f"trap 'rm {file}; exit 1' TERM; touch {file}; while true; do sleep 0.05; done"
        for file in files
    ]
    run = started(*scripts)
    end = time.monotonic() + PATIENCE_S
    while not all(file.exists() for file in files):
        assert time.monotonic() < end
        time.sleep(0.05)
    run.terminate()
    run.communicate()
    assert run.returncode == 143
    assert [file for file in files if file.exists()] == []
