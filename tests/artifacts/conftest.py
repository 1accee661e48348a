"""Output of `sam build`, for this machine and for the deployed architecture; built once a run."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from local import stack
from local.template import template
from tests.builders import ROOT

HOST = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64"}[platform.machine()]
DEPLOYED = "arm64"
FUNCTIONS = sorted(
    name
    for name, resource in template()["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
)


@dataclass(frozen=True)
class Built:
    """The folder with the output of `sam build` for one architecture."""

    folder: Path
    architecture: str

    @property
    def layer(self) -> Path:
        return self.folder / "CoreLayer" / "python"

    def function(self, logical_id: str) -> Path:
        return self.folder / logical_id

    def size(self, part: Path) -> int:
        """Bytes of all files, unzipped, as Lambda counts."""
        return sum(file.stat().st_size for file in part.rglob("*") if file.is_file())


def sam_build(
    folder: Path, architecture: str, *options: str, sources: Path = ROOT, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `sam build` into this folder, for a value of the parameter `Architecture`."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # sam must find the Python of this run.
    environment = {
        **os.environ,
        "PATH": tools,
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "us-east-1",
    } | variables
    command = ["sam", "build", *options, "--template-file", str(sources / "template.yaml")]
    command += ["--base-dir", str(sources), "--build-dir", str(folder)]
    command += ["--parameter-overrides", f"Architecture={architecture}"]
    return subprocess.run(
        command, cwd=folder.parent, env=environment, capture_output=True, text=True, check=False
    )


def _build(folder: Path, architecture: str) -> Built:
    done = sam_build(folder, architecture, "--no-cached")
    assert done.returncode == 0, done.stdout + done.stderr
    return Built(folder, architecture)


@pytest.fixture(scope="session")
def host() -> Built:
    """Built for this machine, so it can run here: the build that the local cloud deploys."""
    return Built(stack.build(), HOST)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built for AWS by the template's default; its files can only be read here."""
    return _build(tmp_path_factory.mktemp("deployed") / "build", DEPLOYED)
