"""What SES found about a mail, from the headers that SES itself wrote, and from no others.

What is relied on, as SES stores mail in S3 (seen in raw mails of 2019 to 2025 from several regions;
names and values: Amazon SES Developer Guide, "Contents of notifications for email receiving"). SES
puts its own block on top of what the sender sent, always in this order:

    Return-Path: <sender@example.com>
    Received: from mx.example.com (...) by inbound-smtp.REGION.amazonaws.com with SMTP id ...
    X-SES-Spam-Verdict: PASS
    X-SES-Virus-Verdict: PASS
    Received-SPF: pass (spfCheck: ...) ...
    Authentication-Results: amazonses.com; spf=pass ...; dkim=pass header.i=@example.com;
     dmarc=pass header.from=example.com;
    X-SES-RECEIPT: ...
    X-SES-DKIM-SIGNATURE: ...

So the verdicts stand below the first Received line, not above it. Only a block that begins on top,
keeps this order, names each header once and is closed by X-SES-RECEIPT is believed: whatever the
sender wrote comes after that line. A mail without such a block has no verdicts, whatever it claims.
The lines cannot be checked by themselves: the caller must know that the bytes came from SES, and
where SES's event is at hand (`receipt.spfVerdict`, ...), that says the same and needs no headers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from redress.mail.incoming.reader.mail import ParsedMail

_ORDER = (
    "return-path",
    "received",
    "x-ses-spam-verdict",
    "x-ses-virus-verdict",
    "received-spf",
    "authentication-results",
    "x-ses-receipt",
)
_BY_SES = re.compile(r"\bby inbound-smtp\.[a-z0-9-]{5,30}\.amazonaws\.com(?:\.cn)?\b")
_OF_SES = re.compile(r"\s*amazonses\.com(?:\s+\d+)?\s*;")
_COMMENT = re.compile(r"\([^()]*\)")
_AUTHOR = re.compile(r"\bheader\.from\s*=\s*([^\s;]{1,255})", re.IGNORECASE)
_RESULT = re.compile(r"(?:\A|;)\s*(spf|dkim|dmarc)\s*=\s*([a-z]{1,20})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Empty texts where SES said nothing.

    spf, dkim, dmarc   as in RFC 8601: pass, fail, softfail, neutral, none, temperror, permerror,
                       policy. `dkim` is "pass" when one signature holds; which domain signed counts
                       in `dmarc` alone: that is the one to ask whether From is true
    author             the domain that `dmarc` is about (header.from), in lower case
    spam, virus        PASS, FAIL, GRAY, PROCESSING_FAILED, DISABLED
    """

    spf: str = ""
    dkim: str = ""
    dmarc: str = ""
    author: str = ""
    spam: str = ""
    virus: str = ""


def verdicts(mail: ParsedMail) -> Verdicts:
    block = _block(mail)
    results = block.get("authentication-results", "")
    found: dict[str, list[str]] = {"spf": [], "dkim": [], "dmarc": []}
    authors: list[str] = []
    if _OF_SES.match(results):
        # Comments hold names that senders choose: nothing in them is a result.
        plain = _COMMENT.sub("", results)
        for method, result in _RESULT.findall(plain):
            found[method.lower()].append(result.lower())
        authors = [author.lower() for author in _AUTHOR.findall(plain)]
    return Verdicts(
        spf=_only(found["spf"]),
        dkim="pass" if "pass" in found["dkim"] else _first(found["dkim"]),
        dmarc=_only(found["dmarc"]),
        author=_only(authors),
        spam=block.get("x-ses-spam-verdict", "").strip().upper()[:40],
        virus=block.get("x-ses-virus-verdict", "").strip().upper()[:40],
    )


def _block(mail: ParsedMail) -> dict[str, str]:
    """The headers of SES's block; none when it is not whole."""
    found: dict[str, str] = {}
    place = -1
    for name, value in mail.headers[: len(_ORDER)]:
        if name not in _ORDER[place + 1 :]:
            return {}
        place = _ORDER.index(name)
        found[name] = value
        if name == "x-ses-receipt":
            break
    whole = "x-ses-receipt" in found and _BY_SES.search(found.get("received", ""))
    return found if whole else {}


def _only(results: list[str]) -> str:
    """Two different answers are none: somebody's text got in between."""
    return results[0] if len(set(results)) == 1 else ""


def _first(results: list[str]) -> str:
    return results[0] if results else ""
