"""`python -m local.clients [lint | terminal | reference]`: one of these, or everything.

`terminal` generates the package that `client/` imports, and prints its folder.
"""

from __future__ import annotations

import argparse
import sys

from local import install
from local.clients import tools
from local.process import ROOT


def main() -> int:
    """Print what was done. Returns 1 if a tool found a fault."""
    parser = argparse.ArgumentParser(prog="python -m local.clients", description=__doc__)
    parts = ("lint", "terminal", "reference", "all")
    parser.add_argument("part", nargs="?", choices=parts, default="all")
    part = parser.parse_args().part
    try:
        if part == "terminal":
            print(tools.terminal())
            return 0
        install.node()
        if part == "reference":
            print(tools.reference().relative_to(ROOT))
            return 0
        tools.lint()
        print("both documents pass redocly and spectral")
        if part == "all":
            install.java()
            makes = (tools.python, tools.typescript, tools.typescript_fetch, tools.reference)
            for make in makes:
                print(f"{make.__name__}: {make().relative_to(ROOT)}", flush=True)
    except (tools.Failed, install.CannotInstall) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
