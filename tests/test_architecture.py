"""Which packages and layers may import each other, and what some of them may not use."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from redress import COLLECT_AFTER
from tests.builders import ROOT, body

LAYER = ROOT / "layers" / "core"
MODULES = sorted((LAYER / "redress").rglob("*.py"))
FUNCTIONS = sorted((ROOT / "functions").glob("*/**/*.py"))

PACKAGES = (
    "base",
    "db",
    "edge",
    "clocks",
    "plans",
    "tickets",
    "files",
    "customers",
    "search",
    "staff",
    "inspections",
    "incidents",
    "connectors",
    "mail",
    "scores",
    "workflow",
    "rehearsals",
    "console",
    "wiring",
)
"""The packages of `redress`. Each may import those before it and none after it."""

LAYERS = ("rules", "store", "cases")
"""The layers of a package, as files or as folders. Each may import those before it, never after."""


def dotted(path: Path) -> str:
    """The dotted name of a module: `redress.tickets.rules.ticket`."""
    parts = path.relative_to(LAYER).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str:
    """`tickets` of `redress.tickets.rules.ticket`; "" of `redress` itself."""
    return f"{module}.".split(".")[1]


def layer_of(module: str) -> str:
    """`rules` of `redress.tickets.rules.ticket`; "" of a module outside the three layers."""
    return next((part for part in module.split(".") if part in LAYERS), "")


RULES = [path for path in MODULES if layer_of(dotted(path)) == "rules"]
MESSAGES = [path for path in MODULES if path.stem == "messages"]
PURE_MODULES = [*RULES, *MESSAGES]
STORES = [path for path in MODULES if layer_of(dotted(path)) == "store"]
READER = [path for path in MODULES if path.parent.name == "reader"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at any place; `from a import b` counts as `a.b`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_set_of_modules_under_test_is_empty() -> None:
    assert {package_of(dotted(path)) for path in MODULES} == {"", *PACKAGES}
    assert {layer_of(dotted(path)) for path in MODULES} == {"", *LAYERS}
    assert min(len(RULES), len(STORES), len(READER), len(FUNCTIONS)) > 10
    assert len(MESSAGES) > 4


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_packages_import_only_earlier_packages(path: Path) -> None:
    own = package_of(dotted(path))
    found = {
        package_of(one)
        for one in imports(path)
        if one.startswith("redress.") and package_of(one) in PACKAGES
    }
    allowed = PACKAGES[: PACKAGES.index(own) + 1] if own else ()
    assert found - set(allowed) == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_layers_import_only_earlier_layers(path: Path) -> None:
    own = layer_of(dotted(path))
    if not own:
        return
    found = {layer_of(one) for one in imports(path) if one.startswith("redress.")}
    assert found - {"", *LAYERS[: LAYERS.index(own) + 1]} == set()


PURE = (
    "redress.base.addresses",
    "redress.base.errors",
    "redress.base.instants",
    "redress.base.languages",
    "redress.base.money",
    "redress.base.numbers",
    "redress.base.people",
    "redress.base.phones",
    "redress.base.scripts",
    "redress.base.tags",
    "redress.base.texts",
)
"""What rules may import beside each other and the messages between functions."""


def is_pure(module: str) -> bool:
    """Whether rules may import it; `module` may name something inside a module."""
    parts = module.split(".")
    return bool({"rules", "messages"} & set(parts)) or module.startswith(PURE)


@pytest.mark.parametrize("path", PURE_MODULES, ids=name_of)
def test_rules_import_only_the_standard_library_msgspec_and_each_other(path: Path) -> None:
    """msgspec defines a class of values in a fiftieth of a dataclass's time (decision 18)."""
    found = set(imports(path))
    roots = {one.split(".")[0] for one in found}
    assert roots - sys.stdlib_module_names <= {"redress", "msgspec"}
    own = {one for one in found if one.startswith("redress.")}
    assert {one for one in own if not is_pure(one)} == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_functions_import_the_edge(path: Path) -> None:
    if package_of(dotted(path)) != "edge":
        assert not {one for one in imports(path) if one.startswith("redress.edge")}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_layer_imports_no_function(path: Path) -> None:
    assert not {found for found in imports(path) if found.split(".")[0] in ("functions", "app")}


def function_of(path: Path) -> str:
    """`staff` of `functions/staff/routes/tickets.py`."""
    return path.relative_to(ROOT / "functions").parts[0]


def root_of(path: Path) -> str:
    """The name by which a function imports a file, up to the first dot: `routes`."""
    return path.relative_to(ROOT / "functions").with_suffix("").parts[1]


