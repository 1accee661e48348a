"""Mail on the deployed stack: sent over SMTP, read by the function, answered by the mailer.

`REDRESS_MAILS` names a folder of real mails with a MANIFEST.jsonl. Without it, and without the
corpus next to the repository, the test of real mails is skipped.
"""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import smtplib
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import boto3
import pytest

from local import mails, story
from local.endpoints import Mail, Receipt, act_on_page, call, mailbox, submit_by_json, wait_for
from local.stack import MAIL_DOMAIN, Outputs
from local.story import World
from redress.base.addresses import canonical
from redress.db import keys
from redress.mail.incoming.reader.parsing import parse
from redress.tickets.links import Links

CORPUS = Path(os.environ.get("REDRESS_MAILS", Path(__file__).parents[3] / "shared/data/mail"))


def send(deployed: Outputs, raw: bytes, sender: str, to: str) -> None:
    with smtplib.SMTP("127.0.0.1", deployed.smtp_port, timeout=30) as server:
        refused = server.sendmail(sender, [to], raw)
    assert refused == {}


def written(text: str, sender: str, to: str, subject: str, **headers: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    mail["Date"] = "Mon, 23 Nov 2026 09:00:00 +0800"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text, charset="gb18030")
    return mail.as_bytes()


def items(deployed: Outputs, kind: str) -> list[dict[str, Any]]:
    """Every item of the table with this sort key."""
    client: Any = boto3.client("dynamodb", **deployed.client_arguments())
    pages = client.get_paginator("scan").paginate(
        TableName=deployed.stack["TableName"],
        FilterExpression="sk = :kind",
        ExpressionAttributeValues={":kind": {"S": kind}},
    )
    return [item for page in pages for item in page["Items"]]


def arrivals(deployed: Outputs) -> list[dict[str, Any]]:
    return [json.loads(item["doc"]["S"]) for item in items(deployed, "ARRIVAL")]


def arrived(deployed: Outputs, sender: str, count: int = 1) -> list[dict[str, Any]]:
    def there() -> list[dict[str, Any]] | None:
        found = [one for one in arrivals(deployed) if one["sender"] == sender]
        return found if len(found) >= count else None

    return wait_for(there, f"mail of {sender}", 30)


def mail_with(world: World, address: str, phrase: str) -> Mail:
    """Waits for a mail to this address whose text has this phrase."""

    def there() -> Mail | None:
        found = mailbox(world.endpoint_url, address)
        return next((mail for mail in found if phrase in mail.text), None)

    return wait_for(there, f"a mail that says {phrase}", 30)


def complete_mail(deployed: Outputs, address: str, phrase: str) -> EmailMessage:
    """Waits for a mail as `mail_with` does, and returns it with all headers and parts."""

    def there() -> EmailMessage | None:
        for raw in mails.kept(deployed.directory / "mailbox"):
            read = email.message_from_bytes(raw, policy=email.policy.default)
            assert isinstance(read, EmailMessage)
            text = read.get_body(("plain",))
            if read["To"] == address and text is not None and phrase in text.get_content():
                return read
        return None

    return wait_for(there, f"a mail that says {phrase}", 30)


def reply_address(deployed: Outputs, number: str) -> str:
    """The Reply-To address of a ticket's mails."""
    client: Any = boto3.client("secretsmanager", **deployed.client_arguments())
    [secret] = client.list_secrets()["SecretList"]
    key = client.get_secret_value(SecretId=secret["ARN"])["SecretString"].encode()
    return f"{Links(lambda: (key,)).mail_token(number)}@{MAIL_DOMAIN}"


