"""Decode bytes into text, even if their charset label is wrong or missing, or a byte is broken.

A label has the meaning that mail programs give it. Its registered meaning may differ. For example,
gb2312 means GB 18030 here, and iso-8859-1 means windows-1252 (as in the WHATWG Encoding Standard,
https://encoding.spec.whatwg.org). Only the labels in a fixed table are accepted. Python's
`codecs.lookup` would also accept `unicode_escape`, `punycode` and `idna`, which strangers must not
be able to choose.

A label can be wrong, and a byte can be broken. So bytes beyond ASCII are read in every charset that
could be meant, and the likeliest text counts (`likelihood.py`). The label, the rest of the mail and
the languages of the house (`Hints`) speak for their charsets. They decide if the text is too short
to show its charset. A broken byte costs a reading no more than two rare characters, so it does not
turn a text into another alphabet. `mending.py` reads damaged text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import chardet

from redress.base import texts
from redress.base.languages import LANGUAGES
from redress.mail.incoming.reader.likelihood import MARK, cost_of
from redress.mail.incoming.reader.limits import Code, Defects
from redress.mail.incoming.reader.mending import Budget, looks_shifted, mended, with_one_mark

_GB = ("gb18030",)
_BIG5 = ("cp950", "big5hkscs")
_LATIN = ("cp1252", "latin-1")
_SJIS = ("cp932", "shift_jis_2004")
_EUC_JP = ("euc_jp", "euc_jis_2004")
_JIS = ("iso2022_jp", "iso2022_jp_ext", "iso2022_jp_2004")
_KOREAN = ("cp949",)

_ISO_8859 = (2, 3, 4, 5, 6, 7, 10, 13, 14, 15, 16)
_WINDOWS = (1250, 1251, 1253, 1254, 1255, 1256, 1257, 1258)
_ASCII_LABELS = (
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


_CODECS: dict[str, tuple[str, ...]] = {
    **_same(
        "utf-8 utf8 uft-8 utf-8-sig unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8"
        " utf8mb4 csutf8 cp65001 windows-65001 65001",
        "utf-8",
    ),
    **dict.fromkeys(_ASCII_LABELS, _LATIN),
    **_same(
        "iso-8859-1 iso8859-1 latin1 latin-1 l1 windows-1252 cp1252 x-cp1252 1252 8859-1 cp819"
        " ibm819 iso-ir-100 csisolatin1 iso-8859-1:1987 iso-8859-1-windows-3.1-latin-1 cp28591",
        *_LATIN,
    ),
    **_same(
        "gb2312 gb-2312 gb-2312-80 gb2312-80 csgb2312 gb2312-charset iso-ir-58 csiso58gb231280"
        " gbk cp936 ms936 windows-936 936 chinese x-gbk x-gb csgbk gb18030 gb-18030 gb18030-2000"
        " gb18030-2005 gb18030-2022 csgb18030 euc-cn x-euc-cn euccn cp54936 cp51936 cp20936",
        *_GB,
    ),
    **_same("hz-gb-2312 hz hzgb2312 x-hz cp52936", "hz"),
    **_same(
        "big5 big-5 big5-hkscs big5hkscs csbig5hkscs cn-big5 csbig5 x-x-big5 x-big5 big5-eten"
        " big5-tw cp950 ms950 windows-950 950 cp951 euc-tw x-euc-tw",
        *_BIG5,
    ),
    **_same(
        "iso-2022-jp csiso2022jp iso-2022-jp-ms iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-3"
        " iso-2022-jp-2004 csiso2022jp2 jis x-iso-2022-jp cp50220 cp50221 cp50222",
        *_JIS,
    ),
    **_same(
        "shift-jis shiftjis sjis x-sjis ms-kanji csshiftjis x-shift-jis shift-jis-2004 sjis-win"
        " windows-31j cswindows31j ms932 cp932 windows-932 932 cp943 ibm943",
        *_SJIS,
    ),
    **_same(
        "euc-jp eucjp x-euc-jp x-euc cseucpkdfmtjapanese eucjp-ms eucjp-win cp51932 cp20932"
        " extended-unix-code-packed-format-for-japanese",
        *_EUC_JP,
    ),
    **_same(
        "euc-kr euckr x-euc-kr cseuckr ks-c-5601-1987 ks-c-5601-1989 ks-c-5601 ksc5601 ksc-5601"
        " csksc56011987 iso-ir-149 ks-x-1001 korean cp949 ms949 windows-949 x-windows-949 949"
        " uhc cp51949 cp20949",
        *_KOREAN,
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
"""Python's codecs for each label, in the order in which they are tried. Labels are in lower case
with `-` instead of `_`."""

_LATIN_1 = "cp1252"
_FAMILIES = (("utf-8",), _GB, _BIG5, _SJIS, _EUC_JP, _KOREAN, _LATIN)
"""The charsets that are always considered. Each is a codec, followed by codecs of a larger set of
characters that are used if the first one fails."""
_WRITTEN_IN = {
    "zh-CN": ("gb18030",),
    "zh-TW": ("cp950",),
    "zh-HK": ("cp950",),
    "ja": ("cp932", "euc_jp"),
    "ko": ("cp949",),
    "en": (_LATIN_1,),
}
"""The charsets other than UTF-8 in which a language is written."""
_SEVEN_BIT = ("utf-7", "hz", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "iso2022_kr")
"""In these, bytes below 0x80 can mean other characters than ASCII."""
_ESCAPED = {
    re.compile(rb"\x1b(?:\$[@B]|\([JI])"): "iso2022_jp_ext",
    re.compile(rb"\x1b\$\)C"): "iso2022_kr",
}
"""Escape sequences at which a text in ISO 2022 is known, with the codec that reads it."""
_ISO_2022_CN = re.compile(rb"\x1b\$\)[AE]")
_HZ = re.compile(rb"~\{(?:[!-w][!-~]){1,100}~\}")
_SHIFTED = re.compile(rb"\x0e([^\x0f\r\n]{1,2000})\x0f?")

_MULTIBYTE = re.compile(rb"[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_LOOKED_AT = 64 * 2**10
"""How many bytes the detection searches for bytes beyond ASCII."""
_COMPARED = 1_200
"""How many bytes, at and after those beyond ASCII, it reads in each charset."""
_MENDED = 400
"""How many of these bytes it mends in each charset."""
_PIECE = re.compile(rb"[\x21-\x7f]?[\x80-\xff][\x30-\xff]*")
"""Bytes that need a charset. No character of several bytes contains a byte below 0x30."""
_UNLIKELY, _UNLIKELY_LATIN = 10.0, 6.5
"""If the best reading costs more per character, chardet is asked for another charset."""

# How much more likely a charset is because something speaks for it: natural logarithms.
_LABEL, _LATIN_LABEL, _OTHER_LABEL = 8.0, 4.0, 9.0
"""What a label is worth. Some programs write a label of Latin-1 without knowing the charset."""
_HOUSE, _HOUSE_STEP = 4.0, 0.3
"""What a language of the house is worth, and how much less each further one is worth."""
_LATIN_MAIL = -2.0
"""Text in Latin letters is seldom in another charset than UTF-8."""
_REST = 4.0
"""What it is worth that the rest of the mail is written or labelled in a charset."""
_CHARDET = 4.0
_LEAST_FOR_CHARDET = 12
"""Bytes beyond ASCII. From fewer, chardet often names an alphabet that nobody wrote."""
_HIGH = bytes(range(0x80, 0x100))

_WRITTEN_MARK = MARK.encode()
"""In UTF-8: the text was damaged before it was sent."""
_LINE_END = re.compile(r"\r*\n|\r|\u2028|\u2029|\x85")
_BEYOND_LATIN = re.compile(r"[\u2e80-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Decoded text. `charset` is Python's name of the codec that decoded it."""

    text: str
    charset: str