@pytest.mark.parametrize("path", FUNCTIONS, ids=name_of)
def test_function_imports_no_other_function(path: Path) -> None:
    own = function_of(path)
    own_roots = {root_of(other) for other in FUNCTIONS if function_of(other) == own}
    others = {root_of(other) for other in FUNCTIONS} - own_roots - sys.stdlib_module_names
    roots = {found.split(".")[0] for found in imports(path)}
    assert not roots & (others | {"functions"})


def attributes(path: Path) -> set[str]:
    """The names of all attributes that a file accesses: `now` for `datetime.now`."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("path", PURE_MODULES, ids=name_of)
def test_rules_use_no_clock_environment_file_or_log(path: Path) -> None:
    forbidden = ("os", "sys", "time", "logging", "random", "pathlib", "socket", "subprocess", "io")
    assert not {found.split(".")[0] for found in imports(path)} & set(forbidden)
    assert not attributes(path) & {"now", "utcnow", "today"}
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "print", "input"}


@pytest.mark.parametrize("path", [*MODULES, *FUNCTIONS], ids=name_of)
def test_only_the_wiring_reads_the_environment(path: Path) -> None:
    if path.parent == LAYER / "redress" / "wiring":
        return
    assert not {"os.environ", "os.getenv"} & set(imports(path))
    assert not attributes(path) & {"environ", "getenv"}


CLOCK = LAYER / "redress" / "wiring" / "clients.py"
"""The only module that reads the clock of the machine."""

CLOCKS = (
    re.compile(r"\b(datetime|date)\.(now|utcnow|today)\b"),
    re.compile(r"\btime\.(time|time_ns|clock_gettime|gmtime|localtime|ctime|asctime|strftime)\b"),
    re.compile(r"\bfrom time import (?!sleep\b|monotonic\b|perf_counter\b)"),
    re.compile(r"\b(formatdate|localtime|make_msgid|uuid1)\("),
)
"""What reads the clock of the machine, in any module of the standard library that Redress uses.
`time.monotonic` measures how long something takes and cannot tell the time."""


def clocks_in(path: Path) -> set[str]:
    """The expressions of a file that read the clock of the machine."""
    code = ast.unparse(ast.parse(path.read_text()))
    return {found.group() for clock in CLOCKS for found in clock.finditer(code)}


@pytest.mark.parametrize("path", [*MODULES, *FUNCTIONS], ids=name_of)
def test_only_one_module_reads_the_clock(path: Path) -> None:
    """Otherwise a promise could be decided by a machine whose clock is wrong (decision 28)."""
    assert clocks_in(path) == ({"datetime.now"} if path == CLOCK else set())


def test_only_stores_import_the_models_and_pynamodb() -> None:
    for path in MODULES:
        found = set(imports(path))
        in_store = layer_of(dotted(path)) == "store" or package_of(dotted(path)) == "db"
        if not in_store:
            assert not {module for module in found if module.split(".")[0] == "pynamodb"}
        if not in_store and package_of(dotted(path)) != "wiring":
            assert not {module for module in found if module.startswith("redress.db.rows")}


def test_only_one_module_imports_the_library_of_public_holidays() -> None:
    for path in [*MODULES, *FUNCTIONS]:
        if path != LAYER / "redress" / "clocks" / "public_holidays.py":
            assert not {found for found in imports(path) if found.split(".")[0] == "holidays"}


MAIL_LIBRARIES = {"chardet", "lxml", "nh3"}
"""Libraries of `functions/inbound`, which no other function has."""


@pytest.mark.parametrize("path", READER, ids=name_of)
def test_mail_reader_imports_only_the_standard_library_and_its_own_libraries(path: Path) -> None:
    found = {one.split(".")[0] for one in imports(path)}
    assert found - sys.stdlib_module_names <= {"redress", *MAIL_LIBRARIES}
    own = {one for one in imports(path) if one.startswith("redress.")}
    reader = "redress.mail.incoming.reader"
    assert {one for one in own if not one.startswith(reader) and not is_pure(one)} == set()
    forbidden = {"os", "sys", "time", "logging", "random", "pathlib", "socket", "subprocess", "io"}
    assert not found & forbidden
    assert not attributes(path) & {"now", "utcnow", "today"}


@pytest.mark.parametrize("path", [*MODULES, *FUNCTIONS], ids=name_of)
def test_only_the_inbound_function_imports_the_mail_reader(path: Path) -> None:
    if path in READER or path.parent == ROOT / "functions" / "inbound":
        return
    found = set(imports(path))
    assert not {one for one in found if one.startswith("redress.mail.incoming.reader")}
    assert not {one.split(".")[0] for one in found} & MAIL_LIBRARIES


@pytest.mark.parametrize("path", [*MODULES, *FUNCTIONS], ids=name_of)
def test_only_the_checker_imports_the_module_that_recognises_contents(path: Path) -> None:
    own = path in (LAYER / "redress/files/contents.py", ROOT / "functions/checker/app.py")
    found = {one for one in imports(path) if one.startswith("redress.files.contents")}
    assert own or not found | {one for one in imports(path) if one.split(".")[0] == "puremagic"}


SIMILARITY = LAYER / "redress" / "staff" / "similarity.py"


@pytest.mark.parametrize("path", [*MODULES, *FUNCTIONS], ids=name_of)
def test_only_the_comparison_of_texts_imports_rapidfuzz_and_not_at_its_start(path: Path) -> None:
    """The assigner assigns tickets without it, and no other function has it."""
    found = {one for one in imports(path) if one.split(".")[0] == "rapidfuzz"}
    assert bool(found) == (path == SIMILARITY)
    at_start = [one for one in ast.parse(path.read_text()).body if isinstance(one, ast.ImportFrom)]
    assert not [one.module for one in at_start if one.module == "rapidfuzz"]


HEAVY = (
    "puremagic",
    "rapidfuzz",
    "redress.files",
    "aws_xray_sdk",
    "pydantic",
    "jinja2",
    "pynamodb",
    "boto3",
    "botocore.client",
    "botocore.session",
    "asyncio",
    "holidays",
    "idna",
    "phonenumbers",
    *sorted(MAIL_LIBRARIES),
)

RUN_FUNCTION = f"""
import gc, json, sys
sys.path[:0] = [{str(LAYER)!r}, {str(ROOT / "functions")!r} + "/" + sys.argv[1]]

