"""From a mail to its ticket and to the customer's acknowledgement, on the deployed local stack.

One mail comes over SMTP every EVERY_S seconds, each from another customer. Times count from the
moment at which the sender starts to send: to the ticket's OPENED event, and to the sending of its
acknowledgement. All times are read from this machine's clock.
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
"""The goal for the ticket. For the acknowledgement the product promises one minute."""
ACKNOWLEDGED_S = 60.0
PATIENCE_S = 60
POLL_S = 0.5


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """Measures; leaves no process behind, however it ends."""
    count = max(3, round(MAILS * scale))
    end_cloud(directory)
    try:
        outputs = stack.up(0, None, console, directory)
        cloud = process.find(directory)
        assert cloud is not None
        table: Any = stack.client(cloud, "dynamodb")
        # Do not count the first mail: it meets functions that are not loaded yet.
        send(outputs, "first@customer.example")
        wait_for(table, outputs, 1)
        began = {}
        for number in track(range(count), "mails", console=console):
            sender = f"customer{number}@customer.example"
            began[sender] = datetime.now().astimezone()
            send(outputs, sender)
            time.sleep(EVERY_S)
        machine.note_load("while mails came")
        found = wait_for(table, outputs, count + 1)
        return figures(began, found)
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
    """Tickets by customer address, once `count` tickets are acknowledged or PATIENCE_S is over."""
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


def figures(began: dict[str, datetime], found: dict[str, Ticket]) -> list[Figure]:
    met = [(found[sender], moment) for sender, moment in began.items() if sender in found]
    opened = [(ticket.created_at - moment).total_seconds() for ticket, moment in met]
    acknowledged = [
        (ticket.acknowledged_at - moment).total_seconds()
        for ticket, moment in met
        if ticket.acknowledged_at
    ]
    return [
        exactly("mails that became tickets", len(opened), "", len(began)),
        Figure("mail to ticket: median", percentile(opened, 0.5), "s"),
        at_most("mail to ticket: maximum", percentile(opened, 1.0), "s", TICKET_S),
        Figure("mail to acknowledgement: median", percentile(acknowledged, 0.5), "s"),
        at_most(
            "mail to acknowledgement: maximum", percentile(acknowledged, 1.0), "s", ACKNOWLEDGED_S
        ),
    ]
