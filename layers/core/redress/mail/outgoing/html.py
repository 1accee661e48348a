"""Make the HTML of a mail, from the same template as the plain text.

The HTML loads nothing from outside, and everything that a person typed is escaped. A link to one of
the product's pages becomes a button, labelled from `Phrases.links`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from string import Template

from redress.base import shipped
from redress.base.house import NO_HOUSE, House, Scheme

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_BLANK_LINES = re.compile(r"\n{2,}")
LINKED = "status_links"
"""The name, in a template, of a value with several links. The value has one paragraph for each
link: a line that describes the link, and a line with its URL. A paragraph without a URL is plain
text."""
_FOOT = "--\n"
"""The beginning of a paragraph in small print. In plain text, it begins a signature."""


def fragment(body: str, values: Mapping[str, str], links: Mapping[str, str]) -> str:
    """Fill in a template's text and return it as HTML paragraphs.

    `links` holds the button label of each placeholder whose value is the URL of a page.
    """
    made: list[str] = []
    for paragraph in _BLANK_LINES.split(body.strip()):
        is_foot = paragraph.startswith(_FOOT)
        # The pieces alternate: text at even places, the name of a link at odd places.
        names = "|".join((*links, LINKED))
        pieces = re.split(rf"\{{({names})\}}", paragraph.removeprefix(_FOOT))
        for place, piece in enumerate(pieces):
            if place % 2 and piece == LINKED:
                made += _linked(values[piece], links["status_url"])
            elif place % 2:
                made.append(_button(values[piece], links[piece]))
            else:
                text = _PLACEHOLDER.sub(lambda match: values[match.group(1)], piece)
                made += _paragraphs(text, is_foot)
    return "\n".join(made)


def _button(address: str, label: str) -> str:
    return f'<p><a class="button" href="{escape(address)}">{escape(label)}</a></p>'


def _linked(value: str, label: str) -> list[str]:
    """Return the paragraphs of a value for LINKED, with a button for each link."""
    made: list[str] = []
    for paragraph in _BLANK_LINES.split(value):
        text, _, address = paragraph.rpartition("\n")
        if text and address.startswith(("https://", "http://")):
            made += [*_paragraphs(text, is_foot=False), _button(address, label)]
        else:
            made += _paragraphs(paragraph, is_foot=False)
    return made


def _paragraphs(text: str, is_foot: bool) -> list[str]:
    begin = '<p class="foot">' if is_foot else "<p>"
    return [
        f"{begin}{escape(one.strip()).replace('\n', '<br>\n')}</p>"
        for one in _BLANK_LINES.split(text)
        if one.strip()
    ]


LIGHT = Scheme("#0b5c7a", "", "#ffffff")
DARK = Scheme("#8fd0ea", "", "#0c1d26")
"""The colours of buttons if the house has none of its own. Mails have no colour for a pointer."""
_NAME_STYLE = """
.house { margin: 0 0 16px; padding: 8px 0; border-bottom: 3px solid $accent; font-weight: 600; }"""


def page(
    title: str, sections: Sequence[tuple[str, str]], marker: str | None, house: House = NO_HOUSE
) -> str:
    """Return the complete HTML of a mail.

    Each section is a language and the fragment in that language. `marker` is the line above which
    the reader is asked to write an answer; None if there is no such line. The name of the house is
    below that line. Otherwise an answer that quotes the mail would begin with the name.
    """
    light, dark = house.light or LIGHT, house.dark or DARK
    shown = "\n<hr>\n".join(
        f'<div lang="{language}">\n{made}\n</div>' for language, made in sections
    )
    name = f'<p class="house">{escape(house.name)}</p>\n' if house.name else ""
    return _frame().substitute(
        language=sections[0][0],
        title=escape(title),
        accent=light.accent,
        ink=light.ink,
        dark_accent=dark.accent,
        dark_ink=dark.ink,
        name_style=Template(_NAME_STYLE).substitute(accent=light.accent) if name else "",
        dark_name_style=f"\n.house {{ border-color: {dark.accent}; }}" if name else "",
        name=name,
        marker=f'<p class="above">{escape(marker)}</p>\n' if marker else "",
        sections=shown,
    )


@cache
def _frame() -> Template:
    return Template(shipped.read("mail", "frame.html").decode())
