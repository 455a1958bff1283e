"""The outputs of a module by name, and the one number of them that is to be explained.

Names are those of an exported file: one tensor is "y", a dict has its keys, a tuple y, y1, y2, and of (y, state) the
state is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError


@dataclass(frozen=True)
class Target:
    """Value `unit` of output `output` at output frame `frame`, counted from 0; `label` is how people call it."""

    output: str
    frame: int
    unit: int
    label: str


def named_outputs(result: Any, tensor: type[Any], state_last: bool) -> dict[str, Any]:
    """What a module returned, flat, by name; `state_last`: it follows (y, state)."""
    if state_last and isinstance(result, tuple) and len(result) == 2:
        result = result[0]
    if isinstance(result, tensor):
        return {"y": result}
    if isinstance(result, Mapping):
        return {str(name): value for name, value in result.items() if isinstance(value, tensor)}
    if hasattr(result, "_fields"):
        return {n: v for n, v in zip(result._fields, result, strict=True) if isinstance(v, tensor)}
    leaves = [leaf for leaf in result if isinstance(leaf, tensor)]
    return {f"y{i or ''}": leaf for i, leaf in enumerate(leaves)}


def choose_target(
    outputs: Mapping[str, Array],
    labels: Sequence[str] = (),
    *,
    output: str | None = None,
    frame: int | None = None,
    unit: str | int | None = None,
) -> Target:
    """The value to explain: by default the largest one of the first output at its last frame.

    `frame` counts from 0, or from the end where it is negative. `unit`: a number from 0, or one of `labels`.
    Raises `InputError` for an output, a frame or a unit that does not exist.
    """
    name = next(iter(outputs)) if output is None else output
    if name not in outputs:
        raise InputError(f"output: expected one of {', '.join(outputs)}, found {name!r}")
    values = outputs[name]
    length = len(values)
    if not length:
        raise InputError(f"output {name!r}: has no frame for a sequence this short; give a longer one")
    place = length - 1 if frame is None else frame
    if not -length <= place < length:
        raise InputError(f"frame: output {name!r} has the frames 0 to {length - 1}, found {place}")
    place %= length
    index = int(values[place].argmax()) if unit is None else _unit(unit, labels, values.shape[1], name)
    label = labels[index] if len(labels) == values.shape[1] else f"{name}[{index}]" if values.shape[1] > 1 else name
    return Target(name, place, index, label)


def _unit(unit: str | int, labels: Sequence[str], count: int, name: str) -> int:
    if isinstance(unit, str) and unit in labels and len(labels) == count:
        return list(labels).index(unit)
    known = f"0 to {count - 1}" + (f", or one of {', '.join(labels)}" if len(labels) == count else "")
    try:
        index = int(unit)
    except ValueError:
        index = -1
    if not 0 <= index < count:
        raise InputError(f"unit: output {name!r} has the values {known}, found {unit!r}")
    return index
