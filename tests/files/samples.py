"""The beginnings of files as programs write them."""

from __future__ import annotations

import io
import struct
import zipfile

OOXML = "application/vnd.openxmlformats-officedocument."


def brands(main: bytes, *others: bytes) -> bytes:
    """An ISO base media file: its box `ftyp`, and some bytes."""
    box = main + bytes(4) + b"".join(others)
    return (len(box) + 8).to_bytes(4) + b"ftyp" + box + bytes(64)


def zipped(*names: str, first: tuple[str, str] | None = None) -> bytes:
    """A zip with these members. `first` is a member that is not compressed, before the others."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        if first is not None:
            archive.writestr(first[0], first[1], zipfile.ZIP_STORED)
        for name in names:
            archive.writestr(name, "words " * 50)
    return file.getvalue()


def compound(*streams: str, sectors_before: int = 0) -> bytes:
    """A compound file ([MS-CFB]) with these streams in its directory."""
    head = bytearray(512)
    head[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<H", head, 30, 9)
    struct.pack_into("<I", head, 48, sectors_before)
    entries = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0") + bytes(64) for name in ("Root Entry", *streams)
    )
    return bytes(head) + bytes(512 * sectors_before) + entries


JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01" + bytes(50)
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
EXE = b"MZ\x90\x00\x03\x00\x00\x00" + bytes(200)

TYPES = {
    "image/jpeg": JPEG,
    "image/png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(50),
    "image/gif": b"GIF89a" + bytes(50),
    "image/webp": b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(50),
    "image/bmp": b"BM\x36" + bytes(7) + b"\x36\x00\x00\x00\x28" + bytes(50),
    "image/tiff": b"II*\x00\x08\x00\x00\x00" + bytes(50),
    "image/heic": brands(b"heic", b"mif1", b"heic"),
    "image/heif": brands(b"mif1", b"mif2"),
    "image/avif": brands(b"avif", b"mif1"),
    "image/svg+xml": SVG,
    "application/pdf": PDF,
    "audio/mp4": brands(b"M4A ", b"mp42", b"isom"),
    "audio/amr": b"#!AMR\n\x3c" + bytes(30),
    "audio/amr-wb": b"#!AMR-WB\n" + bytes(30),
    "audio/mpeg": b"ID3\x03\x00\x00\x00\x00" + bytes(50),
    "audio/aac": b"\xff\xf1\x50\x80" + bytes(50),
    "audio/wav": b"RIFF\x10\x00\x00\x00WAVEfmt " + bytes(50),
    "audio/ogg": b"OggS\x00\x02" + bytes(22) + b"\x01\x13OpusHead",
    "audio/flac": b"fLaC\x00\x00\x00\x22" + bytes(50),
    "video/mp4": brands(b"isom", b"isom", b"mp41"),
    "video/quicktime": brands(b"qt  "),
    "video/3gpp": brands(b"3gp4", b"isom"),
    "video/webm": b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm" + bytes(50),
    f"{OOXML}wordprocessingml.document": zipped("[Content_Types].xml", "word/document.xml"),
    f"{OOXML}spreadsheetml.sheet": zipped("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"),
    f"{OOXML}presentationml.presentation": zipped("_rels/.rels", "ppt/presentation.xml"),
    **{
        f"application/vnd.oasis.opendocument.{kind}": zipped(
            "content.xml", first=("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        )
        for kind in ("text", "spreadsheet", "presentation")
    },
    "application/msword": compound("1Table", "WordDocument", sectors_before=300),
    "application/vnd.ms-excel": compound("Workbook"),
    "application/vnd.ms-powerpoint": compound("PowerPoint Document"),
    "application/rtf": b"{\\rtf1\\ansi words}",
    "text/plain": "你好，世界\n".encode(),
    "text/html": HTML,
    "text/xml": b"<?xml version='1.0'?><order/>",
    "application/zip": zipped("photos/1.jpg"),
    "application/gzip": b"\x1f\x8b\x08\x00" + bytes(20),
    "application/vnd.rar": b"Rar!\x1a\x07\x01\x00" + bytes(20),
    "application/x-7z-compressed": b"7z\xbc\xaf\x27\x1c" + bytes(20),
}
"""By media type, a file of this type. Every type that the product knows is here."""
