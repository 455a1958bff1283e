"""Names of factories as people type them: `net:build`, `folder/net.py:build`, and what was forgotten or misspelled."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path, PurePath

from rnnedge_runtime.errors import ModelRefused

_MOST_BYTES = 1 << 20
_SHOWN = 4


def factory_name(text: str) -> tuple[str, str]:
    """(module, factory) of `package.module:factory`.

    A path to the file is its module: `./folder/net.py:build` is `folder.net:build`. Raises `ModelRefused` if the
    factory is missing, with those of the file if there is one.
    """
    module, colon, name = text.partition(":")
    if module.endswith(".py") and not Path(module).is_absolute():
        module = ".".join(part for part in PurePath(module).with_suffix("").parts if part != ".")
    if colon and module and name:
        return module, name
    raise ModelRefused(
        f"{text}: expected a folder made by 'rnnedge train', an ONNX file or package.module:factory, found neither"
        f"{_hint(module)}"
    )


def _hint(module: str) -> str:
    """The factories of a module whose file lies here, also with a dot in place of the colon."""
    owner, _, last = module.rpartition(".")
    for candidate in (module, owner):
        found = list(_factories(candidate))
        if found:
            wanted = [name for name in found if candidate == owner and name == last] or found[:_SHOWN]
            return f"; did you mean {' or '.join(f'{candidate}:{name}' for name in wanted)}?"
    return ""


def _factories(module: str) -> Iterator[str]:
    """Functions that need no argument, then classes, as they are written in the file; nothing is run."""
    path = Path(f"{module.replace('.', '/')}.py")
    try:
        if not module or path.stat().st_size > _MOST_BYTES:
            return
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except (OSError, ValueError, SyntaxError, RecursionError):
        return
    for node in body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and _needs_nothing(node.args):
            yield node.name
    yield from (node.name for node in body if isinstance(node, ast.ClassDef) and not node.name.startswith("_"))


def _needs_nothing(arguments: ast.arguments) -> bool:
    return len(arguments.posonlyargs + arguments.args) == len(arguments.defaults)
