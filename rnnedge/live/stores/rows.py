"""Where a stream stands, as JSON: in a file, in Redis, from one process to another."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from typing import Any

from rnnedge.live.protocol.records import frame_number, frame_time
from rnnedge.live.stores.store import Kept

# Fields of a stream that are bytes.
_BYTES = ("held", "snapshot")
# The last packet begins below 2^62, and goes on beyond it.
_MOST_FRAMES = (1 << 62) + (1 << 61)


def packed(kept: Kept) -> dict[str, Any]:
    """What JSON can hold."""
    return kept | {field: base64.b64encode(kept[field]).decode() for field in _BYTES}


def unpacked(fields: Mapping[str, Any], outputs: Collection[str], place: str) -> Kept:
    """What was packed, of a model with these outputs; the digest of the model is left to who asks.

    Raises `InputError`, or what Python raises, for what was not; a snapshot is checked when it is restored.
    """
    latest, made = fields["latest"], fields["made"]
    if not set(made) <= set(outputs):
        raise ValueError(f"frames of the outputs {sorted(made)}")
    return {
        "next": frame_number(fields["next"], place, _MOST_FRAMES),
        "base": frame_number(fields["base"], place, _MOST_FRAMES),
        "made": {name: frame_number(count, place, _MOST_FRAMES) for name, count in made.items()},
        "latest": None if latest is None else (frame_number(latest[0], place), frame_time(latest[1], place)),
        **{field: base64.b64decode(fields.get(field, ""), validate=True) for field in _BYTES},
    }