class Hints:
    """What is known about the charsets of a mail, apart from the bytes in question.

    That is: the languages that the house answers in, the labels in the mail, and what has been read
    of it. A label of Latin-1 or ASCII says nothing about other parts. `budget` limits how many
    bytes of a mail are mended.
    """

    def __init__(self, languages: Sequence[str] = LANGUAGES) -> None:
        self.budget = Budget()
        self._house = {"utf-8": _HOUSE} | {
            codec: _HOUSE - _HOUSE_STEP * place
            for place, language in reversed(list(enumerate(languages)))
            for codec in _WRITTEN_IN.get(language, ())
        }
        self._rest: set[str] = set()
        self._unread: list[str] = []

    def note_label(self, label: str) -> None:
        """Note a label that is in the mail."""
        found = _codecs_of(_normalised(label))
        if found and found[0] not in (_LATIN_1, *_SEVEN_BIT):
            self._rest.add("cp932" if found == _JIS else found[0])

    def note_text(self, text: str, codec: str) -> None:
        """Note a text that was read from the mail, unless it is too short to be sure of it."""
        found = _BEYOND_LATIN.findall(text[:_NOTED_LENGTH])
        if len(self._unread) < _NOTED and len(found) >= (1 if codec == "utf-8" else _SURE):
            self._unread.append("".join(found))
            if codec in _FAMILY_OF and codec != "utf-8":
                self._rest.add(codec)

    def codecs(self) -> set[str]:
        """Return the codecs of charsets that the rest of the mail is written or labelled in."""
        for text in self._unread:
            self._rest.update(_written_in(text))
        self._unread.clear()
        return self._rest

    def worth(self, codec: str) -> float:
        """Return how much more likely a charset is because of all this."""
        house = self._house.get(codec, 0.0) + (_LATIN_MAIL if codec == _LATIN_1 else 0.0)
        return house + (_REST if codec in self.codecs() else 0.0)


