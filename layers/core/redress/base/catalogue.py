"""The texts of pages and explanations, by language and key.

They come from `data/catalogue/{language}.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec

from redress.base import shipped
from redress.base.languages import LANGUAGES

DEFAULT = "zh-CN"


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All texts of a language. Raises KeyError for a language outside `LANGUAGES`."""
    if language not in LANGUAGES:
        raise KeyError(language)
    raw = shipped.read("catalogue", f"{language}.json")
    return msgspec.json.decode(raw, type=dict[str, str])


def text(language: str, key: str, **values: object) -> str:
    """One text with its placeholders filled. Raises KeyError for an unknown language or key."""
    return catalogue(language)[key].format(**values)


def has(language: str, key: str) -> bool:
    """Whether the catalogue of a language contains a key."""
    return key in catalogue(language)


def preferred(accepted: str) -> str:
    """The supported language that an Accept-Language header prefers.

    `DEFAULT` if the header accepts no supported language.

    Traditional Chinese (`Hant`, Taiwan, Hong Kong, Macau) gives zh-TW. Any other Chinese gives
    zh-CN. Only the first 20 entries of the header are read.
    """
    wanted: list[tuple[float, int, str]] = []
    for position, part in enumerate(accepted.split(",")[:20]):
        tag, _, weight = part.replace(" ", "").partition(";q=")
        try:
            wanted.append((-float(weight or 1), position, tag.lower()))
        except ValueError:
            continue
    for asked, _, tag in sorted(wanted):
        if asked == 0:
            continue
        if tag.startswith("zh"):
            traditional = any(part in ("tw", "hk", "mo", "hant") for part in tag.split("-"))
            return "zh-TW" if traditional else "zh-CN"
        if tag == "en" or tag.startswith("en-"):
            return "en"
    return DEFAULT
