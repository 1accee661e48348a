"""The linters, generators, compilers and the reference of `python -m local.clients`."""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from local import install
from local.process import ROOT, alone

HERE = Path(__file__).parent
MADE = ROOT / ".local" / "clients"
REFERENCE = ROOT / ".local" / "reference"
SCRIPT = "redoc.standalone.js"
DATA = ROOT / "layers" / "core" / "redress" / "data"
DOCUMENTS = {name: DATA / f"openapi-{name}.json" for name in ("staff", "public")}
OF_MACHINES = DATA / "openapi-machines.json"
"""The document of machines. It is only linted: no generated client signs requests."""


class Failed(RuntimeError):
    """A tool found a fault; the message is what it printed."""


def lint() -> None:
    """Check each document with redocly and spectral. Warnings fail, too. Raises Failed."""
    for document in map(str, (*DOCUMENTS.values(), OF_MACHINES)):
        config = str(HERE / "redocly.yaml")
        _node("redocly", "lint", "--config", config, "--max-problems", "20", document)
        ruleset = str(HERE / "spectral.yaml")
        _node("spectral", "lint", "--ruleset", ruleset, "--fail-severity", "hint", document)


def python() -> Path:
    """Generate the packages `redress_staff` and `redress_public`, and check the samples' types.

    Returns the folder that contains the packages. Raises Failed.
    """
    folder = MADE / "python"

    def make() -> None:
        for name, document in DOCUMENTS.items():
            _run(
                *(sys.executable, "-m", "openapi_python_client", "generate", "--overwrite"),
                *("--fail-on-warning", "--meta", "none"),
                *("--path", str(document), "--output-path", str(folder / f"redress_{name}")),
            )
            _run(sys.executable, "-m", "compileall", "-q", str(folder / f"redress_{name}"))
        _run(
            *(sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull),
            *("--follow-imports", "silent", *map(str, sorted((HERE / "samples").glob("*.py")))),
            MYPYPATH=str(folder),
        )

    return _once(folder, make)


def terminal() -> Path:
    """Generate the package `redress_staff` as the build of `client/` does. Raises Failed.

    Returns the folder that contains it. Its name is the digest of what it is made from, so a
    package that is there already is not made again, and two test workers do not disturb each other.
    """
    maker = ROOT / "client" / "generate.py"
    digest = hashlib.sha256(
        maker.read_bytes()
        + DOCUMENTS["staff"].read_bytes()
        + version("openapi-python-client").encode()
    ).hexdigest()
    folder = MADE / "terminal" / digest[:16]
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as place:
            made = Path(place, "made")
            _run(sys.executable, str(maker), str(DOCUMENTS["staff"]), str(made / "redress_staff"))
            with contextlib.suppress(OSError):  # another worker was first
                made.rename(folder)
    return folder


def typescript() -> Path:
    """Generate types with openapi-typescript and compile the sample that uses them. Raises Failed.

    Returns the folder of the types.
    """
    folder = MADE / "typescript"

    def make() -> None:
        for name, document in DOCUMENTS.items():
            _node("openapi-typescript", str(document), "--output", str(folder / f"{name}.ts"))
        shutil.copy(HERE / "samples" / "agents_day.ts", folder)
        _compile(folder / "agents_day.ts", folder / "public.ts")

    return _once(folder, make)


def typescript_program(name: str, text: str) -> Path:
    """Compile a program that imports the types `./staff` or `./public`. Raises Failed.

    Returns the file that node runs.
    """
    folder = typescript()
    source = folder / f"{name}.mts"
    source.write_text(text)
    _compile(source, out=folder / "made")
    return folder / "made" / f"{name}.mjs"


def typescript_fetch() -> Path:
    """Generate clients with openapi-generator and compile them. Needs Java. Raises Failed.

    Returns the folder of the clients.
    """
    folder = MADE / "typescript-fetch"

    def make() -> None:
        for name, document in DOCUMENTS.items():
            _run(
                *(str(Path(sys.executable).with_name("openapi-generator-cli")), "generate"),
                *("--generator-name", "typescript-fetch"),
                *("--input-spec", str(document), "--output", str(folder / name)),
                JAVA_TOOL_OPTIONS="-XX:TieredStopAtLevel=1",  # it ends before more would pay
            )
            _compile(folder / name / "index.ts")

    return _once(folder, make)


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
</head>
<body style="margin: 0">
<div id="reference"></div>
<script src="{script}"></script>
<script>Redoc.init({document}, {options}, document.getElementById("reference"))</script>
</body>
</html>
"""
POLICY = "img-src data:; font-src data:; connect-src data: blob:"
"""Redoc would show a picture of its maker, which the maker's server would be asked for."""
OPTIONS = {"hideDownloadButton": True, "pathInMiddlePanel": True, "requiredPropsFirst": True}
"""Options of Redoc (https://redocly.com/docs/redoc/config)."""


def reference() -> Path:
    """Write a page with a search for each document, and the script that shows it.

    The pages load nothing from elsewhere, so they can be opened as files and published anywhere.
    Returns their folder.
    """
    REFERENCE.mkdir(parents=True, exist_ok=True)
    shutil.copy(install.NODE / "node_modules" / "redoc" / "bundles" / SCRIPT, REFERENCE)
    for name, document in (DOCUMENTS | {"machines": OF_MACHINES}).items():
        text = document.read_text()
        page = PAGE.format(
            script=SCRIPT,
            policy=POLICY,
            title=html.escape(json.loads(text)["info"]["title"]),
            document=text.replace("</", "<\\/"),
            options=json.dumps(OPTIONS),
        )
        (REFERENCE / f"{name}.html").write_text(page)
    return REFERENCE


def _once(folder: Path, make: Callable[[], None]) -> Path:
    """Make the contents of a folder, unless they were made of the same sources. Returns the folder.

    Only one process makes them. Generators take half a minute, and several test files need them.
    """
    sources = [*DOCUMENTS.values(), HERE / "package-lock.json", ROOT / "local" / "requirements.txt"]
    digest = hashlib.sha256()
    for source in [*sources, *sorted((HERE / "samples").iterdir())]:
        if source.is_file():
            digest.update(source.read_bytes())
    mark = folder / "made-of"
    with alone(MADE / "lock"):
        if not mark.exists() or mark.read_text() != digest.hexdigest():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            make()
            mark.write_text(digest.hexdigest())
    return folder


def _compile(*files: Path, out: Path | None = None) -> None:
    """Compile TypeScript. Without `out`, only its types are checked."""
    modules = install.NODE / "node_modules"
    link = MADE / "node_modules"
    if not link.is_symlink() or link.readlink() != modules:
        link.unlink(missing_ok=True)
        link.symlink_to(modules)
    made = ("--noEmit",) if out is None else ("--outDir", str(out))
    strict = (*made, "--strict", "--target", "es2022", "--lib", "es2022,dom")
    resolution = ("--module", "esnext", "--moduleResolution", "bundler")
    _node("tsc", *strict, *resolution, *map(str, files))


def _node(tool: str, *arguments: str) -> None:
    _run(str(install.NODE / "node_modules" / ".bin" / tool), *arguments)


def _run(*command: str, **environment: str) -> None:
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | quiet | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{' '.join(command)}\n{done.stdout}")