_NOTED, _NOTED_LENGTH = 20, 500
"""How many texts of a mail are noted, and how many characters of each."""
_SURE = 8
"""So many characters show their charset."""


def _written_in(text: str) -> tuple[str, ...]:
    """Return the charsets in which the language of a text is written; () if it does not show."""
    if any("\u3041" <= one <= "\u30fa" for one in text):
        return _WRITTEN_IN["ja"]
    if any("\uac00" <= one <= "\ud7a3" for one in text):
        return _WRITTEN_IN["ko"]
    simplified = sum(_encodes(one, "gb2312") for one in set(text))
    traditional = sum(_encodes(one, "big5") for one in set(text))
    if simplified == traditional:
        return ()
    return _WRITTEN_IN["zh-CN" if simplified > traditional else "zh-TW"]


def _encodes(character: str, codec: str) -> bool:
    try:
        return bool(character.encode(codec))
    except UnicodeError:
        return False


def known(label: str) -> bool:
    return bool(_codecs_of(_normalised(label)))


def decode(
    data: bytes, label: str | None, defects: Defects, hints: Hints | None = None, also: str = ""
) -> Decoded:
    """Decode bytes into text, cleaned by `clean`. Never raises.

    The label is None for bytes that cannot have one, such as those of a header. `also` is a second
    label, such as the one inside HTML. The text is noted in `hints`.
    """
    hints = hints or Hints()
    if label == "" and not also and not data.isascii():
        defects.add(Code.NO_CHARSET)
    text, charset = _decoded(data, _normalised(label or ""), _normalised(also), defects, hints)
    if charset != "ascii":
        hints.note_text(text, charset)
    return Decoded(clean(text), charset)


def clean(text: str) -> str:
    """Remove what a text may not contain, and write every line end as \\n.

    Lone surrogates and control characters go, and characters that reorder the text around them
    (`redress.base.texts`). The result is safe for the store, logs and JSON.
    """
    return texts.without_dangers(_LINE_END.sub("\n", text))


def _normalised(label: str) -> str:
    return label.strip("\"'\\<>;, \t\r\n").lower().replace("_", "-")[:60]


def _codecs_of(label: str) -> tuple[str, ...]:
    """Return Python's codecs for a label; () if it is unknown. The label is normalised."""
    first = re.split(r"[\s;,(]", label.removeprefix("charset="), maxsplit=1)[0]
    return _CODECS.get(label) or _SQUEEZED.get(_squeezed(label)) or _CODECS.get(first, ())


def _squeezed(label: str) -> str:
    """Return a label without the marks and blanks that programs set differently."""
    return "".join(one for one in label if one.isascii() and one.isalnum())


_SQUEEZED = {_squeezed(label): found for label, found in _CODECS.items()}


