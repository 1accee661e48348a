"""Service plans as files: `python -m local.plans check FILE` and `build`.

A plan is written in YAML and published as JSON. `check` reports every fault of a file with its
path, as publishing would. `build` converts `plan-1.yaml` to `plan-1.json`, which the functions
read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from local.process import ROOT
from redress.base.errors import Fault, InvalidInput
from redress.plans.cases import notes, prepared

DATA = ROOT / "layers" / "core" / "redress" / "data"
SOURCE = DATA / "plan-1.yaml"
BUILT = DATA / "plan-1.json"
WRITTEN_AT = datetime(2026, 11, 23, tzinfo=UTC)
"""Plan 1 is never published, so its dates count from this fixed time whenever it is built."""


class _Loader(yaml.SafeLoader):
    """Reads YAML with JSON's types: a date is a string, and only true and false are booleans."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _no_key_twice(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    """Refuses a repeated key. YAML would silently keep the last one, which hides the mistake."""
    seen = set()
    for key, _ in node.value:
        name = loader.construct_object(key)
        if name in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {name!r} is there twice", key.start_mark
            )
        seen.add(name)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _no_key_twice)


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    """Join the two escapes of JSON for an emoji. YAML reads each as a character."""
    value: str = loader.construct_scalar(node)
    try:
        return value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return value  # half of a pair; publishing reports it


_Loader.add_constructor("tag:yaml.org,2002:str", _text)


def load(path: Path) -> Any:
    """The document in a YAML (or JSON) file; raises InvalidInput if it is neither."""
    try:
        return yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput([Fault("", "not_yaml", " ".join(str(error).split()))]) from error


def built(path: Path = SOURCE) -> dict[str, Any]:
    """The document as it is stored, with holidays expanded; raises InvalidInput with its faults."""
    return prepared(load(path), WRITTEN_AT)[0]


def write(document: dict[str, Any], path: Path = BUILT) -> None:
    """Write a document as JSON, with a line for each rule of classification: it has many words."""
    section = document.get("classification", {})
    rules = section.get("rules", [])
    stand_ins = [f"classification rule {index}" for index in range(len(rules))]
    shown = document | ({"classification": section | {"rules": stand_ins}} if rules else {})
    text = json.dumps(shown, ensure_ascii=False, indent=1)
    for stand_in, rule in zip(stand_ins, rules, strict=True):
        line = json.dumps(rule, ensure_ascii=False, separators=(",", ":"))
        text = text.replace(f'"{stand_in}"', line, 1)
    path.write_text(text + "\n", "utf-8")


def main(
    arguments: list[str] | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.plans")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="report every fault of a plan")
    check.add_argument("file", type=Path)
    commands.add_parser("build", help="convert plan-1.yaml to plan-1.json")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "build":
            write(built())
            print(f"{BUILT.relative_to(ROOT)} built from {SOURCE.relative_to(ROOT)}")
        else:
            document, plan = prepared(load(chosen.file), now())
            print(f"{chosen.file}: service plan {plan.version} is in order")
            print(f"its review falls due on {plan.review_by}")
            for note in notes(document):
                print(f"note: {note}")
    except InvalidInput as invalid:
        for fault in invalid.faults:
            print(f"{fault.pointer or '/'}: {fault.detail}", file=sys.stderr)
        print(f"{len(invalid.faults)} faults", file=sys.stderr)
        return 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
