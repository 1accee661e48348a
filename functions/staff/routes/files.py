"""Files of tickets are sent, listed, opened and withdrawn, and recordings of calls opened.

No file passes through a function. A client sends it to the bucket with the permission that it gets
here, and reads it from the bucket with a link.
"""

from __future__ import annotations

from typing import Any

from route import LEADERS, STAFF, Request, Route, iso

from redress.edge.bodies import Body, Text, Whole
from redress.edge.http import Answer, answer
from redress.files.cases.reading import FilesView
from redress.files.cases.uploading import Upload
from redress.files.store.bucket import LINK_S
from redress.tickets.rules.attached import Attached
from redress.wiring import staff as wiring

NAME_LIMIT = 1_000
"""A longer name is shortened anyway (`files/rules/names.py`)."""


def list_files(request: Request) -> Answer:
    return answer(200, files_view(wiring.files().view(request.member, request.path["number"])))


def offer_upload(request: Request) -> Answer:
    def content() -> tuple[str, int]:
        given: dict[str, Any] = request.content().body
        return given["name"], given["size"]

    made = wiring.files().offer(request.member, request.path["number"], content)
    return answer(201, upload_view(made))


def open_file(request: Request) -> Answer:
    number, file = request.path["number"], request.path["file"]
    found, link = wiring.files().open(request.member, number, file)
    return answer(200, {"file": file_view(found), "url": link, "expires_in_s": LINK_S})


def withdraw_file(request: Request) -> Answer:
    number, file = request.path["number"], request.path["file"]
    return answer(200, files_view(wiring.files().withdraw(request.member, number, file)))


def list_heard(request: Request) -> Answer:
    found = wiring.recordings().heard(request.member, request.path["number"])
    opened = [{"event": one.event, "by": one.by.id, "at": iso(one.at)} for one in found]
    return answer(200, {"opened": opened})


def open_recording(request: Request) -> Answer:
    number, event = request.path["number"], int(request.path["event"])
    found = wiring.recordings().open(request.member, number, event)
    shown = {"event": found.event, "url": found.url, "expires_in_s": found.expires_in_s}
    return answer(200, shown)


# -------------------------------------------------------------------- views


def upload_view(made: Upload) -> dict[str, Any]:
    """`Upload`: the permission to send one file to the bucket."""
    return {
        "id": made.id,
        "upload": {"url": made.url, "fields": made.fields},
        "expires_at": iso(made.expires_at),
    }


def files_view(found: FilesView) -> dict[str, Any]:
    """`Files`: the files of a ticket, and whether it takes more."""
    limits = found.limits
    return {
        "files": [file_view(file) for file in found.files],
        "opened": [{"file": one.file, "by": one.by.id, "at": iso(one.at)} for one in found.views],
        "takes_files": found.takes_files,
        "limits": {
            "types": list(limits.types),
            "most_bytes": limits.most_bytes,
            "most_each_ticket": limits.most_each_ticket,
            "most_at_once": limits.most_at_once,
        },
    }


def file_view(file: Attached) -> dict[str, Any]:
    """`AttachedFile`: one file of a ticket."""
    return {
        "id": file.id,
        "name": file.name,
        "type": file.type,
        "size": file.size,
        "state": file.state.value,
        "reason": file.reason,
        "by": {"role": file.by.role.value, "id": file.by.id or None},
        "at": iso(file.at),
        "event": file.event,
        "changed_at": iso(file.changed_at),
        "withdrawn_by": (
            {"role": file.changed_by.role.value, "id": file.changed_by.id or None}
            if file.changed_by
            else None
        ),
    }


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route(
        "GET",
        "/staff/tickets/{number}/files",
        STAFF,
        list_files,
        answer="Files",
        problems=(404,),
    ),
    Route(
        "POST",
        "/staff/tickets/{number}/files",
        STAFF,
        offer_upload,
        body=Body("NewFile", (Text("name", NAME_LIMIT), Whole("size", least=1))),
        answer="Upload",
        status=201,
        problems=(404, 409),
    ),
    Route(
        "GET",
        "/staff/tickets/{number}/files/{file}",
        STAFF,
        open_file,
        answer="OpenedFile",
        problems=(404, 409),
    ),
    Route(
        "POST",
        "/staff/tickets/{number}/files/{file}/withdrawal",
        STAFF,
        withdraw_file,
        answer="Files",
        problems=(404, 409),
    ),
    Route(
        "GET",
        "/staff/tickets/{number}/recordings",
        LEADERS,
        list_heard,
        answer="HeardRecordings",
        problems=(404,),
    ),
    Route(
        "GET",
        "/staff/tickets/{number}/recordings/{event}",
        STAFF,
        open_recording,
        answer="OpenedRecording",
        problems=(404, 409),
    ),
)