def test_complaint_by_mail_is_answered_disputed_on_the_page_and_reopened(
    world: World, deployed: Outputs
) -> None:
    """A Chinese complaint by mail; the agent answers; the customer replies above the quote; solved;
    disputed on the page that the mail links to; reopened."""
    address = "zhao.min@customer.example"
    customer = f"赵敏 <{address}>"
    raw = written(
        "我的包裹还没有收到。", customer, f"complaints@{MAIL_DOMAIN}", "投诉：包裹没有收到"
    )
    send(deployed, raw, address, f"complaints@{MAIL_DOMAIN}")
    [record] = arrived(deployed, address)
    number = record["number"]
    story.acknowledged(world, number)
    ticket = world.manager.read(number)
    assert (ticket["kind"], ticket["channel"], ticket["language"]) == (
        "complaint",
        "email",
        "zh-CN",
    )
    reached = {"name": "赵敏", "email": address, "phone": None, "phone_e164": None, "company": None}
    assert ticket["contact"] == reached

    agent = story.agent_of(world, number)
    agent.change(number, "replies", text="请告诉我们订单号。", wait_for_customer=True)
    answer = complete_mail(deployed, address, "订单号")
    text = answer.get_body(("plain",))
    assert text is not None
    quoted = "\n".join(f"> {line}" for line in text.get_content().splitlines())
    back = f"订单号是 4711。\n\n在 2026年11月23日，09:30，Service 写道：\n{quoted}\n"
    reply_to = str(answer["Reply-To"])
    about = {"Message_ID": "<back@customer>", "In_Reply_To": str(answer["Message-ID"])}
    about["References"] = f"{answer['References']} {answer['Message-ID']}"
    raw = written(back, customer, reply_to, f"Re: {answer['Subject']}", **about)
    send(deployed, raw, address, reply_to)
    arrived(deployed, address, 2)
    ticket = world.manager.read(number)
    said = [e["data"]["text"] for e in ticket["timeline"] if e["type"] == "customer_wrote"]
    assert said == ["订单号是 4711。"], "the quote is removed"
    assert ticket["state"] == "open"

    agent.change(number, "resolution", text="已补寄。", **story.solved("complaint"))
    solved = mail_with(world, address, "已补寄")
    page = next(word for word in solved.text.split() if "/t/" in word)
    act_on_page(Receipt(number, page), "dispute", {"text": "还是没有收到"})
    story.state_is(world, number, "open")
    assert [e["type"] for e in world.manager.read(number)["timeline"]].count("disputed") == 1


def test_repeated_mail_and_out_of_office_reply_open_no_ticket(
    world: World, deployed: Outputs
) -> None:
    address = "twice@customer.example"
    raw = written(
        "Hello", address, f"service@{MAIL_DOMAIN}", "Twice", Message_ID="<twice@customer>"
    )
    for _ in range(2):
        send(deployed, raw, address, f"service@{MAIL_DOMAIN}")
    away = written(
        "I am away", "away@customer.example", f"service@{MAIL_DOMAIN}", "Away",
        Auto_Submitted="auto-replied",
    )  # fmt: skip
    send(deployed, away, "away@customer.example", f"service@{MAIL_DOMAIN}")
    [record] = arrived(deployed, address)
    [held] = arrived(deployed, "away@customer.example")
    assert (record["state"], held["state"], held["reason"]) == ("opened", "held", "automatic")
    time.sleep(3)
    assert mailbox(world.endpoint_url, "away@customer.example") == []
    assert len(arrived(deployed, address)) == 1

    found = world.manager.get("/quarantine")["items"]
    assert held["identity"] in [mail["id"] for mail in found]
    world.manager.call("POST", f"/quarantine/{held['identity']}/release")
    wait_for(
        lambda: world.manager.get(f"/quarantine/{held['identity']}")["ticket"], "the release", 30
    )
    links = world.manager.get(f"/quarantine/{held['identity']}")["links"]
    assert "I am away" in call("GET", links["read"]).text
    assert links["original"] is None, "nobody has checked it"


def noted(world: World, number: str, kind: str) -> dict[str, Any]:
    """Waits for an event of this kind on a ticket, and returns the first."""

    def there() -> dict[str, Any] | None:
        timeline: list[dict[str, Any]] = world.manager.read(number)["timeline"]
        return next((event for event in timeline if event["type"] == kind), None)

    return wait_for(there, f"{kind} on {number}", 30)


