"""The built artifacts run in isolation, so nothing of this machine can hide a missing file.

On a laptop a function could import the site-packages of its user. On AWS it has only its folder,
the layer and the runtime's standard library. Here each runs in a Python that sees only these three.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
import importlib.util
import json
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest

from bench import sizes
from local import stack
from local.template import template, with_default
from tests.artifacts.conftest import DEPLOYED, FUNCTIONS, HOST, Built, sam_build
from tests.builders import ROOT

pytestmark = pytest.mark.slow

ALONE = """
import json, sys
layer, function = sys.argv[1:3]
standard = list(sys.path)
assert not [p for p in standard if "site-packages" in p], standard
sys.path[:0] = [function, layer]

import socket
def refuse(*arguments, **named):
    raise AssertionError("this must need no network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
"""
"""The start of every program here: only function, layer and standard library, and no network."""

WARM = """
class Context:
    function_name = "redress"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:redress"
    aws_request_id = "5f0e3a52-8f3c-4c43-9d0f-0c8a3d1b7e11"

import app
answer = app.handler({"warm": True}, Context())
loaded = {m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)}
cached = {m.__cached__ for m in list(sys.modules.values()) if getattr(m, "__cached__", None)}
print(json.dumps({"answer": answer, "loaded": sorted(loaded), "cached": sorted(cached)}))
"""

CLIENTS = """
from botocore.awsrequest import AWSResponse
from redress.wiring import clients

class Body:
    def __init__(self, text):
        self.text = text
    def stream(self, **_):
        yield self.text

XML = b"<Response><ListTopicsResult/></Response>"

ASKS = {
    "cloudwatch": "list_metrics", "cognito-idp": "list_user_pools",
    "dynamodb": "list_tables", "lambda": "list_functions", "s3": "list_buckets",
    "sesv2": "list_email_identities", "sns": "list_topics",
    "sqs": "list_queues", "stepfunctions": "list_state_machines",
}
NEEDS = {"cognito-idp": {"MaxResults": 1}}
made = {}
for name in sys.argv[3:]:
    client = clients.client(name)
    sent = []
    def answer(request, **_):
        sent.append(request.url)
        body = XML if name in ("s3", "sns") else b"{}"
        return AWSResponse(request.url, 200, {}, Body(body))
    client.meta.events.register("before-send", answer)
    getattr(client, ASKS[name])(**NEEDS.get(name, {}))
    if name == "s3":
        client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    made[name] = sent[0]
print(json.dumps(made))
"""

E_MACHINE = {"x86_64": 0x3E, "arm64": 0xB7}
"""Machine in an ELF header: EM_X86_64 and EM_AARCH64."""


def run_alone(built: Built, function: str, program: str, *arguments: str) -> str:
    """Runs a program with what a function has on AWS. Returns its last line of output."""
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    own = template()["Resources"][function]["Properties"].get("Environment", {})
    given = variables | own.get("Variables", {})
    # What the template writes out is kept, and a parameter has its default. Other references exist
    # only in a stack.
    environment = {
        name: str(with_default(value)) if isinstance(value, str) else "any"
        for name, value in given.items()
    }
    environment |= {
        "LOG_LEVEL": "INFO",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
    }
    seen = (str(built.layer), str(built.function(function)))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", ALONE + program, *seen, *arguments],
        cwd=built.function(function),
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


# ------------------------------------------------------------------ isolation


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_starts_with_only_its_folder_and_the_layer(host: Built, function: str) -> None:
    result = json.loads(run_alone(host, function, WARM))

    assert result["answer"] == {"warm": True}
    here = (str(host.layer), str(host.function(function)), sys.base_prefix, sys.prefix)
    assert [path for path in result["loaded"] if not path.startswith(here)] == []
    assert not [path for path in result["loaded"] if "site-packages" in path]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_module_loaded_at_start_is_compiled(host: Built, function: str) -> None:
    result = json.loads(run_alone(host, function, WARM))
    ours = [path for path in result["cached"] if path.startswith(str(host.folder))]
    assert len(ours) > 50
    assert [path for path in ours if not Path(path).is_file()] == []


def services_with_a_full_client() -> set[str]:
    """Every service named in a `client("...")` of the layer or a function, and PynamoDB's."""
    sources = [*(ROOT / "layers/core/redress").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
    found = {"dynamodb"}
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name(id="client") | ast.Attribute(attr="client"),
                    args=[ast.Constant(value=str(service)), *_],
                ):
                    found.add(service)
    return found


