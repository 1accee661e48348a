"""Mails to look at: `make mails` shows every template, `make mailbox` what the local cloud sent.

Both write a folder with a page, `index.html`, which shows each mail as text and as HTML, with a
link to its file for a mail program. The page loads nothing and runs no scripts.
"""

from __future__ import annotations

import argparse
import email
import email.policy
import html
import mailbox
import smtplib
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from redress.base.languages import LANGUAGES
from redress.base.phrases import moment, phrases
from redress.mail.outgoing import rendering

DIRECTORY = Path(__file__).resolve().parent.parent / ".local"
FOLDER: Path | None = None
"""The Maildir for sent mails, if this process is the local cloud; else None."""

NUMBER = "R-7K3M9-QW0X2"
AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
TOKEN = "r-7k3m9-qw0x2.abcdefgh23456789"  # noqa: S105 - part of a mail address, not a secret
BASE = "https://help.example.org"

SAMPLES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "subject": "The kettle leaks",
        "text": "Dear Ms Li,\n\nA new seal is on its way to you. It should be there on Friday.\n"
        "Please tell us if it is not.\n\nKind regards\nMei",
        "agent": "Mei",
        "item": "A photo of a document that shows your name",
    },
    "zh-CN": {
        "subject": "水壶漏水",
        "text": "李女士，您好：\n\n新的密封圈已经寄出，预计周五送达。\n"
        "如果没有收到，请告诉我们。\n\n小梅",
        "agent": "小梅",
        "item": "能看到您姓名的证件照片",
    },
    "zh-TW": {
        "subject": "水壺漏水",
        "text": "李女士您好：\n\n新的密封圈已經寄出，預計週五送達。\n"
        "如果沒有收到，請告訴我們。\n\n小梅",
        "agent": "小梅",
        "item": "能看到您姓名的證件照片",
    },
}


def values(name: str, language: str) -> dict[str, str]:
    """Sample values for the placeholders of a template, for its preview."""
    own = phrases(language)
    when = moment(AT, "Asia/Shanghai", language)
    lines = (
        own.promise.format(clock=own.clocks[clock], time=when)
        for clock in ("reaction", "first_response", "resolution")
    )
    known = {
        **SAMPLES[language],
        "number": NUMBER,
        "promises": "\n".join(lines),
        "cause": own.reclassified,
        "moved": own.moved.format(clock=own.clocks["resolution"], before=when, due=when),
        "call": own.call_in_hours.format(begin="18:00", end="20:00", due=when),
        "kind": own.kinds["complaint"],
        "clock": own.clocks["first_response"],
        "standing": own.standing["running"],
        "status_url": f"{BASE}/t/{NUMBER}.QW0X2abcdefgh23456789",
        "status_links": "\n\n".join(
            own.request.format(number=number, kind=own.kinds[kind], time=when)
            + f"\n{BASE}/t/{number}.QW0X2abcdefgh23456789"
            for number, kind in ((NUMBER, "complaint"), ("R-2979W-G549F", "inquiry"))
        ),
        "survey_url": f"{BASE}/s/{NUMBER}.1796000400.QW0X2abcdefgh23456789",
        "ticket_url": f"{BASE}/staff/tickets/{NUMBER}",
        "task_url": f"{BASE}/staff/tasks/{NUMBER}/2",
        "customer_url": f"{BASE}/staff/customers/9f86d081884c7d659a2feaa0",
        "type": "vip",
        "incident_url": f"{BASE}/staff/incidents/9f86d081884c7d65",
        "title": SAMPLES[language]["subject"],
        "actions": f"- 2026-12-15: {SAMPLES[language]['subject']}",
        "items": own.needed.format(item=SAMPLES[language]["item"]),
        "into": "R-0M4C1-Z2Y3X",
        "waiting": "21",
        "owner": "Jun",
        "task": "2",
        "department": "service",
        "news": own.tasks["given"],
        "remedy": "Refund CNY 159.00",
        "files": "\n\n" + own.files_staff.format(names="- IMG_0417.jpg (2.1 MB)"),
        "team": "complaints",
        "by": "Jun",
        "count": "4",
        "category": {"en": "Product / Defect"}.get(language, "产品 / 故障"),
        "reasons": "\n".join(
            own.held.format(reason=own.reasons[reason], count=count)
            for reason, count in (("automatic", 3), ("disowned", 1))
        ),
        "quarantine_url": f"{BASE}/staff/quarantine?team=complaints&unseen=true",
    }
    at = ("due", "oldest", "closes_at", "resolved_at", "since", "until", "written")
    times = dict.fromkeys(at, when)
    if name == "relationship_call":
        known["news"] = own.calls["breach"]
    return {place: (known | times)[place] for place in rendering.PLACEHOLDERS[name]}


def preview(name: str, language: str) -> bytes:
    """A template as the complete mail that its reader gets."""
    of_ticket = "number" in rendering.PLACEHOLDERS[name]
    customers = (
        rendering.PLACEHOLDERS[name] & {"status_url", "status_links", "survey_url"}
        or name == "copy"
    )
    return rendering.message(
        "service@example.org",
        ["li.na@example.com" if customers else "mei@example.org"],
        NUMBER if of_ticket else None,
        [rendering.render(name, language, values(name, language))],
        AT,
        automatic=True,
        conversation=TOKEN if of_ticket else None,
        mail_id=name,
        reply_to=f"{TOKEN}@in.example.org" if of_ticket else None,
        to_staff=not customers,
        unsubscribe=f"{BASE}/u/{NUMBER}.abc" if name == "survey" else None,
    )


