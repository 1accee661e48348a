"""Every dependency's licence, held to the lists of docs/decisions/020-licences.md.

Redress is under Apache-2.0. What a deployment contains may add no condition that Apache-2.0 does
not have, apart from the few parts that are named here. Tools run on a laptop or in CI and are
never part of a deployment, so a copyleft licence is acceptable there, but each one is named.

Licences are read from the metadata of the installed packages, which have the pinned versions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import pytest

from tests.builders import ROOT

PERMISSIVE = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CNRI-Python",
        "ISC",
        "MIT",
        "MIT-0",
        "PSF-2.0",
        "Unicode-3.0",
        "Zlib",
    }
)
"""Licences without a condition on the code that uses the package."""

NAMED_TOOLS = {
    "asyncssh": "EPL-2.0 OR GPL-2.0-or-later",
    "certifi": "MPL-2.0",
    "hypothesis": "MPL-2.0",
    "pathspec": "MPL-2.0",
    "psycopg2-binary": "LGPL-3.0-or-later",
    "text-unidecode": "Artistic-1.0",
}
"""Tools under a licence with conditions, as it was read when they were accepted."""

NAMED_PARTS = {
    "botocore": {"cacert.pem": "MPL-2.0"},
    "nh3": {"cssparser": "MPL-2.0", "dtoa-short": "MPL-2.0"},
    "lxml": {"iconv": "LGPL-2.1-only"},
}
"""Parts inside the wheels of shipped packages that are under a weak copyleft licence."""

FROM_ITS_TEXT = {
    "apsw": ("Zlib", "This notice may not be removed or altered from any source"),
    "cookiecutter": ("BSD-3-Clause", "Neither the name of"),
}
"""By package whose metadata name no licence: the SPDX identifier and a text of the licence file."""

SPDX = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "Artistic License": "Artistic-1.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "LGPL 2.1": "LGPL-2.1-only",
    "LGPL with exceptions": "LGPL-3.0-or-later",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "zlib-license": "Zlib",
}
"""From other names of licences in metadata to SPDX identifiers."""

SHIPPED = [
    ROOT / "layers/core/requirements.txt",
    *sorted((ROOT / "functions").glob("*/requirements.txt")),
]
TOOLS = [ROOT / "local/requirements.txt"]
PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==(\S+)")


def pins(files: list[Path]) -> list[tuple[str, str]]:
    """Names and versions that these files pin."""
    lines = [line for path in files for line in path.read_text().splitlines()]
    return [(found[1].lower(), found[2]) for line in lines if (found := PINNED.match(line))]


def text_of(package: Distribution, name: str) -> str:
    """A file of the package's metadata: the first one with this name."""
    return next(file for file in package.files or () if file.name == name).read_text()


def licence_of(package: Distribution) -> str:
    """The SPDX expression of an installed package: of its metadata's field, text or classifiers."""
    metadata: Any = package.metadata
    name = metadata["Name"].lower()
    if expression := metadata.get("License-Expression"):
        return str(expression)
    if name in FROM_ITS_TEXT:
        licence, proof = FROM_ITS_TEXT[name]
        assert proof in text_of(package, "LICENSE")
        return licence
    text = str(metadata.get("License") or "").strip()
    if text in SPDX or text in PERMISSIVE or text in NAMED_TOOLS.values():
        return SPDX.get(text, text)
    classifiers = [
        one.rpartition(" :: ")[2]
        for one in metadata.get_all("Classifier") or ()
        if one.startswith("License :: ")
    ]
    return " AND ".join(sorted({SPDX.get(one, one) for one in classifiers})) or "nothing"


def is_permissive(expression: str) -> bool:
    """Whether every licence of an expression is permissive, or one of each choice of them."""
    parts = re.split(r"\s+AND\s+", expression.replace("(", "").replace(")", ""))
    return all(
        any(one.split(" WITH ")[0].strip() in PERMISSIVE for one in part.split(" OR "))
        for part in parts
    )


@pytest.mark.parametrize(("name", "version"), pins(SHIPPED))
def test_a_shipped_package_is_under_a_permissive_licence(name: str, version: str) -> None:
    package = distribution(name)
    assert package.version == version, "the metadata are those of another version"
    assert is_permissive(licence_of(package)), f"{name}: {licence_of(package)}"


@pytest.mark.parametrize(("name", "version"), pins(TOOLS))
def test_a_tool_is_under_a_permissive_licence_or_a_named_one(name: str, version: str) -> None:
    package = distribution(name)
    assert package.version == version, "the metadata are those of another version"
    licence = licence_of(package)
    if name in NAMED_TOOLS:
        assert licence == NAMED_TOOLS[name]
    else:
        assert is_permissive(licence), f"{name}: {licence}"


def test_there_are_packages_to_check_and_no_shipped_one_is_a_named_exception() -> None:
    shipped = {name for name, _ in pins(SHIPPED)}
    assert {"botocore", "jinja2", "lxml"} <= shipped
    assert not shipped & set(NAMED_TOOLS)
    assert set(NAMED_TOOLS) <= {name for name, _ in pins(TOOLS)}
    assert set(NAMED_PARTS) <= shipped


def test_an_unknown_licence_is_not_permissive() -> None:
    assert is_permissive("MIT OR GPL-3.0-only")
    assert is_permissive("(MIT OR Apache-2.0) AND Unicode-3.0")
    assert not is_permissive("MIT AND GPL-3.0-only")
    assert not is_permissive("nothing")
    assert not is_permissive("")


# ------------------------------------------------------------------------------ inside wheels


def parts_of_nh3() -> Iterator[tuple[str, str]]:
    """The Rust crates in nh3, from the bill of materials in its wheel (CycloneDX)."""
    bill = json.loads(text_of(distribution("nh3"), "nh3.cyclonedx.json"))
    for crate in bill["components"]:
        for licence in crate["licenses"]:
            yield crate["name"], licence["expression"]


def parts_of_lxml() -> Iterator[tuple[str, str]]:
    """The C libraries in lxml's wheels: lines such as `**libxml2**: MIT`."""
    text = text_of(distribution("lxml"), "LICENSES.txt")
    for name, licence in re.findall(r"^\*\*(\w+)\*\*: ([^,\n]+)", text, re.MULTILINE):
        yield name, SPDX.get(licence, licence)


@pytest.mark.parametrize(
    ("package", "found"), [("nh3", list(parts_of_nh3())), ("lxml", list(parts_of_lxml()))]
)
def test_a_library_inside_a_wheel_is_permissive_or_named(
    package: str, found: list[tuple[str, str]]
) -> None:
    assert len(found) >= 4
    rest = {name: licence for name, licence in found if not is_permissive(licence)}
    assert rest == NAMED_PARTS[package]


def test_the_certificates_in_botocore_are_under_the_named_licence() -> None:
    notice = text_of(distribution("botocore"), "NOTICE")
    _, about_certificates = notice.split("Bundle of CA Root Certificates")
    assert "Mozilla Public License, v. 2.0" in " ".join(about_certificates.split())
    assert NAMED_PARTS["botocore"] == {"cacert.pem": "MPL-2.0"}
