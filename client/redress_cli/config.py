"""Settings: one profile for each deployment and person.

They are in `profiles.json` in the folder of the user's settings, such as `~/.config/redress` on
Linux, or in the folder that REDRESS_CONFIG names. Nothing secret is in this file.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer

from redress_cli.faults import USAGE, Fault

DEFAULT_CALLBACK = "http://localhost:8976/"
"""Where the sign-in pages return. It must be one of `SignInCallbackAddresses` of the stack."""


@dataclass(frozen=True)
class Profile:
    """The settings of one profile.

    `api` is the address of the API with its stage. `issuer` is the issuer of tokens, and `client`
    the id of its client. `sign_in` is the address of the sign-in pages of a user pool, if it has
    them. `pool_endpoint` replaces the address of Amazon Cognito, for the local cloud. `keep` is
    "keyring" or "file": where tokens are kept.
    """

    api: str = ""
    issuer: str = ""
    client: str = ""
    email: str = ""
    sign_in: str = ""
    pool_endpoint: str = ""
    callback: str = DEFAULT_CALLBACK
    keep: str = "keyring"


NAMES = tuple(field.name for field in fields(Profile))


def folder() -> Path:
    """The folder of settings and drafts."""
    given = os.environ.get("REDRESS_CONFIG")
    return Path(given) if given else Path(typer.get_app_dir("redress"))


def load(name: str) -> Profile:
    """The profile with this name; an empty one if it is new. Raises Fault if it is unreadable."""
    found = _all().get(name, {})
    return Profile(**{key: str(value) for key, value in found.items() if key in NAMES})


def save(name: str, given: Mapping[str, str]) -> Profile:
    """Change these settings of a profile, and return it."""
    profile = replace(load(name), **given)
    stored = {key: value for key, value in asdict(profile).items() if value}
    write(folder() / "profiles.json", json.dumps(_all() | {name: stored}, indent=2) + "\n")
    return profile


def from_outputs(document: Any) -> dict[str, str]:
    """The settings in the outputs of a stack.

    `document` is what `aws cloudformation describe-stacks` prints, with or without `--query
    'Stacks[0].Outputs'`, or the `outputs.json` of the local cloud.
    """
    if isinstance(document, dict) and "Stacks" in document:
        document = document["Stacks"][0]["Outputs"]
    if isinstance(document, list):
        document = {one["OutputKey"]: one["OutputValue"] for one in document}
    outputs: dict[str, Any] = dict(document)
    # The local cloud has Cognito and its pages at its own address.
    cloud = outputs.get("endpoint_url", "")
    found = {
        "api": outputs.get("base_url") or outputs.get("ApiUrl", ""),
        "issuer": outputs.get("StaffIssuer", ""),
        "client": outputs.get("UserPoolClientId", ""),
        "sign_in": cloud or outputs.get("SignInAddress", ""),
        "pool_endpoint": cloud,
    }
    if not found["api"]:
        raise Fault("These are not the outputs of a stack: they have no ApiUrl.", USAGE)
    return {key: value for key, value in found.items() if value}


def is_address(text: str) -> bool:
    """Whether tokens and texts may go to this address: by https, or to this machine."""
    try:
        found = urlsplit(text)
        host = found.hostname or ""
    except ValueError:
        return False
    if found.scheme != "http":
        return found.scheme == "https" and bool(host)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all. Only the user can read it (Windows: as its folder)."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # mkstemp makes the file with mode 0600.
    number, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _all() -> dict[str, Any]:
    path = folder() / "profiles.json"
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        hint = "Mend the file, or remove it and run: redress setup"
        raise Fault(f"{path} cannot be read: {error}", hints=[hint]) from error
    return found if isinstance(found, dict) else {}
