"""Decode bytes into text, even if their charset label is wrong or missing.

A label has the meaning that mail programs give it. Its registered meaning may differ. For example,
gb2312 means GB 18030 here, and iso-8859-1 means windows-1252 (as in the WHATWG Encoding Standard,
https://encoding.spec.whatwg.org). If the bytes contradict the label, the label is ignored. If there
is no usable label, `_detected` finds the charset: it tries UTF-8 first, and then the charset that
chardet names. Only the labels in a fixed table are accepted. Python's `codecs.lookup` would also
accept `unicode_escape`, `punycode` and `idna`, which strangers must not be able to choose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import chardet

from redress.mail.incoming.reader.limits import Code, Defects

_GB = ("gb18030",)
_BIG5 = ("cp950", "big5hkscs")
_LATIN = ("cp1252", "latin-1")
_SJIS = ("cp932", "shift_jis_2004")
_EUC_JP = ("euc_jp", "euc_jis_2004")
_JIS = ("iso2022_jp", "iso2022_jp_ext", "iso2022_jp_2004")
_KOREAN = ("cp949",)

_CODECS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("utf-8", "utf8", "uft-8", "utf-8-sig", "unicode-1-1-utf-8"), ("utf-8",)),
    **dict.fromkeys(("us-ascii", "ascii", "ansi-x3.4-1968", "iso646-us", "646"), _LATIN),
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1", "windows-1252"), _LATIN),
    **dict.fromkeys(("cp1252", "8859-1", "iso-8859-1-windows-3.1-latin-1"), _LATIN),
    **dict.fromkeys(("gb2312", "gb-2312", "gb-2312-80", "gb2312-80", "csgb2312", "x-gbk"), _GB),
    **dict.fromkeys(("gbk", "cp936", "ms936", "windows-936", "chinese", "x-gb", "936"), _GB),
    **dict.fromkeys(("gb18030", "gb-18030", "gb18030-2022", "euc-cn", "x-euc-cn"), _GB),
    **dict.fromkeys(("hz-gb-2312", "hz"), ("hz",)),
    **dict.fromkeys(("big5", "big-5", "big5-hkscs", "big5hkscs", "cn-big5", "cp950"), _BIG5),
    **dict.fromkeys(("x-x-big5", "csbig5", "ms950", "windows-950", "x-big5", "950"), _BIG5),
    **dict.fromkeys(("euc-tw", "x-euc-tw"), _BIG5),
    **dict.fromkeys(("iso-2022-jp", "csiso2022jp", "iso-2022-jp-ms", "jis"), _JIS),
    **dict.fromkeys(("iso-2022-jp-1", "iso-2022-jp-2", "cp50220", "cp50221"), _JIS),
    **dict.fromkeys(("shift-jis", "shiftjis", "sjis", "x-sjis", "ms-kanji"), _SJIS),
    **dict.fromkeys(("windows-31j", "cp932", "ms932", "csshiftjis"), _SJIS),
    **dict.fromkeys(("euc-jp", "eucjp", "x-euc-jp", "x-euc"), _EUC_JP),
    **dict.fromkeys(("euc-kr", "ks-c-5601-1987", "ks-c-5601", "korean", "cp949"), _KOREAN),
    **dict.fromkeys(("windows-949", "ksc5601", "euckr", "uhc"), _KOREAN),
    **dict.fromkeys(("iso-2022-kr",), ("iso2022_kr",)),
    **dict.fromkeys(("utf-7", "unicode-1-1-utf-7", "x-unicode-2-0-utf-7"), ("utf-7",)),
    **dict.fromkeys(("utf-16", "unicode", "ucs-2", "iso-10646-ucs-2"), ("utf-16",)),
    **dict.fromkeys(("utf-16le", "utf-16-le", "unicodelittle"), ("utf-16-le",)),
    **dict.fromkeys(("utf-16be", "utf-16-be", "unicodebig"), ("utf-16-be",)),
    **dict.fromkeys(("utf-32", "ucs-4"), ("utf-32",)),
    **dict.fromkeys(("koi8-r", "koi8r", "cskoi8r", "koi8"), ("koi8_r",)),
    **dict.fromkeys(("koi8-u", "koi8u", "koi8-ru"), ("koi8_u",)),
    **dict.fromkeys(("iso-8859-8-i", "iso-8859-8-e"), ("cp1255", "iso8859_8")),
    **dict.fromkeys(("iso-8859-9", "latin5"), ("cp1254", "iso8859_9")),
    **dict.fromkeys(("iso-8859-11", "tis-620", "tis620"), ("cp874", "iso8859_11")),
    **dict.fromkeys(("macintosh", "mac", "x-mac-roman"), ("mac_roman",)),
    **{f"iso-8859-{n}": (f"iso8859_{n}",) for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{f"iso8859-{n}": (f"iso8859_{n}",) for n in (2, 5, 7, 15)},
    **{f"windows-{n}": (f"cp{n}",) for n in (874, *range(1250, 1259)) if n != 1252},
    **{f"cp{n}": (f"cp{n}",) for n in (437, 850, 852, 855, 866, *range(1250, 1259)) if n != 1252},
    "viscii": ("cp1258",),
}
"""Python's codecs for each label, in the order in which they are tried. Labels are in lower case
with `-` instead of `_`."""

_ASIAN = {*_GB, *_BIG5, *_SJIS, *_EUC_JP, *_KOREAN}
_SINGLE = {*_LATIN}
_ESCAPED = re.compile(rb"\x1b(?:\$[@B]|\([JI])")
_MULTIBYTE = re.compile(rb"[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_LOOKED_AT = 64 * 2**10
"""How many bytes the detection reads."""
_DAMAGE = 0.05
"""A label is considered wrong if more than this share of the characters beyond ASCII is unreadable.
One unreadable character among several is always accepted."""

_UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufeff]")
_LINE_END = re.compile(r"\r*\n|\r|\u2028|\u2029|\x85")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Decoded text. `charset` is Python's name of the codec that decoded it."""

    text: str
    charset: str