def test_returned_mail_is_recorded_and_its_address_gets_no_more_mail(
    world: World, deployed: Outputs
) -> None:
    address = "bounce+li@simulator.amazonses.com"
    body = {
        "kind": "inquiry",
        "subject": "Where is it?",
        "description": "I wait.",
        "contact": {"name": "Li", "email": address},
        "language": "en",
        "consent": True,
    }
    number = submit_by_json(deployed.base_url, body).number
    said = noted(world, number, "mail_noted")
    assert (said["data"]["why"], said["data"]["mail"]["to"]) == ("returned", "customer")
    assert address in said["data"]["text"]
    agent = story.agent_of(world, number)
    agent.change(number, "replies", text="It is on its way.")

    def refused() -> bool:
        records = world.manager.read(number)["mails"]
        faults = {one["key"].split(".")[1]: one["fault"] for one in records}
        return faults.get("reply") == "the address returned mail"

    wait_for(refused, "the reply is not sent", 30)


def test_staff_and_participants_write_by_mail(world: World, deployed: Outputs) -> None:
    address, friend = "chen.jie@customer.example", "friend@customer.example"
    first = written(
        "Nobody answers.", address, f"service@{MAIL_DOMAIN}", "Silence", Message_ID="<s@c>"
    )
    send(deployed, first, address, f"service@{MAIL_DOMAIN}")
    [record] = arrived(deployed, address)
    number = record["number"]
    agent = story.agent_of(world, number)
    version = world.manager.read(number)["version"]
    body = {"version": version, "participants": [friend]}
    world.manager.call("PUT", f"/tickets/{number}/participants", body)
    agent.change(number, "replies", text="We are looking into it.")

    copy = complete_mail(deployed, friend, "We are looking into it.")
    text = copy.get_body(("plain",))
    assert text is not None
    assert "/t/" not in text.get_content(), "only the customer may have the page"
    words = written(
        "I can confirm that.", friend, str(copy["Reply-To"]), "Re: Silence", Message_ID="<f@c>"
    )
    send(deployed, words, friend, str(copy["Reply-To"]))
    said = noted(world, number, "customer_wrote")["data"]
    assert (said["text"], said["from"]) == ("I can confirm that.", friend)

    member = next(mail for mail, one in deployed.staff.items() if one["groups"] == ["manager"])
    notice = written(
        "Called them.", member, str(copy["Reply-To"]), "Re: Silence", Message_ID="<m@r>"
    )
    send(deployed, notice, member, str(copy["Reply-To"]))
    assert noted(world, number, "noted")["data"]["text"] == "Called them."


def test_unsubscribe_page_ends_surveys(deployed: Outputs) -> None:
    client: Any = boto3.client("secretsmanager", **deployed.client_arguments())
    [secret] = client.list_secrets()["SecretList"]
    key = client.get_secret_value(SecretId=secret["ARN"])["SecretString"].encode()
    links = Links(lambda: (key,))
    body = {
        "kind": "inquiry",
        "subject": "Hours",
        "description": "When are you open?",
        "contact": {"name": "Wu", "email": "wu@customer.example"},
        "language": "zh-TW",
        "consent": True,
    }
    number = submit_by_json(deployed.base_url, body).number
    page = f"{deployed.base_url}/u/{links.unsubscribe_token(number)}"
    assert "停止接收調查" in call("GET", page).text
    ended = call("POST", page, form={"List-Unsubscribe": "One-Click"})
    assert ended.status == 200
    assert "恢復接收調查" in ended.text


MAILS: list[dict[str, Any]] = (
    [json.loads(line) for line in (CORPUS / "MANIFEST.jsonl").read_text("utf-8").splitlines()]
    if (CORPUS / "MANIFEST.jsonl").exists()
    else []
)


