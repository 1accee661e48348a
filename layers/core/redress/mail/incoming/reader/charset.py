"""Decode bytes into text, even if their charset label is wrong or missing, or a byte is broken.

Bytes beyond ASCII are decoded in every charset that could be meant, and the likeliest text is
taken (`likelihood.py`). The label (`labels.py`), the rest of the mail and the languages of the
house (`Hints`) make their charsets likelier. They decide if the text is too short to show its
charset. Accents in the places where Latin words have them make a charset of Latin letters likelier
(`accents.py`). A single odd byte among ASCII characters is read as a Latin letter or as a broken
byte; the ASCII characters beside it stay as they are. A broken byte costs no more than two rare
characters, so a single broken byte does not make a text in another alphabet likelier. `mending.py`
decodes damaged text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import chardet

from redress.base import texts
from redress.base.languages import LANGUAGES
from redress.base.scripts import leaning
from redress.mail.incoming.reader.accents import Evidence, are_words, evidence
from redress.mail.incoming.reader.labels import (
    ASCII_LABELS,
    BIG5,
    CODECS,
    EUC_JP,
    GB,
    JIS,
    KOREAN,
    LATIN,
    SJIS,
    codecs_of,
    normalised,
)
from redress.mail.incoming.reader.likelihood import (
    EATEN,
    MARK,
    PUNCTUATION,
    cost_of,
    half_width_gain,
)
from redress.mail.incoming.reader.limits import Code, Defects
from redress.mail.incoming.reader.mending import (
    EATEN_BYTES,
    Budget,
    looks_shifted,
    mended,
    mended_of_seven_bits,
    with_one_mark,
)

_LATIN_1 = "cp1252"
_FAMILIES = (("utf-8",), GB, BIG5, SJIS, EUC_JP, KOREAN, LATIN)
"""The charsets that are always tried. Each charset is a tuple of codecs. If the first codec fails,
the next one is tried, which has more characters."""
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
"""Codecs in which bytes below 0x80 can mean other characters than ASCII."""
_ESCAPED = {
    re.compile(rb"\x1b(?:\$[@B]|\([JI])"): "iso2022_jp",
    re.compile(rb"\x1b\$\)C"): "iso2022_kr",
    re.compile(rb"\x1b\$\)[AE]"): "iso2022_cn",
}
"""Escape sequences that show which charset of ISO 2022 a text is in. Python has no codec for
ISO-2022-CN, so `mended_of_seven_bits` decodes it."""
_HZ = re.compile(rb"~\{(?:[!-w][!-~]){1,100}~\}")

_MULTIBYTE = re.compile(rb"[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_MANY = 10
"""Valid UTF-8 with at least this many more bytes than characters is certainly UTF-8."""
_LOOKED_AT = 64 * 2**10
"""The number of bytes in which the detection searches for bytes beyond ASCII."""
_COMPARED = 1_200
"""The number of bytes that need a charset (`_PIECE`) and are decoded in each charset."""
_MENDED = 400
"""The number of these bytes that are mended in each charset."""
_PIECE = re.compile(rb"[\x21-\x7f]?[\x80-\xff][\x30-\xff]*")
"""Matches bytes that need a charset. No character of several bytes contains a byte below 0x30."""
_UNLIKELY, _UNLIKELY_LATIN = 8.5, 5.6
"""If the best reading costs more than this per character beyond ASCII, it is unlikely, and chardet
may be asked for another charset. The second number is for charsets with one byte per character."""

# How much likelier evidence makes a charset, as natural logarithms. `likelihood.py` has the scale.
_LABEL, _LATIN_LABEL, _OTHER_LABEL = 8.0, 4.0, 14.0
"""What the label of a charset in `_FAMILIES`, of Latin-1 or of another charset is worth. Some
programs write the label of Latin-1 without knowing the charset."""
_HOUSE, _HOUSE_STEP = 4.0, 0.3
"""What the first language of the house is worth to its charsets, and how much less each further
language is worth."""
_LATIN_MAIL = -2.0
"""What windows-1252 is worth, because text in Latin letters is seldom in another charset than UTF-8."""
_REST = 4.0
"""What it is worth to a charset that other parts of the mail are written or labelled in it."""
_CHARDET = 4.0
_LEAST_FOR_CHARDET, _LEAST_FOR_ACCENTS = 12, 6
"""The number of bytes beyond ASCII that chardet needs. From fewer, it often names an alphabet that
nobody wrote. The second number is for text that seems to be in Latin letters."""
_STRONGLY, _WEAKLY, _WRONG_PLACES = 10.0, 13.0, 4.0
"""What the evidence of accents (`accents.Evidence`) is worth to a charset of Latin letters: FOR, or
WEAK under the label of that charset. The third number is the cost of AGAINST without such a
label."""
_CERTAIN = 8
"""The number of accents that show the charset without a label, if all stand as in Latin words."""
_IN_WORD = re.compile(r"[A-Za-z][^\x00-\x7f]|[^\x00-\x7f][A-Za-z]")
_EACH = 3.5
"""What each accent after the first one is worth, in addition."""
_EATING = (GB, BIG5, SJIS, KOREAN)
"""The charsets with characters that contain an ASCII byte (`mending.EATEN_BYTES`)."""
_BEGINS = re.compile(rb"(?<![0-9A-Za-z]).[A-Z][a-z]", re.DOTALL)
"""Matches an odd byte before a capitalised word, such as the byte of ¡ in ¡Hola."""
_COMMON = 9.0
"""A character that costs less than this is common."""
_EATEN_IN_WORD = 8.0
"""What a character that contains an ASCII byte costs within a word, in addition to EATEN."""
_HIGH = bytes(range(0x80, 0x100))

_WRITTEN_MARK = MARK.encode()
"""The replacement character in UTF-8. If a mail contains it, its text was damaged before it was
sent."""
_LINE_END = re.compile(r"\r*\n|\r|\u2028|\u2029|\x85")
_BEYOND_LATIN = re.compile(r"[\u2e80-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Decoded text. `charset` is Python's name of the codec that decoded it."""

    text: str
    charset: str


