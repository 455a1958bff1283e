"""Named streams in a file, from one server to the next."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnedge.files.small import parse_json, read_small
from rnnedge.live.protocol.records import frame_number, frame_time
from rnnedge_runtime import Model
from rnnedge_runtime.atomic import write_text
from rnnedge_runtime.errors import InputError

_SCHEMA = "rnnedge.serve.streams"
_MOST_BYTES = 1 << 30
# Fields of a stream that are bytes.
_BYTES = ("held", "snapshot")
# The last packet begins below 2^62, and goes on beyond it.
_MOST_FRAMES = (1 << 62) + (1 << 61)


def write_streams(path: Path, model: Model, streams: Mapping[str, dict[str, Any]]) -> None:
    """Replace the file, whole or not at all. Raises `InputError` if it cannot be written."""
    rows = {
        name: kept | {field: base64.b64encode(kept[field]).decode() for field in _BYTES}
        for name, kept in streams.items()
    }
    write_text(path, json.dumps({"schema": _SCHEMA, "schema_version": 1, "model": model.digest, "streams": rows}))


def read_streams(path: Path, model: Model) -> dict[str, dict[str, Any]]:
    """Where the streams of the file stand; none if there is no file.

    Those of another model are left out. Raises `InputError` for a file of another model alone, or of another kind. A
    snapshot is checked when it is restored.
    """
    if not path.exists():
        return {}
    try:
        found = parse_json(read_small(path, _MOST_BYTES))
        if found["schema"] != _SCHEMA:
            raise ValueError("another schema")
        streams, outputs = dict(found["streams"]), {port.name for port in model.contract.outputs}
        # A server whose model was switched may have written some of each.
        own = {name: one for name, one in streams.items() if one.get("model", found["model"]) == model.digest}
        if not own and found["model"] != model.digest:
            raise InputError(f"{path}: streams of another model than {model.name}; move it away")
        return {n: _kept(f, outputs, f"{path}: {n[:40]!r}") | {"model": model.digest} for n, f in own.items()}
    except InputError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: expected streams that rnnedge serve wrote ({error}); move it away") from error


def _kept(fields: dict[str, Any], outputs: set[str], place: str) -> dict[str, Any]:
    latest, made = fields["latest"], fields["made"]
    if not set(made) <= outputs:
        raise ValueError(f"frames of the outputs {sorted(made)}")
    return {
        "next": frame_number(fields["next"], place, _MOST_FRAMES),
        "base": frame_number(fields["base"], place, _MOST_FRAMES),
        "made": {name: frame_number(count, place, _MOST_FRAMES) for name, count in made.items()},
        "latest": None if latest is None else (frame_number(latest[0], place), frame_time(latest[1], place)),
        **{field: base64.b64decode(fields.get(field, ""), validate=True) for field in _BYTES},
    }
