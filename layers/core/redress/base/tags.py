"""Tags: words that staff put on a ticket to find it again."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from redress.base import texts
from redress.base.errors import Fault, InvalidInput, pointer

MOST_TAGS = 20
TAG_LIMIT = 40
ROUNDS = 3
"""How often a tag is folded. A small letter can have another form in NFKC, with other letters that
become small again or hidden ones. After three rounds nothing changes any more."""


def folded(tag: str) -> str:
    """Return the form in which a tag is stored and compared: `vip guest` for ` ＶＩＰ  Guest`.

    Full-width characters become the usual ones (NFKC), letters become small, and each run of blanks
    becomes one space. Hidden characters are removed. The result is empty for a tag that nobody can
    see.
    """
    form = tag
    for _ in range(ROUNDS):
        form = " ".join(unicodedata.normalize("NFKC", texts.cleaned_line(form)).casefold().split())
    return form


def read(given: Sequence[str]) -> tuple[str, ...]:
    """Return the tags that are stored for a list: folded, each once, sorted.

    Raises InvalidInput, which lists every wrong tag.
    """
    found = [folded(tag) for tag in given]
    faults = []
    for index, (tag, written) in enumerate(zip(found, given, strict=True)):
        here = pointer("tags", str(index))
        if fault := texts.fault_of(written):
            faults.append(Fault(here, *fault))
        elif not tag:
            faults.append(Fault(here, "required", "a tag has at least one visible character"))
        elif len(tag) > TAG_LIMIT:
            faults.append(Fault(here, "too_long", f"at most {TAG_LIMIT} characters"))
    if len(given) > MOST_TAGS:
        faults.append(Fault("/tags", "too_many", f"at most {MOST_TAGS}"))
    if faults:
        raise InvalidInput(faults)
    return tuple(sorted(set(found)))
