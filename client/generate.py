"""Generate the package `redress_staff` from the OpenAPI document of the staff API.

`python generate.py DOCUMENT FOLDER` writes it to FOLDER. The build of `redress-cli` and the tests
of the repository run it, so both have the same client.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

# The formatters that the generator calls by default change no meaning and take a second.
CONFIG = "post_hooks: []\n"


def generate(document: Path, folder: Path) -> None:
    """Write the package to `folder`, which must not exist. Raises SystemExit with the fault."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as place:
        config = Path(place, "config.yaml")
        config.write_text(CONFIG)
        command = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"]
        command += ["--meta", "none", "--config", str(config)]
        command += ["--path", str(document), "--output-path", str(folder)]
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"the client was not generated:\n{done.stdout}")


if __name__ == "__main__":
    generate(Path(sys.argv[1]), Path(sys.argv[2]))
