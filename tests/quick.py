"""`python -m tests.quick` prints the tests that a change touches, for `make quick`.

The change is everything since the branch left main, and the work tree. A package, a function or a
tool is tested by the folder or file of its subject. Tests that deploy a stack, and the tests of
functions that a package reaches through the wiring, are left to `make test`: they take minutes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from tests.builders import ROOT

PRODUCT = "layers/core/redress"
ALWAYS = ("tests/test_architecture.py",)
SLOW = ("tests/artifacts", "tests/local", "tests/browser")
MACHINES = ("tests/statemachines/test_{}_machine.py", "tests/template/test_state_machines.py")
TESTS_OF = {
    PRODUCT: ("tests/{}",),
    f"{PRODUCT}/data": ("tests/plans", "tests/template/test_api.py"),
    f"{PRODUCT}/data/catalogue": ("tests/base", "tests/tickets/test_explain.py"),
    f"{PRODUCT}/data/mail": ("tests/mail/test_templates.py",),
    f"{PRODUCT}/incidents": (
        "tests/contract/test_incidents.py",
        "tests/tickets/test_incidents.py",
        "tests/functions/test_notices.py",
        "tests/functions/test_spikes.py",
        "tests/functions/staff/test_incidents.py",
    ),
    f"{PRODUCT}/inspections": (
        "tests/contract/test_inspections.py",
        "tests/functions/staff/test_inspections.py",
    ),
    f"{PRODUCT}/wiring": ("tests/test_wiring.py", "tests/template/test_functions.py"),
    "functions/assigner": ("tests/functions/test_relay_repair.py",),
    "functions/checker": ("tests/functions/test_checker.py",),
    "functions/scanner": ("tests/functions/test_scans.py",),
    "functions/hotline": ("tests/functions/test_hotline.py",),
    f"{PRODUCT}/files": ("tests/files", "tests/functions/test_checker.py"),
    "functions/console": ("tests/functions/test_console.py",),
    f"{PRODUCT}/console": (
        "tests/console",
        "tests/functions/test_console.py",
        "tests/template/test_console.py",
    ),
    f"{PRODUCT}/data/prices.json": ("tests/functions/test_console.py", "tests/bench/test_life.py"),
    "functions/follower": (
        "tests/functions/test_relay_repair.py",
        "tests/functions/test_stream_readers.py",
    ),
    "functions/customer": ("tests/functions/test_customer_pages.py",),
    "functions/inbound": ("tests/functions/test_inbound.py",),
    "functions/indexer": ("tests/functions/staff/test_search.py",),
    f"{PRODUCT}/search": ("tests/search", "tests/functions/staff/test_search.py"),
    "functions/intake": ("tests/functions/test_intake.py",),
    "functions/mailer": ("tests/functions/test_mailer.py", "tests/functions/test_mail_feedback.py"),
    "functions/mover": ("tests/functions/test_rehearsal.py",),
    "functions/planreview": ("tests/functions/test_relay_repair.py",),
    "functions/rehearsal": ("tests/functions/test_rehearsal.py",),
    "functions/relay": (
        "tests/functions/test_relay_repair.py",
        "tests/functions/test_stream_readers.py",
    ),
    "functions/repair": ("tests/functions/test_relay_repair.py",),
    "functions/scoring": ("tests/functions/test_scoring.py",),
    "functions/staff": ("tests/functions/staff",),
    "functions/workflow": ("tests/functions/test_relay_repair.py",),
    "statemachines": MACHINES,
    "template.yaml": ("tests/template",),
    "events": ("tests/template/test_events.py",),
    "docs": ("tests/test_docs.py",),
    "docs/first-deploy.md": (
        "tests/test_docs.py",
        "tests/test_runbooks.py",
        "tests/laptop/test_verify.py",
    ),
    "docs/runbooks": ("tests/test_docs.py", "tests/test_runbooks.py"),
    "local": ("tests/laptop",),
    "local/operations": ("tests/laptop/test_{}.py", "tests/laptop/test_versions.py"),
    "local/lifecycle.py": ("tests/laptop/test_lifecycle.py",),
    f"{PRODUCT}/tickets": ("tests/tickets", "tests/laptop/test_lifecycle.py"),
    "local/letters.py": ("tests/functions/test_letters.py",),
    "local/openapi": ("tests/template/test_api.py", "tests/functions/staff/test_contract.py"),
    "local/clients": ("tests/functions/test_clients.py",),
    "local/requirements.txt": ("tests/test_licences.py",),
    "bench": ("tests/bench",),
    "client": ("tests/client",),
}
"""The tests of a file or folder: the longest name that the path begins with counts. `{}` is the
next part of the path, without what follows its first dot."""


def find_tests(path: str) -> Iterator[str]:
    """The tests of one changed file, as files and folders. They may not exist."""
    file = PurePosixPath(path)
    if file.parts[0] == "tests":
        if file.name.startswith("test_"):
            yield path
        elif len(file.parts) > 2:
            yield str(file.parent)
        return
    if file.suffix == ".md":
        yield from TESTS_OF["docs"]
    for place in (file, *file.parents):
        if (found := TESTS_OF.get(str(place))) is not None:
            rest = file.parts[len(place.parts) :]
            subject = rest[0].partition(".")[0] if rest else ""
            yield from (test.format(subject) for test in found)
            return


def quick_tests(changed: Iterable[str]) -> list[str]:
    """The tests to run for these files, each once: none that is in a folder which runs anyway."""
    found = {*ALWAYS, *(test for path in changed for test in find_tests(path))}
    found = {test for test in found if (ROOT / test).exists() and not test.startswith(SLOW)}
    return sorted(test for test in found if found.isdisjoint(map(str, PurePosixPath(test).parents)))


def changed_files() -> list[str]:
    """What changed since the branch left main, committed or not, and the files that are new."""
    bases = [base for main in ("origin/main", "main") for base in git("merge-base", "HEAD", main)]
    since = bases[0].strip() if bases else "HEAD"
    return [
        *git("diff", "--name-only", "-z", since),
        *git("ls-files", "--others", "--exclude-standard", "-z"),
    ]


def git(*command: str) -> list[str]:
    """The parts of what git says, which a NUL separates; none where it fails."""
    done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    return [part for part in done.stdout.split("\0") if part] if done.returncode == 0 else []


if __name__ == "__main__":
    tests = quick_tests(changed_files())
    print("quick:", *tests, file=sys.stderr)
    print(*tests)
