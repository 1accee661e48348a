"""How fast mails are read, and with how much memory: every mail of a folder, and some made large.

The folder is REDRESS_MAILS, or the corpus that the tests use where it is at hand; without either
only the made ones are read. Each mail goes through everything that is done with one: parse, fold,
machine, clues, verdicts. Each folder's mail is read ROUNDS times; its time is the smallest,
because the others are those of a busy machine.
"""

from __future__ import annotations

import base64
import os
import time
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from bench.report import Figure, Machine, at_most, percentile
from redress.inbound import clues, folding, machines, parsing, verdicts

ABOUT = "mails read: real ones of a folder, and large and hostile ones"
LIMIT_S = 300
ROUNDS = 3
REAL_S = 1.0
"""The goal for any mail that somebody really sent."""
HOSTILE_S = 5.0
MEMORY_MB = 400
"""Beside the mail itself; the function that takes mail has 1 GB."""
MB = 2**20

CORPUS = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "mail"


def made(scale: float) -> dict[str, bytes]:
    """Mails at the limits, by name; of `scale` of their full size."""
    head = b"From: a@example.com\nSubject: s\n"
    mixed = head + b"Content-Type: multipart/mixed; boundary=b\n\n"
    full = round(30 * MB * scale) - 1_000
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
        + b"<b class=x>" * 240
        + b"<p>x" * (full // 60),
    }


def handle(raw: bytes) -> None:
    """Everything that is done with one mail."""
    mail = parsing.parse(raw)
    folding.fold(mail.text)
    machines.may_be_answered(mail, ["redress.example"])
    clues.numbers_in(clues.bare_subject(mail.subject))
    clues.forwarded(mail)
    verdicts.verdicts(mail)


def seconds(raw: bytes, rounds: int) -> float:
    """CPU time of one mail: the least of `rounds`."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        handle(raw)
        found.append(time.process_time() - began)
    return min(found)


def peak_mb(mails: Mapping[str, bytes]) -> float:
    """The most memory that any of the mails took while it was read, without its own bytes."""
    highest = 0.0
    for raw in mails.values():
        tracemalloc.start()
        handle(raw)
        highest = max(highest, tracemalloc.get_traced_memory()[1] / MB)
        tracemalloc.stop()
    return highest


def folder() -> Path:
    return Path(os.environ.get("REDRESS_MAILS", CORPUS))


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """`directory` is not needed: nothing is deployed."""
    real = {path.name: path.read_bytes() for path in sorted(folder().glob("*.eml"))}
    hostile = made(scale)
    console.print(f"{len(real)} mails of {folder().name}, {len(hostile)} made ones")
    handle("Subject: x\n\n投诉".encode("gb18030"))  # the models of detection are loaded once
    real_s = {name: seconds(raw, ROUNDS) for name, raw in real.items()}
    hostile_s = {name: seconds(raw, 1) for name, raw in hostile.items()}
    machine.note_load("after the times were taken")
    return [*real_figures(real, real_s), *hostile_figures(hostile, hostile_s)]


def real_figures(mails: Mapping[str, bytes], taken: Mapping[str, float]) -> list[Figure]:
    if not mails:
        return [Figure("real mails", 0)]
    total, slowest = sum(taken.values()), max(taken, key=lambda name: taken[name])
    return [
        Figure("real mails", len(mails)),
        Figure("mails a second", len(mails) / total),
        Figure("a mail: median", _ms(percentile(taken.values(), 0.5)), "ms"),
        Figure("a mail: 99 %", _ms(percentile(taken.values(), 0.99)), "ms"),
        at_most(f"slowest: {slowest}", taken[slowest], "s", REAL_S),
        at_most("memory: peak of a real mail", peak_mb(mails), "MB", MEMORY_MB),
    ]


def hostile_figures(mails: Mapping[str, bytes], taken: Mapping[str, float]) -> list[Figure]:
    return [
        *(at_most(name, value, "s", HOSTILE_S) for name, value in taken.items()),
        at_most("memory: peak of a made mail", peak_mb(mails), "MB", MEMORY_MB),
    ]


def _ms(value: float | None) -> float | None:
    return None if value is None else value * 1_000
