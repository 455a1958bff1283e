"""Which line of a module's code, and which operator of torch, a node of its captured graph comes from.

Lines take a tenth of a trace, so a network is captured once more, with them, when one of its nodes is refused. Nodes
have the same names then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

import onnx_ir as ir

from rnnedge_export.capture._user_lines import Line, is_of_users
from rnnedge_runtime.errors import RnnEdgeError

_TRACE, _OPERATOR = "pkg.torch.onnx.stack_trace", "pkg.torch.onnx.fx_node"
_NOTED: ContextVar[dict[str, str] | None] = ContextVar("code of nodes", default=None)


def wanted() -> bool:
    """Whether a capture has to know the lines."""
    return _NOTED.get() is not None


def note(node: ir.Node) -> None:
    """Keep what torch.onnx says of a node, if it is wanted."""
    noted = _NOTED.get()
    if noted is not None:
        line = _line(node.metadata_props.get(_TRACE, ""))
        operator = re.search(r"torch\.ops\.(?:aten|prims)\.(\w+)", node.metadata_props.get(_OPERATOR, ""))
        if line is not None:
            noted[node.name or ""] = f"{line}" + (f" (torch.{operator[1]})" if operator else "")


def code_of(name: str, capture: Callable[[], object]) -> str | None:
    """Where the node of that name, or what was made of it, stands in the code; `capture` captures it once more."""
    noted: dict[str, str] = {}
    token = _NOTED.set(noted)
    try:
        capture()
    except RnnEdgeError:
        return None
    finally:
        _NOTED.reset(token)
    return next((noted[each] for each in _origins(name) if each in noted), None)


def _origins(name: str) -> list[str]:
    """A node that a pass made is called after the one that it stands for, with a slash and a name of its own."""
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _line(trace: str) -> Line | None:
    """The innermost line of the user's code in a stack of calls, as Python prints one."""
    calls = [(Path(file), int(line)) for file, line in re.findall(r'File "([^"]+)", line (\d+)', trace)]
    own = [Line(path, number) for path, number in calls if is_of_users(path)]
    return own[-1] if own else None
