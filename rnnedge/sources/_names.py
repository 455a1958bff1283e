"""Names of factories as people type them: `net:build`, `folder/net.py:build`, and what was forgotten or misspelled."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.plain_file import is_file

_MOST_BYTES = 1 << 20
_SHOWN = 4
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_TO_ONNX = "convert it to ONNX first, as with python -m tf2onnx.convert --{option} {name} --output NAME.onnx"
_WEIGHTS = (".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".tar")
_OTHERS = {
    **dict.fromkeys((".keras", ".h5", ".hdf5"), "keras"),
    ".tflite": "tflite",
    ".pb": "graphdef",
}


@dataclass(frozen=True)
class Factory:
    """`module` is found from the folder `root`, "" for the current one; `file`: what it has to be, if that is known."""

    module: str
    name: str
    root: str = ""
    file: Path | None = None


def factory_name(text: str) -> Factory:
    """The parts of `package.module:factory`.

    A path to the file is its module: `./folder/net.py:build` is `folder.net:build`, and a file elsewhere is found from
    the folder that holds it, or its package. Raises `ModelRefused` if the factory is missing, with those of the file
    if there is one, and for files of other kinds.
    """
    start = 2 if _DRIVE.match(text) else 0
    module, colon, name = text[start:].partition(":")
    module = text[:start] + module
    if colon and module and name:
        return _of_file(Path(module), name) if module.endswith(".py") else Factory(module, name, "", _file(module))
    plain = module.removesuffix(".py").replace("/", ".").strip(".")
    raise ModelRefused(
        f"{text}: expected a folder made by 'rnnedge train', an ONNX file or package.module:factory, found neither"
        f"{_other_kind(text) or _hint(plain)}"
    )


def _of_file(path: Path, name: str) -> Factory:
    if not path.is_absolute() and ".." not in path.parts:
        return Factory(".".join(PurePath(path).with_suffix("").parts), name, "", path if is_file(path) else None)
    if not is_file(path):
        raise ModelRefused(f"{path}:{name}: no such file; check the path")
    path = path.resolve()
    root = path.parent
    while is_file(root / "__init__.py"):
        root = root.parent
    return Factory(".".join(path.relative_to(root).with_suffix("").parts), name, str(root), path)


def _file(module: str) -> Path | None:
    """The file of a module in the current folder."""
    path = Path(f"{module.replace('.', '/')}.py")
    try:
        return path if is_file(path) else None
    except (OSError, ValueError):
        return None


def _other_kind(text: str) -> str:
    """What to do with a file of weights, or of another framework."""
    ending = PurePath(text).suffix.lower()
    if ending in _WEIGHTS:
        return f"; name the code that the weights belong to: package.module:factory --weights {text}"
    if ending in _OTHERS:
        return f"; {_TO_ONNX.format(option=_OTHERS[ending], name=text)}"
    if ending in (".pkl", ".pickle", ".joblib"):
        return "; a pickle is code and is not run: name the code that makes the network, package.module:factory"
    return ""


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
    path = _file(module) if module else None
    try:
        if path is None or path.stat().st_size > _MOST_BYTES:
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
