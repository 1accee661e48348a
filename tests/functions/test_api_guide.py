"""The examples of docs/api.md run as they stand, in each of their three languages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import install
from local.clients import tools
from local.process import ROOT
from redress.base.people import Member
from tests.functions.conftest import MEMBERS
from tests.functions.gateway import Gateway, served
from tests.functions.staff.api import claims_of
from tests.world import Opener

pytestmark = pytest.mark.slow

GUIDE = ROOT / "docs" / "api.md"
TOKEN = "the-token-of-mei"


def examples(language: str) -> list[str]:
    """The examples of the guide in a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def api(staff: dict[str, Member], open_ticket: Opener) -> Iterator[tuple[str, str]]:
    """The address of the API, and the number of the one ticket in the queue of mei's team."""
    number = open_ticket().number
    with served(Gateway({TOKEN: claims_of(MEMBERS["mei"]) | {"token_use": "id"}})) as address:
        yield address, number


def check(output: str, number: str) -> None:
    """What each of the three programs prints, whatever the words of the promises are."""
    lines = output.splitlines()
    assert lines[0] == "mei, agent of complaints"
    assert lines[1:3] == [f"took {number}", "complaint: The kettle leaks, new"]
    assert any("Asia/Shanghai" in line for line in lines)
    answered, refused, solved, found, say, draft, macro = lines[-7:]
    assert answered.startswith("now open, version ")
    assert refused.startswith("409: ")
    assert "resolve" in refused
    assert solved == "now resolved"
    assert found.startswith(f"{number}: ")
    assert "R-" in say
    assert draft.startswith("Dear Li Na, ")
    assert macro == "the macro would do 2 things"


def test_each_step_has_an_example_in_each_language() -> None:
    steps = GUIDE.read_text().split("\n## ")[1:8]
    assert [step[0] for step in steps] == list("1234567")
    for step in steps:
        assert re.findall(r"^```(\w+)$", step, re.MULTILINE) == ["sh", "python", "ts"], step[:40]


def test_examples_in_the_shell_run(api: tuple[str, str], tmp_path: Path) -> None:
    install.shell()
    address, number = api
    script = f"set -euo pipefail\nAPI={address}\nTOKEN={TOKEN}\n" + "".join(examples("sh"))
    check(output_of(["bash", "-c", script], tmp_path), number)


def test_examples_in_python_run(api: tuple[str, str], tmp_path: Path) -> None:
    install.node()
    address, number = api
    folder = tools.python()
    program = f"API, TOKEN = {address!r}, {TOKEN!r}\n" + "".join(examples("python"))
    found = output_of([sys.executable, "-c", program], tmp_path, PYTHONPATH=str(folder))
    check(found, number)


def test_examples_in_typescript_compile_and_run(api: tuple[str, str]) -> None:
    install.node()
    address, number = api
    program = "".join(examples("ts"))
    imports = "".join(re.findall(r"^import .*\n", program, re.MULTILINE))
    given = f"const API = {json.dumps(address)}, TOKEN = {json.dumps(TOKEN)};\n"
    made = tools.typescript_program("guide", f"{imports}{given}{program.replace(imports, '')}")
    check(output_of(["node", str(made)], made.parent), number)


def output_of(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
