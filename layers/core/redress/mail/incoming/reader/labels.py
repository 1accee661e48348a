"""The labels of charsets, and what mail programs mean by them.

A label has the meaning that mail programs give it, which may differ from its registered meaning.
For example, gb2312 means GB 18030 here, and iso-8859-1 means windows-1252 (as in the WHATWG
Encoding Standard, https://encoding.spec.whatwg.org). The table also has the aliases of that
standard and of IANA, and Windows code pages. All other labels are unknown. Python's `codecs.lookup`
is not used, because it also accepts `unicode_escape`, `punycode` and `idna`, which strangers must
not choose.
"""

from __future__ import annotations

import re

GB = ("gb18030",)
BIG5 = ("cp950", "big5hkscs")
LATIN = ("cp1252", "latin-1")
SJIS = ("cp932", "shift_jis_2004")
EUC_JP = ("euc_jp", "euc_jis_2004")
JIS = ("iso2022_jp", "iso2022_jp_ext", "iso2022_jp_2004")
KOREAN = ("cp949",)

_ISO_8859 = (2, 3, 4, 5, 6, 7, 10, 13, 14, 15, 16)
_WINDOWS = (1250, 1251, 1253, 1254, 1255, 1256, 1257, 1258)
ASCII_LABELS = (
    "us-ascii",
    "ascii",
    "ansi-x3.4-1968",
    "ansi-x3.4-1986",
    "iso646-us",
    "646",
    "iso-ir-6",
    "cp367",
    "ibm367",
    "csascii",
    "us",
    "iso-646.irv:1991",
    "cp20127",
)


