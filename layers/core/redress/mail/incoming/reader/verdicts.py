"""Read what SES found about a mail, using only the headers that SES itself wrote.

When SES stores a mail in S3, it puts its own block of headers above the sender's, always in this
order (seen in raw mails of 2019 to 2025 from several regions; names and values are in the Amazon
SES Developer Guide, "Contents of notifications for email receiving"):

    Return-Path: <sender@example.com>
    Received: from mx.example.com (...) by inbound-smtp.REGION.amazonaws.com with SMTP id ...
    X-SES-Spam-Verdict: PASS
    X-SES-Virus-Verdict: PASS
    Received-SPF: pass (spfCheck: ...) ...
    Authentication-Results: amazonses.com; spf=pass ...; dkim=pass header.i=@example.com;
     dmarc=pass header.from=example.com;
    X-SES-RECEIPT: ...
    X-SES-DKIM-SIGNATURE: ...

The verdicts are therefore below the first Received line, not above it. A block is trusted only if
it begins at the top, keeps this order, has each header once and ends with X-SES-RECEIPT: everything
that the sender wrote comes after that line. A mail without such a block has no verdicts, whatever
its other headers claim. The block itself is not signed, so the caller must be sure that the bytes
came from SES. An event of SES about the mail has the same verdicts (`receipt.spfVerdict`, ...)
without headers.
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
    """The verdicts of SES. A verdict that SES did not give is "".

    spf, dkim, dmarc   as in RFC 8601: pass, fail, softfail, neutral, none, temperror, permerror,
                       policy. `dkim` is "pass" if one signature is valid, whichever domain signed.
                       Only `dmarc` compares the domains, so it alone says whether From is genuine
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
    """Return the verdicts of SES on a mail."""
    block = _block(mail)
    results = block.get("authentication-results", "")
    found: dict[str, list[str]] = {"spf": [], "dkim": [], "dmarc": []}
    authors: list[str] = []
    if _OF_SES.match(results):
        # Comments can contain names that the sender chose, so results in comments are ignored.
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
    """Return the headers of the block of SES; {} if the block is not complete."""
    found: dict[str, str] = {}
    place = -1
    for name, value in mail.headers[: len(_ORDER)]:
        if name not in _ORDER[place + 1 :]:
            return {}
        place = _ORDER.index(name)
        found[name] = value
        if name == "x-ses-receipt":
            break
    complete = "x-ses-receipt" in found and _BY_SES.search(found.get("received", ""))
    return found if complete else {}


def _only(results: list[str]) -> str:
    """Return the result; "" if results differ, because then the sender's text got between them."""
    return results[0] if len(set(results)) == 1 else ""


def _first(results: list[str]) -> str:
    return results[0] if results else ""
