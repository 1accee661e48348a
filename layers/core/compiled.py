"""`python compiled.py FOLDER PATH`: compiles all code in a folder that Lambda will have at a path.

It compiles as `python -m compileall` with unchecked hashes does, but without docstrings, because
reading them takes 2 % of a cold start. `python -OO` would leave out assertions, too.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from importlib import _bootstrap_external
from pathlib import Path
from typing import Any

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def main() -> None:
    folder, in_lambda = Path(sys.argv[1]), sys.argv[2]
    for path in sorted(folder.rglob("*.py")):
        compile_file(path, f"{in_lambda}/{path.relative_to(folder).as_posix()}")


def compile_file(path: Path, name: str) -> None:
    """Write the compiled code of a file beside it. Raises SyntaxError.

    The code has `name` as the path of its file, so that a build is the same wherever it is made.
    """
    source = path.read_bytes()
    code = compile(without_docstrings(ast.parse(source)), name, "exec", dont_inherit=True)
    target = Path(importlib.util.cache_from_source(str(path)))
    target.parent.mkdir(exist_ok=True)
    # The private function is the one that `py_compile` calls. `py_compile` itself takes no tree.
    to_bytes: Any = vars(_bootstrap_external)["_code_to_hash_pyc"]
    target.write_bytes(to_bytes(code, importlib.util.source_hash(source), False))


def without_docstrings(tree: ast.Module) -> ast.Module:
    """Return the tree without the docstrings of its modules, classes and functions."""
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            if len(node.body) > 1 or isinstance(node, ast.Module):
                del node.body[0]
            else:
                node.body[0] = ast.copy_location(ast.Pass(), node.body[0])
    return tree


if __name__ == "__main__":
    main()
