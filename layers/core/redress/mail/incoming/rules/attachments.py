"""Which attachments are handed out, and as what."""

from __future__ import annotations

_OPENED_AS = (
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "application/pdf",
    "text/plain",
)
"""Types that a browser can open safely, because they run no code. All others can only be saved."""


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
"""Files that run code when they are opened (from the lists of Gmail and Outlook), and web pages,
which can imitate the product's own pages. They stay in the original mail only."""


LARGEST_ATTACHMENT = 25 * 2**20


def served_as(declared: str, detected: str) -> str:
    """Return the Content-Type for the link to an attachment.

    It is a safe type that was detected in the content, `text/plain` if that was declared and
    nothing was detected, or SAVED_AS.
    """
    if detected in _OPENED_AS:
        return detected
    return "text/plain" if declared == "text/plain" and not detected else SAVED_AS


def refused(name: str, declared: str, detected: str, size: int) -> str | None:
    """Return why an attachment gets no link: `type` or `size`; None if it gets one."""
    suffix = name.rpartition(".")[2].lower()
    if suffix in _REFUSED_SUFFIXES or {declared, detected}.intersection(_REFUSED_TYPES):
        return "type"
    return "size" if size > LARGEST_ATTACHMENT else None
