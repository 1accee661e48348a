"""`python trim.py FOLDER SERVICE...`: keeps only the botocore data that these clients read.

Every cold start reads the endpoints of all AWS services and the models of the services it uses.
Most of a model is documentation, and only a few of three hundred services' endpoints are used.
Operations, shapes, errors and endpoints are kept unchanged. The output is deterministic.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    data, services = Path(sys.argv[1]), sys.argv[2:]
    if missing := [name for name in services if not (data / name).is_dir()]:
        sys.exit(f"no such service: {', '.join(missing)}")
    prefixes = set[str]()
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        if folder.name not in services:
            shutil.rmtree(folder)
            continue
        *older, newest = sorted(folder.iterdir())
        for version in older:
            shutil.rmtree(version)
        (newest / "examples-1.json").unlink(missing_ok=True)
        prefixes.add(trim_model(newest / "service-2.json.gz"))
    trim_endpoints(data / "endpoints.json", prefixes)


def trim_model(path: Path) -> str:
    """Trims a service's model. Returns the service's name in the endpoints file."""
    model = without_documentation(json.loads(gzip.decompress(path.read_bytes())))
    path.write_bytes(gzip.compress(_compact(model), mtime=0))
    prefix: str = model["metadata"]["endpointPrefix"]
    return prefix


def without_documentation(value: Any) -> Any:
    """Empties documentation texts. They cannot be removed: botocore reads some of them by name.

    A member of a structure may be named `documentation` too; it is not a text, and stays.
    """
    if isinstance(value, dict):
        return {
            name: ""
            if name == "documentation" and isinstance(inner, str)
            else without_documentation(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [without_documentation(inner) for inner in value]
    return value


def trim_endpoints(path: Path, prefixes: set[str]) -> None:
    endpoints = json.loads(path.read_text())
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in services if name in prefixes}
    path.write_bytes(_compact(endpoints))


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


if __name__ == "__main__":
    main()
