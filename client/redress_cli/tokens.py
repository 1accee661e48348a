"""Tokens of a sign-in: in the keyring of the system, or in a file if the user wished so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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

MARKS = ("", "a", "b")
"""Marks of parts. Those without one were written by the version before."""
_HEAD = re.compile(r"([ab]?)([0-9]+)")


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


@contextmanager
def _kept_safely() -> Iterator[None]:
    """Turns what a keyring or a file system raises into a Fault."""
    try:
        yield
    except keyring.errors.KeyringError as error:
        raise _unusable(str(error)) from error
    except OSError as error:
        raise Fault(f"The tokens of your sign-in cannot be read or kept: {error}") from error


def save(profile: str, keep: str, tokens: Tokens) -> None:
    """Keep the tokens of a profile. Raises Fault if there is no keyring.

    The head names the parts and is written last. New parts have another mark than the old ones, so
    a client that is killed before leaves the old tokens whole.
    """
    text = json.dumps(asdict(tokens))
    with _kept_safely():
        if keep == "file":
            config.write(_path(profile), text)
            return
        _usable()
        old, _ = _head(profile)
        mark = "b" if old == "a" else "a"
        parts = [text[start : start + PART] for start in range(0, len(text), PART)]
        for index, part in enumerate(parts):
            keyring.set_password(SERVICE, f"{profile}:{mark}{index}", part)
        keyring.set_password(SERVICE, profile, f"{mark}{len(parts)}")
        _remove(profile, {one: len(parts) if one == mark else 0 for one in MARKS})


def load(profile: str, keep: str) -> Tokens | None:
    """The kept tokens of a profile, or None. Raises Fault if they cannot be read."""
    try:
        with _kept_safely():
            if keep == "file":
                path = _path(profile)
                text = path.read_text("utf-8") if path.exists() else ""
            else:
                _usable()
                mark, count = _head(profile)
                names = [f"{profile}:{mark}{index}" for index in range(count)]
                text = "".join(keyring.get_password(SERVICE, name) or "" for name in names)
        return Tokens(**json.loads(text)) if text else None
    except (ValueError, TypeError):
        return None  # as after a sign-out: the person signs in again


def forget(profile: str, keep: str) -> None:
    """Remove the tokens of a profile."""
    with _kept_safely():
        if keep == "file":
            _path(profile).unlink(missing_ok=True)
            return
        _usable()
        if keyring.get_password(SERVICE, profile) is not None:
            keyring.delete_password(SERVICE, profile)
        _remove(profile, dict.fromkeys(MARKS, 0))


def _head(profile: str) -> tuple[str, int]:
    """The mark and the number of the parts: "", 0 if there are none."""
    found = _HEAD.fullmatch(keyring.get_password(SERVICE, profile) or "")
    return (found[1], int(found[2])) if found else ("", 0)


def _remove(profile: str, begins: Mapping[str, int]) -> None:
    """Remove the parts of each mark from a number on, the last one first."""
    for mark, index in begins.items():
        names = []
        while keyring.get_password(SERVICE, name := f"{profile}:{mark}{index}") is not None:
            names.append(name)
            index += 1
        for name in reversed(names):
            keyring.delete_password(SERVICE, name)


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