def known(label: str) -> bool:
    return _normalised(label) in _CODECS


def decode(data: bytes, label: str, defects: Defects) -> Decoded:
    """Decode bytes into text, cleaned by `clean`. Never raises."""
    text, charset = _decoded(data, _normalised(label), defects)
    return Decoded(clean(text), charset)


def clean(text: str) -> str:
    """Remove lone surrogates and most control characters, and write every line end as \\n.

    The result is safe for the store, logs and JSON.
    """
    return _UNWANTED.sub("", _LINE_END.sub("\n", text))


def _normalised(label: str) -> str:
    return label.strip("\"'\\<>;, \t\r\n").lower().replace("_", "-")[:60]


def _decoded(data: bytes, label: str, defects: Defects) -> tuple[str, str]:
    if data.isascii() and b"\x1b" not in data and not label.startswith(("utf-7", "hz", "utf-16")):
        if label and label not in _CODECS:
            defects.add(Code.UNKNOWN_CHARSET, label)
        return data.decode("ascii"), "ascii"
    if (marked := _by_byte_order_mark(data)) is not None:
        return marked
    codecs = _CODECS.get(label, ())
    if label and not codecs:
        defects.add(Code.UNKNOWN_CHARSET, label)
    if codecs and (found := _as_labelled(data, codecs, label, defects)) is not None:
        return found
    if not codecs and not label:
        defects.add(Code.NO_CHARSET)
    if (found := _detected(data)) is not None:
        if codecs:
            defects.add(Code.WRONG_CHARSET, f"{label}, read as {found[1]}")
        return found
    defects.add(Code.DAMAGED_TEXT, label)
    last = codecs[0] if codecs else "utf-8"
    return data.decode(last, "replace"), last


