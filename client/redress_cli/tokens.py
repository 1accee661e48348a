"""Tokens of a sign-in: in the keyring of the system, or in a file if the user wished so."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import keyring
import keyring.errors
from keyring.backends import fail

from redress_cli import config
from redress_cli.faults import Fault

SERVICE = "redress"
PART = 1_000
"""Characters in one entry. The credential manager of Windows takes 1,280 in a password."""


@dataclass(frozen=True)
class Tokens:
    """What a sign-in gave. `expires_at` is in seconds since 1970.

    `refresh_at` is the address that renews them: the token endpoint of an issuer, or "" if the API
    of the user pool does.
    """

    id_token: str
    refresh_token: str
    expires_at: float
    refresh_at: str = ""
    revoke_at: str = ""


def save(profile: str, keep: str, tokens: Tokens) -> None:
    """Keep the tokens of a profile. Raises Fault if there is no keyring."""
    text = json.dumps(asdict(tokens))
    if keep == "file":
        config.write(_path(profile), text)
        return
    _usable()
    parts = [text[start : start + PART] for start in range(0, len(text), PART)]
    try:
        keyring.set_password(SERVICE, profile, str(len(parts)))
        for index, part in enumerate(parts):
            keyring.set_password(SERVICE, f"{profile}:{index}", part)
    except keyring.errors.KeyringError as error:
        raise _unusable(str(error)) from error


def load(profile: str, keep: str) -> Tokens | None:
    """The kept tokens of a profile, or None. Raises Fault if the keyring cannot be read."""
    try:
        if keep == "file":
            text = _path(profile).read_text("utf-8")
        else:
            _usable()
            count = keyring.get_password(SERVICE, profile) or "0"
            names = [f"{profile}:{index}" for index in range(int(count))]
            text = "".join(keyring.get_password(SERVICE, name) or "" for name in names)
        return Tokens(**json.loads(text)) if text else None
    except keyring.errors.KeyringError as error:
        raise _unusable(str(error)) from error
    except (FileNotFoundError, ValueError, TypeError):
        return None  # as after a sign-out: the person signs in again


def forget(profile: str, keep: str) -> None:
    """Remove the tokens of a profile."""
    if keep == "file":
        _path(profile).unlink(missing_ok=True)
        return
    _usable()
    try:
        count = int(keyring.get_password(SERVICE, profile) or "0")
        for name in (profile, *(f"{profile}:{index}" for index in range(count))):
            if keyring.get_password(SERVICE, name) is not None:
                keyring.delete_password(SERVICE, name)
    except keyring.errors.KeyringError as error:
        raise _unusable(str(error)) from error


def _path(profile: str) -> Path:
    return config.folder() / f"tokens-{profile}.json"


def _usable() -> None:
    if isinstance(keyring.get_keyring(), fail.Keyring):
        raise _unusable("this system has none")


def _unusable(why: str) -> Fault:
    return Fault(
        f"The keyring cannot be used: {why}.",
        hints=[
            "Install or unlock one, such as GNOME Keyring or KWallet (python -m keyring diagnose).",
            "Or keep the tokens in a file that only you can read: redress login --token-file",
        ],
    )
