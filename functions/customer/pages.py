"""The templates of the pages. `python pages.py FOLDER` compiles those of a built function.

Compiled on AWS: a template's first use would otherwise compile it at each cold start, while a
customer waits.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from jinja2 import BaseLoader, Environment, FileSystemLoader, ModuleLoader, StrictUndefined

HERE = Path(__file__).parent
SOURCES, COMPILED = "templates", "compiled"


def environment(loader: BaseLoader) -> Environment:
    """Everything that goes into a page is escaped, an unknown name is an error."""
    return Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def pages() -> Environment:
    """The compiled templates of a built function, the sources where nothing was built."""
    compiled = HERE / COMPILED
    if compiled.is_dir():
        return environment(ModuleLoader(compiled))
    return environment(FileSystemLoader(HERE / SOURCES))


def compile_pages(folder: Path) -> None:
    """Raises jinja2's TemplateSyntaxError for a template that is none."""
    sources = environment(FileSystemLoader(folder / SOURCES))
    sources.compile_templates(folder / COMPILED, zip=None, ignore_errors=False)


if __name__ == "__main__":
    compile_pages(Path(sys.argv[1]))
