"""Measure how fast a mail becomes a ticket and is acknowledged, on the deployed local stack.

Every EVERY_S seconds one mail is sent over SMTP, each from another customer. Two times are
measured. Both start right before the sender connects. One ends with the ticket's OPENED event, the
other when the acknowledgement was sent. All times are read from the clock of this machine.
"""

from __future__ import annotations

import smtplib
import time
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from bench.report import Figure, Machine, at_most, exactly, percentile
from bench.sleepers import end_cloud
from local import process, stack
from local.stack import MAIL_DOMAIN, Outputs
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store import items

ABOUT = "time from a mail to its ticket and to its acknowledgement"
LIMIT_S = 240
MAILS = 40
EVERY_S = 0.5
TICKET_S = 5.0
"""The goal for the time until the ticket is open."""
ACKNOWLEDGED_S = 60.0
"""The product promises the acknowledgement within one minute."""
PATIENCE_S = 60
POLL_S = 0.5


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """Starts the local cloud, measures, and ends the cloud even if the measurement fails."""
    count = max(3, round(MAILS * scale))
    end_cloud(directory)
    try:
        outputs = stack.up(0, None, console, directory)
        cloud = process.find(directory)
        assert cloud is not None
        table: Any = stack.client(cloud, "dynamodb")
        # The first mail is not counted, because it causes the functions' cold starts.
        send(outputs, "first@customer.example")
        wait_for(table, outputs, 1)
        sent_at = {}
        for number in track(range(count), "mails", console=console):
            sender = f"customer{number}@customer.example"
            sent_at[sender] = datetime.now().astimezone()
            send(outputs, sender)
            time.sleep(EVERY_S)
        machine.note_load("while mails came")
        found = wait_for(table, outputs, count + 1)
        return figures(sent_at, found)
    finally:
        end_cloud(directory)


def send(outputs: Outputs, sender: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, f"complaints@{MAIL_DOMAIN}"
    mail["Subject"], mail["Message-ID"] = "投诉：包裹没有收到", f"<{sender}>"
    mail["Date"] = format_datetime(datetime.now().astimezone())
    mail.set_content("我的包裹没有收到，请尽快处理。", charset="gb18030")
    with smtplib.SMTP("127.0.0.1", outputs.smtp_port, timeout=30) as server:
        server.send_message(mail)


def wait_for(table: Any, outputs: Outputs, count: int) -> dict[str, Ticket]:
    """Waits until `count` tickets are acknowledged, or for PATIENCE_S.

    Returns all tickets by the address of their customer.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        pages = table.get_paginator("scan").paginate(
            TableName=outputs.stack["TableName"],
            FilterExpression="sk = :kind",
            ExpressionAttributeValues={":kind": {"S": "TICKET"}},
        )
        tickets = [items.ticket_of(item["doc"]["S"]) for page in pages for item in page["Items"]]
        found = {ticket.contact.email or "": ticket for ticket in tickets}
        done = sum(ticket.acknowledged_at is not None for ticket in tickets)
        if done >= count or time.monotonic() > deadline:
            return found
        time.sleep(POLL_S)


def figures(sent_at: dict[str, datetime], found: dict[str, Ticket]) -> list[Figure]:
    pairs = [(found[sender], at) for sender, at in sent_at.items() if sender in found]
    opened = [(ticket.created_at - at).total_seconds() for ticket, at in pairs]
    acknowledged = [
        (ticket.acknowledged_at - at).total_seconds()
        for ticket, at in pairs
        if ticket.acknowledged_at
    ]
    return [
        exactly("mails that became tickets", len(opened), "", len(sent_at)),
        Figure("mail to ticket: median", percentile(opened, 0.5), "s"),
        at_most("mail to ticket: maximum", percentile(opened, 1.0), "s", TICKET_S),
        Figure("mail to acknowledgement: median", percentile(acknowledged, 0.5), "s"),
        at_most(
            "mail to acknowledgement: maximum", percentile(acknowledged, 1.0), "s", ACKNOWLEDGED_S
        ),
    ]
