"""Which columns of a table a model takes: those whose names are its features', wherever they stand."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Mapping, Sequence

from rnnedge_runtime.contract import Contract

_UNIT = re.compile(r" \[[^\]]*\]$")
_SHOWN = 8


def feature_names(contract: Contract) -> tuple[str, ...]:
    """The name of each number of a frame, as the table had it that the network was trained on.

    Empty where the file does not say: the provenance of one that was trained here has `features`.
    """
    width = math.prod(size for size in contract.inputs[0].frame_shape if isinstance(size, int))
    plain = tuple(_UNIT.sub("", name) for name in column_names(contract.provenance, width))
    return plain if len(set(plain)) == len(plain) else ()


def column_names(notes: Mapping[str, str], width: int) -> tuple[str, ...]:
    """The name of each of `width` numbers with its unit, as the provenance of a trained network says it; or none."""
    try:
        names = json.loads(notes.get("features", "[]"))
    except (ValueError, RecursionError):
        return ()
    if not isinstance(names, list) or len(names) != width or not all(isinstance(name, str) for name in names):
        return ()
    return tuple(names)


def columns_by_name(header: Sequence[str], contract: Contract) -> list[int] | None:
    """Where the features stand in `header`, in the order of the model; None if they are not all there.

    Other columns are left out, with one warning that names them.
    """
    wanted, there = feature_names(contract), [cell.strip() for cell in header]
    if not wanted or any(there.count(one) != 1 for one in wanted):
        return None
    others = [cell for cell in there if cell not in wanted]
    if others:
        # Without the name of the file, so that an archive of them is told once.
        warnings.warn(f"takes the columns {_listed(wanted)}; leaves out {_listed(others)}", stacklevel=2)
    return [there.index(one) for one in wanted]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
