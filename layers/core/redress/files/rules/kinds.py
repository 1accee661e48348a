"""Which kinds of files there are, and which kind a media type is.

The media type is that of the content (`redress.files.contents`), never the one that a name or a
client claims.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from redress.plans.rules.plan import OTHER_FILES

UNKNOWN = "application/octet-stream"
"""The media type of a content that nothing recognises for sure."""

HEAD = 65_536
"""How many bytes of a file are read to recognise it."""

KINDS: Mapping[str, Mapping[str, str]] = {
    "image": {
        "image/jpeg": "jpg",
        "image/png": "png",
        "image/gif": "gif",
        "image/webp": "webp",
        "image/heic": "heic",
        "image/heif": "heif",
        "image/avif": "avif",
        "image/bmp": "bmp",
        "image/tiff": "tif",
        "image/svg+xml": "svg",
    },
    "pdf": {"application/pdf": "pdf"},
    "audio": {
        "audio/mp4": "m4a",
        "audio/amr": "amr",
        "audio/amr-wb": "awb",
        "audio/mpeg": "mp3",
        "audio/aac": "aac",
        "audio/wav": "wav",
        "audio/ogg": "ogg",
        "audio/flac": "flac",
    },
    "video": {
        "video/mp4": "mp4",
        "video/quicktime": "mov",
        "video/3gpp": "3gp",
        "video/webm": "webm",
    },
    "office": {
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
        "application/vnd.oasis.opendocument.text": "odt",
        "application/vnd.oasis.opendocument.spreadsheet": "ods",
        "application/vnd.oasis.opendocument.presentation": "odp",
        "application/msword": "doc",
        "application/vnd.ms-excel": "xls",
        "application/vnd.ms-powerpoint": "ppt",
        "application/rtf": "rtf",
    },
    "text": {"text/plain": "txt", "text/html": "html", "text/xml": "xml"},
    "archive": {
        "application/zip": "zip",
        "application/gzip": "gz",
        "application/vnd.rar": "rar",
        "application/x-7z-compressed": "7z",
    },
}
"""By kind, the media types with the ending that a file without a name gets."""

_KIND_OF = {media_type: kind for kind, types in KINDS.items() for media_type in types}
_ENDING_OF = {name: ending for types in KINDS.values() for name, ending in types.items()}


def kind_of(media_type: str) -> str:
    """Return the kind of a media type: one of KINDS, or `other`."""
    return _KIND_OF.get(media_type, OTHER_FILES)


def ending_of(media_type: str) -> str:
    """Return the usual ending of names of this type: `jpg`."""
    return _ENDING_OF.get(media_type, "bin")


def is_allowed(media_type: str, kinds: Collection[str]) -> bool:
    """Whether a plan that allows these kinds allows a file of this type."""
    return kind_of(media_type) in kinds
