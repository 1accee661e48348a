"""Files of tickets in the staff API: sending, referring, opening and withdrawing."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest

from redress.base.people import CUSTOMER
from redress.files.messages import Verdict
from redress.mail.outgoing.rules.table import MailToSend, mails_after
from redress.plans.rules.plan import FilesPlan
from redress.tickets.rules.attached import Attached, FileState
from redress.tickets.rules.steps import by_customer, by_staff, remedying
from redress.tickets.rules.ticket import EventType, Ticket
from redress.wiring import stores as wired_stores
from tests.builders import MEI, Clock
from tests.files import samples
from tests.files.posting import Refused
from tests.functions.filing import create_bucket, judge, refer, send
from tests.functions.staff.api import Api, Reply
from tests.wired import set_environment
from tests.world import Act, Opener, Stores


@pytest.fixture
def ticket(api: Api, open_ticket: Opener) -> Ticket:
    create_bucket()
    return open_ticket(agent="a-mei")


def offer(api: Api, ticket: Ticket, by: str = "mei", **given: Any) -> Reply:
    body = {"name": "guide.pdf", "size": 48_213} | given
    return api("upload", by, body=body, number=ticket.number)


def uploaded(
    api: Api, ticket: Ticket, content: bytes = samples.PDF, by: str = "mei", **given: Any
) -> str:
    found = offer(api, ticket, by, **given)
    assert found.status == 201, found.body
    send(found.body, content)
    file: str = found.body["id"]
    return file


def message(api: Api, name: str, ticket: Ticket, *files: str, by: str = "mei") -> Reply:
    version = wired_stores.tickets().get(ticket.number).version
    body = {"text": "See the file.", "files": list(files)}
    if name == "resolution":
        body |= {"outcome": "upheld", "remedy": "replacement", "root_cause": "seal"}
    return api(
        name, by, body=body | ({"version": version} if name != "note" else {}), number=ticket.number
    )


def listed(api: Api, ticket: Ticket, by: str = "mei") -> dict[str, dict[str, Any]]:
    found = api("files", by, number=ticket.number)
    assert found.status == 200
    return {file["id"]: file for file in found.body["files"]}


# ---------------------------------------------------------------------------------- sending


def test_a_permission_fixes_key_author_name_and_size_and_writes_nothing(
    api: Api, ticket: Ticket, clock: Clock
) -> None:
    found = offer(api, ticket, name="../更换 密封圈.pdf")
    fields = found.body["upload"]["fields"]
    assert fields["key"] == f"uploads/{ticket.number}/{found.body['id']}"
    assert fields["x-amz-meta-by"] == "agent:a-mei"
    assert fields["x-amz-meta-name"].isascii()
    assert fields["Content-Type"] == "application/octet-stream"
    assert found.body["expires_at"] == "2026-11-23T01:30:00.000Z"
    assert listed(api, ticket) == {}
    again = offer(api, ticket)
    assert again.body["id"] != found.body["id"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key", "uploads/R-00000-00000/9f86d081884c7d65"),
        ("key", "files/R-7K3M9-QW0X2/9f86d081884c7d65"),
        ("x-amz-meta-by", "customer"),
        ("x-amz-meta-name", "other.pdf"),
        ("Content-Type", "text/html"),
        ("x-amz-tagging", "redress-scan=clean"),
        ("x-amz-meta-event", "1"),
        ("acl", "public-read"),
    ],
)
def test_a_form_that_differs_from_its_policy_is_refused(
    api: Api, ticket: Ticket, name: str, value: str
) -> None:
    made = offer(api, ticket).body
    made["upload"]["fields"][name] = value
    with pytest.raises(Refused, match="AccessDenied"):
        send(made, samples.PDF)
    assert listed(api, ticket) == {}


def test_a_file_of_10_gb_is_refused_before_and_by_the_policy(api: Api, ticket: Ticket) -> None:
    found = offer(api, ticket, size=10_737_418_240)
    assert (found.status, found.codes) == (422, {"/size": "file_too_large"})
    made = offer(api, ticket).body
    with pytest.raises(Refused, match="EntityTooLarge"):
        send(made, bytes(FilesPlan().most_bytes + 1))
    with pytest.raises(Refused, match="EntityTooSmall"):
        send(made, b"")


def test_a_ticket_with_as_many_files_as_its_plan_allows_takes_no_more(
    api: Api, ticket: Ticket, clock: Clock
) -> None:
    most = FilesPlan().most_each_ticket
    for index in range(most):
        file = Attached(
            f"{index:016x}", "x", "image/png", 1, CUSTOMER, clock.now(), FileState.CLEAN
        )
        wired_stores.attached().put_new(ticket.number, file)
    found = offer(api, ticket)
    assert (found.status, found.codes) == (422, {"": "too_many_files"})
    assert api("files", "mei", number=ticket.number).body["takes_files"] is False


def test_a_closed_ticket_takes_no_file_and_says_so(api: Api, ticket: Ticket, act: Act) -> None:
    act(ticket, by_customer.withdraw, "")
    found = offer(api, ticket)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")
    assert found.body["detail"] == "'attach' is not possible while the ticket is closed"


def test_staff_upload_the_proof_of_a_remedy_that_a_closed_ticket_still_owes(
    api: Api, ticket: Ticket, act: Act
) -> None:
    new = remedying.NewRemedy("refund", "no spare part", 100, "CNY", None)
    act(ticket, remedying.propose, MEI, new, "We pay it back")
    act(ticket, by_customer.withdraw, "")
    assert api("files", "mei", number=ticket.number).body["takes_files"] is True
    assert offer(api, ticket).status == 201
    act(ticket, remedying.finish, MEI, "1", "Transfer 0113", "")
    assert offer(api, ticket).status == 409


def test_without_a_bucket_files_are_switched_off_and_the_answer_says_so(
    api: Api, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, FILES_BUCKET=None)
    for name in ("files", "upload", "file", "file-withdrawal"):
        found = api(name, "mei", number=ticket.number)
        assert (found.status, found.body["detail"]) == (404, "files are switched off")
    assert message(api, "reply", ticket).status == 200


# ---------------------------------------------------------------------------------- messages


@pytest.mark.parametrize("name", ["reply", "note", "resolution"])
def test_a_message_with_a_file_lists_it_as_it_is(
    api: Api, ticket: Ticket, stores: Stores, name: str
) -> None:
    file = uploaded(api, ticket)
    assert listed(api, ticket)[file]["event"] is None
    assert message(api, name, ticket, file).status == 200
    event = stores.tickets.history(ticket.number)[-1]
    assert event.data["files"] == [
        {"id": file, "name": "guide.pdf", "size": len(samples.PDF), "type": "application/pdf"}
    ]
    assert listed(api, ticket)[file]["event"] == event.number
    shown = api("ticket", "mei", number=ticket.number).body["timeline"][-1]
    assert shown["data"]["files"] == event.data["files"]


def test_a_file_is_part_of_one_message_only(api: Api, ticket: Ticket, stores: Stores) -> None:
    file = uploaded(api, ticket)
    assert message(api, "reply", ticket, file).status == 200
    found = message(api, "note", ticket, file)
    assert (found.status, found.codes) == (422, {"/files/0": "file_sent"})


def test_a_message_that_is_lost_in_a_race_for_its_file_names_the_fault(
    api: Api, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = uploaded(api, ticket)
    real, raced = type(wired_stores.attached()).of_ticket, list[bool]()

    def of_ticket(store: Any, number: str) -> Any:
        found = real(store, number)
        if not raced:
            raced.append(True)
            assert message(api, "note", ticket, file).status == 200
        return found

    monkeypatch.setattr(type(wired_stores.attached()), "of_ticket", of_ticket)
    found = message(api, "note", ticket, file, by="mei")
    assert found.status in (200, 422)
    history = wired_stores.tickets().history(ticket.number)
    assert len([event for event in history if event.data.get("files")]) == 1


def test_files_that_cannot_be_sent_are_all_named(
    api: Api, ticket: Ticket, open_ticket: Opener
) -> None:
    good, foreign = uploaded(api, ticket), uploaded(api, ticket, by="jun")
    bad = uploaded(api, ticket, samples.EXE)
    other = uploaded(api, open_ticket(agent="a-mei"))
    assert listed(api, ticket)[bad]["state"] == "refused"
    found = message(api, "reply", ticket, good, foreign, bad, other, good)
    assert found.codes == {
        "/files/1": "unknown_file",
        "/files/2": "file_refused",
        "/files/3": "unknown_file",
        "/files/4": "repeated",
    }
    many = message(api, "reply", ticket, *(f"{n:016x}" for n in range(6)))
    assert many.codes["/files"] == "too_many_files"
    late = offer(api, ticket).body["id"]
    assert message(api, "reply", ticket, late).codes == {"/files/0": "unknown_file"}
    assert message(api, "reply", ticket, *("x",) * 21).codes == {"/files": "too_many"}
    wrong = {"text": "x", "version": ticket.version, "files": "9f86"}
    answer = api("reply", "mei", body=wrong, number=ticket.number)
    assert answer.codes == {"/files": "list_expected"}


def test_a_repeated_note_with_the_same_files_is_stored_once(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    file = uploaded(api, ticket)
    assert message(api, "note", ticket, file).status == 200
    assert message(api, "note", ticket, file).status == 200
    assert message(api, "note", ticket).status == 200
    noted = [e for e in stores.tickets.history(ticket.number) if e.type is EventType.NOTED]
    assert len(noted) == 2


def test_the_recipient_and_the_files_of_a_reply_are_fixed_when_it_is_written(
    api: Api, ticket: Ticket, stores: Stores, act: Act
) -> None:
    """freescout 5121: the customer was changed, and a reply already sent went to the new one."""
    file = uploaded(api, ticket)
    message(api, "reply", ticket, file)
    event = stores.tickets.history(ticket.number)[-1]
    assert event.data["to"] == ticket.contact.email == "li.na@example.com"
    assert mails_after(event) == [MailToSend("reply", "customer")]
    act(ticket, by_staff.set_participants, MEI, ["bo@example.net"])
    assert stores.tickets.history(ticket.number)[event.number - 1] == event


# ---------------------------------------------------------------------------------- opening


def sent(api: Api, ticket: Ticket, name: str = "reply") -> str:
    """A file of staff that was sent, copied and found clean."""
    file = uploaded(api, ticket)
    message(api, name, ticket, file)
    refer(ticket.number, file)
    judge(ticket.number, file)
    return file


def test_a_file_is_a_download_and_each_opening_is_on_record(
    api: Api, ticket: Ticket, clock: Clock
) -> None:
    file = sent(api, ticket)
    for by in ("mei", "lin"):
        clock.advance(minutes=1)
        found = api("file", by, number=ticket.number, file=file)
        assert (found.status, found.body["expires_in_s"]) == (200, 60)
        url = found.body["url"]
        assert f"/files/{ticket.number}/{file}" in url
        assert "response-content-disposition=attachment" in url
        assert "response-content-type=application%2Foctet-stream" in url
        assert "X-Amz-Expires=60" in url
    opened = api("files", "jun", number=ticket.number).body["opened"]
    assert opened == [
        {"file": file, "by": "s-lin", "at": "2026-11-23T01:02:00.000Z"},
        {"file": file, "by": "a-mei", "at": "2026-11-23T01:01:00.000Z"},
    ]


def test_a_file_that_is_not_clean_has_no_link_and_no_record(api: Api, ticket: Ticket) -> None:
    held, bad = uploaded(api, ticket), uploaded(api, ticket, samples.EXE)
    for file, state in ((held, "held"), (bad, "refused")):
        found = api("file", "mei", number=ticket.number, file=file)
        assert (found.status, found.body["reason"]) == (409, state)
        assert found.body["type"] == "urn:redress:problem:file-not-open"
    message(api, "reply", ticket, held)
    judge(ticket.number, held, Verdict.FOUND, "Eicar-Test-Signature")
    found = api("file", "mei", number=ticket.number, file=held)
    assert (found.status, found.body["reason"]) == (409, "found")
    shown = api("files", "mei", number=ticket.number).body
    assert shown["opened"] == []
    assert {one["id"]: one["reason"] for one in shown["files"]}[held] == "Eicar-Test-Signature"


@pytest.mark.parametrize("file", ["d" * 16, "x", "..", "D" * 16, "9" * 17])
def test_no_other_text_names_a_file(api: Api, ticket: Ticket, file: str) -> None:
    for name in ("file", "file-withdrawal"):
        found = api(name, "mei", number=ticket.number, file=file)
        assert (found.status, found.body["detail"]) == (404, "there is no such file")


# ---------------------------------------------------------------------------------- withdrawing


def test_a_withdrawn_file_is_hidden_stays_on_record_and_frees_its_place(
    api: Api, ticket: Ticket
) -> None:
    file = sent(api, ticket)
    for _ in range(2):
        found = api("file-withdrawal", "mei", number=ticket.number, file=file)
        assert found.status == 200
    shown = listed(api, ticket)[file]
    assert (shown["state"], shown["withdrawn_by"]) == (
        "withdrawn",
        {"role": "agent", "id": "a-mei"},
    )
    assert api("file", "mei", number=ticket.number, file=file).body["reason"] == "withdrawn"
    judge(ticket.number, file)
    assert listed(api, ticket)[file]["state"] == "withdrawn"


def test_only_those_who_may_act_withdraw_a_file_that_was_sent(api: Api, ticket: Ticket) -> None:
    file, own = sent(api, ticket), uploaded(api, ticket, by="jun")
    assert api("file-withdrawal", "jun", number=ticket.number, file=file).status == 403
    assert api("file-withdrawal", "jun", number=ticket.number, file=own).status == 200
    assert api("file-withdrawal", "lin", number=ticket.number, file=file).status == 200
    bad = uploaded(api, ticket, samples.EXE)
    refused = api("file-withdrawal", "mei", number=ticket.number, file=bad)
    assert (refused.status, refused.body["reason"]) == (409, "refused")


def test_the_log_names_no_file(api: Api, ticket: Ticket, logs: StringIO) -> None:
    uploaded(api, ticket, name="passport of Li Na.pdf")
    assert "passport" not in logs.getvalue()
