"""Files of tickets in the customers' JSON API, and the checker's sample events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from redress.base.people import Member
from redress.files.messages import Verdict
from redress.tickets.rules.attached import listed
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import EventType, Ticket
from redress.wiring import customer as customer_wiring
from tests.builders import MEI
from tests.files import samples
from tests.files.posting import Refused
from tests.functions.conftest import altered
from tests.functions.filing import create_bucket, judge, send
from tests.functions.test_checker import Desk
from tests.wired import set_environment
from tests.world import (
    Act,
    Context,
    Opener,
    Stores,
    load,
    merge,
    read_sample,
    unmerge_at_a_read,
)


class Client:
    """Calls the routes of files with the token of one ticket."""

    def __init__(self, ticket: Ticket) -> None:
        self.number = ticket.number
        self.token = customer_wiring.links().status_token(ticket.number)

    def __call__(
        self,
        name: str,
        body: Any = None,
        token: str | None = None,
        **path: str,
    ) -> tuple[int, Any]:
        event = altered(
            read_sample(f"customer-api-{name}"),
            body=None if body is None else json.dumps(body),
            headers={"Authorization": f"Bearer {token or self.token}"},
            path={"number": self.number} | path,
        )
        answer = load("customer").handler(event, Context())
        return answer["statusCode"], json.loads(answer["body"])

    def upload(self, content: bytes = samples.JPEG, name: str = "杯子.jpg") -> str:
        status, made = self("upload", {"name": name, "size": len(content)})
        assert status == 201, made
        send(made, content)
        file: str = made["id"]
        return file

    def files(self) -> dict[str, dict[str, Any]]:
        status, found = self("files")
        assert status == 200
        return {file["id"]: file for file in found["files"]}


@pytest.fixture
def ticket(staff: Mapping[str, Member], open_ticket: Opener) -> Ticket:
    create_bucket()
    return open_ticket(agent="a-mei")


@pytest.fixture
def client(ticket: Ticket) -> Client:
    return Client(ticket)


def codes(problem: Mapping[str, Any]) -> dict[str, str]:
    return {fault["pointer"]: fault["code"] for fault in problem["errors"]}


def test_a_file_is_sent_checked_scanned_opened_and_withdrawn(
    client: Client, stores: Stores
) -> None:
    file = client.upload()
    assert client.files()[file] | {"at": None} == {
        "id": file,
        "name": "杯子.jpg",
        "type": "image/jpeg",
        "size": len(samples.JPEG),
        "state": "held",
        "reason": None,
        "by": "customer",
        "at": None,
    }
    status, problem = client("file", file=file)
    assert (status, problem["reason"]) == (409, "held")
    judge(client.number, file)
    status, opened = client("file", file=file)
    assert (status, opened["expires_in_s"]) == (200, 60)
    assert "response-content-disposition=attachment" in opened["url"]
    for _ in range(2):
        status, found = client("file-withdrawal", file=file)
        assert (status, found["files"][0]["state"]) == (200, "withdrawn")
    assert client("file", file=file)[1]["reason"] == "withdrawn"
    assert stores.tickets.history(client.number)[-1].type is EventType.CUSTOMER_WROTE


def test_what_was_found_is_told_to_the_customer(client: Client) -> None:
    file = client.upload(samples.EICAR, "order.txt")
    judge(client.number, file, Verdict.FOUND, "Eicar-Test-Signature")
    shown = client.files()[file]
    assert (shown["state"], shown["reason"]) == ("found", None), "the name of a find is for staff"


def test_a_customer_sees_files_that_were_sent_to_them_and_no_others(
    client: Client, ticket: Ticket, act: Act, stores: Stores
) -> None:
    desk = Desk(load("checker"), stores)
    sent, noted, waiting = (desk.upload(ticket.number, by=MEI) for _ in range(3))
    desk.arrive(ticket, sent, noted, waiting)
    act(ticket, by_staff.reply, MEI, "See", False)

    def refer(step: Any, file: str) -> None:
        files = [listed(desk.file(ticket, file))]
        stores.changes.change(ticket.number, lambda found, plan, at: step(found, plan, at, files))

    refer(lambda t, p, at, files: by_staff.reply(t, p, MEI, "See", False, at, files), sent)
    refer(lambda t, p, at, files: by_staff.note(t, p, MEI, "See", at, files=files), noted)
    assert set(client.files()) == {sent}
    assert client.files()[sent]["by"] == "staff"
    for file in (noted, waiting, "d" * 16, "x", ".."):
        assert client("file", file=file)[0] == 404
        assert client("file-withdrawal", file=file)[0] == 404
    assert client("file-withdrawal", file=sent)[0] == 404


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {"/name": "required", "/size": "required"}),
        ({"name": "", "size": "1"}, {"/name": "required", "/size": "whole_number_expected"}),
        ({"name": 1, "size": True}, {"/name": "text_expected", "/size": "whole_number_expected"}),
        ({"name": "x" * 1001, "size": 1, "a/b": 1}, {"/name": "too_long", "/a~1b": "unknown"}),
        ({"name": "x", "size": 0}, {"/size": "file_empty"}),
        ({"name": "x", "size": -5}, {"/size": "file_empty"}),
        ({"name": "x", "size": 10**11}, {"/size": "file_too_large"}),
    ],
)
def test_every_wrong_field_is_named(
    client: Client, body: dict[str, Any], faults: dict[str, str]
) -> None:
    status, problem = client("upload", body)
    assert (status, codes(problem)) == (422, faults)


def test_a_link_to_another_ticket_opens_no_file(client: Client, open_ticket: Opener) -> None:
    file = client.upload()
    other = Client(open_ticket())
    for name in ("files", "upload", "file", "file-withdrawal"):
        status, problem = client(name, token=other.token, file=file)
        assert (status, problem["detail"]) == (404, "unknown link")
        status, _ = client(name, token="R-7K3M9-QW0X2.forged", file=file)
        assert status == 404
    assert other("file", file=file)[0] == 404


def test_a_forged_author_is_refused(client: Client) -> None:
    _, made = client("upload", {"name": "x.jpg", "size": 1})
    made["upload"]["fields"]["x-amz-meta-by"] = "agent:a-mei"
    with pytest.raises(Refused):
        send(made, samples.JPEG)


def test_a_closed_ticket_keeps_its_files_and_takes_no_more(
    client: Client, ticket: Ticket, act: Act
) -> None:
    file = client.upload()
    judge(client.number, file)
    act(ticket, by_customer.withdraw, "")
    status, problem = client("upload", {"name": "x.jpg", "size": 1})
    assert (status, problem["type"]) == (409, "urn:redress:problem:not-allowed-now")
    assert client("files")[1]["takes_files"] is False
    assert client("file", file=file)[0] == 200


def test_without_a_bucket_files_are_switched_off(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, FILES_BUCKET=None)
    for name in ("files", "upload", "file", "file-withdrawal"):
        status, problem = client(name)
        assert (status, problem["detail"]) == (404, "files are switched off")


def test_a_form_without_script_gets_a_name_from_the_browser_and_comes_back_once(
    client: Client, ticket: Ticket
) -> None:
    links = customer_wiring.links()
    made = customer_wiring.files().offer(
        ticket.number,
        "",
        None,
        lambda file, expires: (
            f"https://x/f/{links.return_token(ticket.number, file, 'en', expires)}"
        ),
    )
    fields = made.fields
    assert fields["x-amz-meta-name"] == "${filename}"
    assert "success_action_status" not in fields
    assert ticket.number in fields["success_action_redirect"]
    assert client.token not in json.dumps(fields)
    send({"upload": {"fields": fields | {"x-amz-meta-name": "cup.jpg"}}}, samples.JPEG)
    assert client.files()[made.id]["name"] == "cup.jpg"
    token = fields["success_action_redirect"].rpartition("/")[2]
    returned = [customer_wiring.returning().use(token) for _ in range(2)]
    assert [(one.number, one.file, one.language, one.first) for one in returned] == [
        (ticket.number, made.id, "en", True),
        (ticket.number, made.id, "en", False),
    ]


def test_file_that_is_sent_to_a_merged_ticket_goes_to_its_target(
    client: Client, ticket: Ticket, open_ticket: Opener, stores: Stores
) -> None:
    target = open_ticket(agent="a-mei")
    merge(stores, ticket.number, target.number)
    file = client.upload()
    assert list(Client(target).files()) == [file]
    assert client.files() == {}


def test_file_during_the_end_of_a_merge_stays_in_the_ticket_to_which_it_was_sent(
    client: Client,
    ticket: Ticket,
    open_ticket: Opener,
    stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = open_ticket()
    _, made = client("upload", {"name": "a.jpg", "size": len(samples.JPEG)})
    merge(stores, ticket.number, target.number)
    unmerge_at_a_read(monkeypatch, stores, ticket.number, target.number)
    send(made, samples.JPEG)
    assert list(client.files()) == [made["id"]]
    assert Client(target).files() == {}
