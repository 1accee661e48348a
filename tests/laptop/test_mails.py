"""Previews of the mail templates, and the mailbox of the local cloud."""

from __future__ import annotations

import email
import email.policy
import re
import sys
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from local import mails
from local.process import free_port
from redress.base.languages import LANGUAGES
from redress.mail.outgoing import rendering


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", rendering.PLACEHOLDERS)
def test_preview_is_a_complete_mail_without_unfilled_placeholders(name: str, language: str) -> None:
    raw = mails.preview(name, language)
    read = email.message_from_bytes(raw, policy=email.policy.default)
    for kind in ("plain", "html"):
        part = read.get_body((kind,))
        assert part is not None
        content = part.get_content().partition("<body>")[2] or part.get_content()
        assert not re.search(r"[{}$]", content)
    assert not re.search(rb"(?i)\b(?:src|srcset|background)=|url\(|<img|<script", raw)


def test_page_of_previews_shows_every_mail_and_loads_no_resources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mails", "previews", "--directory", str(tmp_path)])
    assert mails.main() == 0
    page = Path(capsys.readouterr().out.strip())
    shown = page.read_text("utf-8")
    assert shown.count("<iframe sandbox=") == len(rendering.PLACEHOLDERS) * len(LANGUAGES)
    assert len(list(page.parent.glob("*.eml"))) == len(rendering.PLACEHOLDERS) * len(LANGUAGES)
    assert "default-src &#x27;none&#x27;" in shown or "default-src 'none'" in shown
    assert not re.search(r"<(?:script|img|link|object)\b", shown)


def keep_three_mails(folder: Path) -> list[bytes]:
    sent = [mails.preview(name, "en") for name in ("acknowledgement", "reply", "resolution")]
    for raw in sent:
        mails.keep(folder, raw)
    return sent


def test_mailbox_keeps_mails_unchanged(tmp_path: Path) -> None:
    folder = tmp_path / "mailbox"
    assert mails.kept(folder) == []
    sent = keep_three_mails(folder)
    # The files of a Maildir have the line endings of the operating system.
    found = [raw.replace(b"\r\n", b"\n") for raw in mails.kept(folder)]
    assert sorted(found) == sorted(raw.replace(b"\r\n", b"\n") for raw in sent)


def test_empty_mailbox_prints_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mails", "box", "--directory", str(tmp_path)])
    assert mails.main() == 1
    assert "make up" in capsys.readouterr().err


class RecordingServer:
    def __init__(self) -> None:
        self.received: list[tuple[str | None, list[str], str]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        read = email.message_from_bytes(envelope.content or b"", policy=email.policy.default)  # type: ignore[arg-type]
        self.received.append((envelope.mail_from, envelope.rcpt_tos, str(read["References"])))
        return "250 OK"


def test_mails_of_the_mailbox_can_be_relayed_to_an_smtp_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_three_mails(tmp_path / "mailbox")
    recorder, port = RecordingServer(), free_port()
    server = Controller(recorder, hostname="127.0.0.1", port=port)
    server.start()
    try:
        arguments = ["mails", "box", "--directory", str(tmp_path), "--relay", f"127.0.0.1:{port}"]
        monkeypatch.setattr(sys, "argv", arguments)
        assert mails.main() == 0
    finally:
        server.stop()
    assert "3 mails sent to" in capsys.readouterr().out
    thread = f"<{mails.TOKEN}@example.org>"
    assert recorder.received == [("service@example.org", ["li.na@example.com"], thread)] * 3
