"""Files of tickets on this machine. Customers choose their names, so a name is never a path."""

from __future__ import annotations

import os
import re
from pathlib import Path

import httpx
from rich.progress import BarColumn, DownloadColumn, TextColumn

from redress_cli import screen
from redress_cli.faults import BUSY, Fault

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices."""


def plain(name: str) -> str:
    """A name that is a file in the folder on every system: no path, no hidden file, no device."""
    found = re.sub(r'[\\/:*?"<>|]', "_", screen.safe(name)).strip(" .")[:120]
    return f"_{found}" if not found or _RESERVED.fullmatch(found) else found


def save(url: str, folder: Path, name: str, size: int) -> Path:
    """Save a file under its name, or with a number if that is taken. Shows the progress.

    An incomplete file does not stay.
    """
    path = _free(folder, plain(name))
    part = path.with_name(f"{path.name}.part")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    try:
        with (
            screen.progress(*columns) as progress,
            httpx.stream("GET", url, timeout=60) as answer,
            part.open("wb") as file,
        ):
            answer.raise_for_status()
            task = progress.add_task(path.name, total=size)
            for chunk in answer.iter_bytes():
                file.write(chunk)
                progress.advance(task, len(chunk))
        os.replace(part, path)
    except httpx.HTTPError as error:
        raise Fault(f"{path.name} was not saved: {error}", BUSY) from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _free(folder: Path, name: str) -> Path:
    path, count = folder / name, 1
    while path.exists():
        count += 1
        path = folder / f"{Path(name).stem} ({count}){Path(name).suffix}"
    return path