def test_every_client_works_with_the_trimmed_data(host: Built) -> None:
    services = sorted(services_with_a_full_client())
    assert len(services) > 5
    made = json.loads(run_alone(host, "IntakeFunction", CLIENTS, *services))
    assert sorted(made) == services
    # The host name of S3 in its first region has no region in it.
    regional = [url for service, url in made.items() if service != "s3"]
    assert all(url.startswith("https://") and ".us-east-1." in url for url in regional), made
    assert made["s3"] == "https://s3.amazonaws.com/"


def test_only_models_of_services_with_a_client_ship(host: Built) -> None:
    data = host.layer / "botocore" / "data"
    assert {p.name for p in data.iterdir() if p.is_dir()} == services_with_a_full_client()


def digests(folder: Path) -> dict[str, str]:
    """The hash of every file of a build by its name, without the template, which has paths."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "template.yaml"
    }


def test_same_sources_build_the_same_bytes_in_another_folder(host: Built, tmp_path: Path) -> None:
    again = digests(stack.build(tmp_path))
    built = digests(host.folder)
    assert len(built) > 500
    assert [name for name in built | again if built.get(name) != again.get(name)] == []


def test_trimmed_model_equals_the_original_without_documentation(host: Built) -> None:
    """Operations, shapes and errors are botocore's; only texts are removed."""
    data = Path(botocore.__file__).parent / "data"
    for service in services_with_a_full_client():
        newest = max((data / service).iterdir()) / "service-2.json.gz"
        original = json.loads(gzip.decompress(newest.read_bytes()))
        assert trimmed(host, service) == bare(original), service


def bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "" if name == "documentation" and isinstance(inner, str) else bare(inner)
            for name, inner in value.items()
        }
    return [bare(inner) for inner in value] if isinstance(value, list) else value


def trimmed(host: Built, service: str) -> Any:
    [version] = (host.layer / "botocore" / "data" / service).iterdir()
    return json.loads(gzip.decompress((version / "service-2.json.gz").read_bytes()))


def test_trimmed_endpoints_keep_every_used_service_in_every_partition(host: Built) -> None:
    original = botocore.session.get_session().get_component("data_loader").load_data("endpoints")
    left = json.loads((host.layer / "botocore" / "data" / "endpoints.json").read_text())
    prefixes = {
        trimmed(host, service)["metadata"]["endpointPrefix"]
        for service in services_with_a_full_client()
    }
    assert [one["partition"] for one in left["partitions"]] == [
        one["partition"] for one in original["partitions"]
    ]
    for mine, theirs in zip(left["partitions"], original["partitions"], strict=True):
        wanted = {k: v for k, v in theirs["services"].items() if k in prefixes}
        assert mine["services"] == wanted
        assert mine["regions"] == theirs["regions"]


# ------------------------------------------------------------------ completeness


def source_files(folder: Path) -> set[Path]:
    return {
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_file_of_a_function_is_in_its_artifact(host: Built, function: str) -> None:
    folder = ROOT / "functions" / function.removesuffix("Function").lower()
    built = host.function(function)
    for file in source_files(folder):
        assert (built / file).read_bytes() == (folder / file).read_bytes(), file


def test_every_file_of_the_product_is_in_the_layer(host: Built) -> None:
    folder = ROOT / "layers/core/redress"
    for file in source_files(folder):
        assert (host.layer / "redress" / file).read_bytes() == (folder / file).read_bytes(), file


def test_libraries_needed_only_to_build_do_not_ship(host: Built) -> None:
    for part in (host.layer, *(host.function(name) for name in FUNCTIONS)):
        shipped = {path.name for path in part.iterdir()}
        assert not shipped & {"boto3", "s3transfer", "pydantic", "aws_xray_sdk", "bin", "tests"}


# ------------------------------------------------------------------ bytecode


def compiled(source: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(source)))


