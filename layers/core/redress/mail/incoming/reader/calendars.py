"""Read a calendar object (RFC 5545, RFC 5546) and keep the details that a person needs."""

from __future__ import annotations

import re

from redress.mail.incoming.reader import charset
from redress.mail.incoming.reader.charset import Hints
from redress.mail.incoming.reader.limits import CALENDAR, Code, Defects
from redress.mail.incoming.reader.mail import Invitation

_FOLD = re.compile(r"\n[ \t]")
_LINE = re.compile(r"([A-Za-z-]{1,40})((?:;[^:\"]*(?:\"[^\"]*\"[^:\"]*)*)?):(.*)")
_ZONE = re.compile(r";TZID=\"?([^;:\"]{1,80})", re.IGNORECASE)
_ANSWER = re.compile(r";PARTSTAT=\"?([A-Za-z-]{1,30})", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([nN,;\\])")
_LABEL = (
    r"(?:when|where|who|what|title|time|date|location|organi[sz]er|attendees|calendar|subject|wann|wo|"
    r"wer|was|ort|zeit|datum|betreff|organisator|quand|où|qui|lieu|objet|organisateur|cuándo|dónde|"
    r"时间|時間|地点|地點|主题|主題|标题|組織者|组织者|召集人|与会者|參與者|日期|meeting id|passcode)"
)
_MADE = re.compile(
    rf"{_LABEL}\s{{0,3}}[:：].*|"
    r".{1,80} (?:has|have) (?:accepted|declined|tentatively accepted|cancell?ed) (?:this|your|the) .*|"
    r"(?:you have been invited|you are receiving|to stop receiving|forwarding this invitation|"
    r"view (?:all guest|your event)|this event has been|microsoft teams|click here to join|"
    r"join (?:the|your|this|zoom|microsoft) meeting|learn more \||invitation from google|"
    r".{1,80} is inviting you to|one tap mobile|find your local number|reply for .{1,80}@).*|"
    r"(?:learn more|need help|more options|dial[ -]in|rsvp)[?:]?\Z",
    re.IGNORECASE,
)
"""Matches lines that calendar programs write into the text of an invitation or an answer."""
_LINK = re.compile(r"<?\b(?:https?://|mailto:|tel:)\S{1,2000}")
_MOST_LINES = 200


def read(
    data: bytes, label: str, defects: Defects, hints: Hints | None = None
) -> Invitation | None:
    """Return the first event or task of a calendar object; None if the data is no such object."""
    # UTF-8 is the default of RFC 5545.
    text = charset.decode(data[:CALENDAR], label or "utf-8", defects, hints).text
    text = _FOLD.sub("", text)
    if "BEGIN:VCALENDAR" not in text.upper():
        defects.add(Code.BAD_CALENDAR)
        return None
    found: dict[str, tuple[str, str]] = {}
    depth: list[str] = []
    for line in text.split("\n"):
        match = _LINE.match(line[:5_000])
        if match is None:
            continue
        name, parameters, value = match.group(1).upper(), match.group(2), match.group(3)
        if name == "BEGIN":
            depth = [*depth[:5], value.strip().upper()]
        elif name == "END":
            depth = depth[:-1]
            if value.strip().upper() in ("VEVENT", "VTODO"):
                break
        elif name == "METHOD" or depth[-1:] in (["VEVENT"], ["VTODO"]):
            found.setdefault(name, (parameters, _ESCAPED.sub(_plain, value).strip()))
    return _summary(found)


def _plain(match: re.Match[str]) -> str:
    return "\n" if match.group(1) in "nN" else match.group(1)


def _summary(found: dict[str, tuple[str, str]]) -> Invitation:
    def value(name: str) -> str:
        return found.get(name, ("", ""))[1]

    def moment(name: str) -> str:
        zone = _ZONE.search(found.get(name, ("", ""))[0])
        return f"{value(name)} {zone.group(1)}" if zone and value(name) else value(name)

    method = value("METHOD").upper()
    answer = _ANSWER.search(found.get("ATTENDEE", ("", ""))[0])
    start, end = moment("DTSTART"), moment("DTEND") or moment("DUE")
    when = " - ".join(part for part in (start, end) if part)
    organizer = re.sub(r"(?i)^mailto:", "", value("ORGANIZER"))
    # These details are the sender's own words, so the text needs no translation.
    details = (value("SUMMARY"), when, value("LOCATION"), organizer, value("DESCRIPTION"))
    return Invitation(
        method=method,
        summary=value("SUMMARY"),
        start=start,
        end=end,
        location=value("LOCATION"),
        organizer=organizer,
        answer=answer.group(1).upper() if answer and method == "REPLY" else "",
        text="\n".join(part for part in details if part),
    )


def has_words_beside(invitation: Invitation, text: str) -> bool:
    """Whether a mail's text has words of a person besides the details of its calendar object.

    If a person adds words to an invitation or to an answer, Outlook writes them into the text and
    into the description of the calendar object. So the description is not a detail here.
    """
    details = (invitation.summary, invitation.location, invitation.organizer)
    times = (invitation.start, invitation.end, f"{invitation.start} - {invitation.end}")
    known = {" ".join(one.split()).casefold() for one in (*details, *times) if one}
    for line in text[:20_000].split("\n")[:_MOST_LINES]:
        plain = " ".join(_LINK.sub(" ", line[:2_000]).split())
        if plain.casefold() in known or _MADE.match(plain):
            continue
        if sum(letter.isalpha() for letter in plain) > 1:
            return True
    return False
