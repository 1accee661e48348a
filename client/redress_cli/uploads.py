"""Files of a message: checked here, sent to the bucket, and then named in the message.

A file that no message names is removed by the bucket. So a terminal that is killed in the middle
leaves nothing behind, and the same command can be given again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import httpx
from redress_staff.api.tickets import list_files, offer_upload
from redress_staff.models import NewFile
from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn

from redress_cli import screen
from redress_cli.faults import BUSY, INPUT, Fault
from redress_cli.session import Session

pause = time.sleep

TIMEOUT_S = httpx.Timeout(300, connect=10)
WAITS_S = (0.5, 0.5, 1, 1, 2, 2, 4, 4, 8, 8)
"""Seconds between looks whether the service has taken the files."""
NOTHING_SENT = "Nothing was sent to the customer. What was uploaded is removed by itself."


def checked(session: Session, number: str, paths: Sequence[Path]) -> list[tuple[Path, int]]:
    """The files with their sizes. Raises Fault that names everything that is wrong with them."""
    if not paths:
        return []
    files = session.read(list_files, number).value
    most, at_once = files.limits.most_bytes, files.limits.most_at_once
    wrong, found = [], []
    if not files.takes_files:
        wrong.append(f"{number} takes no more files.")
    if len(paths) > at_once:
        wrong.append(f"A message takes {at_once} files, and these are {len(paths)}.")
    for path in paths:
        try:
            with path.open("rb"):
                size = path.stat().st_size
        except OSError as error:
            wrong.append(f"{path}: {error.strerror or error}")
            continue
        if size > most:
            wrong.append(f"{path}: {size:,} bytes; at most {most:,} are taken.")
        elif size == 0:
            wrong.append(f"{path}: it is empty.")
        found.append((path, size))
    if wrong:
        raise Fault("Some files cannot be sent.", INPUT, wrong)
    return found


def send(session: Session, number: str, files: Sequence[tuple[Path, int]]) -> list[str]:
    """Send files to the bucket, and return their ids. Shows the progress."""
    if not files:
        return []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    ids = []
    with screen.progress(*columns) as progress:
        for path, size in files:
            name = screen.safe(path.name)
            # A permission is for one try. A second one replaces a connection that was lost.
            for last in (False, True):
                made = session.read(
                    offer_upload, number, body=NewFile(name=path.name, size=size)
                ).value
                task = progress.add_task(name, total=size)
                try:
                    with path.open("rb") as plain, progress.wrap_file(plain, task_id=task) as file:
                        answer = post(
                            made.upload.url, made.upload.fields.to_dict(), path.name, file
                        )
                except httpx.HTTPError as error:
                    progress.remove_task(task)
                    if last:
                        words = f"{path}: the connection was lost: {error}"
                        raise Fault(words, BUSY, [NOTHING_SENT]) from error
                    continue
                if answer.status_code >= 300:
                    raise _refused(path, answer)
                ids.append(made.id)
                break
        _wait_until_taken(session, number, dict(zip(ids, (path for path, _ in files), strict=True)))
    return ids


def _wait_until_taken(session: Session, number: str, sent: Mapping[str, Path]) -> None:
    """Wait until the ticket lists these files. Raises Fault for those that were refused.

    The service looks at a file a moment after the bucket has it; a message can name it only then.
    """
    for wait in WAITS_S:
        found = {one.id: one for one in session.read(list_files, number).value.files}
        refused = [
            f"{path}: {found[id_].reason or 'it was refused'}"
            for id_, path in sent.items()
            if id_ in found and found[id_].state.value in ("refused", "found")
        ]
        if refused:
            raise Fault("Some files were refused.", INPUT, [*refused, NOTHING_SENT])
        if sent.keys() <= found.keys():
            return
        pause(wait)
    raise Fault("The service has not yet looked at the files.", BUSY, [NOTHING_SENT])


def post(url: str, fields: dict[str, Any], name: str, file: IO[bytes]) -> httpx.Response:
    """Send a form with these fields and a file, which comes last as S3 demands."""
    kind = str(fields.get("Content-Type", "application/octet-stream"))
    return httpx.post(url, data=fields, files={"file": (name, file, kind)}, timeout=TIMEOUT_S)


def _refused(path: Path, answer: httpx.Response) -> Fault:
    code = re.search(r"<Code>(\w+)</Code>", answer.text)
    why = code[1] if code else str(answer.status_code)
    busy = answer.status_code >= 500
    return Fault(f"{path}: the bucket refused it: {why}", BUSY if busy else INPUT, [NOTHING_SENT])