# ------------------------------------------------------------------------------ pages


def write(folder: Path, title: str, mails: Iterable[tuple[str, bytes]]) -> Path:
    """Writes a page of named mails, and each mail as a file next to it. Returns the page."""
    folder.mkdir(parents=True, exist_ok=True)
    sections, contents = [], []
    for index, (name, raw) in enumerate(mails, 1):
        file = f"{index:03d}.eml"
        (folder / file).write_bytes(raw)
        read = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(read, EmailMessage)
        sections.append(_section(index, name, file, read))
        contents.append(f'<li><a href="#m{index}">{html.escape(name)}</a></li>')
    page = folder / "index.html"
    page.write_text(
        _PAGE.format(title=html.escape(title), contents="".join(contents), mails="".join(sections)),
        encoding="utf-8",
    )
    return page


def _section(index: int, name: str, file: str, read: EmailMessage) -> str:
    heads = "".join(
        f"<dt>{html.escape(field)}</dt><dd>{html.escape(str(read[field]))}</dd>"
        for field in ("To", "Subject", "Reply-To", "Message-ID", "References", "List-Unsubscribe")
        if read[field]
    )
    # The frame may only open links in a new window: no scripts, no forms, nothing is loaded.
    content = _part(read, "html").replace("<head>", '<head><base target="_blank">', 1)
    rights = "allow-popups allow-popups-to-escape-sandbox"
    frame = f'<iframe sandbox="{rights}" srcdoc="{html.escape(content)}" title="HTML"></iframe>'
    text = f"<pre>{html.escape(_part(read, 'plain'))}</pre>"
    title = f'<h2>{html.escape(name)} <a href="{file}">{file}</a></h2>'
    return (
        f'<section id="m{index}">{title}<dl>{heads}</dl>'
        f'<div class="both">{frame}{text}</div></section>\n'
    )


def _part(read: EmailMessage, kind: str) -> str:
    part = read.get_body((kind,))
    return str(part.get_content()) if isinstance(part, EmailMessage) else ""


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1c2430; background: #f4f6f8; }}
body {{ margin: 1rem auto; max-width: 84rem; padding: 0 1rem; }}
ol {{ columns: 16rem; }} li {{ break-inside: avoid; }}
 a {{ color: #0b5c7a; }} h2 a {{ font-size: 1rem; font-weight: 400; }}
section {{ background: #fff; border: 1px solid #cfd6de; border-radius: .75rem; }}
section {{ padding: 1rem; margin: 1rem 0; }}
dl {{ display: grid; grid-template-columns: 9rem 1fr; gap: .1rem .5rem; font-size: .9rem; }}
dl {{ overflow-wrap: anywhere; }}
dt {{ color: #55606e; }} dd {{ margin: 0; }}
.both {{ display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }}
iframe {{ width: 100%; height: 40rem; border: 1px solid #cfd6de; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font-size: .9rem; }}
@media (max-width: 52rem) {{ .both {{ grid-template-columns: 1fr; }} }}
</style>
<h1>{title}</h1>
<ol>{contents}</ol>
{mails}
</html>
"""


# ------------------------------------------------------------------------------ the mailbox


def keep(folder: Path, raw: bytes) -> None:
    """Adds a sent mail to the mailbox."""
    mailbox.Maildir(folder).add(raw)


def kept(folder: Path) -> list[bytes]:
    """Every mail of the mailbox, oldest first."""
    if not folder.is_dir():
        return []
    box = mailbox.Maildir(folder, create=False)
    found = [(message.get_date(), key) for key, message in box.items()]
    return [box.get_bytes(key) for _, key in sorted(found)]


def relay(mails: Iterable[bytes], host: str, port: int) -> int:
    """Sends mails to an SMTP server, for example one that displays them. Returns their number."""
    count = 0
    with smtplib.SMTP(host, port, timeout=30) as server:
        for raw in mails:
            server.send_message(email.message_from_bytes(raw, policy=email.policy.SMTP))
            count += 1
    return count


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.mails", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    shown = actions.add_parser("previews", help="show every template in every language")
    box = actions.add_parser("box", help="show what the local cloud sent")
    box.add_argument("--relay", metavar="HOST:PORT", help="also send each mail to this SMTP server")
    for action in (shown, box):
        action.add_argument("--directory", type=Path, default=DIRECTORY)
    options = parser.parse_args()
    if options.action == "previews":
        mails = [
            (f"{name} · {lang}", preview(name, lang))
            for name in rendering.PLACEHOLDERS
            for lang in LANGUAGES
        ]
        print(write(options.directory / "mails", "Mails of Redress", mails))
        return 0
    found = kept(options.directory / "mailbox")
    if not found:
        print("No mail was sent. Is the local cloud running? (make up)", file=sys.stderr)
        return 1
    named = [(_name(raw), raw) for raw in found]
    print(write(options.directory / "mailbox-page", "Sent mails", named))
    if options.relay:
        host, _, port = options.relay.rpartition(":")
        print(f"{relay(found, host or '127.0.0.1', int(port))} mails sent to {options.relay}")
    return 0


def _name(raw: bytes) -> str:
    read = email.message_from_bytes(raw, policy=email.policy.default)
    return f"{read['To']}: {read['Subject']}"


if __name__ == "__main__":
    sys.exit(main())