def _decoded(data: bytes, label: str, also: str, defects: Defects, hints: Hints) -> tuple[str, str]:
    labelled = _codecs_of(label)
    if label and not labelled:
        defects.add(Code.UNKNOWN_CHARSET, label)
    if not labelled:
        labelled = _codecs_of(also)
    if data.isascii() and b"\x1b" not in data:
        if labelled == _GB and _HZ.search(data[:_LOOKED_AT]):
            labelled = ("hz",)
        if not labelled or labelled[0] not in _SEVEN_BIT:
            return data.decode("ascii"), "ascii"
    if (marked := _by_byte_order_mark(data)) is not None:
        return marked
    found = (
        _as_labelled(data, labelled)
        or _escaped(data)
        or _likeliest(data, labelled, _codecs_of(also), label, hints)
    )
    text, codec = found
    if MARK in text and _WRITTEN_MARK not in data:
        defects.add(Code.DAMAGED_TEXT, label)
    # Many programs write the label of ASCII for UTF-8.
    expected = codec in _meant_by(labelled) or (codec == "utf-8" and label in _ASCII_LABELS)
    if label and labelled and not expected:
        defects.add(Code.WRONG_CHARSET, f"{label}, read as {codec}")
    return found


def _meant_by(labelled: tuple[str, ...]) -> tuple[str, ...]:
    return (*labelled, "utf-16-le", "utf-16-be") if labelled == ("utf-16",) else labelled


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


