"""Compare a deployed stack with `template.yaml`, with your credentials. It only reads.

    python -m local.operations.verify                    the stack on this laptop
    python -m local.operations.verify --stack redress    a stack on AWS

One line per check: `ok`; `differs`; `could not look`, with the permission that is missing;
`not here`, for what the local cloud does not have. The status is 1 if something differs, else 2 if
something could not be looked at. docs/first-deploy.md has the policy that a caller needs.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.operations import stacks
from local.operations.stacks import NoStack
from local.operations.verify.checks import needed, results, subject_of
from local.operations.verify.reading import NoAnswer, NotAllowed, NotThere


def main(given: Sequence[str] | None = None) -> int:
    """Print the result of every check. Return 0, 1 or 2 (see above), or 3 if there is no stack."""
    parser = argparse.ArgumentParser(prog="python -m local.operations.verify", description=__doc__)
    parser.add_argument("--stack", help="the name of a stack on AWS; without it, the laptop's")
    parser.add_argument("--directory", type=Path, default=stacks.LAPTOP, help=argparse.SUPPRESS)
    parser.add_argument("--quiet", action="store_true", help="leave out what is ok")
    options = parser.parse_args(given)
    try:
        subject = subject_of(stacks.found(options.stack, options.directory))
    except NotAllowed as error:
        print(needed(error.action), file=sys.stderr)
        return 3
    except (NoStack, NoAnswer, NotThere, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 3
    counted: Counter[str] = Counter()
    for result in results(subject):
        counted[result.status] += 1
        if not (options.quiet and result.status == "ok"):
            print(result, flush=True)
    print(", ".join(f"{number} {status}" for status, number in sorted(counted.items())))
    return 1 if counted["differs"] else 2 if counted["could not look"] else 0


if __name__ == "__main__":
    sys.exit(main())
