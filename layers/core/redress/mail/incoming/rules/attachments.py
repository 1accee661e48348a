"""Decides which attachments get a link, and with which Content-Type they are served."""

from __future__ import annotations

_OPENED_AS = (
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "application/pdf",
    "text/plain",
)
"""Types that a browser can open safely, because they run no code. Files of all other types can only
be saved."""


SAVED_AS = "application/octet-stream"


_REFUSED_TYPES = (
    "application/vnd.microsoft.portable-executable",
    "application/x-elf",
    "text/x-shellscript",
)


_REFUSED_SUFFIXES = frozenset(
    "ade adp apk app appx bat chm cmd com cpl dll dmg exe gadget hta img inf ins iso isp jar js "
    "jse lib lnk mde msc msi msp mst nsh pif ps1 reg scr sct shb svg sys vb vbe vbs vhd vxd wsc "
    "wsf wsh xll html htm xhtml shtml mht mhtml swf".split()
)
"""Name endings of files that get no link. Such a file can only be found in the original mail. It
either runs code when it is opened (from the lists of Gmail and Outlook), or it is a web page and
can imitate the product's own pages."""


LARGEST_ATTACHMENT = 25 * 2**20


def served_as(declared: str, detected: str) -> str:
    """Return the Content-Type for the link to an attachment.

    If a safe type was detected in the content, it is that type. If no type was detected and
    `text/plain` was declared, it is `text/plain`. Otherwise it is SAVED_AS.
    """
    if detected in _OPENED_AS:
        return detected
    return "text/plain" if declared == "text/plain" and not detected else SAVED_AS


def refused(name: str, declared: str, detected: str, size: int) -> str | None:
    """Return why an attachment gets no link, `type` or `size`. None if it gets a link."""
    suffix = name.rpartition(".")[2].lower()
    if suffix in _REFUSED_SUFFIXES or {declared, detected}.intersection(_REFUSED_TYPES):
        return "type"
    return "size" if size > LARGEST_ATTACHMENT else None