def sources(built: Built) -> list[Path]:
    return [path for path in built.folder.rglob("*.py") if "__pycache__" not in path.parts]


@pytest.mark.parametrize("built", ["host", "deployed"])
def test_every_module_ships_compiled_with_an_unchecked_hash(
    built: str, request: pytest.FixtureRequest
) -> None:
    """A zip loses file dates; with an unchecked hash Python needs neither date nor source."""
    modules = sources(request.getfixturevalue(built))
    assert len(modules) > 300
    for source in modules:
        header = compiled(source).read_bytes()[:16]
        magic, flags = struct.unpack("<4sI", header[:8])
        assert magic == importlib.util.MAGIC_NUMBER, source
        assert flags == 0b01, f"{source}: not compiled with an unchecked hash"
        assert header[8:] == importlib.util.source_hash(source.read_bytes()), source


# ------------------------------------------------------------------ sizes


def test_artifacts_stay_within_their_bounds(deployed: Built) -> None:
    """The bounds are those that the benchmark of cold starts shows."""
    found = {name: deployed.size(deployed.function(name)) for name in FUNCTIONS}
    found["CoreLayer"] = deployed.size(deployed.layer)
    for name, size in found.items():
        assert 0 < size <= sizes.BOUNDS.get(name, sizes.BOUND), f"{name}: {size:,} bytes"


# ------------------------------------------------------------------ architecture


def libraries(built: Built) -> list[Path]:
    return [path for path in built.folder.rglob("*") if re.search(r"\.so(\.\d+)*$", path.name)]


def machine_of(library: Path) -> int:
    """e_machine of an ELF file (little-endian, at byte 18)."""
    header = library.read_bytes()[:20]
    assert header[:4] == b"\x7fELF", library
    machine: int = struct.unpack_from("<H", header, 18)[0]
    return machine


@pytest.mark.parametrize("built", ["host", "deployed"])
def test_every_library_is_built_for_the_right_architecture(
    built: str, request: pytest.FixtureRequest
) -> None:
    artifacts: Built = request.getfixturevalue(built)
    found = libraries(artifacts)
    assert {path.name.split(".")[0] for path in found} >= {"_core", "_speedups"}, "msgspec, pages"
    wanted = E_MACHINE[artifacts.architecture]
    assert {path.name: machine_of(path) for path in found if machine_of(path) != wanted} == {}
    assert artifacts.architecture == (HOST if built == "host" else DEPLOYED)


def test_another_architecture_does_not_get_the_cached_layer_of_the_first(tmp_path: Path) -> None:
    """Regression: the layer was cached by its sources, and the architecture was not among them."""
    cached = ("CoreLayer", "--cached", "--cache-dir", str(tmp_path / "cache"))
    for architecture in ("arm64", "x86_64"):
        done = sam_build(tmp_path / "build", architecture, *cached)
        assert done.returncode == 0, done.stderr
        built = Built(tmp_path / "build", architecture)
        found = libraries(built)
        assert found
        assert {machine_of(path) for path in found} == {E_MACHINE[architecture]}


def test_build_for_two_architectures_at_once_says_what_to_do(tmp_path: Path) -> None:
    done = sam_build(tmp_path / "build", "arm64", "CoreLayer", ARCHITECTURE="x86_64")
    assert done.returncode != 0
    assert "ARCHITECTURE is x86_64, but the template's Architecture is arm64" in done.stderr
    assert "sam build --parameter-overrides Architecture=x86_64" in done.stderr