class Hints:
    """What is known about the charsets of a mail, apart from the bytes that are to be decoded.

    The sources are the languages in which customers of the house write, the labels in the mail, and
    the texts of the mail that were decoded before. A label of Latin-1 or ASCII says nothing about
    other parts. `budget` limits the work for a mail. `usual` holds the codecs of the charset that
    was found last. When the budget is used up, texts without a usable label are decoded in it.
    """

    def __init__(self, languages: Sequence[str] = LANGUAGES) -> None:
        self.budget = Budget()
        self.usual: tuple[str, ...] = ("utf-8",)
        self._house = {"utf-8": _HOUSE} | {
            codec: _HOUSE - _HOUSE_STEP * place
            for place, language in reversed(list(enumerate(languages)))
            for codec in _WRITTEN_IN.get(language, ())
        }
        self._rest: set[str] = set()
        self._unread: list[str] = []

    def note_label(self, label: str) -> None:
        """Note a label of the mail."""
        found = codecs_of(normalised(label))
        if found and found[0] not in (_LATIN_1, *_SEVEN_BIT):
            self._rest.add("cp932" if found == JIS else found[0])

    def note_text(self, text: str, codec: str) -> None:
        """Note a decoded text of the mail, unless it is too short to show its charset."""
        found = _BEYOND_LATIN.findall(text[:_NOTED_LENGTH])
        if len(self._unread) < _NOTED and len(found) >= (1 if codec == "utf-8" else _SURE):
            self._unread.append("".join(found))
            if codec in _FAMILY_OF and codec != "utf-8":
                self._rest.add(codec)

    def codecs(self) -> set[str]:
        """Return codecs of the charsets in which other parts of the mail are written or labelled.

        Noted texts are examined when the codecs are first needed.
        """
        for text in self._unread:
            self._rest.update(_written_in(text))
        self._unread.clear()
        return self._rest

    def worth(self, codec: str) -> float:
        """Return how much likelier these hints make a charset."""
        house = self._house.get(codec, 0.0) + (_LATIN_MAIL if codec == _LATIN_1 else 0.0)
        return house + (_REST if codec in self.codecs() else 0.0)


_NOTED, _NOTED_LENGTH = 20, 500
"""How many texts of a mail are noted, and how many characters of each."""
_SURE = 8
"""A text with at least this many characters beyond Latin letters shows its charset."""


def _written_in(text: str) -> tuple[str, ...]:
    """Return the charsets of a text's language; () if the text does not show its language."""
    if any("\u3041" <= one <= "\u30fa" for one in text):
        return _WRITTEN_IN["ja"]
    if any("\uac00" <= one <= "\ud7a3" for one in text):
        return _WRITTEN_IN["ko"]
    leans = sum(map(leaning, set(text)))
    return _WRITTEN_IN["zh-CN" if leans < 0 else "zh-TW"] if leans else ()


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
    text, charset = _decoded(data, normalised(label or ""), normalised(also), defects, hints)
    if charset != "ascii":
        hints.note_text(text, charset)
    return Decoded(clean(text), charset)


