"""The media type of a file by its content.

puremagic knows most types. The signatures here are for what it does not tell apart. An archive is
never opened: only the names of its first members are read, as they stand in the first bytes.

Only the function `checker` imports this module, because puremagic is in no other function.
"""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Callable

import puremagic
from puremagic.main import identify_all

from redress.files.rules import kinds
from redress.files.rules.kinds import HEAD, UNKNOWN
from redress.plans.rules.plan import OTHER_FILES

Read = Callable[[int, int], bytes]
"""Returns the bytes of the file from an offset, at most so many."""

_OOXML = "application/vnd.openxmlformats-officedocument."
_SURE = 0.3
"""The least confidence of puremagic that counts: a signature of three bytes."""


def media_type(head: bytes, read: Read) -> str:
    """Return the media type of a file, or UNKNOWN if it cannot be told for sure.

    `head` are the first HEAD bytes, or fewer if the file is shorter.
    """
    found = _own(head, read) or _of_puremagic(head)
    return found if kinds.kind_of(found) != OTHER_FILES else UNKNOWN


def _own(head: bytes, read: Read) -> str | None:
    if head[4:8] == b"ftyp":
        return _of_brand(head)
    if head.startswith(b"PK\x03\x04"):
        return _of_zip(head)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _of_compound_file(head, read)
    if head.startswith(b"ID3") and head[3:4] in (b"\x02", b"\x03", b"\x04"):
        return "audio/mpeg"
    for beginning, name in _BEGINNINGS:
        if head.startswith(beginning):
            return name
    return _of_text(head)


_BEGINNINGS = (
    (b"#!AMR-WB\n", "audio/amr-wb"),
    (b"#!AMR\n", "audio/amr"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"OggS\x00\x02", "audio/ogg"),
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf1", "application/rtf"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
)
"""AMR: RFC 4867, sections 5.1 and 5.2. ID3: id3.org, ID3v2.4 section 3.1. AAC: the ADTS header of
ISO/IEC 14496-3. MPEG audio: the frame header of ISO/IEC 11172-3, layer III. Ogg: RFC 3533. PDF: ISO
32000-1, 7.5.2. RTF: version 1.9.1 of Microsoft's specification. WebM: the EBML header, RFC 8794."""


# ---------------------------------------------------------------------------- ISO base media files

_BRANDS = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"hevc": "image/heic",
    b"hevx": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"M4V ": "video/mp4",
    b"mp41": "video/mp4",
    b"mp42": "video/mp4",
    b"isom": "video/mp4",
    b"iso2": "video/mp4",
    b"iso4": "video/mp4",
    b"iso5": "video/mp4",
    b"iso6": "video/mp4",
    b"avc1": "video/mp4",
    b"dash": "video/mp4",
    b"MSNV": "video/mp4",
    b"qt  ": "video/quicktime",
    b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp",
    b"3gp6": "video/3gpp",
    b"3gp7": "video/3gpp",
    b"3g2a": "video/3gpp",
}
"""The brands of the box `ftyp` (ISO/IEC 14496-12, 4.3; registered at mp4ra.org)."""


def _of_brand(head: bytes) -> str:
    """The type of an ISO base media file: that of its main brand, or the first other one known."""
    size = int.from_bytes(head[:4])
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, 256), 4))]
    known = [_BRANDS[brand] for brand in brands if brand in _BRANDS]
    if not known:
        return UNKNOWN
    # A phone may name the general brand `mif1` first and the codec after it.
    return next((one for one in known if one != "image/heif"), known[0])


# -------------------------------------------------------------------------------------------- zips

_MEMBERS = {
    "word/": f"{_OOXML}wordprocessingml.document",
    "xl/": f"{_OOXML}spreadsheetml.sheet",
    "ppt/": f"{_OOXML}presentationml.presentation",
}
_ODF = re.compile(rb"application/vnd\.oasis\.opendocument\.(?:text|spreadsheet|presentation)")


