"""Fixtures for tests of `redress`: the real handlers behind HTTP, and the command in this process.

The generated package is put on the path before the tests are imported, because `redress_cli`
imports it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wrappers import Request

from local.clients import tools

sys.path.insert(0, str(tools.terminal()))

from typer.testing import CliRunner

from redress.base.people import Member
from redress_cli import screen, session, uploads
from redress_cli.app import app
from tests.files import samples
from tests.files.posting import Refused, post
from tests.functions.conftest import (
    MEMBERS,
    act,
    clock,
    open_ticket,
    staff,
    stores,
    table,
)
from tests.functions.filing import BUCKET, check
from tests.functions.gateway import Gateway, served
from tests.functions.staff.api import claims_of
from tests.world import aws, load, logged_by

__all__ = ["act", "clock", "open_ticket", "staff", "stores", "table"]


@dataclass
class Service:
    """The API and the bucket, as one WSGI application. `before` is called before each request.

    It gets the method and the path, and may return an answer of its own: status and headers.
    `after` may replace the status of an answer whose work was done.
    """

    gateway: Gateway
    before: Callable[[str, str], tuple[str, dict[str, str]] | None] = lambda *_: None
    after: Callable[[str, str], str | None] = lambda *_: None
    calls: list[str] = field(default_factory=list)
    uploading: Callable[[], None] = lambda: None
    """Called when a file comes to the bucket, before it is stored."""

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path == "/bucket":
            return self._stored(environ, start)
        self.calls.append(f"{method} {path.removeprefix('/v1')}")
        if own := self.before(method, path):
            start(own[0], list(({"Content-Length": "2"} | own[1]).items()))
            return [b"{}"]
        found = self.gateway(environ, lambda *_: None if self.after(method, path) else start(*_))
        if lost := self.after(method, path):
            start(lost, [("Content-Length", "2")])
            return [b"{}"]
        return found

    def _stored(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        if request.method == "GET":
            start("200 OK", [("Content-Length", str(len(samples.PDF)))])
            return [samples.PDF]
        self.uploading()
        content = request.files["file"].read()
        try:
            key = post(aws("s3"), BUCKET, request.form.to_dict(), content)
        except Refused as refused:
            text = f"<Error><Code>{refused}</Code></Error>".encode()
            start("400 Bad Request", [("Content-Length", str(len(text)))])
            return [text]
        object_ = {"bucket": {"name": BUCKET}, "object": {"key": key}}
        check({"source": "aws.s3", "detail-type": "Object Created", "detail": object_})
        start("204 No Content", [])
        return [b""]


@dataclass(frozen=True)
class Done:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Terminal:
    """Runs `redress` as a member of staff. `folder` has the settings and the drafts."""

    def __init__(self, address: str, folder: Path, service: Service) -> None:
        self.folder, self.service, self.address = folder, service, address

    def __call__(self, *arguments: str, by: str | None = "mei", **given: Any) -> Done:
        """Run a command. `given` are the input, and variables of the environment."""
        typed = given.pop("input", None)
        environment = {"COLUMNS": "140", "NO_COLOR": "1", "EDITOR": "", "VISUAL": ""} | given
        environment["REDRESS_CONFIG"] = str(self.folder)
        environment["REDRESS_TOKEN"] = f"token-of-{by}" if by else ""
        found = CliRunner().invoke(app, list(arguments), input=typed, env=environment)
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return Done(found.exit_code, found.stdout, found.stderr)

    def editor(self, program: str) -> str:
        """An editor for the variable EDITOR: Python code that changes `text`, the file's text."""
        path = self.folder / "editor.py"
        path.write_text(
            "import pathlib, sys\nfile = pathlib.Path(sys.argv[1])\n"
            f"text = file.read_text()\n{program}\nfile.write_text(text)\n"
        )
        return f"{sys.executable} {path}"


@pytest.fixture
def service(staff: dict[str, Member]) -> Service:
    members = {
        f"token-of-{name}": claims_of(member) | {"token_use": "id"}
        for name, member in MEMBERS.items()
    }
    return Service(Gateway(members))


@pytest.fixture
def terminal(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    folder = tmp_path / "settings"
    folder.mkdir()
    with served(service) as address, logged_by(load("staff")):
        bucket = address.removesuffix("/v1") + "/bucket"
        sent = uploads.post
        monkeypatch.setattr(uploads, "post", lambda url, *rest: sent(bucket, *rest))
        monkeypatch.setattr(session, "pause", lambda seconds: None)
        monkeypatch.setattr(screen, "interactive", lambda: False)
        found = Terminal(address, folder, service)
        assert found("setup", "--api", address).code == 0
        yield found