def clean(text: str) -> str:
    """Remove what a text may not contain, and write every line end as \\n.

    Lone surrogates, control characters and characters that reorder the text around them are removed
    (`redress.base.texts`). The result is safe for the store, logs and JSON.
    """
    if text.isprintable():
        return text  # most headers: everything that would be removed is not printable
    text = text.replace("\r\n", "\n")
    if "\r" in text:
        text = _LINE_END.sub("\n", text)
    elif not text.isascii():
        text = text.replace("\u2028", "\n").replace("\u2029", "\n").replace("\x85", "\n")
    return texts.without_dangers(text)


def _decoded(data: bytes, label: str, also: str, defects: Defects, hints: Hints) -> tuple[str, str]:
    labelled = codecs_of(label)
    if label and not labelled:
        defects.add(Code.UNKNOWN_CHARSET, label)
    if not labelled:
        labelled = codecs_of(also)
    if data.isascii() and b"\x1b" not in data:
        if labelled == GB and _HZ.search(data[:_LOOKED_AT]):
            labelled = ("hz",)
        if not labelled or labelled[0] not in _SEVEN_BIT:
            return data.decode("ascii"), "ascii"
    if (marked := _by_byte_order_mark(data)) is not None:
        return marked
    found = (
        _as_labelled(data, labelled, hints)
        or _if_certainly_utf8(data)
        or _escaped(data, hints)
        or _likeliest(data, labelled, codecs_of(also), label, hints)
    )
    text, codec = found
    if MARK in text and _WRITTEN_MARK not in data:
        defects.add(Code.DAMAGED_TEXT, label)
    # Many programs write the label of ASCII for UTF-8.
    expected = codec in _meant_by(labelled) or (codec == "utf-8" and label in ASCII_LABELS)
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
        return with_one_mark(data.decode("utf-8", "replace")), "utf-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and len(data) % 2 == 0:
        return data.decode("utf-16", "replace"), "utf-16"
    return None