# ------------------------------------------------------------------ the layer's digest


def digest_of_layer(layers: Path, architecture: str) -> str:
    program = str(layers / "core" / "digest.py")
    done = subprocess.run(
        [sys.executable, "-B", program, architecture], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_every_function_contains_the_digest_of_the_layer(host: Built, deployed: Built) -> None:
    """A layer's version alone changes no artifact, and SAM publishes no version for it."""
    for built in (host, deployed):
        digest = digest_of_layer(ROOT / "layers", built.architecture)
        for name in FUNCTIONS:
            assert (built.function(name) / "layer.digest").read_text() == digest, name


def test_cached_function_does_not_keep_the_digest_of_an_earlier_layer(tmp_path: Path) -> None:
    """sam looks only at the folder of the functions to find out whether its cache is valid."""
    sources = tmp_path / "sources"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "functions", sources / "functions", ignore=ignored)
    shutil.copytree(ROOT / "layers", sources / "layers", ignore=ignored)
    shutil.copy(ROOT / "template.yaml", sources)
    cached = ("MoverFunction", "--cached", "--cache-dir", str(tmp_path / "cache"))
    found = []
    for _ in range(2):
        done = sam_build(tmp_path / "build", DEPLOYED, *cached, sources=sources)
        assert done.returncode == 0, done.stderr
        built = (tmp_path / "build" / "MoverFunction" / "layer.digest").read_text()
        assert built == digest_of_layer(sources / "layers", DEPLOYED)
        found.append(built)
        with (sources / "layers/core/redress/base/numbers.py").open("a") as file:
            file.write("\n# another layer\n")
    assert found[0] != found[1]


def test_digest_of_the_layer_follows_every_file_and_the_architecture(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "layers", tmp_path / "layers")
    layers = tmp_path / "layers"
    found = {digest_of_layer(layers, "arm64"), digest_of_layer(layers, "x86_64")}
    assert found == {digest_of_layer(ROOT / "layers", one) for one in ("arm64", "x86_64")}
    for name in ("core/redress/data/plan-1.json", "core/requirements.txt", "core/Makefile"):
        with (layers / name).open("a") as file:
            file.write("\n")
        found.add(digest_of_layer(layers, "arm64"))
    (layers / "core/redress/__pycache__").mkdir(exist_ok=True)
    (layers / "core/redress/__pycache__/x.pyc").write_bytes(b"of no matter")
    found.add(digest_of_layer(layers, "arm64"))
    assert len(found) == 5


# ------------------------------------------------------------------ full-text search

FINDS = """
import pathlib, tempfile
from redress.search.rules.words import query_of, words_of
from redress.search.store.segments import Document, Segment, build
path = pathlib.Path(tempfile.mkdtemp()) / "segment.db"
path.write_bytes(build([Document("R-00000-00000", "2026#R-00000-00000", 1, words_of("申請退款"))]))
print(Segment(path).places(query_of("退款"), None, 1), len(Segment(path).documents()))
"""


@pytest.mark.parametrize("function", ["StaffFunction", "IndexerFunction"])
def test_built_function_makes_and_searches_a_segment_of_the_index(
    host: Built, function: str
) -> None:
    assert run_alone(host, function, FINDS) == "['2026#R-00000-00000'] 1"


@pytest.mark.parametrize("built", ["host", "deployed"])
def test_full_text_search_is_in_the_library_of_each_architecture(
    built: str, request: pytest.FixtureRequest
) -> None:
    artifacts: Built = request.getfixturevalue(built)
    for function in ("StaffFunction", "IndexerFunction"):
        [library] = (artifacts.function(function) / "apsw").glob("*.so")
        assert machine_of(library) == E_MACHINE[artifacts.architecture]
        content = library.read_bytes()
        assert b"ENABLE_FTS5" in content, "an option of SQLite's compilation"
        assert b"fts5vocab" in content
