"""The templates of the pages. `python pages.py FOLDER` compiles the templates of a built function.

On AWS the templates are compiled at build time. Otherwise each cold start would compile a template
at its first use, while a customer waits.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from jinja2 import BaseLoader, Environment, FileSystemLoader, ModuleLoader, StrictUndefined

HERE = Path(__file__).parent
SOURCES, COMPILED = "templates", "compiled"


def environment(loader: BaseLoader) -> Environment:
    """Return an environment that escapes every value and raises an error for an unknown name."""
    return Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def pages() -> Environment:
    """Load the compiled templates if the function was built, the template sources otherwise."""
    compiled = HERE / COMPILED
    if compiled.is_dir():
        return environment(ModuleLoader(compiled))
    return environment(FileSystemLoader(HERE / SOURCES))


def compile_pages(folder: Path) -> None:
    """Compile the templates. Raises jinja2's TemplateSyntaxError for a template with an error."""
    sources = environment(FileSystemLoader(folder / SOURCES))
    sources.compile_templates(folder / COMPILED, zip=None, ignore_errors=False)


if __name__ == "__main__":
    compile_pages(Path(sys.argv[1]))
