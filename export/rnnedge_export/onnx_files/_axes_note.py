"""The axes that `convert` was told, as the contract of its file remembers them: so `verify --against` needs none.

A file streams along axes of its own choice; those of the source are what it was told. The usual ones are not noted.
"""

from __future__ import annotations

import json

from rnnedge_runtime.contract import Contract

AXES = "axes"
"""The key of the contract's provenance under which they are kept."""
_USUAL = ("1", None)


def axes_note(time_axis: str | int, batch_axis: int | None) -> dict[str, str]:
    """What goes into the contract's provenance."""
    told = (str(time_axis), batch_axis)
    return {} if told == _USUAL else {AXES: json.dumps(told)}


def noted_axes(contract: Contract, time_axis: str | int, batch_axis: int | None) -> tuple[str | int, int | None]:
    """(time axis, batch axis): those given, and if they are the usual ones, those that the contract remembers."""
    if (str(time_axis), batch_axis) != _USUAL:
        return time_axis, batch_axis
    try:
        time, batch = json.loads(contract.provenance[AXES])
    except (KeyError, TypeError, ValueError, RecursionError):
        return time_axis, batch_axis
    fits = isinstance(time, str) and (batch is None or type(batch) is int)
    return (time, batch) if fits else (time_axis, batch_axis)