class Table:
    written = []
    def get_item(self, **given):
        return {{}}
    def transact_write_items(self, **given):
        self.written.append(len(given["TransactItems"]))
        return {{}}

class Secrets:
    def get_secret_value(self, SecretId, VersionStage):
        assert VersionStage == "AWSCURRENT"
        return {{"SecretString": "a key"}}

import app
import redress.db.aws_json
redress.db.aws_json.DynamoDB = lambda environment, clock: Table()
redress.db.aws_json.SecretsManager = lambda environment, clock: Secrets()

class Context:
    function_name = "redress-intake"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:redress-intake"
    aws_request_id = "1"

answer = app.handler(json.loads(sys.stdin.read()), Context())
seen = set(sys.modules) | {{name.split(".")[0] for name in sys.modules}}
loaded = sorted(seen & set({HEAVY!r}))
result = {{"status": answer["statusCode"], "written": Table.written, "loaded": loaded}}
sys.stderr.write(json.dumps(result | {{"collect_after": gc.get_threshold()[0]}}))
"""


JSON_INTAKE = {
    "routeKey": "POST /tickets",
    "requestContext": {"http": {"method": "POST"}},
    "stageVariables": {"base_address": "https://service.example.com"},
    "headers": {"content-type": "application/json", "idempotency-key": "a key"},
    "body": json.dumps(body()),
    "isBase64Encoded": False,
}
WEB_FORM = JSON_INTAKE | {
    "routeKey": "POST /form",
    "headers": {"content-type": "application/x-www-form-urlencoded"},
    "body": urlencode(
        {
            "subject": "Broken kettle",
            "description": "It leaks.",
            "name": "Li Na",
            "email": "li.na@example.com",
            "consent": "yes",
            "nonce": "a key of a form",
        }
    ),
}


@pytest.mark.parametrize(
    ("function", "event", "loaded"),
    [("intake", JSON_INTAKE, []), ("customer", WEB_FORM, ["jinja2"])],
    ids=["JSON", "web form"],
)
def test_cold_start_of_a_submission_loads_no_heavy_module(
    function: str, event: dict[str, Any], loaded: list[str]
) -> None:
    """A new process answers one valid submission; every cold start loads the same modules."""
    settings = {
        "TABLE": "redress",
        "AWS_REGION": "us-east-1",
        "LINK_KEY_SECRET": "key",
        "MAIL_QUEUE_URL": "https://sqs.example.com/mail",
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN_FUNCTION, function],
        input=json.dumps(event),
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = {"status": 201, "written": [4], "loaded": loaded, "collect_after": COLLECT_AFTER}
    assert json.loads(done.stderr) == wanted
