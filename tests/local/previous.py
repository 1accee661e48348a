"""Take the previous version from the repository's history and deploy it with its own tools."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from local import process
from local.process import ROOT, Cloud
from local.stack import Outputs

TAG = "v0.1.0"
COMMIT = "51b4a82b46fa84691897953ce08e790eeae520cb"
"""The commit of the tag, for a clone without tags. Update both at each release."""

_INSTALL = """
import sys
from pathlib import Path
from local import process, stack
stack.WORKERS = 1  # for each function: few calls overlap here, and each process takes time to start
stack.install(process.find(Path(sys.argv[1])))
"""


class NotInHistory(Exception):
    """This clone does not contain the previous version; the message says why."""


def export(folder: Path) -> None:
    """Unpack the previous version into this folder. Raises NotInHistory."""
    if shutil.which("git") is None:
        raise NotInHistory("git is not installed")
    archives = (_archive(name) for name in (TAG, COMMIT))
    archive = next(filter(None, archives), None)
    if archive is None:
        raise NotInHistory(f"neither the tag {TAG} nor the commit {COMMIT[:8]} is in this clone")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")


def _archive(revision: str) -> bytes:
    """The files of a revision as a tar archive; b"" if git does not have the revision."""
    command = ["git", "archive", "--format=tar", revision]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""


def install(folder: Path, cloud: Cloud) -> Outputs:
    """Deploy the version in `folder` onto a cloud with its own tools, and create staff."""
    done = subprocess.run(
        [sys.executable, "-c", _INSTALL, str(cloud.directory)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{folder / 'layers' / 'core'}{os.pathsep}{folder}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        log = process.tail(cloud.log)
        raise AssertionError(f"{TAG} was not deployed:\n{done.stderr}\nThe cloud's log:\n{log}")
    known = json.loads((cloud.directory / "outputs.json").read_text(encoding="utf-8"))
    return Outputs(
        stack={name: value for name, value in known.items() if isinstance(value, str)},
        base_url=known["base_url"],
        port=cloud.port,
        endpoint_url=cloud.endpoint,
        staff=known["staff"],
        directory=cloud.directory,
        smtp_port=cloud.smtp_port,
    )
