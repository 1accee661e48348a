"""Files that came by mail: they pass the same check as files that were uploaded."""

from __future__ import annotations

import json
from copy import replace
from typing import Any

import pytest

from redress.base.errors import FileNotOpen
from redress.base.people import Role
from redress.files import messages
from redress.files.messages import Held, Mailed, Verdict
from redress.files.store.bucket import file_key
from redress.mail.incoming.bucket import attachment_key
from redress.mail.incoming.rules.enclosed import ORIGINAL, enclosed_in, file_id
from redress.tickets.rules.attached import Attached, FileState, seen_by_customer, uploaded
from redress.tickets.rules.steps import opening
from redress.tickets.rules.ticket import Event
from redress.wiring import clients
from redress.wiring import customer as customer_wiring
from redress.wiring import stores as wired_stores
from redress.workflow.subscribers import messages_after
from tests.builders import NUMBER, Clock, submission
from tests.functions.conftest import ENVIRONMENT
from tests.functions.filing import BUCKET, check, create_bucket, judge
from tests.functions.staff.api import HELD_MAIL, Api, hold_mail
from tests.world import Stores, aws

MAILS = ENVIRONMENT["MAIL_BUCKET"]
RAW, PDF = b"From: li.na@example.com\r\n\r\n", b"%PDF-1.4 a receipt"
MAIL = {
    "id": HELD_MAIL,
    "key": "inbound/a",
    "attachments": [
        {"id": 1, "name": "收据.pdf", "type": "application/pdf", "size": 18},
        {"id": 2, "name": "x.exe", "type": "a/b", "size": 9, "refused": "type"},
    ],
}
STAYS = "a file of a mail stays with the mail"
WHOLE, RECEIPT = file_id(HELD_MAIL, ORIGINAL), file_id(HELD_MAIL, 1)


@pytest.fixture
def event(stores: Stores, clock: Clock, api: Api) -> Event:
    """The event of a ticket that came by mail with two attachments. One of them is refused."""
    create_bucket()
    aws("s3").create_bucket(Bucket=MAILS)
    aws("s3").put_object(Bucket=MAILS, Key="inbound/a", Body=RAW)
    aws("s3").put_object(Bucket=MAILS, Key=attachment_key(HELD_MAIL, 1), Body=PDF)
    given = submission("complaint")
    change = opening.open_ticket(given, NUMBER, stores.plans.current(), clock.now(), MAIL)
    stores.tickets.open(change, change.after.created_at)
    return change.events[0]


def tell(message: Mailed | Held) -> None:
    check(json.loads(messages.encode(message)))


def known() -> dict[str, Attached]:
    return {file.id: file for file in wired_stores.attached().of_ticket(NUMBER)}


def content(file: str) -> bytes:
    body: bytes = aws("s3").get_object(Bucket=BUCKET, Key=file_key(NUMBER, file))["Body"].read()
    return body


def test_mail_and_its_attachments_wait_for_a_verdict_as_files_of_the_ticket(event: Event) -> None:
    (message,) = (one for one in messages_after(NUMBER, event) if isinstance(one, Mailed))
    tell(message)
    tell(message)
    assert {one.id: (one.name, one.state, one.event) for one in known().values()} == {
        WHOLE: (f"{HELD_MAIL[:12]}.eml", FileState.HELD, 1),
        RECEIPT: ("收据.pdf", FileState.HELD, 1),
    }
    assert (content(WHOLE), content(RECEIPT)) == (RAW, PDF)
    assert uploaded(known().values()) == [], "they leave the room for uploads"
    assert [one.id for one in seen_by_customer(known().values(), [event])] == [RECEIPT]
    assert known()[WHOLE].by.role is Role.SYSTEM


def test_mail_without_attachments_is_checked_only_when_somebody_opens_it(event: Event) -> None:
    bare = {name: value for name, value in MAIL.items() if name != "attachments"}
    plain = replace(event, data={**event.data, "mail": bare})
    assert not [one for one in messages_after(NUMBER, plain) if isinstance(one, Mailed)]
    assert [one.id for one in enclosed_in(bare)] == [WHOLE]
    assert not list(enclosed_in({"why": "delayed"})), "a notice came by no mail"