def _of_zip(head: bytes) -> str:
    """The type of a zip by the names of its first members (PKWARE APPNOTE, 4.3.7).

    An OpenDocument file begins with the member `mimetype`, which is not compressed (ODF 1.3 part 2,
    section 3.3). An OOXML file has `[Content_Types].xml` (ECMA-376 part 2, section 10.1.2).
    """
    names = _member_names(head)
    if names[:1] == ["mimetype"]:
        found = _ODF.match(head, 30 + len("mimetype") + struct.unpack_from("<H", head, 28)[0])
        return found[0].decode() if found else "application/zip"
    if "[Content_Types].xml" in names or "_rels/.rels" in names:
        for name in names:
            for folder, media in _MEMBERS.items():
                if name.startswith(folder):
                    return media
    return "application/zip"


def _member_names(head: bytes) -> list[str]:
    """The names of the members whose local headers lie in these bytes."""
    names, at = list[str](), 0
    while (at := head.find(b"PK\x03\x04", at)) >= 0 and at + 30 <= len(head):
        length = struct.unpack_from("<H", head, at + 26)[0]
        names.append(head[at + 30 : at + 30 + length].decode("utf-8", "replace"))
        at += 30 + length
    return names


# ---------------------------------------------------------------------------------- compound files

_STREAMS = (
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
)
_DIRECTORY = 4_096


def _of_compound_file(head: bytes, read: Read) -> str:
    """The type of a compound file by the names in its directory ([MS-CFB], sections 2.2 and 2.6).

    An installer (.msi) is such a file too, so the beginning alone says nothing.
    """
    if len(head) < 512:
        return UNKNOWN
    shift, first = struct.unpack_from("<H", head, 30)[0], struct.unpack_from("<I", head, 48)[0]
    if shift not in (9, 12):
        return UNKNOWN
    directory = read((first + 1) << shift, _DIRECTORY)
    entries = [directory[at : at + 64] for at in range(0, len(directory), 128)]
    names = {entry.decode("utf-16-le", "replace").split("\0")[0] for entry in entries}
    return next((media for name, media in _STREAMS if name in names), UNKNOWN)


# ------------------------------------------------------------------------------------------- texts

_BINARY = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_MARKED = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body|script|iframe)\b", re.IGNORECASE)


def _of_text(head: bytes) -> str | None:
    """The type of a text; None if the bytes are no text in UTF-8, marked UTF-16 or GB 18030."""
    text = _decoded(head)
    if text is None:
        return None
    begin = text.lstrip("\ufeff \t\r\n")
    if _HTML.match(begin):
        return "text/html"
    if begin.startswith("<"):
        if re.search(r"<(?:\w+:)?svg\b", begin):
            return "image/svg+xml"
        return "text/html" if _HTML.search(begin) else "text/xml"
    return "text/plain"


def _decoded(head: bytes) -> str | None:
    charsets = [(mark, name) for mark, name in _MARKED if head.startswith(mark)]
    for mark, charset in charsets or [(b"", "utf-8"), (b"", "gb18030")]:
        # A character at the end of the head may be cut.
        decoder = codecs.getincrementaldecoder(charset)("strict")
        try:
            text = decoder.decode(head[len(mark) :], final=len(head) < HEAD)
        except UnicodeDecodeError:
            continue
        return None if _BINARY.search(text) else text
    return None


# --------------------------------------------------------------------------------------- puremagic

_RENAMED = {
    "image/x-ms-bmp": "image/bmp",
    "audio/x-wav": "audio/wav",
    "application/x-gzip": "application/gzip",
}


def _of_puremagic(head: bytes) -> str:
    """The type that puremagic names, if it is sure: its best matches are all of one kind."""
    try:
        matches = identify_all(head, b"")
    except puremagic.PureError:
        return UNKNOWN
    best = [one for one in matches if one.confidence == matches[0].confidence]
    names: list[str] = [_RENAMED.get(one.mime_type, one.mime_type) for one in best]
    found = {kinds.kind_of(name) for name in names if name}
    if len(found) != 1 or (matches[0].confidence < _SURE and best[0].mime_type != "image/x-ms-bmp"):
        return UNKNOWN
    return next(name for name in names if name)