def _same(names: str, *found: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(names.split(), found)


CODECS: dict[str, tuple[str, ...]] = {
    **_same(
        "utf-8 utf8 uft-8 utf-8-sig unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8"
        " utf8mb4 csutf8 cp65001 windows-65001 65001",
        "utf-8",
    ),
    **dict.fromkeys(ASCII_LABELS, LATIN),
    **_same(
        "iso-8859-1 iso8859-1 latin1 latin-1 l1 windows-1252 cp1252 x-cp1252 1252 8859-1 cp819"
        " ibm819 iso-ir-100 csisolatin1 iso-8859-1:1987 iso-8859-1-windows-3.1-latin-1 cp28591",
        *LATIN,
    ),
    **_same(
        "gb2312 gb-2312 gb-2312-80 gb2312-80 csgb2312 gb2312-charset iso-ir-58 csiso58gb231280"
        " gbk cp936 ms936 windows-936 936 chinese x-gbk x-gb csgbk gb18030 gb-18030 gb18030-2000"
        " gb18030-2005 gb18030-2022 csgb18030 euc-cn x-euc-cn euccn cp54936 cp51936 cp20936",
        *GB,
    ),
    **_same("hz-gb-2312 hz hzgb2312 x-hz cp52936", "hz"),
    **_same(
        "big5 big-5 big5-hkscs big5hkscs csbig5hkscs cn-big5 csbig5 x-x-big5 x-big5 big5-eten"
        " big5-tw cp950 ms950 windows-950 950 cp951 euc-tw x-euc-tw",
        *BIG5,
    ),
    **_same(
        "iso-2022-jp csiso2022jp iso-2022-jp-ms iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-3"
        " iso-2022-jp-2004 csiso2022jp2 jis x-iso-2022-jp cp50220 cp50221 cp50222",
        *JIS,
    ),
    **_same(
        "shift-jis shiftjis sjis x-sjis ms-kanji csshiftjis x-shift-jis shift-jis-2004 sjis-win"
        " windows-31j cswindows31j ms932 cp932 windows-932 932 cp943 ibm943",
        *SJIS,
    ),
    **_same(
        "euc-jp eucjp x-euc-jp x-euc cseucpkdfmtjapanese eucjp-ms eucjp-win cp51932 cp20932"
        " extended-unix-code-packed-format-for-japanese",
        *EUC_JP,
    ),
    **_same(
        "euc-kr euckr x-euc-kr cseuckr ks-c-5601-1987 ks-c-5601-1989 ks-c-5601 ksc5601 ksc-5601"
        " csksc56011987 iso-ir-149 ks-x-1001 korean cp949 ms949 windows-949 x-windows-949 949"
        " uhc cp51949 cp20949",
        *KOREAN,
    ),
    **_same("iso-2022-kr csiso2022kr cp50225", "iso2022_kr"),
    **_same("iso-2022-cn iso-2022-cn-ext csiso2022cn x-iso-2022-cn-gb cp50227", "gb18030"),
    **_same(
        "utf-7 utf7 unicode-1-1-utf-7 unicode-2-0-utf-7 x-unicode-1-1-utf-7 x-unicode-2-0-utf-7"
        " csunicode11utf7 csutf7 utf-7-imap cp65000 65000",
        "utf-7",
    ),
    **_same("utf-16 unicode ucs-2 iso-10646-ucs-2 csunicode csutf16", "utf-16"),
    **_same("utf-16le utf-16-le unicodelittle unicodefeff ucs-2le csutf16le cp1200", "utf-16-le"),
    **_same("utf-16be utf-16-be unicodebig unicodefffe ucs-2be csutf16be cp1201", "utf-16-be"),
    **_same("utf-32 ucs-4 iso-10646-ucs-4", "utf-32"),
    **_same("koi8-r koi8r cskoi8r koi8 koi cp20866", "koi8_r"),
    **_same("koi8-u koi8u koi8-ru cskoi8u cp21866", "koi8_u"),
    **_same("iso-8859-8-i iso-8859-8-e iso-8859-8 logical visual hebrew", "cp1255", "iso8859_8"),
    **_same("iso-8859-9 iso8859-9 latin5 l5 csisolatin5 cp1254", "cp1254", "iso8859_9"),
    **_same("iso-8859-11 iso8859-11 tis-620 tis620 cp874", "cp874", "iso8859_11"),
    **_same("macintosh mac x-mac-roman csmacintosh cp10000", "mac_roman"),
    **_same("latin2 l2 csisolatin2", "iso8859_2"),
    **_same("cyrillic csisolatincyrillic", "iso8859_5"),
    **_same("arabic csisolatinarabic", "iso8859_6"),
    **_same("greek csisolatingreek", "iso8859_7"),
    **_same("latin-9 latin9 l9 csisolatin9", "iso8859_15"),
    **{f"iso-8859-{n}": (f"iso8859_{n}",) for n in _ISO_8859},
    **{f"iso8859-{n}": (f"iso8859_{n}",) for n in _ISO_8859},
    **{f"cp{28590 + n}": (f"iso8859_{n}",) for n in _ISO_8859},
    **{f"windows-{n}": (f"cp{n}",) for n in (874, *_WINDOWS)},
    **{f"{prefix}{n}": (f"cp{n}",) for prefix in ("cp", "x-cp", "") for n in _WINDOWS},
    **{f"{prefix}{n}": (f"cp{n}",) for prefix in ("cp", "ibm") for n in (437, 850, 852, 855, 866)},
    "viscii": ("cp1258",),
}
"""Python's codecs for each label, in the order in which they are tried. Labels are in the form that
`normalised` returns."""


def normalised(label: str) -> str:
    """Return a label in lower case, with `-` for `_`, and without quotes and blanks around it."""
    return label.strip("\"'\\<>;, \t\r\n").lower().replace("_", "-")[:60]


def codecs_of(label: str) -> tuple[str, ...]:
    """Return Python's codecs for a normalised label; () if the label is unknown."""
    first = re.split(r"[\s;,(]", label.removeprefix("charset="), maxsplit=1)[0]
    return CODECS.get(label) or _SQUEEZED.get(_squeezed(label)) or CODECS.get(first, ())


def are_same(label: str, other: str) -> bool:
    """Whether two labels mean the same charset."""
    label, other = normalised(label), normalised(other)
    return label == other or (codecs_of(label) == codecs_of(other) != ())


def _squeezed(label: str) -> str:
    """Return only the ASCII letters and digits of a label; programs differ in the rest."""
    return "".join(one for one in label if one.isascii() and one.isalnum())


_SQUEEZED = {_squeezed(label): found for label, found in CODECS.items()}
