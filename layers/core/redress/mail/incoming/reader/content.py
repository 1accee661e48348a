"""Decode the content of MIME parts, detect file types, and make file names safe."""

from __future__ import annotations

import binascii
import mimetypes
import re
import unicodedata

from redress.mail.incoming.reader import uuencode
from redress.mail.incoming.reader.headers import base64
from redress.mail.incoming.reader.limits import NAME, Code, Defects

_UU = ("x-uuencode", "uuencode", "uue", "x-uue")
_PLAIN = ("", "7bit", "8bit", "binary", "7-bit", "8-bit", "none")


def decoded(body: bytes, encoding: str, defects: Defects) -> bytes:
    """Return the decoded content of a part.

    If the encoding is unknown, the bytes are returned unchanged and a defect is added.
    """
    if encoding == "base64":
        return base64(body, defects)
    if encoding in ("quoted-printable", "quoted_printable", "quotedprintable", "qp"):
        return binascii.a2b_qp(body)
    if encoding in _UU:
        files, rest = uuencode.files_in(body, defects)
        return files[0][1] if files else rest
    if encoding not in _PLAIN:
        defects.add(Code.UNKNOWN_ENCODING, encoding)
    return body


def decoded_text(body: bytes, encoding: str, defects: Defects) -> bytes:
    """Return the decoded content of a text part. Words around a uuencoded text are kept."""
    if encoding not in _UU:
        return decoded(body, encoding, defects)
    files, rest = uuencode.files_in(body, defects)
    return b"\n".join([*(inside for _, inside in files), rest.strip()])


# ------------------------------------------------------------------------------ types

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"\x78\x9f\x3e\x22", "application/ms-tnef"),
    (0, b"BEGIN:VCALENDAR", "text/calendar"),
    (0, b"BEGIN:VCARD", "text/vcard"),
    (0, b"#!/", "text/x-shellscript"),
)
"""For each file type: an offset, the bytes that a file has there, and the media type. Customers
send some of these types. The others are dangerous, and a sender may disguise them as one of the
first."""

_OFFICE = (
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_MARKUP = ((b"<!doctype html", "text/html"), (b"<html", "text/html"), (b"<svg", "image/svg+xml"))


def detected_type(content: bytes) -> str:
    """Return the media type that the first bytes show; "" if they match no known type."""
    for offset, magic, kind in _MAGIC:
        if content.startswith(magic, offset):
            if kind == "application/zip":
                head = content[:4096]
                return next((office for mark, office in _OFFICE if mark in head), kind)
            return kind
    head = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    kind = next((kind for mark, kind in _MARKUP if head.startswith(mark)), "")
    if not kind and head.startswith(b"<?xml"):
        kind = "image/svg+xml" if b"<svg" in head else "application/xml"
    return kind


# ------------------------------------------------------------------------------ names

_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)", re.IGNORECASE)
_PATH = re.compile(
    r"\s*(?:[\\/~]|[A-Za-z]:[\\/]|\.{1,2}[\\/]|[A-Za-z]{2,10}:[\\/]{2})|.*[\\/]\.\.[\\/]", re.DOTALL
)
"""Matches a web address, or a path that begins with a slash, a drive, `~` or a dot, or contains
`..`. Other names with slashes, such as `225/2385`, are no paths."""
_FORBIDDEN = re.compile(r"[\\/:*?\"<>|\s]+")
_SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/heic": ".heic",
    "image/webp": ".webp",
    "audio/amr": ".amr",
    "application/zip": ".zip",
    "application/gzip": ".gz",
    "message/rfc822": ".eml",
    "text/plain": ".txt",
    "text/html": ".html",
    "text/calendar": ".ics",
    "text/vcard": ".vcf",
    "application/ms-tnef": ".dat",
    **{kind: f".{name}" for (_, kind), name in zip(_OFFICE, ("docx", "xlsx", "pptx"), strict=True)},
}


def safe_name(original: str, kind: str, taken: set[str]) -> str:
    """Return a safe file name for a download, and add it to `taken` in case-folded form.

    If `original` is a path, only its last part is used. Other slashes are part of the name, like
    those of `Order 225/2385.pdf`, and become spaces. Control characters, invisible characters
    and characters that change the direction of text are removed. Characters that file systems
    forbid are replaced by spaces. If the name has no suffix, it gets the suffix of the media type
    `kind`. If `taken` already contains the name, the new name gets a number. Upper and lower case
    count as the same.
    """
    last = original.replace("\\", "/").rstrip("/ ").rpartition("/")[2]
    plain = unicodedata.normalize("NFC", last if _PATH.match(original) else original)
    plain = "".join(c for c in plain if unicodedata.category(c)[0] != "C" or c == " ")
    plain = _FORBIDDEN.sub(" ", plain).strip(" .")
    stem, dot, suffix = plain.rpartition(".")
    if not dot or not stem or len(suffix) > 12 or " " in suffix:
        stem, suffix = plain, ""
    suffix = f".{suffix}" if suffix else _SUFFIXES.get(kind) or _guessed_suffix(kind)
    if not stem or _RESERVED.match(f"{stem}{suffix}"):
        stem = f"file {stem}".strip()
    stem, name, number = stem[: NAME - len(suffix) - 6].strip(" ."), "", 1
    while not name or name.casefold() in taken:
        name = f"{stem}{suffix}" if number == 1 else f"{stem} ({number}){suffix}"
        number += 1
    taken.add(name.casefold())
    return name


def _guessed_suffix(kind: str) -> str:
    return mimetypes.guess_extension(kind, strict=True) or ".bin"