def _as_labelled(data: bytes, labelled: tuple[str, ...]) -> tuple[str, str] | None:
    """Decode text in a charset that is known by its bytes, if it has that label.

    The result is None for other charsets, and if the bytes contradict the label.
    """
    if not labelled:
        return None
    if labelled == ("utf-8",):
        try:
            text = data.decode("utf-8")
        except UnicodeError:
            return None
        # So many characters are not valid by chance.
        return (text, "utf-8") if len(_MULTIBYTE.findall(data[:_LOOKED_AT])) > 1 else None
    if labelled[0] not in (*_SEVEN_BIT, *_JIS):
        return None
    if labelled == ("utf-16",):
        if data.isascii() and b"\0" not in data:
            return None  # the label is wrong: this is ASCII, with one byte per character
        # Without a byte order mark, the zero bytes of Latin letters show the byte order.
        labelled = (
            ("utf-16-be",) if data[:200:2].count(0) >= data[1:200:2].count(0) else ("utf-16-le",)
        )
    for codec in labelled:
        try:
            return data.decode(codec), codec
        except UnicodeError:
            continue
    text = data.decode(labelled[0], "replace")
    beyond = sum(not one.isascii() for one in text)
    # One unreadable character among several does not prove that the label is wrong.
    return (text, labelled[0]) if beyond > 1 and text.count(MARK) <= max(1, beyond // 20) else None


def _escaped(data: bytes) -> tuple[str, str] | None:
    """Decode bytes with the escape sequences of ISO 2022; None for others."""
    if b"\x1b" not in data:
        return None
    if _ISO_2022_CN.search(data):
        # Python has no codec for ISO-2022-CN: these are the bytes of GB 2312 without the high bit.
        raised = _SHIFTED.sub(lambda match: bytes(one | 0x80 for one in match.group(1)), data)
        return _ISO_2022_CN.sub(b"", raised).decode("gb18030", "replace"), "gb18030"
    for sequence, codec in _ESCAPED.items():
        if sequence.search(data):
            return data.decode(codec, "replace"), codec
    return None


# ------------------------------------------------------------------------------ the decision


def _likeliest(
    data: bytes,
    labelled: tuple[str, ...],
    also: tuple[str, ...],
    label: str,
    hints: Hints,
) -> tuple[str, str]:
    """Decode bytes in the charset in which their text is likeliest."""
    if (utf8 := _if_certainly_utf8(data)) is not None:
        return utf8, "utf-8"
    sample, cut = _sample(data)
    if not sample:
        return data.decode("utf-8", "replace"), "utf-8"
    worth = _worth(labelled, label)
    if also and also != labelled:
        worth[also[0]] = worth.get(also[0], 0.0) + _REST
    if labelled == _JIS:  # written without its escape sequences, the text is in one of these
        worth |= dict.fromkeys(_WRITTEN_IN["ja"], _REST)
    families = dict.fromkeys(
        (*_FAMILIES, *(one for one in (labelled, also) if one), *_families_of(hints))
    )
    prior = {
        family: hints.worth(family[0]) + worth.get(family[0], 0.0)
        for family in families
        if family[0] not in (*_SEVEN_BIT, *_JIS)
    }
    found = {family: _cost(sample, family, cut) - prior[family] for family in prior}
    best = min(found, key=lambda family: found[family])
    if _is_doubtful(sample, best, cut):
        short = sample[:_MENDED]
        close = [one for one in found if found[one] <= 2 * found[best] + 40]
        found = {
            family: cost_of(mended(short, family[0], hints.budget), family[0]) - prior[family]
            for family in close
        }
        # It may name an alphabet that the label and the house do not: not against a valid label.
        contradicted = labelled in ((), _LATIN) or MARK in _tried(sample, labelled, cut)
        if contradicted and (guess := _asked_chardet(data)) and guess not in found:
            found[guess] = cost_of(mended(short, guess[0], hints.budget), guess[0]) - _CHARDET
        best = min(found, key=lambda family: found[family])
    return _read(data, best, hints)


def _worth(labelled: tuple[str, ...], label: str) -> dict[str, float]:
    """Return how much more likely the label makes its charset, by the first of its codecs."""
    if not labelled or label in _ASCII_LABELS:
        return {}
    if labelled == _LATIN:
        return {_LATIN_1: _LATIN_LABEL}
    return {labelled[0]: _LABEL if labelled in _FAMILIES else _OTHER_LABEL}


def _families_of(hints: Hints) -> Iterator[tuple[str, ...]]:
    for codec in hints.codecs():
        yield _FAMILY_OF.get(codec, (codec,))


_FAMILY_OF = {family[0]: family for family in (*_CODECS.values(), *_FAMILIES)}


def _sample(data: bytes) -> tuple[bytes, bool]:
    """Return the first pieces of the data that need a charset, and whether the last one is cut."""
    found: list[bytes] = []
    size = 0
    for match in _PIECE.finditer(data, 0, _LOOKED_AT):
        found.append(match.group()[: _COMPARED - size])
        size += len(match.group())
        if size > _COMPARED:
            return b" ".join(found), True
    return b" ".join(found), len(data) > _LOOKED_AT


def _cost(sample: bytes, family: tuple[str, ...], cut: bool) -> float:
    return cost_of(_tried(sample, family, cut), family[0])


def _tried(sample: bytes, family: tuple[str, ...], cut: bool) -> str:
    """Decode a sample, whose last character may be cut."""
    for codec in family:
        try:
            return codecs.getincrementaldecoder(codec)().decode(sample, not cut)
        except UnicodeError:
            continue
    try:
        return codecs.getincrementaldecoder(family[0])("replace").decode(sample, not cut)
    except UnicodeError:
        # Python's decoders of UTF-16 and UTF-32 need a byte order mark, whatever the errors mode.
        return MARK * len(sample)


def _is_doubtful(sample: bytes, family: tuple[str, ...], cut: bool) -> bool:
    """Whether even the likeliest reading of a sample has errors or is unlikely."""
    text = _tried(sample, family, cut)
    beyond = "".join(one for one in text if not one.isascii())
    limit = _UNLIKELY_LATIN if family[0] in _ONE_BYTE else _UNLIKELY
    return MARK in text or cost_of(beyond, family[0]) > limit * len(beyond)


_ONE_BYTE = {family[0] for family in _CODECS.values()} - {
    *_SEVEN_BIT,
    *_JIS,
    *(family[0] for family in _FAMILIES if family != _LATIN),
}


def _asked_chardet(data: bytes) -> tuple[str, ...]:
    """Return the charset that chardet names; () if the text is too short for it."""
    looked_at = data[:_LOOKED_AT]
    beyond = len(looked_at) - len(looked_at.translate(None, _HIGH))
    if beyond < _LEAST_FOR_CHARDET:
        return ()
    guess = chardet.detect(looked_at)["encoding"]
    return _codecs_of(_normalised(guess)) if guess else ()


def _read(data: bytes, family: tuple[str, ...], hints: Hints) -> tuple[str, str]:
    for codec in family:
        try:
            text = data.decode(codec)
        except UnicodeError:
            continue
        if looks_shifted(text[:_LOOKED_AT], codec):
            text = with_one_mark(mended(data, codec, hints.budget))
        return text, codec
    return with_one_mark(mended(data, family[0], hints.budget)), family[0]


def _if_certainly_utf8(data: bytes) -> str | None:
    """Return the text if the bytes are certainly UTF-8; otherwise None.

    All bytes must be valid UTF-8, with at least two sequences of three or four bytes.
    """
    if len(_MULTIBYTE.findall(data[:_LOOKED_AT])) < 2:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeError:
        return None