def _by_byte_order_mark(data: bytes) -> tuple[str, str] | None:
    """Decode bytes that begin with a byte order mark; None for others.

    The result is also None if the mark is that of UTF-16 but the number of bytes is odd.
    The mark counts more than the label, because no other text begins with these bytes.
    """
    if data.startswith(b"\xef\xbb\xbf"):
        return data.decode("utf-8", "replace"), "utf-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and len(data) % 2 == 0:
        return data.decode("utf-16", "replace"), "utf-16"
    return None


def _as_labelled(
    data: bytes, codecs: tuple[str, ...], label: str, defects: Defects
) -> tuple[str, str] | None:
    if codecs == ("utf-16",):
        if data.isascii() and b"\0" not in data:
            return None  # the label is wrong: this is ASCII, with one byte per character
        # Without a byte order mark, the zero bytes of Latin letters show the byte order.
        codecs = (
            ("utf-16-be",) if data[:200:2].count(0) >= data[1:200:2].count(0) else ("utf-16-le",)
        )
    if codecs[0] in _ASIAN | _SINGLE and (utf8 := _if_certainly_utf8(data)) is not None:
        if not label.startswith(("us-ascii", "ascii")):
            defects.add(Code.WRONG_CHARSET, f"{label}, read as utf-8")
        return utf8, "utf-8"
    if codecs[0] == "cp1252" and (label in ("us-ascii", "ascii") or _ESCAPED.search(data)):
        # A program that does not know the charset writes the label us-ascii. An escape sequence of
        # ISO-2022-JP contradicts every label that means windows-1252.
        return None
    for codec in codecs:
        try:
            return data.decode(codec), codec
        except UnicodeError:
            continue
    # One unreadable character among several does not prove that the label is wrong.
    text = data.decode(codecs[0], "replace")
    beyond = sum(not c.isascii() for c in text)
    if text.count("\N{REPLACEMENT CHARACTER}") <= max(1, beyond * _DAMAGE) and beyond > 1:
        defects.add(Code.DAMAGED_TEXT, label)
        return text, codecs[0]
    return None


def _if_certainly_utf8(data: bytes) -> str | None:
    """Return the text if the bytes are certainly UTF-8; otherwise None.

    All bytes must be valid UTF-8. In addition, one of two conditions must hold:

    - The bytes contain at least two sequences of three or four bytes.
    - All bytes beyond ASCII seem to belong to accented letters.
    """
    if len(_MULTIBYTE.findall(data[:_LOOKED_AT])) < 2 and not _is_latin_in_utf8(data):
        return None
    try:
        return data.decode("utf-8")
    except UnicodeError:
        return None


def _is_latin_in_utf8(data: bytes) -> bool:
    """Whether all bytes beyond ASCII seem to belong to accented letters in UTF-8.

    In UTF-8, an accented letter is a byte from C3 to C5 and one more byte. So half of the bytes
    beyond ASCII are from C3 to C5. For example, `é` has the bytes that mean `Ã©` in Latin-1.
    """
    beyond = [byte for byte in data[:_LOOKED_AT] if byte > 0x7F]
    leads = sum(0xC3 <= byte <= 0xC5 for byte in beyond)
    return len(beyond) > 1 and leads * 2 == len(beyond)


def _detected(data: bytes) -> tuple[str, str] | None:
    """Detect the charset and decode.

    Bytes with an escape sequence of ISO-2022-JP are decoded as ISO-2022-JP. For other bytes, the
    first charset that decodes them without error is used. The order is UTF-8, the charset that
    chardet names, GB 18030, windows-1252. Returns None if every charset fails.
    """
    if b"\x1b" in data and _ESCAPED.search(data):
        return data.decode("iso2022_jp_ext", "replace"), "iso2022_jp_ext"
    guesses = ["utf-8"]
    if not data.isascii():
        guess = chardet.detect(data[:_LOOKED_AT])["encoding"]
        guesses += [*_CODECS.get(_normalised(guess), ())] if guess else []
        guesses += ["gb18030", "cp1252"]
    for codec in guesses:
        try:
            return data.decode(codec), codec
        except UnicodeError:
            continue
    return None