def test_staff_open_of_a_mail_only_what_is_clean(api: Api, event: Event) -> None:
    tell(Mailed(NUMBER, 1))
    held = api("mail", "lin", number=NUMBER, event="1").body
    assert held["original"] is None
    assert [(one["url"], one.get("state")) for one in held["attachments"]] == [
        (None, "held"),
        (None, None),
    ]
    assert held["read"] is not None
    judge(NUMBER, RECEIPT)
    judge(NUMBER, WHOLE, Verdict.FOUND, "Eicar")
    found = api("mail", "lin", number=NUMBER, event="1").body
    assert f"/{file_key(NUMBER, RECEIPT)}?" in found["attachments"][0]["url"]
    assert found["original"] is None
    assert [one.file for one in wired_stores.attached().views(NUMBER)] == [RECEIPT]


def test_mail_that_came_before_files_were_switched_on_is_copied_when_somebody_opens_it(
    api: Api, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoked = list[Any]()
    plain = clients.client

    class Invoked:
        def invoke(self, **given: Any) -> None:
            invoked.append(given)

    def client(name: str, **options: Any) -> Any:
        return Invoked() if name == "lambda" else plain(name, **options)

    monkeypatch.setattr(clients, "client", client)
    assert api("mail", "lin", number=NUMBER, event="1").body["original"] is None
    (given,) = invoked
    assert json.loads(given["Payload"]) == {"mailed": NUMBER, "event": 1}
    assert given["InvocationType"] == "Event"


def test_mail_in_quarantine_has_no_link_to_its_original(api: Api, clock: Clock) -> None:
    record = hold_mail(1, clock)
    links = api("held-mail", "lin", id=record.identity).body["links"]
    assert links["original"] is None
    assert f"/read/{record.identity}.json?" in links["read"]


def test_sweep_has_a_mails_file_copied_again(event: Event) -> None:
    tell(Mailed(NUMBER, 1))
    aws("s3").delete_object(Bucket=BUCKET, Key=file_key(NUMBER, RECEIPT))
    tell(Held(NUMBER, RECEIPT))
    assert content(RECEIPT) == PDF


def test_mail_that_is_not_kept_any_more_can_never_be_opened_and_waits_for_nothing(
    event: Event,
) -> None:
    aws("s3").delete_object(Bucket=MAILS, Key="inbound/a")
    tell(Mailed(NUMBER, 1))
    assert content(RECEIPT) == PDF
    assert {one.id: one.state for one in known().values()} == {
        WHOLE: FileState.FOUND,
        RECEIPT: FileState.HELD,
    }
    assert "not kept" in str(known()[WHOLE].reason)


def test_sweep_copies_only_the_file_that_it_asks_for(event: Event) -> None:
    tell(Mailed(NUMBER, 1))
    for file in (WHOLE, RECEIPT):
        aws("s3").delete_object(Bucket=BUCKET, Key=file_key(NUMBER, file))
    tell(Held(NUMBER, RECEIPT))
    found = aws("s3").list_objects_v2(Bucket=BUCKET, Prefix="files/")["Contents"]
    assert [one["Key"] for one in found] == [file_key(NUMBER, RECEIPT)]


@pytest.mark.parametrize("by", ["customer", "staff"])
def test_file_of_a_mail_is_not_withdrawn_because_the_mail_has_it(
    api: Api, event: Event, by: str
) -> None:
    tell(Mailed(NUMBER, 1))
    judge(NUMBER, RECEIPT)
    if by == "staff":
        refused = api("file-withdrawal", "lin", number=NUMBER, file=RECEIPT)
        assert (refused.status, refused.body["detail"]) == (409, STAYS)
    else:
        with pytest.raises(FileNotOpen, match=STAYS):
            customer_wiring.files().withdraw(NUMBER, RECEIPT)
    assert known()[RECEIPT].state is FileState.CLEAN
