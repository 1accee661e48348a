"""Commands of the AWS CLI, run through botocore.

Version 2 of the CLI, which the runbooks use, is in no package registry of Python, and version 1
lacks `logs tail` and `--cli-binary-format`. So `AwsCli` makes the same calls from the same words.
It knows what runbooks use: JSON, `Name=a,Value=b` and lists of words as values, `--query`,
`--output text`, the file of `lambda invoke`, and `logs tail`. Any other word is an error.
"""

from __future__ import annotations

import json
import re
import socketserver
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import jmespath  # type: ignore[import-untyped]
from botocore import xform_name

LOCAL = {"--query", "--output", "--cli-binary-format", "--cli-read-timeout", "--max-items"}
"""Options of the CLI itself. A page of the emulator holds all items that a test makes."""

PROGRAM = """#!{python} -IS
import json, socket, sys
with socket.socket(socket.AF_UNIX) as to:
    to.connect({address!r})
    to.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    answer = json.loads(to.makefile().readline())
print(answer["said"], file=sys.stderr if answer["code"] else sys.stdout)
sys.exit(answer["code"])
"""


class AwsCli:
    """`make` makes a boto3 client of a service. Files are written to the folder."""

    def __init__(self, make: Callable[[str], Any], folder: Path) -> None:
        self._client, self._folder = cache(make), folder

    @contextmanager
    def program(self) -> Iterator[Path]:
        """The folder of a program `aws` for a shell. This process answers it, so it starts fast."""
        cli, address = self, str(self._folder / "aws.socket")

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                try:
                    answer = {"code": 0, "said": cli.run(json.loads(self.rfile.readline()))}
                except Exception:
                    answer = {"code": 1, "said": traceback.format_exc()}
                self.wfile.write(json.dumps(answer).encode() + b"\n")

        path = self._folder / "bin" / "aws"
        path.parent.mkdir()
        path.write_text(PROGRAM.format(python=sys.executable, address=address))
        path.chmod(0o755)
        with socketserver.UnixStreamServer(address, Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield path.parent
            server.shutdown()

    def run(self, words: list[str]) -> str:
        """Make the call and return what the CLI would print. Raises an error of botocore or Python
        if a word is not known."""
        service, operation, *rest = words
        if (service, operation) == ("logs", "tail"):
            group, *rest = rest
            operation, rest = "filter-log-events", ["--log-group-name", group, *rest]
            del rest[rest.index("--since") : rest.index("--since") + 2]
        client = self._client(service)
        names = {xform_name(n, "-"): n for n in client.meta.service_model.operation_names}
        model = client.meta.service_model.operation_model(names[operation])
        members = {f"--{xform_name(n, '-')}": (n, s) for n, s in model.input_shape.members.items()}
        lists = {name for name, (_, shape) in members.items() if shape.type_name == "list"}
        options, files = _options(rest, lists)
        given = {}
        for option, value in options.items():
            if option not in LOCAL:
                yes = option in members
                member, shape = members[option if yes else option.replace("--no-", "--", 1)]
                given[member] = yes if value is None else _value(value, shape)
        answer = getattr(client, xform_name(names[operation]))(**given)
        answer.pop("ResponseMetadata")
        if files:
            (self._folder / files[0]).write_bytes(answer.pop("Payload").read())
        if "--query" in options:
            answer = jmespath.search(options["--query"], answer)
        if options.get("--output") == "text":
            return _text(answer)
        return json.dumps(answer, default=str)


def _options(
    words: list[str], lists: set[str]
) -> tuple[dict[str, str | list[str] | None], list[str]]:
    """Options with their values, and the words that belong to no option.

    The value is None for a switch. An option in `lists` takes every word up to the next option.
    """
    options: dict[str, str | list[str] | None] = {}
    files: list[str] = []
    words = list(words)
    while words:
        word = words.pop(0)
        if word in lists and not words[0].startswith(("{", "[")):
            taken: list[str] = []
            while words and not words[0].startswith("--"):
                taken.append(words.pop(0))
            options[word] = taken
        elif word.startswith("--"):
            follows = bool(words) and not words[0].startswith("--")
            options[word] = words.pop(0) if follows else None
        else:
            files.append(word)
    return options, files


def _value(text: str | list[str], shape: Any) -> Any:
    """A value as botocore takes it."""
    kind = shape.type_name
    if isinstance(text, list):
        return [_value(one, shape.member) for one in text]
    if kind in ("structure", "map", "list") and text.startswith(("{", "[")):
        return json.loads(text)
    if kind == "list":
        return [_value(text, shape.member)]
    if kind == "structure":
        return {
            name: _value(value, shape.members[name])
            for name, _, value in _pairs(text, shape.members)
        }
    if kind == "map":
        return {name: value for name, _, value in (pair.partition("=") for pair in text.split(","))}
    if kind in ("integer", "long"):
        return int(text)
    if kind == "boolean":
        return {"true": True, "false": False}[text]
    return text


def _pairs(text: str, members: Any) -> Iterator[tuple[str, str, str]]:
    """The pairs of `Name=a,Value=b,c`. A comma separates pairs only before the name of a member."""
    names = "|".join(members)
    for pair in re.split(rf",(?=(?:{names})=)", text):
        yield pair.partition("=")


def _text(answer: Any) -> str:
    """Rows in lines, columns between tabs, as `--output text` prints lists of lists of texts."""
    rows = answer if isinstance(answer, list) else [answer]
    if rows and not isinstance(rows[0], list):
        rows = [rows]
    return "\n".join("\t".join(str(one) for one in row) for row in rows)
