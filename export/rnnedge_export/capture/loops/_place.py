"""Where in the user's code a node comes from, for messages."""

from __future__ import annotations

import linecache
import re
from pathlib import Path

import torch
from torch.fx import Node

_STRANGERS = (Path(torch.__file__).resolve().parent, Path(__file__).resolve().parents[2])


def place(node: Node) -> str:
    """The line of the user's code, such as "net.py:12 `h = cell(x, h)`", or the operator."""
    found = re.findall(r'File "(.+)", line (\d+), in', str(node.meta.get("stack_trace", "")))
    own = [(Path(file), int(line)) for file, line in found if not _is_strange(Path(file))]
    if not own:
        return str(node.target)
    file, line = own[-1]
    return f"{file.name}:{line} `{linecache.getline(str(file), line).strip()[:120]}`"


def _is_strange(file: Path) -> bool:
    return any(file.resolve().is_relative_to(folder) for folder in _STRANGERS)


def difference(t: int, first: Node, second: Node) -> str:
    """How iteration t and the next one differ, with the line of each."""
    here, there = place(first), place(second)
    if here != there:
        return f"iterations {t} and {t + 1} differ: {here}, and then {there}"
    numbers = [
        f"{a} and then {b}"
        for a, b in zip(first.args, second.args, strict=False)
        if isinstance(a, (int, float)) and isinstance(b, (int, float)) and a != b
    ]
    what = f", which has {numbers[0]}" if numbers else ""
    return f"iterations {t} and {t + 1} differ in {here}{what}"