def _as_labelled(data: bytes, labelled: tuple[str, ...], hints: Hints) -> tuple[str, str] | None:
    """Decode text that is labelled as UTF-7, UTF-16, UTF-32, HZ, ISO-2022-JP or -KR.

    The result is None for all other labels, and if the bytes contradict the label.
    """
    if not labelled or labelled[0] not in (*_SEVEN_BIT, *JIS):
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
    if labelled == ("hz",):
        text = with_one_mark(mended_of_seven_bits(data, "hz", hints.budget))
    elif labelled == JIS:
        return None
    else:
        text = data.decode(labelled[0], "replace")
    beyond = sum(not one.isascii() for one in text)
    # One character that cannot be decoded, among several, does not prove that the label is wrong.
    return (text, labelled[0]) if beyond > 1 and text.count(MARK) <= max(1, beyond // 20) else None


def _escaped(data: bytes, hints: Hints) -> tuple[str, str] | None:
    """Decode bytes with the escape sequences of ISO 2022; None for others."""
    if b"\x1b" not in data:
        return None
    for sequence, codec in _ESCAPED.items():
        if sequence.search(data):
            for exact in {"iso2022_jp": JIS, "iso2022_kr": (codec,)}.get(codec, ()):
                try:
                    return data.decode(exact), exact
                except UnicodeError:
                    continue
            return with_one_mark(mended_of_seven_bits(data, codec, hints.budget)), codec
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
    sample, cut = _sample(data)
    if not sample:
        return data.decode("utf-8", "replace"), "utf-8"
    if hints.budget.texts <= 0:
        usable = labelled and labelled[0] not in (*_SEVEN_BIT, *JIS)
        return _read(data, labelled if usable else hints.usual, hints)
    hints.budget.texts -= 1
    worth = _worth(labelled, label)
    if also and also != labelled:
        worth[also[0]] = worth.get(also[0], 0.0) + _REST
    if labelled == JIS:  # without escape sequences, the text is in Shift_JIS or EUC-JP
        worth |= dict.fromkeys(_WRITTEN_IN["ja"], _REST)
    families = dict.fromkeys(
        (*_FAMILIES, *(one for one in (labelled, also) if one), *_families_of(hints))
    )
    prior = {
        family: hints.worth(family[0]) + worth.get(family[0], 0.0)
        for family in families
        if family[0] not in (*_SEVEN_BIT, *JIS)
    }
    if (certain := _certain(sample, cut, labelled, label)) is not None:
        hints.usual = certain
        return _read(data, certain, hints)
    texts = {family: _tried(sample, family, cut) for family in prior}
    accented = _gains_of_accents(texts, labelled, label)
    for family, gain in accented.items():
        prior[family] += gain
    prior[SJIS] += half_width_gain(texts[SJIS], expected=prior[SJIS] > 0)
    for family in _EATING if EATEN_BYTES.search(sample) else ():
        prior[family] -= _cost_of_eaten(sample, family, labelled=family == labelled)
    found = {family: cost_of(texts[family], family[0]) - prior[family] for family in prior}
    best = min(found, key=lambda family: found[family])
    text = texts[best]
    if accented.get(best, 0.0) <= 0 and (MARK in text or _is_unlikely(text, best)):
        close = [one for one in found if found[one] <= 2 * found[best] + 40]
        # chardet may find an alphabet that no hint names. It is not asked if the bytes are valid in
        # the labelled charset.
        is_valid = labelled not in ((), LATIN) and MARK not in _tried(sample, labelled, cut)
        asked = b"" if is_valid else data[:_LOOKED_AT]
        best = _likeliest_mended(sample[:_MENDED], {one: prior[one] for one in close}, hints, asked)
    hints.usual = best
    return _read(data, best, hints)


def _worth(labelled: tuple[str, ...], label: str) -> dict[str, float]:
    """Return the first codec of the labelled charset with what the label is worth to it.

    The result is empty if there is no label, or one of ASCII.
    """
    if not labelled or label in ASCII_LABELS:
        return {}
    if labelled == LATIN:
        return {_LATIN_1: _LATIN_LABEL}
    return {labelled[0]: _LABEL if labelled in _FAMILIES else _OTHER_LABEL}


def _certain(
    sample: bytes, cut: bool, labelled: tuple[str, ...], label: str
) -> tuple[str, ...] | None:
    """Return the charset of a text that is certainly in it; None if no charset is certain.

    Only charsets with one byte per character are certain in this way.
    """
    if MARK not in _tried(sample, ("utf-8",), cut):
        return None
    if labelled and labelled != LATIN:
        is_written = labelled[0] in _ONE_BYTE and are_words(_tried(sample, labelled, cut))
        return labelled if is_written else None
    text = _tried(sample, LATIN, cut)
    shown, length = evidence(text)
    is_labelled = labelled == LATIN and label not in ASCII_LABELS
    if shown is Evidence.FOR and (is_labelled or length >= _CERTAIN) and _IN_WORD.search(text):
        return LATIN
    return None


def _gains_of_accents(
    texts: dict[tuple[str, ...], str], labelled: tuple[str, ...], label: str
) -> dict[tuple[str, ...], float]:
    """Return how much likelier a charset of Latin letters is by the places of its accents.

    This is the labelled charset if it has one byte per character, otherwise windows-1252.
    """
    if MARK not in texts[("utf-8",)]:
        return {}
    own = labelled if labelled and labelled[0] in _ONE_BYTE else LATIN
    shown, length = evidence(texts[own])
    if labelled in _EATING and not _IN_WORD.search(texts[own]):
        return {}
    if own == labelled and label not in ASCII_LABELS:
        gain = (0.0, _WEAKLY, _STRONGLY + _LATIN_LABEL)[shown]
    else:
        gain = (-_WRONG_PLACES, 0.0, _STRONGLY)[shown]
    return {own: gain + (_EACH * (length - 1) if shown else 0.0)}


def _cost_of_eaten(sample: bytes, family: tuple[str, ...], *, labelled: bool) -> float:
    """Return what a charset costs because its characters contain ASCII bytes of the text around.

    If the text has the label of the charset (`labelled`), marks such as a full-width comma and
    common characters outside of words cost nothing, unless a capitalised word seems to begin with
    their ASCII byte.
    """
    cost = 0.0
    for match in EATEN_BYTES.finditer(sample):
        text = match.group().decode(family[0], "replace")
        if labelled and not _BEGINS.match(sample, match.start()):
            is_common = not match.group(1) and cost_of(text, family[0]) < _COMMON
            if is_common or text in PUNCTUATION:
                continue
        cost += EATEN + (_EATEN_IN_WORD if match.group(1) else 0.0)
    return cost


def _families_of(hints: Hints) -> Iterator[tuple[str, ...]]:
    for codec in hints.codecs():
        yield _FAMILY_OF.get(codec, (codec,))


_FAMILY_OF = {family[0]: family for family in (*CODECS.values(), *_FAMILIES)}


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


def _likeliest_mended(
    sample: bytes, prior: dict[tuple[str, ...], float], hints: Hints, asked: bytes
) -> tuple[str, ...]:
    """Return the charset in which a sample is likeliest after its damage is mended.

    If the likeliest text is unlikely even without its broken places, chardet is asked for another
    charset. It gets the bytes in `asked`.
    """
    texts = {family: mended(sample, family[0], hints.budget) for family in prior}
    found = {family: cost_of(texts[family], family[0]) - prior[family] for family in prior}
    best = min(found, key=lambda family: found[family])
    if hints.budget.questions > 0 and _is_unlikely(texts[best].replace(MARK, ""), best):
        hints.budget.questions -= 1
        least = _LEAST_FOR_ACCENTS if best == LATIN else _LEAST_FOR_CHARDET
        if (guess := _asked_chardet(asked, least)) and guess not in found:
            text = mended(sample, guess[0], hints.budget)
            if cost_of(text, guess[0]) - _CHARDET < found[best]:
                return guess
    return best


def _is_unlikely(text: str, family: tuple[str, ...]) -> bool:
    """Whether a text is unlikely in the languages that are written in its charset."""
    ascii_only = "".join(one for one in text if one.isascii())
    cost = cost_of(text, family[0]) - cost_of(ascii_only, family[0])
    limit = _UNLIKELY_LATIN if family[0] in _ONE_BYTE else _UNLIKELY
    return cost > limit * (len(text) - len(ascii_only))


_ONE_BYTE = {family[0] for family in CODECS.values()} - {
    *_SEVEN_BIT,
    *JIS,
    *(family[0] for family in _FAMILIES if family != LATIN),
}


def _asked_chardet(data: bytes, least: int) -> tuple[str, ...]:
    """Return the charset that chardet names; () if fewer bytes than `least` are beyond ASCII."""
    if len(data) - len(data.translate(None, _HIGH)) < least:
        return ()
    guess = chardet.detect(data)["encoding"]
    found = codecs_of(normalised(guess)) if guess else ()
    # These charsets are recognised by a label, a byte order mark or escapes, never by a guess.
    return () if found[:1] in [(one,) for one in (*_SEVEN_BIT, JIS[0])] else found


def _read(data: bytes, family: tuple[str, ...], hints: Hints) -> tuple[str, str]:
    """Decode bytes in a charset.

    If some lines are not valid in it, the charset of each of these lines is detected, because
    gateways append text in their own charset.
    """
    if (found := _valid(data, family)) is not None:
        text, codec = found
        if looks_shifted(text[:_LOOKED_AT], codec):
            text = with_one_mark(mended(data, codec, hints.budget))
        return text, codec
    lines = data.split(b"\n")
    if len(lines) > 1 and hints.budget.texts > 0:
        found_lines = (
            _valid(line, family) or _likeliest_line(line, family, hints) for line in lines
        )
        return "\n".join(text for text, _ in found_lines), family[0]
    return with_one_mark(mended(data, family[0], hints.budget)), family[0]


def _valid(data: bytes, family: tuple[str, ...]) -> tuple[str, str] | None:
    """Decode bytes in a charset if they are valid in it; otherwise None."""
    for codec in family:
        try:
            return data.decode(codec), codec
        except UnicodeError:
            continue
    return None


def _likeliest_line(line: bytes, family: tuple[str, ...], hints: Hints) -> tuple[str, str]:
    """Decode a line that is not valid in the charset of the text around it."""
    return _if_certainly_utf8(line) or _likeliest(line, family, (), "", hints)


def _if_certainly_utf8(data: bytes) -> tuple[str, str] | None:
    """Decode bytes that are certainly UTF-8; None for others.

    All bytes must be valid UTF-8, with at least two sequences of three or four bytes, or with ten
    more bytes than characters. Text in another charset is not valid UTF-8 for so long by chance.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeError:
        return None
    # In UTF-8, each character beyond ASCII has one to three bytes more than an ASCII character.
    more = len(data) - len(text)
    if more < _MANY and (more < 4 or len(_MULTIBYTE.findall(data[:_LOOKED_AT])) < 2):
        return None
    return text, "utf-8"
