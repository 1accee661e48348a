"""How fast mails are read and how much memory it takes: a folder of mails, and expensive ones.

The folder is REDRESS_MAILS, or the corpus that the tests use, if it exists. Without either, only
the generated mails are read. Each mail goes through everything that the function does, up to the
facts that its use case takes. Each of the folder's mails is read ROUNDS times. The shortest time
counts, because longer ones are caused by other load on the machine. The standard library's `email`,
which finds less in a mail (decision 15), reads the same mails in the same run. The ratio of both
carries over to other machines.

Memory is the largest resident size of a process that reads one mail, less its size before. The
mail itself and what a first small mail left behind are thus not counted. Linux reports it.
"""

from __future__ import annotations

import base64
import email
import email.policy
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from email.message import EmailMessage
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import track

from bench.report import Figure, Machine, at_most, percentile
from functions.inbound.reading import incoming_mail_of

ABOUT = "reading of mails: real ones of a folder, and large and hostile ones"
LIMIT_S = 180
ROUNDS = 3
REAL_S = 1.0
"""The goal for any mail that somebody really sent, in seconds of CPU time."""
HOSTILE_S = 5.0
MEMORY_MB = 400
"""In addition to the mail itself; the function that reads mail has 1.7 GB."""
MB = 2**20
AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)

CORPUS = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "mail"


def made(scale: float) -> dict[str, bytes]:
    """Generated mails at the limits, by name; `scale` is the share of their full size."""
    head = b"From: a@example.com\nSubject: s\n"
    mixed = head + b"Content-Type: multipart/mixed; boundary=b\n\n"
    full = max(2 * MB, round(30 * MB * scale)) - 1_000
    pdf = base64.encodebytes(b"%PDF" + b"\0" * (full * 3 // 4 - 1_000_000))
    return {
        "a PDF of 22 MB": mixed
        + b"--b\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n"
        + pdf[:full]
        + b"\n--b--",
        "text of 30 MB": head + b"\n" + b"It did not come.\n" * (full // 17),
        "almost boundaries": mixed + b"--b\n\n" + b"--bx\n" * (full // 5),
        "empty parts": mixed + b"--b\n" * (full // 4),
        "HTML of 2 MB": head + b"Content-Type: text/html\n\n" + b"<p>x</p>" * (full // 120),
        "unclosed tags": head
        + b"Content-Type: text/html\n\n"
        + b"<p>"
        + b"".join(b"<b title=x%d>" % number for number in range(400))
        + b"<p>x" * (full // 60),
    }


def handle(raw: bytes) -> None:
    """Everything that is done with one mail."""
    incoming_mail_of(raw, "inbound/1", AT, ["redress.example"], "en")


def handle_plainly(raw: bytes) -> None:
    """What the standard library does: parses parts and decodes the text. It fails on some mails."""
    read = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(read, EmailMessage)
    try:
        text = read.get_body(("plain", "html"))
        if text is not None:
            text.get_content()
        for name in ("From", "To", "Subject", "Date"):
            str(read[name])
    except (LookupError, ValueError, AttributeError, TypeError, IndexError):
        return  # the time until the failure counts


def seconds(raw: bytes, rounds: int, do: Callable[[bytes], None] = handle) -> float:
    """CPU seconds for one mail: the shortest of `rounds`."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        do(raw)
        found.append(time.process_time() - began)
    return min(found)


def peak_mb(mails: Mapping[str, bytes]) -> float:
    """The most memory that any of the mails took, each in its own process."""
    with ProcessPoolExecutor(
        max_workers=1, max_tasks_per_child=1, mp_context=get_context("spawn")
    ) as processes:
        return max(processes.map(_grown_mb, mails.values()))


def _grown_mb(raw: bytes) -> float:
    handle(_FIRST)
    Path("/proc/self/clear_refs").write_text("5")  # resets the largest resident size (proc(5))
    before = _kb("VmRSS")
    handle(raw)
    return (_kb("VmHWM") - before) / 1024


def _kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


_FIRST = "Subject: x\n\n投诉".encode("gb18030")
"""Loads the models of charset detection."""


def folder() -> Path:
    return Path(os.environ.get("REDRESS_MAILS", CORPUS))


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """Measures. `directory` is unused: nothing is deployed."""
    real = {path.name: path.read_bytes() for path in sorted(folder().glob("*.eml"))}
    hostile = made(scale)
    console.print(f"{len(real)} mails of {folder().name}, {len(hostile)} generated ones")
    handle(_FIRST)
    real_s, plain_s = dict[str, float](), dict[str, float]()
    for name, raw in track(real.items(), "mails", console=console):
        real_s[name] = seconds(raw, ROUNDS)
        plain_s[name] = seconds(raw, ROUNDS, handle_plainly)
    hostile_s = {name: seconds(raw, 1) for name, raw in hostile.items()}
    machine.note_load("after the times were taken")
    return [*real_figures(real, real_s, plain_s), *hostile_figures(hostile, hostile_s)]


def real_figures(
    mails: Mapping[str, bytes], taken: Mapping[str, float], plainly: Mapping[str, float]
) -> list[Figure]:
    if not mails:
        return [Figure("real mails", 0)]
    total, slowest = sum(taken.values()), max(taken, key=lambda name: taken[name])
    largest = dict(sorted(mails.items(), key=lambda item: len(item[1]))[-5:])
    return [
        Figure("real mails", len(mails)),
        Figure("mails a second", len(mails) / total),
        Figure("a mail: median", _ms(percentile(taken.values(), 0.5)), "ms"),
        Figure("a mail: 99 %", _ms(percentile(taken.values(), 0.99)), "ms"),
        Figure("time of all, against the standard library's", total / sum(plainly.values()), "x"),
        at_most(f"slowest: {slowest}", taken[slowest], "s", REAL_S),
        at_most("memory: most of the five largest", peak_mb(largest), "MB", MEMORY_MB),
    ]


def hostile_figures(mails: Mapping[str, bytes], taken: Mapping[str, float]) -> list[Figure]:
    return [
        *(at_most(name, value, "s", HOSTILE_S) for name, value in taken.items()),
        at_most("memory: most of a generated mail", peak_mb(mails), "MB", MEMORY_MB),
    ]


def _ms(value: float | None) -> float | None:
    return None if value is None else value * 1_000
