"""Read the verdicts of SES on a mail. Only headers that SES itself wrote are used.

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

In this order, the verdicts come after the first Received line. A block is trusted only if it is at
the top of the mail, keeps this order, repeats no header and contains X-SES-RECEIPT. The headers
that the sender wrote come after X-SES-RECEIPT, so reading stops there. A mail without such a block
has no verdicts, whatever its other headers claim. The block itself is not signed, so the caller
must be sure that the bytes came from SES. The events that SES sends about a mail contain the same
verdicts as fields (`receipt.spfVerdict`, ...).
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
_RECEIVED_BY_SES = re.compile(r"\bby inbound-smtp\.[a-z0-9-]{5,30}\.amazonaws\.com(?:\.cn)?\b")
_FOR = re.compile(r"\sfor\s<?([^\s<>;,()]{1,64}@[^\s<>;,()@]{1,255})>?\s*;")
_WRITTEN_BY_SES = re.compile(r"\s*amazonses\.com(?:\s+\d+)?\s*;")
_COMMENT = re.compile(r"\([^()]*\)")
_AUTHOR = re.compile(r"\bheader\.from\s*=\s*([^\s;]{1,255})", re.IGNORECASE)
_RESULT = re.compile(r"(?:\A|;)\s*(spf|dkim|dmarc)\s*=\s*([a-z]{1,20})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts of SES. A verdict that SES did not give is "".

    spf, dkim, dmarc   as in RFC 8601: pass, fail, softfail, neutral, none, temperror, permerror,
                       policy. `dkim` is "pass" if at least one signature is valid, whichever domain
                       signed. Only `dmarc` compares the domains of SPF and DKIM with the domain in
                       From, so only `dmarc` says whether From is genuine
    author             the domain in From for which SES computed `dmarc` (header.from), in lower
                       case
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
    if _WRITTEN_BY_SES.match(results):
        # Comments can contain names that the sender chose, so results in comments are ignored.
        without_comments = _COMMENT.sub("", results)
        for method, result in _RESULT.findall(without_comments):
            found[method.lower()].append(result.lower())
        authors = [author.lower() for author in _AUTHOR.findall(without_comments)]
    return Verdicts(
        spf=_unanimous(found["spf"]),
        dkim="pass" if "pass" in found["dkim"] else _first(found["dkim"]),
        dmarc=_unanimous(found["dmarc"]),
        author=_unanimous(authors),
        spam=block.get("x-ses-spam-verdict", "").strip().upper()[:40],
        virus=block.get("x-ses-virus-verdict", "").strip().upper()[:40],
    )


def recipient(mail: ParsedMail) -> str:
    """Return the address for which SES accepted the mail, in lower case; "" if SES names none.

    It is in SES's own Received line: "by inbound-smtp.REGION.amazonaws.com with SMTP id ID for
    ADDRESS; DATE". If SES accepted the mail for several addresses, the line has at most one.
    The sender chose what comes before "by" (the name in HELO), so that part is ignored.
    """
    received = _block(mail).get("received", "")
    ends = [found.end() for found in _RECEIVED_BY_SES.finditer(received)]
    named = _FOR.search(received, ends[-1]) if ends else None
    return named[1].lower() if named else ""


def _block(mail: ParsedMail) -> dict[str, str]:
    """Return the headers that SES wrote; {} if their block is not complete and in order."""
    found: dict[str, str] = {}
    position = -1
    for name, value in mail.headers[: len(_ORDER)]:
        if name not in _ORDER[position + 1 :]:
            return {}
        position = _ORDER.index(name)
        found[name] = value
        if name == "x-ses-receipt":
            break
    complete = "x-ses-receipt" in found and _RECEIVED_BY_SES.search(found.get("received", ""))
    return found if complete else {}


def _unanimous(results: list[str]) -> str:
    """Return the one value that all results have; "" if there are no results or they differ.

    SES gives one result. If results differ, the sender has managed to add one.
    """
    return results[0] if len(set(results)) == 1 else ""


def _first(results: list[str]) -> str:
    return results[0] if results else ""
