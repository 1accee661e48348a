"""Phone numbers as people type and paste them, and their form for calling.

A number is stored as it was written, because an agent may understand a number that no rule does.
`e164` returns the form that a telephone system dials, if the number is valid.

phonenumberslite, a port of Google's libphonenumber, is imported only when a number is normalised.
Only the two functions that take submissions, that of staff and that of calls have it
(docs/decisions/008-libraries.md). The function that reads mail opens tickets, too, but a mail gives
no phone number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from redress.base import texts

LIMIT = 40
"""The most characters of a phone number, with its extension."""
HOME_REGION = "CN"
"""The region of a number without a country code, if the plan names none."""
REGIONS = (
    "AC AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR "
    "BS BT BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC "
    "EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GT GU GW GY HK "
    "HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB "
    "LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY "
    "MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PR PS PT PW PY QA RE RO RS "
    "RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA TC TD TG TH TJ TK TL "
    "TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"
)
"""The regions that phonenumbers knows, separated by spaces. A test compares this list with it."""

_SIGNS = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u30fc", "-")
    | dict.fromkeys("\u00b7\u2022\u2219\u30fb", ".")
    | dict.fromkeys("[【〔〖「", "(")
    | dict.fromkeys("]】〕〗」", ")")
)
_FEWEST_DIGITS = 5
_LABEL = (
    r"\(?(?:(?:我的|本人|联系|聯繫|聯絡|常用|备用|備用|办公|辦公|公司|家庭|固定|移动|行动|行動)?"
    r"(?:手机|手機|电话|電話|座机|座機|固话|固話|热线|熱線)(?:号码?|號碼?)?|微信|☎|📞|📱|"
    r"(?:tel(?:efon|ephone|éfono)?|tél|phone|ph|mobile?|cell|handy|whatsapp|[tmp])"
    r"(?: ?(?:number|nummer|nr|no))?)\)? ?[.:]{0,2} ?"
)
"""Matches the words that people write before a number."""
_NUMBER = r"\(?\+? ?[0-9][0-9 ()./-]*?"
_EXTENSION = (
    r" ?[(,;]? ?(?:转接?|轉接?|转?分机号?码?|轉?分機號?碼?|内线|內線|"
    r"extension|extn|ext|x|durchwahl|dw|apparat|app|poste|interno|int|[#*,;])"
    r"[ .:#=-]{0,4}[0-9]{1,8} ?\)?"
)
_NEXT = rf" ?(?:[、,;|]|或者?) ?(?:{_LABEL})?{_NUMBER}(?:{_EXTENSION})?"
_REMARK = r" ?(?:\([^()]{1,20}\)|微信同号|微信同號|同微信)"
_PHONE = (
    rf"(?:{_LABEL})?({_NUMBER})(?:{_EXTENSION})?(?:{_REMARK})?"
    rf"(?:{_NEXT}){{0,2}}(?:{_REMARK})?[ .。,;、!]*"
)
_SHORT_TAIL = re.compile(r"[- ][0-9]{1,6}\Z")


def is_phone(text: str) -> bool:
    """Whether the text is a phone number as people type or paste it.

    The number may have a label before it, an extension, a remark in brackets, and further numbers
    after it. Short service numbers such as 10086 are phone numbers, too.
    """
    return _number_in(text) is not None


def e164(text: str, region: str) -> str | None:
    """Return a phone number such as `+8613800138000` (ITU-T E.164), without its extension.

    `region` is the region of a number without a country code, such as `CN`. If the text has several
    numbers, the first is returned. Returns None if the number is not valid. Short service numbers
    are not valid.
    """
    number = _number_in(text)
    if number is None:
        return None
    found = (_valid(one, region) for one in _readings(number))
    return next((one for one in found if one is not None), None)


def takes_sms(number: str) -> bool:
    """Whether a short message can reach a number in the form of `e164`.

    Landlines, and numbers of services such as 400, take none. In some countries, such as the US,
    nobody can tell a mobile number from a landline: those count as numbers that take them.
    """
    import phonenumbers  # `e164` has imported it

    kind = phonenumbers.number_type(phonenumbers.parse(number))
    kinds = phonenumbers.PhoneNumberType
    return kind in (kinds.MOBILE, kinds.FIXED_LINE_OR_MOBILE)


def _readings(number: str) -> Iterator[str]:
    """Yield the possible readings of a number, the likeliest first.

    The last digits can be an extension without a word before it, as in 010-65529988-8001. A slash
    can separate two numbers. The caller uses these readings only if the whole is no valid number.
    """
    yield number
    tail = _SHORT_TAIL.search(number)
    if tail is not None:
        yield number[: tail.start()]
    first, slash, _ = number.partition("/")
    if slash:
        yield first


def _valid(number: str, region: str) -> str | None:
    import phonenumbers  # many submissions have no phone number, and the import takes some 50 ms

    try:
        found = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(found):
        return None
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)


def _number_in(text: str) -> str | None:
    """Return the first number in ASCII, without its extension; None if the text is no number."""
    if len(text) > LIMIT:
        return None  # also limits the time to match it
    plain = _in_ascii(text).lower()
    if len(plain) > 2 * LIMIT:
        return None  # NFKC can turn one character into eighteen
    match = re.fullmatch(_PHONE, plain)
    if match is None or sum(letter.isdigit() for letter in match[1]) < _FEWEST_DIGITS:
        return None
    return match[1]


def _in_ascii(text: str) -> str:
    """Return the text with ASCII digits and signs, without hidden characters."""
    plain = unicodedata.normalize("NFKC", texts.without_hidden(text)).translate(_SIGNS)
    letters = (str(unicodedata.decimal(c, c)) for c in plain)
    return " ".join("".join(letters).split())
