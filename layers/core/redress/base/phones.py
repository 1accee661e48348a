"""Phone numbers as people type and paste them, and their form for calling.

A number is kept as it was written, because an agent may see in it what no rule does. `e164` gives
the form that a telephone system dials, if the number is valid.

phonenumbers, a port of Google's libphonenumber, is imported only when a number is normalised. Only
the functions that take submissions have it (docs/decisions/008-libraries.md).
"""

from __future__ import annotations

import re
import unicodedata

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
"""The regions that phonenumbers knows, separated by blanks. A test compares them."""

_SIGNS = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u30fc", "-")
    | dict.fromkeys("\u00b7\u2022\u2219\u30fb", ".")
)
_FEWEST_DIGITS = 5
_NUMBER = r"\(?\+? ?[0-9][0-9 ()./-]*?"
_EXTENSION = (
    r" ?[(,;]? ?(?:转接?|轉接?|转?分机号?|轉?分機號?|内线|內線|extension|extn|ext|x|#|,|;|;ext=)"
    r" ?[.:]? ?[0-9]{1,8} ?\)?"
)
_PHONE = rf"(?:tel: ?)?({_NUMBER})(?:{_EXTENSION})?"


def is_phone(text: str) -> bool:
    """Whether the text is a phone number, perhaps with an extension.

    Short numbers of services (10086) are numbers, too.
    """
    return _number_in(text) is not None


def e164(text: str, region: str) -> str | None:
    """Return a phone number such as `+8613800138000` (ITU-T E.164), without its extension.

    `region` is the region of a number without a country code, such as `CN`. Returns None if the
    number is not valid there, as a short number of a service.
    """
    number = _number_in(text)
    if number is None:
        return None
    import phonenumbers  # takes 65 ms, and many submissions have no phone number

    try:
        found = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(found):
        return None
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)


def _number_in(text: str) -> str | None:
    """Return the number in ASCII, without its extension; None if the text is no phone number."""
    if len(text) > LIMIT:
        return None  # also a bound of time
    match = re.fullmatch(_PHONE, _in_ascii(text).lower())
    if match is None or sum(letter.isdigit() for letter in match[1]) < _FEWEST_DIGITS:
        return None
    return match[1]


def _in_ascii(text: str) -> str:
    """Return the text with ASCII digits and signs, without hidden characters."""
    plain = unicodedata.normalize("NFKC", texts.without_hidden(text)).translate(_SIGNS)
    letters = (str(unicodedata.decimal(c, c)) for c in plain)
    return " ".join("".join(letters).split())
