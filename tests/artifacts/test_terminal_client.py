"""The terminal client is installed from this checkout alone, as an agent installs it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.builders import ROOT

pytestmark = pytest.mark.slow

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)),
        env=ENVIRONMENT | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


@pytest.fixture(scope="module")
def redress(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command, in an environment of its own. uv installs it in seconds; pip takes
    most of a minute, but installs it also where only pip is set up for a mirror."""
    folder = tmp_path_factory.mktemp("agent") / "environment"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    done = run(sys.executable, "-m", "uv", "pip", "install", "--python", python, "./client")
    if done.returncode:
        done = run(python, "-m", "pip", "install", "--quiet", "./client")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "bin" / "redress"


def test_client_installs_with_its_generated_package_and_without_the_product(
    redress: Path, tmp_path: Path
) -> None:
    assert run(redress, "--version").stdout.startswith("redress ")
    found = run(redress, "work", REDRESS_CONFIG=str(tmp_path), REDRESS_TOKEN="a-token")
    assert (found.returncode, found.stderr.splitlines()[0]) == (
        2,
        "The address of the service is not known.",
    )
    program = "import redress_cli.app, redress_staff, sys; print('redress' in sys.modules)"
    assert run(redress.with_name("python"), "-c", program).stdout == "False\n"


def test_shell_gets_a_completion_of_commands(redress: Path) -> None:
    assert "complete -o default" in run(redress, _REDRESS_COMPLETE="source_bash").stdout
    words = {"COMP_WORDS": "redress re", "COMP_CWORD": "1"}
    shown = run(redress, _REDRESS_COMPLETE="complete_bash", **words).stdout
    assert {"reply", "release", "resolve"} <= set(shown.split())