@pytest.mark.skipif(not MAILS, reason=f"no mails in {CORPUS} (REDRESS_MAILS)")
def test_every_real_mail_has_one_outcome_and_no_machine_is_answered(
    world: World, deployed: Outputs, aws: Callable[[str], Any]
) -> None:
    """`tests/mail/reader/test_corpus.py` checks each mail's sender, subject and text.

    This test checks that they arrive in the record, on the ticket and behind the links of staff.
    """
    before = len(arrivals(deployed))
    machines = [mail for mail in MAILS if mail["must_not_autoreply"]]
    people = [mail for mail in MAILS if not mail["must_not_autoreply"]]
    sent = _send_all(deployed, machines)
    # Two files of the corpus are the same mail, with an encoded and a plain subject.
    first, distinct = len({*map(_said, machines)}), len({*map(_said, MAILS)})
    wait_for(lambda: _at_least(deployed, before + first), "machines' mails", 120)
    sent |= _send_all(deployed, people)
    found = wait_for(lambda: _at_least(deployed, before + distinct), "all mails", 120)
    objects = {item["pk"]["S"] for item in items(deployed, "OBJECT")}
    assert {keys.object_pk(key) for key in sent} <= objects, "every mail that arrived is recorded"
    records = {record["key"]: record for record in found if record["key"] in sent}
    assert len(records) == len(found) - before == distinct

    bucket, numbers, answered = deployed.stack["MailBucketName"], [], list[str]()
    for key, record in records.items():
        mail, raw = sent[key], aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        assert raw.rstrip().endswith(_raw(mail).rstrip()), "staff can open the original"
        read = parse(raw)
        sender = canonical(read.sender_addresses[0].address) if read.sender_addresses else ""
        assert (mail["file"], record["sender"]) == (mail["file"], sender)
        assert read.subject.startswith(record["subject"])
        assert bool(record["subject"]) == bool(read.subject)
        stored = aws("s3").get_object(Bucket=bucket, Key=f"read/{record['identity']}.json")
        assert json.load(stored["Body"])["text"] == read.text
        if record["state"] == "opened":
            numbers.append(record["number"])
            ticket = world.manager.read(record["number"])
            if "unacknowledged" not in ticket["timeline"][0]["data"]["mail"]:
                assert not mail["must_not_autoreply"], mail["file"]
                answered.append(ticket["contact"]["email"])
        else:
            assert record["reason"]
    assert len(set(numbers)) == len(numbers)
    tickets = {item["pk"]["S"] for item in items(deployed, "TICKET")}
    assert {f"TICKET#{number}" for number in numbers} <= tickets

    # Machines' mails came first, so a wrong answer to one would be sent before these.
    wait_for(lambda: set(answered) <= set(_written_to(deployed)), "acknowledgements", 60)
    silent = {one["sender"] for one in records.values()} - set(answered)
    assert silent.isdisjoint(_written_to(deployed))
    assert all(_written_to(deployed).count(one) == answered.count(one) for one in set(answered))
    attributes = aws("sqs").get_queue_attributes(
        QueueUrl=deployed.stack["InboundDeadLetterQueueUrl"], AttributeNames=["All"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "0"


def _send_all(deployed: Outputs, mails: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Sends mails. Returns each by the key of the object that it was stored as."""
    sent = {}
    for mail in mails:
        with smtplib.SMTP("127.0.0.1", deployed.smtp_port, timeout=30) as server:
            server.ehlo_or_helo_if_needed()
            server.mail("somebody@customer.example")
            server.rcpt(f"service@{MAIL_DOMAIN}")
            code, said = server.data(_raw(mail))
        assert code == 250
        sent[f"inbound/{said.decode().split()[-1]}"] = mail
    return sent


def _raw(mail: dict[str, Any]) -> bytes:
    """A mail with SMTP's line endings; with others, a line of one dot would end it."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", (CORPUS / mail["file"]).read_bytes())


def _said(mail: dict[str, Any]) -> tuple[Any, ...]:
    read = parse(_raw(mail))
    files = tuple(one.content for one in read.attachments)
    # A mail with neither an id nor a date is recognised by its object.
    place = "" if read.message_id or read.date else mail["file"]
    who = (read.message_id, read.date, read.sender_addresses, place)
    return *who, read.subject, read.text, files


def _at_least(deployed: Outputs, count: int) -> list[dict[str, Any]] | None:
    found = arrivals(deployed)
    return found if len(found) >= count else None


def _written_to(deployed: Outputs) -> list[str]:
    """The recipients of all sent mails."""
    kept = (email.message_from_bytes(raw) for raw in mails.kept(deployed.directory / "mailbox"))
    return [str(one["To"]).lower() for one in kept]
